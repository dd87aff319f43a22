//! A container that runs, or ran, or whose image was edited, starts from zero.

use proptest::prelude::*;
use pullstop_core::engine::{Effect, Happening, Seen};

use crate::harness::world::{World, failing, steps};
use crate::harness::{Machine, NOT_FOUND, Pod, St, at, policy};

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
        machine.see(at(now + 1000), &pod, Seen::Changing);
        machine.log.clear();
        pod.containers[0].state = St::creating();
        pod.version += 1;
        machine.see(at(now + 1500), &pod, Seen::Changing);
        pod.containers[0].state = St::failed(NOT_FOUND);
        pod.version += 1;
        machine.see(at(now + 2000), &pod, Seen::Changing);
        let counts: Vec<u32> = machine.log.iter().filter_map(|(_, effect)| match effect {
            Effect::Note(note) if note.container == "one" && note.pod.uid() == pod.uid => match note.what {
                Happening::Counted { failures, .. } => Some(failures),
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
        machine.see(at(1000 * n as u64), &pod, Seen::Changing);
    }
    assert_eq!(machine.counted(), 1);
}
