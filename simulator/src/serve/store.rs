//! All objects of the cluster, one growing version, and the log of what changed.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::watch;

use super::clock::{self, Clock};
use super::resources::{self, Resource};
use super::value::{default, members, text};

/// How many changes are kept for watchers that come late, unless they are compacted before.
const LOG_MAX: usize = 20_000;

/// The store. Copies are handles to the same objects.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    inner: Mutex<Inner>,
    version: watch::Sender<u64>,
    clock: Clock,
}

struct Inner {
    objects: BTreeMap<Key, Arc<Value>>,
    version: u64,
    /// Changes up to this version are forgotten.
    compacted: u64,
    log: VecDeque<Change>,
    created: u64,
}

/// Where an object is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The API group; empty for the core.
    pub group: String,
    /// The resource, such as `pods`.
    pub resource: String,
    /// The namespace; empty for what is in none.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl Key {
    /// A pod.
    pub fn pod(namespace: &str, name: &str) -> Self {
        Self::of("", "pods", namespace, name)
    }

    /// Any object.
    pub fn of(group: &str, resource: &str, namespace: &str, name: &str) -> Self {
        Self {
            group: group.to_owned(),
            resource: resource.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    fn same_resource(&self, other: &Self) -> bool {
        self.group == other.group && self.resource == other.resource
    }
}

/// Something that happened to an object.
#[derive(Clone, Debug)]
pub struct Change {
    /// The version that it made.
    pub version: u64,
    /// Which object.
    pub key: Key,
    /// The object before; none if it is new.
    pub before: Option<Arc<Value>>,
    /// The object after; none if it is gone.
    pub after: Option<Arc<Value>>,
    /// The user who made it.
    pub by: Arc<str>,
}

/// Changes that were asked for are forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// The oldest version from which changes are known.
    pub oldest: u64,
}

impl fmt::Display for Compacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "changes before version {} are forgotten", self.oldest)
    }
}

impl std::error::Error for Compacted {}

/// What to do with an object that is being written.
#[derive(Clone, Debug)]
pub(super) enum Write {
    /// Leave it as it is.
    Keep,
    /// Store this in its place.
    Put(Value),
    /// Remove it.
    Delete,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store at version {}", self.version())
    }
}

impl Store {
    /// A store with the namespaces `default` and `kube-system`.
    pub fn new(clock: Clock) -> Self {
        let inner = Inner {
            objects: BTreeMap::new(),
            version: 0,
            compacted: 0,
            log: VecDeque::new(),
            created: 0,
        };
        let store = Self {
            shared: Arc::new(Shared {
                inner: Mutex::new(inner),
                version: watch::Sender::new(0),
                clock,
            }),
        };
        store.need_namespace("default");
        store.need_namespace("kube-system");
        store
    }

    /// The cluster's clock.
    pub fn clock(&self) -> Clock {
        self.shared.clock
    }

    /// The version of the last change.
    pub fn version(&self) -> u64 {
        self.lock().version
    }

    /// The object.
    pub fn get(&self, key: &Key) -> Option<Arc<Value>> {
        self.lock().objects.get(key).cloned()
    }

    /// All objects of a resource, by namespace and name.
    pub fn objects(&self, group: &str, resource: &str) -> Vec<Arc<Value>> {
        let of = Key::of(group, resource, "", "");
        let inner = self.lock();
        let found = inner.objects.range(of.clone()..);
        found
            .take_while(|(key, _)| key.same_resource(&of))
            .map(|(_, object)| Arc::clone(object))
            .collect()
    }

    /// Stores an object as it is, status and all, as the rest of the cluster would: no validation, no defaults but
    /// its metadata. It replaces what has its name; a missing namespace is made.
    ///
    /// # Errors
    /// If the object's `apiVersion` and `kind` are not known, or it has no name.
    pub fn put(&self, object: Value, by: &str) -> Result<Arc<Value>, UnknownObject> {
        let (resource, key) = self.locate(&object)?;
        if resource.namespaced {
            self.need_namespace(&key.namespace);
        }
        let mut object = object;
        members(&mut object["metadata"]).remove("resourceVersion");
        Ok(self.write_as(&key, by, |_| Write::Put(object)))
    }

