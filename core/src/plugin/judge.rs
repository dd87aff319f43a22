//! Judge: the policy's thresholds, attempts and time.

use super::{Case, Judge, Judgement, Point, Trail};
use crate::container::PullState;
use crate::policy::Action;
use crate::time::Human;

/// The rule of the latest cause fires when both its limits are reached by the failures of its causes.
///
/// Failures of other causes do not count: an outage's nine errors and then one `not found` are one `not found`.
#[derive(Clone, Copy, Debug)]
pub struct Thresholds;

impl Judge for Thresholds {
    fn name(&self) -> &'static str {
        "thresholds"
    }

    fn judge(&self, case: &Case<'_>, trail: &mut Trail) -> Judgement {
        let mut say = |what: std::fmt::Arguments<'_>| trail.record(Point::Judge, self.name(), what);
        let container = case.container;
        let Some(latest) = container.latest() else {
            say(format_args!("no failed pull has been counted"));
            return WAIT;
        };
        let Some(rule) = case.policy.rule_for(latest.cause) else {
            say(format_args!("no rule names {}", latest.cause));
            return WAIT;
        };
        if rule.action == Action::Ignore {
            say(format_args!(
                "rule `{}` ignores {}",
                rule.name, latest.cause
            ));
            return WAIT;
        }
        match container.pull_state() {
            PullState::Failed | PullState::BackingOff | PullState::Constant => {}
            PullState::Suspended => {
                say(format_args!(
                    "the kubelet has restarted its attempts: not failing now"
                ));
                return WAIT;
            }
            PullState::Elsewhere => {
                say(format_args!("it waits for something other than its image"));
                return WAIT;
            }
        }
        let failures = container.failures(rule.causes);
        let first_at = container.first_failure_at(rule.causes).unwrap_or(case.now);
        let duration = case.policy.duration_for(rule, case.patience);
        let due_at = case.due_at(rule, first_at);
        say(format_args!(
            "rule `{}`: {failures} of {} failures, {} of {} since the first",
            rule.name,
            rule.attempts,
            Human(case.now.since(first_at)),
            Human(duration)
        ));
        if failures < rule.attempts.get() {
            WAIT
        } else if case.now < due_at {
            Judgement::Wait {
                until: Some(due_at),
            }
        } else {
            Judgement::Due(rule.action)
        }
    }
}

/// Only another failure changes it.
const WAIT: Judgement = Judgement::Wait { until: None };
