//! `simulator serve`: serves a scenario's cluster as a Kubernetes API, for kubectl and the enforcer.
//!
//! The simulated cluster has no enforcer: pods are failed from outside.

pub mod args;
mod tell;

use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::bridge::{Behind, Bridge};
use pullstop_apiserver::{Clock, Options, Running, Server, Store, kubeconfig};
use pullstop_cluster::input_error::InputError;
use pullstop_cluster::scenario::Scenario;
use pullstop_cluster::simulation::{self, Decider};
use pullstop_cluster::world::RunOptions;
use pullstop_cluster::world::enforcer::baselines::Baseline;
use pullstop_core::time::Human;

use self::args::ServeArgs;
use self::tell::Teller;
use crate::exit::{Exit, Failure};
use crate::input;
use crate::runs::outcome::Outcome;
use crate::runs::{self, plan};
use crate::style::{self, BAD, BOLD, DIM, GOOD, UNSURE};

/// How long a kept cluster runs after its scenario: a year of virtual time.
const KEPT_FOR: Duration = Duration::from_secs(365 * 24 * 3600);

/// Runs the command.
///
/// # Errors
/// On a scenario that cannot be read or is invalid, if the port is taken, and when the output cannot be written.
pub fn run(args: &ServeArgs, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit, Failure> {
    let text = input::read(&args.scenario)?;
    let scenario = plan::parse(&args.scenario, &text)?;
    runs::warn_of_old_names(&args.scenario, &scenario, err)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(args, &scenario, &text, out))
}

/// The cluster of a scenario, in which nobody decides, behind a store of its own; it begins now.
///
/// # Errors
/// If the scenario's policy cannot be used.
pub fn cluster(scenario: &Scenario, seed: u64, clock: Clock) -> Result<(Bridge, Store), String> {
    let keep = RunOptions {
        journal: false,
        events: true,
    };
    // The baseline that never acts still knows whom the scenario's policy covers, which figures ask for.
    let nobody = Decider::Baseline(Baseline::Nothing);
    let world =
        simulation::world(scenario, seed, &nobody, keep).map_err(|error| error.to_string())?;
    let store = Store::new(clock);
    store.set_admission(Behind::new(scenario));
    Ok((Bridge::new(world, store.clone()), store))
}

async fn serve(
    args: &ServeArgs,
    scenario: &Scenario,
    text: &str,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let seed = args.seed.unwrap_or(scenario.seed);
    let mut lasting = scenario.clone();
    if args.keep {
        lasting.duration += KEPT_FOR;
    }
    let clock = Clock::wall().at_speed(args.speed.get());
    let (mut bridge, store) =
        cluster(&lasting, seed, clock).map_err(|error| InputError::about(&args.scenario, error))?;
    let server = listen(args, store.clone()).await?;
    let mut teller = Teller::new(store);
    bridge.step();
    greet(args, scenario, seed, &server.url(), out)?;
    let is_over = tokio::select! {
        () = bridge.run_for(scenario.duration) => true,
        error = teller.follow(out) => return Err(error.into()),
        _ = tokio::signal::ctrl_c() => false,
    };
    teller.tell_new(out)?;
    let outcome = Outcome::of(bridge.world(), scenario, seed);
    judge(args, scenario, text, &outcome, out)?;
    if is_over && args.keep {
        writeln!(out, "{DIM}The cluster keeps running until Ctrl-C.{DIM:#}")?;
        out.flush()?;
        tokio::select! {
            () = bridge.run_for(lasting.duration) => {}
            error = teller.follow(out) => return Err(error.into()),
            _ = tokio::signal::ctrl_c() => {}
        }
    }
    server.stop().await;
    Ok(if is_over && !outcome.passed() {
        Exit::ExpectationFailed
    } else {
        Exit::Success
    })
}

async fn listen(args: &ServeArgs, store: Store) -> Result<Running, Failure> {
    let options = Options {
        address: (Ipv4Addr::LOCALHOST, args.port).into(),
        ..Options::default()
    };
    let server = Server::start(store, options).await.map_err(|error| {
        let what = format!("cannot listen on port {}: {error}", args.port);
        io::Error::new(error.kind(), what)
    })?;
    if let Some(file) = &args.write_kubeconfig {
        let config = kubeconfig(&server.url(), None);
        input::write(file, config.as_bytes())?;
    }
    Ok(server)
}

fn greet(
    args: &ServeArgs,
    scenario: &Scenario,
    seed: u64,
    url: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    let (name, factor) = (style::one_line(&scenario.name), args.speed);
    let lasts = Human(scenario.duration);
    let real = Human(scenario.duration / factor.get());
    writeln!(out, "{BOLD}{name}{BOLD:#}, seed {seed}, is served at {url}")?;
    writeln!(
        out,
        "It runs {factor} times faster than real time: {lasts} in {real}. Press Ctrl-C to stop."
    )?;
    writeln!(out)?;
    match &args.write_kubeconfig {
        Some(file) => writeln!(out, "  export KUBECONFIG={}", file.display())?,
        None => writeln!(
            out,
            "  {DIM}# with --write-kubeconfig FILE:{DIM:#} export KUBECONFIG=FILE"
        )?,
    }
    writeln!(out, "  kubectl get jobs,pods --watch")?;
    writeln!(
        out,
        "  enforcer run --simulated --no-lease --policy policy.yaml   {DIM}# with mode: Enforce{DIM:#}"
    )?;
    writeln!(out)?;
    out.flush()
}

/// Prints each expectation and whether it was met.
fn judge(
    args: &ServeArgs,
    scenario: &Scenario,
    text: &str,
    outcome: &Outcome,
    out: &mut dyn Write,
) -> io::Result<()> {
    let lines: Vec<&str> = text.lines().collect();
    let file = args.scenario.display();
    writeln!(
        out,
        "\n{BOLD}After {}:{BOLD:#}",
        Human(whole(outcome.simulated))
    )?;
    for expectation in &scenario.expectations {
        let (line, column) = expectation.place;
        let at = usize::try_from(line).unwrap_or(usize::MAX);
        let said = lines.get(at.wrapping_sub(1)).map_or("", |said| said.trim());
        let said = style::one_line(said.trim_start_matches("- "));
        let unmet = outcome
            .unmet
            .iter()
            .filter(|u| u.place == expectation.place);
        let mut unmet = unmet.peekable();
        if unmet.peek().is_none() {
            writeln!(out, "{GOOD}✓{GOOD:#} {said}")?;
            continue;
        }
        writeln!(out, "{BAD}✗{BAD:#} {said}")?;
        for unmet in unmet {
            writeln!(out, "    {BOLD}{file}:{line}:{column}{BOLD:#}")?;
            writeln!(out, "      expected {}", unmet.expected)?;
            writeln!(out, "      got      {}", unmet.got)?;
        }
    }
    if outcome.mistakes().any() {
        let style = if outcome.unforeseen_failures() > 0 {
            BAD
        } else {
            UNSURE
        };
        writeln!(out, "{style}{}{style:#}", outcome.mistakes())?;
    }
    out.flush()
}

/// Whole seconds: milliseconds mean nothing here.
const fn whole(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs())
}
