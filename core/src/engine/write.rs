//! The life of a write, from the request until the kubelet confirms it.
//!
//! A failure that the API server has stored is a proposal: the kubelet may put the pod back. It is judged again then,
//! and written again a bounded number of times.

use std::time::Duration;

use super::Engine;
use super::effect::{Effect, TransitionKind};
use super::input::Outcome;
use super::record::{Write, Written};
use super::store::Slot;
use crate::pod::PodSnapshot;
use crate::policy::{Fallback, Mode};
use crate::time::Timestamp;

/// A kubelet agrees to a durable write within 0.9 s (45 of 45 recorded on Kubernetes 1.36.2): the first read after
/// this finds it done, unless the kubelet is away.
const CONFIRM_AFTER: Duration = Duration::from_secs(2);
/// The longest time between two reads of a pod whose kubelet is silent.
const CONFIRM_EVERY_MAX: Duration = Duration::from_secs(300);
/// After a conflict the watch brings the new state nearly always at once.
const CONFLICT_PATIENCE: Duration = Duration::from_secs(2);
/// After a write that failed, so as not to press a failing API server.
const FAILURE_PATIENCE: Duration = Duration::from_secs(10);

impl Engine {
    /// A write has ended.
    pub(super) fn outcome(&mut self, uid: &str, outcome: Outcome) {
        let now = self.now;
        let Some(slot) = self.store.find(uid) else {
            return;
        };
        let record = self.store.record_mut(slot);
        let Write::InFlight(written) = record.write else {
            return;
        };
        match outcome {
            Outcome::NotFound => {
                let last = record.resource_version;
                self.forget(slot, last);
                return;
            }
            Outcome::Accepted(version) => {
                record.failed_writes = 0;
                let seen_later = version < record.resource_version;
                record.resource_version = record.resource_version.max(version);
                let by_deadline = written == Written::Deadline;
                match written {
                    Written::Memory | Written::NoMemory => {
                        record.carries_memory = written == Written::Memory;
                        record.write = Write::Idle;
                    }
                    Written::Warning => record.write = Write::Idle,
                    Written::Failure if seen_later && !record.ended => {
                        record.write = Write::Idle;
                        self.put_back(slot);
                    }
                    Written::Failure | Written::Deadline => {
                        let read_at = now.after(CONFIRM_AFTER);
                        record.write = Write::Proposed {
                            since: now,
                            read_at,
                            by_deadline,
                        };
                    }
                }
            }
            Outcome::Conflict | Outcome::Failed => {
                match written {
                    Written::Memory | Written::NoMemory => record.to_remember = true,
                    Written::Warning => record.containers.iter_mut().for_each(|c| c.warned = false),
                    Written::Failure | Written::Deadline => {}
                }
                let conflict = outcome == Outcome::Conflict;
                let patience = if conflict {
                    CONFLICT_PATIENCE
                } else {
                    record.failed_writes = record.failed_writes.saturating_add(1);
                    failure_patience(record.failed_writes)
                };
                // What conflicts was not stored.
                let may_be_failed = !conflict && written == Written::Failure;
                record.write = Write::Unsure {
                    may_be_failed,
                    read_at: now.after(patience),
                };
            }
        }
        self.settle(slot);
    }

    /// The pod was seen in a terminal phase.
    pub(super) fn ended(&mut self, slot: Slot, pod: &PodSnapshot<'_>) {
        let now = self.now;
        let record = self.store.record_mut(slot);
        record.ended = true;
        if record.put_back > 0 && record.write.is_over() {
            // A kubelet that has put a pod back may have begun to end it all the same, and does not stop.
            let (since, read_at) = (now, now.after(CONFIRM_AFTER));
            record.write = Write::Proposed {
                since,
                read_at,
                by_deadline: false,
            };
        }
        if !record.may_be_failed() {
            let pod = record.pod.clone();
            self.emit(&pod, "", TransitionKind::Ended);
            self.let_go(slot, false);
        } else if pod.kubelet_agreed {
            let (pod, last) = (record.pod.clone(), record.resource_version);
            self.forget(slot, last);
            self.emit(&pod, "", TransitionKind::Agreed);
        } else {
            if matches!(record.write, Write::Unsure { .. }) {
                let read_at = now.after(CONFIRM_AFTER);
                record.write = Write::Proposed {
                    since: now,
                    read_at,
                    by_deadline: false,
                };
            }
            self.decide(slot);
        }
    }

