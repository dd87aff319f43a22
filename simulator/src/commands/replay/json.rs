//! Prints replayed pods as JSON, one object per line.

use std::io::Write;

use pullstop_core::engine::TransitionKind;
use pullstop_core::plugin::{Enforcement, TrailEntry};
use pullstop_core::wire::timestamp;
use serde::Serialize;

use super::Replayed;
use super::story::{Story, What};
use crate::output::json_line;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    trace: &'a str,
    pod: &'a str,
    verdict: &'static str,
    container: Option<&'a str>,
    cause: Option<&'static str>,
    failures: u32,
    first_failure_at: Option<String>,
    verdict_at: Option<String>,
    seconds_after_first_failure: Option<f64>,
    /// When a verdict fell that no longer stands, since the image was edited.
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawn_verdict_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trail: Option<Vec<Step<'a>>>,
}

#[derive(Serialize)]
struct Step<'a> {
    point: &'static str,
    plugin: &'static str,
    said: &'a str,
}

pub(super) fn print(
    replayed: &Replayed,
    explain: bool,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    for story in &replayed.stories {
        let trail = explain.then(|| story.trail().iter().map(step).collect());
        let row = Row {
            trail,
            ..row(&replayed.traces[story.trace], story)
        };
        json_line(out, &row)?;
    }
    Ok(())
}

fn row<'a>(trace: &'a str, story: &'a Story) -> Row<'a> {
    let row = Row {
        trace,
        pod: &story.pod,
        verdict: "none",
        container: None,
        cause: None,
        failures: 0,
        first_failure_at: None,
        verdict_at: None,
        seconds_after_first_failure: None,
        withdrawn_verdict_at: story
            .withdrawn
            .as_ref()
            .map(|d| timestamp::print(d.decided_at)),
        trail: None,
    };
    match (&story.verdict, &story.worst) {
        (Some(decision), _) => Row {
            verdict: if decision.enforcement == Enforcement::Warn {
                "warn"
            } else {
                "fail"
            },
            container: Some(&decision.container),
            cause: Some(decision.cause.as_str()),
            failures: decision.failures,
            first_failure_at: Some(timestamp::print(decision.first_failure_at)),
            verdict_at: Some(timestamp::print(decision.decided_at)),
            seconds_after_first_failure: Some(
                decision
                    .decided_at
                    .since(decision.first_failure_at)
                    .as_secs_f64(),
            ),
            ..row
        },
        (None, Some(worst)) => Row {
            container: Some(&worst.container),
            cause: Some(worst.cause.as_str()),
            failures: worst.failures,
            first_failure_at: Some(timestamp::print(worst.first_at)),
            ..row
        },
        (None, None) => row,
    }
}

impl Story {
    /// What was said on the way to the verdict; without one, to the last hold, or to what was thought at the end.
    fn trail(&self) -> &[TrailEntry] {
        let held = self
            .entries
            .iter()
            .rev()
            .find_map(|entry| match &entry.what {
                What::Noticed(TransitionKind::Held { trail, .. }) => Some(trail.as_slice()),
                _ => None,
            });
        match (&self.verdict, self.at_the_end.first()) {
            (Some(decision), _) => &decision.trail,
            (None, Some(explanation)) => &explanation.trail,
            (None, None) => held.unwrap_or_default(),
        }
    }
}

fn step(said: &TrailEntry) -> Step<'_> {
    Step {
        point: said.point.as_str(),
        plugin: said.plugin,
        said: &said.what,
    }
}
