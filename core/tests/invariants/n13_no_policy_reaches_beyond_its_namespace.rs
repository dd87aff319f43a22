//! No policy of a namespace has any influence on pods of another, and none goes beyond the limits.

use std::collections::BTreeMap;

use proptest::prelude::*;
use pullstop_core::engine::{Effect, Input, Source, TransitionKind};
use pullstop_core::plugin::ActivePolicies;
use pullstop_core::policy::{Action, Limits, Mode, Policies, Policy};
use pullstop_core::time::Timestamp;

use crate::harness::world::{Step, World, failing, not_failing, steps};
use crate::harness::{Machine, Pod, St, at, policy};

/// The namespace with a policy of its own, and one without.
const NAMESPACES: [&str; 2] = ["team", "other"];

fn with_team(cluster: Policy, team: Policy) -> Policies {
    Policies {
        cluster,
        namespaces: BTreeMap::from([("team".to_owned(), team)]),
    }
}

fn adopt(machine: &mut Machine, ms: u64, policies: impl Into<Policies>) {
    let policies = Box::new(ActivePolicies::new(policies).unwrap());
    machine.input(at(ms), Input::Policies(policies));
}

/// A pod of each namespace, named after it, whose image name cannot be parsed.
fn failing_pods() -> [Pod; 2] {
    NAMESPACES.map(|namespace| {
        let mut pod = Pod::new(namespace, &["main"]);
        namespace.clone_into(&mut pod.namespace);
        pod.containers[0].state = St::waiting("InvalidImageName", "couldn't parse image name");
        pod
    })
}

fn list(machine: &mut Machine, ms: u64, pods: &[Pod]) {
    machine.input(at(ms), Input::RelistBegin);
    for pod in pods {
        machine.see(at(ms), pod, Source::List);
    }
    machine.input(at(ms), Input::RelistEnd);
}

/// Pods for which a dry run has reported a verdict, in order.
fn reported(machine: &Machine) -> Vec<String> {
    let verdicts = machine.log.iter().filter_map(|(_, effect)| match effect {
        Effect::Transition(transition) => match &transition.kind {
            TransitionKind::DryRun(decision) => Some(decision.pod.uid()),
            _ => None,
        },
        _ => None,
    });
    verdicts.collect()
}

proptest! {
    /// Neither policy has any influence on pods of the other: each namespace is judged as by an engine of its own.
    #[test]
    fn each_namespace_is_judged_as_if_alone(
        steps in steps(prop_oneof![failing(), not_failing()], true),
        (attempts, seconds) in (1u32..4, 0u64..200),
        (own_attempts, own_seconds) in (1u32..4, 0u64..200),
    ) {
        let cluster = policy(attempts, seconds);
        let team = policy(own_attempts, own_seconds);
        let together = effects(&steps, with_team(cluster.clone(), team.clone()));
        for (namespace, alone) in [("team", team), ("other", cluster)] {
            let of = |effects: &[(Timestamp, Effect)]| -> Vec<(Timestamp, Effect)> {
                effects.iter().filter(|(_, effect)| is_of(effect, namespace)).cloned().collect()
            };
            prop_assert_eq!(of(&together), of(&effects(&steps, alone)));
        }
    }
}

fn effects(steps: &[Step], policies: impl Into<Policies>) -> Vec<(Timestamp, Effect)> {
    let (mut world, mut machine) = (World::new(), Machine::new(policies));
    for (pod, namespace) in world.pods.iter_mut().zip(NAMESPACES) {
        namespace.clone_into(&mut pod.namespace);
    }
    for step in steps {
        world.step(step, &mut machine);
    }
    machine.run_through(at(world.now_ms + 7_200_000));
    std::mem::take(&mut machine.log)
}

fn is_of(effect: &Effect, namespace: &str) -> bool {
    let pod = match effect {
        Effect::Fail(decision) | Effect::Deadline(decision) | Effect::Warn(decision) => {
            &decision.pod
        }
        Effect::Remember { pod, .. } | Effect::Read(pod) => pod,
        Effect::Transition(transition) => &transition.pod,
        Effect::List => return false,
    };
    pod.namespace() == namespace
}

