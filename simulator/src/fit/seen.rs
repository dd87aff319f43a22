//! What recordings showed, before anything is estimated from it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use pullstop_cluster::pull_errors::PullError;
use pullstop_core::cause::Cause;
use pullstop_core::image::ImageReference;
use pullstop_core::time::Timestamp;

use crate::recorded::words::Words;

/// So many messages decide which runtime it is.
const WORDS_MAX: usize = 100;

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// From when to when each recording lasted.
    pub(super) spans: Vec<(Timestamp, Timestamp)>,
    pub(super) events: u64,
    pub(super) pods: u64,
    pub(super) nodes: BTreeSet<String>,
    pub(super) spells: Vec<Spell>,
    pub(super) pulls: Vec<Pull>,
    pub(super) arrivals: Vec<Arrival>,
    /// How long Jobs were suspended, and pods gated.
    pub(super) waits: Vec<Lasted>,
    /// How long pods ran.
    pub(super) runs: Vec<Lasted>,
    /// Pulls that the kubelet's own limiter refused.
    pub(super) throttled: u64,
    /// Messages, and the error that each is.
    pub(super) told: Vec<(Words, PullError)>,
    /// Whether a message of a back-off told nothing, as those of kubelets before 1.32 do.
    pub(super) has_bare_back_off: bool,
}

/// The time in which a container failed to get its image.
#[derive(Clone, Debug)]
pub(super) struct Spell {
    pub(super) cause: Cause,
    /// The simulated error that is the most like it.
    pub(super) error: Option<PullError>,
    pub(super) host: Arc<str>,
    pub(super) image: Arc<str>,
    /// The first failed pull, and the last.
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    /// When the container had its image, its registry said that something else was wrong, or it was seen last.
    pub(super) ended: Timestamp,
    pub(super) is_healed: bool,
    /// Failed pulls.
    pub(super) failures: u64,
    /// When the registry was last known to work before.
    pub(super) worked_at: Option<Timestamp>,
}

/// A successful pull.
#[derive(Clone, Debug)]
pub(super) struct Pull {
    pub(super) host: Arc<str>,
    pub(super) took: Duration,
    pub(super) bytes: Option<u64>,
}

/// A Job, or a pod of nobody's or of another owner.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    pub(super) at: Timestamp,
    pub(super) host: Arc<str>,
    pub(super) is_job: bool,
    pub(super) pods: u32,
    /// CPUs in thousandths, memory in MiB, GPUs.
    pub(super) requests: (u64, u64, u64),
    pub(super) always_pulls: bool,
    /// Whether a container of it never got its image.
    pub(super) is_hopeless: bool,
}

/// How long something lasted, or at least lasted: it was still going on when it was last seen (right-censored).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lasted {
    pub(super) time: Duration,
    pub(super) is_over: bool,
}

impl Lasted {
    pub(super) const fn exactly(time: Duration) -> Self {
        Self {
            time,
            is_over: true,
        }
    }

    pub(super) const fn at_least(time: Duration) -> Self {
        Self {
            time,
            is_over: false,
        }
    }
}

impl Spell {
    /// From the first failed pull until the container had its image, as far as it was seen.
    pub(super) fn lasted(&self) -> Lasted {
        Lasted {
            time: self.ended.since(self.first),
            is_over: self.is_healed,
        }
    }
}

impl Seen {
    /// Keeps a message, by which the runtime is known.
    pub(super) fn learn_runtime(&mut self, words: Words, error: Option<PullError>) {
        self.has_bare_back_off |=
            words.reason == "ImagePullBackOff" && !words.message.contains(": ");
        if let Some(error) = error.filter(|_| self.told.len() < WORDS_MAX) {
            self.told.push((words, error));
        }
    }

    /// How long was recorded, times with several recordings counted once.
    pub(super) fn observed(&self) -> Duration {
        let mut spans = self.spans.clone();
        spans.sort_unstable();
        let mut total = Duration::ZERO;
        let mut until = Timestamp::from_millis(0);
        for (begin, end) in spans {
            total += end.since(begin.max(until));
            until = until.max(end);
        }
        total
    }
}

/// The registry of an image; the whole name if it cannot be parsed.
pub(super) fn host_of(image: &str) -> Arc<str> {
    ImageReference::parse(image).map_or_else(|_| image.into(), |image| image.registry().into())
}
