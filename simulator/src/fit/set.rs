//! The set of scenarios that stands for a recorded cluster: a typical day, and each kind of failure by itself.
//!
//! A day has what comes at least once in two days. What is rarer, and the long tail of what is not, has scenarios of its
//! own: thresholds are decided by the outages that are long, and no day has many of them.

use std::time::Duration;

use pullstop_cluster::scenario::Scenario;

use super::day::Draft;
use super::episodes::is_of_registry;
use super::estimates::{Estimates, Kind};
use crate::recorded::label;

/// How long a day is, unless so much happens that a part of it will do.
const DAY: Duration = Duration::from_secs(24 * 3600);
const HOUR: Duration = Duration::from_secs(3600);
/// So many arrivals are enough.
const ARRIVALS_MAX: u64 = 1000;
/// So many episodes of a kind are enough for a day.
const EPISODES_MAX: u64 = 50;
/// Before an outage that a scenario is about.
const BEFORE: Duration = Duration::from_secs(15 * 60);
/// After it, for pods in their back-off of up to 5 min.
const AFTER: Duration = Duration::from_secs(30 * 60);
/// So many pods meet an outage that a scenario is about, evenly over its length.
const WITNESSES: u32 = 10;
/// So many images come late in a scenario that is about that, with evenly spread quantiles.
const LATE: u32 = 10;

/// A scenario, and what it is in a sentence.
#[derive(Debug)]
pub(super) struct Fitted {
    pub(super) scenario: Scenario,
    pub(super) what: String,
}

/// The scenarios.
pub(super) fn of(estimates: &Estimates) -> Vec<Fitted> {
    let mut set = vec![typical_day(estimates)];
    for (n, kind) in estimates.kinds.iter().enumerate() {
        set.extend(long(kind, n, estimates));
    }
    set.extend(never(estimates));
    set
}

/// Which kinds the typical day has, and how many episodes of each that end, and that never do.
pub(super) fn of_day(estimates: &Estimates) -> Vec<(&Kind, u32, u32)> {
    let day = day(estimates);
    let expected = |times: u64| {
        let permille = estimates.rate_permille(times, day);
        u32::try_from(((permille + 500) / 1000).min(EPISODES_MAX)).unwrap_or(u32::MAX)
    };
    estimates
        .kinds
        .iter()
        .map(|kind| {
            let (ended, never) = kind.ended_and_never();
            (kind, expected(ended), expected(never))
        })
        .collect()
}

fn day(estimates: &Estimates) -> Duration {
    let arrivals = estimates.arrivals.max(1) as u64;
    let per_hour = estimates.rate_permille(arrivals, HOUR).max(1);
    let hours = (ARRIVALS_MAX * 1000 / per_hour).clamp(2, 24);
    (HOUR * u32::try_from(hours).unwrap_or(24)).min(DAY)
}

fn typical_day(estimates: &Estimates) -> Fitted {
    let duration = day(estimates);
    let mut draft = Draft::new("typical-day", duration, estimates);
    draft.arrivals(estimates);
    let kinds = of_day(estimates);
    for (n, (kind, ended, never)) in (0..).zip(&kinds) {
        let lengths = kind.episodes.spread(*ended);
        let at = |slot: u32, of: u32, length: Duration| {
            // Kinds begin at different moments of their slots, so that they do not all come at once.
            let slot = duration / of.max(1) * slot;
            let room = (duration / of.max(1)).saturating_sub(length);
            whole_seconds(slot + room * (n % 7 + 1) / 8)
        };
        for (slot, length) in (0..).zip(mixed(&lengths)) {
            let name = format!("{}-{slot}", name(kind, n));
            let at = at(slot, *ended, length);
            if is_of_registry(kind.cause) {
                draft.outage(kind, &name, (at, length), 1, estimates);
            } else {
                draft.missing(kind, &name, at, Some(length), estimates);
            }
        }
        for slot in 0..*never {
            let name = format!("never-{}-{slot}", name(kind, n));
            let at = at(slot, *never, Duration::ZERO);
            draft.missing(kind, &name, at, None, estimates);
        }
    }
    Fitted {
        scenario: draft.finish(),
        what:
            "A day of this cluster: what arrives, and what fails, as often and as long as recorded."
                .to_owned(),
    }
}

/// Long failures of a kind that heal: its registry is out for the length that 95 of 100 recorded outages did not exceed,
/// or images come as late as recorded ones.
fn long(kind: &Kind, n: usize, estimates: &Estimates) -> Option<Fitted> {
    let length = kind.episodes.quantile(950)?;
    let (cause, host) = (kind.cause, &kind.host);
    let (ended, observed) = (kind.episodes.ended, kind.episodes.observed);
    let tail = format!("({ended} of {observed} that were recorded were seen to end)");
    let duration = whole_seconds(BEFORE + length + AFTER);
    let name = format!("long-{}", name(kind, u32::try_from(n).unwrap_or(0)));
    let mut draft = Draft::new(&name, duration, estimates);
    let what = if is_of_registry(cause) {
        draft.arrivals(estimates);
        draft.outage(kind, "witness", (BEFORE, length), WITNESSES, estimates);
        format!("{host} is out ({cause}) for as long as 95 of 100 of its outages at most {tail}.")
    } else {
        for (place, length) in (0..).zip(kind.episodes.spread(LATE)) {
            let at = Duration::from_secs(60) * place;
            draft.missing(kind, &format!("late-{place}"), at, Some(length), estimates);
        }
        format!(
            "Images of {host} come late ({cause}), ten pods with the lengths that were recorded {tail}."
        )
    };
    Some(Fitted {
        scenario: draft.finish(),
        what,
    })
}

/// One pod of each kind that never gets its image.
fn never(estimates: &Estimates) -> Option<Fitted> {
    let mut draft = Draft::new("never", 2 * HOUR, estimates);
    for (n, kind) in (0..).zip(&estimates.kinds) {
        if kind.ended_and_never().1 > 0 {
            let at = Duration::from_secs(60) * n;
            draft.missing(kind, &name(kind, n), at, None, estimates);
        }
    }
    let scenario = draft.finish();
    (!scenario.workloads.is_empty()).then(|| Fitted {
        scenario,
        what: "One pod of each kind that never got its image in the recordings.".to_owned(),
    })
}

/// A name of a kind that is no other's.
fn name(kind: &Kind, n: u32) -> String {
    let cause = kind.cause.as_str().chars();
    let cause: String = cause
        .flat_map(|c| {
            let dash = c.is_ascii_uppercase().then_some('-');
            dash.into_iter().chain([c.to_ascii_lowercase()])
        })
        .collect();
    let host: String = kind.host.chars().take(14).collect();
    label(&format!("{}-{host}-{n}", cause.trim_start_matches('-')))
}

/// In an order in which long and short ones alternate.
fn mixed(lengths: &[Duration]) -> Vec<Duration> {
    let (short, long) = lengths.split_at(lengths.len() / 2);
    let mut mixed = Vec::new();
    for place in 0..long.len() {
        mixed.extend(
            long.len()
                .checked_sub(place + 1)
                .and_then(|back| long.get(back)),
        );
        mixed.extend(short.get(place));
    }
    mixed
}

fn whole_seconds(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs() + u64::from(time.subsec_nanos() > 0))
}
