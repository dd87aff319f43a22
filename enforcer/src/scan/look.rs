//! Judges pods at one moment, from their status, checkpoints and Events.

use std::collections::BTreeMap;
use std::time::Duration;

use pullstop_core::cause::Cause;
use pullstop_core::engine::{
    Effect, Engine, Explanation, Input, Memory, Outcome, Source, TransitionKind,
};
use pullstop_core::plugin::{Enforcement, Point, Profile, TrailEntry};
use pullstop_core::pod::{ContainerSnapshot, ContainerState, Overrides, PodSnapshot};
use pullstop_core::rehearsal::{Rehearsal, StandIn};
use pullstop_core::time::Timestamp;
use pullstop_core::wire::timestamp;
use pullstop_core::wire::{WireError, WirePod};

use crate::pods::history::Past;
use crate::pods::memory::with_snapshot;
use crate::stuck::is_stuck;

/// One pod that is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The pod.
    pub pod: &'a WirePod,
    /// Its overrides.
    pub overrides: Overrides,
    /// What Events tell of it, if they were read.
    pub past: Option<&'a Past>,
}

/// A container that cannot get its image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub pod: String,
    /// The container.
    pub container: String,
    /// Its image.
    pub image: String,
    /// The waiting reason.
    pub reason: String,
    /// What the kubelet says.
    pub message: String,
    /// Why pulls fail; unknown for pods out of scope.
    pub cause: Option<Cause>,
    /// How many have failed at least.
    pub failures: u32,
    /// Since when at least, if that is known.
    pub since: Option<Timestamp>,
    /// How that is known.
    pub known: Known,
    /// What would happen.
    pub verdict: Verdict,
    /// What each plugin says.
    pub trail: Vec<String>,
}

/// How it is known what failed until now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// It shows at this moment.
    Glance,
    /// An enforcer has counted it.
    Memory,
    /// Events tell of it, which are too few.
    Events,
}

/// What would happen to a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is not judged.
    OutOfScope(String),
    /// This, at once.
    Now(Enforcement),
    /// This, when its next pull has failed: one may be under way just now.
    NextFailure(Enforcement),
    /// This, at that time, if nothing changes.
    Later(Enforcement, Timestamp),
    /// A verdict is due, but something speaks against it.
    Held(String),
    /// More failures have to be seen.
    Waits(String),
}

