//! Same inputs, same effects.

use proptest::prelude::*;
use pullstop_core::engine::Effect;
use pullstop_core::time::Timestamp;

use crate::harness::world::{Step, World, failing, not_failing, steps};
use crate::harness::{Machine, at, policy};

proptest! {
    #[test]
    fn twice(steps in steps(prop_oneof![failing(), not_failing()], true)) {
        prop_assert_eq!(effects(&steps), effects(&steps));
    }
}

fn effects(steps: &[Step]) -> Vec<(Timestamp, Effect)> {
    let (mut world, mut machine) = (World::new(), Machine::new(policy(2, 30)));
    for step in steps {
        world.step(step, &mut machine);
    }
    machine.run_through(at(world.now_ms + 7_200_000));
    machine.log
}
