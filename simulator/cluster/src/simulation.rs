//! A run: one scenario, one seed, and what decides about pods.

use pullstop_core::classify::TooManyPatterns;
use pullstop_core::plugin::Profile;
use pullstop_core::policy::{Policies, Policy};

use crate::policy_range::{PolicyRange, Questions};
use crate::scenario::Scenario;
use crate::world::controller::MakeController;
use crate::world::enforcer::baselines::{Baseline, Judge};
use crate::world::enforcer::pullstop::Pullstop;
use crate::world::{RunOptions, World};

/// Who decides which pods to fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decider {
    /// Pullstop, by the scenario's policies.
    Scenario,
    /// Pullstop, by this policy in all namespaces.
    Policy(Box<Policy>),
    /// A baseline, which looks at the pods that the scenario's policy covers.
    Baseline(Baseline),
}

/// The world of a scenario, at its beginning.
///
/// # Errors
/// If the policy's patterns are too many to search for at once.
pub fn world(
    scenario: &Scenario,
    seed: u64,
    decider: &Decider,
    options: RunOptions,
) -> Result<World, TooManyPatterns> {
    let policies: Policies = match decider {
        Decider::Policy(policy) => Policies::from((**policy).clone()),
        Decider::Scenario | Decider::Baseline(_) => scenario.policies.clone(),
    };
    // Nothing real is written here: a dry run is of interest for what it would do.
    let policies = policies.rehearsed();
    // Tried once: what can be made now can be made after a restart.
    Profile::standard(policies.clone())?;
    let for_controllers = policies.clone();
    let baseline = match decider {
        Decider::Baseline(baseline) => Some(*baseline),
        Decider::Scenario | Decider::Policy(_) => None,
    };
    let patience = scenario.patience;
    let make: MakeController = Box::new(move || {
        let profile = Profile::standard(for_controllers.clone()).ok()?;
        Some(match baseline {
            None => Box::new(Pullstop::new(profile)),
            Some(baseline) => Box::new(Judge::new(baseline, profile, patience)),
        })
    });
    Ok(World::new(scenario, seed, &policies, make, options))
}

/// Runs a scenario to its end under one policy in all namespaces. Returns the world, and the policies under which it would
/// have come to the same.
///
/// # Errors
/// If the policy's patterns are too many to search for at once.
pub fn run_for_range(
    scenario: &Scenario,
    seed: u64,
    policy: &Policy,
) -> Result<(World, PolicyRange), TooManyPatterns> {
    let policies = Policies::from(policy.clone()).rehearsed();
    Profile::standard(policies.clone())?;
    let questions = Questions::default();
    let (for_controllers, asked) = (policies.clone(), questions.clone());
    let make: MakeController = Box::new(move || {
        let profile = Profile::standard(for_controllers.clone()).ok()?;
        Some(Box::new(Pullstop::new(profile.with_judge(asked.judge()))))
    });
    let mut world = World::new(scenario, seed, &policies, make, RunOptions::default());
    world.run();
    Ok((world, questions.range(policy)))
}
