//! The fields that an import reads from recorded objects.

use std::collections::BTreeMap;

use pullstop_cluster::input_error::InputError;
use pullstop_core::wire::WirePod;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::trace::Reader;

/// An object of a recording.
#[derive(Debug)]
pub(super) enum Object {
    Pod(Box<Pod>),
    Job(Box<Job>),
    Event(Box<Event>),
}

/// A pod: what verdicts need of it, and the rest.
#[derive(Debug)]
pub(super) struct Pod {
    pub(super) wire: WirePod,
    pub(super) more: MoreOfPod,
}

/// What verdicts do not need.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct MoreOfPod {
    metadata: PodMetadata,
    pub(super) spec: PodSpec,
    pub(super) status: PodStatus,
}

impl MoreOfPod {
    /// Which completion of an indexed Job the pod stands for.
    pub(super) fn completion_index(&self) -> Option<u32> {
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
pub(super) struct PodSpec {
    pub(super) active_deadline_seconds: Option<u64>,
    pub(super) image_pull_secrets: Vec<Named>,
    pub(super) init_containers: Vec<Container>,
    pub(super) containers: Vec<Container>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Named {
    pub(super) name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Container {
    pub(super) name: String,
    pub(super) image_pull_policy: String,
    pub(super) resources: Resources,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Resources {
    pub(super) requests: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PodStatus {
    pub(super) reason: String,
    pub(super) conditions: Vec<Condition>,
    pub(super) init_container_statuses: Vec<ContainerStatus>,
    pub(super) container_statuses: Vec<ContainerStatus>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Condition {
    r#type: String,
    status: String,
}

impl PodStatus {
    /// Whether images can be pulled, since the sandbox is up.
    pub(super) fn has_sandbox(&self) -> bool {
        let mut all = self.conditions.iter();
        all.any(|c| c.r#type == "PodReadyToStartContainers" && c.status == "True")
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ContainerStatus {
    pub(super) name: String,
    pub(super) state: State,
    pub(super) last_state: State,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct State {
    pub(super) terminated: Option<Terminated>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Terminated {
    pub(super) exit_code: i32,
    pub(super) started_at: Option<String>,
    pub(super) finished_at: Option<String>,
}

/// A Job.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Job {
    pub(super) metadata: JobMetadata,
    pub(super) spec: JobSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct JobMetadata {
    pub(super) name: String,
    pub(super) namespace: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct JobSpec {
    pub(super) parallelism: Option<u32>,
    pub(super) completions: Option<u32>,
    pub(super) completion_mode: Option<String>,
    pub(super) backoff_limit: Option<u32>,
    pub(super) backoff_limit_per_index: Option<u32>,
    pub(super) max_failed_indexes: Option<u32>,
    pub(super) pod_failure_policy: Option<PodFailurePolicy>,
    pub(super) pod_replacement_policy: Option<String>,
    pub(super) ttl_seconds_after_finished: Option<u64>,
    pub(super) active_deadline_seconds: Option<u64>,
    pub(super) suspend: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PodFailurePolicy {
    pub(super) rules: Vec<PodFailureRule>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PodFailureRule {
    pub(super) action: String,
    pub(super) on_pod_conditions: Vec<OnPodCondition>,
    pub(super) on_exit_codes: Option<OnExitCodes>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct OnPodCondition {
    pub(super) r#type: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct OnExitCodes {
    pub(super) operator: String,
    pub(super) values: Vec<i32>,
}

/// An Event about a pod or a Job.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Event {
    pub(super) involved_object: Involved,
    pub(super) reason: String,
    pub(super) message: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Involved {
    pub(super) uid: String,
}

/// Takes what there is of an object; none of other kinds.
pub(super) fn take(
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
