//! The kubelets' Events as objects: as many as a real kubelet writes, which is fewer than happen.

use serde_json::json;

use super::{Bridge, KUBELET};
use crate::serve::store::Key;
use crate::world::ids::PodId;
use crate::world::kubelet::EventWritten;

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
            for place in shown..written.len() {
                self.show_event(id, written, place);
            }
            let count = written.len();
            if let Some(mirror) = self.pods.get_mut(&id) {
                mirror.events = count;
            }
        }
    }

    /// An Event that was written before is counted on, under its first name.
    fn show_event(&self, id: PodId, written: &[EventWritten], place: usize) {
        let event = &written[place];
        let is_same = |e: &EventWritten| e.object == event.object;
        let first = written.iter().position(is_same).unwrap_or(place);
        let Some(mirror) = self.pods.get(&id) else {
            return;
        };
        let pod = &mirror.shown;
        let names = &pod.names;
        let name = format!("{}.{:x}", names.name, event.object + 1);
        let (begun, now) = (self.stamp(written[first].at), self.stamp(event.at));
        let key = Key::of("", "events", &names.namespace, &name);
        let counted = self.store.update(&key, KUBELET, |object| {
            object["count"] = event.count.into();
            object["message"] = (*event.message).into();
            object["lastTimestamp"] = now.as_str().into();
        });
        if counted.is_some() {
            return;
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
    }
}
