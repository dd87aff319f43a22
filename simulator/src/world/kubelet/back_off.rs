//! The kubelet's back-off between two pulls of an image for a pod.

use std::sync::Arc;
use std::time::Duration;

use pullstop_core::time::Timestamp;

use crate::world::ids::ImageId;

/// `imageBackOffPeriod` (`pkg/kubelet/kubelet.go`).
const FIRST: Duration = Duration::from_secs(10);
/// `MaxImageBackOff` (`pkg/kubelet/kubelet.go`).
pub(crate) const LONGEST: Duration = Duration::from_secs(300);
/// An entry is forgotten after twice the longest back-off (`flowcontrol/backoff.go`).
const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);

/// The back-offs of one pod: the key is the pod and the image, so containers that share an image share one.
#[derive(Clone, Debug, Default)]
pub(super) struct BackOffs {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    image: ImageId,
    /// From the END of the pull that failed.
    since: Timestamp,
    length: Duration,
    /// What is told while it lasts.
    message: Arc<str>,
}

impl BackOffs {
    /// The message, while pulls of `image` are held back.
    pub(super) fn active(&self, image: ImageId, now: Timestamp) -> Option<&Arc<str>> {
        let entry = self.entries.iter().find(|entry| entry.image == image)?;
        let waited = now.since(entry.since);
        (waited < entry.length && waited <= FORGOTTEN_AFTER).then_some(&entry.message)
    }

    /// A pull has failed.
    pub(super) fn failed(&mut self, image: ImageId, now: Timestamp, message: Arc<str>) {
        let known = self.entries.iter_mut().find(|entry| entry.image == image);
        let Some(entry) = known else {
            self.entries.push(Entry {
                image,
                since: now,
                length: FIRST,
                message,
            });
            return;
        };
        let is_forgotten = now.since(entry.since) > FORGOTTEN_AFTER;
        entry.length = if is_forgotten {
            FIRST
        } else {
            (entry.length * 2).min(LONGEST)
        };
        (entry.since, entry.message) = (now, message);
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
            back_offs.failed(image, now, "".into());
            let last = now.after(Duration::from_millis(seconds * 1000 - 1));
            assert!(back_offs.active(image, last).is_some(), "{seconds}");
            now = now.after(Duration::from_secs(seconds));
            assert!(back_offs.active(image, now).is_none(), "{seconds}");
        }
        now = now.after(Duration::from_secs(301));
        back_offs.failed(image, now, "".into());
        let later = now.after(Duration::from_secs(10));
        assert!(back_offs.active(image, later).is_none());
    }
}
