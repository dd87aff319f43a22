//! Simulated nodes as `Node` objects.

use pullstop_apiserver::Key;
use pullstop_cluster::pull_errors::Runtime;
use pullstop_cluster::world::nodes::Node;
use serde_json::{Value, json};

use super::template::quantities;
use super::{Bridge, CONTROL};

impl Bridge {
    /// Shows the nodes that have joined since the last look.
    pub(super) fn show_nodes(&mut self) {
        let nodes = &self.world.cluster.nodes;
        let count = nodes.iter().filter(|(_, n)| n.joined_at.is_some()).count();
        if count == self.nodes_shown {
            return;
        }
        self.nodes_shown = count;
        for (_, node) in nodes.iter() {
            let name = Key::of("", "nodes", "", &node.name);
            if let Some(at) = node.joined_at.filter(|_| self.store.get(&name).is_none()) {
                let object = node_object(node, &self.stamp(at), self.world.kubelets.minor());
                // `v1` and `Node` are served, and the name is not empty.
                let _ = self.store.put(object, CONTROL);
            }
        }
    }
}

fn node_object(node: &Node, now: &str, minor: u32) -> Value {
    let mut capacity = quantities(&node.capacity);
    capacity.insert("pods".to_owned(), node.capacity.pods.to_string().into());
    let runtime = match node.runtime {
        Runtime::Containerd2 => "containerd://2.1.9",
        Runtime::Containerd17 => "containerd://1.7.24",
        Runtime::Containerd16 => "containerd://1.6.20",
        Runtime::Crio => "cri-o://1.34.0",
    };
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {
            "name": node.name, "creationTimestamp": now,
            "labels": {"kubernetes.io/hostname": node.name, "kubernetes.io/os": "linux"},
        },
        "spec": {},
        "status": {
            "capacity": capacity, "allocatable": capacity,
            "conditions": [{
                "type": "Ready", "status": "True", "reason": "KubeletReady",
                "message": "kubelet is posting ready status",
                "lastHeartbeatTime": now, "lastTransitionTime": now,
            }],
            "addresses": [{"type": "Hostname", "address": node.name}],
            "nodeInfo": {
                "kubeletVersion": format!("v1.{minor}.0"), "containerRuntimeVersion": runtime,
                "operatingSystem": "linux", "architecture": "amd64", "osImage": "simulated",
                "kernelVersion": "simulated", "machineID": "", "systemUUID": "", "bootID": "",
                "kubeProxyVersion": "",
            },
        },
    })
}
