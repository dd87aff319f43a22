//! What is estimated from recordings, each with the number of observations that it rests on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pullstop_cluster::pull_errors::{PullError, Runtime};
use pullstop_core::cause::Cause;

use super::episodes::{self, Episode};
use super::seen::{Arrival, Pull, Seen, Spell};
use super::survival::{Survival, count};
use crate::recorded::words;

/// What is known of a cluster.
#[derive(Debug)]
pub(super) struct Estimates {
    pub(super) observed: Duration,
    pub(super) recordings: usize,
    pub(super) events: u64,
    pub(super) pods: u64,
    pub(super) nodes: usize,
    pub(super) runtime: Runtime,
    pub(super) has_bare_back_off: bool,
    pub(super) throttled: u64,
    /// By cause and registry, the most failures first.
    pub(super) kinds: Vec<Kind>,
    pub(super) registries: BTreeMap<Arc<str>, Pulls>,
    /// Arrivals whose containers all got their images, by shape, the most frequent first.
    pub(super) shapes: Vec<(Shape, u64)>,
    pub(super) arrivals: usize,
    pub(super) hopeless_arrivals: usize,
    pub(super) waits: Survival,
    pub(super) runs: Survival,
}

/// Failures of one cause at one registry.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) cause: Cause,
    pub(super) host: Arc<str>,
    /// The simulated error that is the most like most of them; none if nothing is pulled.
    pub(super) error: Option<PullError>,
    /// Failed pulls.
    pub(super) failures: u64,
    /// From a container's first failed pull until it has its image.
    pub(super) healing: Survival,
    /// How long those took that healed, in milliseconds.
    pub(super) healed_ms: Vec<u64>,
    /// When containers began to fail, in milliseconds since 1970.
    pub(super) began_ms: Vec<u64>,
    /// What made containers fail: outages, or images that were missing.
    pub(super) episodes: Survival,
}

/// What was seen of successful pulls from a registry, in ascending order.
#[derive(Debug, Default)]
pub(super) struct Pulls {
    pub(super) took_ms: Vec<u64>,
    pub(super) bytes: Vec<u64>,
    /// Bytes and time of the same pull.
    rates: Vec<(u64, u64)>,
}

/// What arrives together, and what it asks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shape {
    pub(super) host: Arc<str>,
    pub(super) is_job: bool,
    pub(super) pods: u32,
    pub(super) requests: (u64, u64, u64),
    pub(super) always_pulls: bool,
}

/// As in scenarios that say nothing.
const LATENCY_USUAL_MS: u64 = 400;

impl Estimates {
    /// From all that was seen.
    pub(super) fn of(seen: &Seen) -> Self {
        let mut kinds: BTreeMap<(&str, &str), Vec<&Spell>> = BTreeMap::new();
        for spell in &seen.spells {
            let key = (spell.cause.as_str(), &*spell.host);
            kinds.entry(key).or_default().push(spell);
        }
        let mut kinds: Vec<Kind> = kinds
            .into_values()
            .filter_map(|all| Kind::of(&all))
            .collect();
        kinds.sort_by_key(|kind| std::cmp::Reverse(kind.failures));
        let mut registries: BTreeMap<Arc<str>, Pulls> = BTreeMap::new();
        for pull in &seen.pulls {
            registries
                .entry(Arc::clone(&pull.host))
                .or_default()
                .add(pull);
        }
        registries.values_mut().for_each(Pulls::sort);
        Self {
            observed: seen.observed(),
            recordings: seen.spans.len(),
            events: seen.events,
            pods: seen.pods,
            nodes: seen.nodes.len(),
            runtime: words::runtime_of(&seen.told),
            has_bare_back_off: seen.has_bare_back_off,
            throttled: seen.throttled,
            kinds,
            registries,
            shapes: shapes(&seen.arrivals),
            arrivals: seen.arrivals.len(),
            hopeless_arrivals: seen.arrivals.iter().filter(|one| one.is_hopeless).count(),
            waits: Survival::of(seen.waits.iter().copied()),
            runs: Survival::of(seen.runs.iter().copied()),
        }
    }

