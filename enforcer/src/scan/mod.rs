//! `enforcer scan` and `enforcer explain`: read pods once, write nothing.

pub mod ended;
pub mod look;
mod observe;
mod policies;
mod print;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use pullstop_core::plugin::Profile;
use pullstop_core::time::Timestamp;
use pullstop_core::wire::timestamp;

use self::ended::Record;
use self::look::{Stuck, Subject};
use self::observe::{View, Wanted};
use self::policies::InForce;
use crate::api::{Name, NoName};
use crate::clock::Clock;
use crate::connect::{ClusterArgs, ConnectArgs};
use crate::overrides::{Kind, Source};

/// Arguments of `enforcer scan`.
#[derive(Debug, Parser)]
#[command(
    after_help = "Examples:\n  enforcer scan --output wide\n  enforcer scan --failed\n  kubectl get pods,events -A -o json > all.json; \
        enforcer scan --from all.json"
)]
pub struct ScanArgs {
    #[command(flatten)]
    view_args: ViewArgs,
    #[command(flatten)]
    connect: ConnectArgs,
    /// List pods that Pullstop has failed instead: why, when, and whether the kubelet has confirmed it
    #[arg(long)]
    failed: bool,
    /// Output format
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
}

impl ScanArgs {
    /// Whether what is printed is JSON.
    pub(crate) fn prints_json(&self) -> bool {
        self.output == Output::Json
    }
}

/// Arguments of `enforcer explain`.
#[derive(Debug, Parser)]
pub struct ExplainArgs {
    /// The pod
    #[arg(value_name = "NAMESPACE/POD", value_parser = pod_name)]
    pod: (Name, Name),
    #[command(flatten)]
    view_args: ViewArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// What is looked at, and by which policy.
#[derive(Debug, Parser)]
struct ViewArgs {
    /// Read this output of `kubectl get pods -o json`, or with events of `kubectl get pods,events -o json`, instead of the
    /// cluster
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Use this policy instead of the cluster's, or the built-in one if there is none; a dry run is shown as if it enforced
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Judge at this time instead of now, such as 2026-11-22T15:06:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<Timestamp>,
    /// Also read `pullstop.dev/` annotations of these
    #[arg(
        long,
        value_name = "KIND",
        value_enum,
        value_delimiter = ',',
        conflicts_with = "from"
    )]
    annotations_of: Vec<Kind>,
}

/// The output format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// A table
    Table,
    /// A table with the image and an explanation
    Wide,
    /// One JSON object per line
    Json,
}

/// Runs `enforcer scan`. Returns the exit code.
pub(crate) fn scan(args: &ScanArgs, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<u8> {
    let namespace = args.connect.namespace.as_ref().map(Name::as_str);
    let wanted = if args.failed {
        Wanted::Failed(namespace)
    } else {
        Wanted::Alive(namespace)
    };
    let view_args = &args.view_args;
    let (view, policies) = match view_args.see(&args.connect.cluster, wanted) {
        Ok(seen) => seen,
        Err(failure) => return failure.tell(err),
    };
    if args.failed {
        let all = view.pods.iter().filter_map(Record::of);
        let all: Vec<Record> = all
            .filter(|pod| pod.has_ended() && pod.failed.is_some())
            .collect();
        match args.output {
            Output::Json => print::failed_json(&all, out)?,
            _ if all.is_empty() => writeln!(err, "Pullstop has failed no pod")?,
            Output::Table => print::failed_table(&all, view_args.now(), false, out)?,
            Output::Wide => print::failed_table(&all, view_args.now(), true, out)?,
        }
        return view_args.tell_gaps(&view, err);
    }
    writeln!(err, "{}", print::one_line(&policies.line()))?;
    let all = match view_args.judge(&view, &policies) {
        Ok(all) => all,
        Err(failure) => return failure.tell(err),
    };
    match args.output {
        Output::Json => print::json(&all, out)?,
        _ if all.is_empty() => writeln!(err, "no pod is stuck on an image")?,
        Output::Table => print::table(&all, view_args.now(), false, out)?,
        Output::Wide => print::table(&all, view_args.now(), true, out)?,
    }
    view_args.tell_gaps(&view, err)
}

/// Runs `enforcer explain`. Returns the exit code.
pub(crate) fn explain(
    args: &ExplainArgs,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<u8> {
    let (namespace, name) = &args.pod;
    let view_args = &args.view_args;
    let (view, policies) = match view_args.see(&args.cluster, Wanted::One(namespace, name)) {
        Ok(seen) => seen,
        Err(failure) => return failure.tell(err),
    };
    let Some(record) = view.pods.first().and_then(Record::of) else {
        if view.unreadable.is_empty() {
            let error = format!("error: there is no pod {namespace}/{name}");
            writeln!(err, "{}", print::one_line(&error))?;
            return Ok(crate::exit::INVALID);
        }
        return view_args.tell_gaps(&view, err);
    };
    if record.has_ended() {
        print::ended(&record, view.end.as_ref(), view_args.now(), out)?;
        return Ok(crate::exit::SUCCESS);
    }
    let all = match view_args.judge(&view, &policies) {
        Ok(all) => all,
        Err(failure) => return failure.tell(err),
    };
    if all.is_empty() {
        writeln!(out, "{namespace}/{name}: no container is stuck on an image")?;
    }
    for (stuck, policy) in &all {
        print::story(stuck, policy, view_args.now(), out)?;
    }
    print::put_back(&record, view_args.now(), out)?;
    view_args.tell_gaps(&view, err)
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
            Self::Input(errors) => (errors, crate::exit::INVALID),
            Self::Cluster(error) => (vec![error], crate::exit::INTERNAL),
        };
        for error in errors {
            writeln!(err, "error: {error}")?;
        }
        Ok(code)
    }
}

