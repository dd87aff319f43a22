//! `simulator fuzz`: checks the engine's invariants in random worlds.

pub mod args;
pub mod draw;
pub mod hunt;
pub mod shrink;

use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

use pullstop_cluster::scenario::{Scenario, write};
use pullstop_cluster::world::checks::Broken;
use pullstop_core::policy::Policy;

use self::args::FuzzArgs;
use self::hunt::{Hunt, Seen};
use crate::exit::{Exit, Failure};
use crate::input;
use crate::runs::parallel::in_order;
use crate::runs::plan;
use crate::runs::pool::Progress;

/// A world in which an invariant breaks.
#[derive(Clone, Debug)]
pub struct Found {
    /// The world, shrunk.
    pub scenario: Scenario,
    /// The broken invariant.
    pub broken: Broken,
}

/// Runs the command.
///
/// # Errors
/// On a policy or a scenario that cannot be read.
pub fn run(
    args: &FuzzArgs,
    shows_progress: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Exit, Failure> {
    let files = args.policy.iter().chain(&args.scenario);
    input::check_stdin(files.map(PathBuf::as_path))?;
    let policy = input::policy(args.policy.as_deref())?.rehearsed();
    let hunt = Hunt {
        policy: &policy,
        make: &hunt::engine,
    };
    let (seen, found) = match &args.scenario {
        Some(file) => {
            let mut seen = Seen::default();
            let scenario = plan::load(file)?;
            crate::runs::warn_of_old_names(file, &scenario, err)?;
            let broken = hunt.check(&scenario, &mut seen);
            (seen, broken.map(|broken| Found { scenario, broken }))
        }
        None => search(args, &hunt, &mut Progress::new(shows_progress, err))?,
    };
    let Seen {
        worlds,
        pods,
        verdicts,
        events,
    } = seen;
    let what = if worlds == 1 { "world" } else { "worlds" };
    writeln!(
        out,
        "{worlds} {what}, {pods} pods, {verdicts} verdicts, {events} events"
    )?;
    let Some(found) = found else {
        writeln!(out, "all invariants hold")?;
        return Ok(Exit::Success);
    };
    report(args, &policy, &found, out)?;
    Ok(Exit::ExpectationFailed)
}

fn report(
    args: &FuzzArgs,
    policy: &Policy,
    found: &Found,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    writeln!(out, "{}", found.broken)?;
    if args.scenario.is_some() {
        return Ok(());
    }
    let yaml = write::to_yaml(&found.scenario);
    let with = args
        .policy
        .as_ref()
        .map_or_else(String::new, |file| format!(" --policy {}", file.display()));
    if *policy != Policy::default().rehearsed() {
        writeln!(
            out,
            "the policy is {}",
            args.policy
                .as_deref()
                .unwrap_or_else(|| "the command line".as_ref())
                .display()
        )?;
    }
    let what = "the smallest world that breaks it";
    let Some(file) = &args.out else {
        writeln!(
            out,
            "{what} follows; save it and repeat with `simulator fuzz --scenario FILE{with}`:"
        )?;
        write!(out, "\n{yaml}")?;
        return Ok(());
    };
    input::write(file, yaml.as_bytes())?;
    let name = file.display();
    writeln!(
        out,
        "{what} is in {name}; repeat with: simulator fuzz --scenario {name}{with}"
    )?;
    Ok(())
}

/// Number of worlds without `--seeds` and `--time`.
const WORLDS: u64 = 100;

/// Checks random worlds, and shrinks the first that breaks an invariant.
fn search(
    args: &FuzzArgs,
    hunt: &Hunt<'_>,
    progress: &mut Progress<'_>,
) -> Result<(Seen, Option<Found>), Failure> {
    let worlds = args.seeds.unwrap_or(match args.time {
        Some(_) => u64::MAX,
        None => WORLDS,
    });
    let last = args.first_seed.saturating_add(worlds.max(1)) - 1;
    let count = usize::try_from(last - args.first_seed).map_or(usize::MAX, |n| n.saturating_add(1));
    let clock = Clock::start(args.time);
    let number = |place: usize| args.first_seed + place as u64;
    let check = |place: usize| {
        (!clock.is_over()).then(|| {
            let mut seen = Seen::default();
            let broken = hunt.check(&draw::scenario(number(place)), &mut seen);
            (seen, broken)
        })
    };
    let mut total = Seen::default();
    let mut take = |place, checked: Option<(Seen, Option<Broken>)>| {
        let Some((seen, broken)) = checked else {
            return ControlFlow::Break(Ok(None));
        };
        total.add(seen);
        if let Err(error) = progress.show(format_args!("{} worlds", total.worlds)) {
            return ControlFlow::Break(Err(error));
        }
        match broken {
            Some(broken) => ControlFlow::Break(Ok(Some((number(place), broken)))),
            None => ControlFlow::Continue(()),
        }
    };
    let found = in_order(count, args.jobs, check, &mut take);
    let found = found.unwrap_or(Ok(None))?;
    progress.clear()?;
    Ok((
        total,
        found.map(|(seed, broken)| shrunk(hunt, seed, broken)),
    ))
}

/// The smallest world that breaks as that of `seed` does.
pub fn shrunk(hunt: &Hunt<'_>, seed: u64, broken: Broken) -> Found {
    let mut found = Found {
        scenario: draw::scenario(seed),
        broken,
    };
    let mut latest = found.broken.clone();
    let scenario = shrink::shrink(found.scenario, &mut |candidate| {
        let broken = hunt.check(candidate, &mut Seen::default());
        let is_same = broken
            .as_ref()
            .is_some_and(|broken| broken.invariant == latest.invariant);
        if let (true, Some(broken)) = (is_same, broken) {
            latest = broken;
        }
        is_same
    });
    (found.scenario, found.broken) = (scenario, latest);
    found
}

impl Seen {
    const fn add(&mut self, other: Self) {
        self.worlds += other.worlds;
        self.pods += other.pods;
        self.verdicts += other.verdicts;
        self.events += other.events;
    }
}

/// The time limit by the wall clock: the only part that is not deterministic.
struct Clock {
    #[expect(clippy::disallowed_types, reason = "the user says how long to search")]
    end: Option<std::time::Instant>,
}

#[expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "the user says how long to search"
)]
impl Clock {
    fn start(time: Option<Duration>) -> Self {
        Self {
            end: time.and_then(|time| std::time::Instant::now().checked_add(time)),
        }
    }

    fn is_over(&self) -> bool {
        self.end.is_some_and(|end| std::time::Instant::now() >= end)
    }
}
