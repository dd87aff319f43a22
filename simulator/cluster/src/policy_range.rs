//! The policies under which a run is the same: what the engine asked of its policy, and the answers that it got.
//!
//! A run is decided by its scenario, its seed and the answers to the questions that the engine asks of the policy: has
//! this container failed often enough, and for long enough? A policy that gives the same answers at the same moments
//! gives the same run, so it need not be simulated. A rule that no failure asked for may be anything; a rule that was
//! asked may have any attempts between the last count that was too few and the first that was enough.
//!
//! A duration is more delicate, since the engine comes back when it is over. If a run waited for the end of a duration,
//! no shorter one gives the same run; if it found one over, no longer one than had passed by then.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pullstop_core::cause::{Cause, CauseSet};
use pullstop_core::container::PullState;
use pullstop_core::plugin::{Case, Judge, Judgement, Thresholds, Trail};
use pullstop_core::policy::{Action, Policy, Rule};

/// The policies under which a run is the same.
#[derive(Clone, Debug)]
pub struct PolicyRange {
    /// One of them: all but the rules must be as in this one.
    like: Policy,
    /// The answers for each cause that was asked for.
    answers: BTreeMap<Cause, Answers>,
}

impl PolicyRange {
    /// Whether `policy` is one of them.
    pub fn contains(&self, policy: &Policy) -> bool {
        let mut answers = self.answers.iter();
        answers.all(|(cause, answers)| answers.allow(policy.rule_for(*cause)))
            && policy.differs_only_in_rules(&self.like)
    }

    /// The thresholds that this rule of the run's policy may have, the others staying in their ranges.
    pub fn thresholds(&self, rule: &Rule) -> ThresholdRange {
        let asked = self.answers.iter();
        let asked = asked.filter(|(cause, _)| rule.causes.contains(**cause));
        let ranges = asked.filter_map(|(_, answers)| answers.0.as_ref());
        ranges.fold(ThresholdRange::ANY, |all, range| all.and(range.thresholds))
    }
}

/// Thresholds of a rule, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThresholdRange {
    /// The fewest attempts.
    pub attempts_min: u32,
    /// The most attempts; `None` if any number is enough.
    pub attempts_max: Option<u32>,
    /// The shortest duration.
    pub duration_min: Duration,
    /// The longest duration; `None` if there is no limit.
    pub duration_max: Option<Duration>,
}

impl ThresholdRange {
    /// All thresholds that there are.
    pub const ANY: Self = Self {
        attempts_min: 1,
        attempts_max: None,
        duration_min: Duration::ZERO,
        duration_max: None,
    };

    /// The thresholds that are in both ranges.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            attempts_min: self.attempts_min.max(other.attempts_min),
            attempts_max: least(self.attempts_max, other.attempts_max),
            duration_min: self.duration_min.max(other.duration_min),
            duration_max: least(self.duration_max, other.duration_max),
        }
    }

    fn contains(&self, rule: &Rule) -> bool {
        let attempts = rule.attempts.get();
        self.attempts_min <= attempts
            && self.attempts_max.is_none_or(|max| attempts <= max)
            && self.duration_min <= rule.duration
            && self.duration_max.is_none_or(|max| rule.duration <= max)
    }
}

/// The lower of two limits, where `None` is no limit.
fn least<T: Ord>(first: Option<T>, second: Option<T>) -> Option<T> {
    first.into_iter().chain(second).min()
}

/// What the engine asks of its policy in one run, restarts included.
#[derive(Clone, Debug, Default)]
pub struct Questions(Arc<Mutex<BTreeMap<Cause, Answers>>>);

impl Questions {
    /// The judge that decides by the policy, and writes down what it asks of it.
    pub fn judge(&self) -> Box<dyn Judge> {
        Box::new(AttentiveJudge {
            questions: self.clone(),
        })
    }

    /// The policies that would have given the same answers as `policy`, by which the run was judged.
    pub fn range(&self, policy: &Policy) -> PolicyRange {
        let answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        PolicyRange {
            like: policy.clone(),
            answers: answers.clone(),
        }
    }
}

/// The answers for one cause; `None` if no rule names it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answers(Option<RuleRange>);

/// The rules that give the same answers.
#[derive(Clone, Debug, PartialEq, Eq)]
struct RuleRange {
    causes: CauseSet,
    action: Action,
    thresholds: ThresholdRange,
}

