//! The scenario is over before the policy can decide.

use std::collections::BTreeMap;
use std::time::Duration;

use pullstop_cluster::world::ids::PodId;
use pullstop_cluster::world::truth::PodTruth;
use pullstop_core::policy::Action;
use pullstop_core::time::Human;

use crate::commands::lint::subject::Subject;
use crate::commands::lint::{Found, Rule};

pub(super) const RULE: Rule = Rule {
    code: "S005",
    name: "ends-before-verdict",
    finds: "Workloads whose pulls still fail at the end, before the rule for that cause has reached its attempts and duration.",
    matters: "The policy has not decided about them: an expectation that they are spared holds only because the scenario ends too early.",
    help: "raise `duration` beyond the threshold of the rule, or end the fault earlier",
    bad: r#"spec:
  duration: 30m
  registries:
  - host: registry.example
    faults:
    - {error: ServiceUnavailable}
  workloads:
  - {pod: tool, image: "registry.example/app:v2"}
  expect:
  - {pods: tool, phase: Pending}
"#,
    good: r#"spec:
  duration: 90m
  registries:
  - host: registry.example
    faults:
    - {error: ServiceUnavailable}
  workloads:
  - {pod: tool, image: "registry.example/app:v2"}
  expect:
  - {pods: tool, failed: {because: RegistryUnavailable}}
"#,
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Found> {
    let mut found = BTreeMap::new();
    for (index, pod) in subject.pods().iter().enumerate() {
        if let (Some(workload), Some(message)) = (
            subject.workload_of(pod),
            undecided(subject, PodId::at(index), pod),
        ) {
            found.entry(workload).or_insert(message);
        }
    }
    // A Job's last replacement may well be undecided: the policy has shown with the others what it does.
    for pod in subject.pods() {
        if let (true, Some(workload)) = (
            pod.failed.is_some() || pod.warned.is_some(),
            subject.workload_of(pod),
        ) {
            found.remove(&workload);
        }
    }
    let places = &subject.scenario.places.workloads;
    found
        .into_iter()
        .map(|(workload, message)| Found::at(places[workload], message))
        .collect()
}

/// What is still missing until the policy could decide, if the pod fails in the end.
fn undecided(subject: &Subject<'_>, id: PodId, pod: &PodTruth) -> Option<String> {
    let first = pod.first_failure_at()?;
    let cause = pod.last_cause()?;
    let (rule, duration) = subject.patience(pod, cause)?;
    if rule.action == Action::Ignore || !subject.is_failing(id, pod) || !subject.is_judged(id) {
        return None;
    }
    let lasted = subject.world.cluster.now.since(first);
    let failures = pod.failures();
    let is_reached = duration <= lasted && rule.attempts.get() as usize <= failures;
    (!is_reached).then(|| {
        format!(
            "in the end, pulls of pod `{}` have failed {failures} times in {} with {cause}, and rule `{}` acts after {} failures and {}",
            pod.names.name,
            Human(Duration::from_secs(lasted.as_secs())),
            rule.name,
            rule.attempts,
            Human(duration),
        )
    })
}
