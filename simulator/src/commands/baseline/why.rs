//! The command that shows why a measure has become worse.

use pullstop_cluster::scenario::Scenario;
use pullstop_cluster::simulation::{self, Decider};
use pullstop_cluster::world::truth::PodTruth;
use pullstop_cluster::world::{RunOptions, World, ZERO};

use crate::baseline::compare::InScenario;
use crate::baseline::metric::Metric;
use crate::runs::figures::{is_false, is_missed_pod};

/// `simulator run …` for the scenario and the seed that show it most, with the pod that does.
pub(super) fn command(
    metric: &Metric,
    most: &InScenario,
    scenario: &Scenario,
    decider: &Decider,
    policy: Option<&str>,
) -> String {
    let mut command = format!("simulator run {} --seed {}", most.file, most.seed);
    if let Some(policy) = policy {
        command = format!("{command} --policy {policy}");
    }
    let Ok(mut world) = simulation::world(scenario, most.seed, decider, RunOptions::default())
    else {
        return command;
    };
    world.run();
    match pod(metric, &world, scenario) {
        Some(pod) => format!(
            "{command} --explain {}/{}",
            pod.names.namespace, pod.names.name
        ),
        None => command,
    }
}

/// The pod in which the measure is seen best.
fn pod<'a>(metric: &Metric, world: &'a World, scenario: &Scenario) -> Option<&'a PodTruth> {
    let pods = world.cluster.truth.pods.iter().enumerate();
    let now = world.cluster.now;
    // What counts, and which of several.
    let weight = |(place, pod): &(usize, &PodTruth)| -> u128 {
        match metric.name {
            "falseFailures" => pod
                .failed
                .filter(|failed| is_false(failed, scenario.patience))
                .map_or(0, |_| 1),
            "missed" => u128::from(is_missed_pod(world, *place)),
            "brokenInvariants" => {
                let mut broken = world.checks.broken().iter();
                u128::from(broken.any(|broken| broken.pod.is_some_and(|id| id.index() == *place)))
            }
            "timeToFail.p50" | "timeToFail.p95" => {
                let taken = pod
                    .failed
                    .map(|failed| failed.at.since(pod.first_failure_at().unwrap_or(failed.at)));
                taken.map_or(0, |taken| taken.as_millis())
            }
            "wastedCpuHours" => {
                pod.idle.until(now).as_millis() * u128::from(pod.template.requests.cpu_millis)
            }
            "wastedGpuHours" => {
                pod.idle.until(now).as_millis() * u128::from(pod.template.requests.gpus)
            }
            "queueWait.p95" => pod.created_at.since(ZERO).as_millis(),
            _ => pod.attempts.len() as u128,
        }
    };
    // Of those that are the same the first.
    let most = pods
        .rev()
        .max_by_key(weight)
        .filter(|pod| weight(pod) > 0)?;
    Some(most.1)
}
