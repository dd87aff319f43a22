//! Runs of scenarios: planning, running and judging them, for all commands that simulate.

pub mod figures;
pub mod mistakes;
pub mod outcome;
pub(crate) mod plan;
pub(crate) mod pool;
pub mod story;
pub mod verify;

use std::io::Write;
use std::path::Path;

use pullstop_cluster::input_error::InputError;
use pullstop_cluster::simulation::Decider;
use pullstop_cluster::world::enforcer::baselines::Baseline;
use pullstop_core::policy::Mode;
use pullstop_core::suggest;

use self::plan::Plan;
use crate::exit::Failure;
use crate::input;

/// Says which files are not run.
pub(crate) fn remark(plan: &Plan, err: &mut dyn Write) -> std::io::Result<()> {
    if let Some(skipped) = plan.skipped.in_words() {
        writeln!(err, "note: {skipped}")?;
    }
    for error in &plan.unwanted {
        writeln!(err, "warning: {error} (does not match --only, not run)")?;
    }
    Ok(())
}

/// Who decides: the scenarios' own policies, the baseline with this name, or the policy in this file.
pub(crate) fn decider(policy: Option<&str>, err: &mut dyn Write) -> Result<Decider, Failure> {
    let Some(name) = policy else {
        return Ok(Decider::Scenario);
    };
    if let Some(baseline) = Baseline::named(name) {
        return Ok(Decider::Baseline(baseline));
    }
    let mut policy = match input::policy(Some(Path::new(name))) {
        // Files of policies have an extension, baselines have none.
        Err(_) if Path::new(name).extension().is_none() => {
            let hint = suggest::hint(name, &Baseline::ALL.map(|(_, name)| name));
            let what = format!("this is neither a policy file nor a baseline: {hint}");
            return Err(InputError::about(Path::new(name), what).into());
        }
        policy => policy?,
    };
    if policy.mode == Mode::DryRun {
        writeln!(err, "note: {name} is a dry run; the simulation enforces it")?;
        policy = policy.rehearsed();
    }
    Ok(Decider::Policy(Box::new(policy)))
}