/// The containers that cannot get their images, of pods that one policy judges, each as an engine judges it that sees all
/// of them at `now`.
///
/// # Errors
/// Per pod, if it lacks what is needed.
pub fn look(
    subjects: &[Subject<'_>],
    profile: Profile,
    now: Timestamp,
) -> Vec<Result<Vec<Stuck>, WireError>> {
    /// Longer than any pod is looked at.
    const HORIZON: Duration = Duration::from_secs(7 * 24 * 3600);
    let mut rehearsal = Rehearsal::new(Engine::new(profile), Told::default());
    rehearsal.handle(now, Input::RelistBegin);
    let glances: Vec<_> = subjects
        .iter()
        .map(|subject| {
            with_snapshot(subject.pod, subject.overrides, |pod| {
                glance(&mut rehearsal, pod, now)
            })
        })
        .collect();
    rehearsal.handle(now, Input::RelistEnd);
    for subject in subjects {
        recollect(&mut rehearsal, subject, now);
    }
    let explain = |subject: &Subject<'_>| rehearsal.engine().explain(&subject.pod.metadata.uid);
    let explanations: Vec<Vec<Explanation>> = subjects.iter().map(explain).collect();
    // What happens later if nothing changes.
    rehearsal.run_through(now.after(HORIZON));
    let mut told = rehearsal.stand_in.0;
    let all = glances.into_iter().zip(subjects).zip(explanations);
    all.map(|((glance, subject), explanations)| {
        let told = told.remove(&subject.pod.metadata.uid).unwrap_or_default();
        Ok(glance?
            .into_iter()
            .map(|stuck| judged(stuck, &told, &explanations, now))
            .collect())
    })
    .collect()
}

/// Shows the pod to the engine if it is to be judged. Its failing containers as they show themselves.
fn glance(rehearsal: &mut Rehearsal<Told>, pod: &PodSnapshot<'_>, now: Timestamp) -> Vec<Stuck> {
    let containers = pod.containers.iter();
    let mut failing: Vec<Stuck> = containers.filter_map(|c| stuck(pod, c)).collect();
    if failing.is_empty() || pod.phase.is_terminal() {
        return Vec::new();
    }
    if let Err(why) = rehearsal.engine().covers(pod) {
        for stuck in &mut failing {
            stuck.verdict = Verdict::OutOfScope(why.to_string());
        }
    } else {
        let source = Source::List;
        rehearsal.handle(now, Input::Pod { pod, source });
    }
    failing
}

/// Tells the engine of the pod's past, as far as that is known.
fn recollect(rehearsal: &mut Rehearsal<Told>, subject: &Subject<'_>, now: Timestamp) {
    let Some(past) = subject.past else {
        return;
    };
    let metadata = &subject.pod.metadata;
    let created_at = metadata
        .creation_timestamp
        .as_deref()
        .and_then(timestamp::parse);
    past.lend(created_at, now, std::convert::identity, |history| {
        let uid = &metadata.uid;
        rehearsal.handle(now, Input::History { uid, history });
    });
}

/// The container as it shows itself, if it cannot get its image.
fn stuck(pod: &PodSnapshot<'_>, container: &ContainerSnapshot<'_>) -> Option<Stuck> {
    if !is_stuck(container) {
        return None;
    }
    let ContainerState::Waiting { reason, message } = container.state else {
        return None;
    };
    let tallies = container.memory.map(|memory: &Memory| &memory.tallies);
    let failures = tallies.map_or(0, |tallies| {
        tallies.iter().map(|tally| tally.failures).sum()
    });
    Some(Stuck {
        namespace: pod.namespace.to_owned(),
        pod: pod.name.to_owned(),
        container: container.name.to_owned(),
        image: container.image.to_owned(),
        reason: reason.to_owned(),
        message: message.to_owned(),
        cause: container.memory.map(|memory| memory.latest),
        failures,
        since: tallies.and_then(|tallies| tallies.iter().map(|tally| tally.first_at).min()),
        known: tallies.map_or(Known::Glance, |_| Known::Memory),
        verdict: Verdict::Waits("no failure has been counted".to_owned()),
        trail: Vec::new(),
    })
}

/// What the engine told of each pod, by uid.
#[derive(Default)]
struct Told(BTreeMap<String, OfPod>);

/// What it told of one.
#[derive(Default)]
struct OfPod {
    counted: Vec<(String, Cause)>,
    recollected: Vec<(String, u32, Timestamp)>,
    held: Option<Hold>,
    enforcement: Option<(Enforcement, Timestamp)>,
}

struct Hold {
    at: Timestamp,
    container: String,
    why: String,
    /// A pull may be in flight.
    is_by_a_pull: bool,
}

impl StandIn for Told {
    fn carry_out(&mut self, engine: &mut Engine, now: Timestamp, effect: Effect) {
        match effect {
            Effect::Fail(decision) | Effect::Deadline(decision) => {
                self.of(&decision.pod.uid()).decided(Enforcement::Fail, now);
            }
            Effect::Warn(decision) => {
                self.of(&decision.pod.uid()).decided(Enforcement::Warn, now);
            }
            Effect::Transition(transition) => {
                let of_pod = self.of(&transition.pod.uid());
                of_pod.transition(transition.container, transition.kind, now);
            }
            // Nothing is written, but the engine waits for an answer before it goes on.
            Effect::Remember {
                pod,
                resource_version,
                ..
            } => {
                let outcome = Outcome::Accepted(resource_version);
                let uid = &pod.uid();
                engine.handle(now, Input::Outcome { uid, outcome });
            }
            Effect::List | Effect::Read(_) => {}
        }
    }
}

impl Told {
    fn of(&mut self, uid: &str) -> &mut OfPod {
        self.0.entry(uid.to_owned()).or_default()
    }
}

impl OfPod {
    fn decided(&mut self, enforcement: Enforcement, now: Timestamp) {
        self.enforcement.get_or_insert((enforcement, now));
    }

    fn transition(&mut self, container: String, kind: TransitionKind, now: Timestamp) {
        match kind {
            TransitionKind::Counted { cause, .. } => self.counted.push((container, cause)),
            TransitionKind::Recollected { failures, since } => {
                self.recollected.push((container, failures, since));
            }
            TransitionKind::DryRun(decision) => self.decided(decision.enforcement, now),
            TransitionKind::Held { why, trail } if self.held.is_none() => {
                let is_by_a_pull = said_by_quiet_time(&trail, &why);
                self.held = Some(Hold {
                    at: now,
                    container,
                    why,
                    is_by_a_pull,
                });
            }
            _ => {}
        }
    }
}

/// Whether what speaks against a verdict is that a pull may be in flight.
fn said_by_quiet_time(trail: &[TrailEntry], why: &str) -> bool {
    trail
        .iter()
        .any(|said| said.plugin == "quiet-time" && said.what == why)
}

fn judged(stuck: Stuck, told: &OfPod, explanations: &[Explanation], now: Timestamp) -> Stuck {
    let is_it = |container: &str| container == stuck.container;
    if matches!(stuck.verdict, Verdict::OutOfScope(_)) {
        return stuck;
    }
    let counted = told.counted.iter().find(|(container, _)| is_it(container));
    let recollected = told
        .recollected
        .iter()
        .find(|(container, ..)| is_it(container));
    let trail = explanations
        .iter()
        .find(|said| is_it(&said.container))
        .map(|said| &said.trail[..])
        .unwrap_or_default();
    let held = told.held.as_ref().filter(|held| held.at == now);
    let verdict = match (told.enforcement, held) {
        (Some((enforcement, at)), _) if at == now => Verdict::Now(enforcement),
        (Some((enforcement, _)), Some(held)) if held.is_by_a_pull => {
            Verdict::NextFailure(enforcement)
        }
        (_, Some(held)) if is_it(&held.container) => Verdict::Held(held.why.clone()),
        (Some((enforcement, at)), None) => Verdict::Later(
            enforcement,
            told.held.as_ref().map_or(at, |held| held.at.min(at)),
        ),
        _ => {
            let judge = trail.iter().find(|said| said.point == Point::Judge);
            Verdict::Waits(
                judge.map_or_else(|| "more failures".to_owned(), |said| said.what.clone()),
            )
        }
    };
    let (failures, since, known) = match recollected {
        Some((_, failures, since)) => (*failures, Some(*since), Known::Events),
        None => (
            stuck.failures.max(u32::from(counted.is_some())),
            stuck.since,
            stuck.known,
        ),
    };
    Stuck {
        cause: counted.map(|(_, cause)| *cause).or(stuck.cause),
        failures,
        since,
        known,
        verdict,
        trail: trail.iter().map(ToString::to_string).collect(),
        ..stuck
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use pullstop_core::plugin::{Case, Evidence, Fact, Trail, Weight};
    use pullstop_core::policy::Policy;

    use super::*;

    /// Counts what it learns.
    #[derive(Debug)]
    struct Counter(Arc<AtomicUsize>);

    impl Evidence for Counter {
        fn name(&self) -> &'static str {
            "counter"
        }

        fn learn(&mut self, _: Timestamp, fact: &Fact<'_>) {
            let is_failure = matches!(fact, Fact::Failed { .. });
            self.0.fetch_add(usize::from(is_failure), Ordering::Relaxed);
        }

        fn weigh(&self, _: &Case<'_>, _: &mut Trail) -> Weight {
            Weight::Neutral
        }
    }

    /// Its plugins are made once, and its evidence is that of all pods, as that of an enforcer is.
    #[test]
    fn one_engine_judges_all_pods_of_a_policy() {
        let pods: Vec<WirePod> = (0..50)
            .map(|n| {
                let json = format!(
                    r#"{{"metadata": {{"name": "p{n}", "uid": "u{n}", "resourceVersion": "7"}},
                    "spec": {{"restartPolicy": "Never", "nodeName": "n", "containers": [{{"name": "c", "image": "a"}}]}},
                    "status": {{"containerStatuses": [{{"name": "c", "state": {{"waiting":
                        {{"reason": "ErrImagePull", "message": "a: not found"}}}}}}]}}}}"#
                );
                serde_json::from_str(&json).unwrap()
            })
            .collect();
        let subject = |pod| Subject {
            pod,
            overrides: Overrides::default(),
            past: None,
        };
        let subjects: Vec<Subject<'_>> = pods.iter().map(subject).collect();
        let learned = Arc::new(AtomicUsize::new(0));
        let profile = Profile::standard(Policy::default()).unwrap();
        let profile = profile.with_evidence(Box::new(Counter(Arc::clone(&learned))));
        let now = Timestamp::from_millis(1_000_000);
        let shown = look(&subjects, profile, now);
        assert_eq!(learned.load(Ordering::Relaxed), 50);
        for (n, stuck) in shown.into_iter().enumerate() {
            let stuck = stuck.unwrap();
            assert_eq!(
                (stuck[0].pod.as_str(), stuck[0].failures),
                (format!("p{n}").as_str(), 1)
            );
        }
    }
}
