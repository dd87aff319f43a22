//! The invariants of the store, checked after every input in builds with debug assertions.

use std::collections::BTreeSet;

use super::super::FAILING_CONTAINERS_MAX;
use super::super::record::{PodRecord, Write};
use super::{Slot, Store};
use crate::hash::hash;
use crate::time::Timestamp;

/// Up to so many places, everything is checked after each input. With more, one place is checked after each input, in turn,
/// so that tests with many thousand pods stay linear.
const CHECKED_MAX: usize = 64;

impl Store {
    /// Checks the store and the wakes of its records.
    ///
    /// # Panics
    /// If an invariant is violated.
    pub(in super::super) fn check(&mut self, wakes: &BTreeSet<(Timestamp, Slot)>, now: Timestamp) {
        assert_eq!(
            self.index.len() + self.free.len(),
            self.records.len(),
            "every place is either indexed or free"
        );
        if self.records.len() + self.gone_until.len() <= CHECKED_MAX {
            let waking = (0..self.records.len()).filter(|at| self.check_place(*at, wakes, now));
            assert_eq!(waking.count(), wakes.len(), "every wake is a record's");
            self.check_free();
            self.check_gone();
            return;
        }
        if let Some((_, slot)) = wakes.first() {
            let wakes_itself = self.check_place(slot.0 as usize, wakes, now);
            assert!(wakes_itself, "every wake is a record's");
        }
        // One place an input: all are checked as often as there are inputs for each.
        if !self.records.is_empty() {
            self.check_from = (self.check_from + 1) % self.records.len();
            self.check_place(self.check_from, wakes, now);
        }
    }

    /// Checks one place. Whether its record wants to be woken.
    fn check_place(&self, at: usize, wakes: &BTreeSet<(Timestamp, Slot)>, now: Timestamp) -> bool {
        let slot = Slot(u32::try_from(at).expect("places have numbers of 32 bits"));
        let Some(record) = self.get(slot) else {
            return false;
        };
        let found = self.find(&record.pod.uid());
        assert_eq!(found, Some(slot), "every record is indexed by its uid");
        check_record(record);
        let Some((wake, _)) = record.wake else {
            return false;
        };
        assert!(wake > now, "no wake is overdue after an input");
        assert!(
            wakes.contains(&(wake, slot)),
            "every record with a deadline is among the wakes"
        );
        true
    }

    fn check_free(&self) {
        let free: BTreeSet<Slot> = self.free.iter().copied().collect();
        assert_eq!(free.len(), self.free.len(), "no place is free twice");
        let all_are_empty = free.iter().all(|slot| self.get(*slot).is_none());
        assert!(all_are_empty, "a free place has no record");
    }

    /// Every pod that is gone has a time at which it is dropped, and every such time is of one.
    fn check_gone(&self) {
        let mut last = Timestamp::from_millis(0);
        let mut dropped = BTreeSet::new();
        for (until, uid) in &self.gone_until {
            assert!(*until >= last, "versions are dropped in order of time");
            last = *until;
            let uid = uid.to_string();
            let gone = self
                .gone
                .find(hash(uid.as_bytes()), |gone| gone.uid.is(&uid))
                .expect("a version is kept until it is dropped");
            assert!(gone.until >= *until, "a version is not kept for less");
            if gone.until == *until {
                dropped.insert(uid);
            }
        }
        assert_eq!(dropped.len(), self.gone.len(), "every version is dropped");
    }
}

fn check_record(record: &PodRecord) {
    assert!(
        record.containers.len() <= FAILING_CONTAINERS_MAX,
        "a record has at most so many failing containers"
    );
    let is_written = !matches!(record.write, Write::Idle | Write::GaveUp);
    assert!(
        is_written || !record.containers.is_empty(),
        "a record without failing containers waits for a write"
    );
}

#[cfg(test)]
mod tests {
    use super::super::super::{DeadlineReason, Engine, GoneFrom, Input, Source};
    use super::*;
    use crate::plugin::Profile;
    use crate::pod::{
        ContainerKind, ContainerSnapshot, ContainerState, Overrides, Owner, Phase, PodSnapshot,
        ResourceVersion, RestartPolicy,
    };
    use crate::policy::{Mode, Policy};

