//! A unit of work: one scenario and one seed, under all policies.
//!
//! Most policies give a run that another one has given already ([`PolicyRange`]): so the more policies there are, the
//! less each costs.

use std::fmt::Write;

use pullstop_cluster::input_error::InputError;
use pullstop_cluster::policy_range::PolicyRange;
use pullstop_cluster::scenario::Scenario;
use pullstop_cluster::simulation::{self, Decider};
use pullstop_cluster::world::enforcer::baselines::Baseline;
use pullstop_cluster::world::{RunOptions, World};
use pullstop_core::classify::TooManyPatterns;
use pullstop_core::policy::Policy;

use super::rows::{self, Measured};
use super::space::Candidate;
use crate::runs::figures::figures;
use crate::runs::plan::Loaded;

/// What the built-in policy is called in results.
pub const BUILT_IN: &str = "built-in";

/// How many rows a unit has besides those of its candidates.
pub const FIXED_ROWS: usize = 1 + Baseline::ALL.len();

/// Runs a scenario with one seed under everything: the built-in policy, the baselines, and those of the candidates that
/// `numbers` names. Returns their rows, in this order.
///
/// # Errors
/// If a policy's patterns are too many.
pub(crate) fn run(
    loaded: &Loaded,
    seed: u64,
    candidates: &[Candidate],
    numbers: &[usize],
) -> Result<String, InputError> {
    let scenario = &loaded.scenario;
    let wrong = |error: TooManyPatterns| InputError::about(&loaded.file, error.to_string());
    let mut text = String::new();
    let mut runs = Runs::default();
    let columns = runs.of_policy(scenario, seed, &Policy::default());
    let _ = write!(text, "{BUILT_IN}{}", columns.map_err(wrong)?);
    for (baseline, name) in Baseline::ALL {
        let columns = runs.of_baseline(scenario, seed, baseline).map_err(wrong)?;
        let _ = write!(text, "{name}{columns}");
    }
    for number in numbers {
        let columns = runs.of_policy(scenario, seed, &candidates[*number].policy);
        let _ = write!(text, "{number}{}", columns.map_err(wrong)?);
    }
    Ok(text)
}

/// The runs of a unit so far.
#[derive(Default)]
struct Runs {
    made: usize,
    /// The policies that each stands for, and its columns.
    shared: Vec<(PolicyRange, String)>,
}

impl Runs {
    fn of_policy(
        &mut self,
        scenario: &Scenario,
        seed: u64,
        policy: &Policy,
    ) -> Result<&str, TooManyPatterns> {
        let mut known = self.shared.iter();
        let known = known.position(|(range, _)| range.contains(policy));
        let place = if let Some(place) = known {
            place
        } else {
            let (world, range) = simulation::run_for_range(scenario, seed, policy)?;
            let columns = self.columns(&world, scenario, seed);
            self.shared.push((range, columns));
            self.shared.len() - 1
        };
        Ok(&self.shared[place].1)
    }

    fn of_baseline(
        &mut self,
        scenario: &Scenario,
        seed: u64,
        baseline: Baseline,
    ) -> Result<String, TooManyPatterns> {
        let decider = Decider::Baseline(baseline);
        let mut world = simulation::world(scenario, seed, &decider, RunOptions::default())?;
        world.run();
        Ok(self.columns(&world, scenario, seed))
    }

    fn columns(&mut self, world: &World, scenario: &Scenario, seed: u64) -> String {
        let run = self.made;
        self.made += 1;
        let measured = Measured::of(&figures(world, scenario));
        rows::columns(&scenario.name, seed, run, &measured)
    }
}
