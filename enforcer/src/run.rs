//! `enforcer run`: connects to the cluster and runs the enforcer until a signal.

mod args;
mod hello;
mod parts;

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use pullstop_core::policy::{Mode, Policies};
use pullstop_core::time::Timestamp;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, mpsc, watch};

pub use self::args::{LogFormat, RunArgs};
pub use self::parts::Parts;
use crate::api::{Api, ApiPath, Call, rights};
use crate::clock::Clock;
use crate::connect::Cluster;
use crate::drive::{self, Links, RunLimits};
use crate::lease::Claim;
use crate::metrics::Metrics;
use crate::output::{Clean, Form};
use crate::pods::feed::{self, Feed};
use crate::policies;
use crate::policy;

/// Runs until a signal ends it. Returns the exit code.
pub(crate) fn run(args: &RunArgs, err: &mut dyn io::Write) -> io::Result<u8> {
    let first = match first_policies(args) {
        Ok(policies) => policies,
        Err(errors) => {
            for error in errors {
                writeln!(err, "error: {error}")?;
            }
            return Ok(crate::exit::INVALID);
        }
    };
    log(args.log_format);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let ended = runtime.block_on(async {
        let metrics = Arc::new(Metrics::default());
        let (api, cluster) = args.cluster.connect(Arc::clone(&metrics)).await?;
        let namespace = lease_namespace(args, &cluster)?;
        let clock = if args.simulated {
            simulated_clock(&api).await?
        } else {
            Clock::start()
        };
        let listeners = args.listeners().await?;
        let parts = Parts {
            api,
            namespace,
            metrics,
            clock,
            identity: identity(),
            listeners,
        };
        hello::say(args, &parts, &cluster).await;
        let stop = watch::channel(false).0;
        tokio::spawn(stop_at_signal(stop.clone()));
        enforce(args, first, parts, stop).await
    });
    // A read of a file that does not answer is left to itself.
    runtime.shutdown_timeout(LAST_READS);
    match ended {
        Ok(()) => Ok(crate::exit::SUCCESS),
        Err(error) => {
            writeln!(err, "error: {error}")?;
            Ok(crate::exit::INTERNAL)
        }
    }
}

/// Enforces until `stop` turns true. Everything happens in this future: dropping it ends everything at once, like killing
/// the process.
///
/// # Errors
/// If the first policies cannot be used.
pub async fn enforce(
    args: &RunArgs,
    first: Policies,
    mut parts: Parts,
    stop: watch::Sender<bool>,
) -> Result<(), String> {
    parts.api.time().compare(parts.clock);
    let (policies, policies_seen) = watch::channel(first.clone());
    let (claim, claim_seen) = watch::channel(Claim::default());
    let (selector, selector_seen) = watch::channel(drive::selector(&first));
    // With a selector none are known before the first list; without one all are meant.
    let none_yet = args.namespace_selector.as_ref().map(|_| BTreeSet::new());
    let (selected, namespaces) = watch::channel(none_yet);
    let (events, news_seen) = mpsc::channel(feed::FEED_EVENTS_MAX);
    let (questions, asked) = mpsc::channel(1);
    let relist = Arc::new(Notify::new());
    let retire = watch::channel(false).0;
    let (switch, switch_seen) = watch::channel(None);
    // In a dry run no replica writes anything, not even the leader.
    let (may_write, ceiling) = if args.dry_run {
        (watch::channel(Claim::default()).1, Mode::DryRun)
    } else {
        (claim_seen.clone(), Mode::Enforce)
    };

    let limits = RunLimits {
        ceiling,
        namespaces: args.namespaces.clone(),
    };
    let (announcer, announcements) = parts.announcer();
    let driver = parts.driver(args, first, limits, may_write.clone(), announcements)?;
    let links = Links {
        events: news_seen,
        policies: policies_seen,
        namespaces: namespaces.clone(),
        claim: claim_seen,
        switch: switch_seen,
        selector,
        relist: Arc::clone(&relist),
        questions: asked,
        stop: stop.subscribe(),
    };
    let listeners = std::mem::take(&mut parts.listeners);
    let beside = async {
        tokio::join!(
            tell(
                parts.feed(selector_seen, relist, events),
                namespaces.clone()
            ),
            parts.follow_namespaces(args, selected),
            parts.show(listeners, questions),
            parts.follow_policies(args, policies.clone(), may_write),
        );
        // It is the driver that ends.
        std::future::pending::<()>().await;
    };
    let mut announcing = Box::pin(announcer.run());
    let work = async {
        tokio::select! {
            biased;
            () = driver.run(links) => {}
            () = beside => {}
            () = &mut announcing => {}
        }
        // Not before the last write has arrived: others may write as soon as the Lease is given up.
        retire.send_replace(true);
        // The driver has dropped its end: the rest of the events is sent, unless the API server fails.
        let _ = tokio::time::timeout(LAST_EVENTS, announcing).await;
    };
    let election = parts.lead(args, &claim, switch, retire.subscribe());
    // Boxed, since they are large and are moved about until they begin.
    tokio::join!(Box::pin(election), Box::pin(work));
    Ok(())
}

