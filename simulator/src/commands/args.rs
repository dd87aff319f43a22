//! The command line.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use pullstop_core::time::parse_duration;
use pullstop_core::yaml::is_label;

use crate::commands::lint;

/// Find out what Pullstop makes of image pulls, before it may fail a pod.
///
/// Everything runs on recorded or virtual time, needs no cluster, and gives the same result on every machine.
#[derive(Debug, Parser)]
#[command(name = "simulator", version, max_term_width = 100)]
#[command(
    after_help = "Start with `simulator run scenarios`, and with `simulator timeline scenarios/demo.yaml --out demo.html`.\n\nExit codes: 0 success, 1 an expectation failed, 2 invalid input, 3 internal error or non-determinism, 4 nothing to work on."
)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Whether progress may be shown on standard error: if that is a terminal.
    #[arg(skip)]
    pub shows_progress: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say why pulls failed, from their error messages.
    ///
    /// Reads one message a line: text as it stands in a pod's status, in an event or in a kubelet's log; or a JSON object
    /// such as {"reason": "…", "message": "…"}, whose reason is the container's waiting reason. Prints for
    /// each, in the same order, the cause, whether waiting can help (permanent, transient, or ambiguous where the text
    /// cannot tell), and the part of the message that decided it.
    Classify(ClassifyArgs),
    /// Tell the story of recorded pods, and the verdict on each.
    ///
    /// Feeds recorded watch streams to the engine in recorded time: one JSON object a watch event, compact or
    /// pretty-printed, as `kubectl get pods --watch --output-watch-events -o json` prints them. An additional member
    /// "received" says when an event arrived (RFC 3339); without it the times within the objects must do, which are
    /// coarse and miss much.
    ///
    /// Nothing is written anywhere: the verdict is what the policy would have done. What the recording shows
    /// afterwards is told too, so that a pod that would have run is seen.
    Replay(ReplayArgs),
    /// Simulate clusters whose images cannot be pulled, and check what scenarios expect.
    ///
    /// Each scenario describes a cluster, what goes wrong in it, and what the policy must make of it. It runs in
    /// virtual time, hours in milliseconds, and comes out the same on every machine. What must always hold is
    /// checked too: no pod is failed before its thresholds, while a pull is in flight, or although it has its image.
    ///
    /// The format is described in docs/scenarios.md; `simulator new` writes a first one.
    Run(RunArgs),
    /// Compare a policy with how other projects decide, over the same scenarios.
    ///
    /// Prints for each how many pods it failed that would have run, how many it missed, how long it took, and what
    /// was wasted meanwhile. The baselines are named after the projects whose rules and defaults they have.
    Compare(CompareArgs),
    /// Draw one run as a page: pods, pulls, back-offs, troubles and verdicts over virtual time.
    ///
    /// The page is one HTML file that loads nothing: it can be sent around and opened without a network. Rows are
    /// grouped by Job or Deployment; what the pointer or the arrow keys choose is told in words.
    Timeline(TimelineArgs),
    /// Turn recorded pods into a scenario that plays the same troubles.
    ///
    /// Reads recordings as `simulator replay` does, Jobs and Events in them too if there are any. Several recordings
    /// become one cluster. What the recording cannot show is guessed; comments in the scenario say so.
    Import(ImportArgs),
    /// Look for a world in which something breaks that must always hold.
    ///
    /// Draws random clusters, workloads and faults, runs them, and compares runs that must agree: events doubled,
    /// thresholds raised, the enforcer restarted. What breaks is made as small as possible and printed as a scenario.
    Fuzz(FuzzArgs),
    /// Write a first scenario, to be changed.
    ///
    /// It is small, says what it means, and passes as it is. `simulator run` runs it.
    New(NewArgs),
    /// Find scenarios that are valid, but probably not what was meant.
    ///
    /// Each is simulated once, with its own seed. What is found is listed with its place and what to do about it;
    /// docs/lint.md lists all rules. A file says that it breaks one on purpose in a comment:
    /// `# lint: allow S002 the bystanders are the point`.
    Lint(LintArgs),
    /// Print the JSON Schema of scenarios, for editors.
    Schema,
    /// Serve a scenario's cluster as a Kubernetes API, for kubectl and the enforcer.
    ///
    /// Nobody in it fails pods: that is left to whoever connects. Whether the scenario's expectations came is printed when its
    /// duration is over. What goes wrong with the enforcer of `simulator run` (restarts, gaps of the watch and so on) does not
    /// happen here; docs/serve.md says how to let the API itself go wrong.
    Serve(ServeArgs),
}

