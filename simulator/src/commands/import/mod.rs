//! `simulator import`: turns recorded pods into a scenario.
//!
//! ```text
//! recordings ─ objects ─▶ observed ─ supply, nodes, workloads, faults ─▶ Scenario ─ write ─▶ YAML
//! ```
//!
//! A recording shows what happened, not why: what is guessed stands in the comments of the scenario, with what it was
//! guessed from.

pub mod args;
mod expect;
mod faults;
mod nodes;
mod notes;
mod observed;
mod recording;
mod supply;
mod workloads;

use std::io::Write;
use std::path::{Path, PathBuf};

use pullstop_cluster::input_error::{InputError, STDIN};
use pullstop_cluster::scenario::{
    DEFAULT_PATIENCE, DEFAULT_SEED, DURATION_MAX, Enforcer, Places, Scenario, write,
};
use pullstop_cluster::simulation::{self, Decider};
use pullstop_cluster::world::RunOptions;
use pullstop_core::classify::Classifier;
use pullstop_core::policy::Policies;
use pullstop_core::time::Human;
use pullstop_core::wire::timestamp;

use self::args::ImportArgs;
use self::notes::Notes;
use self::recording::Recording;
use crate::exit::{Exit, Failure};
use crate::input;
use crate::recorded::{self, objects};
use crate::runs::outcome::Outcome;
use crate::runs::plan;
use crate::trace;

/// So many seeds are tried, until one lets come true what chance decides: whether a kubelet puts a pod back that was
/// failed by hand.
const SEEDS_MAX: usize = 20;

/// Runs the command.
///
/// # Errors
/// On recordings that cannot be read or are damaged, and when the scenario cannot be written.
pub fn run(args: &ImportArgs, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit, Failure> {
    input::check_stdin(args.traces.iter().map(PathBuf::as_path))?;
    let recording = read(&args.traces, err)?;
    if recording.pods.is_empty() {
        let why = if recording.over.is_empty() {
            "the recordings have no pods"
        } else {
            "all pods had ended when the recordings began"
        };
        writeln!(err, "warning: {why}: wrote no scenario")?;
        return Ok(Exit::NothingMatched);
    }
    fits(&args.traces, &recording)?;
    // No patterns of anybody's own are too many.
    let classifier = Classifier::new(&[])
        .map_err(|error| InputError::about(Path::new("classifier"), error.to_string()))?;
    let with_seed = |seed| scenario(&args.traces, &recording, &classifier, seed);
    let mut likely = (DEFAULT_SEED..).take(SEEDS_MAX).map(with_seed);
    let text = likely.find(|text| comes_true(text));
    let text = text.unwrap_or_else(|| with_seed(DEFAULT_SEED));
    match args.out.as_deref().filter(|file| *file != Path::new(STDIN)) {
        None => out.write_all(text.as_bytes())?,
        Some(file) => input::write(file, text.as_bytes())?,
    }
    Ok(Exit::Success)
}

/// Whether all that is expected comes, with the scenario's own seed.
fn comes_true(text: &str) -> bool {
    let Ok(scenario) = plan::parse(Path::new("imported"), text) else {
        return false;
    };
    let world = simulation::world(
        &scenario,
        scenario.seed,
        &Decider::Scenario,
        RunOptions::default(),
    );
    world.is_ok_and(|mut world| {
        world.run();
        Outcome::of(&world, &scenario, scenario.seed).passed()
    })
}

/// All recordings as one cluster, in the order of their times.
fn read(traces: &[PathBuf], err: &mut dyn Write) -> Result<Recording, Failure> {
    let read = |file: &PathBuf| trace::read_as(file, false, &objects::take);
    let traces = traces.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    trace::check_one_cluster(&traces)?;
    let mut events = Vec::new();
    for trace in traces {
        for warning in &trace.warnings {
            writeln!(err, "warning: {}: {warning}", trace.name)?;
        }
        events.extend(trace.events);
    }
    // Stable: events of the same moment stay in the order of the files.
    events.sort_by_key(|event| event.at);
    Ok(Recording::of(events))
}

/// Whether a scenario can last as long as the recording.
fn fits(traces: &[PathBuf], recording: &Recording) -> Result<(), InputError> {
    let (Some(begin), Some(file)) = (recording.begin, traces.first()) else {
        return Ok(());
    };
    if expect::duration(recording) <= DURATION_MAX {
        return Ok(());
    }
    let message = format!(
        "the recording lasts from {} to {}, and a scenario at most {}: import a part of it, or correct the `received` \
         times if they are wrong",
        timestamp::print(begin),
        timestamp::print(begin.after(recording.length)),
        Human(DURATION_MAX)
    );
    Err(InputError::about(file, message))
}

fn scenario(
    traces: &[PathBuf],
    recording: &Recording,
    classifier: &Classifier,
    seed: u64,
) -> String {
    let mut notes = Notes::default();
    notes.add(
        "No policy acts, since none did in the recording: `simulator run --policy FILE` shows what one would have \
         done.",
    );
    let supply = supply::of(recording, classifier, &mut notes);
    let groups = nodes::of(recording, supply.runtime, &mut notes);
    let group = |pod: &observed::ObservedPod| nodes::group_of(pod, &groups);
    let workloads = workloads::of(recording, &group, &mut notes);
    let faults = faults::of(recording, &workloads.names, &mut notes);
    let scenario = Scenario {
        name: name(traces),
        seed,
        duration: expect::duration(recording),
        patience: DEFAULT_PATIENCE,
        policies: Policies::default(),
        enforcer: Enforcer::default(),
        kubernetes_minor: if supply.back_off_tells_why { 36 } else { 31 },
        nodes: groups,
        registries: supply.registries,
        images: supply.images,
        secrets: supply.secrets,
        queues: Vec::new(),
        workloads: workloads.all,
        faults,
        expectations: Vec::new(),
        places: Places::default(),
    };
    let files: Vec<String> = traces.iter().map(|trace| file_name(trace)).collect();
    format!(
        "# Imported from {}. What was guessed, and from what:\n{}{}  policy: {{inline: {{mode: Disabled}}}}\n{}",
        files.join(", "),
        notes.comments(),
        write::to_yaml(&scenario),
        expect::lines(recording, &workloads.names),
    )
}

fn name(traces: &[PathBuf]) -> String {
    let stem = traces.first().and_then(|trace| trace.file_stem());
    recorded::label(&stem.map_or_else(String::new, |stem| stem.to_string_lossy().into_owned()))
}

fn file_name(trace: &Path) -> String {
    let name = trace.file_name().map(|name| name.to_string_lossy());
    // A line break would end the comment.
    name.map_or_else(String::new, |name| {
        crate::style::one_line(&name).into_owned()
    })
}
