//! The objects, and the log of what changed.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde_json::Value;

use super::{Change, Compacted, Key};
use crate::clock::{self, Clock};
use crate::value::{default, members, text};

/// How many changes are kept for watchers that come late, unless they are compacted before.
const LOG_MAX: usize = 20_000;

/// What is behind the lock.
#[derive(Default)]
pub(super) struct State {
    pub(super) objects: BTreeMap<Key, Arc<Value>>,
    pub(super) version: u64,
    /// Changes up to this version are forgotten.
    compacted: u64,
    log: VecDeque<Change>,
    created: u64,
}

impl State {
    /// All objects of a resource, by namespace and name.
    pub(super) fn of_resource(
        &self,
        of: &Key,
    ) -> impl Iterator<Item = (&Key, &Arc<Value>)> + use<'_> {
        let from = Key::of(&of.group, &of.resource, "", "");
        let found = self.objects.range(from.clone()..);
        found.take_while(move |(key, _)| key.same_resource(&from))
    }

    /// The same as they were at `version`.
    pub(super) fn at(
        &self,
        of: &Key,
        version: u64,
    ) -> Result<BTreeMap<Key, Arc<Value>>, Compacted> {
        self.is_known(version)?;
        let now = self.of_resource(of);
        let mut objects: BTreeMap<Key, Arc<Value>> = now
            .map(|(key, object)| (key.clone(), Arc::clone(object)))
            .collect();
        let later = self
            .log
            .iter()
            .rev()
            .take_while(|change| change.version > version);
        for change in later.filter(|change| change.key.same_resource(of)) {
            match &change.before {
                Some(before) => objects.insert(change.key.clone(), Arc::clone(before)),
                None => objects.remove(&change.key),
            };
        }
        Ok(objects)
    }

    /// What has changed since `version`.
    pub(super) fn since(&self, version: u64) -> Result<Vec<Change>, Compacted> {
        self.is_known(version)?;
        let first = self.log.partition_point(|change| change.version <= version);
        Ok(self.log.range(first..).cloned().collect())
    }

    /// Forgets the changes up to `version`.
    pub(super) fn compact(&mut self, version: u64) {
        let version = version.min(self.version);
        while self
            .log
            .front()
            .is_some_and(|change| change.version <= version)
        {
            self.log.pop_front();
        }
        self.compacted = self.compacted.max(version);
    }

    /// Stores an object: what the server owns of its metadata is filled in.
    pub(super) fn put(
        &mut self,
        key: &Key,
        before: Option<Arc<Value>>,
        mut object: Value,
        by: &str,
        clock: Clock,
    ) -> Arc<Value> {
        self.version += 1;
        let metadata = &mut object["metadata"];
        let old = before.as_deref().map(|before| &before["metadata"]);
        let kept = |member: &str| old.map(|old| old[member].clone()).filter(|v| !v.is_null());
        if let Some(uid) = kept("uid") {
            members(metadata).insert("uid".to_owned(), uid);
        } else if text(metadata, "/uid").is_empty() {
            let uid = self.new_uid();
            members(metadata).insert("uid".to_owned(), uid.into());
        }
        let now = || clock::text(clock.now()).into();
        let born = kept("creationTimestamp").unwrap_or_else(now);
        default(metadata, "creationTimestamp", born);
        default(metadata, "name", key.name.as_str());
        if !key.namespace.is_empty() {
            default(metadata, "namespace", key.namespace.as_str());
        }
        members(metadata).insert(
            "resourceVersion".to_owned(),
            self.version.to_string().into(),
        );
        let object = Arc::new(object);
        self.objects.insert(key.clone(), Arc::clone(&object));
        self.note(key, before, Some(Arc::clone(&object)), by);
        object
    }

    pub(super) fn new_uid(&mut self) -> String {
        self.created += 1;
        uid(self.created)
    }

    /// Removes an object; what it was, at the version of its end.
    pub(super) fn remove(&mut self, key: &Key, before: Arc<Value>, by: &str) -> Arc<Value> {
        self.version += 1;
        self.objects.remove(key);
        let gone = at_version(&before, self.version);
        self.note(key, Some(before), None, by);
        Arc::new(gone)
    }

    fn note(&mut self, key: &Key, before: Option<Arc<Value>>, after: Option<Arc<Value>>, by: &str) {
        self.log.push_back(Change {
            version: self.version,
            key: key.clone(),
            before,
            after,
            by: by.into(),
        });
        if self.log.len() > LOG_MAX
            && let Some(forgotten) = self.log.pop_front()
        {
            self.compacted = forgotten.version;
        }
    }

    fn is_known(&self, version: u64) -> Result<(), Compacted> {
        if version < self.compacted {
            return Err(Compacted {
                oldest: self.compacted,
            });
        }
        Ok(())
    }
}

/// The object as if it had been written at this version.
pub(crate) fn at_version(object: &Value, version: u64) -> Value {
    let mut object = object.clone();
    object["metadata"]["resourceVersion"] = version.to_string().into();
    object
}

/// Uids are numbered, so that the same writes give the same objects.
fn uid(number: u64) -> String {
    format!("00000000-0000-4000-8000-{number:012x}")
}
