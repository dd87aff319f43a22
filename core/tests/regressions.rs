//! Sequences that once went wrong, or nearly did; and the seams where plugins are added.

use std::time::Duration;

use crate::harness::{Machine, NOT_FOUND, Pod, St, at, built_in, policy};
use pullstop_core::engine::{Effect, Engine, Input, Outcome, Source};
use pullstop_core::plugin::{
    ActivePolicies, Case, Evidence, Fact, Permission, Permit, Point, Profile, Trail, Weight,
};
use pullstop_core::pod::{ContainerKind, Phase, ResourceVersion};
use pullstop_core::time::Timestamp;

fn invalid() -> St {
    St::waiting("InvalidImageName", "couldn't parse image name")
}

/// A pod of one container, in this state, at this version.
fn pod(version: u64, state: St) -> Pod {
    let mut pod = Pod::new("pod", &["main"]);
    pod.version = version;
    pod.containers[0].state = state;
    pod
}

fn memories(machine: &Machine) -> Vec<usize> {
    let count = |(_, effect): &(Timestamp, Effect)| match effect {
        Effect::Remember { memories, .. } => Some(memories.len()),
        _ => None,
    };
    machine.log.iter().filter_map(count).collect()
}

/// What is remembered of a pod that has recovered must go, even if the first attempt to take it away conflicts.
#[test]
fn a_memory_is_taken_away_until_that_succeeds() {
    let mut machine = Machine::new(policy(9, 9));
    machine.see(at(0), &pod(10, St::failed(NOT_FOUND)), Source::Watch);
    machine.answers = false;
    let beyond = pod(11, St::waiting("CreateContainerError", ""));
    machine.see(at(13_000), &beyond, Source::Watch);
    assert_eq!(memories(&machine), [1, 0]);
    machine.input(
        at(13_100),
        Input::Outcome {
            uid: "pod",
            outcome: Outcome::Conflict,
        },
    );
    machine.see(at(20_000), &beyond, Source::List);
    assert_eq!(memories(&machine), [1, 0, 0]);
    let outcome = Outcome::Accepted(ResourceVersion(12));
    machine.input(
        at(20_100),
        Input::Outcome {
            uid: "pod",
            outcome,
        },
    );
    assert_eq!(machine.engine().tracked(), 0);
}

/// It recovers while the memory is being written: that is taken away again.
#[test]
fn a_memory_that_comes_too_late_is_taken_away() {
    let mut machine = Machine::new(policy(9, 9));
    machine.answers = false;
    machine.see(at(0), &pod(10, St::failed(NOT_FOUND)), Source::Watch);
    machine.see(
        at(1000),
        &pod(11, St::waiting("CreateContainerError", "")),
        Source::Watch,
    );
    assert_eq!(memories(&machine), [1]);
    let outcome = Outcome::Accepted(ResourceVersion(12));
    machine.input(
        at(1100),
        Input::Outcome {
            uid: "pod",
            outcome,
        },
    );
    assert_eq!(memories(&machine), [1, 0]);
}

/// The answer to a write is lost, and a read shows the pod Failed at a version that was seen: no second write.
#[test]
fn a_pod_that_is_failed_already_is_not_failed_again() {
    for outcome in [Outcome::Failed, Outcome::Conflict] {
        let mut machine = Machine::new(policy(1, 0));
        machine.answers = false;
        machine.see(at(0), &pod(10, invalid()), Source::Watch);
        assert_eq!(machine.failures().len(), 1);
        let mut failed = pod(11, invalid());
        failed.phase = Phase::Failed;
        machine.see(at(1000), &failed, Source::Watch);
        machine.input(
            at(2000),
            Input::Outcome {
                uid: "pod",
                outcome,
            },
        );
        machine.see(at(20_000), &failed, Source::List);
        machine.run_through(at(3_600_000));
        assert_eq!(machine.failures().len(), 1, "{outcome:?}");
    }
}

/// The cluster's state is restored from an earlier one: the list is newer, though its versions are older.
#[test]
fn after_a_restore_what_is_seen_counts_at_any_version() {
    for restored in [true, false] {
        let mut machine = Machine::new(policy(1, 60));
        machine.see(at(0), &pod(1000, invalid()), Source::Watch);
        machine.input(at(10_000), Input::RelistBegin);
        if restored {
            machine.input(at(10_000), Input::Restored);
        }
        machine.see(at(10_000), &pod(50, invalid()), Source::List);
        machine.input(at(10_000), Input::RelistEnd);
        // Late news from before count no more than ever, and so does what came before the list.
        machine.see(at(11_000), &pod(49, St::creating()), Source::Watch);
        assert_eq!(machine.counted(), 1, "what has failed has failed");
        machine.run_through(at(120_000));
        let judged = machine.failures()[0].resource_version;
        let expected = if restored { 50 } else { 1000 };
        assert_eq!(judged, ResourceVersion(expected));
        assert_eq!(machine.first_failure_at(), Some(at(60_000)));
    }
}

