//! The controller of `ReplicaSets`: it replaces ended pods at once (`pkg/controller/replicaset`).

use std::sync::Arc;
use std::time::Duration;

use super::{Event, create_pod};
use crate::scenario::workload::PodTemplate;
use crate::world::api::Patch;
use crate::world::cluster::Cluster;
use crate::world::ids::{OwnerId, PodId};
use crate::world::pod::{Owner, OwnerKind, Pod};

/// The controller is told of a change and acts on it.
const LATENCY: Duration = Duration::from_millis(50);

/// A `ReplicaSet`.
#[derive(Debug)]
pub struct ReplicaSetState {
    /// `metadata.name`.
    pub name: String,
    namespace: String,
    replicas: u32,
    template: Arc<PodTemplate>,
    pods: Vec<PodId>,
    made: u32,
    is_due: bool,
    is_removed: bool,
}

impl ReplicaSetState {
    pub(super) fn new(
        name: String,
        namespace: &str,
        replicas: u32,
        template: Arc<PodTemplate>,
    ) -> Self {
        Self {
            name,
            namespace: namespace.to_owned(),
            replicas,
            template,
            pods: Vec::new(),
            made: 0,
            is_due: false,
            is_removed: false,
        }
    }

    pub(super) const fn scale(&mut self, replicas: u32) {
        self.replicas = replicas;
    }

    /// It makes no pods any more; those that it had.
    pub(super) fn remove(&mut self) -> Vec<PodId> {
        self.is_removed = true;
        std::mem::take(&mut self.pods)
    }

    /// Whether it was deleted.
    pub const fn is_removed(&self) -> bool {
        self.is_removed
    }

    /// `metadata.namespace`.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// `spec.replicas`.
    pub const fn replicas(&self) -> u32 {
        self.replicas
    }

    /// The pods that it knows of, as of its last look.
    pub fn pods(&self) -> &[PodId] {
        &self.pods
    }

    /// `spec.template`.
    pub const fn template(&self) -> &Arc<PodTemplate> {
        &self.template
    }

    /// How many pods it has made.
    pub const fn made(&self) -> u32 {
        self.made
    }

    pub(super) fn look_soon(&mut self, c: &mut Cluster, id: OwnerId) {
        if !self.is_due {
            self.is_due = true;
            c.queue.add(
                c.now.after(LATENCY),
                crate::world::Event::Control(Event::Sync(id)),
            );
        }
    }

    pub(super) fn sync(&mut self, c: &mut Cluster, id: OwnerId) {
        self.is_due = false;
        let is_active = |pod: &Arc<Pod>| !pod.is_terminal() && pod.deleting_since.is_none();
        self.pods
            .retain(|pod| c.api.get(*pod).is_some_and(is_active));
        if self.is_removed {
            return;
        }
        // Those that have come least far go first, the newest before the others.
        while self.pods.len() > self.replicas as usize {
            let is_bound = |pod: &PodId| c.api.get(*pod).is_some_and(|pod| pod.node.is_some());
            let place = self.pods.iter().rposition(|pod| !is_bound(pod));
            let pod = self.pods.remove(place.unwrap_or(self.pods.len() - 1));
            // It may be gone already, which is just as well.
            let _ = c.api.patch(pod, None, Patch::Delete(c.now));
        }
        while self.pods.len() < self.replicas as usize {
            let owner = Owner {
                kind: OwnerKind::ReplicaSet,
                id,
                index: 0,
            };
            let name = format!("{}-{}", self.name, self.made);
            self.made += 1;
            let pod = create_pod(c, &self.template, &self.namespace, name, Some(owner));
            self.pods.push(pod);
        }
    }
}
