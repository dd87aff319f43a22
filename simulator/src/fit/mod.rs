//! Fits a set of scenarios to recordings of a cluster.
//!
//! ```text
//! recordings ─ observe ─▶ Seen ─ estimates ─▶ Estimates ─ set ─▶ scenarios
//!                                                   └─ fidelity: recorded and simulated, side by side
//! ```

mod container;
mod day;
mod episodes;
mod estimates;
mod fidelity;
mod ks;
mod observe;
mod pulled;
pub mod report;
mod seen;
mod set;
mod survival;

use std::path::{Path, PathBuf};

use pullstop_cluster::input_error::InputError;
use pullstop_cluster::scenario::write;
use pullstop_core::classify::Classifier;
use pullstop_core::text::printable;

pub use self::fidelity::{Comparison, Quantiles};
pub use self::ks::Distance;
use self::report::Report;

use self::estimates::Estimates;
use self::observe::Observer;
use crate::recorded::objects;
use crate::trace;

/// What was learnt from recordings, and the scenarios that stand for it.
#[derive(Debug)]
pub struct Fit {
    /// What was estimated, and how well the scenarios show it.
    pub report: Report,
    /// The scenarios: file name and text.
    pub files: Vec<(String, String)>,
    /// What makes the estimates less reliable.
    pub warnings: Vec<String>,
}

/// Learns from these recordings, which are of one cluster and in the order of their times. Tells `progress` how many
/// events and bytes were read.
///
/// # Errors
/// If a recording cannot be read, and at the first damaged event.
pub fn fit(
    recordings: &[PathBuf],
    progress: &mut dyn FnMut(u64, u64) -> std::io::Result<()>,
) -> Result<Fit, InputError> {
    // No patterns of anybody's own are too many.
    let about = |error: &dyn std::fmt::Display| {
        InputError::about(Path::new("classifier"), error.to_string())
    };
    let classifier = Classifier::new(&[]).map_err(|error| about(&error))?;
    let mut observer = Observer::new(&classifier);
    let mut warnings = Vec::new();
    let mut bytes_before = 0;
    for file in recordings {
        let mut bytes_read = 0;
        let mut each = |event, bytes| {
            observer.take(event);
            if bytes != bytes_read {
                bytes_read = bytes;
                // Whoever does not want to be told does not stop the work.
                let _ = progress(observer.events(), bytes_before + bytes);
            }
        };
        let found = trace::follow(file, &objects::take, &mut each)?;
        let name = file.display();
        warnings.extend(
            found
                .into_iter()
                .map(|warning| format!("{name}: {warning}")),
        );
        bytes_before += bytes_read;
        observer.end_of_recording();
    }
    let estimates = Estimates::of(&observer.finish());
    let set = set::of(&estimates);
    let compared = match set.first() {
        Some(day) => fidelity::compare(&estimates, &day.scenario).map_err(|error| about(&error))?,
        None => Vec::new(),
    };
    let report = Report::new(&estimates, compared, &set);
    let files = set
        .iter()
        .map(|fitted| {
            (
                format!("{}.yaml", fitted.scenario.name),
                text(fitted, recordings),
            )
        })
        .collect();
    Ok(Fit {
        report,
        files,
        warnings,
    })
}

/// A scenario as a file that `simulator lint` has nothing to say about.
fn text(fitted: &set::Fitted, recordings: &[PathBuf]) -> String {
    let names = recordings.iter().map(|file| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        printable(&name).into_owned()
    });
    let names: Vec<String> = names.collect();
    let from = match names.as_slice() {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [first, .., last] => format!("{} recordings, {first} to {last}", names.len()),
    };
    format!(
        "# {}\n# Fitted by `simulator fit` to {from}.\n\
         # lint: allow S001 S003 it is there to measure policies on, and expects nothing of them\n\
         # lint: allow S005 S011 arrivals are random, and some may come at the end or after it\n\
         # lint: allow S006 S009 S019 which pods meet a fault is decided by chance\n{}",
        printable(&fitted.what),
        write::to_yaml(&fitted.scenario)
    )
}
