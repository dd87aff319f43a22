//! Watches recorded pods for what thresholds depend on: failing spells, pulls, arrivals and waits.
//!
//! Only pods that are still there are kept; of the others, what was observed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pullstop_cluster::scenario::quantity::{cpu_millis, mebibytes};
use pullstop_core::classify::Classifier;
use pullstop_core::pod::PodSnapshot;
use pullstop_core::time::Timestamp;
use pullstop_core::wire::timestamp;

use super::container::{Context, Sight};
use super::pulled;
use super::seen::{Arrival, Lasted, Pull, Seen, host_of};
use crate::recorded::objects::{Event, Job, Object, Pod};
use crate::trace::{self, EventKind};

/// The pods of a Job that come within this time of the first are those that it wants at once.
const TOGETHER: Duration = Duration::from_secs(60);
/// Creation times are whole seconds.
const SECOND: Duration = Duration::from_secs(1);

/// Gathers what recordings show. They should be given in the order of their times.
pub(super) struct Observer<'c> {
    classifier: &'c Classifier,
    pods: BTreeMap<String, Live>,
    /// The arrival that a Job is, by namespace and name; none if it was there before.
    jobs: BTreeMap<(String, String), Option<usize>>,
    /// Jobs that are suspended, and since when.
    suspended: BTreeMap<(String, String), Timestamp>,
    /// When a container last got an image from a registry.
    worked_at: BTreeMap<Arc<str>, Timestamp>,
    /// When the present recording began, and its latest event.
    span: Option<(Timestamp, Timestamp)>,
    seen: Seen,
}

/// A pod that is there.
#[derive(Default)]
struct Live {
    containers: Vec<Sight>,
    arrival: Option<usize>,
    /// When its first main container was seen running.
    ran_at: Option<Timestamp>,
    is_over: bool,
    gated_since: Option<Timestamp>,
    /// Pulls that were seen to begin.
    pulling: BTreeMap<String, Timestamp>,
}

impl<'c> Observer<'c> {
    pub(super) fn new(classifier: &'c Classifier) -> Self {
        Self {
            classifier,
            pods: BTreeMap::new(),
            jobs: BTreeMap::new(),
            suspended: BTreeMap::new(),
            worked_at: BTreeMap::new(),
            span: None,
            seen: Seen::default(),
        }
    }

    /// How many events were taken in.
    pub(super) const fn events(&self) -> u64 {
        self.seen.events
    }

    /// The next event of the present recording.
    pub(super) fn take(&mut self, event: trace::Event<Object>) {
        let at = event.at;
        self.seen.events += 1;
        let span = self.span.get_or_insert((at, at));
        span.1 = span.1.max(at);
        match event.object {
            Some(Object::Pod(pod)) => self.pod(&pod, event.kind, at),
            Some(Object::Job(job)) => self.job(&job, event.kind, at),
            Some(Object::Event(event)) => self.event(&event, at),
            None => {}
        }
    }

    /// The present recording has ended; another may follow.
    pub(super) fn end_of_recording(&mut self) {
        self.seen.spans.extend(self.span.take());
    }

    /// All that was seen, once the last recording has ended.
    pub(super) fn finish(mut self) -> Seen {
        let end = self.seen.spans.iter().map(|(_, end)| *end).max();
        let end = end.unwrap_or(Timestamp::from_millis(0));
        for mut pod in std::mem::take(&mut self.pods).into_values() {
            if let Some(ran_at) = pod.ran_at.filter(|_| !pod.is_over) {
                self.seen.runs.push(Lasted::at_least(end.since(ran_at)));
            }
            for container in &mut pod.containers {
                container.give_up(end, pod.arrival, &mut self.seen);
            }
        }
        for since in self.suspended.values() {
            self.seen.waits.push(Lasted::at_least(end.since(*since)));
        }
        self.seen
    }

    fn pod(&mut self, pod: &Pod, kind: EventKind, at: Timestamp) {
        let created = pod.wire.metadata.creation_timestamp.as_deref();
        let created = created.and_then(timestamp::parse);
        let gated = pod.wire.status.conditions.iter().any(|condition| {
            condition.r#type == "PodScheduled"
                && condition.reason.as_deref() == Some("SchedulingGated")
        });
        // The reader has refused those of which no snapshot can be taken.
        let _ = pod.wire.snapshot(created, |snapshot| {
            self.snapshot(pod, snapshot, gated, at);
            if kind == EventKind::Deleted {
                self.gone(snapshot.uid, at);
            }
        });
    }

    fn snapshot(&mut self, pod: &Pod, snapshot: &PodSnapshot<'_>, gated: bool, at: Timestamp) {
        let mut live = match self.pods.remove(snapshot.uid) {
            Some(live) => live,
            None => self.new_pod(pod, snapshot, at),
        };
        if let Some(node) = snapshot.node
            && !self.seen.nodes.contains(node)
        {
            self.seen.nodes.insert(node.to_owned());
        }
        match live.gated_since {
            None if gated => live.gated_since = Some(at),
            Some(since) if !gated => {
                self.seen.waits.push(Lasted::exactly(at.since(since)));
                live.gated_since = None;
            }
            _ => {}
        }
        if !live.is_over {
            self.look(pod, snapshot, &mut live, at);
        }
        self.pods.insert(snapshot.uid.to_owned(), live);
    }

