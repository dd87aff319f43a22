//! Connects a simulated cluster with the API server: its state becomes objects, and writes of clients act on it.
//!
//! Who owns the truth:
//!
//! - The [`Store`] decides about every write: versions, preconditions and rights are those of the API server. What it
//!   has accepted has happened.
//! - The world is told of accepted writes afterwards, in their order, before anything else that is due in it: it never
//!   refuses one. What it makes of them (a durable write is agreed to, a bare status is put back) is its kubelet's
//!   business.
//! - What changes in the world is written to the store one change at a time, so that watchers see each. A kubelet
//!   writes the fields of the status that are its own, whatever stands there; everybody else only what they have
//!   changed. So conditions, labels and words of clients survive, and reason and message of a failed pod are those that
//!   its client has given.
//!
//! Versions of the world and of the store have nothing to do with each other, and the world has no clock: it is moved on
//! to the time that the store's clock shows. Objects carry the store's time at the start plus virtual time.

mod apply;
mod behind;
mod clients;
mod events;
mod nodes;
mod owners;
mod pod;
mod read;
pub mod record;
mod status;
mod template;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use pullstop_apiserver::value::{items, text};
use pullstop_apiserver::{Key, Store, disruption};
use pullstop_cluster::world::api::{Change, ChangeKind, Writer};
use pullstop_cluster::world::ids::{OwnerId, PodId};
use pullstop_cluster::world::pod::Pod;
use pullstop_cluster::world::{World, ZERO};
use pullstop_core::time::Timestamp;
use pullstop_core::wire::timestamp;
use serde_json::Value;

pub use self::behind::Behind;

use self::apply::{Told, Wanted};

/// The user name under which the world's kubelets write.
pub const KUBELET: &str = "system:node:simulated";
/// The user name under which everybody else in the world writes.
pub const CONTROL: &str = "system:kube-controller-manager";

/// A world in step with the clock of a store.
#[derive(Debug)]
pub struct Bridge {
    world: World,
    store: Store,
    /// The store's time when the world began.
    began: Timestamp,
    /// All changes up to this version were taken in.
    position: u64,
    pods: BTreeMap<PodId, Mirror>,
    by_key: BTreeMap<Key, PodId>,
    owners: BTreeMap<OwnerId, owners::Shown>,
    nodes_shown: usize,
    /// Whether the world was shown for the first time.
    begun: bool,
    /// When which Events were written.
    expiring: VecDeque<(Timestamp, Key)>,
}

/// A pod on both sides.
#[derive(Debug)]
struct Mirror {
    key: Key,
    /// The pod as the store was told of it.
    shown: Arc<Pod>,
    /// The object as it was last written here, or read.
    object: Arc<Value>,
    /// What a client said when it failed the pod.
    told: Option<Told>,
    /// How many of its Events were written.
    events: usize,
}

impl Bridge {
    /// A world that begins now, by the clock of `store`. It should have been made with [`pullstop_cluster::world::RunOptions::events`],
    /// and with nobody in it who decides.
    pub fn new(mut world: World, store: Store) -> Self {
        world.tell_outside();
        let bridge = Self {
            began: store.clock().now(),
            position: store.version(),
            world,
            store,
            pods: BTreeMap::new(),
            by_key: BTreeMap::new(),
            owners: BTreeMap::new(),
            nodes_shown: 0,
            begun: false,
            expiring: VecDeque::new(),
        };
        for namespace in store_namespaces(&bridge.store) {
            bridge.add_account(&namespace);
        }
        bridge
    }

    /// The world.
    pub const fn world(&self) -> &World {
        &self.world
    }

    /// How much virtual time has passed.
    pub fn elapsed(&self) -> Duration {
        self.store.clock().now().since(self.began)
    }

    /// Keeps the world in step for so long, in virtual time from its start; at most until its end.
    pub async fn run_for(&mut self, duration: Duration) {
        let until = ZERO.after(duration).min(self.world.end());
        loop {
            self.step();
            if self.now() >= until {
                return;
            }
            let next = self.world.next_at().map_or(until, |at| at.min(until));
            let wait = next.since(self.now());
            tokio::select! {
                () = self.store.clock().sleep(wait) => {}
                () = self.store.past(self.position) => {}
            }
        }
    }

    /// Takes in what clients have written, lets everything happen that is due, and shows it.
    pub fn step(&mut self) {
        let told = self.apply();
        let now = self.now();
        let due = self.world.next_at().is_some_and(|at| at <= now);
        self.world.run_until(now);
        self.world.pass_to(now);
        if told || due || !self.begun {
            self.begun = true;
            self.show();
        }
        self.expire_events();
    }

    /// The present moment, in the world's own time.
    fn now(&self) -> Timestamp {
        ZERO.after(self.elapsed())
    }

    /// A moment of the world as objects carry it.
    fn stamp(&self, at: Timestamp) -> String {
        timestamp::print_seconds(self.began.after(at.since(ZERO)))
    }

    /// Takes in what was written; whether clients have written anything that may change what is shown.
    fn apply(&mut self) -> bool {
        let Ok(changes) = self.store.changes_since(self.position) else {
            self.take_in_all();
            return true;
        };
        let mut told = false;
        if let Some(last) = changes.last() {
            self.position = last.version;
        }
        for change in changes {
            if [KUBELET, CONTROL].contains(&&*change.by) {
                continue;
            }
            // Leases are renewed all the time.
            told |= change.key.resource != "leases";
            match (self.by_key.get(&change.key), &change.before) {
                (Some(id), Some(before)) => self.take_in_pod(*id, before, change.after),
                _ => self.take_in_other(&change),
            }
        }
        told
    }

