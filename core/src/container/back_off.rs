//! The kubelet's back-off: the times at which it may be pulling.
//!
//! The published status is one worker sync old, so the start of a pull is never visible. But failure k is followed
//! by a back-off of at least `10 s * 2^(k-1)`, at most 300 s, and k is a lower bound: until that has passed since
//! the failure, no pull is in flight. From then on one may be, until the next published change.

use std::time::Duration;

use crate::time::Timestamp;

/// `imageBackOffPeriod`, `pkg/kubelet/kubelet.go`.
pub(crate) const BACK_OFF_INITIAL: Duration = Duration::from_secs(10);
/// `MaxImageBackOff`, `pkg/kubelet/kubelet.go`.
pub(crate) const BACK_OFF_MAX: Duration = Duration::from_secs(300);
/// A back-off unused for twice its maximum is forgotten (`client-go/util/flowcontrol/backoff.go`), less what two
/// publications may be apart from the failures that they show.
pub(crate) const BACK_OFF_FORGOTTEN_AFTER: Duration =
    Duration::from_secs(2 * BACK_OFF_MAX.as_secs() - PUBLICATION_LAG_MAX.as_secs());
/// How old a failure may be when its `ErrImagePull` is seen and a write that follows arrives: one worker sync
/// (10.04 to 16.16 s on 939 recorded syncs of Kubernetes 1.36.2), and time for the watch and the write.
pub(crate) const PUBLICATION_LAG_MAX: Duration = Duration::from_secs(20);

/// The longest time between two worker syncs of a pod in error, 16.16 s on the same recordings, in whole seconds: that
/// much of [`PUBLICATION_LAG_MAX`] is spared where a failure is dated by itself and not by its publication.
pub(crate) const WORKER_SYNC_MAX: Duration = Duration::from_secs(16);

/// The shortest time between two worker syncs of a pod in error, 10.04 s on the same recordings: a failure of an edited
/// image cannot be shown any sooner after the edit.
pub(crate) const WORKER_SYNC_MIN: Duration = Duration::from_secs(10);

/// How long the pulls behind a failed one may have taken together before all of them were published. Longer ones do
/// happen, with a registry that hangs; but with more than this no verdict would ever fall between two pulls that are
/// [`BACK_OFF_MAX`] apart.
const PULLS_BEHIND_MAX: Duration = Duration::from_secs(240);

/// When a failure must have appeared that is published at `now` together with those of containers behind it.
pub(crate) fn behind_others(now: Timestamp) -> Timestamp {
    let behind_ms = PULLS_BEHIND_MAX.as_secs() * 1000;
    Timestamp::from_millis(now.as_millis().saturating_sub(behind_ms))
}

/// When a failure must have been published that is shown as `ErrImagePull` at `now`, at the earliest.
pub(crate) fn published_before(now: Timestamp) -> Timestamp {
    let lag_ms = PUBLICATION_LAG_MAX.as_secs() * 1000;
    Timestamp::from_millis(now.as_millis().saturating_sub(lag_ms))
}

/// How long after the `step`-th failure appeared no pull is in flight.
pub(crate) fn quiet_after(step: u8) -> Duration {
    let doublings = u32::from(step.saturating_sub(1)).min(5);
    (BACK_OFF_INITIAL * 2u32.pow(doublings))
        .min(BACK_OFF_MAX)
        .saturating_sub(PUBLICATION_LAG_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_time_grows_with_the_back_off() {
        let seconds: Vec<u64> = (0..9).map(|step| quiet_after(step).as_secs()).collect();
        assert_eq!(seconds, [0, 0, 0, 20, 60, 140, 280, 280, 280]);
    }
}
