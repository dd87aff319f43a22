//! The failures of a container by cause and time, and the part of them that survives a restart.

use std::time::Duration;

use crate::cause::{Cause, CauseSet};
use crate::time::Timestamp;

/// Failures per cause. Nearly every container fails for one cause only, so one needs no allocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tallies {
    main: Option<Tally>,
    others: Box<[Tally]>,
}

/// The failures of one cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// The cause.
    pub cause: Cause,
    /// How many.
    pub failures: u32,
    /// When the first was seen.
    pub first_at: Timestamp,
    /// When the last was seen.
    pub last_at: Timestamp,
}

impl Tallies {
    /// Counts one failure of `cause`, seen at `now`.
    pub fn add(&mut self, cause: Cause, now: Timestamp) {
        if let Some(tally) = self.iter_mut().find(|tally| tally.cause == cause) {
            tally.failures = tally.failures.saturating_add(1);
            tally.last_at = now;
            return;
        }
        self.push(Tally {
            cause,
            failures: 1,
            first_at: now,
            last_at: now,
        });
    }

    /// There are as many failures as this tally tells of, at least, and they began as early.
    pub(crate) fn at_least(&mut self, tally: Tally) {
        let Some(known) = self.iter_mut().find(|known| known.cause == tally.cause) else {
            self.push(tally);
            return;
        };
        known.failures = known.failures.max(tally.failures);
        known.first_at = known.first_at.min(tally.first_at);
        known.last_at = known.last_at.max(tally.last_at);
    }

    /// Adds failures that are not among those that were counted.
    pub(crate) fn join(&mut self, tally: Tally) {
        let Some(known) = self.iter_mut().find(|known| known.cause == tally.cause) else {
            self.push(tally);
            return;
        };
        known.failures = known.failures.saturating_add(tally.failures);
        known.first_at = known.first_at.min(tally.first_at);
        known.last_at = known.last_at.max(tally.last_at);
    }

    /// Adds the tally of a cause that has none yet.
    fn push(&mut self, tally: Tally) {
        if self.main.is_none() {
            self.main = Some(tally);
        } else {
            let mut others = std::mem::take(&mut self.others).into_vec();
            others.push(tally);
            self.others = others.into_boxed_slice();
        }
    }

    /// The tallies, in the order in which their causes were first seen.
    pub fn iter(&self) -> impl Iterator<Item = &Tally> {
        self.main.iter().chain(&*self.others)
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut Tally> {
        self.main.iter_mut().chain(&mut *self.others)
    }

    /// Failures of any of `causes`.
    pub fn count(&self, causes: CauseSet) -> u32 {
        let of = |tally: &&Tally| causes.contains(tally.cause);
        self.iter()
            .filter(of)
            .fold(0, |sum, tally| sum.saturating_add(tally.failures))
    }

    /// When the first failure of any of `causes` was seen.
    pub fn first_at(&self, causes: CauseSet) -> Option<Timestamp> {
        self.iter()
            .filter(|tally| causes.contains(tally.cause))
            .map(|tally| tally.first_at)
            .min()
    }

    /// When the last failure was seen.
    pub fn last_at(&self) -> Option<Timestamp> {
        self.iter().map(|tally| tally.last_at).max()
    }
}

impl FromIterator<Tally> for Tallies {
    fn from_iter<I: IntoIterator<Item = Tally>>(tallies: I) -> Self {
        let mut all = Self::default();
        tallies.into_iter().for_each(|tally| all.join(tally));
        all
    }
}

/// What must survive a restart of the engine, per container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// The container's name.
    pub container: String,
    /// The image that failed; for any other image the memory is void.
    pub image: String,
    /// `restartCount` at the time; if it has run since, the memory is void.
    pub restart_count: u32,
    /// Whether `lastState` showed at the time that it has run.
    pub ran: bool,
    /// The failures.
    pub tallies: Tallies,
    /// The cause of the latest failure.
    pub latest: Cause,
    /// When an attempt was last seen to fail, a throttled one included.
    pub last_attempt_at: Timestamp,
    /// How often the kubelet's back-off has doubled, at least.
    pub back_off_step: u8,
}

impl Memory {
    /// Whether what is remembered can be true of a pod that was created at `created_at`, if that is known. The moments may
    /// be wrong by `error`.
    pub(crate) fn fits(
        &self,
        created_at: Option<Timestamp>,
        now: Timestamp,
        error: Duration,
    ) -> bool {
        let since = self.tallies.first_at(CauseSet::ALL);
        since.is_some_and(|since| {
            created_at.is_none_or(|created| created <= since.after(error))
                && since <= now.after(error)
        })
    }
}