#[test]
fn a_namespace_that_gets_a_policy_keeps_its_counts() {
    let mut machine = Machine::new(policy(1, 600));
    let pods = failing_pods();
    list(&mut machine, 0, &pods);
    adopt(
        &mut machine,
        60_000,
        with_team(policy(1, 600), policy(1, 30)),
    );
    machine.run_through(at(61_000));
    assert_eq!(machine.failures(), Vec::<&_>::new(), "before it was listed");
    list(&mut machine, 62_000, &pods);
    let failed: Vec<String> = machine.failures().iter().map(|d| d.pod.uid()).collect();
    assert_eq!(failed, ["team"], "its 30 s are over, the cluster's are not");
    assert_eq!(machine.failures()[0].first_failure_at, at(0));
}

#[test]
fn a_policy_of_one_namespace_leaves_the_others_undisturbed() {
    let dry_run = |seconds| policy(1, seconds).in_mode(Mode::DryRun);
    let mut machine = Machine::new(with_team(dry_run(30), dry_run(30)));
    let pods = failing_pods();
    list(&mut machine, 0, &pods);
    machine.run_through(at(40_000));
    assert_eq!(reported(&machine), ["team", "other"]);
    machine.log.clear();
    adopt(&mut machine, 50_000, with_team(dry_run(30), dry_run(31)));
    list(&mut machine, 51_000, &pods);
    assert_eq!(reported(&machine), ["team"]);
}

#[test]
fn other_limits_are_for_all_to_hear() {
    let mut machine = Machine::new(with_team(policy(1, 30), policy(1, 30)));
    machine.input(at(0), Input::Limits(Limits::DRY_RUN));
    let pods = failing_pods();
    list(&mut machine, 0, &pods);
    machine.run_through(at(40_000));
    for ms in [50_000, 60_000] {
        assert_eq!(reported(&machine), ["team", "other"]);
        machine.log.clear();
        // The same ones again: somebody else may have begun to report.
        machine.input(at(ms), Input::Limits(Limits::DRY_RUN));
        list(&mut machine, ms, &pods);
    }
    machine.log.clear();
    adopt(
        &mut machine,
        70_000,
        with_team(policy(1, 31), policy(1, 31)),
    );
    list(&mut machine, 70_000, &pods);
    assert_eq!(
        machine.failures(),
        Vec::<&_>::new(),
        "limits outlast policies"
    );
    machine.input(at(80_000), Input::Limits(Limits::NONE));
    list(&mut machine, 80_000, &pods);
    assert_eq!(machine.failures().len(), 2);
}

/// A driver may have a verdict in a queue when the policies change.
#[test]
fn a_verdict_is_allowed_as_long_as_the_policies_allow_it() {
    let given = with_team(policy(1, 30), policy(1, 30));
    let mut machine = Machine::new(given.clone());
    list(&mut machine, 0, &failing_pods());
    machine.run_through(at(40_000));
    let decision = machine.failures()[0];
    assert_eq!(decision.pod.namespace(), "team");
    let is_allowed = |change: fn(&mut Policies)| {
        let mut policies = given.clone();
        change(&mut policies);
        decision.is_allowed_by(&ActivePolicies::new(policies).unwrap())
    };
    assert!(is_allowed(|_| {}));
    assert!(is_allowed(|policies| policies.namespaces.clear()));
    for change in [
        |policies: &mut Policies| policies.cluster.mode = Mode::Warn,
        |policies: &mut Policies| {
            let team = policies.namespaces.get_mut("team").unwrap();
            team.mode = Mode::Off;
        },
        |policies: &mut Policies| {
            let team = policies.namespaces.get_mut("team").unwrap();
            *team = team.clone().with_rules(Vec::new()).unwrap();
        },
        |policies: &mut Policies| {
            let team = policies.namespaces.get_mut("team").unwrap();
            let mut rules = team.rules().to_vec();
            for rule in &mut rules {
                rule.action = Action::Warn;
            }
            *team = team.clone().with_rules(rules).unwrap();
        },
        |policies: &mut Policies| {
            policies.cluster.scope.exclude_namespaces = vec!["te*".to_owned()];
        },
    ] {
        assert!(!is_allowed(change));
    }
}
