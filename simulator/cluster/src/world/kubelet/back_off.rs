//! The kubelet's back-offs: between two pulls of an image for a pod, and between two restarts of a container.

use std::sync::Arc;
use std::time::Duration;

use pullstop_core::time::Timestamp;

use crate::world::ids::ImageId;

/// `imageBackOffPeriod` and `initialNodeBackOff` (`pkg/kubelet/kubelet.go`).
const FIRST: Duration = Duration::from_secs(10);
/// `MaxImageBackOff` and `MaxCrashLoopBackOff` (`pkg/kubelet/kubelet.go`).
pub const LONGEST: Duration = Duration::from_secs(300);

/// The first and the longest back-off; between them each is twice the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Periods {
    /// After the first failure.
    pub first: Duration,
    /// From then on. An entry is forgotten after twice this time (`flowcontrol/backoff.go`).
    pub longest: Duration,
}

/// Those of Kubernetes.
impl Default for Periods {
    fn default() -> Self {
        Self {
            first: FIRST,
            longest: LONGEST,
        }
    }
}

/// The back-offs of one pod: the key is the pod and the image, so containers that share an image share one.
#[derive(Clone, Debug, Default)]
pub(super) struct BackOffs {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    image: ImageId,
    /// From the END of the pull that failed.
    back_off: BackOff,
    /// What is told while it lasts.
    message: Arc<str>,
}

/// A back-off that doubles each time (`flowcontrol.Backoff`).
#[derive(Clone, Copy, Debug)]
pub(super) struct BackOff {
    since: Timestamp,
    pub(super) length: Duration,
    forgotten_after: Duration,
}

impl BackOff {
    /// The one that follows on `last`, if there was one.
    pub(super) fn after(last: Option<Self>, now: Timestamp, periods: Periods) -> Self {
        let length = last
            .filter(|last| !last.is_forgotten(now))
            .map_or(periods.first, |last| (last.length * 2).min(periods.longest));
        Self {
            since: now,
            length,
            forgotten_after: periods.longest * 2,
        }
    }

    /// Whether it still lasts if it is counted from `since`, which need not be when it began.
    pub(super) fn lasts(&self, since: Timestamp, now: Timestamp) -> bool {
        now.since(since) < self.length && !self.is_forgotten(now)
    }

    fn is_forgotten(&self, now: Timestamp) -> bool {
        now.since(self.since) > self.forgotten_after
    }
}

impl BackOffs {
    /// The message, while pulls of `image` are held back.
    pub(super) fn active(&self, image: ImageId, now: Timestamp) -> Option<&Arc<str>> {
        let entry = self.entries.iter().find(|entry| entry.image == image)?;
        let lasts = entry.back_off.lasts(entry.back_off.since, now);
        lasts.then_some(&entry.message)
    }

    /// A pull has failed.
    pub(super) fn failed(
        &mut self,
        image: ImageId,
        now: Timestamp,
        message: Arc<str>,
        periods: Periods,
    ) {
        let known = self.entries.iter_mut().find(|entry| entry.image == image);
        match known {
            Some(entry) => {
                entry.back_off = BackOff::after(Some(entry.back_off), now, periods);
                entry.message = message;
            }
            None => self.entries.push(Entry {
                image,
                back_off: BackOff::after(None, now, periods),
                message,
            }),
        }
    }

    /// The kubelet was restarted: they are kept in memory only.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_up_to_five_minutes_and_is_forgotten_after_ten() {
        let image = ImageId(0);
        let mut back_offs = BackOffs::default();
        let mut now = Timestamp::from_millis(0);
        for seconds in [10, 20, 40, 80, 160, 300, 300] {
            back_offs.failed(image, now, "".into(), Periods::default());
            let last = now.after(Duration::from_millis(seconds * 1000 - 1));
            assert!(back_offs.active(image, last).is_some(), "{seconds}");
            now = now.after(Duration::from_secs(seconds));
            assert!(back_offs.active(image, now).is_none(), "{seconds}");
        }
        now = now.after(Duration::from_secs(301));
        back_offs.failed(image, now, "".into(), Periods::default());
        let later = now.after(Duration::from_secs(10));
        assert!(back_offs.active(image, later).is_none());
    }
}
