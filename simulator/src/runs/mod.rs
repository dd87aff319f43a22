//! Runs of scenarios: planning, running and judging them, for all commands that simulate.

pub mod figures;
pub mod mistakes;
pub mod outcome;
pub(crate) mod parallel;
pub(crate) mod plan;
pub(crate) mod pool;
pub mod story;
pub mod verify;

use std::io::Write;
use std::path::Path;

use pullstop_cluster::input_error::InputError;
use pullstop_cluster::scenario::Scenario;
use pullstop_cluster::simulation::Decider;
use pullstop_cluster::world::enforcer::baselines::Baseline;
use pullstop_core::policy::Mode;
use pullstop_core::suggest;
use pullstop_core::yaml::DocumentError;

use self::plan::Plan;
use crate::exit::Failure;
use crate::input;

/// Warns of names that have changed since the scenario was written.
pub(crate) fn warn_of_old_names(
    file: &Path,
    scenario: &Scenario,
    err: &mut dyn Write,
) -> std::io::Result<()> {
    for name in &scenario.places.old_names {
        let error = DocumentError {
            place: name.place,
            message: format!(
                "{name}; the old name works for one more release: `simulator lint --fix` rewrites it"
            ),
        };
        writeln!(err, "warning: {}", InputError::of_document(file, error))?;
    }
    Ok(())
}

/// What is not run although it lies there, and what is run with a warning.
pub(crate) fn remark(plan: &Plan, err: &mut dyn Write) -> std::io::Result<()> {
    if let Some(skipped) = plan.skipped.in_words() {
        writeln!(err, "note: {skipped}")?;
    }
    for error in &plan.unwanted {
        writeln!(err, "warning: {error} (does not match --only, not run)")?;
    }
    for loaded in &plan.scenarios {
        warn_of_old_names(&loaded.file, &loaded.scenario, err)?;
    }
    Ok(())
}

/// What the built-in policy is called on the command line.
pub(crate) const BUILT_IN: &str = "built-in";

/// Whether this names a policy that needs no file: the built-in one, or a baseline.
pub(crate) fn is_policy_name(text: &str) -> bool {
    text == BUILT_IN || Baseline::named(text).is_some()
}

/// Who decides: the scenarios' own policies, the built-in one, the baseline with this name, or the policy in this file.
pub(crate) fn decider(policy: Option<&str>, err: &mut dyn Write) -> Result<Decider, Failure> {
    let Some(name) = policy else {
        return Ok(Decider::Scenario);
    };
    if name == BUILT_IN {
        return Ok(Decider::Policy(Box::default()));
    }
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
