//! What `simulator lint --fix` mends: names that have changed (S020). All else of the file stays as it is.

use std::io::Write;
use std::path::Path;

use pullstop_cluster::input_error::{InputError, STDIN};
use pullstop_cluster::scenario::{Scenario, old_names};

use super::allow;
use super::rules::s020_old_name;
use crate::exit::Failure;
use crate::input;

/// Mends a scenario's file, and says so in `err`. Whether anything in it has changed.
///
/// # Errors
/// If the file cannot be written.
pub(super) fn fix(
    file: &Path,
    scenario: &Scenario,
    text: &str,
    err: &mut dyn Write,
) -> Result<bool, Failure> {
    let names = &scenario.places.old_names;
    if names.is_empty() || allow::allowed(file, text)?.contains(s020_old_name::RULE.code) {
        return Ok(false);
    }
    if file == Path::new(STDIN) {
        let message = "standard input cannot be mended: name a file";
        return Err(InputError::about(file, message).into());
    }
    let mended = old_names::replace(text, names);
    if mended == text {
        return Ok(false);
    }
    input::write(file, mended.as_bytes())
        .map_err(|error| InputError::about(file, format!("cannot be written: {error}")))?;
    let file = file.display();
    writeln!(err, "note: {file} has today's names now")?;
    Ok(true)
}