    /// The changes were forgotten before they were read: what stands there now must do.
    fn take_in_all(&mut self) {
        self.position = self.store.version();
        let pods = self.pods.iter();
        let known: Vec<_> = pods.map(|(id, m)| (*id, Arc::clone(&m.object))).collect();
        for (id, before) in known {
            let key = self.pods.get(&id).map(|mirror| mirror.key.clone());
            let after = key.and_then(|key| self.store.get(&key));
            self.take_in_pod(id, &before, after);
        }
        self.take_in_all_others();
    }

    /// A client has written to a pod.
    fn take_in_pod(&mut self, id: PodId, before: &Value, after: Option<Arc<Value>>) {
        let now = self.now();
        let Some(mirror) = self.pods.get_mut(&id) else {
            return;
        };
        let same = |object: &Arc<Value>| object["metadata"]["uid"] == *mirror.shown.names.uid;
        let Some(after) = after.filter(same) else {
            self.world.remove(now, id);
            self.show_changes();
            return;
        };
        let supply = &mut self.world.cluster.supply;
        let wanted = apply::wanted(before, &after, &mirror.shown, supply);
        mirror.object = after;
        if let Some(told) = wanted.told.clone() {
            mirror.told = Some(told);
        }
        self.carry_out(now, id, wanted);
        let is_gated = |pod: &Value| !items(pod, "/spec/schedulingGates").is_empty();
        let is_free = self
            .pods
            .get(&id)
            .is_some_and(|mirror| !is_gated(&mirror.object));
        if is_gated(before) && is_free {
            self.world.order(now, |control, c| control.ungate(c, id));
        }
    }

    fn carry_out(&mut self, now: Timestamp, id: PodId, wanted: Wanted) {
        if let Some(cause) = wanted.failed_for {
            self.world.note_failed(now, id, cause);
        }
        if let Some(cause) = wanted.warned_for {
            self.world.note_warned(now, id, cause);
        }
        for patch in wanted.patches {
            self.world.write(now, id, patch);
            let mut changes = self.world.take_changes().into_iter();
            // The first is the write itself, which stands in the store already.
            if let (Some(change), Some(mirror)) = (changes.next(), self.pods.get_mut(&id)) {
                mirror.shown = change.pod;
            }
            changes.for_each(|change| self.show_change(&change));
        }
    }

    fn show(&mut self) {
        self.show_nodes();
        self.show_owners();
        self.show_changes();
        self.show_owners();
        self.show_events();
        disruption::publish(&self.store);
    }

    fn show_changes(&mut self) {
        for change in self.world.take_changes() {
            self.show_change(&change);
        }
    }

    fn show_change(&mut self, change: &Change) {
        let id = change.pod.id;
        match (change.kind, change.by) {
            (ChangeKind::Created, _) => self.show_new(&change.pod),
            (ChangeKind::Removed, _) => {
                if let Some(mirror) = self.pods.remove(&id) {
                    self.by_key.remove(&mirror.key);
                    self.delete_same(&mirror);
                }
            }
            (ChangeKind::Changed { .. }, by) => self.show_changed(&change.pod, by),
        }
    }

    fn show_new(&mut self, pod: &Arc<Pod>) {
        let key = Key::pod(&pod.names.namespace, &pod.names.name);
        let object = self.pod_object(pod);
        // `v1` and `Pod` are served, and the name is not empty.
        let Ok(object) = self.store.put(object, CONTROL) else {
            return;
        };
        self.by_key.insert(key.clone(), pod.id);
        let mirror = Mirror {
            key,
            shown: Arc::clone(pod),
            object,
            told: None,
            events: 0,
        };
        self.pods.insert(pod.id, mirror);
    }

    fn show_changed(&mut self, pod: &Arc<Pod>, by: Writer) {
        let now = self.stamp(self.world.cluster.now);
        let Some(mirror) = self.pods.get_mut(&pod.id) else {
            return;
        };
        let before = std::mem::replace(&mut mirror.shown, Arc::clone(pod));
        let told = mirror.told.as_ref();
        let (uid, cluster) = (&pod.names.uid, &self.world.cluster);
        let began = self.began;
        let written = self.store.update(&mirror.key, writer(by), |object| {
            if object["metadata"]["uid"] != **uid {
                return;
            }
            match by {
                Writer::Kubelet => {
                    let times = status::Times { began, now: &now };
                    status::publish(object, pod, told, cluster, &times);
                }
                Writer::Other => pod::change(object, &before, pod, told, cluster, &now),
            }
        });
        if let Some(written) = written {
            mirror.object = written;
        }
    }

    /// Removes the pod, unless another one has its name by now.
    fn delete_same(&self, mirror: &Mirror) {
        let is_same = |object: &Arc<Value>| object["metadata"]["uid"] == *mirror.shown.names.uid;
        if self.store.get(&mirror.key).is_some_and(|o| is_same(&o)) {
            self.store.delete(&mirror.key, CONTROL);
        }
    }
}

fn store_namespaces(store: &Store) -> Vec<String> {
    let namespaces = store.objects("", "namespaces").into_iter();
    let name = |namespace: Arc<Value>| text(&namespace, "/metadata/name").to_owned();
    namespaces.map(name).collect()
}

const fn writer(by: Writer) -> &'static str {
    match by {
        Writer::Kubelet => KUBELET,
        Writer::Other => CONTROL,
    }
}
