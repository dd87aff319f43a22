//! A metric of something that cannot happen here.

use pullstop_cluster::scenario::Scenario;
use pullstop_cluster::scenario::expect::Expected;
use pullstop_cluster::scenario::fault::FaultKind;
use pullstop_cluster::scenario::metric::{Count, Figure, Timing, Waste};
use pullstop_cluster::scenario::workload::Kind;

use crate::commands::lint::subject::Subject;
use crate::commands::lint::{Found, Rule};

pub(super) const RULE: Rule = Rule {
    code: "S014",
    name: "nothing-to-measure",
    finds: "A condition on a time that was never measured, or on Jobs, GPUs or failed writes where there are none.",
    matters: "A condition on a time never holds without a measurement; the others hold with every policy.",
    help: "expect another metric, or add what this one measures",
    bad: r#"spec:
  duration: 10m
  images:
  - {image: "registry.example/app:v2", missing: true}
  workloads:
  - {pod: tool, image: "registry.example/app:v2"}
  expect:
  - {metric: "wastedGpuHours < 1"}
"#,
    good: r#"spec:
  duration: 10m
  images:
  - {image: "registry.example/app:v2", missing: true}
  workloads:
  - {pod: tool, image: "registry.example/app:v2"}
  expect:
  - {metric: "timeToFail.max < 4m"}
"#,
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for expectation in &subject.scenario.expectations {
        let Expected::Metric(condition) = &expectation.what else {
            continue;
        };
        if let Some(why) = nothing(subject, condition.figure) {
            let message = format!("nothing is measured for `{}`: {why}", condition.text);
            found.push(Found::at(Some(expectation.place), message));
        }
    }
    found
}

/// Why there is nothing to measure, if so.
fn nothing(subject: &Subject<'_>, figure: Figure) -> Option<&'static str> {
    let scenario = subject.scenario;
    match figure {
        Figure::Timing(timing, _) if subject.figures.get(figure).is_none() => Some(match timing {
            Timing::TimeToFail => "no pod was failed",
            Timing::QueueWait => "no Job waits in a queue",
            Timing::TimeToRun => "no pod ran",
        }),
        Figure::Count(Count::JobsCompleted | Count::JobsFailed) if !has_jobs(scenario) => {
            Some("there is no Job")
        }
        Figure::Count(Count::FailedWrites) if !has_write_fault(scenario) => {
            Some("there is no `writeFault`")
        }
        Figure::Waste(Waste::WastedGpuHours) if !wants_gpus(scenario) => {
            Some("no pod asks for a GPU")
        }
        Figure::Timing(..) | Figure::Count(_) | Figure::Waste(_) => None,
    }
}

fn has_jobs(scenario: &Scenario) -> bool {
    let is_job = |kind: &Kind| matches!(kind, Kind::Job(_));
    scenario
        .workloads
        .iter()
        .any(|workload| is_job(&workload.kind))
}

fn has_write_fault(scenario: &Scenario) -> bool {
    let is_meant = |kind: &FaultKind| matches!(kind, FaultKind::WriteFault { .. });
    scenario.faults.iter().any(|fault| is_meant(&fault.what))
}

fn wants_gpus(scenario: &Scenario) -> bool {
    scenario
        .workloads
        .iter()
        .any(|workload| workload.template.requests.gpus > 0)
}
