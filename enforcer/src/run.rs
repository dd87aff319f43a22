//! `enforcer run`: everything put together.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use pullstop_core::policy::Mode;
use pullstop_core::time::Timestamp;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, mpsc, watch};

use crate::api::{Api, ApiPath, Call, rights};
use crate::clock::Clock;
use crate::connect::{Cluster, ClusterArgs};
use crate::drive::{self, Driver, Limits, Links, Question};
use crate::engines::Policies;
use crate::hello;
use crate::http::{self, ListenAddress, Listeners, Pages};
use crate::lease::{Candidate, Claim, Stop};
use crate::metrics::Metrics;
use crate::namespaces::Namespaces;
use crate::output::{Clean, Form};
use crate::pods::announce::{Announcements, Announcer};
use crate::pods::feed::{self, Feed, News};
use crate::pods::history::{self, Historian};
use crate::pods::write::Writer;
use crate::policies::{self, objects::Objects};
use crate::policy;
use crate::wishes::Kind;

/// What `enforcer run` is told.
#[derive(Clone, Debug, Parser)]
#[command(
    after_help = "The cluster is the one that KUBECONFIG names, or the one that the program runs in. RUST_LOG sets what \
    is logged, such as `info` or `pullstop_enforcer=debug`.\n\nExit codes: 0 ended by a signal, 2 invalid input, 3 internal error."
)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of its own on the command line"
)]
pub struct RunArgs {
    /// Which cluster
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Policy to judge by; it may change while the program runs
    #[arg(long, value_name = "FILE", conflicts_with = "policy_objects")]
    pub policy: Option<PathBuf>,
    /// Judge by the policy objects called `default` in the cluster; without any, the built-in rules in a dry run
    #[arg(long)]
    pub policy_objects: bool,
    /// Write nothing, whatever the policy says
    #[arg(long)]
    pub dry_run: bool,
    /// Only pods of these namespaces: names, or beginnings of names followed by `*`. Several enforcers can share a
    /// cluster so; each needs a Lease of its own
    #[arg(long, value_name = "NAMESPACE", value_delimiter = ',')]
    pub namespaces: Vec<String>,
    /// Pods of all namespaces, which is the default
    #[arg(long, short = 'A', conflicts_with_all = ["namespaces", "namespace_selector"])]
    pub all_namespaces: bool,
    /// Only pods of namespaces with such labels, such as `shard=a` or `shard in (a, b)`. Takes the rights of
    /// deploy/overlays/shard
    #[arg(long, value_name = "SELECTOR")]
    pub namespace_selector: Option<String>,
    /// Read `pullstop.dev/` annotations of these too, and not of pods only. Takes the rights of
    /// deploy/overlays/annotations
    #[arg(long, value_name = "KIND", value_enum, value_delimiter = ',')]
    pub annotations_of: Vec<Kind>,
    /// Read what was before a pod was first seen failing, so that pods that were stuck before this runs are judged by that
    /// too. Takes the rights of deploy/overlays/history
    #[arg(long, value_name = "SOURCE", value_enum)]
    pub history: Option<history::Source>,
    /// Where `/metrics` is served: `:8080` is on all addresses of the machine, port 0 any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub listen: ListenAddress,
    /// Where `/livez` and `/readyz` are served; by default one port behind that of `--listen`
    #[arg(long, value_name = "ADDRESS")]
    pub probes_listen: Option<ListenAddress>,
    /// Where `/debug/state` is served, to anybody who asks: it names pods and images of all namespaces
    #[arg(long, value_name = "ADDRESS")]
    pub debug_listen: Option<ListenAddress>,
    /// Name of the Lease that replicas agree by
    #[arg(long, value_name = "NAME", default_value = "pullstop")]
    pub lease: String,
    /// Namespace of the Lease; by default the one that the program runs in
    #[arg(long, value_name = "NAMESPACE")]
    pub lease_namespace: Option<String>,
    /// Run without a Lease: there must be no other replica
    #[arg(long)]
    pub no_lease: bool,
    /// The cluster is one of `simulator serve`: its clock counts, which may be fast. Refused by any other cluster
    #[arg(long, requires = "no_lease")]
    pub simulated: bool,
    /// How to log
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

impl RunArgs {
    /// Opens all addresses.
    async fn listeners(&self) -> Result<Listeners, String> {
        let probes = self.probes_listen.clone();
        let probes = probes.unwrap_or_else(|| self.listen.next_port());
        Ok(Listeners {
            metrics: Some(self.listen.listen().await?),
            probes: Some(probes.listen().await?),
            debug: match &self.debug_listen {
                Some(address) => Some(address.listen().await?),
                None => None,
            },
        })
    }
}

/// How logs look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// For programs: one JSON object a line
    Json,
}

