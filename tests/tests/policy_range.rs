//! Policies that a run says give the same run do give the same run.

use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use pullstop_cluster::scenario::{self, Scenario};
use pullstop_cluster::simulation::run_for_range;
use pullstop_cluster::world::World;
use pullstop_cluster::world::random::{Purpose, RandomStream, RandomStreams};
use pullstop_core::policy::{Action, Policy, Rule};
use pullstop_simulator::commands::fuzz::draw;
use pullstop_simulator::input;
use pullstop_simulator::runs::outcome::Outcome;
use pullstop_tests::path;

/// Of these some are usual, some never met, some exactly at what a kubelet's steps show.
const DURATIONS_S: [u64; 12] = [0, 1, 27, 30, 54, 60, 103, 120, 180, 600, 1800, 90_000];

/// The built-in policy with thresholds by chance.
fn drawn(chance: &mut RandomStream) -> Policy {
    let policy = Policy::default();
    let rules = policy.rules().to_vec();
    let rules = rules.into_iter().map(|rule| changed(rule, chance));
    let rules = rules.collect();
    policy.with_rules(rules).unwrap()
}

fn changed(rule: Rule, chance: &mut RandomStream) -> Rule {
    let attempts = u32::try_from(chance.between(1, 12)).unwrap();
    let seconds = DURATIONS_S[usize::try_from(chance.below(12)).unwrap()];
    Rule {
        attempts: NonZeroU32::new(attempts).unwrap(),
        duration: Duration::from_secs(seconds),
        action: if chance.chance(10) {
            Action::Warn
        } else {
            rule.action
        },
        ..rule
    }
}

/// What became of every pod, and the figures.
fn history(world: &World, scenario: &Scenario) -> String {
    let outcome = Outcome::of(world, scenario, 1);
    format!("{:?}\n{:#?}", outcome.figures, world.cluster.truth.pods)
}

/// Returns how many pairs of policies had the same run.
fn check(scenario: &Scenario, policies: &[Policy]) -> usize {
    let runs: Vec<_> = policies
        .iter()
        .map(|policy| {
            let (world, range) = run_for_range(scenario, scenario.seed, policy).unwrap();
            assert!(range.contains(policy), "{}", scenario.name);
            (history(&world, scenario), range)
        })
        .collect();
    let mut same = 0;
    for (first, (history, range)) in runs.iter().enumerate() {
        for (second, policy) in policies.iter().enumerate() {
            if first != second && range.contains(policy) {
                let other = &runs[second].0;
                let name = &scenario.name;
                assert!(
                    history == other,
                    "{name}: {:?}\nand {:?}",
                    policies[first].rules(),
                    policy.rules()
                );
                same += 1;
            }
        }
    }
    same
}

fn read(file: &Path) -> Scenario {
    let text = std::fs::read_to_string(file).unwrap();
    let mut policy = |file: &Path| input::policy(Some(file));
    scenario::parse(&file.display().to_string(), &text, &mut policy).unwrap()
}

#[test]
fn in_every_scenario_policies_of_one_range_give_one_run() {
    let mut chance = RandomStreams::new(1).stream(Purpose::Fuzz, 0);
    let mut same = 0;
    for file in input::yaml_files(Path::new(&path("scenarios"))).unwrap() {
        let scenario = read(&file);
        let policies: Vec<Policy> = (0..8).map(|_| drawn(&mut chance)).collect();
        same += check(&scenario, &policies);
    }
    assert!(same > 500, "ranges are too narrow to be of use: {same}");
}

#[test]
fn in_random_worlds_policies_of_one_range_give_one_run() {
    let mut chance = RandomStreams::new(2).stream(Purpose::Fuzz, 0);
    let mut same = 0;
    for seed in 1..=60 {
        let scenario = draw::scenario(seed);
        let policies: Vec<Policy> = (0..8).map(|_| drawn(&mut chance)).collect();
        same += check(&scenario, &policies);
    }
    assert!(same > 300, "ranges are too narrow to be of use: {same}");
}
