//! Drives the engine with recorded events and collects the history of each pod.

use std::collections::BTreeMap;
use std::time::Duration;

use pullstop_core::engine::{
    Decision, Effect, Engine, Explanation, GoneFrom, Input, Outcome, Source, StartedOver,
    Transition, TransitionKind,
};
use pullstop_core::plugin::{Enforcement, OutOfScope, Point, Profile, TrailEntry};
use pullstop_core::pod::{ContainerState, Phase, PodRef, PodSnapshot, ResourceVersion};
use pullstop_core::rehearsal::{Rehearsal, StandIn};
use pullstop_core::time::Timestamp;
use pullstop_core::wire::WirePod;
use pullstop_core::wire::timestamp;

use super::story::{Entry, Story, Streak, What};
use crate::trace::{Event, EventKind};

/// How to replay.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How long time runs on after the last event.
    pub run_on: Duration,
    /// Whether to ask what was thought of the pods at the end.
    pub explain: bool,
}

/// Replays `events`, which are in the order of their times.
pub fn replay(events: &[Event], profile: Profile, settings: &Settings) -> Vec<Story> {
    let Some((first, last)) = events.first().zip(events.last()) else {
        return Vec::new();
    };
    let recording = Recording {
        begins_at: first.at,
        stories: BTreeMap::new(),
        order: Vec::new(),
        streaks: BTreeMap::new(),
        latest: BTreeMap::new(),
    };
    let mut rehearsal = Rehearsal::new(Engine::new(profile), recording);
    for event in events {
        rehearsal.run_until(event.at);
        show(&mut rehearsal, event);
    }
    let end = last.at.after(settings.run_on);
    rehearsal.run_through(end);
    into_stories(rehearsal, end, settings.explain)
}

/// Shows an event to the engine.
fn show<'a>(rehearsal: &mut Rehearsal<Recording<'a>>, event: &'a Event) {
    let (Some(pod), now) = (&event.object, event.at) else {
        return;
    };
    let source = match event.kind {
        EventKind::Added => Source::List,
        EventKind::Modified => Source::Watch,
        EventKind::Deleted => {
            let uid = &pod.metadata.uid;
            rehearsal.stand_in.end(uid, now);
            let from = GoneFrom::Cluster;
            rehearsal.handle(now, Input::Gone { uid, from });
            return;
        }
        EventKind::Bookmark | EventKind::Error => return,
    };
    with_snapshot(pod, |snapshot| {
        let covered = rehearsal.engine().covers(snapshot);
        rehearsal.stand_in.see(event, pod, snapshot, covered);
        let input = Input::Pod {
            pod: snapshot,
            source,
        };
        rehearsal.handle(now, input);
    });
}

/// In the place of the cluster. The engine decides as it would there, but nothing is written: a write that would fail a pod
/// stays without outcome, so the engine follows the pod and does no more about it.
struct Recording<'a> {
    begins_at: Timestamp,
    /// By uid.
    stories: BTreeMap<String, Story>,
    /// Uids, in the order in which the pods were first seen.
    order: Vec<String>,
    /// When the present run of failures of a pod's container began.
    streaks: BTreeMap<(String, String), Timestamp>,
    /// The last event about each pod, by uid: what a read would find.
    latest: BTreeMap<String, &'a WirePod>,
}

impl StandIn for Recording<'_> {
    fn carry_out(&mut self, engine: &mut Engine, now: Timestamp, effect: Effect) {
        match effect {
            Effect::Fail(decision) | Effect::Deadline(decision) => self.verdict(now, *decision),
            Effect::Warn(decision) => {
                let (pod, version) = (decision.pod.clone(), decision.resource_version);
                self.verdict(now, *decision);
                accept(engine, now, &pod, version);
            }
            Effect::Remember {
                pod,
                resource_version: version,
                ..
            } => accept(engine, now, &pod, version),
            Effect::Transition(transition) => self.transition(engine, now, transition),
            Effect::Read(pod) => {
                if let Some(pod) = self.latest.get(&pod.uid()) {
                    let source = Source::List;
                    with_snapshot(pod, |pod| engine.handle(now, Input::Pod { pod, source }));
                }
            }
            // The policy never changes here.
            Effect::List => {}
        }
    }
}

/// Answers a write that changes nothing in the recording.
fn accept(engine: &mut Engine, now: Timestamp, pod: &PodRef, version: ResourceVersion) {
    let outcome = Outcome::Accepted(version);
    let uid = &pod.uid();
    engine.handle(now, Input::Outcome { uid, outcome });
}

impl<'a> Recording<'a> {
    /// A pod is about to be shown.
    fn see(
        &mut self,
        event: &Event,
        pod: &'a WirePod,
        snapshot: &PodSnapshot<'_>,
        covered: Result<(), OutOfScope>,
    ) {
        let uid = &pod.metadata.uid;
        self.latest.insert(uid.clone(), pod);
        let story = self.stories.entry(uid.clone()).or_insert_with(|| {
            self.order.push(uid.clone());
            Story::new(
                event.trace,
                format!("{}/{}", snapshot.namespace, snapshot.name),
                self.begins_at,
            )
        });
        story.timeline.see(event.at, snapshot);
        story.aftermath(event.at, snapshot);
        story.out_of_scope = covered.err();
    }

