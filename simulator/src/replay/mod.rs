//! `simulator replay`: recorded pods through the engine, in recorded time.
//!
//! ```text
//! files ─ trace::read ─▶ events ─ drive::replay ─▶ stories ─ human::print / json::print ─▶ out
//! ```

pub mod drive;
mod human;
mod json;
mod moment;
pub mod story;
mod timeline;
pub mod trace;

use std::io::Write;
use std::path::{Path, PathBuf};

use pullstop_core::plugin::Profile;

use crate::args::{Output, ReplayArgs};
use crate::exit::{Exit, Failure};
use crate::input::{self, InputError};
use drive::Settings;
use story::Story;
use trace::{Event, Trace};

/// What became of one recording, or of several merged ones.
#[derive(Debug)]
pub struct Replayed {
    /// The recordings, as they were named.
    pub traces: Vec<String>,
    /// The pods' stories, in the order in which the pods were first seen.
    pub stories: Vec<Story>,
    /// Damaged events that were skipped.
    pub skipped: Vec<InputError>,
    /// Events without time of arrival.
    pub untimed: usize,
}

/// Runs the command.
///
/// # Errors
/// On input that cannot be read or is damaged.
pub fn run(args: &ReplayArgs, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit, Failure> {
    let mut pods = 0;
    let clusters = clusters(args)?;
    for traces in clusters {
        let replayed = replay(args, traces)?;
        pods += replayed.stories.len();
        for error in &replayed.skipped {
            writeln!(err, "skipped: {error}")?;
        }
        match args.output {
            Output::Human => human::print(&replayed, args.explain, out)?,
            Output::Json => json::print(&replayed, args.explain, out)?,
        }
        if !replayed.skipped.is_empty() {
            let (count, traces) = (replayed.skipped.len(), replayed.traces.join(", "));
            writeln!(err, "{count} damaged events skipped in {traces}")?;
        }
    }
    Ok(if pods == 0 {
        Exit::NothingMatched
    } else {
        Exit::Success
    })
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
        vec![traces]
    } else {
        traces.into_iter().map(|trace| vec![trace]).collect()
    })
}

fn replay(args: &ReplayArgs, traces: Vec<Trace>) -> Result<Replayed, Failure> {
    let policy = input::policy(args.policy.as_deref())?;
    let profile = Profile::standard(policy).map_err(|error| {
        InputError::about(
            args.policy
                .as_deref()
                .unwrap_or_else(|| Path::new("policy")),
            error.to_string(),
        )
    })?;
    let names: Vec<String> = traces.iter().map(|trace| trace.name.clone()).collect();
    let untimed = traces.iter().map(|trace| trace.untimed).sum();
    let mut skipped = Vec::new();
    let mut events: Vec<Event> = Vec::new();
    for (number, trace) in traces.into_iter().enumerate() {
        skipped.extend(trace.skipped);
        events.extend(trace.events.into_iter().map(|event| Event {
            trace: number,
            ..event
        }));
    }
    // Stable: events of the same moment stay in the order of the files.
    events.sort_by_key(|event| event.at);
    let stories = drive::replay(
        &events,
        profile,
        &Settings {
            run_on: args.run_on,
            explain: args.explain,
        },
    );
    Ok(Replayed {
        traces: names,
        stories,
        skipped,
        untimed,
    })
}
