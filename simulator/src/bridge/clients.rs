//! Handles what clients create, delete and change beside simulated pods: pods, Jobs, replicas, nodes, namespaces.

use std::sync::Arc;

use pullstop_apiserver::value::{items, text};
use pullstop_apiserver::{Change, Key};
use pullstop_cluster::world::control::clients::Dependents;
use pullstop_cluster::world::ids::OwnerId;
use pullstop_cluster::world::pod::Names;
use serde_json::{Value, json};

use super::owners::{ORPHAN, Shown};
use super::{Bridge, CONTROL, Mirror, read};

/// Who removes what is in a namespace that is deleted.
const NAMESPACES: &str = "system:serviceaccount:kube-system:namespace-controller";

impl Bridge {
    /// A client has written to something that is no pod of the world.
    pub(super) fn take_in_other(&mut self, change: &Change) {
        let key = &change.key;
        match (key.group.as_str(), key.resource.as_str()) {
            ("", "pods") => {
                if let (None, Some(pod)) = (&change.before, &change.after) {
                    self.adopt_pod(key, pod);
                }
            }
            ("batch", "jobs") | ("apps", "replicasets") => self.take_in_owner(change),
            ("", "nodes") => self.take_in_node(change),
            ("", "namespaces") => self.take_in_namespace(change),
            _ => {}
        }
    }

    /// The changes were forgotten before they were read: what stands there now must do.
    pub(super) fn take_in_all_others(&mut self) {
        let known: Vec<_> = self
            .owners
            .iter()
            .filter_map(|(id, shown)| shown.seen(*id))
            .collect();
        for (id, key, before) in known {
            let after = self.store.get(&key);
            let is_same =
                |after: &Arc<Value>| after["metadata"]["uid"] == before["metadata"]["uid"];
            if let Some(after) = after.filter(is_same) {
                self.change_owner(id, &before, &after);
            } else {
                self.remove_owner(id, Dependents::Delete);
                self.owners.entry(id).and_modify(Shown::forget);
            }
        }
        let all = [
            ("batch", "jobs"),
            ("", "pods"),
            ("", "nodes"),
            ("", "namespaces"),
        ];
        for (group, resource) in all {
            for object in self.store.objects(group, resource) {
                let of = |pointer: &str| text(&object, pointer);
                let key = Key::of(
                    group,
                    resource,
                    of("/metadata/namespace"),
                    of("/metadata/name"),
                );
                let is_known = self.by_key.contains_key(&key) || self.owner_of(&key).is_some();
                if !is_known {
                    self.take_in_other(&Change {
                        version: self.position,
                        key,
                        before: None,
                        after: Some(Arc::clone(&object)),
                        by: "".into(),
                    });
                }
            }
        }
    }

    /// Every namespace has an account for its pods, which the controller of accounts makes.
    pub(super) fn add_account(&self, namespace: &str) {
        let key = Key::of("", "serviceaccounts", namespace, "default");
        if self.store.get(&key).is_none() {
            let account = json!({
                "apiVersion": "v1", "kind": "ServiceAccount",
                "metadata": {"name": "default", "namespace": namespace},
            });
            // `v1` and `ServiceAccount` are served, and the name is not empty.
            let _ = self.store.put(account, CONTROL);
        }
    }

    fn adopt_pod(&mut self, key: &Key, object: &Arc<Value>) {
        let names = Names {
            namespace: key.namespace.clone(),
            name: key.name.clone(),
            uid: text(object, "/metadata/uid").to_owned(),
        };
        let template = read::template(&object["spec"]);
        let nodes = &self.world.cluster.nodes;
        let node = nodes.named(text(object, "/spec/nodeName"));
        let now = self.now();
        let id = self.world.adopt_pod(now, names, template, node);
        let mut changes = self.world.take_changes().into_iter();
        // The first is the creation itself, which stands in the store already.
        if let Some(change) = changes.next() {
            self.by_key.insert(key.clone(), id);
            let mirror = Mirror {
                key: key.clone(),
                shown: change.pod,
                object: Arc::clone(object),
                told: None,
                events: 0,
            };
            self.pods.insert(id, mirror);
        }
        changes.for_each(|change| self.show_change(&change));
    }

    fn take_in_owner(&mut self, change: &Change) {
        let known = self.owner_of(&change.key);
        match (&change.before, &change.after) {
            (None, Some(job)) if change.key.resource == "jobs" => self.adopt_job(&change.key, job),
            (Some(before), Some(after)) => {
                if let Some(id) = known {
                    self.change_owner(id, before, after);
                }
            }
            (Some(_), None) => {
                if let Some(id) = known {
                    self.remove_owner(id, Dependents::Delete);
                    self.owners.entry(id).and_modify(Shown::forget);
                }
            }
            _ => {}
        }
    }

    fn adopt_job(&mut self, key: &Key, object: &Arc<Value>) {
        let now = self.now();
        let (spec, template) = (
            read::job(object),
            read::template(&object["spec"]["template"]["spec"]),
        );
        let name = (key.namespace.as_str(), key.name.as_str());
        let id = self.world.order(now, |control, c| {
            control.adopt_job(c, name, &spec, template)
        });
        let shown = Shown::adopted(key.clone(), Arc::clone(object));
        self.owners.insert(id, shown);
        self.show_owners();
        self.show_changes();
    }

    fn change_owner(&mut self, id: OwnerId, before: &Value, after: &Value) {
        let now = self.now();
        let differs = |pointer: &str| before.pointer(pointer) != after.pointer(pointer);
        if differs("/metadata/deletionTimestamp") {
            let orphans = items(after, "/metadata/finalizers").contains(&ORPHAN.into());
            let dependents = if orphans {
                Dependents::Orphan
            } else {
                Dependents::Delete
            };
            self.remove_owner(id, dependents);
        }
        if differs("/spec/suspend") {
            let is_suspended = after["spec"]["suspend"] == true;
            self.world
                .order(now, |control, c| control.suspend(c, id, is_suspended));
        }
        let replicas = after["spec"]["replicas"].as_u64();
        if let Some(replicas) = replicas.filter(|_| differs("/spec/replicas")) {
            self.world.order(now, |control, c| {
                control.scale(c, id, read::count(replicas));
            });
        }
        if differs("/spec") && text(after, "/kind") == "Job" {
            let spec = read::job(after);
            self.world
                .order(now, |control, c| control.revise(c, id, &spec));
        }
        self.show_changes();
    }

    fn remove_owner(&mut self, id: OwnerId, dependents: Dependents) {
        let now = self.now();
        self.world
            .order(now, |control, c| control.remove(c, id, dependents));
        self.show_changes();
    }

    fn take_in_node(&mut self, change: &Change) {
        let node = change.after.as_ref();
        let is_cordoned = node.is_some_and(|node| node["spec"]["unschedulable"] == true);
        if let Some(id) = self.world.cluster.nodes.named(&change.key.name) {
            let now = self.now();
            self.world
                .order(now, |control, c| control.cordon(c, id, is_cordoned));
        }
    }

    fn take_in_namespace(&mut self, change: &Change) {
        let name = change.key.name.as_str();
        match (&change.before, &change.after) {
            (None, Some(_)) => self.add_account(name),
            (Some(_), None) => {
                for key in self.store.keys_in(name) {
                    self.store.delete(&key, NAMESPACES);
                }
            }
            _ => {}
        }
    }

    fn owner_of(&self, key: &Key) -> Option<OwnerId> {
        let mut owners = self.owners.iter();
        owners
            .find(|(_, shown)| shown.is_at(key))
            .map(|(id, _)| *id)
    }
}
