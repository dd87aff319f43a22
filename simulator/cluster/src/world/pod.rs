//! Pods as the API server stores them.

use std::sync::Arc;
use std::time::Duration;

use pullstop_core::cause::Cause;
use pullstop_core::engine::Memory;
use pullstop_core::pod::{Phase, RestartPolicy};
use pullstop_core::time::Timestamp;

use super::ids::{ImageId, NodeId, OwnerId, PodId};
use crate::scenario::glob;
use crate::scenario::workload::PodTemplate;

/// One version of a pod.
#[derive(Clone, Debug)]
pub struct Pod {
    /// Its place in the tables.
    pub id: PodId,
    /// What it is called.
    pub names: Arc<Names>,
    /// Who made it.
    pub owner: Option<Owner>,
    /// What it was made from.
    pub template: Arc<PodTemplate>,
    /// The images of its containers, in the template's order; they can be edited.
    pub images: Arc<[ImageId]>,
    /// `metadata.creationTimestamp`.
    pub created_at: Timestamp,
    /// `metadata.resourceVersion`.
    pub version: u64,
    /// `metadata.deletionTimestamp`.
    pub deleting_since: Option<Timestamp>,
    /// `spec.nodeName`.
    pub node: Option<NodeId>,
    /// `spec.activeDeadlineSeconds`.
    pub active_deadline: Option<Duration>,
    /// Grows with every change of spec, labels or annotations: what the kubelet takes for an update.
    pub generation: u32,
    /// `status`.
    pub status: Status,
    /// The condition `pullstop.dev/ImagePullFailed`, which the kubelet keeps.
    pub mark: Option<Mark>,
    /// The condition `DisruptionTarget`: it was evicted.
    pub is_disrupted: bool,
}

/// What a pod is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
}

/// Who made a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// A Job or a `ReplicaSet`.
    pub kind: OwnerKind,
    /// Which.
    pub id: OwnerId,
    /// The index of an indexed Job's pod.
    pub index: u32,
}

/// The kinds of owners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "Kubernetes' own names")]
pub enum OwnerKind {
    Job,
    ReplicaSet,
}

impl Names {
    /// Whether a pattern means this pod: `namespace/name`, or only a name for any namespace, with `*` for anything.
    pub fn matches(&self, pattern: &str) -> bool {
        match pattern.split_once('/') {
            None => glob::matches(pattern, &self.name),
            Some((namespace, name)) => {
                glob::matches(namespace, &self.namespace) && glob::matches(name, &self.name)
            }
        }
    }
}

impl OwnerKind {
    /// Kubernetes' name of the kind.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Job => "Job",
            Self::ReplicaSet => "ReplicaSet",
        }
    }
}

/// `status`, as far as it matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// `phase`.
    pub phase: Phase,
    /// `reason` and `message`, of which only the first decides anything.
    pub reason: &'static str,
    /// The conditions that the kubelet owns.
    pub conditions: Conditions,
    /// `startTime`.
    pub started_at: Option<Timestamp>,
    /// One for each container in the template's order; none until the kubelet has published.
    pub containers: Box<[ContainerStatus]>,
}

/// The kubelet's conditions, as far as they matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// `PodReadyToStartContainers`.
    pub sandbox_ready: bool,
    /// `Ready`.
    pub ready: Ready,
}

/// The condition `Ready` and its reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ready {
    /// Not set yet.
    #[default]
    Unset,
    /// `False`, `ContainersNotReady`.
    ContainersNotReady,
    /// `True`.
    Yes,
    /// `False`, `PodFailed`: the kubelet has taken the failure over.
    PodFailed,
    /// `False`, `PodCompleted`.
    PodCompleted,
}

/// A container's status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerStatus {
    /// `state`.
    pub state: ContainerState,
    /// `restartCount`.
    pub restart_count: u32,
    /// Whether `lastState` is set.
    pub ran: bool,
}

/// A container's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContainerState {
    /// `waiting`.
    Waiting {
        /// `reason`.
        reason: Arc<str>,
        /// `message`.
        message: Arc<str>,
    },
    /// `running`.
    Running,
    /// `terminated`.
    Terminated {
        /// `exitCode`.
        exit_code: i32,
        /// `reason`.
        reason: &'static str,
        /// `finishedAt`; the synthetic state of a container that never started has none.
        finished_at: Option<Timestamp>,
    },
}

/// What stands in the condition `pullstop.dev/ImagePullFailed`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// `False`, reason `Failing`: what survives a restart of the enforcer.
    Failing(Arc<[Memory]>),
    /// `True`, reason the cause.
    Failed(Cause),
}

impl Pod {
    /// Whether its phase is `Succeeded` or `Failed`.
    pub const fn is_terminal(&self) -> bool {
        self.status.phase.is_terminal()
    }

    /// `spec.restartPolicy`.
    pub fn restart_policy(&self) -> RestartPolicy {
        self.template.restart_policy
    }
}

impl Status {
    /// The status of a pod that was just created.
    pub fn fresh() -> Self {
        Self {
            phase: Phase::Pending,
            reason: "",
            conditions: Conditions::default(),
            started_at: None,
            containers: Box::default(),
        }
    }
}
