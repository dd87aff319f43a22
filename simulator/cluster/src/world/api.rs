//! The API server: stored pods, and their changes.

use std::sync::Arc;
use std::time::Duration;

use pullstop_core::pod::Phase;
use pullstop_core::time::Timestamp;

use super::ids::{ImageId, NodeId, PodId};
use super::pod::{Conditions, Mark, Pod, Ready, Status};

/// The store. Every change is noted, to be told to those who watch.
#[derive(Debug, Default)]
pub struct Api {
    pods: Vec<Option<Arc<Pod>>>,
    version: u64,
    changes: Vec<Change>,
}

/// A change that watchers are still to hear of.
#[derive(Clone, Debug)]
pub struct Change {
    /// The pod after it; if it is gone, as it was last.
    pub pod: Arc<Pod>,
    /// What kind of change.
    pub kind: ChangeKind,
    /// Who made it.
    pub by: Writer,
}

/// The kinds of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// The pod is new.
    Created,
    /// It has changed, from this phase.
    Changed {
        /// The phase before.
        from: Phase,
    },
    /// It was removed.
    Removed,
}

/// Who writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// The pod's kubelet.
    Kubelet,
    /// Another client.
    Other,
}

/// Why a write was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The pod is not at the version that the write names (409).
    Conflict,
    /// There is no such pod (404).
    NotFound,
}

/// A change that a client other than the kubelet wants.
#[derive(Clone, Debug)]
pub enum Patch {
    /// Phase, reason and condition, and an annotation if it is durable.
    Fail {
        /// `status.reason`.
        reason: &'static str,
        /// The condition.
        mark: Option<Mark>,
        /// Whether an annotation changes in the same patch.
        durable: bool,
    },
    /// The condition only.
    Mark(Option<Mark>),
    /// `spec.activeDeadlineSeconds`.
    ActiveDeadline(Duration),
    /// The image of the container at this place.
    Image(usize, ImageId),
    /// Labels or annotations, which mean nothing here but wake the kubelet's worker.
    Touch,
    /// The binding to a node.
    Bind(NodeId),
    /// `metadata.deletionTimestamp`.
    Delete(Timestamp),
    /// It belongs to nobody any more.
    Orphan,
    /// It is evicted.
    Disrupt,
}

impl Api {
    /// How many pods there ever were.
    pub const fn pods_ever(&self) -> usize {
        self.pods.len()
    }

    /// The pod, if it is there.
    pub fn get(&self, id: PodId) -> Option<&Arc<Pod>> {
        self.pods.get(id.index())?.as_ref()
    }

    /// The version of the last change.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// All that are there, in the order of their creation.
    pub fn list(&self) -> impl Iterator<Item = &Arc<Pod>> {
        self.pods.iter().flatten()
    }

    /// The name of the next pod that is created.
    pub fn next_id(&self) -> PodId {
        PodId::at(self.pods.len())
    }

    /// Stores a pod under [`Self::next_id`].
    pub fn create(&mut self, mut pod: Pod) -> PodId {
        let id = self.next_id();
        self.version += 1;
        (pod.id, pod.version) = (id, self.version);
        let pod = Arc::new(pod);
        self.pods.push(Some(Arc::clone(&pod)));
        self.changes.push(Change {
            pod,
            kind: ChangeKind::Created,
            by: Writer::Other,
        });
        id
    }

    /// Carries out a patch, if the pod is at `version` or none is asked for. The answer is the new version.
    ///
    /// # Errors
    /// If there is no such pod, or it is at another version.
    pub fn patch(&mut self, id: PodId, version: Option<u64>, patch: Patch) -> Result<u64, Refused> {
        let current = self.get(id).ok_or(Refused::NotFound)?;
        if version.is_some_and(|version| version != current.version) {
            return Err(Refused::Conflict);
        }
        self.change(id, Writer::Other, |pod| apply(pod, patch))
            .ok_or(Refused::NotFound)
    }

    /// The kubelet writes its status: everything that it owns, whatever stands there.
    pub fn publish(&mut self, id: PodId, status: Status) {
        self.change(id, Writer::Kubelet, |pod| pod.status = status);
    }

    /// The pod is removed.
    pub fn remove(&mut self, id: PodId) {
        let Some(pod) = self.pods.get_mut(id.index()).and_then(Option::take) else {
            return;
        };
        self.version += 1;
        self.changes.push(Change {
            pod,
            kind: ChangeKind::Removed,
            by: Writer::Other,
        });
    }

    /// What has changed since the last call.
    pub fn take_changes(&mut self, into: &mut Vec<Change>) {
        std::mem::swap(into, &mut self.changes);
    }

    fn change(&mut self, id: PodId, by: Writer, how: impl FnOnce(&mut Pod)) -> Option<u64> {
        let stored = self.pods.get_mut(id.index())?.as_mut()?;
        self.version += 1;
        let from = stored.status.phase;
        let pod = Arc::make_mut(stored);
        how(pod);
        pod.version = self.version;
        self.changes.push(Change {
            pod: Arc::clone(stored),
            kind: ChangeKind::Changed { from },
            by,
        });
        Some(self.version)
    }
}

fn apply(pod: &mut Pod, patch: Patch) {
    match patch {
        Patch::Fail {
            reason,
            mark,
            durable,
        } => {
            pod.status.phase = Phase::Failed;
            pod.status.reason = reason;
            pod.mark = mark.or_else(|| pod.mark.take());
            pod.generation += u32::from(durable);
        }
        Patch::Mark(mark) => pod.mark = mark,
        Patch::ActiveDeadline(deadline) => {
            pod.active_deadline = Some(deadline);
            pod.generation += 1;
        }
        Patch::Image(place, image) => {
            let mut images = pod.images.to_vec();
            if let Some(slot) = images.get_mut(place) {
                *slot = image;
            }
            pod.images = images.into();
            pod.generation += 1;
        }
        Patch::Touch => pod.generation += 1,
        Patch::Orphan => pod.owner = None,
        Patch::Disrupt => pod.is_disrupted = true,
        Patch::Bind(node) => {
            pod.node = Some(node);
            pod.generation += 1;
        }
        Patch::Delete(at) => {
            pod.deleting_since.get_or_insert(at);
            pod.generation += 1;
        }
    }
}

impl Conditions {
    /// Whether the kubelet has taken a terminal phase over.
    pub const fn agreed(self) -> bool {
        matches!(self.ready, Ready::PodFailed | Ready::PodCompleted)
    }
}
