//! Policies: which pods are judged, how many failures are too many, and what then happens.
//!
//! A [`Policy`] is always valid: what could be wrong with one is refused when it is made. With the feature
//! `document`, [`document`] reads it from YAML, the same for a file, an object in the cluster and the simulator.

mod defaults;
#[cfg(feature = "document")]
pub mod document;
mod precedence;

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

pub use self::precedence::{Limits, Policies};
use crate::cause::Cause;
pub use crate::cause::CauseSet;
use crate::classify::Patterns;
pub use crate::overrides::Mode;
use crate::overrides::Overrides;
use crate::pod::{Phase, RestartPolicy};

/// What the core decides by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How far verdicts go.
    pub mode: Mode,
    /// Whose pods are judged.
    pub scope: ScopeRules,
    /// How much a pod may change by annotation.
    pub overrides: Bounds,
    /// The user's own message patterns; they come before the built-in table.
    pub patterns: Patterns,
    /// How long one pull may take. A pull that may have begun holds the verdict for this long; without any sign of
    /// life after that it counts as hung.
    pub pull_timeout: Duration,
    /// What to do about a kubelet that puts a failed pod back.
    pub put_back: PutBack,
    rules: Vec<Rule>,
}

impl Policy {
    /// The rules, in order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rule that judges failures of `cause`, if one does.
    pub fn rule_for(&self, cause: Cause) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.causes.contains(cause))
    }

    /// This policy with other rules.
    ///
    /// # Errors
    /// If two rules claim the same cause: the second would never be reached.
    pub fn with_rules(self, rules: Vec<Rule>) -> Result<Self, RuleConflict> {
        for (second, rule) in rules.iter().enumerate() {
            for (first, earlier) in rules[..second].iter().enumerate() {
                let both = Cause::ALL
                    .into_iter()
                    .find(|c| rule.causes.contains(*c) && earlier.causes.contains(*c));
                if let Some(cause) = both {
                    return Err(RuleConflict {
                        cause,
                        first,
                        second,
                    });
                }
            }
        }
        Ok(Self { rules, ..self })
    }

    /// Whether the two are the same but for their rules.
    pub fn differs_only_in_rules(&self, other: &Self) -> bool {
        let Self {
            mode,
            scope,
            overrides,
            patterns,
            pull_timeout,
            put_back,
            rules: _,
        } = self;
        *mode == other.mode
            && *scope == other.scope
            && *overrides == other.overrides
            && *patterns == other.patterns
            && *pull_timeout == other.pull_timeout
            && *put_back == other.put_back
    }

    /// This policy in another mode.
    #[must_use]
    pub fn in_mode(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }

    /// This policy as it is rehearsed: what it would do if it were enforced, if it is a dry run.
    #[must_use]
    pub fn rehearsed(self) -> Self {
        match self.mode {
            Mode::DryRun => self.in_mode(Mode::Enforce),
            Mode::Enforce | Mode::Warn | Mode::Off => self,
        }
    }

    /// How far a verdict goes for a pod that asks for `wish`: as far as the policy's mode, or as the pod asks where
    /// the policy allows that. What is off stays off, and in `DryRun` nothing is ever written.
    pub fn mode_for(&self, wish: Option<Mode>) -> Mode {
        let wish = self.overrides.allowed(wish);
        match (self.mode, wish) {
            (mode, None) | (mode @ Mode::Off, _) => mode,
            (Mode::DryRun, Some(wish)) => wish.min(Mode::DryRun),
            (_, Some(wish)) => wish,
        }
    }

    /// How long after the first failure `rule` may fire at the earliest, for a pod that asks for `patience`.
    pub fn duration_for(&self, rule: &Rule, patience: Option<Duration>) -> Duration {
        let patience = patience
            .unwrap_or_default()
            .min(self.overrides.patience_max);
        rule.duration.max(patience)
    }
}

/// Two rules claim the same cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleConflict {
    /// The cause.
    pub cause: Cause,
    /// Index of the rule that has it.
    pub first: usize,
    /// Index of the rule that would never be reached for it.
    pub second: usize,
}

impl fmt::Display for RuleConflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cause,
            first,
            second,
        } = self;
        write!(
            f,
            "rule {} never applies to {cause}: rule {} has it already",
            second + 1,
            first + 1
        )
    }
}

impl std::error::Error for RuleConflict {}

/// When failures of some causes are too many: both limits must be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The rule's name, for people.
    pub name: String,
    /// The causes it judges; their failures are counted together.
    pub causes: CauseSet,
    /// Failed pulls, at least.
    pub attempts: NonZeroU32,
    /// Time since the first of them, at least.
    pub duration: Duration,
    /// What then happens.
    pub action: Action,
}

/// What a rule does when it fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Nothing, ever.
    Ignore,
    /// A condition and an event.
    Warn,
    /// The pod is set to `phase: Failed`.
    Fail,
}

impl Action {
    /// The name that logs and metrics give it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ignore => "ignore",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// Whose pods are judged. A pod must pass all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeRules {
    /// Phases in which a pod is judged.
    pub phases: Vec<Phase>,
    /// Kinds of controlling owners, such as `Job`.
    pub owners: Vec<String>,
    /// Restart policies with which a pod without controller is judged.
    pub bare_pods: Vec<RestartPolicy>,
    /// Namespaces to judge in; names, or beginnings of names with a `*`. Empty means all.
    pub include_namespaces: Vec<String>,
    /// Namespaces to leave alone, in the same form; they win.
    pub exclude_namespaces: Vec<String>,
}

