//! `simulator record`: writes the watch stream of a simulated cluster, in which nobody acts.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Parser;
use pullstop_cluster::input_error::{InputError, STDIN};
use pullstop_cluster::simulation::{self, Decider};
use pullstop_cluster::world::RunOptions;
use pullstop_cluster::world::enforcer::baselines::Baseline;

use crate::bridge::record;
use crate::exit::{Exit, Failure};
use crate::input;
use crate::runs::{self, plan};

/// Record a simulated cluster as `enforcer record` would.
///
/// Runs the scenario without an enforcer, and writes the watch events of its pods, Jobs and kubelet Events in virtual
/// time. Such recordings try out `simulator replay`, `import` and `fit` where what happened is known.
#[derive(Debug, Parser)]
#[command(after_help = "\
Example:
  simulator record scenarios/demo.yaml --out demo.jsonl
  simulator replay demo.jsonl")]
pub struct RecordArgs {
    /// Scenario; `-` for standard input
    #[arg(value_name = "SCENARIO")]
    pub scenario: PathBuf,
    /// Seed [default: the scenario's own]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// File for the recording; `-` for standard output [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// On a scenario that cannot be read or is invalid, and when the recording cannot be written.
pub fn run(args: &RecordArgs, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit, Failure> {
    let scenario = plan::load(&args.scenario)?;
    runs::warn_of_old_names(&args.scenario, &scenario, err)?;
    let keep = RunOptions {
        journal: false,
        events: true,
    };
    let nobody = Decider::Baseline(Baseline::Nothing);
    let world = simulation::world(&scenario, args.seed.unwrap_or(scenario.seed), &nobody, keep)
        .map_err(|error| InputError::about(&args.scenario, error.to_string()))?;
    match args.out.as_deref().filter(|file| *file != Path::new(STDIN)) {
        None => record::record(world, out)?,
        Some(file) => {
            let mut text = Vec::new();
            record::record(world, &mut text)?;
            input::write(file, &text)?;
            let events = text.split(|byte| *byte == b'\n').count() - 1;
            let name = file.display();
            writeln!(
                err,
                "{events} watch events are in {name}: next, try `simulator fit {name}`"
            )?;
        }
    }
    Ok(Exit::Success)
}
