//! A kubelet with one container whose pulls fail, of which the truth is known: when it really pulled, and what it
//! published when. Status is one worker sync old, as on a real one.

use proptest::prelude::*;

use super::{DENIED, NOT_FOUND, REFUSED, St, THROTTLED};

/// How one container's life goes.
#[derive(Clone, Debug)]
pub(crate) struct Fate {
    /// Milliseconds between two worker syncs, over and over.
    pub(crate) gaps_ms: Vec<u64>,
    /// What the pulls end in, the last for ever, and how long each takes.
    pub(crate) pulls: Vec<(Ending, u64)>,
    /// When the kubelet is killed; it comes back half a minute later.
    pub(crate) restart_at_ms: Option<u64>,
    /// How long to watch.
    pub(crate) length_ms: u64,
}

/// What a pull ends in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    NotFound,
    Denied,
    Refused,
    Throttled,
    Success,
}

impl Ending {
    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::NotFound => NOT_FOUND,
            Self::Denied => DENIED,
            Self::Refused => REFUSED,
            Self::Throttled => THROTTLED,
            Self::Success => "",
        }
    }
}

/// What happened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Life {
    /// What was published when, in milliseconds.
    pub(crate) published: Vec<(u64, St)>,
    /// When it really pulled: from, until, and how that ended.
    pub(crate) pulls: Vec<(u64, u64, Ending)>,
    /// When it held a pull back.
    pub(crate) back_offs: Vec<u64>,
    /// When it came back from being killed.
    pub(crate) restarts: Vec<u64>,
}

impl Life {
    pub(crate) fn is_pulling(&self, ms: u64) -> bool {
        self.pulls
            .iter()
            .any(|(from, until, _)| *from <= ms && ms < *until)
    }

    /// Pulls that have really failed by then.
    pub(crate) fn failed_by(&self, ms: u64) -> usize {
        let failed = |(_, until, ending): &&(u64, u64, Ending)| {
            *until <= ms && !matches!(ending, Ending::Success | Ending::Throttled)
        };
        self.pulls.iter().filter(failed).count()
    }
}

impl Fate {
    /// Lives the life.
    pub(crate) fn live(&self) -> Life {
        let mut life = Life::default();
        let mut gaps = self.gaps_ms.iter().copied().cycle();
        let mut pulls = self.pulls.iter().copied();
        let last = *self.pulls.last().unwrap();
        let mut state = St::creating();
        life.published.push((50, state.clone()));
        let mut now = 1000;
        // The back-off, and what the last sync left to be published.
        let (mut step, mut failed_at, mut cache) = (0u32, 0u64, None);
        let mut restart_at = self.restart_at_ms;
        let mut boosted = false;
        while now < self.length_ms {
            if restart_at.is_some_and(|at| at <= now) {
                restart_at = None;
                now += 30_000;
                life.restarts.push(now);
                (step, cache) = (0, None);
                state = St::creating();
                life.published.push((now, state.clone()));
            }
            if let Some(fresh) = cache.take().filter(|fresh| *fresh != state) {
                state = fresh;
                life.published.push((now, state.clone()));
            }
            let back_off = (10_000u64 << step.saturating_sub(1).min(5)).min(300_000);
            if step > 0 && now - failed_at < back_off {
                let (_, _, ending) = life.pulls.last().unwrap();
                cache = Some(St::backing_off(ending.message()));
                life.back_offs.push(now);
                now += gaps.next().unwrap();
                continue;
            }
            let (ending, length) = pulls.next().unwrap_or(last);
            life.pulls.push((now, now + length, ending));
            now += length;
            if ending == Ending::Success {
                life.published.push((now + 200, St::Running));
                return life;
            }
            step = if now - failed_at > 600_000 {
                1
            } else {
                step + 1
            };
            failed_at = now;
            cache = Some(St::failed(ending.message()));
            // The sandbox's own event makes the first sync come early.
            now += if boosted { gaps.next().unwrap() } else { 1000 };
            boosted = true;
        }
        life
    }
}

/// Fates of containers whose pulls fail for ever, if `heals` is not set.
pub(crate) fn fates(heals: bool) -> impl Strategy<Value = Fate> {
    let ending = prop_oneof![
        5 => Just(Ending::NotFound),
        2 => Just(Ending::Denied),
        2 => Just(Ending::Refused),
        2 => Just(Ending::Throttled),
    ];
    let last = if heals {
        Just(Ending::Success).boxed()
    } else {
        Just(Ending::NotFound).boxed()
    };
    let length = prop_oneof![4 => 100u64..2000, 1 => 2000u64..70_000];
    (
        prop::collection::vec(10_040u64..16_160, 1..8),
        prop::collection::vec((ending, length.clone()), 0..8),
        (last, length),
        prop::option::weighted(0.3, 20_000u64..900_000),
    )
        .prop_map(|(gaps_ms, mut pulls, last, restart_at_ms)| {
            pulls.push(last);
            Fate {
                gaps_ms,
                pulls,
                restart_at_ms,
                length_ms: 3_000_000,
            }
        })
}
