//! The Events that a kubelet writes about a pod, and those that its recorder holds back.
//!
//! `client-go/tools/record/events_cache.go`; why nothing should be counted from them is in `docs/design.md`.

use std::sync::Arc;
use std::time::Duration;

use pullstop_core::time::Timestamp;

/// So many Events of one type may be written at once; then one every five minutes.
const SPAM_BURST: u64 = 25;
const SPAM_REFILL: Duration = Duration::from_secs(300);
/// With so many different messages of one reason, each within ten minutes of the one before, they are combined into one
/// Event.
const SIMILAR_MAX: usize = 10;
const SIMILAR_WITHIN: Duration = Duration::from_secs(600);

/// The recorder, as far as it concerns one pod.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    buckets: [Bucket; 2],
    similar: Vec<Similar>,
    known: Vec<Known>,
    written: Vec<Written>,
    /// How many objects there ever were.
    objects: usize,
}

/// One write of an Event, as a watcher sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// When.
    pub at: Timestamp,
    /// Which Event object of the pod this is: the same object is written again and again.
    pub object: usize,
    /// `type` and `reason`.
    pub kind: Kind,
    /// The container, by its place.
    pub container: usize,
    /// `message`.
    pub message: Arc<str>,
    /// `firstTimestamp`: when it happened first, whether that was written or not.
    pub first_at: Timestamp,
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

/// An Event object, and what it is known by.
#[derive(Debug)]
struct Known {
    key: Key,
    object: usize,
    first_at: Timestamp,
    count: u32,
}

#[derive(Debug, PartialEq, Eq)]
enum Key {
    /// All the same but for the time.
    Same(Kind, usize, Arc<str>),
    /// All of this reason, whatever they say and of which container.
    Combined(Kind),
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
        let (key, message) = if self.are_many(now, kind, message) {
            let combined = format!("(combined from similar events): {message}");
            (Key::Combined(kind), combined.into())
        } else {
            let message = Arc::clone(message);
            (Key::Same(kind, container, Arc::clone(&message)), message)
        };
        let (object, first_at, count) = self.count(now, key);
        if self.buckets[usize::from(kind.is_warning())].take(now) {
            self.written.push(Written {
                at: now,
                object,
                kind,
                container,
                message,
                first_at,
                count,
            });
        }
    }

    /// `eventObserve`: it counts whatever becomes of the write.
    fn count(&mut self, now: Timestamp, key: Key) -> (usize, Timestamp, u32) {
        if let Some(known) = self.known.iter_mut().find(|known| known.key == key) {
            known.count += 1;
            return (known.object, known.first_at, known.count);
        }
        let object = self.objects;
        self.objects += 1;
        self.known.push(Known {
            key,
            object,
            first_at: now,
            count: 1,
        });
        (object, now, 1)
    }

    /// The kubelet was restarted: it counts from the beginning.
    pub(super) fn restart(&mut self) {
        *self = Self {
            written: std::mem::take(&mut self.written),
            objects: self.objects,
            ..Self::default()
        };
    }

    /// All that was written.
    pub(super) fn written(&self) -> &[Written] {
        &self.written
    }

    /// `EventAggregate`: whether there were so many different messages lately. One that makes them too many is not kept;
    /// a real recorder drops any of them.
    fn are_many(&mut self, now: Timestamp, kind: Kind, message: &Arc<str>) -> bool {
        let known = self.similar.iter_mut().find(|s| s.kind == kind);
        let Some(similar) = known else {
            self.similar.push(Similar {
                kind,
                messages: vec![Arc::clone(message)],
                at: now,
            });
            return false;
        };
        if now.since(similar.at) > SIMILAR_WITHIN {
            similar.messages.clear();
        }
        similar.at = now;
        if similar.messages.contains(message) {
            return false;
        }
        let are_many = similar.messages.len() + 1 >= SIMILAR_MAX;
        if !are_many {
            similar.messages.push(Arc::clone(message));
        }
        are_many
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
        let last = recorder.written().last().unwrap();
        assert!(last.count > 3000);
        assert_eq!(last.first_at, Timestamp::from_millis(0));
    }

    #[test]
    fn many_different_messages_are_combined_into_one_object() {
        let mut recorder = Recorder::default();
        let mut record = |n: u64, text: &str| {
            let now = Timestamp::from_millis(n);
            recorder.record(now, Kind::Failed, 0, &text.into());
        };
        for n in 0..12 {
            record(n, &format!("port {n}"));
        }
        record(12, "port 0");
        record(13 + 600_001, "port 12");
        let told: Vec<(usize, &str, u32)> = recorder.written()[8..]
            .iter()
            .map(|w| (w.object, &*w.message, w.count))
            .collect();
        let combined = "(combined from similar events): port ";
        assert_eq!(
            told,
            [
                (8, "port 8", 1),
                (9, format!("{combined}9").as_str(), 1),
                (9, format!("{combined}10").as_str(), 2),
                (9, format!("{combined}11").as_str(), 3),
                // Known, and so not combined.
                (0, "port 0", 2),
                // The others are too long ago.
                (10, "port 12", 1),
            ]
        );
    }

    #[test]
    fn a_restarted_kubelet_writes_new_objects() {
        let mut recorder = Recorder::default();
        let message: Arc<str> = "Pulling image".into();
        recorder.record(Timestamp::from_millis(0), Kind::Pulling, 0, &message);
        recorder.restart();
        recorder.record(Timestamp::from_millis(1), Kind::Pulling, 0, &message);
        let told: Vec<(usize, u32)> = recorder
            .written()
            .iter()
            .map(|w| (w.object, w.count))
            .collect();
        assert_eq!(told, [(0, 1), (1, 1)]);
    }
}
