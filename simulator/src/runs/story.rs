//! The history of one simulated pod in words.

use pullstop_cluster::world::World;
use pullstop_cluster::world::ids::PodId;
use pullstop_cluster::world::journal::{Entry, What};
use pullstop_cluster::world::truth::Ending;
use pullstop_core::engine::TransitionKind;
use pullstop_core::plugin::TrailEntry;
use pullstop_core::time::Timestamp;

use super::outcome::Outcome;
use super::verify::clock;
use crate::transition;

/// The history of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// `namespace/name`.
    pub pod: String,
    /// What happened, in order.
    pub lines: Vec<Line>,
}

/// One line of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: String,
    /// What each plugin said, if it was a decision.
    pub trail: Vec<TrailEntry>,
}

/// The histories of the matching pods, or, without a pattern, of the first pod that went wrong, until it did.
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

/// Time and pod of the first problem.
pub fn first_divergence(outcome: &Outcome) -> Option<(Timestamp, PodId)> {
    let broken = outcome.broken.iter().filter_map(|b| Some((b.at, b.pod?)));
    let unmet = outcome
        .unmet
        .iter()
        .filter_map(|u| Some((u.at.unwrap_or(Timestamp::NEVER), u.pod?)));
    let unforeseen = outcome.first_unforeseen_failure();
    broken.chain(unmet).chain(unforeseen).min()
}

/// The history of one pod, up to `until`.
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
        What::Decided(decision) => &decision.trail[..],
        What::Noticed(what) => transition::trail(what),
        _ => &[],
    };
    let what = in_words(world, pod, &entry.what)?;
    Some(Line {
        at: entry.at,
        what,
        trail: trail.to_vec(),
    })
}

/// An entry of the journal in words; `None` if it deserves no line.
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
        What::Decided(decision) => format!("verdict: {}", transition::verdict(decision)),
        // What the engine concludes needs no mark; what it sees is told apart from what happens.
        What::Noticed(
            what @ (TransitionKind::Held { .. }
            | TransitionKind::DryRun(_)
            | TransitionKind::GaveUp),
        ) => transition::in_words(what),
        What::Noticed(what) => format!("seen: {}", transition::in_words(what)),
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

/// A line for people: the time, and what happened.
pub fn print(line: &Line) -> String {
    format!("{:>12}  {}", clock(line.at).to_string(), line.what)
}
