//! Pods are expected to be failed for a cause for which the policy fails none.

use pullstop_cluster::scenario::expect::Fate;
use pullstop_core::policy::{Action, Policy};

use crate::commands::lint::subject::Subject;
use crate::commands::lint::{Found, Rule};

pub(super) const RULE: Rule = Rule {
    code: "S017",
    name: "cause-never-fails",
    finds: "`failed` with a cause in `because` for which the policy has no rule, or none that fails pods.",
    matters: "No run can pass: the policy never does what the scenario expects.",
    help: "expect `warned` or `neverFailed`, or give the policy a rule that fails pods for this cause",
    bad: r#"spec:
  duration: 1h
  registries:
  - host: registry.example
    faults:
    - {error: DiskFull}
  workloads:
  - {pod: tool, image: "registry.example/app:v2"}
  expect:
  - {pods: tool, failed: {because: NodeDiskFull}}
"#,
    good: r#"spec:
  duration: 1h
  registries:
  - host: registry.example
    faults:
    - {error: DiskFull}
  workloads:
  - {pod: tool, image: "registry.example/app:v2"}
  expect:
  - {pods: tool, warned: {because: NodeDiskFull}}
"#,
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for (place, expected) in subject.pods_expected() {
        let Some(Fate::Failed {
            because: Some(cause),
            ..
        }) = expected.fate
        else {
            continue;
        };
        let why = |policy: &Policy| match policy.rule_for(cause) {
            None => Some(format!(
                "the policy has no rule for {cause}: it never fails a pod for it"
            )),
            Some(rule) if rule.action != Action::Fail => Some(format!(
                "for {cause}, rule `{}` never fails a pod",
                rule.name
            )),
            Some(_) => None,
        };
        let mut policies: Vec<&Policy> = subject
            .pods_named(&expected.pods)
            .map(|(_, pod)| subject.policy_of(pod))
            .collect();
        if policies.is_empty() {
            policies.push(&subject.scenario.policies.cluster);
        }
        let message = policies.into_iter().find_map(why);
        found.extend(message.map(|message| Found::at(place, message)));
    }
    found
}