/// Runs until a signal ends it. Returns the exit code.
pub(crate) fn run(args: &RunArgs, err: &mut dyn io::Write) -> io::Result<u8> {
    let first = match first_policies(args) {
        Ok(policies) => policies,
        Err(errors) => {
            for error in errors {
                writeln!(err, "error: {error}")?;
            }
            return Ok(crate::INVALID);
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
        Ok(()) => Ok(crate::SUCCESS),
        Err(error) => {
            writeln!(err, "error: {error}")?;
            Ok(crate::INTERNAL)
        }
    }
}

/// What the program stands on.
#[derive(Debug)]
pub struct Parts {
    /// The API server.
    pub api: Api,
    /// The namespace that the program runs in.
    pub namespace: String,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The present moment.
    pub clock: Clock,
    /// What this replica calls itself: no other process may have the same name.
    pub identity: String,
    /// Where to serve metrics, probes and the state, if anywhere.
    pub listeners: Listeners,
}

/// Enforces until `stop` turns true. All that happens, happens in this future: whoever drops it ends everything at once,
/// as a killed process ends.
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
    // None are known before they were listed; all are meant if nobody selects.
    let none_yet = args.namespace_selector.as_ref().map(|_| BTreeSet::new());
    let (selected, namespaces) = watch::channel(none_yet);
    let (news, news_seen) = mpsc::channel(feed::NEWS_MAX);
    let (questions, asked) = mpsc::channel(1);
    let relist = Arc::new(Notify::new());
    let retire = watch::channel(false).0;
    let (switch, switch_seen) = watch::channel(None);
    // In a dry run nobody writes anything, whoever leads.
    let (may_write, ceiling) = if args.dry_run {
        (watch::channel(Claim::default()).1, Mode::DryRun)
    } else {
        (claim_seen.clone(), Mode::Enforce)
    };

    let limits = Limits {
        ceiling,
        namespaces: args.namespaces.clone(),
    };
    let (announcer, announcements) = parts.announcer();
    let driver = parts.driver(args, first, limits, may_write.clone(), announcements)?;
    let links = Links {
        news: news_seen,
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
            tell(parts.feed(selector_seen, relist, news), namespaces.clone()),
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
        // The driver has dropped its end: the rest of the events is sent, unless the API server is in trouble.
        let _ = tokio::time::timeout(LAST_EVENTS, announcing).await;
    };
    let election = parts.lead(args, &claim, switch, retire.subscribe());
    // Boxed, since they are large and are moved about until they begin.
    tokio::join!(Box::pin(election), Box::pin(work));
    Ok(())
}

impl Parts {
    fn driver(
        &self,
        args: &RunArgs,
        first: Policies,
        limits: Limits,
        claim: watch::Receiver<Claim>,
        announcements: Announcements,
    ) -> Result<Driver, String> {
        let (api, metrics) = (self.api.clone(), Arc::clone(&self.metrics));
        let writer = Writer::new(
            api,
            self.clock,
            claim,
            Arc::clone(&metrics),
            announcements,
            args.annotations_of.clone(),
        );
        let historian = args
            .history
            .map(|history::Source::Events| Historian::new(self.api.clone(), self.clock));
        let driver = Driver::new(first, limits, self.clock, Arc::new(writer), metrics)?;
        Ok(driver.with_historian(historian))
    }

