//! `enforcer scan` and `enforcer explain`: one look at pods, without writing anything.

pub mod look;
mod print;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use pullstop_core::plugin::Profile;
use pullstop_core::pod::Wishes;
use pullstop_core::policy::{Mode, Policy};
use pullstop_core::time::Timestamp;
use pullstop_core::wire::WirePod;

use self::look::Stuck;
use crate::api::Api;
use crate::clock::{self, Clock};
use crate::connect::{ClusterArgs, ConnectArgs};
use crate::input;
use crate::metrics::Metrics;
use crate::pods::pages::Pages;
use crate::pods::{is_stuck, wire};
use crate::policy;
use crate::wishes::{Kind, Source};

/// What `enforcer scan` is told.
#[derive(Debug, Parser)]
#[command(
    after_help = "Examples:\n  enforcer scan --output wide\n  kubectl get pods -A -o json > pods.json; enforcer scan --from pods.json"
)]
pub struct ScanArgs {
    #[command(flatten)]
    sight: Sight,
    #[command(flatten)]
    connect: ConnectArgs,
    /// How to print
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
}

impl ScanArgs {
    /// Whether what is printed is JSON.
    pub(crate) fn prints_json(&self) -> bool {
        self.output == Output::Json
    }
}

/// What `enforcer explain` is told.
#[derive(Debug, Parser)]
pub struct ExplainArgs {
    /// The pod
    #[arg(value_name = "NAMESPACE/POD", value_parser = pod_name)]
    pod: (String, String),
    #[command(flatten)]
    sight: Sight,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// What is looked at, and by which policy.
#[derive(Debug, Parser)]
struct Sight {
    /// Pods as `kubectl get pods -o json` prints them, instead of the cluster's
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Policy to judge by instead of the built-in one; a dry run is shown as if it enforced
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// The moment to judge at instead of now, such as 2026-11-22T15:06:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<Timestamp>,
    /// Read `pullstop.dev/` annotations of these too, and not of pods only
    #[arg(
        long,
        value_name = "KIND",
        value_enum,
        value_delimiter = ',',
        conflicts_with = "from"
    )]
    annotations_of: Vec<Kind>,
}

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// A table
    Table,
    /// A table that also says of which image, and why
    Wide,
    /// One JSON object a line
    Json,
}