    /// The pod was seen alive at a newer version.
    pub(super) fn alive(&mut self, slot: Slot) {
        let record = self.store.record_mut(slot);
        record.ended = false;
        match record.write {
            Write::Proposed {
                by_deadline: false, ..
            } => {
                record.write = Write::Idle;
                self.put_back(slot);
            }
            Write::Unsure { .. } => record.write = Write::Idle,
            Write::Idle | Write::Proposed { .. } | Write::InFlight(_) | Write::GaveUp => {}
        }
    }

    /// The pod has left the watch while its failure may have been written: look at it.
    pub(super) fn read_soon(&mut self, slot: Slot) {
        let now = self.now;
        let record = self.store.record_mut(slot);
        match &mut record.write {
            Write::Proposed { read_at, .. } | Write::Unsure { read_at, .. } => *read_at = now,
            // The outcome says more, and comes soon.
            Write::Idle | Write::InFlight(_) | Write::GaveUp => {}
        }
        self.decide(slot);
    }

    /// What a pod whose last write is not confirmed needs now, and when to come back.
    pub(super) fn await_confirmation(&mut self, slot: Slot) -> Option<Timestamp> {
        let now = self.now;
        let record = self.store.record_mut(slot);
        let failed_writes = record.failed_writes;
        let since = match record.write {
            Write::Proposed { since, .. } => since,
            _ => now,
        };
        let (Write::Proposed { read_at, .. } | Write::Unsure { read_at, .. }) = &mut record.write
        else {
            return None;
        };
        if *read_at <= now {
            // Twice as long each time.
            let pause = now
                .since(since)
                .max(failure_patience(failed_writes))
                .min(CONFIRM_EVERY_MAX);
            *read_at = now.after(pause);
            let wake = *read_at;
            let pod = record.pod.clone();
            self.effects.push_back(Effect::Read(pod));
            return Some(wake);
        }
        Some(*read_at)
    }

    /// The kubelet has put the pod back: once more, or the last resort, or never again.
    fn put_back(&mut self, slot: Slot) {
        let record = self.store.record_mut(slot);
        record.put_back = record.put_back.saturating_add(1);
        let (pod, times) = (record.pod.clone(), record.put_back);
        let policy = self.profile.policies.of(pod.namespace());
        let limit = policy.put_back;
        let writes_max = limit.writes_max.get();
        let gave_up = match limit.fallback {
            Fallback::None => times >= writes_max,
            Fallback::ActiveDeadline => times > writes_max,
        };
        if gave_up {
            record.write = Write::GaveUp;
        }
        self.emit(&pod, "", TransitionKind::PutBack { times });
        if gave_up {
            self.emit(&pod, "", TransitionKind::GaveUp);
        }
    }

    /// Decides on the pod, or lets it go if none of its containers fails any more: then what it may carry of a memory
    /// is no longer true, and is taken away first.
    pub(super) fn settle(&mut self, slot: Slot) {
        let record = self.store.record_mut(slot);
        let policy = self.profile.policies.of(record.pod.namespace());
        if !record.containers.is_empty() || record.may_be_failed() {
            self.decide(slot);
            return;
        }
        let writes = policy.mode_for(record.overrides.mode) > Mode::DryRun;
        match record.write {
            Write::Idle if record.carries_memory && !record.ended && writes => {
                record.write = Write::InFlight(Written::NoMemory);
                let (pod, resource_version) = (record.pod.clone(), record.resource_version);
                let memories = Vec::new();
                self.effects.push_back(Effect::Remember {
                    pod,
                    resource_version,
                    memories,
                });
                self.let_go(slot, false);
            }
            Write::Unsure { .. } if record.carries_memory && !record.ended && writes => {
                self.decide(slot);
            }
            _ => self.let_go(slot, false),
        }
    }
}

/// How long to wait after so many failed writes in a row: twice as long each time.
fn failure_patience(failed_writes: u8) -> Duration {
    let doublings = u32::from(failed_writes.saturating_sub(1)).min(5);
    (FAILURE_PATIENCE * 2u32.pow(doublings)).min(CONFIRM_EVERY_MAX)
}
