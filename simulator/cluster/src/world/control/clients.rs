//! What clients outside of the world do to its Jobs, `ReplicaSets` and nodes. Only served clusters have such clients.

use std::sync::Arc;

use super::job::JobState;
use super::{Control, OwnerState};
use crate::scenario::workload::{Job, PodTemplate};
use crate::world::api::Patch;
use crate::world::cluster::Cluster;
use crate::world::ids::{NodeId, OwnerId, PodId};
use crate::world::journal::What;

/// What becomes of the pods of an owner that is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dependents {
    /// They are deleted too.
    Delete,
    /// They stay, and belong to nobody.
    Orphan,
}

impl Control {
    /// A client has created a Job.
    pub fn adopt_job(
        &mut self,
        c: &mut Cluster,
        (namespace, name): (&str, &str),
        spec: &Job,
        template: PodTemplate,
    ) -> OwnerId {
        let id = OwnerId::at(self.owners.len());
        let template = Arc::new(template);
        let mut job = JobState::new(c.now, name.to_owned(), spec, namespace, template);
        job.is_adopted = true;
        c.journal
            .add(c.now, None, || What::Owner(id, "created".to_owned()));
        self.owners.push(OwnerState::Job(Box::new(job)));
        self.job_arrives(c, id);
        id
    }

    /// A client has suspended a Job, or resumed it.
    pub fn suspend(&mut self, c: &mut Cluster, id: OwnerId, is_suspended: bool) {
        let Some(OwnerState::Job(job)) = self.owners.get_mut(id.index()) else {
            return;
        };
        if is_suspended {
            job.suspend(c);
        } else {
            job.resume(c, id);
        }
    }

    /// A client has changed `spec.replicas` of a `ReplicaSet`.
    pub fn scale(&mut self, c: &mut Cluster, id: OwnerId, replicas: u32) {
        if let Some(OwnerState::ReplicaSet(set)) = self.owners.get_mut(id.index()) {
            set.scale(replicas);
            set.look_soon(c, id);
        }
    }

    /// A client has changed what may change of a Job's specification.
    pub fn revise(&mut self, c: &mut Cluster, id: OwnerId, to: &Job) {
        if let Some(OwnerState::Job(job)) = self.owners.get_mut(id.index()) {
            job.revise(c, id, to);
        }
    }

    /// A client has deleted a Job or a `ReplicaSet`: it does nothing any more.
    pub fn remove(&mut self, c: &mut Cluster, id: OwnerId, dependents: Dependents) {
        let Some(owner) = self.owners.get_mut(id.index()) else {
            return;
        };
        let pods = match owner {
            OwnerState::Job(job) => {
                let queue = job.spec.queue.clone();
                let is_running = job.started_at.is_some() && job.finished.is_none();
                if let Some(queue) = queue.filter(|_| !job.is_removed) {
                    self.queues.forget(&queue, id);
                    if is_running {
                        self.queues.release(&queue, &job.need());
                    }
                    c.queue
                        .add(c.now, crate::world::Event::Control(super::Event::Admit));
                }
                job.remove()
            }
            OwnerState::ReplicaSet(set) => set.remove(),
        };
        for pod in pods {
            let patch = match dependents {
                Dependents::Delete => Patch::Delete(c.now),
                Dependents::Orphan => Patch::Orphan,
            };
            // It may be gone already, which is just as well.
            let _ = c.api.patch(pod, None, patch);
        }
    }

    /// A client has cordoned a node, or uncordoned it.
    pub fn cordon(&mut self, c: &mut Cluster, node: NodeId, is_cordoned: bool) {
        c.nodes.get_mut(node).is_cordoned = is_cordoned;
        self.scheduler.soon(c);
    }

    /// A client has taken the last scheduling gate from a pod.
    pub fn ungate(&mut self, c: &mut Cluster, pod: PodId) {
        self.scheduler.add(c, pod);
    }
}
