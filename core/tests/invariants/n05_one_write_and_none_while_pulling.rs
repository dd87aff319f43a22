//! At most one write in flight per pod; none after the kubelet agreed; none while a pull may be in flight.

use std::collections::BTreeMap;

use proptest::prelude::*;
use pullstop_core::engine::{Input, Outcome, Source, TransitionKind};
use pullstop_core::pod::{Phase, ResourceVersion};

use crate::harness::history::fates_with_losses;
use crate::harness::kubelet::fates;
use crate::harness::world::{World, failing, not_failing, steps};
use crate::harness::{Machine, Pod, St, at, policy, write_of};

/// What the watch and the write may take together: the allowance beyond one worker sync of 16.16 s.
const DELAY_MS_MAX: u64 = 3800;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Against the truth: when the write arrives, the kubelet is not pulling.
    #[test]
    fn no_write_while_pulling(
        fate in fates(true),
        watch_ms in 0u64..=DELAY_MS_MAX,
        attempts in 1u32..7,
        seconds in 0u64..600,
    ) {
        let life = fate.live();
        let mut machine = Machine::new(policy(attempts, seconds));
        machine.watch(&life, watch_ms);
        for decision in machine.failures() {
            let decided_ms = u64::try_from(decision.decided_at.since(at(0)).as_millis()).unwrap();
            let landed_ms = decided_ms + DELAY_MS_MAX - watch_ms;
            // A status that was published in between makes it a conflict: a restarted kubelet's, say.
            let judged = usize::try_from(decision.resource_version.0).unwrap() - 2;
            if life.published.get(judged + 1).is_some_and(|(ms, _)| *ms <= landed_ms) {
                continue;
            }
            prop_assert!(!life.is_pulling(landed_ms), "at {landed_ms} ms of {life:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Events tell more of the kubelet's back-off than was seen, and no more than is true.
    #[test]
    fn no_write_while_pulling_after_a_history(
        (fate, loss) in fates_with_losses(true),
        (met_ms, told_ms) in (0u64..3_000_000, 0u64..60_000),
        attempts in 1u32..7,
        seconds in 0u64..600,
    ) {
        let life = fate.live();
        let events = loss.events(&life, met_ms + told_ms);
        let mut machine = Machine::new(policy(attempts, seconds));
        machine.join(&life, (met_ms, told_ms), Some(&events));
        for decision in machine.failures() {
            let decided_ms = u64::try_from(decision.decided_at.since(at(0)).as_millis()).unwrap();
            let landed_ms = decided_ms + DELAY_MS_MAX;
            let changed = life.published.iter().any(|(ms, _)| decided_ms < *ms && *ms <= landed_ms);
            prop_assert!(changed || !life.is_pulling(landed_ms), "at {landed_ms} ms of {life:?}, {events:?}");
        }
    }
}

proptest! {
    #[test]
    fn one_write_at_a_time(
        steps in steps(prop_oneof![2 => failing(), 1 => not_failing()], true),
        outcomes in prop::collection::vec((0usize..4, 0u8..5), 60),
    ) {
        let (mut world, mut machine) = (World::new(), Machine::new(policy(1, 0)));
        machine.answers = false;
        let mut in_flight: BTreeMap<String, ResourceVersion> = BTreeMap::new();
        let mut told = 0;
        for (step, (wait, outcome)) in steps.iter().zip(&outcomes) {
            world.step(step, &mut machine);
            take_writes(&machine, &mut told, &mut in_flight)?;
            // Every so many steps the oldest write is answered, in one way or another.
            if *wait != 0 {
                continue;
            }
            let Some((uid, version)) = in_flight.pop_first() else { continue };
            let outcome = match outcome {
                0 => Outcome::Conflict,
                1 => Outcome::NotFound,
                2 => Outcome::Failed,
                _ => Outcome::Accepted(version),
            };
            machine.input(at(world.now_ms), Input::Outcome { uid: &uid, outcome });
            take_writes(&machine, &mut told, &mut in_flight)?;
        }
    }

    /// A pod that the kubelet has let go is never written to again, however often its end is seen.
    #[test]
    fn none_after_the_kubelet_agreed(times in 1u64..5, late in any::<bool>()) {
        let mut machine = Machine::new(policy(1, 0));
        let mut pod = Pod::new("pod", &["main"]);
        pod.containers[0].state = St::waiting("InvalidImageName", "couldn't parse image name");
        machine.see(at(0), &pod, Source::Watch);
        prop_assert_eq!(machine.failures().len(), 1);
        let alive = pod.clone();
        pod.version += 10;
        pod.phase = Phase::Failed;
        pod.agreed = true;
        for n in 0..times {
            machine.see(at(1000 * n), &pod, Source::Watch);
            pod.version += 1;
            if late {
                machine.see(at(1000 * n), &alive, Source::Watch);
            }
        }
        machine.run_through(at(4_000_000));
        prop_assert_eq!(machine.failures().len(), 1);
        let agreed = |(_, _, what): &(_, _, &TransitionKind)| **what == TransitionKind::Agreed;
        prop_assert_eq!(machine.transitions().filter(agreed).count(), 1);
        prop_assert_eq!(machine.engine().tracked(), 0);
    }
}

/// Takes the writes that were asked for since the last look; none may be for a pod that has one in flight.
fn take_writes(
    machine: &Machine,
    told: &mut usize,
    in_flight: &mut BTreeMap<String, ResourceVersion>,
) -> Result<(), TestCaseError> {
    for (_, effect) in &machine.log[*told..] {
        let Some((uid, version)) = write_of(effect) else {
            continue;
        };
        prop_assert!(
            in_flight.insert(uid.clone(), version).is_none(),
            "two writes for {uid}"
        );
    }
    *told = machine.log.len();
    Ok(())
}

#[test]
fn a_pod_that_is_put_back_is_written_again_a_bounded_number_of_times() {
    let mut machine = Machine::new(policy(1, 0));
    let mut pod = Pod::new("pod", &["main"]);
    pod.containers[0].state = St::waiting("InvalidImageName", "couldn't parse image name");
    machine.see(at(0), &pod, Source::Watch);
    for n in 1..10 {
        pod.version += 10;
        machine.see(at(10_000 * n), &pod, Source::Watch);
    }
    assert_eq!(machine.failures().len(), 3);
    let gave_up = machine
        .transitions()
        .any(|(_, _, what)| *what == TransitionKind::GaveUp);
    assert!(gave_up, "and then it says so");
}