    fn look(&mut self, pod: &Pod, snapshot: &PodSnapshot<'_>, live: &mut Live, at: Timestamp) {
        for container in snapshot.containers {
            let known = live.containers.iter_mut().find(|c| c.is(container));
            let Some(known) = known else {
                continue;
            };
            let mut context = Context {
                classifier: self.classifier,
                worked_at: &mut self.worked_at,
                seen: &mut self.seen,
            };
            known.see(
                container,
                pod.more.status.has_started(container.name),
                at,
                &mut context,
            );
        }
        let main = live.containers.iter().find(|c| c.is_main());
        if main.is_some_and(Sight::has_image) {
            live.ran_at.get_or_insert(at);
        }
        if snapshot.phase.is_terminal() {
            live.is_over = true;
            if let Some(ran_at) = live.ran_at {
                self.seen.runs.push(Lasted::exactly(at.since(ran_at)));
            }
            for container in &mut live.containers {
                container.give_up(at, live.arrival, &mut self.seen);
            }
            live.containers = Vec::new();
            live.pulling = BTreeMap::new();
        }
    }

    fn new_pod(&mut self, pod: &Pod, snapshot: &PodSnapshot<'_>, at: Timestamp) -> Live {
        self.seen.pods += 1;
        let began = self.span.map_or(at, |(began, _)| began);
        // Pods that were there before are listed when a recording begins.
        let is_new = snapshot
            .created_at
            .is_none_or(|created| created.after(SECOND) > began);
        let containers: Vec<Sight> = snapshot.containers.iter().filter_map(Sight::new).collect();
        let arrival = self.arrive(pod, snapshot, is_new, at);
        Live {
            is_over: snapshot.phase.is_terminal(),
            containers,
            arrival,
            ..Live::default()
        }
    }

    /// The arrival that this new pod is, or belongs to.
    fn arrive(
        &mut self,
        pod: &Pod,
        snapshot: &PodSnapshot<'_>,
        is_new: bool,
        at: Timestamp,
    ) -> Option<usize> {
        let job = snapshot.owner.filter(|owner| owner.kind == "Job");
        let key = job.map(|job| (snapshot.namespace.to_owned(), job.name.to_owned()));
        if let Some(known) = key.as_ref().and_then(|key| self.jobs.get(key)) {
            let arrival = self.seen.arrivals.get_mut((*known)?)?;
            if at.since(arrival.at) <= TOGETHER {
                arrival.pods += 1;
            }
            return *known;
        }
        let main = snapshot.containers.first()?;
        let arrival = is_new.then(|| {
            let policies = &pod.more.spec.containers;
            self.seen.arrivals.push(Arrival {
                at,
                host: host_of(main.image),
                is_job: job.is_some(),
                pods: 1,
                requests: requests(pod),
                always_pulls: policies.iter().any(|c| c.image_pull_policy == "Always"),
                is_hopeless: false,
            });
            self.seen.arrivals.len() - 1
        });
        if let Some(key) = key {
            self.jobs.insert(key, arrival);
        }
        arrival
    }

    fn gone(&mut self, uid: &str, at: Timestamp) {
        let Some(mut live) = self.pods.remove(uid) else {
            return;
        };
        for container in &mut live.containers {
            container.give_up(at, live.arrival, &mut self.seen);
        }
        if let Some(ran_at) = live.ran_at.filter(|_| !live.is_over) {
            self.seen.runs.push(Lasted::at_least(at.since(ran_at)));
        }
    }

    fn job(&mut self, job: &Job, kind: EventKind, at: Timestamp) {
        let key = (job.metadata.namespace.clone(), job.metadata.name.clone());
        if kind == EventKind::Deleted {
            self.jobs.remove(&key);
        }
        if job.spec.suspend && kind != EventKind::Deleted {
            self.suspended.entry(key).or_insert(at);
        } else if let Some(since) = self.suspended.remove(&key) {
            let waited = at.since(since);
            let lasted = if job.spec.suspend {
                Lasted::at_least(waited)
            } else {
                Lasted::exactly(waited)
            };
            self.seen.waits.push(lasted);
        }
    }

    fn event(&mut self, event: &Event, at: Timestamp) {
        let image = event.message.split('"').nth(1).unwrap_or_default();
        let Some(live) = self.pods.get_mut(&event.involved_object.uid) else {
            return;
        };
        match event.reason.as_str() {
            "Pulling" => {
                live.pulling.insert(image.to_owned(), at);
            }
            "Pulled" if event.message.starts_with("Successfully pulled") => {
                let began = live.pulling.remove(image);
                let told = pulled::read(&event.message);
                let took = told.took.or_else(|| began.map(|began| at.since(began)));
                if let Some(took) = took {
                    let host = host_of(image);
                    self.worked_at.insert(Arc::clone(&host), at);
                    self.seen.pulls.push(Pull {
                        host,
                        took,
                        bytes: told.bytes,
                    });
                }
            }
            _ => {}
        }
    }
}

/// CPUs in thousandths, memory in MiB and GPUs of one pod; what cannot be read counts as nothing.
fn requests(pod: &Pod) -> (u64, u64, u64) {
    let mut sum = (0u64, 0u64, 0u64);
    for (name, amount) in pod
        .more
        .spec
        .containers
        .iter()
        .flat_map(|c| &c.resources.requests)
    {
        let (into, amount) = match name.as_str() {
            "cpu" => (&mut sum.0, cpu_millis(amount).ok()),
            "memory" => (&mut sum.1, mebibytes(amount).ok()),
            "nvidia.com/gpu" => (&mut sum.2, amount.parse().ok()),
            _ => continue,
        };
        *into = into.saturating_add(amount.unwrap_or_default());
    }
    sum
}
