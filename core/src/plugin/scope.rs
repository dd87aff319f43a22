//! Scope: which pods are judged.

use std::fmt;

use super::Scope;
use crate::pod::PodSnapshot;
use crate::policy::{Mode, Policy};

/// The scope rules of the policy, and the pod's own `mode: off`.
#[derive(Clone, Copy, Debug)]
pub struct ByPolicy;

/// Why a pod is not judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutOfScope {
    /// It is being deleted.
    Deleting,
    /// Its phase is not one of the policy's.
    Phase,
    /// Its controller's kind is not one of the policy's.
    Owner,
    /// It has no controller, and its restart policy is not one of the policy's.
    RestartPolicy,
    /// Its namespace is not one of the policy's.
    Namespace,
    /// It asks to be left alone, or the policy is off.
    Off,
    /// A plugin's own reason.
    Other(&'static str),
}

impl fmt::Display for OutOfScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deleting => "it is being deleted",
            Self::Phase => "its phase is not in scope",
            Self::Owner => "its controller is not of a kind in scope",
            Self::RestartPolicy => "it has no controller, and its restart policy is not in scope",
            Self::Namespace => "its namespace is not in scope",
            Self::Off => "its mode is off",
            Self::Other(why) => why,
        })
    }
}

impl Scope for ByPolicy {
    fn name(&self) -> &'static str {
        "policy"
    }

    fn covers(&self, policy: &Policy, pod: &PodSnapshot<'_>) -> Result<(), OutOfScope> {
        let scope = &policy.scope;
        if pod.deleting {
            Err(OutOfScope::Deleting)
        } else if !scope.phases.contains(&pod.phase) {
            Err(OutOfScope::Phase)
        } else if !scope.covers_namespace(pod.namespace) {
            Err(OutOfScope::Namespace)
        } else if policy.mode_for(pod.overrides.mode) == Mode::Off {
            Err(OutOfScope::Off)
        } else {
            match pod.owner {
                Some(owner) if !scope.owners.iter().any(|kind| kind == owner.kind) => {
                    Err(OutOfScope::Owner)
                }
                None if !scope.bare_pods.contains(&pod.restart_policy) => {
                    Err(OutOfScope::RestartPolicy)
                }
                _ => Ok(()),
            }
        }
    }
}
