//! A time window that every time is inside of.

use std::time::Duration;

use pullstop_cluster::scenario::expect::Fate;
use pullstop_core::time::Human;

use crate::commands::lint::subject::Subject;
use crate::commands::lint::{Found, Rule};

pub(super) const RULE: Rule = Rule {
    code: "S004",
    name: "window-is-everything",
    finds: "A `between` or `afterFirstFailure` that covers the whole scenario or more.",
    matters: "Such a window only says that it happens at all, but looks as if it said when.",
    help: "narrow the window to the time at which it must happen, or remove it",
    bad: r#"spec:
  duration: 10m
  images:
  - {image: "registry.example/app:v2", missing: true}
  workloads:
  - {pod: tool, image: "registry.example/app:v2"}
  expect:
  - {pods: tool, failed: {between: [0s, 10m]}}
"#,
    good: r#"spec:
  duration: 10m
  images:
  - {image: "registry.example/app:v2", missing: true}
  workloads:
  - {pod: tool, image: "registry.example/app:v2"}
  expect:
  - {pods: tool, failed: {between: [2m, 4m]}}
"#,
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Found> {
    let end = subject.scenario.duration;
    let mut found = Vec::new();
    let mut look = |place, name: &str, window: Option<(Duration, Duration)>| {
        if window.is_some_and(|(from, to)| from == Duration::ZERO && end <= to) {
            found.push(Found::at(
                place,
                format!(
                    "`{name}` spans the whole {} that are simulated: nothing can be outside of it",
                    Human(end)
                ),
            ));
        }
    };
    for (place, expected) in subject.pods_expected() {
        if let Some(Fate::Failed {
            between,
            after_first_failure,
            ..
        }) = expected.fate
        {
            look(place, "between", between);
            look(place, "afterFirstFailure", after_first_failure);
        }
    }
    for (place, expected) in subject.jobs_expected() {
        look(place, "between", expected.between);
    }
    found
}