/// Neither is a pod that was forgotten kept out by the version at which that was.
#[test]
fn after_a_restore_pods_that_were_forgotten_come_back() {
    let mut machine = Machine::new(policy(1, 60));
    machine.see(at(0), &pod(1000, invalid()), Source::Watch);
    machine.gone(at(1000), "pod");
    machine.see(at(2000), &pod(50, invalid()), Source::List);
    assert_eq!(machine.engine().tracked(), 0);
    machine.input(at(3000), Input::Restored);
    machine.see(at(3000), &pod(50, invalid()), Source::List);
    assert_eq!(machine.engine().tracked(), 1);
}

/// Nobody looked for longer than a pull may take: that does not make the pull hung.
#[test]
fn a_long_gap_makes_no_pull_hung() {
    let mut machine = Machine::new(policy(1, 60));
    machine.see(at(0), &pod(10, St::failed(NOT_FOUND)), Source::Watch);
    machine.input(at(10_000), Input::RelistBegin);
    let later = pod(20, St::backing_off(NOT_FOUND));
    machine.see(at(2_500_000), &later, Source::List);
    machine.input(at(2_500_000), Input::RelistEnd);
    assert!(machine.failures().is_empty());
}

/// Two containers with the same image share one back-off: the second only ever shows it.
#[test]
fn a_shared_back_off_holds_nothing() {
    let mut machine = Machine::new(policy(3, 120));
    let mut pod = Pod::new("pod", &["one", "two"]);
    for (ms, failed) in [
        (0, true),
        (13, false),
        (27, true),
        (40, false),
        (54, true),
        (67, false),
        (98, true),
    ] {
        pod.version += 1;
        pod.containers[0].state = if failed {
            St::failed(NOT_FOUND)
        } else {
            St::backing_off(NOT_FOUND)
        };
        pod.containers[1].state = St::backing_off(NOT_FOUND);
        machine.see(at(1000 * ms), &pod, Source::Watch);
    }
    machine.run_through(at(130_000));
    assert_eq!(machine.first_failure_at(), Some(at(120_000)));
}

/// A sidecar that has not started stops what is behind it, so that is not being pulled.
#[test]
fn nothing_is_pulled_behind_a_sidecar_that_never_started() {
    let mut machine = Machine::new(policy(1, 30));
    let mut pod = Pod::new("pod", &["sidecar", "main"]);
    pod.containers[0].kind = ContainerKind::Sidecar;
    pod.containers[0].state = invalid();
    pod.containers[1].state = St::waiting("PodInitializing", "");
    machine.see(at(0), &pod, Source::Watch);
    machine.run_through(at(60_000));
    assert_eq!(machine.first_failure_at(), Some(at(30_000)));
}

/// Every pull takes ten minutes to fail, so there is no quiet time: not a reason to wait for ever.
#[test]
fn slow_failures_come_to_an_end() {
    let mut machine = Machine::new(policy(3, 600));
    let mut version = 0;
    for n in 0..20 {
        for (ms, state) in [
            (0, St::failed(NOT_FOUND)),
            (13_000, St::backing_off(NOT_FOUND)),
        ] {
            version += 1;
            machine.see(at(660_000 * n + ms), &pod(version, state), Source::Watch);
        }
    }
    assert!(machine.first_failure_at().is_some());
}

/// A policy that takes more pods in asks for a list, and one that was let go for the scope comes back as it is.
#[test]
fn pods_that_come_into_scope_are_judged() {
    let mut wide = policy(1, 30);
    wide.scope.owners.push("ReplicaSet".to_owned());
    let mut foreign = pod(10, invalid());
    foreign.owner = Some("ReplicaSet".to_owned());
    let mut machine = Machine::new(policy(1, 30));
    machine.see(at(0), &foreign, Source::Watch);
    assert_eq!(machine.engine().tracked(), 0);
    for (ms, policy, kept) in [
        (1000, wide.clone(), 1),
        (2000, policy(1, 30), 0),
        (3000, wide, 1),
    ] {
        let policies = Box::new(ActivePolicies::new(policy).unwrap());
        machine.log.clear();
        machine.input(at(ms), Input::Policies(policies));
        assert!(
            machine
                .log
                .iter()
                .any(|(_, effect)| *effect == Effect::List)
        );
        machine.see(at(ms), &foreign, Source::List);
        assert_eq!(machine.engine().tracked(), kept, "at {ms}");
    }
}

