//! `simulator merge`: joins the parts of a sweep.

use std::io::Write;
use std::path::{Path, PathBuf};

use pullstop_cluster::input_error::InputError;

use super::args::MergeArgs;
use super::plan::Description;
use crate::exit::{Exit, Failure};
use crate::sweep::results::{PLAN, Reader, Results};
use crate::sweep::unit::FIXED_ROWS;

/// Runs the command.
///
/// # Errors
/// If the folders are not all the parts of one sweep, or one is not done.
pub fn run(args: &MergeArgs, err: &mut dyn Write) -> Result<Exit, Failure> {
    let parts = parts(&args.parts)?;
    let units = join(&parts, &args.out)?;
    writeln!(err, "{units} units of {} parts joined", parts.len())?;
    Ok(Exit::Success)
}

/// A part, and where it is.
struct Part {
    folder: PathBuf,
    description: Description,
    number: usize,
}

/// All parts of one sweep, in their order.
fn parts(folders: &[PathBuf]) -> Result<Vec<Part>, InputError> {
    let mut parts = Vec::new();
    for folder in folders {
        let file = folder.join(PLAN);
        let description = Description::read(&file)?;
        let Some((number, of)) = description.shard else {
            let what = "this is a whole sweep, not a part of one: nothing is to be joined";
            return Err(InputError::about(&file, what));
        };
        if of != folders.len() {
            let what = format!("this sweep has {of} parts, and {} are given", folders.len());
            return Err(InputError::about(&file, what));
        }
        parts.push(Part {
            folder: folder.clone(),
            description,
            number,
        });
    }
    parts.sort_by_key(|part| part.number);
    for pair in parts.windows(2) {
        let [first, second] = pair else { continue };
        let file = second.folder.join(PLAN);
        if first.number == second.number {
            let what = format!("part {} is given twice", first.number);
            return Err(InputError::about(&file, what));
        }
        if !first.description.is_of_same(&second.description) {
            let what = format!("this is no part of the sweep in {}", first.folder.display());
            return Err(InputError::about(&file, what));
        }
    }
    Ok(parts)
}

/// Unit by unit, one of each part in turn: so the units of the whole were dealt out.
fn join(parts: &[Part], out: &Path) -> Result<usize, InputError> {
    let Some(first) = parts.first() else {
        return Ok(0);
    };
    let lines = FIXED_ROWS + first.description.policies;
    let units = parts.iter().map(|part| part.description.units).sum();
    let mut whole = first.description.clone();
    (whole.units, whole.shard) = (units, None);
    let readers = parts.iter().map(|part| Reader::open(&part.folder));
    let mut readers = readers.collect::<Result<Vec<_>, _>>()?;
    let mut results = Results::create(out, &whole.text())?;
    for unit in 0..units {
        let part = unit % parts.len();
        let Some(rows) = readers[part].lines(lines)? else {
            let what = "this part is not done: go on with `--resume`";
            return Err(InputError::about(&parts[part].folder, what));
        };
        results.append(&rows)?;
    }
    Ok(units)
}
