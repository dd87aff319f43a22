//! What happened to a pod, in words.

use pullstop_cluster::world::World;
use pullstop_cluster::world::ids::PodId;
use pullstop_cluster::world::journal::{Entry, What};
use pullstop_cluster::world::truth::Ending;
use pullstop_core::engine::{Decision, StartedOver, TransitionKind};
use pullstop_core::plugin::{Enforcement, TrailEntry};
use pullstop_core::time::{Human, Timestamp};

use super::outcome::Outcome;
use super::verify::clock;

/// What happened to a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// `namespace/name`.
    pub pod: String,
    /// What happened, in order.
    pub lines: Vec<Line>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: String,
    /// What each plugin said, if it was a decision.
    pub trail: Vec<TrailEntry>,
}

/// The stories of the pods that match, or else of the one with which things first went wrong, until they did.
pub fn of(world: &World, outcome: &Outcome, wanted: Option<&str>) -> Vec<Story> {
    if let Some(pattern) = wanted {
        let pods = world.cluster.truth.pods.iter().enumerate();
        let named = pods.filter(|(_, pod)| pod.names.matches(pattern));
        return named
            .map(|(place, _)| tell(world, PodId::at(place), Timestamp::NEVER))
            .collect();
    }
    first_divergence(outcome)
        .map(|(at, pod)| tell(world, pod, at))
        .into_iter()
        .collect()
}

/// When, and with which pod, things first went wrong.
pub fn first_divergence(outcome: &Outcome) -> Option<(Timestamp, PodId)> {
    let broken = outcome.broken.iter().filter_map(|b| Some((b.at, b.pod?)));
    let unmet = outcome
        .unmet
        .iter()
        .filter_map(|u| Some((u.at.unwrap_or(Timestamp::NEVER), u.pod?)));
    let unforeseen = outcome.first_unforeseen_failure();
    broken.chain(unmet).chain(unforeseen).min()
}

/// The story of one pod, until `until`.
pub fn tell(world: &World, pod: PodId, until: Timestamp) -> Story {
    let truth = world.cluster.truth.pod(pod);
    let owner = truth.and_then(|truth| truth.owner).map(|owner| owner.id);
    let concerns = |entry: &&Entry| match &entry.what {
        What::Owner(id, _) => Some(*id) == owner,
        What::Fault(_) => true,
        _ => entry.pod == Some(pod),
    };
    let entries = world.cluster.journal.entries().iter().filter(concerns);
    let lines = entries
        .filter(|entry| entry.at <= until)
        .filter_map(|entry| line(world, pod, entry));
    Story {
        pod: truth.map_or_else(String::new, |t| {
            format!("{}/{}", t.names.namespace, t.names.name)
        }),
        lines: lines.collect(),
    }
}

fn line(world: &World, pod: PodId, entry: &Entry) -> Option<Line> {
    let trail = match &entry.what {
        What::Noticed(TransitionKind::Held { trail, .. }) => trail.clone(),
        What::Decided(decision) | What::Noticed(TransitionKind::DryRun(decision)) => {
            decision.trail.clone()
        }
        _ => Vec::new(),
    };
    let what = in_words(world, pod, &entry.what)?;
    Some(Line {
        at: entry.at,
        what,
        trail,
    })
}

/// What a line of the journal says of the pod, if it is worth a line.
pub(crate) fn in_words(world: &World, pod: PodId, what: &What) -> Option<String> {
    let container = |place: usize| {
        let truth = world.cluster.truth.pod(pod);
        let spec = truth.and_then(|truth| truth.template.containers.get(place));
        spec.map_or_else(String::new, |spec| spec.name.clone())
    };
    Some(match what {
        What::Created => "created".to_owned(),
        What::Bound(node) => format!("bound to {}", world.cluster.nodes.get(*node).name),
        What::Published { phase, states } => {
            format!("published: {}, {}", phase.as_str(), states.join(" + "))
        }
        // A pull that begins at once needs no word of its own.
        What::Queued { .. } => return None,
        What::PullBegan { container: place } => format!("pull for {} begins", container(*place)),
        What::PullEnded {
            container: place,
            ending,
        } => format!(
            "pull for {} {}",
            container(*place),
            ending_in_words(*ending)
        ),
        What::Ran => "runs".to_owned(),
        What::Ended(phase) => format!("is {}", phase.as_str()),
        What::Removed => "deleted".to_owned(),
        What::PutBack => "put back by the kubelet".to_owned(),
        What::Write(who) => format!("written to {who}"),
        What::Decided(decision) => decision_in_words(decision),
        What::Noticed(what) => noticed_in_words(what),
        What::Answered(answer) => format!("write {answer}"),
        What::Fault(fault) => format!("fault: {fault}"),
        What::Owner(id, what) => {
            let owner = &world.control.owners()[id.index()];
            format!("{} {} {what}", owner.kind().as_str(), owner.name())
        }
    })
}

/// How a pull ended.
pub(crate) fn ending_in_words(ending: Ending) -> String {
    match ending {
        Ending::Pulled => "succeeds".to_owned(),
        Ending::Failed(error) => format!("fails: {error:?}"),
        Ending::InvalidName => "is not tried: the image's name is invalid".to_owned(),
        Ending::NeverPulled => {
            "is not tried: the image is absent and must not be pulled".to_owned()
        }
        Ending::Cancelled => "is cut off: the kubelet is killed".to_owned(),
    }
}

fn decision_in_words(decision: &Decision) -> String {
    let enforcement = match decision.enforcement {
        Enforcement::Fail => "fail it",
        Enforcement::Warn => "warn of it",
        Enforcement::WouldFail => "it would be failed",
        Enforcement::WouldWarn => "it would be warned of",
    };
    let since = Human(decision.decided_at.since(decision.first_failure_at));
    let (cause, failures, rule) = (decision.cause, decision.failures, &decision.rule);
    format!("verdict: {enforcement}, for {cause}; {failures} failures in {since} (rule {rule})")
}

fn noticed_in_words(what: &TransitionKind) -> String {
    match what {
        TransitionKind::Counted {
            cause, failures, ..
        } => format!("seen: failure {failures}, {cause}"),
        TransitionKind::Recollected { failures, .. } => {
            format!("seen: Events tell of {failures} failures before it was watched")
        }
        TransitionKind::Throttled => "seen: throttled by the kubelet itself".to_owned(),
        TransitionKind::Suspended => "seen: neither failing nor recovered".to_owned(),
        TransitionKind::StartedOver {
            why: StartedOver::ImageEdited,
            ..
        } => "seen: another image, the count starts over".to_owned(),
        TransitionKind::StartedOver {
            why: StartedOver::Ran,
            ..
        } => "seen: it has run, the count starts over".to_owned(),
        TransitionKind::Recovered { failures } => {
            format!("seen: recovered after {failures} failures")
        }
        TransitionKind::Held { why, .. } => format!("held: {why}"),
        TransitionKind::DryRun(decision) => format!("dry run: {}", decision_in_words(decision)),
        TransitionKind::PutBack { times } => format!("seen: put back, {times} times so far"),
        TransitionKind::Ended => "seen: it has ended by itself".to_owned(),
        TransitionKind::Agreed => "the kubelet has agreed".to_owned(),
        TransitionKind::GaveUp => "given up: it was put back too often".to_owned(),
    }
}

/// A line for people: the time, and what happened.
pub fn print(line: &Line) -> String {
    format!("{:>12}  {}", clock(line.at).to_string(), line.what)
}
