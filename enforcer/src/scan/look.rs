//! What is thought of one pod at one moment, without a past but what its condition remembers.

use std::time::Duration;

use pullstop_core::cause::Cause;
use pullstop_core::engine::{Effect, Engine, Explanation, Happening, Input, Memory, Outcome, Seen};
use pullstop_core::plugin::{Deed, Point, Profile};
use pullstop_core::pod::{ContainerSnapshot, ContainerState, PodSnapshot, Wishes};
use pullstop_core::time::Timestamp;
use pullstop_core::wire::WirePod;

use crate::pods::is_stuck;
use crate::pods::memory::with_snapshot;

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
    /// How many have failed at least, as far as is remembered.
    pub failures: u32,
    /// Since when, if that is remembered.
    pub since: Option<Timestamp>,
    /// What would happen.
    pub verdict: Verdict,
    /// What each plugin says.
    pub trail: Vec<String>,
}

/// What would happen to a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is not judged.
    OutOfScope(String),
    /// This, at once.
    Now(Deed),
    /// This, at that time, if nothing changes.
    Later(Deed, Timestamp),
    /// A verdict is due, but something speaks against it.
    Held(String),
    /// More failures have to be seen.
    Waits(String),
}

/// The pod's containers that cannot get their image, if `wishes` are asked for on its behalf.
///
/// # Errors
/// If the policy's patterns are too many, or the pod lacks what is needed.
pub fn look(
    pod: &WirePod,
    wishes: Wishes,
    profile: Profile,
    now: Timestamp,
) -> Result<Vec<Stuck>, String> {
    with_snapshot(pod, wishes, |snapshot| look_at(snapshot, profile, now))
        .map_err(|error| error.to_string())
}

fn look_at(pod: &PodSnapshot<'_>, profile: Profile, now: Timestamp) -> Vec<Stuck> {
    let failing: Vec<Stuck> = pod
        .containers
        .iter()
        .filter_map(|container| stuck(pod, container))
        .collect();
    if failing.is_empty() || pod.phase.is_terminal() {
        return Vec::new();
    }
    if let Err(why) = profile.covers(pod) {
        let verdict = Verdict::OutOfScope(why.to_string());
        return failing
            .into_iter()
            .map(|stuck| Stuck {
                verdict: verdict.clone(),
                ..stuck
            })
            .collect();
    }
    let mut engine = Engine::new(profile);
    engine.handle(now, Input::RelistBegin);
    engine.handle(
        now,
        Input::Pod {
            pod,
            seen: Seen::Standing,
        },
    );
    engine.handle(now, Input::RelistEnd);
    let told = Told::drain(&mut engine, now);
    let explanations = engine.explain(pod.uid);
    let later = told
        .deed
        .is_none()
        .then(|| later(&mut engine, now))
        .flatten();
    failing
        .into_iter()
        .map(|stuck| judged(stuck, &told, &explanations, later))
        .collect()
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
        verdict: Verdict::Waits("nothing has been counted".to_owned()),
        trail: Vec::new(),
    })
}

/// What the engine told at the first look.
#[derive(Default)]
struct Told {
    counted: Vec<(String, Cause)>,
    held: Option<(String, String)>,
    deed: Option<Deed>,
}

impl Told {
    fn drain(engine: &mut Engine, now: Timestamp) -> Self {
        let mut told = Self::default();
        while let Some(effect) = engine.poll() {
            match effect {
                Effect::Fail(_) | Effect::Deadline(_) => told.deed = Some(Deed::Fail),
                Effect::Warn(_) => told.deed = told.deed.max(Some(Deed::Warn)),
                Effect::Note(note) => match note.what {
                    Happening::Counted { cause, .. } => told.counted.push((note.container, cause)),
                    Happening::Held { why, .. } => told.held = Some((note.container, why)),
                    _ => {}
                },
                // Nothing is written, but the engine waits for an answer before it goes on.
                Effect::Remember {
                    pod,
                    resource_version,
                    ..
                } => {
                    let outcome = Outcome::Accepted(resource_version);
                    engine.handle(
                        now,
                        Input::Outcome {
                            uid: &pod.uid(),
                            outcome,
                        },
                    );
                }
                Effect::List | Effect::Read(_) => {}
            }
        }
        told
    }
}

/// What happens later if nothing changes, and when its time has come. A pull that may be in flight can hold it longer;
/// the next one that fails ends that.
fn later(engine: &mut Engine, now: Timestamp) -> Option<(Deed, Timestamp)> {
    /// Longer than any pod is looked at.
    const HORIZON: Duration = Duration::from_secs(7 * 24 * 3600);
    let mut due_at = None;
    while let Some((at, _)) = engine.next_deadline() {
        if at > now.after(HORIZON) {
            return None;
        }
        engine.handle(at, Input::Time);
        let told = Told::drain(engine, at);
        if told.held.is_some() || told.deed.is_some() {
            due_at = due_at.or(Some(at));
        }
        if let Some((deed, due_at)) = told.deed.zip(due_at) {
            return Some((deed, due_at));
        }
    }
    None
}

fn judged(
    stuck: Stuck,
    told: &Told,
    explanations: &[Explanation],
    later: Option<(Deed, Timestamp)>,
) -> Stuck {
    let counted = told
        .counted
        .iter()
        .find(|(container, _)| *container == stuck.container);
    let trail = explanations
        .iter()
        .find(|said| said.container == stuck.container)
        .map(|said| &said.trail);
    let held = told
        .held
        .as_ref()
        .filter(|(container, _)| *container == stuck.container);
    let verdict = match (told.deed, held, later) {
        (Some(deed), ..) => Verdict::Now(deed),
        (None, Some((_, why)), _) => Verdict::Held(why.clone()),
        (None, None, Some((deed, at))) => Verdict::Later(deed, at),
        (None, None, None) => {
            let judge =
                trail.and_then(|trail| trail.iter().find(|said| said.point == Point::Judge));
            Verdict::Waits(
                judge.map_or_else(|| "more failures".to_owned(), |said| said.what.clone()),
            )
        }
    };
    Stuck {
        cause: counted.map(|(_, cause)| *cause).or(stuck.cause),
        failures: stuck.failures.max(u32::from(counted.is_some())),
        verdict,
        trail: trail
            .map(|trail| trail.iter().map(ToString::to_string).collect())
            .unwrap_or_default(),
        ..stuck
    }
}
