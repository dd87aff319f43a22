//! Draws policies of namespaces.

use pullstop_cluster::scenario::Scenario;
use pullstop_core::policy::{Mode, Policy};

use super::Draw;

const NAMESPACE: &str = "team";

/// In some worlds a namespace with some of the workloads has a policy of its own.
pub(super) fn of_namespaces(draw: &mut Draw, scenario: &mut Scenario) {
    if !draw.chance.chance(30) {
        return;
    }
    let built_in = Policy::default();
    let mut rules = built_in.rules().to_vec();
    for rule in &mut rules {
        // Of what fails by its name alone, such as an invalid one, no second failure is ever seen.
        if rule.attempts.get() > 1 {
            rule.attempts = rule.attempts.saturating_add(draw.below(3));
        }
        rule.duration += draw.minutes(0, 20);
    }
    let mode = draw.one_of(&[Mode::Enforce, Mode::Enforce, Mode::Warn, Mode::Off]);
    let policy = built_in.in_mode(mode).with_rules(rules).unwrap_or_default();
    let namespaces = &mut scenario.policies.namespaces;
    namespaces.insert(NAMESPACE.to_owned(), policy);
    for workload in &mut scenario.workloads {
        if draw.coin() {
            NAMESPACE.clone_into(&mut workload.namespace);
        }
    }
}
