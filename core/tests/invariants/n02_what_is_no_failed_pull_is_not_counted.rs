//! Throttling, sandbox failures, config errors, crashes, queueing and what nobody knows are never counted.

use proptest::prelude::*;

use crate::harness::world::{Op, World, not_failing, steps};
use crate::harness::{Machine, at, policy};

proptest! {
    #[test]
    fn whatever_else_a_pod_waits_for(steps in steps(not_failing(), true)) {
        let (mut world, mut machine) = (World::new(), Machine::new(policy(1, 0)));
        // `Ran` shows a failed pull, which does count.
        for step in steps.iter().filter(|step| !matches!(step.what, Op::Ran(_))) {
            world.step(step, &mut machine);
        }
        machine.run_through(at(world.now_ms + 7_200_000));
        prop_assert_eq!(machine.counted(), 0);
        prop_assert_eq!(machine.failures().len(), 0);
    }
}
