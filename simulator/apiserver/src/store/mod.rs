//! All objects of the cluster, one growing version, and the log of what changed.

mod served;
mod state;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use serde_json::{Value, json};
use tokio::sync::watch;

pub(crate) use self::state::at_version;

use self::state::State;
use super::admission::Admission;
use super::clock::Clock;
use super::convert;
use super::resources::Resource;
use super::value::{members, text};

/// The store. Copies are handles to the same objects.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    version: watch::Sender<u64>,
    clock: Clock,
    admission: OnceLock<Box<dyn Admission>>,
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
    /// Remove it; this is what has become of it.
    Finish(Value),
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store at version {}", self.version())
    }
}

impl Store {
    /// A store with the namespaces `default` and `kube-system`.
    pub fn new(clock: Clock) -> Self {
        let store = Self {
            shared: Arc::new(Shared {
                state: Mutex::default(),
                version: watch::Sender::new(0),
                clock,
                admission: OnceLock::new(),
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

    /// From now on, what clients write is meant for this cluster, which acts on what is stored.
    pub fn set_admission(&self, admission: impl Admission + 'static) {
        // The first one stays: there is only one cluster behind a store.
        let _ = self.shared.admission.set(Box::new(admission));
    }

    /// The cluster that acts on what is stored, if there is one.
    pub(super) fn admission(&self) -> Option<&dyn Admission> {
        self.shared.admission.get().map(|one| &**one)
    }

    /// A uid for an object that has to know it before it is stored.
    pub(super) fn new_uid(&self) -> String {
        self.lock().new_uid()
    }

    /// Where everything in a namespace is.
    pub fn keys_in(&self, namespace: &str) -> Vec<Key> {
        let state = self.lock();
        let keys = state.objects.keys();
        keys.filter(|key| key.namespace == namespace)
            .cloned()
            .collect()
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
        let state = self.lock();
        let of = Key::of(group, resource, "", "");
        let found = state.of_resource(&of);
        found.map(|(_, object)| Arc::clone(object)).collect()
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
        let mut object = convert::stored(&resource, object);
        members(&mut object["metadata"]).remove("resourceVersion");
        Ok(self.write_as(&key, by, |()| Write::Put(object)))
    }

    /// Changes an object in place, if it is there; what it is then. `how` must not use the store.
    pub fn update(&self, key: &Key, by: &str, how: impl FnOnce(&mut Value)) -> Option<Arc<Value>> {
        let written = self.write(key, by, |current| {
            let Some(current) = current else {
                return Err(());
            };
            let mut object = Value::clone(current);
            how(&mut object);
            Ok(if object == **current {
                Write::Keep
            } else {
                Write::Put(object)
            })
        });
        written.ok().flatten()
    }

    /// Removes an object at once, if it is there.
    pub fn delete(&self, key: &Key, by: &str) {
        self.write_as(key, by, |()| Write::Delete);
    }

    /// What has changed since `version`, oldest first.
    ///
    /// # Errors
    /// If it is not known any more.
    pub fn changes_since(&self, version: u64) -> Result<Vec<Change>, Compacted> {
        self.lock().since(version)
    }

    /// Waits until the store is past `version`.
    pub async fn past(&self, version: u64) {
        let mut seen = self.shared.version.subscribe();
        // An error means that the store is gone; this handle keeps it.
        let _ = seen.wait_for(|current| *current > version).await;
    }

    /// Forgets the changes up to `version`, as etcd does every five minutes.
    pub fn compact(&self, version: u64) {
        self.lock().compact(version);
    }

    /// Lets the version grow to `version`, as writes of others to what is not here do.
    pub fn advance(&self, version: u64) {
        let mut state = self.lock();
        state.version = state.version.max(version);
        self.shared.version.send_replace(state.version);
    }

    /// The objects of a resource as they were at `version`, by namespace and name.
    pub(super) fn objects_at(
        &self,
        of: &Key,
        version: u64,
    ) -> Result<BTreeMap<Key, Arc<Value>>, Compacted> {
        self.lock().at(of, version)
    }

    /// Decides with the object at hand what is to become of it, and does that in one step. What it is then; after
    /// [`Write::Delete`], what it was, at the version of its end.
    pub(super) fn write<E>(
        &self,
        key: &Key,
        by: &str,
        decide: impl FnOnce(Option<&Arc<Value>>) -> Result<Write, E>,
    ) -> Result<Option<Arc<Value>>, E> {
        let mut state = self.lock();
        let before = state.objects.get(key).cloned();
        let answer = match decide(before.as_ref())? {
            Write::Keep => before,
            Write::Put(object) => Some(state.put(key, before, object, by, self.shared.clock)),
            Write::Delete => before.map(|before| state.remove(key, before, by)),
            Write::Finish(object) => {
                before.map(|before| state.remove(key, before, by));
                Some(Arc::new(object))
            }
        };
        self.shared
            .version
            .send_if_modified(|version| std::mem::replace(version, state.version) != state.version);
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
        let resource = self.resource_of(api_version, kind).ok_or_else(unknown)?;
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

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock; if it did, the objects are still whole.
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
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
