//! `simulator replay`: shows what a policy would have done with recorded pods.
//!
//! ```text
//! files ─ trace::read ─▶ events ─ drive::replay ─▶ stories ─ human::print / json::print ─▶ out
//! ```

pub mod args;
pub mod drive;
mod human;
mod json;
pub mod story;
mod timeline;

use std::io::Write;
use std::path::{Path, PathBuf};

use pullstop_cluster::input_error::InputError;
use pullstop_core::plugin::Profile;
use pullstop_core::policy::Policy;

use self::args::ReplayArgs;
use super::options::Output;
use crate::exit::{Exit, Failure};
use crate::input;
use crate::trace::{self, Event, Trace};
use drive::Settings;
use story::Story;

/// The replay of one recording, or of several merged ones.
#[derive(Debug)]
pub struct Replayed {
    /// The recordings, as the command line names them.
    pub traces: Vec<String>,
    /// The pods' stories, in the order in which the pods were first seen.
    pub stories: Vec<Story>,
    /// Damaged events that were skipped.
    pub skipped: Vec<InputError>,
    /// What makes the results less reliable.
    pub warnings: Vec<String>,
}

/// Runs the command.
///
/// # Errors
/// On input that cannot be read or is damaged.
pub fn run(args: &ReplayArgs, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit, Failure> {
    let policy = args.policy.as_deref();
    input::check_stdin(args.traces.iter().map(PathBuf::as_path).chain(policy))?;
    // A replay is a dry run: what is of interest is what would have been done.
    let policy = input::policy(args.policy.as_deref())?.rehearsed();
    let mut pods = 0;
    for traces in clusters(args)? {
        let replayed = replay(args, &policy, traces)?;
        pods += replayed.stories.len();
        match args.output {
            Output::Human => human::print(&replayed, args.explain, out)?,
            Output::Json => json::print(&replayed, args.explain, out)?,
        }
        out.flush()?;
        remark(&replayed, err)?;
    }
    Ok(if pods == 0 {
        Exit::NothingMatched
    } else {
        Exit::Success
    })
}

/// Prints warnings about the recordings.
fn remark(replayed: &Replayed, err: &mut dyn Write) -> std::io::Result<()> {
    for warning in &replayed.warnings {
        writeln!(err, "warning: {warning}")?;
    }
    for error in &replayed.skipped {
        writeln!(err, "skipped: {error}")?;
    }
    let traces = replayed.traces.join(", ");
    match replayed.skipped.len() {
        0 => {}
        1 => writeln!(err, "skipped 1 damaged event in {traces}")?,
        count => writeln!(err, "skipped {count} damaged events in {traces}")?,
    }
    if replayed.stories.is_empty() {
        writeln!(err, "warning: no pods in {traces}")?;
    }
    Ok(())
}

/// The recordings, in groups that share a cluster.
fn clusters(args: &ReplayArgs) -> Result<Vec<Vec<Trace>>, Failure> {
    let mut read = |file: &PathBuf| trace::read(file, args.keep_going);
    let traces: Vec<Trace> = args
        .traces
        .iter()
        .map(&mut read)
        .collect::<Result<_, _>>()?;
    Ok(if args.merge {
        trace::check_one_cluster(&traces)?;
        vec![traces]
    } else {
        traces.into_iter().map(|trace| vec![trace]).collect()
    })
}

fn replay(args: &ReplayArgs, policy: &Policy, traces: Vec<Trace>) -> Result<Replayed, Failure> {
    let profile = Profile::standard(policy.clone()).map_err(|error| {
        let file = args
            .policy
            .as_deref()
            .unwrap_or_else(|| Path::new("policy"));
        InputError::about(file, error.to_string())
    })?;
    let names: Vec<String> = traces.iter().map(|trace| trace.name.clone()).collect();
    let mut skipped = Vec::new();
    let mut warnings = Vec::new();
    let mut events: Vec<Event> = Vec::new();
    for (number, trace) in traces.into_iter().enumerate() {
        skipped.extend(trace.skipped);
        warnings.extend(
            trace
                .warnings
                .iter()
                .map(|warning| format!("{}: {warning}", trace.name)),
        );
        events.extend(trace.events.into_iter().map(|event| Event {
            trace: number,
            ..event
        }));
    }
    // Stable: events of the same moment stay in the order of the files.
    events.sort_by_key(|event| event.at);
    let settings = Settings {
        run_on: args.run_on,
        explain: args.explain,
    };
    let stories = drive::replay(&events, profile, &settings);
    Ok(Replayed {
        traces: names,
        stories,
        skipped,
        warnings,
    })
}
