//! Permit: nothing is done blindly, and nothing while the kubelet may be pulling.

use super::{Case, Permission, Permit, Point, Trail};
use crate::time::{Human, Timestamp};

/// Holds every verdict while the list of pods is being read anew: what is known may be old.
#[derive(Clone, Copy, Debug)]
pub struct WholeView;

impl Permit for WholeView {
    fn name(&self) -> &'static str {
        "whole-view"
    }

    fn permit(&self, case: &Case<'_>, trail: &mut Trail) -> Permission {
        if case.view_is_whole {
            return Permission::Granted;
        }
        trail.say(
            Point::Permit,
            self.name(),
            format_args!("the list of pods is being read anew"),
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
        let mut say = |what: std::fmt::Arguments<'_>| trail.say(Point::Permit, self.name(), what);
        let hung_at = |from: Timestamp| from.after(case.policy.pull_timeout);
        let in_flight = |from: Timestamp| from <= case.now && case.now < hung_at(from);
        let pulling = case
            .siblings
            .iter()
            .map(|sibling| (sibling.name(), sibling.may_pull_from()))
            .chain([("another container", case.others_may_pull_from)])
            .find(|(_, from)| in_flight(*from));
        let Some((who, from)) = pulling else {
            say(format_args!("no pull is in flight"));
            return Permission::Granted;
        };
        say(format_args!(
            "a pull for {who} may be in flight since {}",
            Human(case.now.since(from))
        ));
        Permission::Held {
            until: Some(hung_at(from)),
        }
    }
}
