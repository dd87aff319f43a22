//! Same inputs, same effects.

use std::process::Command;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use pullstop_core::engine::Effect;
use pullstop_core::hash::Fnv1a;
use pullstop_core::time::Timestamp;

use crate::harness::world::{Step, World, failing, not_failing, steps};
use crate::harness::{Machine, at, policy};

/// Set for the second process: what the first one has come to.
const EXPECTED: &str = "PULLSTOP_EFFECTS";

proptest! {
    #[test]
    fn twice(steps in any_steps()) {
        prop_assert_eq!(effects(&steps), effects(&steps));
    }
}

/// What is random once per process, such as where things lie in memory, shows in another one only: this test runs
/// itself there.
#[test]
fn in_another_process() {
    let found = digest();
    if let Some(expected) = std::env::var_os(EXPECTED) {
        assert_eq!(found.as_str(), expected, "another process says otherwise");
        return;
    }
    let (_, module) = module_path!().split_once("::").unwrap();
    let ran = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("{module}::in_another_process")])
        .env(EXPECTED, &found)
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{out}");
    assert!(out.contains("1 passed"), "it has not run:\n{out}");
}

fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    steps(prop_oneof![failing(), not_failing()], true)
}

fn effects(steps: &[Step]) -> Vec<(Timestamp, Effect)> {
    let (mut world, mut machine) = (World::new(), Machine::new(policy(2, 30)));
    for step in steps {
        world.step(step, &mut machine);
    }
    machine.run_through(at(world.now_ms + 7_200_000));
    std::mem::take(&mut machine.log)
}

/// All effects of many inputs, which are the same in every process, as one number.
fn digest() -> String {
    let mut runner = TestRunner::deterministic();
    let (mut digest, mut verdicts) = (Fnv1a::EMPTY, 0);
    for _ in 0..1024 {
        let effects = effects(&any_steps().new_tree(&mut runner).unwrap().current());
        let is_verdict = |(_, effect): &&(Timestamp, Effect)| matches!(effect, Effect::Fail(_));
        verdicts += effects.iter().filter(is_verdict).count();
        for byte in format!("{effects:?}").bytes() {
            digest.add(byte.into());
        }
    }
    assert!(verdicts > 100, "only {verdicts} verdicts to compare");
    format!("{:016x}", digest.value())
}