    /// The pod is deleted.
    fn end(&mut self, uid: &str, now: Timestamp) {
        self.latest.remove(uid);
        if let Some(story) = self.stories.get_mut(uid) {
            story.timeline.end(now);
        }
    }

    fn verdict(&mut self, now: Timestamp, decision: Decision) {
        let Some(story) = self.stories.get_mut(&decision.pod.uid()) else {
            return;
        };
        story
            .timeline
            .verdict(now, &decision.container, decision.enforcement);
        if story
            .verdict
            .as_ref()
            .is_none_or(|earlier| earlier.enforcement < decision.enforcement)
        {
            story.verdict = Some(decision.clone());
        }
        let container = decision.container.clone();
        story.entries.push(Entry {
            at: now,
            container,
            what: What::Verdict(decision),
        });
    }

    fn transition(&mut self, engine: &mut Engine, now: Timestamp, transition: Transition) {
        let uid = transition.pod.uid();
        let Some(story) = self.stories.get_mut(&uid) else {
            return;
        };
        let streak = (uid.clone(), transition.container.clone());
        match &transition.kind {
            TransitionKind::Counted {
                cause, failures, ..
            } => {
                let first_at = *self.streaks.entry(streak).or_insert(now);
                story.timeline.counted(now, &transition.container);
                if story
                    .worst
                    .as_ref()
                    .is_none_or(|worst| worst.failures < *failures)
                {
                    story.worst = Some(Streak {
                        container: transition.container.clone(),
                        cause: *cause,
                        failures: *failures,
                        first_at,
                    });
                }
            }
            TransitionKind::StartedOver { why, .. } => {
                self.streaks.remove(&streak);
                if *why == StartedOver::ImageEdited && story.withdraw(now, &transition.container) {
                    let outcome = Outcome::Conflict;
                    engine.handle(now, Input::Outcome { uid: &uid, outcome });
                }
            }
            TransitionKind::Throttled => story.timeline.throttled(now, &transition.container),
            TransitionKind::Recovered { .. } => {
                self.streaks.remove(&streak);
            }
            _ => {}
        }
        // Of a pod that would have failed, only what contradicts the verdict is told.
        if !story.is_failed() {
            let what = What::Noticed(transition.kind);
            story.entries.push(Entry {
                at: now,
                container: transition.container,
                what,
            });
        }
    }
}

/// What happened to each pod, in the order in which they were first seen.
fn into_stories(rehearsal: Rehearsal<Recording<'_>>, end: Timestamp, explain: bool) -> Vec<Story> {
    let (engine, mut recording) = rehearsal.into_parts();
    let mut stories = Vec::with_capacity(recording.order.len());
    for uid in &recording.order {
        let Some(mut story) = recording.stories.remove(uid) else {
            continue;
        };
        if explain {
            story.at_the_end = engine.explain(uid);
            if story.at_the_end.is_empty() {
                story.at_the_end.push(story.not_tracked());
            }
        }
        story.timeline.end(end);
        stories.push(story);
    }
    stories
}

fn with_snapshot(pod: &WirePod, use_it: impl FnOnce(&PodSnapshot<'_>)) {
    let created_at = pod
        .metadata
        .creation_timestamp
        .as_deref()
        .and_then(timestamp::parse);
    // The reader has refused pods of which no snapshot can be taken.
    let _ = pod.snapshot(created_at, use_it);
}

impl Story {
    /// What the recording shows of a pod that would have been failed.
    fn aftermath(&mut self, now: Timestamp, pod: &PodSnapshot<'_>) {
        let Some(decision) = self
            .verdict
            .as_ref()
            .filter(|d| d.enforcement == Enforcement::Fail)
        else {
            return;
        };
        let container = pod.containers.iter().find(|c| c.name == decision.container);
        let same_image = container.filter(|c| c.image == decision.image);
        let what = match (same_image.map(|c| c.state), pod.phase) {
            (Some(ContainerState::Running), _) => What::RanLater,
            (_, Phase::Failed) => What::FailedLater,
            _ => return,
        };
        let container = decision.container.clone();
        let told =
            |entry: &Entry| std::mem::discriminant(&entry.what) == std::mem::discriminant(&what);
        if !self.entries.iter().any(told) {
            self.entries.push(Entry {
                at: now,
                container,
                what,
            });
        }
    }

    /// Why the engine thinks nothing of the pod.
    fn not_tracked(&self) -> Explanation {
        let (point, what) = match self.out_of_scope {
            Some(why) => (Point::Scope, why.to_string()),
            None => (
                Point::Classify,
                "no container waits for its image".to_owned(),
            ),
        };
        let trail = vec![TrailEntry {
            point,
            plugin: "policy",
            what,
        }];
        Explanation {
            container: "the pod".to_owned(),
            image: String::new(),
            trail,
        }
    }

    /// A verdict to fail the pod is void once the image on which it fell was edited; whether there was one.
    fn withdraw(&mut self, now: Timestamp, container: &str) -> bool {
        let void = |decision: &mut Decision| {
            decision.enforcement == Enforcement::Fail && decision.container == container
        };
        let Some(decision) = self.verdict.take_if(void) else {
            return false;
        };
        self.withdrawn = Some(decision);
        let container = container.to_owned();
        self.entries.push(Entry {
            at: now,
            container,
            what: What::Withdrawn,
        });
        true
    }
}
