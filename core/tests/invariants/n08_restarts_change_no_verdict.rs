//! Killed and restarted at any moment, the verdicts are the same, later by at most one observation.

use proptest::prelude::*;
use pullstop_core::engine::{Input, Source};
use pullstop_core::time::Timestamp;

use crate::harness::history::{Event, Loss, fates_with_losses};
use crate::harness::kubelet::{Ending, Fate, fates};
use crate::harness::{Machine, Pod, St, at, policy};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn at_any_moment(
        fate in fates(false),
        kills in prop::collection::vec(0u64..1_500_000, 1..4),
        attempts in 1u32..7,
        seconds in 0u64..900,
    ) {
        // Every cause has its own rule: which one judges last may change with what was seen last.
        let pulls = fate.pulls.iter().map(|(ending, ms)| match ending {
            Ending::Throttled => (Ending::Throttled, *ms),
            _ => (Ending::NotFound, *ms),
        });
        let fate = Fate { pulls: pulls.collect(), ..fate };
        let undisturbed = verdict(&fate, attempts, seconds, &[]);
        let mut kills = kills;
        kills.sort_unstable();
        let killed = verdict(&fate, attempts, seconds, &kills);
        match (undisturbed, killed) {
            (Some(undisturbed), Some(killed)) => {
                prop_assert!(killed >= undisturbed, "earlier: {killed:?} than {undisturbed:?}");
                // The next failure that is shown settles it.
                let life = fate.live();
                let shown = life.published.iter().filter(|(_, state)| is_failure(state));
                let next = shown.map(|(ms, _)| at(*ms)).find(|shown| *shown >= undisturbed);
                let latest = next.unwrap_or(Timestamp::NEVER).max(undisturbed);
                // A kubelet that restarts as well has its own delay.
                let alone = fate.restart_at_ms.is_none();
                prop_assert!(killed <= latest || !alone, "{killed:?}, at the latest {latest:?}; {life:?}");
            }
            (None, Some(killed)) => prop_assert!(false, "only when killed: {killed:?}"),
            // The recording may end before that failure.
            (_, None) => {}
        }
    }
}

proptest! {
    /// An engine that nothing was remembered for, of an enforcer that ran dry, say, is never later for what Events tell.
    #[test]
    fn a_history_makes_nobody_wait_longer(
        (fate, loss) in fates_with_losses(false),
        (met_ms, told_ms) in (0u64..3_000_000, 0u64..60_000),
        attempts in 1u32..7,
        seconds in 0u64..900,
    ) {
        let life = fate.live();
        let events = loss.events(&life, met_ms + told_ms);
        let verdict = |events| {
            let mut machine = Machine::new(policy(attempts, seconds));
            machine.join(&life, (met_ms, told_ms), events);
            machine.first_failure_at()
        };
        let (without, with) = (verdict(None), verdict(Some(events.as_slice())));
        if let Some(without) = without {
            prop_assert!(with.is_some_and(|with| with <= without), "{with:?}, without {without:?}");
        }
    }
}

/// A pod that has been stuck for an hour is failed by the first failure that is seen, and not by the third.
#[test]
fn who_comes_late_and_reads_events_waits_for_one_failure() {
    let fate = Fate {
        gaps_ms: vec![13_000],
        pulls: vec![(Ending::NotFound, 400)],
        restart_at_ms: None,
        length_ms: 7_200_000,
    };
    let life = fate.live();
    for keeps in [true, false] {
        let written = vec![true];
        let mut events = Loss { written, keeps }.events(&life, 3_600_000);
        if !keeps {
            events.retain(|event| event.reason == "BackOff");
        }
        let verdict = |events: Option<&[Event]>| {
            let mut machine = Machine::new(policy(3, 120));
            // At once: a pull may be in flight, so there is no verdict yet.
            machine.join(&life, (3_600_000, 0), events);
            machine
                .first_failure_at()
                .unwrap()
                .since(at(3_600_000))
                .as_secs()
        };
        let (with, without) = (verdict(Some(&events)), verdict(None));
        assert!(
            0 < with && with < 320 && with + 300 < without,
            "{with} s, {without} s"
        );
    }
}

fn is_failure(state: &St) -> bool {
    matches!(state, St::Waiting(reason, _) if reason == "ErrImagePull")
}

/// When the pod is failed, by an engine that is killed at these moments and knows nothing but what was remembered.
fn verdict(fate: &Fate, attempts: u32, seconds: u64, kills: &[u64]) -> Option<Timestamp> {
    let policy = policy(attempts, seconds);
    let mut machine = Machine::new(policy.clone());
    let mut pod = Pod::new("pod", &["main"]);
    let mut kills = kills.iter().copied().peekable();
    for (ms, state) in &fate.live().published {
        while let Some(kill) = kills.next_if(|kill| kill < ms) {
            machine.rehearsal.run_until(at(kill));
            if let Some(at) = machine.first_failure_at() {
                return Some(at);
            }
            machine = machine.restarted(policy.clone());
            machine.input(at(kill), Input::RelistBegin);
            machine.see(at(kill), &pod, Source::List);
            machine.input(at(kill), Input::RelistEnd);
        }
        pod.version += 1;
        pod.containers[0].state = state.clone();
        machine.see(at(*ms), &pod, Source::Watch);
        if let Some(at) = machine.first_failure_at() {
            return Some(at);
        }
    }
    machine.first_failure_at()
}
