//! Duplicated, late or repeated snapshots change nothing; a gap forgets the pods that are gone and condemns nobody.

use proptest::prelude::*;
use pullstop_core::engine::{Effect, Input, Source};

use crate::harness::world::{World, failing, not_failing, steps};
use crate::harness::{Machine, Pod, St, at, policy};

/// How late an observation may be: the engine remembers the versions of pods that it forgot for 5 minutes.
const LATE_MS_MAX: u64 = 240_000;

proptest! {
    #[test]
    fn repeats(
        steps in steps(prop_oneof![failing(), not_failing()], false),
        repeats in prop::collection::vec((0usize..6, any::<bool>()), 60),
    ) {
        let (mut plain_world, mut plain) = (World::new(), Machine::new(policy(3, 60)));
        let (mut world, mut machine) = (World::new(), Machine::new(policy(3, 60)));
        let mut history: Vec<(u64, Pod)> = Vec::new();
        for (step, (back, is_listed)) in steps.iter().zip(&repeats) {
            plain_world.step(step, &mut plain);
            world.step(step, &mut machine);
            history.push((world.now_ms, world.pods[step.pod].clone()));
            let (ms, old) = &history[history.len().saturating_sub(back + 1)];
            if world.now_ms - ms <= LATE_MS_MAX {
                let source = if *is_listed { Source::List } else { Source::Watch };
                machine.see(at(world.now_ms), old, source);
            }
        }
        let end = at(world.now_ms + 7_200_000);
        plain.run_through(end);
        machine.run_through(end);
        prop_assert_eq!(&plain.log, &machine.log);
    }

    /// While the list is read anew nobody is condemned, and who is missing in it is forgotten.
    #[test]
    fn gaps(steps in steps(failing(), false), blind_ms in 0u64..4_000_000) {
        let (mut world, mut machine) = (World::new(), Machine::new(policy(1, 60)));
        for step in &steps {
            world.step(step, &mut machine);
        }
        machine.input(at(world.now_ms), Input::RelistBegin);
        machine.log.clear();
        machine.run_through(at(world.now_ms + blind_ms));
        let written = |machine: &Machine| machine.log.iter().any(|(_, effect)| matches!(effect, Effect::Fail(_)));
        prop_assert!(!written(&machine));
        machine.input(at(world.now_ms + blind_ms), Input::RelistEnd);
        // Nobody was in the list: nothing is kept but pods whose failed write must be looked at.
        machine.run_through(at(world.now_ms + blind_ms + 600_000));
        prop_assert!(!written(&machine));
    }
}

#[test]
fn a_pod_that_is_still_there_after_a_gap_is_judged_by_what_it_then_shows() {
    let mut machine = Machine::new(policy(1, 60));
    let mut pod = Pod::new("pod", &["main"]);
    pod.containers[0].state = St::waiting("InvalidImageName", "couldn't parse image name");
    machine.see(at(0), &pod, Source::Watch);
    machine.input(at(50_000), Input::RelistBegin);
    machine.run_through(at(70_000));
    assert!(machine.failures().is_empty(), "not while blind");
    let mut healed = pod.clone();
    healed.version += 1;
    healed.containers[0].state = St::Running;
    machine.see(at(80_000), &healed, Source::List);
    machine.input(at(80_000), Input::RelistEnd);
    machine.run_through(at(600_000));
    assert!(machine.failures().is_empty(), "it had healed in the gap");

    let mut machine = Machine::new(policy(1, 60));
    machine.see(at(0), &pod, Source::Watch);
    machine.input(at(50_000), Input::RelistBegin);
    machine.see(at(80_000), &pod, Source::List);
    machine.input(at(80_000), Input::RelistEnd);
    assert_eq!(machine.first_failure_at(), Some(at(80_000)));
}
