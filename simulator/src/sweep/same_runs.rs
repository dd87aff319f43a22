//! Between which values the knobs of a policy give the same runs.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::time::Duration;

use pullstop_cluster::input_error::InputError;
use pullstop_cluster::policy_range::ThresholdRange;
use pullstop_cluster::simulation;
use pullstop_core::policy::Policy;
use pullstop_core::yaml::duration;

use super::Sweep;
use super::summary::SameRuns;
use crate::runs::parallel::in_order;
use crate::runs::plan::Task;

/// For each knob the values that give the same runs as this candidate has, in all scenarios and with all seeds. `None`
/// for a knob that is no threshold of a rule: of its other values nothing is known.
///
/// # Errors
/// If the policy has too many patterns.
pub fn of(
    sweep: &Sweep,
    candidate: usize,
    jobs: Option<NonZeroUsize>,
) -> Result<Vec<Option<SameRuns>>, InputError> {
    let policy = &sweep.candidates[candidate].policy;
    let ranges = ranges(sweep, policy, jobs)?;
    let rules = || policy.rules().iter().zip(&ranges);
    let knob = |path: &str| {
        rules().find_map(|(rule, range)| {
            let field = path.strip_prefix("rules.")?.strip_prefix(&*rule.name)?;
            match field {
                ".attempts" => Some(SameRuns {
                    from: range.attempts_min.to_string(),
                    to: range.attempts_max.map(|max| max.to_string()),
                }),
                ".duration" => Some(durations(range, rule.duration)),
                _ => None,
            }
        })
    };
    Ok(sweep.knobs.iter().map(|each| knob(&each.path)).collect())
}

/// The durations in whole seconds, as people write them, unless the policy's own is finer.
fn durations(range: &ThresholdRange, own: Duration) -> SameRuns {
    let (mut from, mut to) = (range.duration_min, range.duration_max);
    if own.subsec_nanos() == 0 {
        let up = u64::from(from.subsec_nanos() > 0);
        from = Duration::from_secs(from.as_secs() + up);
        to = to.map(|to| Duration::from_secs(to.as_secs()));
    }
    SameRuns {
        from: duration(from),
        to: to.map(duration),
    }
}

/// For each rule the thresholds that give the same runs.
fn ranges(
    sweep: &Sweep,
    policy: &Policy,
    jobs: Option<NonZeroUsize>,
) -> Result<Vec<ThresholdRange>, InputError> {
    let run = |place: usize| {
        let Task { scenario, seed } = sweep.tasks[place];
        let loaded = &sweep.scenarios[scenario];
        let ran = simulation::run_for_range(&loaded.scenario, seed, policy);
        let (_, range) = ran.map_err(|e| InputError::about(&loaded.file, e.to_string()))?;
        let rules = policy.rules().iter();
        Ok(rules.map(|rule| range.thresholds(rule)).collect())
    };
    let mut all = vec![ThresholdRange::ANY; policy.rules().len()];
    let mut take = |_, ranges: Result<Vec<ThresholdRange>, InputError>| match ranges {
        Ok(ranges) => {
            for (range, more) in all.iter_mut().zip(ranges) {
                *range = range.and(more);
            }
            ControlFlow::Continue(())
        }
        Err(error) => ControlFlow::Break(error),
    };
    let broken = in_order(sweep.tasks.len(), jobs, run, &mut take);
    broken.map_or(Ok(all), Err)
}
