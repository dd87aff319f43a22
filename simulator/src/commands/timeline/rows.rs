//! Rows of pods and of the Jobs and Deployments that own them.

use std::collections::BTreeMap;

use pullstop_cluster::scenario::Scenario;
use pullstop_cluster::world::World;
use pullstop_cluster::world::control::OwnerState;
use pullstop_cluster::world::control::job::JobState;
use pullstop_cluster::world::ids::{OwnerId, PodId};
use pullstop_cluster::world::journal::{Entry, What};
use pullstop_cluster::world::truth::{Attempt, PodTruth};
use pullstop_core::cause::Cause;
use pullstop_core::engine::{Decision, TransitionKind};
use pullstop_core::plugin::Enforcement;
use pullstop_core::pod::Phase;
use pullstop_core::time::{Human, Timestamp};

use super::chart::{Chart, Group, Kind, Row, Texts};
use super::choice::Chosen;
use super::{cluster, fold, queues};
use crate::runs::story;
use crate::runs::verify::{self, clock};

/// The cluster's faults first, then each owner with its pods, in the order of the choice.
pub(super) fn chart(world: &World, scenario: &Scenario, chosen: &Chosen) -> Chart {
    let mut texts = Texts::default();
    let mut groups: Vec<Group> = cluster::group(scenario, &mut texts).into_iter().collect();
    groups.extend(queues::group(world, scenario, &mut texts));
    groups.extend(Gathered::new(world, chosen, &mut texts).into_groups(chosen));
    let duration_ms = u64::try_from(scenario.duration.as_millis()).unwrap_or(u64::MAX);
    let folds = fold::groups(&mut groups, duration_ms, &mut texts);
    Chart {
        duration_ms,
        kinds: Kind::ALL.into_iter().map(|(_, name, _)| name).collect(),
        words: Kind::ALL.into_iter().map(|(_, _, words)| words).collect(),
        texts: texts.into_list(),
        groups,
        folds,
    }
}

/// Rows while the journal is read.
struct Gathered<'a> {
    world: &'a World,
    pods: BTreeMap<PodId, Row>,
    owners: BTreeMap<OwnerId, Row>,
    /// Since when a pod is in which terminal phase.
    ended: BTreeMap<PodId, (Timestamp, Phase)>,
}

impl<'a> Gathered<'a> {
    fn new(world: &'a World, chosen: &Chosen, texts: &mut Texts) -> Self {
        let mut gathered = Self {
            world,
            pods: BTreeMap::new(),
            owners: BTreeMap::new(),
            ended: BTreeMap::new(),
        };
        for id in &chosen.pods {
            if let Some(pod) = world.cluster.truth.pod(*id) {
                gathered.pods.insert(*id, pod_row(world, pod, texts));
            }
        }
        let of_pods = chosen.pods.iter().filter_map(|id| owner_of(world, *id));
        for id in of_pods.chain(chosen.waiting_jobs.iter().copied()) {
            let row = || owner_row(world, &world.control.owners()[id.index()], texts);
            gathered.owners.entry(id).or_insert_with(row);
        }
        for entry in world.cluster.journal.entries() {
            gathered.tell(entry, texts);
        }
        gathered.verdicts(texts);
        for (id, (since, phase)) in std::mem::take(&mut gathered.ended) {
            gathered.tail(id, (since, world.cluster.now), phase, texts);
        }
        gathered
    }

    fn tell(&mut self, entry: &Entry, texts: &mut Texts) {
        if let What::Owner(id, _) = &entry.what {
            // The words are the same for each of its pods.
            let words = story::in_words(self.world, PodId(0), &entry.what);
            if let (Some(row), Some(words)) = (self.owners.get_mut(id), words) {
                row.line(entry.at, texts.place(words));
            }
            return;
        }
        let Some(pod) = entry.pod else { return };
        let Some(row) = self.pods.get_mut(&pod) else {
            return;
        };
        let Some(words) = story::in_words(self.world, pod, &entry.what) else {
            return;
        };
        let text = texts.place(words);
        row.line(entry.at, text);
        if let Some(label) = warning(&entry.what) {
            row.verdict(Kind::Warned, entry.at, text, texts.place(label));
        } else if let Some(kind) = mark_of(&entry.what) {
            row.mark(kind, entry.at, text);
        }
        if let What::Decided(decision) = &entry.what {
            reasons(row, entry.at, decision, texts);
        }
        match &entry.what {
            What::Ended(phase) => {
                self.ended.insert(pod, (entry.at, *phase));
            }
            What::PutBack | What::Removed => {
                if let Some((since, phase)) = self.ended.remove(&pod) {
                    self.tail(pod, (since, entry.at), phase, texts);
                }
            }
            _ => {}
        }
    }

