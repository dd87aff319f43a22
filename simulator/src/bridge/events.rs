//! The kubelets' Events as `Event` objects, as few as a real kubelet writes.

use std::time::Duration;

use pullstop_apiserver::Key;
use pullstop_cluster::world::ids::PodId;
use pullstop_cluster::world::kubelet::EventWritten;
use pullstop_core::time::Timestamp;
use serde_json::json;

use super::{Bridge, CONTROL, KUBELET};

/// How long an API server keeps an Event after the last write (`--event-ttl` of kube-apiserver).
const EVENT_TTL: Duration = Duration::from_secs(3600);

impl Bridge {
    /// Shows what the kubelets have written since the last look.
    pub(super) fn show_events(&mut self) {
        let fresh: Vec<(PodId, usize)> = self
            .pods
            .iter()
            .filter(|(id, mirror)| self.world.kubelets.events(**id).len() > mirror.events)
            .map(|(id, mirror)| (*id, mirror.events))
            .collect();
        for (id, shown) in fresh {
            let written = self.world.kubelets.events(id);
            let fresh: Vec<EventWritten> = written[shown..].to_vec();
            let count = written.len();
            for event in &fresh {
                let key = self.show_event(id, event);
                self.expiring.extend(key.map(|key| (event.at, key)));
            }
            if let Some(mirror) = self.pods.get_mut(&id) {
                mirror.events = count;
            }
        }
    }

    /// Takes away the Events that were not written for long. A kubelet that writes one of them again makes it anew, with the
    /// count and the first time that it has kept.
    pub(super) fn expire_events(&mut self) {
        let now = self.world.cluster.now;
        let is_over = |(at, _): &(Timestamp, Key)| at.after(EVENT_TTL) <= now;
        while self.expiring.front().is_some_and(is_over) {
            let Some((at, key)) = self.expiring.pop_front() else {
                return;
            };
            let last = self.stamp(at);
            let event = self.store.get(&key);
            if event.is_some_and(|event| event["lastTimestamp"] == last.as_str()) {
                self.store.delete(&key, CONTROL);
            }
        }
    }

    /// An Event that was written before is counted on, under its first name.
    fn show_event(&self, id: PodId, event: &EventWritten) -> Option<Key> {
        let mirror = self.pods.get(&id)?;
        let pod = &mirror.shown;
        let names = &pod.names;
        let name = format!("{}.{:x}", names.name, event.object + 1);
        let (begun, now) = (self.stamp(event.first_at), self.stamp(event.at));
        let key = Key::of("", "events", &names.namespace, &name);
        let counted = self.store.update(&key, KUBELET, |object| {
            object["count"] = event.count.into();
            object["message"] = (*event.message).into();
            object["lastTimestamp"] = now.as_str().into();
        });
        if counted.is_some() {
            return Some(key);
        }
        let spec = &pod.template.containers[event.container];
        let list = if super::status::is_init(spec.kind) {
            "initContainers"
        } else {
            "containers"
        };
        let node = pod
            .node
            .map(|node| &self.world.cluster.nodes.get(node).name);
        let object = json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {"name": name, "namespace": names.namespace, "creationTimestamp": now},
            "involvedObject": {
                "apiVersion": "v1", "kind": "Pod", "name": names.name, "namespace": names.namespace,
                "uid": names.uid, "fieldPath": format!("spec.{list}{{{}}}", spec.name),
            },
            "type": if event.kind.is_warning() { "Warning" } else { "Normal" },
            "reason": event.kind.as_str(), "message": *event.message, "count": event.count,
            "firstTimestamp": begun, "lastTimestamp": now,
            "source": {"component": "kubelet", "host": node},
            "reportingComponent": "kubelet", "reportingInstance": node,
        });
        // `v1` and `Event` are served, and the name is not empty.
        let _ = self.store.put(object, KUBELET);
        Some(key)
    }
}