    /// An engine that tracks the pod "a" and has forgotten "b".
    fn engine() -> Engine {
        let policy = Policy::default().in_mode(Mode::Enforce);
        let mut engine = Engine::new(Profile::standard(policy).unwrap());
        let now = Timestamp::from_millis(1_000_000);
        for uid in ["a", "b"] {
            let container = ContainerSnapshot {
                kind: ContainerKind::Main,
                name: "main",
                image: "r.example/a:b",
                state: ContainerState::Waiting {
                    reason: "ErrImagePull",
                    message: "r.example/a:b: not found",
                },
                restart_count: 0,
                ran: false,
                memory: None,
            };
            let pod = PodSnapshot {
                uid,
                namespace: "ns",
                name: uid,
                resource_version: ResourceVersion(1),
                created_at: None,
                deleting: false,
                owner: Some(Owner {
                    kind: "Job",
                    name: "owner",
                }),
                restart_policy: RestartPolicy::Never,
                node: Some("node"),
                phase: Phase::Pending,
                kubelet_agreed: false,
                overrides: Overrides::default(),
                containers: &[container],
                image_volumes: &[],
            };
            let source = Source::Watch;
            engine.handle(now, Input::Pod { pod: &pod, source });
        }
        let (uid, from) = ("b", GoneFrom::Cluster);
        engine.handle(now, Input::Gone { uid, from });
        engine
    }

    /// Breaks a right engine and checks it.
    fn check_broken(break_it: impl FnOnce(&mut Engine, Slot)) {
        let mut engine = engine();
        let slot = engine.store.find("a").unwrap();
        break_it(&mut engine, slot);
        engine.store.check(&engine.wakes, engine.now);
    }

    #[test]
    fn a_right_store_passes() {
        check_broken(|_, _| {});
    }

    #[test]
    #[should_panic(expected = "either indexed or free")]
    fn an_unindexed_record_is_caught() {
        check_broken(|engine, _| engine.store.index.clear());
    }

    #[test]
    #[should_panic(expected = "has no record")]
    fn a_free_place_with_a_record_is_caught() {
        check_broken(|engine, slot| engine.store.free[0] = slot);
    }

    #[test]
    #[should_panic(expected = "every wake is a record's")]
    fn a_wake_of_nobody_is_caught() {
        check_broken(|engine, _| {
            engine.wakes.insert((Timestamp::NEVER, Slot(7)));
        });
    }

    #[test]
    #[should_panic(expected = "among the wakes")]
    fn a_lost_wake_is_caught() {
        check_broken(|engine, slot| {
            let wake = (Timestamp::NEVER, DeadlineReason::Hold);
            engine.store.record_mut(slot).wake = Some(wake);
        });
    }

    #[test]
    #[should_panic(expected = "overdue")]
    fn an_overdue_wake_is_caught() {
        check_broken(|engine, slot| {
            let wake = (engine.now, DeadlineReason::Hold);
            engine.store.record_mut(slot).wake = Some(wake);
        });
    }

    #[test]
    #[should_panic(expected = "every version is dropped")]
    fn a_version_that_is_never_dropped_is_caught() {
        check_broken(|engine, _| engine.store.gone_until.clear());
    }

    #[test]
    #[should_panic(expected = "kept until it is dropped")]
    fn a_version_that_is_missing_is_caught() {
        check_broken(|engine, _| engine.store.gone.clear());
    }

    #[test]
    #[should_panic(expected = "waits for a write")]
    fn a_record_without_containers_is_caught() {
        check_broken(|engine, slot| {
            let record = engine.store.record_mut(slot);
            record.write = Write::Idle;
            record.containers.clear();
        });
    }

    #[test]
    #[should_panic(expected = "free twice")]
    fn a_place_that_is_free_twice_is_caught() {
        check_broken(|engine, _| {
            let place = engine.store.free[0];
            engine.store.free.push(place);
            engine.store.records.push(None);
        });
    }

    #[test]
    #[should_panic(expected = "indexed by its uid")]
    fn a_record_under_another_uid_is_caught() {
        check_broken(|engine, slot| {
            let place = engine.store.free.pop().unwrap();
            let record = engine.store.records[slot.0 as usize].take();
            engine.store.records[place.0 as usize] = record;
            engine.store.free.push(slot);
        });
    }

    #[test]
    #[should_panic(expected = "in order of time")]
    fn versions_that_are_out_of_order_are_caught() {
        check_broken(|engine, _| {
            let (_, uid) = engine.store.gone_until[0].clone();
            engine.store.gone_until.push_back((engine.now, uid));
        });
    }

    #[test]
    #[should_panic(expected = "not kept for less")]
    fn a_version_that_is_dropped_too_late_is_caught() {
        check_broken(|engine, _| engine.store.gone_until[0].0 = Timestamp::NEVER);
    }

    #[test]
    #[should_panic(expected = "at most so many failing containers")]
    fn a_record_with_too_many_containers_is_caught() {
        check_broken(|engine, slot| {
            let containers = &mut engine.store.record_mut(slot).containers;
            while containers.len() <= FAILING_CONTAINERS_MAX {
                let mut other = self::engine();
                let slot = other.store.find("a").unwrap();
                containers.append(&mut other.store.record_mut(slot).containers);
            }
        });
    }

    #[test]
    #[should_panic(expected = "has a record")]
    fn a_slot_that_is_not_in_use_is_caught() {
        check_broken(|engine, _| {
            engine.store.record(Slot(7));
        });
    }
}