    fn announcer(&self) -> (Announcer, Announcements) {
        let (api, metrics) = (self.api.clone(), Arc::clone(&self.metrics));
        Announcer::new(api, metrics, self.identity.clone())
    }

    fn feed(
        &self,
        selector: watch::Receiver<String>,
        relist: Arc<Notify>,
        news: mpsc::Sender<News>,
    ) -> Feed {
        let (api, metrics) = (self.api.clone(), Arc::clone(&self.metrics));
        Feed {
            api,
            metrics,
            selector,
            relist,
            news,
        }
    }

    /// Serves metrics, probes and the state, where there are listeners for them.
    async fn show(&self, listeners: Listeners, questions: mpsc::Sender<Question>) {
        let pages = Pages {
            metrics: Arc::clone(&self.metrics),
            refusals: self.api.refusals(),
            questions,
        };
        http::serve(listeners, pages).await;
    }

    /// Follows the policies where they come from, if they can change.
    async fn follow_policies(
        &self,
        args: &RunArgs,
        policies: watch::Sender<Policies>,
        claim: watch::Receiver<Claim>,
    ) {
        if let Some(file) = args.policy.clone() {
            policies::file::follow(file, policies, Arc::clone(&self.metrics)).await;
        } else if args.policy_objects {
            self.objects(claim).follow(policies).await;
        }
    }

    /// Follows the namespaces that are selected by their labels, if any are.
    async fn follow_namespaces(
        &self,
        args: &RunArgs,
        selected: watch::Sender<Option<BTreeSet<String>>>,
    ) {
        if let Some(selector) = args.namespace_selector.clone() {
            let api = self.api.clone();
            let namespaces = Namespaces {
                api,
                selector,
                selected,
            };
            namespaces.follow().await;
        }
    }

    /// Takes part in the election until it is to retire; without an election, it leads for ever.
    async fn lead(
        &self,
        args: &RunArgs,
        claim: &watch::Sender<Claim>,
        switch: watch::Sender<Option<Stop>>,
        retire: watch::Receiver<bool>,
    ) {
        if args.no_lease || args.dry_run {
            claim.send_replace(Claim {
                until: Some(Timestamp::NEVER),
                stopped: false,
            });
        } else {
            self.candidate(args, switch)
                .run(claim.clone(), retire)
                .await;
        }
    }

    fn objects(&self, claim: watch::Receiver<Claim>) -> Objects {
        let (api, metrics) = (self.api.clone(), Arc::clone(&self.metrics));
        Objects {
            api,
            clock: self.clock,
            claim,
            metrics,
        }
    }

    fn candidate(&self, args: &RunArgs, switch: watch::Sender<Option<Stop>>) -> Candidate {
        Candidate {
            api: self.api.clone(),
            namespace: args
                .lease_namespace
                .clone()
                .unwrap_or_else(|| self.namespace.clone()),
            name: args.lease.clone(),
            identity: self.identity.clone(),
            clock: self.clock,
            metrics: Arc::clone(&self.metrics),
            switch,
        }
    }
}

/// Tells of pods, as soon as it is known which namespaces are selected.
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
            "in which namespace is the Lease that replicas agree by? The context names none: give --lease-namespace \
             (of deploy/ it is `pullstop-system`), or --no-lease if this is the only replica"
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
        Some(file) => policy::read_again(file).map(Policies::one),
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
    let no_simulation = |why: String| {
        format!(
            "--simulated is for clusters of `simulator serve`, and this seems to be none: {why}"
        )
    };
    let bytes = answer.map_err(|trouble| no_simulation(trouble.to_string()))?;
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
    tracing::info!("ending");
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
