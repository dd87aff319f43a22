//! Simulated Jobs and `ReplicaSets` as objects, and the status that their controllers write.

use std::sync::Arc;

use pullstop_apiserver::Key;
use pullstop_apiserver::QUEUE_LABEL;
use pullstop_apiserver::value::{items, set, text};
use pullstop_cluster::scenario::workload::{
    PodFailureAction, PodFailureMatch, PodFailureRule, PodReplacement, PodTemplate,
};
use pullstop_cluster::world::control::OwnerState;
use pullstop_cluster::world::control::job::JobState;
use pullstop_cluster::world::control::replica_set::ReplicaSetState;
use pullstop_cluster::world::ids::OwnerId;
use pullstop_cluster::world::pod::{Pod, Ready};
use pullstop_core::time::Timestamp;
use serde_json::{Value, json};

use super::template::spec;
use super::{Bridge, CONTROL, Mirror};

/// Finalizers that the garbage collector takes away: its pods go first, or stay.
const FOREGROUND: &str = "foregroundDeletion";
pub(super) const ORPHAN: &str = "orphan";

/// An owner as the store has it.
#[derive(Debug)]
pub(super) struct Shown {
    key: Key,
    object: Arc<Value>,
    /// Whether a client has created it.
    is_adopted: bool,
    /// Whether it was deleted; another may have its name by now.
    is_gone: bool,
}

impl Shown {
    /// What a client has created.
    pub(super) const fn adopted(key: Key, object: Arc<Value>) -> Self {
        Self {
            key,
            object,
            is_adopted: true,
            is_gone: false,
        }
    }

    /// It was deleted.
    pub(super) const fn forget(&mut self) {
        self.is_gone = true;
    }

    /// Whether it is what stands there.
    pub(super) fn is_at(&self, key: &Key) -> bool {
        !self.is_gone && self.key == *key
    }

    /// Its name and what was last seen of it, while it is there.
    pub(super) fn seen(&self, id: OwnerId) -> Option<(OwnerId, Key, Arc<Value>)> {
        (!self.is_gone).then(|| (id, self.key.clone(), Arc::clone(&self.object)))
    }

    /// `spec.template`, if a client has written it.
    pub(super) fn own_template(&self) -> Option<&Value> {
        self.is_adopted.then(|| &self.object["spec"]["template"])
    }

    /// `metadata.uid`.
    pub(super) fn uid(&self) -> Value {
        self.object["metadata"]["uid"].clone()
    }
}

impl Bridge {
    /// Shows what is new of Jobs and `ReplicaSets`.
    pub(super) fn show_owners(&mut self) {
        for place in 0..self.world.control.owners().len() {
            let id = OwnerId::at(place);
            match self.owners.get(&id) {
                None => self.show_new_owner(id),
                Some(_) => self.show_status(id),
            }
        }
    }

    fn show_new_owner(&mut self, id: OwnerId) {
        let object = match &self.world.control.owners()[id.index()] {
            OwnerState::Job(job) => self.job(job),
            OwnerState::ReplicaSet(set) => self.replica_set(set),
        };
        // Their kinds are served, and their names are not empty.
        let Ok(object) = self.store.put(object, CONTROL) else {
            return;
        };
        let (group, resource) = match text(&object, "/kind") {
            "Job" => ("batch", "jobs"),
            _ => ("apps", "replicasets"),
        };
        let (namespace, name) = (
            text(&object, "/metadata/namespace"),
            text(&object, "/metadata/name"),
        );
        let key = Key::of(group, resource, namespace, name);
        let shown = Shown {
            key,
            object,
            is_adopted: false,
            is_gone: false,
        };
        self.owners.insert(id, shown);
        self.show_status(id);
    }