impl ScopeRules {
    /// Whether pods of this namespace are judged.
    pub fn covers_namespace(&self, namespace: &str) -> bool {
        let named = |patterns: &[String]| patterns.iter().any(|p| is_named(namespace, p));
        !named(&self.exclude_namespaces)
            && (self.include_namespaces.is_empty() || named(&self.include_namespaces))
    }
}

/// Whether `pattern` is the namespace's name, or its beginning followed by a `*`.
pub fn is_named(namespace: &str, pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => namespace.starts_with(beginning),
        None => namespace == pattern,
    }
}

/// How much a pod may change by annotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The modes they may ask for.
    pub modes: Vec<Mode>,
    /// The longest patience they may ask for.
    pub patience_max: Duration,
}

impl Bounds {
    /// What counts of the overrides of a pod and of what it belongs to, the most specific first: of each annotation the first
    /// that may be asked for. What is ignored on the pod so hides nothing that its namespace asks for.
    pub fn first_allowed(&self, overrides: impl IntoIterator<Item = Overrides>) -> Overrides {
        let allowed = overrides.into_iter().map(|overrides| Overrides {
            mode: self.allowed(overrides.mode),
            ..overrides
        });
        allowed.fold(Overrides::default(), Overrides::or)
    }

    /// The mode that is asked for, if it may be. Every patience may: it is cut at the longest.
    fn allowed(&self, mode: Option<Mode>) -> Option<Mode> {
        mode.filter(|mode| self.modes.contains(mode))
    }
}

/// What to do about a kubelet that puts a failed pod back to `Pending`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PutBack {
    /// How often the write is made in all.
    pub writes_max: NonZeroU32,
    /// What comes after that.
    pub fallback: Fallback,
}

/// The last resort against a kubelet that puts a pod back again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// The pod is left as it is.
    None,
    /// `spec.activeDeadlineSeconds` is lowered, so that the kubelet itself fails the pod, with its own reason
    /// `DeadlineExceeded`. Needs the right to patch pods.
    ActiveDeadline,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_cannot_ask_for_more_than_the_policy_allows() {
        let mut policy = Policy::default();
        assert_eq!(
            policy.mode_for(None),
            Mode::DryRun,
            "nothing is enforced by accident"
        );
        assert_eq!(policy.mode_for(Some(Mode::Enforce)), Mode::DryRun);
        policy = policy.rehearsed();
        assert_eq!(policy.mode_for(None), Mode::Enforce);
        assert_eq!(policy.mode_for(Some(Mode::Off)), Mode::Off);
        policy.mode = Mode::Warn;
        assert_eq!(policy.mode_for(Some(Mode::Enforce)), Mode::Warn);
        policy.overrides.modes.push(Mode::Enforce);
        assert_eq!(policy.mode_for(Some(Mode::Enforce)), Mode::Enforce);
        policy.mode = Mode::DryRun;
        assert_eq!(policy.mode_for(Some(Mode::Enforce)), Mode::DryRun);
        assert_eq!(policy.mode_for(Some(Mode::Off)), Mode::Off);
        policy.mode = Mode::Off;
        assert_eq!(policy.mode_for(Some(Mode::Enforce)), Mode::Off);
    }

    #[test]
    fn patience_only_lengthens() {
        let policy = Policy::default();
        let rule = policy.rule_for(Cause::ManifestNotFound).unwrap();
        let minutes = |m: u64| Duration::from_secs(60 * m);
        assert_eq!(policy.duration_for(rule, None), minutes(2));
        assert_eq!(policy.duration_for(rule, Some(minutes(1))), minutes(2));
        assert_eq!(policy.duration_for(rule, Some(minutes(30))), minutes(30));
        assert_eq!(
            policy.duration_for(rule, Some(minutes(100_000))),
            minutes(24 * 60)
        );
    }

    #[test]
    fn the_most_specific_wish_counts_that_may_be_asked_for() {
        let bounds = Policy::default().overrides;
        let hours = |hours: u64| Some(Duration::from_secs(3600 * hours));
        let overrides = |mode, patience| Overrides { mode, patience };
        let (off, warn) = (Some(Mode::Off), Some(Mode::Warn));
        for (all, expected) in [
            ([overrides(None, None); 3], overrides(None, None)),
            (
                [
                    overrides(None, hours(1)),
                    overrides(warn, None),
                    overrides(off, hours(2)),
                ],
                overrides(warn, hours(1)),
            ),
            (
                [
                    overrides(Some(Mode::Enforce), None),
                    overrides(None, None),
                    overrides(off, hours(100)),
                ],
                overrides(off, hours(100)),
            ),
        ] {
            assert_eq!(bounds.first_allowed(all), expected, "{all:?}");
        }
    }

    #[test]
    fn patterns_of_names() {
        assert!(is_named("kube-system", "kube-*"));
        assert!(is_named("anything", "*"));
        assert!(is_named("a", "a"));
        assert!(!is_named("ab", "a"));
        assert!(!is_named("my-kube-system", "kube-*"));
    }

    #[test]
    fn a_cause_has_one_rule() {
        let policy = Policy::default();
        let mut rules = policy.rules().to_vec();
        rules.push(rules[0].clone());
        let conflict = policy.with_rules(rules).unwrap_err();
        assert_eq!(
            conflict.to_string(),
            "rule 8 never applies to InvalidReference: rule 1 has it already"
        );
    }
}
