//! `simulator lint --fix`: rewrites old names of the scenario format (S020) and leaves the rest of the file as it is.

use std::path::Path;

use pullstop_cluster::input_error::{InputError, STDIN};
use pullstop_cluster::scenario::{Scenario, old_names};

use super::allow;
use super::rules::s020_old_name;
use crate::input;

/// Rewrites old names in a scenario's file: how many.
///
/// # Errors
/// If the file cannot be written, or one of its comments allows what it cannot.
pub(super) fn fix(file: &Path, scenario: &Scenario, text: &str) -> Result<usize, Vec<InputError>> {
    let names = &scenario.places.old_names;
    if names.is_empty() || allow::allowed(file, text)?.contains(s020_old_name::RULE.code) {
        return Ok(0);
    }
    if file == Path::new(STDIN) {
        let message = "`--fix` cannot rewrite standard input: name a file";
        return Err(vec![InputError::about(file, message)]);
    }
    let fixed = old_names::replace(text, names);
    if fixed == text {
        return Ok(0);
    }
    input::write(file, fixed.as_bytes()).map_err(|error| vec![error])?;
    Ok(names.len())
}
