//! What must survive a restart of the engine.

use std::time::Duration;

use super::tally::Tallies;
use crate::cause::Cause;
use crate::policy::CauseSet;
use crate::time::Timestamp;

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
    pub(super) fn fits(
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
