//! No verdict before the rule's attempts and duration are both reached, and no more failures counted than there were.

use proptest::prelude::*;
use pullstop_core::engine::{Effect, Source};
use pullstop_core::time::Timestamp;

use crate::harness::history::fates_with_losses;
use crate::harness::kubelet::fates;
use crate::harness::world::{World, failing, steps};
use crate::harness::{Machine, Pod, at, policy};

proptest! {
    #[test]
    fn on_any_observations(steps in steps(failing(), true), attempts in 1u32..6, seconds in 0u64..300) {
        let policy = policy(attempts, seconds);
        let (mut world, mut machine) = (World::new(), Machine::new(policy));
        for step in &steps {
            world.step(step, &mut machine);
        }
        machine.run_through(at(world.now_ms + 7_200_000));
        for (now, effect) in &machine.log {
            let (Effect::Fail(decision) | Effect::Warn(decision)) = effect else { continue };
            prop_assert!(decision.failures >= attempts, "{decision:?}");
            prop_assert!(now.since(decision.first_failure_at).as_secs() >= seconds, "{decision:?}");
        }
    }

    /// Against the truth: the count never exceeds the pulls that have really failed.
    #[test]
    fn on_a_kubelet(fate in fates(true), attempts in 1u32..6, seconds in 0u64..300) {
        let life = fate.live();
        let mut machine = Machine::new(policy(attempts, seconds));
        let mut pod = Pod::new("pod", &["main"]);
        for (ms, state) in &life.published {
            pod.version += 1;
            pod.containers[0].state = state.clone();
            machine.see(at(*ms), &pod, Source::Watch);
            prop_assert!(machine.counted() <= life.failed_by(*ms), "at {ms} ms of {life:?}");
        }
        for decision in machine.failures() {
            let ms = decision.decided_at.since(at(0)).as_millis();
            let truly = life.failed_by(u64::try_from(ms).unwrap());
            prop_assert!(decision.failures as usize <= truly, "{decision:?} of {life:?}");
        }
    }

    /// Also of what Events tell of the time before: both limits are truly reached.
    #[test]
    fn on_a_kubelet_with_a_history(
        (fate, loss) in fates_with_losses(true),
        (met_ms, told_ms) in (0u64..3_000_000, 0u64..60_000),
        attempts in 1u32..12,
        seconds in 0u64..2000,
    ) {
        let life = fate.live();
        let events = loss.events(&life, met_ms + told_ms);
        let mut machine = Machine::new(policy(attempts, seconds));
        machine.join(&life, (met_ms, told_ms), Some(&events));
        for decision in machine.failures() {
            let ms = |at_: Timestamp| u64::try_from(at_.since(at(0)).as_millis()).unwrap();
            let (decided_ms, since_ms) = (ms(decision.decided_at), ms(decision.first_failure_at));
            prop_assert!(decision.failures >= attempts, "{decision:?}");
            prop_assert!(decision.failures as usize <= life.failed_by(decided_ms), "{decision:?} of {life:?}");
            // Events tell whole seconds.
            prop_assert!(life.failed_by(since_ms + 999) > 0, "{decision:?} of {life:?}");
            prop_assert!(decided_ms - since_ms >= seconds * 1000, "{decision:?}");
        }
    }
}
