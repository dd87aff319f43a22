//! The failing pods by uid, and the pods that failed recently.
//!
//! A pod that is forgotten leaves its last resource version behind for a while, so that an old observation that
//! arrives late does not bring it back.

#[cfg(debug_assertions)]
mod check;

use std::collections::VecDeque;
use std::time::Duration;

use hashbrown::HashTable;

use super::record::PodRecord;
use crate::hash::hash;
use crate::pod::{ResourceVersion, Uid};
use crate::time::Timestamp;

/// How long a forgotten pod's version is kept. A driver that reads a pod may be ahead of its watch; a watch that is
/// behind by more than this is broken and ends in a relist.
const REMEMBER_GONE_FOR: Duration = Duration::from_secs(300);

/// What a lookup of a slot relies on.
const IN_USE: &str = "a slot that is held, waited for or indexed has a record";

/// A place in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot(u32);

/// All state about pods.
#[derive(Debug, Default)]
pub(super) struct Store {
    /// Slots of `records`, by uid. Never iterated, so its order does not matter.
    index: HashTable<Slot>,
    records: Vec<Option<Box<PodRecord>>>,
    free: Vec<Slot>,
    gone: HashTable<Gone>,
    gone_until: VecDeque<(Timestamp, Uid)>,
    /// Where the next check of a part begins.
    #[cfg(debug_assertions)]
    check_from: usize,
}

#[derive(Debug)]
struct Gone {
    uid: Uid,
    resource_version: ResourceVersion,
    until: Timestamp,
}

impl Store {
    /// Pods that are kept.
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    pub(super) fn find(&self, uid: &str) -> Option<Slot> {
        let records = &self.records;
        self.index
            .find(hash(uid.as_bytes()), |slot| has_uid(records, *slot, uid))
            .copied()
    }

    pub(super) fn get(&self, slot: Slot) -> Option<&PodRecord> {
        self.records.get(slot.0 as usize)?.as_deref()
    }

    /// The record in a slot that is in use, as every slot is that was found and not removed since.
    ///
    /// # Panics
    /// If it is not in use: then a verdict could be on another pod than the one that was judged.
    pub(super) fn record(&self, slot: Slot) -> &PodRecord {
        self.get(slot).expect(IN_USE)
    }

    /// As [`Self::record`].
    pub(super) fn record_mut(&mut self, slot: Slot) -> &mut PodRecord {
        let record = self.records.get_mut(slot.0 as usize);
        record.and_then(Option::as_deref_mut).expect(IN_USE)
    }

    /// All slots in use, in a fixed order.
    pub(super) fn slots(&self) -> Vec<Slot> {
        (0..)
            .map(Slot)
            .zip(&self.records)
            .filter(|(_, r)| r.is_some())
            .map(|(s, _)| s)
            .collect()
    }

    pub(super) fn insert(&mut self, record: PodRecord) -> Slot {
        let uid = record.pod.uid();
        let slot = self.free.pop().unwrap_or_else(|| {
            self.records.push(None);
            Slot(
                u32::try_from(self.records.len() - 1).expect("fewer than 2^32 pods fail at a time"),
            )
        });
        self.records[slot.0 as usize] = Some(Box::new(record));
        let records = &self.records;
        self.index
            .insert_unique(hash(uid.as_bytes()), slot, |slot| {
                let record = records[slot.0 as usize].as_ref().expect(IN_USE);
                hash(record.pod.uid().as_bytes())
            });
        slot
    }

    /// Forgets the pod, but for the version up to which observations of it are old.
    pub(super) fn remove(&mut self, slot: Slot, old: ResourceVersion, now: Timestamp) {
        let uid = self.record(slot).pod.uid();
        let records = &self.records;
        self.index
            .find_entry(hash(uid.as_bytes()), |s| has_uid(records, *s, &uid))
            .expect("every record is indexed")
            .remove();
        self.records[slot.0 as usize] = None;
        self.free.push(slot);
        self.bury(&uid, old, now);
    }

    /// Whether an observation of this version is older than one that was seen before the pod was forgotten.
    pub(super) fn is_outdated(&self, uid: &str, version: ResourceVersion) -> bool {
        !self.gone.is_empty()
            && self
                .gone
                .find(hash(uid.as_bytes()), |gone| gone.uid.is(uid))
                .is_some_and(|gone| version <= gone.resource_version)
    }

    /// A newer version of a pod that was forgotten and still needs no state.
    pub(super) fn saw_gone(&mut self, uid: &str, version: ResourceVersion) {
        if self.gone.is_empty() {
            return;
        }
        if let Some(gone) = self
            .gone
            .find_mut(hash(uid.as_bytes()), |gone| gone.uid.is(uid))
        {
            gone.resource_version = gone.resource_version.max(version);
        }
    }

    /// The versions that are known say nothing any more.
    pub(super) fn outdate_versions(&mut self) {
        self.gone.clear();
        self.gone_until.clear();
        let records = self.records.iter_mut().flatten();
        records.for_each(|record| record.version_is_void = true);
    }

    /// Drops the versions that were kept long enough.
    pub(super) fn expire(&mut self, now: Timestamp) {
        while self
            .gone_until
            .front()
            .is_some_and(|(until, _)| *until <= now)
        {
            let Some((_, uid)) = self.gone_until.pop_front() else {
                return;
            };
            let uid = uid.to_string();
            let over = |gone: &Gone| gone.uid.is(&uid) && gone.until <= now;
            if let Ok(entry) = self.gone.find_entry(hash(uid.as_bytes()), over) {
                entry.remove();
            }
        }
    }

    /// When the next version is dropped.
    pub(super) fn expires_at(&self) -> Option<Timestamp> {
        self.gone_until.front().map(|(until, _)| *until)
    }

    fn bury(&mut self, uid: &str, version: ResourceVersion, now: Timestamp) {
        let until = now.after(REMEMBER_GONE_FOR);
        self.gone_until.push_back((until, Uid::new(uid)));
        if let Some(gone) = self
            .gone
            .find_mut(hash(uid.as_bytes()), |gone| gone.uid.is(uid))
        {
            gone.resource_version = gone.resource_version.max(version);
            gone.until = until;
            return;
        }
        let gone = Gone {
            uid: Uid::new(uid),
            resource_version: version,
            until,
        };
        self.gone.insert_unique(hash(uid.as_bytes()), gone, |gone| {
            hash(gone.uid.to_string().as_bytes())
        });
    }
}

fn has_uid(records: &[Option<Box<PodRecord>>], slot: Slot, uid: &str) -> bool {
    records[slot.0 as usize]
        .as_ref()
        .is_some_and(|record| record.pod.has_uid(uid))
}