    /// Verdicts as they were stored: baselines have some too, but nothing to say about them.
    fn verdicts(&mut self, texts: &mut Texts) {
        for (id, row) in &mut self.pods {
            let Some(pod) = self.world.cluster.truth.pod(*id) else {
                continue;
            };
            if let Some(failed) = pod.failed {
                let text = texts.place(verify::fate_of(pod));
                row.verdict(
                    Kind::Verdict,
                    failed.at,
                    text,
                    texts.place(label(failed.cause)),
                );
                row.line(failed.at, text);
                row.lines.sort_by_key(|(at, _)| *at);
            }
        }
    }

    /// The time that a pod stays in a terminal phase.
    fn tail(&mut self, pod: PodId, time: (Timestamp, Timestamp), phase: Phase, texts: &mut Texts) {
        let kind = match phase {
            Phase::Succeeded => Kind::Succeeded,
            _ => Kind::Failed,
        };
        let text = texts.place(format!("is {}", phase.as_str()));
        if let Some(row) = self.pods.get_mut(&pod) {
            for lane in 0..row.lanes {
                row.span(kind, lane, time, text);
            }
        }
    }

    /// Pods by their owners; those without one follow at the place of the first of them.
    fn into_groups(mut self, chosen: &Chosen) -> Vec<Group> {
        let mut groups: Vec<(Option<OwnerId>, Group)> = Vec::new();
        let mut places: BTreeMap<Option<OwnerId>, usize> = BTreeMap::new();
        for id in &chosen.pods {
            let Some(row) = self.pods.remove(id) else {
                continue;
            };
            let owner = owner_of(self.world, *id);
            let place = *places.entry(owner).or_insert(groups.len());
            if place == groups.len() {
                let head = owner.and_then(|id| self.owners.remove(&id));
                let head = head.unwrap_or_else(|| Row::new("Pods without owner"));
                groups.push((
                    owner,
                    Group {
                        head,
                        rows: Vec::new(),
                        folds: Vec::new(),
                    },
                ));
            }
            groups[place].1.rows.push(row);
        }
        let waiting = self.owners.into_values().map(|head| Group {
            head,
            rows: Vec::new(),
            folds: Vec::new(),
        });
        let mut all: Vec<Group> = groups.into_iter().map(|(_, group)| group).collect();
        all.extend(waiting);
        all
    }
}

fn owner_of(world: &World, pod: PodId) -> Option<OwnerId> {
    let pod = world.cluster.truth.pod(pod)?;
    pod.owner.map(|owner| owner.id)
}

fn mark_of(what: &What) -> Option<Kind> {
    match what {
        What::PutBack => Some(Kind::PutBack),
        What::Write(_) => Some(Kind::ByHand),
        What::Removed => Some(Kind::Removed),
        _ => None,
    }
}

/// What is written beside a warning, and beside what a dry run would have done.
fn warning(what: &What) -> Option<String> {
    match what {
        What::Decided(decision) if decision.enforcement == Enforcement::Warn => {
            Some(format!("warned: {}", label(decision.cause)))
        }
        What::Noticed(TransitionKind::DryRun(decision)) => Some(format!(
            "{}: {}",
            decision.enforcement,
            label(decision.cause)
        )),
        _ => None,
    }
}

/// What is written beside a verdict: the cause, if one is known.
const fn label(cause: Cause) -> &'static str {
    match cause {
        Cause::Unknown => "failed",
        cause => cause.as_str(),
    }
}

/// What each plugin said on the way to a verdict.
fn reasons(row: &mut Row, at: Timestamp, decision: &Decision, texts: &mut Texts) {
    for said in &decision.trail {
        row.line(at, texts.place(format!("· {said}")));
    }
}

