//! The engine's transitions and verdicts in words, the same for every command.

use pullstop_core::engine::{Decision, StartedOver, TransitionKind};
use pullstop_core::plugin::{Enforcement, TrailEntry};
use pullstop_core::time::Human;

use crate::style::one_line;

/// What the engine noticed or decided.
pub fn in_words(transition: &TransitionKind) -> String {
    match transition {
        TransitionKind::Counted {
            cause,
            permanence,
            matched,
            failures,
        } => match &*one_line(matched) {
            "" => format!("failure {failures}: {cause} ({permanence})"),
            matched => format!("failure {failures}: {cause} ({permanence}, by \"{matched}\")"),
        },
        TransitionKind::Recollected { failures, .. } => {
            let failures = count(*failures);
            format!("Events tell of {failures} before the pod was watched")
        }
        TransitionKind::Throttled => "throttled by the kubelet itself: not a failure".to_owned(),
        TransitionKind::Suspended => {
            "the kubelet starts over: neither failing nor recovered".to_owned()
        }
        TransitionKind::StartedOver { why, failures } => {
            let why = match why {
                StartedOver::ImageEdited => "the image was edited",
                StartedOver::Ran => "the container ran",
            };
            format!("{why}: the count starts over{}", after(*failures))
        }
        TransitionKind::Recovered { failures } => {
            format!("the container has its image{}", after(*failures))
        }
        TransitionKind::Held { why, .. } => format!("held: {why}"),
        TransitionKind::DryRun(decision) => format!("dry run: {}", verdict(decision)),
        TransitionKind::PutBack { times: 1 } => "the kubelet put the pod back".to_owned(),
        TransitionKind::PutBack { times } => {
            format!("the kubelet put the pod back, {times} times so far")
        }
        TransitionKind::Ended => "the pod ended by itself".to_owned(),
        TransitionKind::Agreed => "the kubelet agreed".to_owned(),
        TransitionKind::GaveUp => "put back too often: left as it is".to_owned(),
    }
}

/// What a decision does to the pod, or in a dry run would do, and why.
pub fn verdict(decision: &Decision) -> String {
    let what = match decision.enforcement {
        Enforcement::Fail => "fail the pod",
        Enforcement::Warn => "warn about the pod",
        Enforcement::WouldFail => "would fail the pod",
        Enforcement::WouldWarn => "would warn about the pod",
    };
    let within = Human(decision.decided_at.since(decision.first_failure_at));
    let (cause, failures) = (decision.cause, count(decision.failures));
    let rule = one_line(&decision.rule);
    format!("{what}: {cause}, {failures} within {within} (rule `{rule}`)")
}

/// What each plugin said on the way to it; empty if it is not about a decision.
pub fn trail(transition: &TransitionKind) -> &[TrailEntry] {
    match transition {
        TransitionKind::Held { trail, .. } => trail,
        TransitionKind::DryRun(decision) => &decision.trail,
        _ => &[],
    }
}

/// Behind what ended a row of failures, if there was one.
fn after(failures: u32) -> String {
    match failures {
        0 => String::new(),
        some => format!(", after {}", count(some)),
    }
}

fn count(failures: u32) -> String {
    match failures {
        1 => "1 failure".to_owned(),
        many => format!("{many} failures"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_in_words() {
        for (failures, says) in [
            (0, "the container has its image"),
            (1, "the container has its image, after 1 failure"),
            (2, "the container has its image, after 2 failures"),
        ] {
            assert_eq!(in_words(&TransitionKind::Recovered { failures }), says);
        }
    }
}
