//! Scope: whose pods are judged.

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
        let named = |patterns: &[String]| patterns.iter().any(|p| matches(p, pod.namespace));
        if pod.deleting {
            Err(OutOfScope::Deleting)
        } else if !scope.phases.contains(&pod.phase) {
            Err(OutOfScope::Phase)
        } else if named(&scope.exclude_namespaces)
            || !scope.include_namespaces.is_empty() && !named(&scope.include_namespaces)
        {
            Err(OutOfScope::Namespace)
        } else if policy.mode_for(pod.wishes.mode) == Mode::Off {
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

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_names() {
        assert!(matches("kube-*", "kube-system"));
        assert!(matches("*", "anything"));
        assert!(matches("a", "a"));
        assert!(!matches("a", "ab"));
        assert!(!matches("kube-*", "my-kube-system"));
    }
}