    /// Changes an object in place, if it is there; what it is then.
    pub fn update(&self, key: &Key, by: &str, how: impl FnOnce(&mut Value)) -> Option<Arc<Value>> {
        let written = self.write(key, by, |current| {
            let Some(current) = current else {
                return Err(());
            };
            let mut object = Value::clone(current);
            how(&mut object);
            Ok(Write::Put(object))
        });
        written.ok().flatten()
    }

    /// Removes an object at once, if it is there.
    pub fn delete(&self, key: &Key, by: &str) {
        self.write_as(key, by, |_| Write::Delete);
    }

    /// What has changed since `version`, oldest first.
    ///
    /// # Errors
    /// If it is not known any more.
    pub fn changes_since(&self, version: u64) -> Result<Vec<Change>, Compacted> {
        let inner = self.lock();
        inner.is_known(version)?;
        let first = inner
            .log
            .partition_point(|change| change.version <= version);
        Ok(inner.log.range(first..).cloned().collect())
    }

    /// Waits until the store is past `version`.
    pub async fn past(&self, version: u64) {
        let mut seen = self.shared.version.subscribe();
        // An error means that the store is gone; this handle keeps it.
        let _ = seen.wait_for(|current| *current > version).await;
    }

    /// Forgets the changes up to `version`, as etcd does every five minutes.
    pub fn compact(&self, version: u64) {
        let mut inner = self.lock();
        let version = version.min(inner.version);
        while inner.log.front().is_some_and(|c| c.version <= version) {
            inner.log.pop_front();
        }
        inner.compacted = inner.compacted.max(version);
    }

    /// Lets the version grow to `version`, as writes of others to what is not here do.
    pub fn advance(&self, version: u64) {
        let mut inner = self.lock();
        inner.version = inner.version.max(version);
        self.shared.version.send_replace(inner.version);
    }

    /// The objects of a resource as they were at `version`, by namespace and name.
    pub(super) fn objects_at(
        &self,
        of: &Key,
        version: u64,
    ) -> Result<BTreeMap<Key, Arc<Value>>, Compacted> {
        let inner = self.lock();
        inner.is_known(version)?;
        let from = Key::of(&of.group, &of.resource, "", "");
        let found = inner.objects.range(from.clone()..);
        let mut objects: BTreeMap<Key, Arc<Value>> = found
            .take_while(|(key, _)| key.same_resource(&from))
            .map(|(key, object)| (key.clone(), Arc::clone(object)))
            .collect();
        for change in inner.log.iter().rev() {
            if change.version <= version {
                break;
            }
            if change.key.same_resource(&from) {
                match &change.before {
                    Some(before) => objects.insert(change.key.clone(), Arc::clone(before)),
                    None => objects.remove(&change.key),
                };
            }
        }
        Ok(objects)
    }

    /// Decides with the object at hand what is to become of it, and does that in one step. What it is then; after
    /// [`Write::Delete`], what it was, at the version of its end.
    pub(super) fn write<E>(
        &self,
        key: &Key,
        by: &str,
        decide: impl FnOnce(Option<&Arc<Value>>) -> Result<Write, E>,
    ) -> Result<Option<Arc<Value>>, E> {
        let mut inner = self.lock();
        let before = inner.objects.get(key).cloned();
        let answer = match decide(before.as_ref())? {
            Write::Keep => before,
            Write::Put(object) => Some(inner.put(key, before, object, by, self.shared.clock)),
            Write::Delete => before.map(|before| inner.remove(key, before, by)),
        };
        self.shared
            .version
            .send_if_modified(|version| std::mem::replace(version, inner.version) != inner.version);
        Ok(answer)
    }

    fn write_as(&self, key: &Key, by: &str, decide: impl FnOnce(()) -> Write) -> Arc<Value> {
        let written = self.write(key, by, |_| Ok::<_, std::convert::Infallible>(decide(())));
        match written {
            Ok(object) => object.unwrap_or_default(),
            Err(never) => match never {},
        }
    }

