//! State is kept only for failing containers; what is healthy costs nothing.

use proptest::prelude::*;
use pullstop_core::engine::{Input, Source};
use pullstop_core::pod::Phase;

use crate::harness::world::{Op, World, failing, not_failing, steps};
use crate::harness::{Machine, Pod, St, at, policy};

proptest! {
    /// Healthy pods, in any number and whatever they wait for, leave nothing.
    #[test]
    fn healthy_pods_leave_nothing(pods in 1usize..50) {
        let mut machine = Machine::new(policy(1, 0));
        for n in 0..pods {
            let mut pod = Pod::new(&format!("pod-{n}"), &["one", "two"]);
            let states = [St::Unreported, St::creating(), St::waiting("CrashLoopBackOff", "x"), St::Running];
            for (version, state) in states.into_iter().enumerate() {
                pod.version = 1 + version as u64;
                pod.containers[0].state = state;
                machine.see(at(1000), &pod, Source::Watch);
            }
        }
        prop_assert_eq!(machine.engine().tracked(), 0);
        prop_assert_eq!(machine.engine().next_deadline(), None);
        prop_assert!(machine.log.is_empty());
    }

    /// Once all pods run or are gone, nothing is kept; and soon after, not even their versions.
    #[test]
    fn recovered_pods_leave_nothing(steps in steps(prop_oneof![failing(), not_failing()], true)) {
        let (mut world, mut machine) = (World::new(), Machine::new(policy(1_000_000, 0)));
        for step in &steps {
            world.step(step, &mut machine);
        }
        let now = world.now_ms + 1;
        for (n, pod) in world.pods.iter_mut().enumerate() {
            pod.version += 1000;
            pod.phase = Phase::Running;
            pod.containers.iter_mut().for_each(|c| c.state = St::Running);
            if n == 0 {
                machine.see(at(now), pod, Source::Watch);
            } else {
                machine.gone(at(now), &pod.uid);
            }
        }
        prop_assert_eq!(machine.engine().tracked(), 0);
        machine.run_through(at(now + 900_000));
        prop_assert_eq!(machine.engine().next_deadline(), None);
    }

    /// A pod is kept only while one of its containers has failed and neither run nor been replaced.
    #[test]
    fn only_pods_that_fail_are_kept(steps in steps(prop_oneof![failing(), not_failing()], false)) {
        let (mut world, mut machine) = (World::new(), Machine::new(policy(1_000_000, 0)));
        for step in &steps {
            world.step(step, &mut machine);
            let may_fail = |pod: &&Pod| pod.containers.iter().any(|c| matches!(c.state, St::Waiting(..) | St::Unreported));
            let kept = machine.engine().tracked();
            prop_assert!(kept <= world.pods.iter().filter(may_fail).count());
            if let Op::Replace = step.what {
                prop_assert!(kept < world.pods.len());
            }
        }
        machine.input(at(world.now_ms), Input::RelistBegin);
        machine.input(at(world.now_ms), Input::RelistEnd);
        prop_assert_eq!(machine.engine().tracked(), 0);
    }
}
