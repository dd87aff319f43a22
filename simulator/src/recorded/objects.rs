//! Recorded objects: the fields of pods, Jobs and Events that are read.

use std::collections::BTreeMap;

use pullstop_cluster::input_error::InputError;
use pullstop_core::wire::{WirePod, timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::trace::Reader;

/// An object of a recording.
#[derive(Debug)]
pub(crate) enum Object {
    Pod(Box<Pod>),
    Job(Box<Job>),
    Event(Box<Event>),
}

/// A pod: what verdicts need of it, and the rest.
#[derive(Debug)]
pub(crate) struct Pod {
    pub(crate) wire: WirePod,
    pub(crate) more: MoreOfPod,
}

/// What verdicts do not need.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct MoreOfPod {
    metadata: PodMetadata,
    pub(crate) spec: PodSpec,
    pub(crate) status: PodStatus,
}

impl MoreOfPod {
    /// Which completion of an indexed Job the pod stands for.
    pub(crate) fn completion_index(&self) -> Option<u32> {
        let annotations = self.metadata.annotations.as_ref()?;
        annotations.completion_index.as_ref()?.parse().ok()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PodMetadata {
    annotations: Option<Annotations>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Annotations {
    #[serde(rename = "batch.kubernetes.io/job-completion-index")]
    completion_index: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PodSpec {
    pub(crate) active_deadline_seconds: Option<u64>,
    pub(crate) image_pull_secrets: Vec<Named>,
    pub(crate) init_containers: Vec<Container>,
    pub(crate) containers: Vec<Container>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Named {
    pub(crate) name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Container {
    pub(crate) name: String,
    pub(crate) image_pull_policy: String,
    pub(crate) resources: Resources,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Resources {
    pub(crate) requests: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PodStatus {
    pub(crate) reason: String,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) init_container_statuses: Vec<ContainerStatus>,
    pub(crate) container_statuses: Vec<ContainerStatus>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Condition {
    r#type: String,
    status: String,
}

impl PodStatus {
    /// Whether images can be pulled, since the sandbox is up.
    pub(crate) fn has_sandbox(&self) -> bool {
        let mut all = self.conditions.iter();
        all.any(|c| c.r#type == "PodReadyToStartContainers" && c.status == "True")
    }

    /// Whether a container that has ended had started: the kubelet makes up an end for those that had not, which has no
    /// start.
    pub(crate) fn has_started(&self, container: &str) -> bool {
        let mut all = self
            .init_container_statuses
            .iter()
            .chain(&self.container_statuses);
        let status = all.find(|status| status.name == container);
        let ended = status.and_then(|status| status.state.terminated.as_ref());
        let started = ended.and_then(|ended| timestamp::parse(ended.started_at.as_deref()?));
        started.is_some_and(|at| at.as_millis() > 0)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ContainerStatus {
    pub(crate) name: String,
    pub(crate) state: State,
    pub(crate) last_state: State,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct State {
    pub(crate) terminated: Option<Terminated>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Terminated {
    pub(crate) exit_code: i32,
    pub(crate) started_at: Option<String>,
    pub(crate) finished_at: Option<String>,
}

/// A Job.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Job {
    pub(crate) metadata: JobMetadata,
    pub(crate) spec: JobSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct JobMetadata {
    pub(crate) name: String,
    pub(crate) namespace: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct JobSpec {
    pub(crate) parallelism: Option<u32>,
    pub(crate) completions: Option<u32>,
    pub(crate) completion_mode: Option<String>,
    pub(crate) backoff_limit: Option<u32>,
    pub(crate) backoff_limit_per_index: Option<u32>,
    pub(crate) max_failed_indexes: Option<u32>,
    pub(crate) pod_failure_policy: Option<PodFailurePolicy>,
    pub(crate) pod_replacement_policy: Option<String>,
    pub(crate) ttl_seconds_after_finished: Option<u64>,
    pub(crate) active_deadline_seconds: Option<u64>,
    pub(crate) suspend: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PodFailurePolicy {
    pub(crate) rules: Vec<PodFailureRule>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PodFailureRule {
    pub(crate) action: String,
    pub(crate) on_pod_conditions: Vec<OnPodCondition>,
    pub(crate) on_exit_codes: Option<OnExitCodes>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct OnPodCondition {
    pub(crate) r#type: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct OnExitCodes {
    pub(crate) operator: String,
    pub(crate) values: Vec<i32>,
}

/// An Event about a pod or a Job.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Event {
    pub(crate) involved_object: Involved,
    pub(crate) reason: String,
    pub(crate) message: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Involved {
    pub(crate) uid: String,
}

/// Takes what there is of an object; none of other kinds.
pub(crate) fn take(
    reader: &mut Reader<'_>,
    kind: &str,
    object: &RawValue,
) -> Result<Option<Object>, InputError> {
    Ok(match kind {
        "Pod" => Some(Object::Pod(Box::new(Pod {
            wire: reader.pod(object)?,
            more: reader.decode(object)?,
        }))),
        "Job" => Some(Object::Job(Box::new(reader.decode(object)?))),
        "Event" => Some(Object::Event(Box::new(reader.decode(object)?))),
        _ => None,
    })
}
