//! `simulator timeline`: draws one run as an HTML page.
//!
//! ```text
//! scenario ─ world ─▶ journal, truth ─ rows ─▶ Chart ─ page ─▶ one HTML file
//! ```

pub mod args;
mod chart;
mod choice;
mod cluster;
mod description;
mod fold;
mod page;
mod queues;
mod rows;

use std::io::Write;
use std::path::Path;

use pullstop_cluster::input_error::{InputError, STDIN};
use pullstop_cluster::simulation;
use pullstop_cluster::world::RunOptions;

use self::args::TimelineArgs;
use self::page::Page;
use crate::exit::{Exit, Failure};
use crate::input;
use crate::runs::outcome::Outcome;
use crate::runs::{self, plan};

/// Runs the command.
///
/// # Errors
/// On a scenario or a policy that cannot be read or is invalid, and when the page cannot be written.
pub fn run(args: &TimelineArgs, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit, Failure> {
    let policy = args.policy.as_deref().map(Path::new);
    input::check_stdin([args.scenario.as_path()].into_iter().chain(policy))?;
    let file = input::read(&args.scenario)?;
    let scenario = plan::parse(&args.scenario, &file)?;
    runs::warn_of_old_names(&args.scenario, &scenario, err)?;
    let decider = runs::decider(args.policy.as_deref(), err)?;
    let seed = args.seed.unwrap_or(scenario.seed);
    let keep = RunOptions {
        journal: true,
        events: false,
    };
    let mut world = simulation::world(&scenario, seed, &decider, keep)
        .map_err(|error| InputError::about(&args.scenario, error.to_string()))?;
    world.run();
    let outcome = Outcome::of(&world, &scenario, seed);
    let chosen = choice::choose(&world, &scenario, &outcome, args.pods.as_deref());
    if let (Some(pattern), true) = (&args.pods, chosen.pods.is_empty()) {
        writeln!(err, "no pod matches `{pattern}`: wrote no page")?;
        return Ok(Exit::NothingMatched);
    }
    let chart = rows::chart(&world, &scenario, &chosen);
    let text = page::render(&Page {
        file: &args.scenario.display().to_string(),
        decider: args.policy.as_deref(),
        description: &description::of(&file),
        scenario: &scenario,
        outcome: &outcome,
        chart: &chart,
        chosen: &chosen,
    });
    if args.out == Path::new(STDIN) {
        out.write_all(text.as_bytes())?;
    } else {
        input::write(&args.out, text.as_bytes())?;
        writeln!(out, "{}: {}", args.out.display(), chosen.in_words())?;
    }
    Ok(Exit::Success)
}