    fn show_status(&mut self, id: OwnerId) {
        let Some(shown) = self.owners.get(&id).filter(|shown| !shown.is_gone) else {
            return;
        };
        let state = &self.world.control.owners()[id.index()];
        if state.is_removed() {
            self.finish_removed(id);
            return;
        }
        let (status, suspended) = match state {
            OwnerState::Job(job) => (
                self.job_status(job, &shown.object),
                Some(job.started_at.is_none()),
            ),
            OwnerState::ReplicaSet(set) => (self.replica_set_status(set), None),
        };
        if shown.object["status"] == status {
            return;
        }
        let written = self.store.update(&shown.key, CONTROL, |object| {
            object["status"] = status;
            if let Some(suspended) = suspended {
                object["spec"]["suspend"] = suspended.into();
            }
        });
        if let (Some(written), Some(shown)) = (written, self.owners.get_mut(&id)) {
            shown.object = written;
        }
    }

    /// A Job that was to go first lets its pods go; then it is gone.
    fn finish_removed(&mut self, id: OwnerId) {
        let is_its = |mirror: &Mirror| mirror.shown.owner.is_some_and(|owner| owner.id == id);
        let waits = self.pods.values().any(is_its);
        let Some(shown) = self.owners.get_mut(&id) else {
            return;
        };
        let uid = shown.uid();
        let object = self.store.get(&shown.key);
        let object = object.filter(|object| object["metadata"]["uid"] == uid);
        let finalizers = object
            .as_ref()
            .map_or(&[][..], |object| items(object, "/metadata/finalizers"));
        if waits && finalizers.contains(&FOREGROUND.into()) {
            return;
        }
        shown.forget();
        let is_others = |one: &Value| ![FOREGROUND, ORPHAN].contains(&one.as_str().unwrap_or(""));
        let left: Vec<Value> = finalizers
            .iter()
            .filter(|one| is_others(one))
            .cloned()
            .collect();
        if object.is_some() && left.is_empty() {
            self.store.delete(&shown.key, CONTROL);
        } else if object.is_some() {
            self.store.update(&shown.key, CONTROL, |object| {
                object["metadata"]["finalizers"] = left.into();
            });
        }
    }

    fn job(&self, job: &JobState) -> Value {
        let of = &job.spec;
        let mut spec = json!({
            "completions": of.completions, "parallelism": of.parallelism,
            "completionMode": if of.indexed { "Indexed" } else { "NonIndexed" },
            "backoffLimit": of.backoff_limit, "suspend": true,
            "podReplacementPolicy": match of.replacement {
                PodReplacement::Failed => "Failed",
                PodReplacement::TerminatingOrFailed => "TerminatingOrFailed",
            },
            "template": {"spec": template(job.template())},
        });
        let mut optional = |member: &str, value: Option<Value>| set(&mut spec, member, value);
        let per_index = of.backoff_limit_per_index.map(Value::from);
        optional("backoffLimitPerIndex", per_index);
        optional("maxFailedIndexes", of.failed_indexes_max.map(Value::from));
        let seconds = |time: std::time::Duration| time.as_secs().into();
        let ttl = of.ttl_after_finished.map(seconds);
        optional("ttlSecondsAfterFinished", ttl);
        optional("activeDeadlineSeconds", of.active_deadline.map(seconds));
        if !of.pod_failure_policy.is_empty() {
            let rules: Vec<Value> = of.pod_failure_policy.iter().map(rule).collect();
            optional("podFailurePolicy", Some(json!({"rules": rules})));
        }
        let mut object = json!({
            "apiVersion": "batch/v1", "kind": "Job",
            "metadata": {
                "name": job.name, "namespace": job.namespace(), "generation": 1,
                "creationTimestamp": self.stamp(job.created_at),
            },
            "spec": spec,
        });
        if let Some(queue) = &of.queue {
            object["metadata"]["labels"] = json!({ QUEUE_LABEL: queue });
        }
        object
    }

