//! The Events that a kubelet writes about a pod, and those that it does not, since its recorder holds them back.
//!
//! `client-go/tools/record/events_cache.go`; why nothing should be counted from them is in `docs/design.md`.

use std::sync::Arc;
use std::time::Duration;

use pullstop_core::time::Timestamp;

/// So many Events of one type may be written at once; then one every five minutes.
const SPAM_BURST: u64 = 25;
const SPAM_REFILL: Duration = Duration::from_secs(300);
/// More different messages than this of one reason within ten minutes are combined into one Event.
const SIMILAR_MAX: usize = 10;
const SIMILAR_WITHIN: Duration = Duration::from_secs(600);

/// The recorder, as far as it concerns one pod.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    buckets: [Bucket; 2],
    similar: Vec<Similar>,
    known: Vec<Known>,
    written: Vec<Written>,
}

/// One write of an Event, as a watcher sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// When.
    pub at: Timestamp,
    /// `type` and `reason`.
    pub kind: Kind,
    /// The container, by its place.
    pub container: usize,
    /// `message`.
    pub message: Arc<str>,
    /// `count`: how often it has happened since the kubelet started, whatever was written of that.
    pub count: u32,
}

/// The Events about images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "Kubernetes' own reasons")]
pub enum Kind {
    Pulling,
    Pulled,
    BackOff,
    Failed,
    InspectFailed,
    ErrImageNeverPull,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    /// Milliseconds' worth of tokens that are used up.
    used_ms: u64,
    at: Option<Timestamp>,
}

#[derive(Debug)]
struct Similar {
    kind: Kind,
    messages: Vec<Arc<str>>,
    at: Timestamp,
}

#[derive(Debug)]
struct Known {
    kind: Kind,
    container: usize,
    message: Arc<str>,
    count: u32,
}

impl Kind {
    /// `reason`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pulling => "Pulling",
            Self::Pulled => "Pulled",
            Self::BackOff => "BackOff",
            Self::Failed => "Failed",
            Self::InspectFailed => "InspectFailed",
            Self::ErrImageNeverPull => "ErrImageNeverPull",
        }
    }

    /// Whether its `type` is `Warning`.
    pub const fn is_warning(self) -> bool {
        matches!(
            self,
            Self::Failed | Self::InspectFailed | Self::ErrImageNeverPull
        )
    }
}

impl Recorder {
    /// Something happened; whether a watcher hears of it is another matter.
    pub(super) fn record(
        &mut self,
        now: Timestamp,
        kind: Kind,
        container: usize,
        message: &Arc<str>,
    ) {
        let message = self.combine(now, kind, message);
        let is_same = |known: &&mut Known| {
            known.kind == kind && known.container == container && known.message == message
        };
        let count = if let Some(known) = self.known.iter_mut().find(is_same) {
            known.count += 1;
            known.count
        } else {
            self.known.push(Known {
                kind,
                container,
                message: Arc::clone(&message),
                count: 1,
            });
            1
        };
        if self.buckets[usize::from(kind.is_warning())].take(now) {
            self.written.push(Written {
                at: now,
                kind,
                container,
                message,
                count,
            });
        }
    }

    /// The kubelet was restarted: it counts from the beginning.
    pub(super) fn restart(&mut self) {
        let written = std::mem::take(&mut self.written);
        *self = Self {
            written,
            ..Self::default()
        };
    }

    /// All that was written.
    pub(super) fn written(&self) -> &[Written] {
        &self.written
    }

    fn combine(&mut self, now: Timestamp, kind: Kind, message: &Arc<str>) -> Arc<str> {
        let known = self.similar.iter_mut().find(|s| s.kind == kind);
        let Some(similar) = known else {
            self.similar.push(Similar {
                kind,
                messages: vec![Arc::clone(message)],
                at: now,
            });
            return Arc::clone(message);
        };
        if now.since(similar.at) > SIMILAR_WITHIN {
            similar.messages.clear();
        }
        similar.at = now;
        if !similar.messages.contains(message) && similar.messages.len() <= SIMILAR_MAX {
            similar.messages.push(Arc::clone(message));
        }
        if similar.messages.len() > SIMILAR_MAX {
            format!("(combined from similar events): {message}").into()
        } else {
            Arc::clone(message)
        }
    }
}

impl Bucket {
    fn take(&mut self, now: Timestamp) -> bool {
        let refill_ms = u64::try_from(SPAM_REFILL.as_millis()).unwrap_or(u64::MAX);
        let passed = self.at.map_or(Duration::ZERO, |at| now.since(at));
        let passed_ms = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
        self.used_ms = self.used_ms.saturating_sub(passed_ms);
        self.at = Some(now);
        let allowed = self.used_ms + refill_ms <= SPAM_BURST * refill_ms;
        if allowed {
            self.used_ms += refill_ms;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_burst_little_is_written() {
        let mut recorder = Recorder::default();
        let message: Arc<str> = "Back-off pulling image".into();
        for second in 0..3600 {
            let now = Timestamp::from_millis(second * 1000);
            recorder.record(now, Kind::BackOff, 0, &message);
        }
        // 25 at once, 12 refilled in the hour.
        assert_eq!(recorder.written().len(), 25 + 11);
        assert!(recorder.written().last().unwrap().count > 3000);
    }

    #[test]
    fn many_different_messages_are_combined() {
        let mut recorder = Recorder::default();
        for n in 0..12 {
            let message: Arc<str> = format!("port {n}").into();
            recorder.record(Timestamp::from_millis(n), Kind::Failed, 0, &message);
        }
        let combined = recorder
            .written()
            .iter()
            .filter(|w| w.message.starts_with("(combined"))
            .count();
        assert_eq!(combined, 2);
    }
}