impl Answers {
    fn allow(&self, rule: Option<&Rule>) -> bool {
        match (&self.0, rule) {
            (None, None) => true,
            (Some(range), Some(rule)) => range.contains(rule),
            (None, Some(_)) | (Some(_), None) => false,
        }
    }
}

impl RuleRange {
    /// All rules for these causes with this action.
    fn of(rule: &Rule) -> Self {
        Self {
            causes: rule.causes,
            action: rule.action,
            thresholds: ThresholdRange::ANY,
        }
    }

    fn contains(&self, rule: &Rule) -> bool {
        self.causes == rule.causes && self.action == rule.action && self.thresholds.contains(rule)
    }

    /// Narrows the range to what answers as `rule` did in this case.
    fn narrow(&mut self, case: &Case<'_>, rule: &Rule, judgement: Judgement) {
        let failures = case.container.failures(rule.causes);
        if failures < rule.attempts.get() {
            self.restrict(ThresholdRange {
                attempts_min: failures + 1,
                ..ThresholdRange::ANY
            });
            return;
        }
        self.restrict(ThresholdRange {
            attempts_max: Some(failures),
            ..ThresholdRange::ANY
        });
        match judgement {
            Judgement::Wait { .. } => self.at_least(rule.duration, case),
            Judgement::Due(_) => {
                let passed = passed(case, rule);
                self.at_most(passed);
                self.narrow_overdue(case, rule, passed);
            }
        }
    }

    /// A verdict that is long overdue is carried out although a pull may be in flight.
    fn narrow_overdue(&mut self, case: &Case<'_>, rule: &Rule, passed: Duration) {
        let Some(overdue_from) = passed.checked_sub(case.policy.pull_timeout) else {
            return;
        };
        if case.policy.duration_for(rule, case.patience) <= overdue_from {
            self.at_most(overdue_from);
        } else {
            self.at_least(overdue_from + Duration::from_millis(1), case);
        }
    }

    fn at_most(&mut self, duration: Duration) {
        self.restrict(ThresholdRange {
            duration_max: Some(duration),
            ..ThresholdRange::ANY
        });
    }

    /// A shorter duration makes no difference to a pod that asks for as much patience anyway.
    fn at_least(&mut self, duration: Duration, case: &Case<'_>) {
        let patience = case.patience.unwrap_or_default();
        if patience.min(case.policy.overrides.patience_max) < duration {
            self.restrict(ThresholdRange {
                duration_min: duration,
                ..ThresholdRange::ANY
            });
        }
    }

    fn restrict(&mut self, to: ThresholdRange) {
        self.thresholds = self.thresholds.and(to);
    }
}

/// The time since the first failure that `rule` counts.
fn passed(case: &Case<'_>, rule: &Rule) -> Duration {
    let first_at = case.container.first_failure_at(rule.causes);
    let passed = case.now.since(first_at.unwrap_or(case.now));
    if case.container.is_recalled() {
        passed.saturating_sub(case.memory_error)
    } else {
        passed
    }
}

/// The policy's own judge, which writes down what it asks.
#[derive(Debug)]
struct AttentiveJudge {
    questions: Questions,
}

impl Judge for AttentiveJudge {
    fn name(&self) -> &'static str {
        Thresholds.name()
    }

    fn judge(&self, case: &Case<'_>, trail: &mut Trail) -> Judgement {
        let judgement = Thresholds.judge(case, trail);
        let Some(latest) = case.container.latest() else {
            return judgement;
        };
        let rule = case.policy.rule_for(latest.cause);
        let asked = &self.questions.0;
        let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
        let answers = asked
            .entry(latest.cause)
            .or_insert_with(|| Answers(rule.map(RuleRange::of)));
        if let (Some(range), Some(rule)) = (&mut answers.0, rule)
            && asks_for_thresholds(case, rule)
        {
            range.narrow(case, rule, judgement);
        }
        judgement
    }
}

/// Whether the judge compares anything at all, as it does in [`Thresholds`].
fn asks_for_thresholds(case: &Case<'_>, rule: &Rule) -> bool {
    let state = case.container.pull_state();
    rule.action != Action::Ignore
        && matches!(
            state,
            PullState::Failed | PullState::BackingOff | PullState::Constant
        )
}
