//! Permit: no verdict before the list of pods is complete, and none while the kubelet may be pulling.

use super::{Case, Permission, Permit, Point, Trail};
use crate::container::FailingContainer;
use crate::time::{Human, Timestamp};

/// Holds every verdict while the pods are being listed: the known state may be old.
#[derive(Clone, Copy, Debug)]
pub struct WholeView;

impl Permit for WholeView {
    fn name(&self) -> &'static str {
        "synced"
    }

    fn permit(&self, case: &Case<'_>, trail: &mut Trail) -> Permission {
        if case.view_is_whole {
            return Permission::Granted;
        }
        trail.record(
            Point::Permit,
            self.name(),
            format_args!("the list of pods is not complete"),
        );
        Permission::Held { until: None }
    }
}

/// Holds a verdict while a pull may be in flight, for any container of the pod.
///
/// A kubelet that pulls does not look at its pod, and the pull may succeed. A pull of which nothing is heard for the
/// policy's pull timeout counts as hung.
#[derive(Clone, Copy, Debug)]
pub struct QuietTime;

impl Permit for QuietTime {
    fn name(&self) -> &'static str {
        "quiet-time"
    }

    fn permit(&self, case: &Case<'_>, trail: &mut Trail) -> Permission {
        let mut say =
            |what: std::fmt::Arguments<'_>| trail.record(Point::Permit, self.name(), what);
        let hung_at = |from: Timestamp| from.after(case.policy.pull_timeout);
        let in_flight = |from: Timestamp| from <= case.now && case.now < hung_at(from);
        let pulling = case
            .siblings
            .iter()
            .filter(|sibling| !backs_off_with_another(sibling, case.siblings))
            .map(|sibling| (sibling.name(), sibling.may_pull_from()))
            .chain([("another container", case.others_may_pull_from)])
            .find(|(_, from)| in_flight(*from));
        if pulling.is_some() && is_overdue(case) {
            say(format_args!(
                "a pull that may be in flight has taken too long: it counts as hung"
            ));
            return Permission::Granted;
        }
        let Some((who, from)) = pulling else {
            say(format_args!("no pull is in flight"));
            return Permission::Granted;
        };
        say(format_args!(
            "a pull for {who} may be in flight, for {} now",
            Human(case.now.since(from))
        ));
        Permission::Held {
            until: Some(hung_at(from)),
        }
    }
}

/// Whether the container only shows the back-off of another one that fails on the same image: the kubelet keeps one per
/// pod and image, and pulls for the first.
fn backs_off_with_another(container: &FailingContainer, siblings: &[FailingContainer]) -> bool {
    let leads = |other: &FailingContainer| {
        other.latest().is_some()
            && other.image() == container.image()
            && other.name() != container.name()
    };
    container.latest().is_none() && siblings.iter().any(leads)
}

/// Whether the verdict has been held for longer than a pull may take, and a failure is shown just now: where every pull
/// takes minutes to fail there is no quiet time, and this is the best moment there is.
fn is_overdue(case: &Case<'_>) -> bool {
    let container = case.container;
    let rule = container
        .latest()
        .and_then(|latest| case.policy.rule_for(latest.cause));
    let due_at = rule.and_then(|rule| {
        let first_at = container.first_failure_at(rule.causes)?;
        Some(case.due_at(rule, first_at))
    });
    container.last_attempt_at() == case.now
        && due_at.is_some_and(|due_at| due_at.after(case.policy.pull_timeout) <= case.now)
}
