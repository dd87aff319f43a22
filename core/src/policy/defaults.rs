//! The built-in policy: quick for definite errors, patient for the rest, never for the node's own faults.

use std::num::NonZeroU32;
use std::time::Duration;

use super::{Action, Bounds, CauseSet, Fallback, Mode, Policy, PutBack, Rule, ScopeRules};
use crate::cause::Cause;
use crate::classify::Patterns;
use crate::pod::{Phase, RestartPolicy};

impl Default for Policy {
    /// The rules to start from; docs/design.md says why they are these. They are not enforced by accident: they are a dry
    /// run.
    fn default() -> Self {
        Self {
            mode: Mode::DryRun,
            scope: ScopeRules::default(),
            overrides: Bounds {
                modes: vec![Mode::Warn, Mode::Off],
                patience_max: minutes(24 * 60),
            },
            patterns: Patterns::default(),
            // As long as the longest default by which other schedulers let images be pulled (Kueue's
            // `waitForPodsReady.timeout`, 30m).
            pull_timeout: minutes(30),
            put_back: PutBack {
                writes_max: at_least(3),
                fallback: Fallback::None,
            },
            rules: rules(),
        }
    }
}

impl Default for ScopeRules {
    /// Pods that are to run once: other owners only recreate what is failed.
    fn default() -> Self {
        Self {
            phases: vec![Phase::Pending],
            owners: vec!["Job".to_owned()],
            bare_pods: vec![RestartPolicy::Never],
            include_namespaces: Vec::new(),
            exclude_namespaces: Vec::new(),
        }
    }
}

fn rules() -> Vec<Rule> {
    use Cause as C;
    vec![
        // The kubelet never pulls these names; 30 s leave time to edit the pod.
        rule(
            "invalid-reference",
            &[C::InvalidReference],
            1,
            Duration::from_secs(30),
            Action::Fail,
        ),
        // Healed within 16 s of somebody loading the image onto the node.
        rule(
            "never-pull",
            &[C::NeverPullMissing],
            1,
            minutes(2),
            Action::Fail,
        ),
        rule(
            "definite",
            &[
                C::ManifestNotFound,
                C::RepositoryNotFound,
                C::PlatformMismatch,
                C::UnsupportedManifest,
                C::SignatureRejected,
                C::RegistryPolicyBlocked,
            ],
            3,
            minutes(2),
            Action::Fail,
        ),
        // Denials heal when a late secret or a node's identity arrives.
        rule(
            "denied",
            &[
                C::AccessDenied,
                C::AmbiguousNotFoundOrDenied,
                C::QuotaOrBilling,
            ],
            6,
            minutes(15),
            Action::Fail,
        ),
        rule(
            "registry-or-network",
            &[
                C::RateLimited,
                C::RegistryUnavailable,
                C::Timeout,
                C::DnsFailure,
                C::TlsFailure,
                C::ProxyOrFirewallBlocked,
            ],
            10,
            minutes(60),
            Action::Fail,
        ),
        // Another node may do better, and failing the pod does not mend this one.
        rule(
            "node",
            &[C::NodeDiskFull, C::NodeRuntime, C::CorruptContent],
            10,
            minutes(30),
            Action::Warn,
        ),
        rule("unknown", &[C::Unknown], 8, minutes(30), Action::Fail),
    ]
}

fn rule(name: &str, causes: &[Cause], attempts: u32, duration: Duration, action: Action) -> Rule {
    Rule {
        name: name.to_owned(),
        causes: causes.iter().copied().collect::<CauseSet>(),
        attempts: at_least(attempts),
        duration,
        action,
    }
}

fn at_least(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN)
}

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_that_is_a_failure_has_one_rule() {
        let policy = Policy::default();
        assert!(policy.clone().with_rules(policy.rules().to_vec()).is_ok());
        for cause in Cause::ALL {
            assert_eq!(
                policy.rule_for(cause).is_some(),
                cause.is_failure(),
                "{cause}"
            );
        }
    }
}