/// What `simulator classify` is told.
#[derive(Debug, Parser)]
#[command(
    after_help = "Example:\n  kubectl get pod mypod -o jsonpath='{range ..waiting}{.message}{\"\\n\"}{end}' | simulator classify"
)]
pub struct ClassifyArgs {
    /// File of messages; standard input if left out or `-`
    #[arg(default_value = "-", hide_default_value = true)]
    pub file: PathBuf,
    /// Policy whose own message patterns come first
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// How to print
    #[arg(long, short, value_enum, default_value_t = Output::Human)]
    pub output: Output,
}

/// What `simulator replay` is told.
#[derive(Debug, Parser)]
#[command(
    after_help = "Examples:\n  simulator replay trace.jsonl\n  simulator replay --policy policy.yaml --for 1h --output json *.jsonl"
)]
pub struct ReplayArgs {
    /// Recordings; `-` is standard input
    #[arg(required = true, value_name = "TRACE")]
    pub traces: Vec<PathBuf>,
    /// Policy to judge by instead of the built-in one
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// How long time runs on after the last event, so that rules can still fire, such as 1h
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration, default_value = "0s", allow_hyphen_values = true)]
    pub run_on: Duration,
    /// Read all recordings as one cluster, in the order of their times
    #[arg(long)]
    pub merge: bool,
    /// Skip damaged events, and say how many
    #[arg(long)]
    pub keep_going: bool,
    /// Add what each plugin said on the way to a decision
    #[arg(long)]
    pub explain: bool,
    /// How to print
    #[arg(long, short, value_enum, default_value_t = Output::Human)]
    pub output: Output,
}

/// What `simulator run` is told.
#[derive(Debug, Parser)]
#[command(
    after_help = "Examples:\n  simulator run scenarios\n  simulator run --policy policy.yaml --seeds 1..100 scenarios/outages/*.yaml\n  simulator run --seeds 1..100 --quiet scenarios\n  simulator run --output human --output junit=report.xml scenarios\n  simulator run --explain 'default/train-0' scenario.yaml"
)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub struct RunArgs {
    /// Scenarios, or folders of them; `-` is standard input
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Policy to judge by instead of the scenarios' own: a file, or a baseline's name (nothing, first-sight, tekton,
    /// tekton-5m, prow, kueue, jenkins, receptor, armada)
    #[arg(long, value_name = "FILE|RIVAL")]
    pub policy: Option<String>,
    /// Seed to use instead of the scenarios' own
    #[arg(long, value_name = "N", conflicts_with = "seeds")]
    pub seed: Option<u64>,
    /// Run each scenario with all of these seeds, both ends included
    #[arg(long, value_name = "A..B", value_parser = parse_seeds)]
    pub seeds: Option<(u64, u64)>,
    /// Only scenarios whose name or path matches, with `*` for anything
    #[arg(long, value_name = "GLOB")]
    pub only: Option<String>,
    /// How many to run at a time; as many as there are processors if left out
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// Stop at the first run that fails
    #[arg(long)]
    pub fail_fast: bool,
    /// Say nothing of what came as expected; for people only
    #[arg(long, short, conflicts_with_all = ["verbose", "explain"])]
    pub quiet: bool,
    /// Print each run also where there are several of a scenario; for people only
    #[arg(long, short)]
    pub verbose: bool,
    /// Tell what happened to these pods: `name` or `namespace/name`, with `*` for anything
    #[arg(long, value_name = "POD")]
    pub explain: Option<String>,
    /// How to print, and into which file: human, json, junit, github or markdown, each alone or as FORMAT=FILE
    #[arg(long, short, value_name = "FORMAT[=FILE]", value_parser = parse_report, default_value = "human")]
    pub output: Vec<ReportTo>,
    /// Run everything twice, and fail if the histories differ
    #[arg(long)]
    pub check_determinism: bool,
    /// Fail unless so many in a hundred of the engine's transitions and causes were seen
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub coverage_threshold: Option<u8>,
}

/// What `simulator new` is told.
#[derive(Debug, Parser)]
#[command(
    after_help = "Examples:\n  simulator new\n  simulator new registry-move --template outage --out scenarios/registry-move.yaml"
)]
pub struct NewArgs {
    /// The scenario's name; the template's own if left out
    #[arg(value_parser = parse_name)]
    pub name: Option<String>,
    /// Where to write it, `-` being standard output; NAME.yaml if left out
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// What it is about
    #[arg(long, value_enum, default_value_t = Template::Typo)]
    pub template: Template,
    /// Overwrite a file that is there already
    #[arg(long)]
    pub force: bool,
}