/// Holds everything, and asks for a moment that has come already.
#[derive(Debug)]
struct Impatient;

impl Permit for Impatient {
    fn name(&self) -> &'static str {
        "impatient"
    }

    fn permit(&self, case: &Case<'_>, _: &mut Trail) -> Permission {
        Permission::Held {
            until: Some(case.now),
        }
    }
}

#[test]
fn a_plugin_cannot_stop_the_clock() {
    let standard = || Profile::standard(policy(1, 0)).unwrap();
    for (profile, held) in [
        (standard().with_permit(Box::new(Impatient)), true),
        (standard(), false),
    ] {
        let mut engine = Engine::new(profile);
        pod(10, invalid()).lend(&[], |pod| {
            engine.handle(
                at(0),
                Input::Pod {
                    pod,
                    source: Source::Watch,
                },
            );
        });
        if held {
            let (wake, _) = engine.next_deadline().unwrap();
            assert!(wake > at(0));
        }
        let effects: Vec<Effect> = std::iter::from_fn(|| engine.poll()).collect();
        let is_failed = effects
            .iter()
            .any(|effect| matches!(effect, Effect::Fail(_)));
        assert_eq!(is_failed, !held, "without the plugin there is a verdict");
    }
}

/// Speaks against every verdict once several pods have failed on one registry.
#[derive(Debug, Default)]
struct Outage {
    failing: u32,
}

impl Evidence for Outage {
    fn name(&self) -> &'static str {
        "outage"
    }

    fn learn(&mut self, _: Timestamp, fact: &Fact<'_>) {
        match fact {
            Fact::Failed { .. } => self.failing += 1,
            Fact::Recovered { .. } => self.failing = 0,
        }
    }

    fn weigh(&self, _: &Case<'_>, trail: &mut Trail) -> Weight {
        if self.failing < 3 {
            return Weight::Neutral;
        }
        trail.record(
            Point::Evidence,
            self.name(),
            format_args!("{} pods fail", self.failing),
        );
        Weight::Against { until: None }
    }
}

/// As long as the plugin has nothing against it, each pod is failed; so it is the plugin that holds them.
#[test]
fn evidence_of_other_pods_holds_a_verdict() {
    for (pods, failed) in [(2, 2), (3, 0)] {
        let profile = Profile::standard(built_in()).unwrap();
        let mut machine = Machine::with(profile.with_evidence(Box::new(Outage::default())));
        for n in 0..pods {
            let mut pod = pod(10, invalid());
            pod.uid = format!("pod-{n}");
            machine.see(at(n), &pod, Source::Watch);
        }
        machine.run_through(at(600_000));
        assert_eq!(machine.failures().len(), failed, "of {pods}");
        if failed == 0 {
            let trail = machine.engine().explain("pod-0").remove(0).trail;
            let entries = trail.iter().any(|entries| entries.what == "3 pods fail");
            assert!(entries, "{trail:?}");
        }
    }
}

/// A memory that another clock told may seem older than it is: the rule waits for as long as that may be, and no longer,
/// however often the engine starts anew.
#[test]
fn what_another_clock_remembered_fires_no_rule_early() {
    let error = Duration::from_secs(5);
    let profile = || {
        let profile = Profile::standard(policy(1, 600)).unwrap();
        profile.with_memory_error(error)
    };
    let mut machine = Machine::new(policy(1, 600));
    machine.see(at(60_000), &pod(10, invalid()), Source::Watch);
    // On a machine whose clock is 3 s behind, so that the failure is yet to come.
    for restart in 0..3 {
        let memories = std::mem::take(&mut machine.memories);
        machine = Machine::with(profile());
        machine.memories = memories;
        let moment = at(57_000 + 100_000 * restart);
        machine.see(moment, &pod(11, invalid()), Source::List);
        assert_eq!(machine.counted(), 0, "it is remembered");
    }
    machine.run_through(at(700_000));
    assert_eq!(machine.first_failure_at(), Some(at(665_000)));
}

/// No clock is wrong by that much.
#[test]
fn a_memory_of_the_future_is_void() {
    let mut machine = Machine::new(policy(1, 600));
    machine.see(at(60_000), &pod(10, invalid()), Source::Watch);
    let mut restarted = machine.restarted(policy(1, 600));
    restarted.see(at(50_000), &pod(11, invalid()), Source::List);
    assert_eq!(restarted.counted(), 1);
}
