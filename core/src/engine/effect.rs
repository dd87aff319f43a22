//! The effects that the engine asks its driver for.

use crate::cause::{Cause, Permanence};
use crate::container::StartedOver;
use crate::history::Memory;
use crate::overrides::{Mode, Overrides};
use crate::plugin::{ActivePolicies, Enforcement, TrailEntry};
use crate::pod::{PodRef, ResourceVersion};
use crate::time::Timestamp;

/// One effect. Those that write are answered with [`super::Input::Outcome`]; until then the pod has no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Make the durable write: one patch of `pods/status` with phase, reason, message, condition and an annotation,
    /// under the decision's uid and resource version.
    Fail(Box<Decision>),
    /// Lower `spec.activeDeadlineSeconds`, since the kubelet put the pod back too often.
    Deadline(Box<Decision>),
    /// Set the condition and send an event.
    Warn(Box<Decision>),
    /// Keep what must survive a restart: the condition with reason `Failing`. Later snapshots of the pod then carry
    /// it as [`crate::pod::ContainerSnapshot::memory`].
    Remember {
        /// The pod.
        pod: PodRef,
        /// The version that was judged.
        resource_version: ResourceVersion,
        /// One memory per failing container; none if nothing of the pod is to be remembered any more.
        memories: Vec<Memory>,
    },
    /// List all pods, between [`super::Input::RelistBegin`] and [`super::Input::RelistEnd`]: the scope has changed.
    List,
    /// Read the pod afresh and tell what it looks like, or that it is gone from the cluster.
    Read(PodRef),
    /// The state machine has made a transition that logs, metrics and stories want to tell; nothing is to be done.
    Transition(Transition),
}

/// A verdict on a pod, with all that led to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The pod.
    pub pod: PodRef,
    /// The version that was judged: the precondition of any write.
    pub resource_version: ResourceVersion,
    /// What the pod asked for when it was judged. A driver that reads more than the pod for that looks again before it
    /// writes: the version does not tell of changes elsewhere.
    pub overrides: Overrides,
    /// The container on which the pod is judged.
    pub container: String,
    /// The image that it cannot get.
    pub image: String,
    /// The cause of the latest failure; the rule is that cause's.
    pub cause: Cause,
    /// What the latest failure's message says about waiting.
    pub permanence: Permanence,
    /// Failures of the rule's causes: a lower bound.
    pub failures: u32,
    /// When the first of them was seen.
    pub first_failure_at: Timestamp,
    /// When the verdict was reached.
    pub decided_at: Timestamp,
    /// The rule's name.
    pub rule: String,
    /// What is to be done, or in a dry run would be.
    pub enforcement: Enforcement,
    /// What each plugin said.
    pub trail: Vec<TrailEntry>,
}

impl Decision {
    /// Whether these policies still allow it: they may have changed since it was reached.
    pub fn is_allowed_by(&self, policies: &ActivePolicies) -> bool {
        let namespace = self.pod.namespace();
        let policy = policies.of(namespace);
        let mode = policy.mode_for(self.overrides.mode);
        let is_in_mode = match self.enforcement {
            Enforcement::Fail => mode == Mode::Enforce,
            Enforcement::Warn => mode >= Mode::Warn,
            Enforcement::WouldWarn | Enforcement::WouldFail => mode >= Mode::DryRun,
        };
        let rule = policy.rule_for(self.cause);
        is_in_mode
            && policy.scope.covers_namespace(namespace)
            && rule.is_some_and(|rule| {
                rule.name == self.rule && rule.action >= self.enforcement.action()
            })
    }
}

/// A transition of the state machine of one pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// The pod.
    pub pod: PodRef,
    /// The container, if it is about one; empty otherwise.
    pub container: String,
    /// Which.
    pub kind: TransitionKind,
}

/// The kinds of transitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransitionKind {
    /// A failed pull was counted.
    Counted {
        /// Why it failed.
        cause: Cause,
        /// Whether waiting can help.
        permanence: Permanence,
        /// The part of the message that decided the cause.
        matched: String,
        /// Failures of any cause so far.
        failures: u32,
    },
    /// Events tell of failures before the pod was first seen.
    Recollected {
        /// Failures of any cause, at least.
        failures: u32,
        /// When the first was, at the latest.
        since: Timestamp,
    },
    /// The kubelet's own limiter refused to pull: not a failure.
    Throttled,
    /// The container is back at `ContainerCreating`: neither failing nor recovered.
    Suspended,
    /// The count starts from zero.
    StartedOver {
        /// Why.
        why: StartedOver,
        /// Failures that no longer count.
        failures: u32,
    },
    /// The container has its image.
    Recovered {
        /// Failures until then.
        failures: u32,
    },
    /// A verdict is due but something speaks against acting now.
    Held {
        /// What speaks against it.
        why: String,
        /// What was said for and against.
        trail: Vec<TrailEntry>,
    },
    /// In a dry run: what would have been done.
    DryRun(Box<Decision>),
    /// The kubelet put the failed pod back to `Pending`.
    PutBack {
        /// How many writes were put back so far.
        times: u32,
    },
    /// The pod has ended without our doing; its failures no longer count.
    Ended,
    /// The kubelet has taken the failure over; the pod is done.
    Agreed,
    /// The pod was put back too often; it is left as it is.
    GaveUp,
}