/// What a first scenario is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Template {
    /// An image whose tag is mistyped
    Typo,
    /// A registry that is down for a while
    Outage,
    /// A pull secret that comes late
    Secret,
    /// A Job that holds up a queue
    Queue,
}

/// What `simulator lint` is told.
#[derive(Debug, Parser)]
#[command(
    after_help = "Examples:\n  simulator lint scenarios\n  simulator lint --deny S001 --deny S003 --output github scenarios\n  simulator lint --explain S002\n\nExit codes: 0 nothing found that is denied, 1 something was, 2 invalid input, 4 nothing to look at."
)]
pub struct LintArgs {
    /// Scenarios, or folders of them
    #[arg(required_unless_present = "explain", value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Rules whose findings end in exit code 1: codes or names, `all` or `none`
    #[arg(long, value_name = "CODE", value_parser = parse_deny, value_delimiter = ',', default_value = "all")]
    pub deny: Vec<Deny>,
    /// Say what a rule finds, why that matters, and what to do, instead of looking at scenarios
    #[arg(long, value_name = "CODE", conflicts_with_all = ["paths", "deny", "output"])]
    pub explain: Option<String>,
    /// How to print
    #[arg(long, short, value_enum, default_value_t = LintOutput::Human)]
    pub output: LintOutput,
}

/// Which findings make `simulator lint` fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deny {
    /// Every one.
    All,
    /// None: they are only told.
    None,
    /// Those of the rule with this code.
    Rule(&'static str),
}

/// For whom to print findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LintOutput {
    /// For people
    Human,
    /// For programs: one JSON object a line
    Json,
    /// Annotations in GitHub's log
    Github,
}

fn parse_name(text: &str) -> Result<String, String> {
    if is_label(text) {
        Ok(text.to_owned())
    } else {
        Err("use at most 63 of a–z, 0–9 and `-`, with no `-` at the ends".to_owned())
    }
}

fn parse_deny(text: &str) -> Result<Deny, String> {
    match text {
        "all" => Ok(Deny::All),
        "none" => Ok(Deny::None),
        name => match lint::named(name) {
            Some(rule) => Ok(Deny::Rule(rule.code)),
            None => Err(format!("no rule is called `{name}`: {}", lint::hint(name))),
        },
    }
}

/// What `simulator compare` is told.
#[derive(Debug, Parser)]
#[command(after_help = "Example:\n  simulator compare --policy policy.yaml scenarios")]
pub struct CompareArgs {
    /// Scenarios, or folders of them
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Policy to compare, in place of the built-in one
    #[arg(long, value_name = "FILE")]
    pub policy: Option<String>,
    /// Run each scenario with all of these seeds, both ends included
    #[arg(long, value_name = "A..B", value_parser = parse_seeds)]
    pub seeds: Option<(u64, u64)>,
    /// Only scenarios whose name or path matches, with `*` for anything
    #[arg(long, value_name = "GLOB")]
    pub only: Option<String>,
    /// How many to run at a time; as many as there are processors if left out
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// How to print
    #[arg(long, short, value_enum, default_value_t = CompareOutput::Human)]
    pub output: CompareOutput,
}

/// What `simulator timeline` is told.
#[derive(Debug, Parser)]
#[command(
    after_help = "Examples:\n  simulator timeline scenario.yaml --out timeline.html\n  simulator timeline scenario.yaml --policy tekton --pods 'train-*' --out tekton.html"
)]
pub struct TimelineArgs {
    /// The scenario
    #[arg(value_name = "SCENARIO")]
    pub scenario: PathBuf,
    /// Where the page goes; `-` is standard output
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Seed to use instead of the scenario's own
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Policy to judge by instead of the scenario's own: a file, or a baseline's name as in `simulator run`
    #[arg(long, value_name = "FILE|RIVAL")]
    pub policy: Option<String>,
    /// Only these pods: `name` or `namespace/name`, with `*` for anything
    #[arg(long, value_name = "GLOB")]
    pub pods: Option<String>,
}

