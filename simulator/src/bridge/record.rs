//! Records a simulated cluster: the watch stream of its pods, Jobs and Events, as `enforcer record` would have it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::sync::Arc;

use pullstop_apiserver::pod::begin;
use pullstop_cluster::world::api::{Change, ChangeKind, Writer};
use pullstop_cluster::world::control::OwnerState;
use pullstop_cluster::world::control::job::JobState;
use pullstop_cluster::world::ids::PodId;
use pullstop_cluster::world::kubelet::EventWritten;
use pullstop_cluster::world::pod::Pod;
use pullstop_cluster::world::{World, ZERO};
use pullstop_core::wire::timestamp;
use serde_json::{Value, json};

use super::pod::{change, owner_reference};
use super::status::{self, conditions, set_condition};
use super::template::spec;

/// Runs `world` to its end and writes what a watch of it shows, one JSON object a line. The world should have been made
/// with [`pullstop_cluster::world::RunOptions::events`].
///
/// # Errors
/// If `out` cannot be written to.
pub fn record(world: World, out: &mut dyn Write) -> io::Result<()> {
    let mut recorder = Recorder {
        world,
        out,
        pods: BTreeMap::new(),
        jobs_seen: 0,
        waiting: BTreeSet::new(),
    };
    recorder.world.tell_outside();
    recorder.show()?;
    while let Some(next) = recorder.world.next_at() {
        recorder.world.run_until(next);
        recorder.show()?;
    }
    Ok(())
}

struct Recorder<'a> {
    world: World,
    out: &'a mut dyn Write,
    /// Pods that are there.
    pods: BTreeMap<PodId, Shown>,
    /// How many Jobs and `ReplicaSets` were looked at.
    jobs_seen: usize,
    /// Jobs that were suspended when they were last seen.
    waiting: BTreeSet<usize>,
}

/// A pod as it was last written.
struct Shown {
    pod: Arc<Pod>,
    object: Value,
    /// How many of its Events were written.
    events: usize,
}

impl Recorder<'_> {
    fn show(&mut self) -> io::Result<()> {
        self.show_jobs()?;
        for change in self.world.take_changes() {
            self.show_change(&change)?;
        }
        self.show_events()
    }

    /// Jobs, when they come and when they are resumed.
    fn show_jobs(&mut self) -> io::Result<()> {
        let owners = self.world.control.owners();
        let is_suspended = |job: &JobState| {
            job.started_at.is_none()
                && (job.spec.queue.is_some() || job.spec.suspended_until.is_some())
        };
        let mut lines = Vec::new();
        for (place, owner) in owners.iter().enumerate().skip(self.jobs_seen) {
            if let OwnerState::Job(job) = owner {
                lines.push(("ADDED", job_object(job, is_suspended(job))));
                if is_suspended(job) {
                    self.waiting.insert(place);
                }
            }
        }
        self.jobs_seen = owners.len();
        self.waiting.retain(|place| match &owners[*place] {
            OwnerState::Job(job) if is_suspended(job) => true,
            OwnerState::Job(job) => {
                lines.push(("MODIFIED", job_object(job, false)));
                false
            }
            OwnerState::ReplicaSet(_) => false,
        });
        lines
            .into_iter()
            .try_for_each(|(kind, object)| self.write(kind, &object))
    }

    fn show_change(&mut self, change: &Change) -> io::Result<()> {
        let pod = &change.pod;
        match change.kind {
            ChangeKind::Created => {
                let object = self.pod_object(pod);
                self.write("ADDED", &object)?;
                let pod = Arc::clone(pod);
                self.pods.insert(
                    pod.id,
                    Shown {
                        pod,
                        object,
                        events: 0,
                    },
                );
                Ok(())
            }
            ChangeKind::Changed { .. } => self.show_changed(pod, change.by),
            ChangeKind::Removed => match self.pods.remove(&pod.id) {
                Some(shown) => self.write("DELETED", &shown.object),
                None => Ok(()),
            },
        }
    }

    fn show_changed(&mut self, pod: &Arc<Pod>, by: Writer) -> io::Result<()> {
        let now = timestamp::print_seconds(self.world.cluster.now);
        let Some(mut shown) = self.pods.remove(&pod.id) else {
            return Ok(());
        };
        let cluster = &self.world.cluster;
        match by {
            Writer::Kubelet => {
                let times = status::Times {
                    began: ZERO,
                    now: &now,
                };
                status::publish(&mut shown.object, pod, None, cluster, &times);
            }
            Writer::Other => change(&mut shown.object, &shown.pod, pod, None, cluster, &now),
        }
        shown.pod = Arc::clone(pod);
        shown.object["metadata"]["resourceVersion"] = pod.version.to_string().into();
        self.write("MODIFIED", &shown.object)?;
        self.pods.insert(pod.id, shown);
        Ok(())
    }

    fn pod_object(&self, pod: &Pod) -> Value {
        let created = timestamp::print_seconds(pod.created_at);
        let supply = &self.world.cluster.supply;
        let mut object = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": pod.names.name, "namespace": pod.names.namespace, "uid": pod.names.uid,
                "resourceVersion": pod.version.to_string(), "creationTimestamp": created,
            },
            "spec": spec(&pod.template, |place| Arc::clone(supply.name(pod.images[place]))),
        });
        if let Some(owner) = pod.owner {
            let state = &self.world.control.owners()[owner.id.index()];
            // Which Job it was is known by its name.
            let reference = owner_reference(owner, state, &Value::from(state.name()));
            object["metadata"]["ownerReferences"] = json!([reference]);
        }
        begin(&mut object);
        if pod.template.gated_until.is_some() {
            let gated = ("PodScheduled", "False", Some("SchedulingGated"));
            set_condition(conditions(&mut object), gated, &created);
        }
        object
    }

    fn show_events(&mut self) -> io::Result<()> {
        let mut lines = Vec::new();
        for (id, shown) in &mut self.pods {
            let written = self.world.kubelets.events(*id);
            lines.extend(
                written[shown.events..]
                    .iter()
                    .map(|event| event_object(&shown.pod, event)),
            );
            shown.events = written.len();
        }
        lines
            .into_iter()
            .try_for_each(|object| self.write("ADDED", &object))
    }

    fn write(&mut self, kind: &str, object: &Value) -> io::Result<()> {
        let received = timestamp::print(self.world.cluster.now);
        let line = json!({"received": received, "type": kind, "object": object});
        serde_json::to_writer(&mut *self.out, &line)?;
        self.out.write_all(b"\n")
    }
}

fn job_object(job: &JobState, is_suspended: bool) -> Value {
    json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {
            "name": job.name, "namespace": job.namespace(),
            "creationTimestamp": timestamp::print_seconds(job.created_at),
        },
        "spec": {
            "completions": job.spec.completions, "parallelism": job.spec.parallelism, "suspend": is_suspended,
        },
    })
}

fn event_object(pod: &Pod, event: &EventWritten) -> Value {
    let (first, last) = (
        timestamp::print_seconds(event.first_at),
        timestamp::print_seconds(event.at),
    );
    json!({
        "apiVersion": "v1", "kind": "Event",
        "metadata": {"name": format!("{}.{:x}", pod.names.name, event.object + 1), "namespace": pod.names.namespace},
        "involvedObject": {"kind": "Pod", "name": pod.names.name, "namespace": pod.names.namespace, "uid": pod.names.uid},
        "type": if event.kind.is_warning() { "Warning" } else { "Normal" },
        "reason": event.kind.as_str(), "message": *event.message, "count": event.count,
        "firstTimestamp": first, "lastTimestamp": last,
    })
}