/// Runs `enforcer scan`. Returns the exit code.
pub(crate) fn scan(args: &ScanArgs, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<u8> {
    let all = match args.sight.look(&args.connect.cluster, |pod| {
        args.connect
            .namespace
            .as_ref()
            .is_none_or(|n| pod.metadata.namespace == *n)
    }) {
        Ok(all) => all,
        Err(failure) => return failure.tell(err),
    };
    match args.output {
        Output::Json => print::json(&all, out)?,
        _ if all.is_empty() => writeln!(err, "no pod waits for an image that it cannot get")?,
        Output::Table => print::table(&all, args.sight.now(), false, out)?,
        Output::Wide => print::table(&all, args.sight.now(), true, out)?,
    }
    Ok(crate::SUCCESS)
}

/// Runs `enforcer explain`. Returns the exit code.
pub(crate) fn explain(
    args: &ExplainArgs,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<u8> {
    let (namespace, name) = &args.pod;
    let mut found = false;
    let all = args.sight.look(&args.cluster, |pod| {
        let is_it = pod.metadata.namespace == *namespace && pod.metadata.name == *name;
        found |= is_it;
        is_it
    });
    match all {
        Err(failure) => return failure.tell(err),
        Ok(_) if !found => {
            writeln!(
                err,
                "error: there is no pod {namespace}/{name} that has not ended"
            )?;
            return Ok(crate::INVALID);
        }
        Ok(all) if all.is_empty() => writeln!(
            out,
            "{namespace}/{name}: no container waits for an image that it cannot get"
        )?,
        Ok(all) => {
            for stuck in &all {
                print::story(stuck, args.sight.now(), out)?;
            }
        }
    }
    Ok(crate::SUCCESS)
}

/// Why nothing can be shown.
enum Failure {
    /// What was given is wrong.
    Input(Vec<String>),
    /// The cluster cannot be asked.
    Cluster(String),
}

impl Failure {
    fn tell(self, err: &mut dyn Write) -> io::Result<u8> {
        let (errors, code) = match self {
            Self::Input(errors) => (errors, crate::INVALID),
            Self::Cluster(error) => (vec![error], crate::INTERNAL),
        };
        for error in errors {
            writeln!(err, "error: {error}")?;
        }
        Ok(code)
    }
}

impl Sight {
    fn now(&self) -> Timestamp {
        self.at.unwrap_or_else(|| Clock::start().now())
    }

    /// The stuck pods of those that are wanted.
    fn look(
        &self,
        cluster: &ClusterArgs,
        wanted: impl FnMut(&WirePod) -> bool,
    ) -> Result<Vec<Stuck>, Failure> {
        let mut policy = match &self.policy {
            Some(file) => policy::read(file).map_err(Failure::Input)?,
            None => Policy::default(),
        };
        if policy.mode == Mode::DryRun {
            // What is of interest is what would be done.
            policy.mode = Mode::Enforce;
        }
        let (pods, inherited) = match &self.from {
            Some(file) => {
                let pods = read(file).map_err(|error| Failure::Input(vec![error]))?;
                (pods.into_iter().filter(wanted).collect(), BTreeMap::new())
            }
            None => {
                from_cluster(cluster, wanted, &self.annotations_of).map_err(Failure::Cluster)?
            }
        };
        let mut all = Vec::new();
        for pod in &pods {
            let sources = Source::of(pod, &self.annotations_of);
            let inherited = sources.iter().filter_map(|source| inherited.get(source));
            let wishes = std::iter::once(pod.metadata.wishes()).chain(inherited.copied());
            let wishes = policy.overrides.first_allowed(wishes);
            let profile = Profile::standard(policy.clone())
                .map_err(|error| Failure::Input(vec![error.to_string()]))?;
            // Pods that cannot be read have been left out before.
            all.extend(look::look(pod, wishes, profile, self.now()).unwrap_or_default());
        }
        all.sort_by(|a, b| (&a.namespace, &a.pod).cmp(&(&b.namespace, &b.pod)));
        Ok(all)
    }
}

fn read(file: &Path) -> Result<Vec<WirePod>, String> {
    let name = input::name(file);
    let bytes = input::read(file).map_err(|error| format!("{name}: {error}"))?;
    if let Ok(pod) = wire::one_pod(&bytes) {
        return Ok(vec![pod]);
    }
    match wire::page(&bytes) {
        Ok(page) => Ok(page.pods),
        Err(_) => Err(match serde_json::from_slice::<serde_json::Value>(&bytes) {
            Err(error) => format!(
                "{name}:{}:{}: this is not JSON: {error}",
                error.line(),
                error.column()
            ),
            Ok(_) => format!(
                "{name}: there are no pods in it: give what `kubectl get pods -A -o json` prints"
            ),
        }),
    }
}

/// The pods, and what is asked for by what they belong to.
type Asked = (Vec<WirePod>, BTreeMap<Source, Wishes>);

/// The cluster's pods that are wanted and have not ended, and what is asked for by what the stuck ones belong to.
fn from_cluster(
    cluster: &ClusterArgs,
    mut wanted: impl FnMut(&WirePod) -> bool,
    kinds: &[Kind],
) -> Result<Asked, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.map_err(|error| error.to_string())?.block_on(async {
        let (api, _) = cluster.connect(Arc::new(Metrics::default())).await?;
        let mut pages = Pages::new(&api, &wire::field_selector(&[]));
        let mut all = Vec::new();
        while let Some(page) = pages
            .next()
            .await
            .map_err(|trouble| format!("cannot list pods: {trouble}"))?
        {
            all.extend(page.pods.into_iter().filter(&mut wanted));
        }
        let inherited = inherited(&api, &all, kinds).await?;
        Ok((all, inherited))
    })
}

/// What is asked for by what the stuck ones of the pods belong to.
async fn inherited(
    api: &Api,
    pods: &[WirePod],
    kinds: &[Kind],
) -> Result<BTreeMap<Source, Wishes>, String> {
    const CALL_TIMEOUT: Duration = Duration::from_secs(10);
    let is_stuck = |pod: &&WirePod| {
        let shown = pod.snapshot(None, |pod| pod.containers.iter().any(is_stuck));
        shown.unwrap_or_default()
    };
    let stuck = pods.iter().filter(is_stuck);
    let sources: BTreeSet<Source> = stuck.flat_map(|pod| Source::of(pod, kinds)).collect();
    let mut known = BTreeMap::new();
    for source in sources {
        let wishes = source
            .ask(api, CALL_TIMEOUT)
            .await
            .map_err(|trouble| format!("cannot read the annotations of {source}: {trouble}"))?;
        known.insert(source, wishes);
    }
    Ok(known)
}

fn pod_name(text: &str) -> Result<(String, String), String> {
    match text.split_once('/') {
        Some((namespace, name))
            if !namespace.is_empty() && !name.is_empty() && !name.contains('/') =>
        {
            Ok((namespace.to_owned(), name.to_owned()))
        }
        _ => Err("write the namespace, a slash and the name, such as `default/my-pod`".to_owned()),
    }
}

fn moment(text: &str) -> Result<Timestamp, String> {
    clock::parse(text).ok_or_else(|| "write a moment such as `2026-11-22T15:06:00Z`".to_owned())
}