    /// The resource of an object, and its key.
    fn locate(&self, object: &Value) -> Result<(Arc<Resource>, Key), UnknownObject> {
        let (api_version, kind) = (text(object, "/apiVersion"), text(object, "/kind"));
        let name = text(object, "/metadata/name");
        let unknown = || UnknownObject {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            name: name.to_owned(),
        };
        let resource = resources::by_kind(self, api_version, kind).ok_or_else(unknown)?;
        if name.is_empty() {
            return Err(unknown());
        }
        let namespace = match text(object, "/metadata/namespace") {
            _ if !resource.namespaced => "",
            "" => "default",
            namespace => namespace,
        };
        let key = Key::of(resource.storage_group(), &resource.plural, namespace, name);
        Ok((resource, key))
    }

    fn need_namespace(&self, name: &str) {
        let key = Key::of("", "namespaces", "", name);
        if self.get(&key).is_none() {
            let namespace = json!({
                "apiVersion": "v1", "kind": "Namespace", "status": {"phase": "Active"},
                "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
                "spec": {"finalizers": ["kubernetes"]},
            });
            self.write_as(&key, "system:apiserver", |()| Write::Put(namespace));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing panics while it holds the lock; if it did, the objects are still whole.
        self.shared
            .inner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn put(
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
            self.created += 1;
            members(metadata).insert("uid".to_owned(), uid(self.created).into());
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

    fn remove(&mut self, key: &Key, before: Arc<Value>, by: &str) -> Arc<Value> {
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
pub(super) fn at_version(object: &Value, version: u64) -> Value {
    let mut object = object.clone();
    object["metadata"]["resourceVersion"] = version.to_string().into();
    object
}

/// Uids are numbered, so that the same writes give the same objects.
fn uid(number: u64) -> String {
    format!("00000000-0000-4000-8000-{number:012x}")
}

/// An object of a kind that is not served, or without a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownObject {
    /// Its `apiVersion`.
    pub api_version: String,
    /// Its `kind`.
    pub kind: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for UnknownObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no place for the object \"{}\" of kind \"{}\" in \"{}\": it needs a name, and a kind that is served",
            self.name, self.kind, self.api_version
        )
    }
}

impl std::error::Error for UnknownObject {}

#[cfg(test)]
mod tests {
    use super::*;
    use pullstop_core::time::Timestamp;

    fn store() -> Store {
        Store::new(Clock::from(Timestamp::from_millis(0)))
    }

    fn pod(name: &str, phase: &str) -> Value {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "status": {"phase": phase}})
    }

    #[tokio::test]
    async fn the_past_is_known_until_it_is_compacted() {
        let store = store();
        store.put(pod("a", "Pending"), "test").unwrap();
        let version = store.version();
        store.put(pod("a", "Running"), "test").unwrap();
        store.put(pod("b", "Pending"), "test").unwrap();
        store.delete(&Key::pod("default", "a"), "test");

        let then = store.objects_at(&Key::pod("", ""), version).unwrap();
        let phases: Vec<&str> = then.values().map(|p| text(p, "/status/phase")).collect();
        assert_eq!(phases, ["Pending"]);
        assert_eq!(store.changes_since(version).unwrap().len(), 3);

        store.compact(version + 1);
        let oldest = version + 1;
        assert_eq!(
            store.changes_since(version).unwrap_err(),
            Compacted { oldest }
        );
        assert_eq!(store.changes_since(oldest).unwrap().len(), 2);
    }

    #[tokio::test]
    async fn an_object_keeps_its_uid_until_it_is_gone() {
        let store = store();
        let first = store.put(pod("a", "Pending"), "test").unwrap();
        let second = store.put(pod("a", "Running"), "test").unwrap();
        assert_eq!(first["metadata"]["uid"], second["metadata"]["uid"]);
        store.delete(&Key::pod("default", "a"), "test");
        let third = store.put(pod("a", "Pending"), "test").unwrap();
        assert_ne!(first["metadata"]["uid"], third["metadata"]["uid"]);
    }

    #[tokio::test]
    async fn what_has_no_place_is_refused() {
        let unknown = json!({"apiVersion": "v1", "kind": "Wagon", "metadata": {"name": "a"}});
        assert!(store().put(unknown, "test").is_err());
        assert!(store().put(pod("", ""), "test").is_err());
    }
}