impl ViewArgs {
    fn now(&self) -> Timestamp {
        self.at.unwrap_or_else(|| Clock::start().now())
    }

    /// What there is to be seen of the pods that are wanted, and by which policies they are judged.
    fn see(&self, cluster: &ClusterArgs, wanted: Wanted<'_>) -> Result<(View, InForce), Failure> {
        let own = self.policy.as_deref().map(InForce::of_file).transpose();
        let own = own.map_err(Failure::Input)?;
        let mut view = match &self.from {
            Some(file) => View::of_file(file, wanted, self.now())
                .map_err(|error| Failure::Input(vec![error]))?,
            None => View::of_cluster(
                cluster,
                wanted,
                &self.annotations_of,
                own.is_none(),
                self.now(),
            )
            .map_err(Failure::Cluster)?,
        };
        let policies = own
            .or_else(|| view.policies.take())
            .unwrap_or_else(|| InForce::built_in("a file has no policy (use --policy FILE)"));
        view.remarks.extend(policies.complaints.iter().map(|wrong| {
            format!("{wrong} (an enforcer that has read an earlier, valid version still uses it)")
        }));
        Ok((view, policies))
    }

    /// The stuck pods, with the names of the policies that judge them.
    fn judge(&self, view: &View, policies: &InForce) -> Result<Vec<(Stuck, String)>, Failure> {
        let profile = Profile::standard(policies.rehearsed())
            .map_err(|error| Failure::Input(vec![error.to_string()]))?;
        let subject = |pod| {
            let sources = Source::of(pod, &self.annotations_of);
            let inherited = sources
                .iter()
                .filter_map(|source| view.inherited.get(source));
            let asked = std::iter::once(pod.metadata.overrides()).chain(inherited.copied());
            let policy = profile.policies().of(&pod.metadata.namespace);
            Subject {
                pod,
                overrides: policy.overrides.first_allowed(asked),
                past: view.pasts.get(&pod.metadata.uid),
            }
        };
        let subjects: Vec<Subject<'_>> = view.pods.iter().map(subject).collect();
        // Pods that cannot be read have been left out, and are told of.
        let shown = look::look(&subjects, profile, self.now());
        let mut all: Vec<Stuck> = shown.into_iter().flatten().flatten().collect();
        all.sort_by(|a, b| (&a.namespace, &a.pod).cmp(&(&b.namespace, &b.pod)));
        let named = |stuck: Stuck| {
            let policy = policies.name_for(&stuck.namespace);
            (stuck, policy)
        };
        Ok(all.into_iter().map(named).collect())
    }

    /// Says what could not be seen. The exit code.
    fn tell_gaps(&self, view: &View, err: &mut dyn Write) -> io::Result<u8> {
        for remark in &view.remarks {
            writeln!(err, "warning: {}", print::one_line(remark))?;
        }
        for why in &view.unreadable {
            writeln!(err, "error: cannot read the pod {}", print::one_line(why))?;
        }
        if view.unnamed > 0 {
            writeln!(err, "error: cannot read {} more pods", view.unnamed)?;
        }
        Ok(match (view.unreadable.is_empty(), &self.from) {
            (true, _) => crate::exit::SUCCESS,
            (false, Some(_)) => crate::exit::INVALID,
            (false, None) => crate::exit::INTERNAL,
        })
    }
}

fn pod_name(text: &str) -> Result<(Name, Name), String> {
    let Some((namespace, name)) = text.split_once('/') else {
        return Err("expected NAMESPACE/POD, such as `default/my-pod`".to_owned());
    };
    let parse = |name: &str| name.parse().map_err(|error: NoName| error.to_string());
    Ok((parse(namespace)?, parse(name)?))
}

fn moment(text: &str) -> Result<Timestamp, String> {
    timestamp::parse(text)
        .ok_or_else(|| "expected a time such as `2026-11-22T15:06:00Z`".to_owned())
}
