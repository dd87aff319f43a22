//! Every sequence of up to six observations, checked against a count that is kept beside the engine.

use crate::harness::{Machine, NOT_FOUND, Pod, REFUSED, St, THROTTLED, at, policy};
use pullstop_core::engine::{Source, StartedOver, TransitionKind};

/// How long the sequences are: 8^6 of them.
const LENGTH: u32 = 6;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Symbol {
    NotFound,
    Refused,
    Throttled,
    BackOff,
    Creating,
    Running,
    Edit,
    Minute,
}

const ALPHABET: [Symbol; 8] = [
    Symbol::NotFound,
    Symbol::Refused,
    Symbol::Throttled,
    Symbol::BackOff,
    Symbol::Creating,
    Symbol::Running,
    Symbol::Edit,
    Symbol::Minute,
];

#[test]
fn every_short_sequence() {
    let mut machine = Machine::new(policy(2, 60));
    let mut verdicts = 0;
    for number in 0..ALPHABET.len().pow(LENGTH) {
        let digit = |n: u32| ALPHABET[number / ALPHABET.len().pow(n) % ALPHABET.len()];
        let sequence: Vec<Symbol> = (0..LENGTH).map(digit).collect();
        verdicts += check(&sequence, number, &mut machine);
    }
    assert!(
        verdicts > 1000,
        "only {verdicts} sequences ended in a verdict"
    );
}

/// What is counted beside the engine: transitions into `ErrImagePull`, or to another text within it. For ten seconds
/// after an edit the status is the old image's; what it still shows after twenty is the new one's.
#[derive(Default)]
struct Count {
    failures: u32,
    shown: Option<Symbol>,
    has_failed: bool,
    edited_ms: Option<u64>,
}

impl Count {
    fn observe(&mut self, symbol: Symbol, now_ms: u64) {
        let since_edit_ms = self.edited_ms.map(|ms| now_ms - ms);
        if since_edit_ms.is_some_and(|ms| ms >= 20_000) && self.shown.is_some_and(is_failure) {
            self.failures += 1;
            self.edited_ms = None;
        }
        let stale = self.edited_ms.is_some_and(|ms| now_ms - ms < 10_000);
        match symbol {
            Symbol::NotFound | Symbol::Refused if self.shown != Some(symbol) && !stale => {
                self.failures += 1;
                self.edited_ms = None;
            }
            Symbol::Throttled if self.shown != Some(symbol) && !stale => self.edited_ms = None,
            Symbol::Running => *self = Self::default(),
            Symbol::Creating => self.edited_ms = None,
            Symbol::Edit => {
                self.failures = 0;
                self.edited_ms = self.has_failed.then_some(now_ms);
            }
            _ => {}
        }
        if !matches!(symbol, Symbol::Edit | Symbol::Minute) {
            self.shown = Some(symbol);
        }
        self.has_failed |=
            is_failure(symbol) || matches!(symbol, Symbol::Throttled | Symbol::BackOff);
    }
}

fn is_failure(symbol: Symbol) -> bool {
    matches!(symbol, Symbol::NotFound | Symbol::Refused)
}

/// Runs one sequence on a pod of its own; how many verdicts it led to.
fn check(sequence: &[Symbol], number: usize, machine: &mut Machine) -> usize {
    let mut pod = Pod::new(&format!("pod-{number}"), &["main"]);
    let mut count = Count::default();
    let mut now_ms = number as u64 * 1_000_000;
    machine.log.clear();
    machine.memories.clear();
    for symbol in sequence {
        now_ms += if *symbol == Symbol::Minute {
            60_000
        } else {
            1000
        };
        match symbol {
            Symbol::NotFound => pod.containers[0].state = St::failed(NOT_FOUND),
            Symbol::Refused => pod.containers[0].state = St::failed(REFUSED),
            Symbol::Throttled => pod.containers[0].state = St::failed(THROTTLED),
            Symbol::BackOff => pod.containers[0].state = St::backing_off(NOT_FOUND),
            Symbol::Creating => pod.containers[0].state = St::creating(),
            Symbol::Running => {
                pod.containers[0].state = St::Running;
                // What waits again after that has a last state; what ran before has been restarted.
                pod.containers[0].restart_count += u32::from(pod.containers[0].ran);
                pod.containers[0].ran = true;
            }
            Symbol::Edit => pod.containers[0].image = format!("r.example/edited:{now_ms}"),
            Symbol::Minute => {}
        }
        pod.version += 1;
        count.observe(*symbol, now_ms);
        let log_before = machine.log.len();
        machine.see(at(now_ms), &pod, Source::Watch);
        let counted = machine.log[log_before..]
            .iter()
            .filter_map(|(_, effect)| match effect {
                pullstop_core::engine::Effect::Transition(transition) => Some(&transition.kind),
                _ => None,
            });
        for what in counted {
            match what {
                TransitionKind::Counted { failures, .. } => {
                    assert_eq!(*failures, count.failures, "{sequence:?} at {symbol:?}");
                }
                TransitionKind::StartedOver { why, .. } => {
                    let expected = [StartedOver::ImageEdited, StartedOver::Ran];
                    assert!(expected.contains(why), "{sequence:?}: {why:?}");
                }
                _ => {}
            }
        }
        for decision in machine.failures() {
            assert!(decision.failures >= 2, "{sequence:?}");
            assert!(
                decision
                    .decided_at
                    .since(decision.first_failure_at)
                    .as_secs()
                    >= 60
            );
        }
    }
    machine.gone(at(now_ms), &pod.uid);
    assert_eq!(machine.engine().tracked(), 0, "{sequence:?}");
    machine.failures().len()
}
