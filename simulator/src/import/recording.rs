//! All that a recording shows, in one place.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::objects::{Event, Job, JobSpec, Object, Pod};
use super::sights::PodSight;
use crate::replay::moment;
use crate::replay::trace;

/// What was recorded. Times are from its start.
#[derive(Debug, Default)]
pub(super) struct Recording {
    /// In the order in which they were first seen.
    pub(super) pods: Vec<PodSight>,
    /// By namespace and name.
    pub(super) jobs: BTreeMap<(String, String), JobSight>,
    /// Images that lay on the node when a pod needed them.
    pub(super) present: BTreeSet<String>,
    /// How long successful pulls took.
    pub(super) took: BTreeMap<String, Duration>,
    /// From when to when no sandbox could be created.
    pub(super) sandbox_trouble: Option<(Duration, Duration)>,
    /// How long it is.
    pub(super) length: Duration,
    places: BTreeMap<String, usize>,
    /// When a pull was last seen to begin, by pod and image.
    pulling: BTreeMap<(String, String), Duration>,
}

/// What was seen of a Job.
#[derive(Debug)]
pub(super) struct JobSight {
    pub(super) first_at: Duration,
    pub(super) spec: JobSpec,
    /// When it was seen resumed, if it was suspended before.
    pub(super) resumed_at: Option<Duration>,
}

impl Recording {
    /// Gathers what these events show, which are in the order of their times.
    pub(super) fn of(events: Vec<trace::Event<Object>>) -> Self {
        let mut recording = Self::default();
        let Some(begin) = events.first().map(|event| event.at) else {
            return recording;
        };
        for event in events {
            let at = event.at.since(begin);
            recording.length = recording.length.max(at);
            match event.object {
                Some(Object::Pod(pod)) => recording.pod(&pod, event.kind, at),
                Some(Object::Job(job)) => recording.job(*job, at),
                Some(Object::Event(event)) => recording.event(&event, at),
                None => {}
            }
        }
        recording
    }

    fn pod(&mut self, pod: &Pod, kind: trace::EventKind, at: Duration) {
        let created_at = pod.wire.metadata.creation_timestamp.as_deref();
        let created_at = created_at.and_then(moment::parse);
        let see = |seen: &pullstop_core::pod::PodSnapshot<'_>| {
            let place = *self.places.entry(seen.uid.to_owned()).or_insert_with(|| {
                self.pods.push(PodSight::new(pod, seen, at));
                self.pods.len() - 1
            });
            let sight = &mut self.pods[place];
            sight.see(pod, seen, at);
            if kind == trace::EventKind::Deleted {
                sight.gone(at);
            }
        };
        // The reader has refused pods of which no snapshot can be taken.
        let _ = pod.wire.snapshot(created_at, see);
    }

    fn job(&mut self, job: Job, at: Duration) {
        let key = (job.metadata.namespace, job.metadata.name);
        let sight = self.jobs.entry(key).or_insert_with(|| JobSight {
            first_at: at,
            spec: job.spec.clone(),
            resumed_at: None,
        });
        if sight.spec.suspend && !job.spec.suspend {
            sight.resumed_at.get_or_insert(at);
        }
    }

    fn event(&mut self, event: &Event, at: Duration) {
        let image = event
            .message
            .split('"')
            .nth(1)
            .unwrap_or_default()
            .to_owned();
        let key = (event.involved_object.uid.clone(), image.clone());
        match event.reason.as_str() {
            "Pulling" => {
                self.pulling.insert(key, at);
            }
            "Pulled" if event.message.contains("already present") => {
                self.present.insert(image);
            }
            "Pulled" => {
                if let Some(began_at) = self.pulling.get(&key) {
                    self.took.insert(image, at.saturating_sub(*began_at));
                }
            }
            "FailedCreatePodSandBox" => {
                let (from, _) = self.sandbox_trouble.unwrap_or((at, at));
                self.sandbox_trouble = Some((from, at));
            }
            _ => {}
        }
    }
}
