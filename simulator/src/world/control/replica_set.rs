//! `ReplicaSets`: whatever ends is replaced at once (`pkg/controller/replicaset`).

use std::sync::Arc;
use std::time::Duration;

use super::{Event, create_pod};
use crate::scenario::workload::PodTemplate;
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
        }
    }

    /// `metadata.namespace`.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// `spec.replicas`.
    pub const fn replicas(&self) -> u32 {
        self.replicas
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
            c.agenda.add(
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