    fn replica_set(&self, of: &ReplicaSetState) -> Value {
        let labels = json!({"app.kubernetes.io/name": of.name});
        json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {
                "name": of.name, "namespace": of.namespace(), "generation": 1, "labels": labels,
                "creationTimestamp": self.stamp(self.world.cluster.now),
            },
            "spec": {
                "replicas": of.replicas(), "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": template(of.template())},
            },
        })
    }

    fn replica_set_status(&self, set: &ReplicaSetState) -> Value {
        let is_active = |pod: &&Arc<Pod>| !pod.is_terminal() && pod.deleting_since.is_none();
        let pods = set.pods().iter();
        let pods = pods.filter_map(|pod| self.world.cluster.api.get(*pod));
        let (mut replicas, mut ready) = (0_u32, 0_u32);
        for pod in pods.filter(is_active) {
            replicas += 1;
            ready += u32::from(pod.status.conditions.ready == Ready::Yes);
        }
        let mut status = json!({"replicas": replicas});
        if ready > 0 {
            status["readyReplicas"] = ready.into();
            status["availableReplicas"] = ready.into();
        }
        status
    }

    fn job_status(&self, job: &JobState, shown: &Value) -> Value {
        let mut status = json!({});
        if let Some(at) = job.started_at {
            status["startTime"] = self.stamp(at).into();
        }
        if let Some(finished) = job.finished.filter(|end| end.failed_for.is_none()) {
            status["completionTime"] = self.stamp(finished.at).into();
        }
        let active = u64::try_from(job.active(&self.world.cluster)).unwrap_or(u64::MAX);
        for (member, count) in [
            ("active", active),
            ("failed", job.failed.into()),
            ("succeeded", job.succeeded.into()),
        ] {
            set(&mut status, member, (count > 0).then(|| count.into()));
        }
        let conditions = self.job_conditions(job, shown);
        if !conditions.is_empty() {
            status["conditions"] = conditions.into();
        }
        status
    }

    fn job_conditions(&self, job: &JobState, shown: &Value) -> Vec<Value> {
        let mut all: Vec<(&str, &str, &str, Timestamp)> = Vec::new();
        let waited = job.spec.queue.is_some() || job.spec.suspended_until.is_some();
        match job.started_at {
            None => all.push(("Suspended", "True", "JobSuspended", job.created_at)),
            Some(at) if waited => all.push(("Suspended", "False", "JobResumed", at)),
            Some(_) => {}
        }
        if let Some(reason) = job.failing_for() {
            all.push(("FailureTarget", "True", reason, self.world.cluster.now));
        }
        if let Some(finished) = job.finished {
            let kinds: &[&str] = match finished.failed_for {
                Some(_) => &["Failed"],
                None => &["SuccessCriteriaMet", "Complete"],
            };
            let reason = finished.failed_for.unwrap_or("CompletionsReached");
            all.extend(
                kinds
                    .iter()
                    .map(|kind| (*kind, "True", reason, finished.at)),
            );
        }
        let condition = |(kind, status, reason, at): (&str, &str, &str, Timestamp)| {
            // What stood there before keeps its times.
            let mut before = items(shown, "/status/conditions").iter();
            let same = before.find(|old| old["type"] == kind && old["status"] == status);
            let now = self.stamp(at);
            same.cloned().unwrap_or_else(|| {
                json!({
                    "type": kind, "status": status, "reason": reason,
                    "lastProbeTime": now, "lastTransitionTime": now,
                })
            })
        };
        all.into_iter().map(condition).collect()
    }
}

/// `spec` of a pod template.
fn template(template: &PodTemplate) -> Value {
    spec(template, |place| {
        template.containers[place].image.as_str().into()
    })
}

fn rule(rule: &PodFailureRule) -> Value {
    let action = match rule.action {
        PodFailureAction::FailJob => "FailJob",
        PodFailureAction::FailIndex => "FailIndex",
        PodFailureAction::Ignore => "Ignore",
        PodFailureAction::Count => "Count",
    };
    match &rule.on {
        PodFailureMatch::Condition(name) => {
            json!({"action": action, "onPodConditions": [{"type": name, "status": "True"}]})
        }
        PodFailureMatch::ExitCodes(codes) => {
            json!({"action": action, "onExitCodes": {"operator": "In", "values": codes}})
        }
    }
}