    /// How often something came that was seen so many times, in each `per`; to the nearest thousandth.
    pub(super) fn rate_permille(&self, times: u64, per: Duration) -> u64 {
        let observed = self.observed.as_millis().max(1);
        let rate = u128::from(times) * per.as_millis() * 1000 / observed;
        u64::try_from(rate).unwrap_or(u64::MAX)
    }
}

impl Kind {
    fn of(spells: &[&Spell]) -> Option<Self> {
        let first = spells.first()?;
        let mut errors: BTreeMap<PullError, usize> = BTreeMap::new();
        for error in spells.iter().filter_map(|spell| spell.error) {
            *errors.entry(error).or_default() += 1;
        }
        let healed = spells.iter().filter(|spell| spell.is_healed);
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let mut began_ms: Vec<u64> = spells.iter().map(|one| one.first.as_millis()).collect();
        began_ms.sort_unstable();
        let episodes: Vec<Episode> = episodes::of(first.cause, spells);
        Some(Self {
            cause: first.cause,
            host: Arc::clone(&first.host),
            error: errors
                .into_iter()
                .rev()
                .max_by_key(|(_, n)| *n)
                .map(|(error, _)| error),
            failures: spells.iter().map(|spell| spell.failures).sum(),
            healing: Survival::of(spells.iter().map(|spell| spell.lasted())),
            healed_ms: healed.map(|spell| millis(spell.lasted().time)).collect(),
            began_ms,
            episodes: Survival::of(episodes.into_iter().map(|episode| episode.lasted)),
        })
    }

    /// How many of its episodes ended, and how many never did, as far as is estimated.
    pub(super) fn ended_and_never(&self) -> (u64, u64) {
        let all = self.episodes.observed;
        let never = rounded(count(all) * self.episodes.never());
        (all as u64 - never.min(all as u64), never)
    }
}

impl Pulls {
    fn add(&mut self, pull: &Pull) {
        let took = u64::try_from(pull.took.as_millis()).unwrap_or(u64::MAX);
        self.took_ms.push(took);
        self.bytes.extend(pull.bytes);
        self.rates.extend(pull.bytes.map(|bytes| (bytes, took)));
    }

    fn sort(&mut self) {
        self.took_ms.sort_unstable();
        self.bytes.sort_unstable();
    }

    /// What a pull takes that transfers nothing: no longer than the quickest, and than registries usually take.
    pub(super) fn latency_ms(&self) -> Option<u64> {
        let quickest = self.took_ms.first().copied();
        quickest.map(|took| took.min(LATENCY_USUAL_MS))
    }

    /// The median of the pulls whose size is known, and which took longer than their latency; in MiB per second.
    pub(super) fn bandwidth_mib(&self) -> Option<u64> {
        let latency = self.latency_ms()?;
        let mut rates: Vec<u64> = self
            .rates
            .iter()
            .filter(|(_, took)| *took > 2 * latency)
            .map(|(bytes, took)| bytes.saturating_mul(1000) / (took - latency) / (1 << 20))
            .collect();
        rates.sort_unstable();
        quantile(&rates, 500)
    }
}

/// The value that so many in a thousand do not exceed (nearest rank), of values in ascending order.
pub(super) fn quantile(sorted: &[u64], permille: usize) -> Option<u64> {
    let rank = (sorted.len() * permille).div_ceil(1000).max(1);
    sorted.get(rank - 1).copied()
}

/// The nearest whole number of something that is not negative.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts and milliseconds, which are small and not negative; a cast saturates"
)]
pub(super) fn rounded(number: f64) -> u64 {
    (number + 0.5) as u64
}

fn shapes(arrivals: &[Arrival]) -> Vec<(Shape, u64)> {
    let mut shapes: BTreeMap<Shape, u64> = BTreeMap::new();
    for arrival in arrivals.iter().filter(|arrival| !arrival.is_hopeless) {
        let shape = Shape {
            host: Arc::clone(&arrival.host),
            is_job: arrival.is_job,
            pods: arrival.pods,
            requests: arrival.requests,
            always_pulls: arrival.always_pulls,
        };
        *shapes.entry(shape).or_default() += 1;
    }
    let mut shapes: Vec<(Shape, u64)> = shapes.into_iter().collect();
    shapes.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
    shapes
}
