//! Checks nodes, their kubelets, and queues.

use std::time::Duration;

use super::Check;
use crate::pull_errors::Runtime;
use crate::scenario::raw::Spec;
use crate::scenario::raw::cluster::{CapacitySpec, NodesSpec, QueueSpec};
use crate::scenario::raw::value::{At, Placed};
use crate::scenario::{Joins, KubeletConfig, NodeGroup, Queue, QueueOrder, Quota, Resources};

/// The newest release that is modelled.
const NEWEST_MINOR: u32 = 36;
/// Twice what Kubernetes supports (<https://kubernetes.io/docs/setup/best-practices/cluster-large/>).
const NODES_MAX: u64 = 10_000;

impl Check {
    pub(super) fn release(&mut self, spec: &Spec) -> u32 {
        let written = spec
            .cluster
            .as_ref()
            .and_then(|cluster| cluster.kubernetes.as_ref());
        self.or(written, NEWEST_MINOR)
    }

    pub(super) fn nodes(&mut self, spec: &Spec) -> Vec<NodeGroup> {
        let written = spec
            .cluster
            .as_ref()
            .and_then(|cluster| cluster.nodes.as_ref());
        let Some(written) = written else {
            return vec![NodeGroup::usual("node".to_owned())];
        };
        self.ensure(
            !written.is_empty(),
            written,
            "a cluster without nodes runs nothing: name a group, or leave `nodes` out",
        );
        self.unique("group of nodes", written.iter().map(|group| &group.name));
        let groups: Vec<NodeGroup> = written.iter().map(|group| self.group(group)).collect();
        let all: u64 = groups.iter().map(|group| u64::from(group.count)).sum();
        let message = format!("{all} nodes are too many: a scenario has at most {NODES_MAX}");
        self.ensure(all <= NODES_MAX, written, message);
        groups
    }

    pub(super) fn queues(&mut self, spec: &Spec) -> Vec<Queue> {
        self.unique("queue", spec.queues.iter().map(|queue| &queue.name));
        spec.queues.iter().map(|queue| self.queue(queue)).collect()
    }

    fn group(&mut self, group: &NodesSpec) -> NodeGroup {
        let usual = NodeGroup::usual(self.name(&group.name));
        NodeGroup {
            count: self.or(group.count.as_ref(), 1),
            capacity: self.capacity(group.capacity.as_ref(), usual.capacity),
            joins: self.joins(group),
            runtime: self.or(group.runtime.as_ref(), usual.runtime),
            kubelet: self.kubelet(group),
            images: group.images.iter().map(|image| self.name(image)).collect(),
            identity_after: self.or(group.identity_after.as_ref(), usual.identity_after),
            ..usual
        }
    }

    fn capacity(&mut self, capacity: Option<&CapacitySpec>, usual: Resources) -> Resources {
        let Some(capacity) = capacity else {
            return usual;
        };
        Resources {
            cpu_millis: self.or(capacity.cpu.as_ref(), usual.cpu_millis),
            memory_mib: self.or(capacity.memory.as_ref(), usual.memory_mib),
            gpus: self
                .maybe(capacity.gpus.as_ref())
                .map_or(usual.gpus, u64::from),
            pods: self
                .maybe(capacity.pods.as_ref())
                .map_or(usual.pods, u64::from),
        }
    }

    fn joins(&mut self, group: &NodesSpec) -> Joins {
        if let (Some(_), Some(boots_in)) = (&group.joins_at, &group.boots_in) {
            self.error(
                boots_in,
                "nodes join at a time or when they are needed: remove `joinsAt` or `bootsIn`",
            );
        }
        match self.maybe(group.boots_in.as_ref()) {
            Some(boots_in) => Joins::Scaled { boots_in },
            None => Joins::At(self.begins(group.joins_at.as_ref()).unwrap_or_default()),
        }
    }

    /// Defaults as in `pkg/kubelet/apis/config/v1beta1/defaults.go`.
    fn kubelet(&mut self, group: &NodesSpec) -> KubeletConfig {
        let usual = KubeletConfig::default();
        let serialized = self.maybe(group.serialize_image_pulls.as_ref());
        let max = self.maybe(group.max_parallel_image_pulls.as_ref());
        if let (Some(true), Some(text), true) =
            (serialized, &group.max_parallel_image_pulls, max > Some(1))
        {
            self.error(
                text,
                "no kubelet starts with this and `serializeImagePulls: true`: remove one of them",
            );
        }
        let qps = self.or(group.registry_pull_qps.as_ref(), usual.registry_qps);
        let burst = self.or(group.registry_burst.as_ref(), usual.registry_burst);
        if let (Some(text), 0, true) = (&group.registry_burst, burst, qps > 0) {
            self.error(text, "`registryBurst: 0` allows no pull ever: write 1 or more, or `registryPullQPS: 0` for no limit");
        }
        KubeletConfig {
            parallel_pulls_max: match (serialized, max) {
                (Some(true), _) | (None, None) => Some(1),
                (Some(false) | None, max) => max,
            },
            registry_qps: qps,
            registry_burst: burst,
        }
    }

    fn queue(&mut self, queue: &At<QueueSpec>) -> Queue {
        let mut quota = Quota::default();
        if let Some(written) = &queue.quota {
            quota.cpu_millis = self.maybe(written.cpu.as_ref());
            quota.gpus = self.maybe(written.gpus.as_ref()).map(u64::from);
            quota.jobs = self.maybe(written.jobs.as_ref()).map(u64::from);
            let says_something = [
                written.cpu.is_some(),
                written.gpus.is_some(),
                written.jobs.is_some(),
            ]
            .contains(&true);
            self.ensure(
                says_something,
                &queue.place(),
                "a quota without limits holds nobody up: write `cpu`, `gpus` or `jobs`",
            );
        }
        Queue {
            name: self.name(&queue.name),
            quota,
            order: self.or(queue.order.as_ref(), QueueOrder::Fifo),
        }
    }
}

impl NodeGroup {
    /// One node of 64 CPUs, 256 GiB and 8 GPUs, as clusters for training have them, and the kubelet's `maxPods`.
    pub fn usual(name: String) -> Self {
        Self {
            name,
            count: 1,
            capacity: Resources {
                cpu_millis: 64_000,
                memory_mib: 256 * 1024,
                gpus: 8,
                pods: 110,
            },
            joins: Joins::At(Duration::ZERO),
            runtime: Runtime::default(),
            kubelet: KubeletConfig::default(),
            images: Vec::new(),
            identity_after: Duration::ZERO,
        }
    }
}