fn pod_row(world: &World, pod: &PodTruth, texts: &mut Texts) -> Row {
    let mut row = Row::new(format!("{}/{}", pod.names.namespace, pod.names.name));
    row.lanes = pod.template.containers.len().max(1);
    let end = pod.ended.map_or(world.cluster.now, |(at, _)| at);
    let bound_at = pod.bound.map_or(end, |(_, at)| at);
    if bound_at > pod.created_at {
        let text = texts.place("has no node yet");
        for lane in 0..row.lanes {
            row.span(Kind::Waiting, lane, (pod.created_at, bound_at), text);
        }
    }
    if let Some(ran_at) = pod.ran_at {
        let text = texts.place("runs");
        for lane in 0..row.lanes {
            row.span(Kind::Running, lane, (ran_at, end), text);
        }
    }
    for (place, attempt) in pod.attempts.iter().enumerate() {
        // What comes later lies above: a pull of a moment must not vanish under a wait of minutes.
        back_off(pod, place, end, &mut row, texts);
        pull(world, pod, attempt, end, &mut row, texts);
    }
    row
}

fn pull(
    world: &World,
    pod: &PodTruth,
    attempt: &Attempt,
    end: Timestamp,
    row: &mut Row,
    texts: &mut Texts,
) {
    let lane = usize::from(attempt.container);
    let spec = pod.template.containers.get(lane);
    let container = spec.map_or("", |spec| &spec.name);
    let image = world.cluster.supply.name(attempt.image);
    let ended_at = attempt.ended.map_or(end, |(at, _)| at);
    let started_at = attempt.started_at.unwrap_or(ended_at);
    if started_at > attempt.queued_at {
        let text = texts.place(format!(
            "pull of {image} for {container} waits for its turn"
        ));
        row.span(Kind::Queued, lane, (attempt.queued_at, started_at), text);
    }
    let (kind, how) = match attempt.ended {
        Some((_, ending)) => (Kind::of(ending), story::ending_in_words(ending)),
        None if attempt.started_at.is_none() => return,
        None => (Kind::Pulling, "is in flight".to_owned()),
    };
    let took = Human(ended_at.since(started_at));
    let text = texts.place(format!("pull of {image} for {container} {how} ({took})"));
    row.span(kind, lane, (started_at, ended_at), text);
}

/// From a failed pull until the same container is tried again.
fn back_off(pod: &PodTruth, place: usize, end: Timestamp, row: &mut Row, texts: &mut Texts) {
    let attempt = &pod.attempts[place];
    let Some((from, ending)) = attempt.ended.filter(|(_, ending)| ending.cause().is_some()) else {
        return;
    };
    let mut later = pod.attempts[place + 1..].iter();
    let next = later.find(|later| later.container == attempt.container);
    let runs = pod.ran_at.filter(|at| *at > from);
    let until = next.map_or_else(|| runs.unwrap_or(end), |next| next.queued_at);
    let cause = ending.cause().map_or("", |cause| cause.as_str());
    let text = texts.place(format!("waits to try again after {cause}"));
    let lane = usize::from(attempt.container);
    row.span(Kind::BackOff, lane, (from, until), text);
}

fn owner_row(world: &World, owner: &OwnerState, texts: &mut Texts) -> Row {
    match owner {
        OwnerState::ReplicaSet(set) => {
            let mut row = Row::new(format!("Deployment {}", set.name));
            let made = texts.place(format!("made {} pods", set.made()));
            row.line(world.cluster.now, made);
            row
        }
        OwnerState::Job(job) => job_row(world, job, texts),
    }
}

fn job_row(world: &World, job: &JobState, texts: &mut Texts) -> Row {
    let mut row = Row::new(format!("Job {}", job.name));
    let now = world.cluster.now;
    let ended_at = job.finished.map_or(now, |finished| finished.at);
    let started_at = job.started_at.unwrap_or(ended_at);
    if started_at > job.created_at {
        let queue = || {
            format!(
                "waits in {}",
                job.spec.queue.as_deref().unwrap_or("no queue")
            )
        };
        let why = match job.spec.suspended_until {
            Some(until) => format!("is suspended until {}", Human(until)),
            None => queue(),
        };
        let time = (job.created_at, started_at);
        row.span(Kind::Waiting, 0, time, texts.place(why));
    }
    if job.started_at.is_some() {
        let text = texts.place(format!("at work; made {} pods", job.made()));
        row.span(Kind::Running, 0, (started_at, ended_at), text);
    }
    if let Some(finished) = job.finished {
        let (kind, how) = match finished.failed_for {
            None => (Kind::Succeeded, "Complete".to_owned()),
            Some(why) => (Kind::Failed, format!("Failed: {why}")),
        };
        let at = clock(finished.at);
        let text = texts.place(format!("{how}, at {at}"));
        row.span(kind, 0, (finished.at, now), text);
    }
    row
}
