//! A container that runs, or ran, or whose image was edited, starts from zero.

use proptest::prelude::*;
use pullstop_core::engine::{Effect, Input, Source, TransitionKind};

use crate::harness::history::{Event, lend};
use crate::harness::world::{World, failing, steps};
use crate::harness::{DENIED, Machine, NOT_FOUND, Pod, St, at, policy};

#[derive(Clone, Copy, Debug)]
enum Reset {
    Runs,
    Ran,
    Restarted,
    Edited,
}

proptest! {
    #[test]
    fn after_any_observations(
        steps in steps(failing(), false),
        reset in prop_oneof![Just(Reset::Runs), Just(Reset::Ran), Just(Reset::Restarted), Just(Reset::Edited)],
    ) {
        let (mut world, mut machine) = (World::new(), Machine::new(policy(1_000_000, 0)));
        for step in &steps {
            world.step(step, &mut machine);
        }
        let mut pod: Pod = world.pods[0].clone();
        let now = world.now_ms;
        let one = &mut pod.containers[0];
        match reset {
            Reset::Runs => {
                one.state = St::Running;
                // What waits again after that has a last state; what ran before has been restarted.
                one.restart_count += u32::from(one.ran);
                one.ran = true;
            }
            // Only a first run shows in `lastState` alone.
            Reset::Ran if !one.ran => one.ran = true,
            Reset::Ran | Reset::Restarted => one.restart_count += 1,
            Reset::Edited => one.image = "r.example/edited:1".to_owned(),
        }
        pod.version += 1000;
        machine.see(at(now + 1000), &pod, Source::Watch);
        machine.log.clear();
        pod.containers[0].state = St::creating();
        pod.version += 1;
        machine.see(at(now + 1500), &pod, Source::Watch);
        pod.containers[0].state = St::failed(NOT_FOUND);
        pod.version += 1;
        machine.see(at(now + 2000), &pod, Source::Watch);
        let counts: Vec<u32> = machine.log.iter().filter_map(|(_, effect)| match effect {
            Effect::Transition(transition) if transition.container == "one" && transition.pod.uid() == pod.uid => match transition.kind {
                TransitionKind::Counted { failures, .. } => Some(failures),
                _ => None,
            },
            _ => None,
        }).collect();
        // A run that the same snapshot shows failing again is one failure already.
        let expected = match reset {
            Reset::Ran | Reset::Restarted if counts == [2] => vec![2],
            _ => vec![1],
        };
        prop_assert_eq!(counts, expected);
    }
}

/// The kubelet shows the old image's error for one more sync: it does not count for the new one.
#[test]
fn an_old_error_does_not_count_for_a_new_image() {
    let mut machine = Machine::new(policy(1_000_000, 0));
    let mut pod = Pod::new("pod", &["main"]);
    let states = [
        St::failed(NOT_FOUND),
        St::failed(NOT_FOUND),
        St::backing_off(NOT_FOUND),
    ];
    for (n, state) in states.into_iter().enumerate() {
        pod.version += 1;
        pod.containers[0].state = state;
        if n > 0 {
            pod.containers[0].image = "r.example/edited:1".to_owned();
        }
        machine.see(at(1000 * n as u64), &pod, Source::Watch);
    }
    assert_eq!(machine.counted(), 1);
}

/// What Events tell of is over when the container has run, or its image is another one.
#[test]
fn what_events_tell_of_another_image_or_before_a_run_does_not_count() {
    let failed = |image: &str, first_ms: u64, last_ms: u64| Event {
        reason: "Failed",
        message: format!("Failed to pull image \"{image}\": {NOT_FOUND}"),
        count: 9,
        first_ms,
        last_ms,
    };
    let event = |reason, message: &str, ms: u64| Event {
        reason,
        message: message.to_owned(),
        count: 1,
        first_ms: ms,
        last_ms: ms,
    };
    let ours = || failed("r.example/a:b", 10_000, 300_000);
    let pulled = "Successfully pulled image \"r.example/a:b\" in 1s";
    let throttled = "Failed to pull image \"r.example/a:b\": pull QPS exceeded";
    let untagged = || Event {
        message: ours().message.replace("a:b\"", "a:latest\""),
        ..ours()
    };
    for (what, image, ran, events, counted) in [
        ("as it is", "r.example/a:b", false, vec![ours()], 9),
        ("without a tag", "r.example/a", false, vec![untagged()], 9),
        ("another image", "r.example/a:c", false, vec![ours()], 1),
        ("it ran", "r.example/a:b", true, vec![ours()], 1),
        (
            "pulled in between",
            "r.example/a:b",
            false,
            vec![ours(), event("Pulled", pulled, 200_000)],
            1,
        ),
        (
            "edited to and fro",
            "r.example/a:b",
            false,
            vec![ours(), failed("r.example/a:c", 310_000, 350_000)],
            1,
        ),
        (
            "throttled",
            "r.example/a:b",
            false,
            vec![event("Failed", throttled, 10_000)],
            1,
        ),
        (
            "still to come",
            "r.example/a:b",
            false,
            vec![failed("r.example/a:b", 10_000, 900_000)],
            1,
        ),
        (
            // At 590 s and 600 s, which may be published only later, there was a pull each; and one at 580 s.
            "just now",
            "r.example/a:b",
            false,
            vec![failed("r.example/a:b", 10_000, 600_000)],
            6,
        ),
    ] {
        let mut machine = Machine::new(policy(1_000_000, 0));
        let mut pod = Pod::new("pod", &["main"]);
        pod.containers[0].image = image.to_owned();
        pod.containers[0].ran = ran;
        pod.containers[0].state = St::failed(NOT_FOUND);
        machine.see(at(600_000), &pod, Source::List);
        lend(&events, at(600_000), |history| {
            machine.input(
                at(601_000),
                Input::History {
                    uid: "pod",
                    history,
                },
            );
        });
        machine.log.clear();
        pod.version += 1;
        pod.containers[0].state = St::failed(DENIED);
        machine.see(at(700_000), &pod, Source::Watch);
        let failures = machine.transitions().find_map(|(_, _, what)| match what {
            TransitionKind::Counted { failures, .. } => Some(*failures),
            _ => None,
        });
        assert_eq!(failures, Some(counted + 1), "{what}");
    }
}
