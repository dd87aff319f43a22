//! `simulator fit`: learns from recordings of a cluster, and writes scenarios that stand for it.

pub mod args;
mod human;

use std::io::Write;
use std::path::{Path, PathBuf};

use self::args::FitArgs;
use super::options::Output;
use crate::exit::{Exit, Failure};
use crate::fit::{self, Fit};
use crate::input;
use crate::output::json_line;
use crate::runs::pool::Progress;

/// Runs the command.
///
/// # Errors
/// On recordings that cannot be read or are damaged, and when a file cannot be written.
pub fn run(
    args: &FitArgs,
    shows_progress: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Exit, Failure> {
    let recordings = recordings(&args.traces)?;
    let mut terminal = Progress::new(shows_progress, err);
    let mut progress = |events: u64, bytes: u64| {
        terminal.show(format_args!("{events} events, {} MiB", bytes >> 20))
    };
    let fitted = fit::fit(&recordings, &mut progress)?;
    terminal.clear()?;
    for warning in &fitted.warnings {
        writeln!(err, "warning: {warning}")?;
    }
    if fitted.report.pods == 0 {
        writeln!(
            err,
            "warning: the recordings have no pods: wrote no scenario"
        )?;
        return Ok(Exit::NothingMatched);
    }
    if let Some(folder) = &args.out {
        write(folder, &fitted)?;
    }
    match args.output {
        Output::Human => human::print(&fitted.report, args.out.as_deref(), out)?,
        Output::Json => json_line(out, &fitted.report)?,
    }
    Ok(Exit::Success)
}

/// The files, those in folders in the order of their names.
fn recordings(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    input::check_stdin(paths.iter().map(PathBuf::as_path))?;
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.extend(input::recordings(path)?);
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

fn write(folder: &Path, fitted: &Fit) -> Result<(), Failure> {
    for (name, text) in &fitted.files {
        input::write(&folder.join(name), text.as_bytes())?;
    }
    let mut json = serde_json::to_vec_pretty(&fitted.report).map_err(std::io::Error::from)?;
    json.push(b'\n');
    input::write(&folder.join("fit.json"), &json)?;
    Ok(())
}
