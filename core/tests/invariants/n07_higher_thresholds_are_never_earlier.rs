//! Raising a threshold never brings a verdict forward.

use proptest::prelude::*;
use pullstop_core::time::Timestamp;

use crate::harness::history::fates_with_losses;
use crate::harness::kubelet::{Fate, fates};
use crate::harness::world::{Step, World, failing, not_failing, steps};
use crate::harness::{Machine, at, policy};

proptest! {
    #[test]
    fn on_any_observations(
        steps in steps(prop_oneof![3 => failing(), 1 => not_failing()], true),
        (attempts, more) in (1u32..5, 0u32..5),
        (seconds, longer) in (0u64..300, 0u64..300),
    ) {
        let low = verdicts(&steps, attempts, seconds);
        let high = verdicts(&steps, attempts + more, seconds + longer);
        for (uid, late) in &high {
            let early = low.iter().find(|(low_uid, _)| low_uid == uid).map(|(_, at)| *at);
            prop_assert!(early.is_some_and(|early| early <= *late), "{uid}: {early:?}, then {late:?}");
        }
    }

    #[test]
    fn on_a_kubelet_with_a_history(
        (fate, loss) in fates_with_losses(false),
        (met_ms, told_ms) in (0u64..3_000_000, 0u64..60_000),
        (attempts, more) in (1u32..7, 0u32..5),
        (seconds, longer) in (0u64..600, 0u64..600),
    ) {
        let life = fate.live();
        let events = loss.events(&life, met_ms + told_ms);
        let verdict = |attempts, seconds| {
            let mut machine = Machine::new(policy(attempts, seconds));
            machine.join(&life, (met_ms, told_ms), Some(&events));
            machine.first_failure_at()
        };
        let (low, high) = (verdict(attempts, seconds), verdict(attempts + more, seconds + longer));
        if let Some(high) = high {
            prop_assert!(low.is_some_and(|low| low <= high), "{low:?}, then {high:?}");
        }
    }

    #[test]
    fn on_a_kubelet(
        fate in fates(false),
        (attempts, more) in (1u32..7, 0u32..5),
        (seconds, longer) in (0u64..600, 0u64..600),
    ) {
        let low = verdict(&fate, attempts, seconds);
        let high = verdict(&fate, attempts + more, seconds + longer);
        if let Some(high) = high {
            prop_assert!(low.is_some_and(|low| low <= high), "{low:?}, then {high:?}");
        }
    }
}

/// When each pod is first failed.
fn verdicts(steps: &[Step], attempts: u32, seconds: u64) -> Vec<(String, Timestamp)> {
    let (mut world, mut machine) = (World::new(), Machine::new(policy(attempts, seconds)));
    // Nobody carries the verdicts out, so that both runs see the same.
    machine.answers = false;
    for step in steps {
        world.step(step, &mut machine);
    }
    machine.run_through(at(world.now_ms + 7_200_000));
    let mut firsts: Vec<(String, Timestamp)> = Vec::new();
    for decision in machine.failures() {
        let uid = decision.pod.uid();
        if !firsts.iter().any(|(known, _)| *known == uid) {
            firsts.push((uid, decision.decided_at));
        }
    }
    firsts
}

fn verdict(fate: &Fate, attempts: u32, seconds: u64) -> Option<Timestamp> {
    let mut machine = Machine::new(policy(attempts, seconds));
    machine.watch(&fate.live(), 0);
    machine.first_failure_at()
}