/// Feeds pods to the driver as soon as the selected namespaces are known.
async fn tell(feed: Feed, mut namespaces: watch::Receiver<Option<BTreeSet<String>>>) {
    let is_selective = namespaces.borrow().is_some();
    if is_selective && namespaces.changed().await.is_err() {
        return;
    }
    feed.run().await;
}

/// Where the Lease is, if one is needed: replicas that look in different namespaces would all lead.
fn lease_namespace(args: &RunArgs, cluster: &Cluster) -> Result<String, String> {
    let known = args.lease_namespace.as_ref().or(cluster.namespace.as_ref());
    match known {
        Some(namespace) => Ok(namespace.clone()),
        None if args.no_lease || args.dry_run => Ok(String::new()),
        None => Err(
            "the namespace of the Lease is unknown, since the context names none: give --lease-namespace \
             (`pullstop-system` in deploy/), or --no-lease if this is the only replica"
                .to_owned(),
        ),
    }
}

/// Reads of files that are under way when the program ends have this long.
const LAST_READS: Duration = Duration::from_millis(100);

/// Events that wait when the program ends have this long to be sent.
const LAST_EVENTS: Duration = Duration::from_secs(5);

fn first_policies(args: &RunArgs) -> Result<Policies, Vec<String>> {
    match &args.policy {
        Some(file) => policy::read_again(file).map(Policies::from),
        None => Ok(policies::built_in()),
    }
}

/// The clock of a simulated cluster. No other cluster has such a page: rules cannot run fast by mistake.
async fn simulated_clock(api: &Api) -> Result<Clock, String> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Shown {
        unix_millis: u64,
        speed: u32,
    }
    let call = Call::get(&rights::SIMULATED_CLOCK, ApiPath::to("/simulator/clock"));
    let answer = api.call(call, Duration::from_secs(5)).await;
    let no_simulation =
        |why: String| format!("--simulated works only with a cluster of `simulator serve`: {why}");
    let bytes = answer.map_err(|error| no_simulation(error.to_string()))?;
    let shown: Shown =
        serde_json::from_slice(&bytes).map_err(|error| no_simulation(error.to_string()))?;
    Ok(Clock::starting_at(Timestamp::from_millis(shown.unix_millis)).at_speed(shown.speed))
}

/// The pod's name, which Kubernetes makes the host's, and what tells this process from those before it in the same pod.
fn identity() -> String {
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "enforcer".to_owned());
    let started = Clock::start().now().as_millis();
    format!("{host}_{}_{started:x}", std::process::id())
}

async fn stop_at_signal(stop: watch::Sender<bool>) {
    let (Ok(mut terminate), Ok(mut interrupt)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("shutting down");
    stop.send_replace(true);
}

fn log(format: LogFormat) {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let form = match format {
        LogFormat::Text => Form::Log,
        LogFormat::Json => Form::Json,
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || Clean::new(io::stderr(), form));
    // Tests run several of these in one process; the first one logs.
    let _ = match format {
        LogFormat::Text => builder.with_ansi(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}
