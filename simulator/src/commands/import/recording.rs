//! All that the recordings show, merged.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pullstop_core::pod::PodSnapshot;
use pullstop_core::time::Timestamp;
use pullstop_core::wire::timestamp;

use super::observed::{self, ObservedPod};
use crate::recorded::objects::{Event, Job, JobSpec, Object, Pod};
use crate::trace;

/// A pod that was failing when the recording began is played from its creation, but from no longer before: after less
/// its back-off is the longest there is.
const BEFORE_MAX: Duration = Duration::from_secs(30 * 60);

/// What was recorded. Times are from its start, or from when a pod was created that was failing by then.
#[derive(Debug, Default)]
pub(super) struct Recording {
    /// In the order in which they were first seen.
    pub(super) pods: Vec<ObservedPod>,
    /// Those that had ended before they were first seen: there is nothing to play.
    pub(super) over: Vec<String>,
    /// By namespace and name.
    pub(super) jobs: BTreeMap<(String, String), ObservedJob>,
    /// Images that lay on the node when a pod needed them.
    pub(super) present: BTreeSet<String>,
    /// How long successful pulls took.
    pub(super) took: BTreeMap<String, Duration>,
    /// From when to when no sandbox could be created.
    pub(super) sandbox_fault: Option<(Duration, Duration)>,
    /// When it begins.
    pub(super) begin: Option<Timestamp>,
    /// How long it is.
    pub(super) length: Duration,
    places: BTreeMap<String, usize>,
    /// When a pull was last seen to begin, by pod and image.
    pulling: BTreeMap<(String, String), Duration>,
}

/// What was seen of a Job.
#[derive(Debug)]
pub(super) struct ObservedJob {
    pub(super) first_at: Duration,
    pub(super) spec: JobSpec,
    /// When it was seen resumed, if it was suspended before.
    pub(super) resumed_at: Option<Duration>,
}

impl Recording {
    /// Gathers what these events show, which are in the order of their times.
    pub(super) fn of(events: Vec<trace::Event<Object>>) -> Self {
        let mut recording = Self::default();
        let Some(begin) = begin(&events) else {
            return recording;
        };
        recording.begin = Some(begin);
        for event in events {
            let at = event.at.since(begin);
            recording.length = recording.length.max(at);
            match event.object {
                Some(Object::Pod(pod)) => recording.pod(&pod, event.kind, begin, at),
                Some(Object::Job(job)) => recording.job(*job, at),
                Some(Object::Event(event)) => recording.event(&event, at),
                None => {}
            }
        }
        let (over, pods): (Vec<_>, Vec<_>) =
            recording.pods.into_iter().partition(|pod| pod.was_over);
        recording.pods = pods;
        recording.over = over.into_iter().map(|pod| pod.name).collect();
        recording
    }

    fn pod(&mut self, pod: &Pod, kind: trace::EventKind, begin: Timestamp, at: Duration) {
        let see = |seen: &PodSnapshot<'_>| {
            let place = *self.places.entry(seen.uid.to_owned()).or_insert_with(|| {
                let created_at = seen.created_at.filter(|_| observed::is_failing(seen));
                let first_at = created_at.map_or(at, |created| created.since(begin).min(at));
                self.pods.push(ObservedPod::new(pod, seen, first_at));
                self.pods.len() - 1
            });
            let observed_pod = &mut self.pods[place];
            observed_pod.see(pod, seen, at);
            if kind == trace::EventKind::Deleted {
                observed_pod.gone(at);
            }
        };
        snapshot(pod, see);
    }

    /// The image whose pull hung when the pod was last seen, if nothing else is known of the image.
    pub(super) fn hung<'a>(&self, pod: &'a ObservedPod) -> Option<&'a str> {
        pod.pulling().filter(|image| !self.knows(image))
    }

    /// Images whose pulls hung, and for how long; none until the recording ended.
    pub(super) fn all_hung(&self) -> BTreeMap<&str, Option<Duration>> {
        let mut all = BTreeMap::new();
        for pod in &self.pods {
            for container in &pod.containers {
                let given_up = container.given_up.as_deref().filter(|i| !self.knows(i));
                if let (Some(image), Some(at)) = (given_up, container.first_sight()) {
                    all.insert(image, Some(at.saturating_sub(pod.first_at)));
                }
            }
            all.extend(self.hung(pod).map(|image| (image, None)));
        }
        all
    }

    /// Whether the end of a pull of the image was seen, or the image.
    fn knows(&self, image: &str) -> bool {
        let mut all = self.pods.iter().flat_map(|pod| &pod.containers);
        self.present.contains(image)
            || all.any(|container| {
                container.had.iter().any(|(_, had)| had == image)
                    || container
                        .failures
                        .iter()
                        .any(|(_, words)| words.image == image)
            })
    }

    fn job(&mut self, job: Job, at: Duration) {
        let key = (job.metadata.namespace, job.metadata.name);
        let observed_pod = self.jobs.entry(key).or_insert_with(|| ObservedJob {
            first_at: at,
            spec: job.spec.clone(),
            resumed_at: None,
        });
        if observed_pod.spec.suspend && !job.spec.suspend {
            observed_pod.resumed_at.get_or_insert(at);
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
                let (from, _) = self.sandbox_fault.unwrap_or((at, at));
                self.sandbox_fault = Some((from, at));
            }
            _ => {}
        }
    }
}

/// When the scenario begins: with the first event, or when a pod was created that is failing when it is first seen.
fn begin(events: &[trace::Event<Object>]) -> Option<Timestamp> {
    let first = events.first()?.at;
    let earliest = Timestamp::from_millis(
        first
            .as_millis()
            .saturating_sub(BEFORE_MAX.as_secs() * 1000),
    );
    let (mut known, mut begin) = (BTreeSet::new(), first);
    for event in events {
        let Some(Object::Pod(pod)) = &event.object else {
            continue;
        };
        snapshot(pod, |seen| {
            let is_new = known.insert(seen.uid.to_owned());
            if let Some(created_at) = seen
                .created_at
                .filter(|_| is_new && observed::is_failing(seen))
            {
                begin = begin.min(created_at.max(earliest));
            }
        });
    }
    Some(begin)
}

/// Shows the pod; the reader has refused those of which no snapshot can be taken.
fn snapshot(pod: &Pod, see: impl FnOnce(&PodSnapshot<'_>)) {
    let created_at = pod.wire.metadata.creation_timestamp.as_deref();
    let _ = pod
        .wire
        .snapshot(created_at.and_then(timestamp::parse), see);
}