/// What `simulator import` is told.
#[derive(Debug, Parser)]
#[command(
    after_help = "Example:\n  simulator import trace.jsonl --out scenario.yaml\n  simulator run --policy policy.yaml scenario.yaml"
)]
pub struct ImportArgs {
    /// Recordings; `-` is standard input
    #[arg(required = true, value_name = "TRACE")]
    pub traces: Vec<PathBuf>,
    /// Where to write the scenario; standard output if left out or `-`
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// What `simulator fuzz` is told.
#[derive(Debug, Parser)]
#[command(
    after_help = "Examples:\n  simulator fuzz --seeds 1000\n  simulator fuzz --time 60s --out broken.yaml\n  simulator fuzz --scenario broken.yaml"
)]
pub struct FuzzArgs {
    /// How many worlds to try; 100 if left out, or as many as --time allows
    #[arg(long, value_name = "N")]
    pub seeds: Option<u64>,
    /// The first seed
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub first_seed: u64,
    /// Stop after so long, such as 60s
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub time: Option<Duration>,
    /// Policy to judge by instead of the built-in one
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Check this world instead of random ones
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seeds", "first_seed", "time"])]
    pub scenario: Option<PathBuf>,
    /// Where to write the smallest world in which something breaks
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// How many to run at a time; as many as there are processors if left out
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
}

/// What `simulator serve` is told.
#[derive(Debug, Parser)]
#[command(
    after_help = "Example:\n  simulator serve scenario.yaml --speed 30 --write-kubeconfig kubeconfig.yaml\n\nExit codes: 0 all came as expected, or Ctrl-C; 1 an expectation failed; 2 invalid input; 3 internal error, such as a port that is taken."
)]
pub struct ServeArgs {
    /// The scenario
    #[arg(value_name = "SCENARIO")]
    pub scenario: PathBuf,
    /// Port on this machine; any free one if 0
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub port: u16,
    /// How many times as fast as the clock its time passes
    #[arg(long, value_name = "N", default_value = "1")]
    pub speed: NonZeroU32,
    /// Where to write a kubeconfig for it
    #[arg(long, value_name = "FILE")]
    pub write_kubeconfig: Option<PathBuf>,
    /// Seed to use instead of the scenario's own
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Go on after the scenario's duration, until Ctrl-C
    #[arg(long)]
    pub keep: bool,
}

/// For whom to print a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CompareOutput {
    /// For people
    Human,
    /// For documents
    Markdown,
    /// For programs: one JSON object a line
    Json,
}

/// A report, and where it goes; standard output if nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportTo {
    /// For whom.
    pub format: ReportFormat,
    /// Into which file.
    pub file: Option<PathBuf>,
}

/// The formats of reports on scenarios.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For people
    Human,
    /// For programs: one JSON object a line
    Json,
    /// For CI systems that show test results
    Junit,
    /// Annotations in GitHub's log
    Github,
    /// A table for a summary or a pull request
    Markdown,
}

fn parse_report(text: &str) -> Result<ReportTo, String> {
    let (format, file) = text
        .split_once('=')
        .map_or((text, None), |(format, file)| (format, Some(file)));
    let format = ReportFormat::from_str(format, false)
        .map_err(|_| format!("`{format}` is none of human, json, junit, github, markdown"))?;
    if file == Some("") {
        return Err(format!(
            "`{text}` names no file: write `{text}report.txt`, or leave the `=` out"
        ));
    }
    let file = file.map(PathBuf::from);
    Ok(ReportTo { format, file })
}

/// The results of all runs are kept until they are reported.
const SEEDS_MAX: u64 = 100_000;

fn parse_seeds(text: &str) -> Result<(u64, u64), String> {
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let ends = text
        .split_once("..")
        .and_then(|(a, b)| Some((number(a)?, number(b)?)));
    match ends {
        Some((first, last)) if first <= last && last - first >= SEEDS_MAX => Err(format!(
            "more than {SEEDS_MAX} seeds at once: take fewer, or several runs"
        )),
        Some((first, last)) if first <= last => Ok((first, last)),
        Some((first, last)) => Err(format!(
            "the seeds end before they begin: did you mean {last}..{first}?"
        )),
        None => Err("expected two numbers, such as 1..100".to_owned()),
    }
}

/// For whom to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    Human,
    /// For programs: one JSON object a line
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }
}
