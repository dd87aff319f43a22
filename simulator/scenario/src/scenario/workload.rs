//! Workloads of a scenario: Jobs, pods and Deployments, and the template of their pods.

use std::time::Duration;

use pullstop_core::pod::{ContainerKind, Overrides, RestartPolicy};

use super::Resources;

/// Pods, by themselves or made by a controller.
#[derive(Clone, Debug)]
pub struct Workload {
    /// The name; if there are several, they are called `<name>-0`, `<name>-1` and so on.
    pub name: String,
    /// The namespace.
    pub namespace: String,
    /// Who makes the pods.
    pub kind: Kind,
    /// When they come.
    pub arrival: Arrival,
    /// What the pods are like.
    pub template: PodTemplate,
}

/// Who makes the pods.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Nobody.
    Pod,
    /// A Job.
    Job(Box<Job>),
    /// A Deployment's `ReplicaSet`, which replaces whatever ends.
    Deployment {
        /// How many pods it wants.
        replicas: u32,
    },
}

/// `batch/v1` Job, as far as it matters.
#[derive(Clone, Debug)]
pub struct Job {
    /// `completions`.
    pub completions: u32,
    /// `parallelism`.
    pub parallelism: u32,
    /// `completionMode: Indexed`.
    pub indexed: bool,
    /// `backoffLimit`.
    pub backoff_limit: u32,
    /// `backoffLimitPerIndex`; only if indexed.
    pub backoff_limit_per_index: Option<u32>,
    /// `maxFailedIndexes`.
    pub failed_indexes_max: Option<u32>,
    /// `podFailurePolicy.rules`; the first that matches counts.
    pub pod_failure_policy: Vec<PodFailureRule>,
    /// `podReplacementPolicy`.
    pub replacement: PodReplacement,
    /// `ttlSecondsAfterFinished`.
    pub ttl_after_finished: Option<Duration>,
    /// `activeDeadlineSeconds`.
    pub active_deadline: Option<Duration>,
    /// The queue in which it waits, suspended, until there is quota.
    pub queue: Option<String>,
    /// Its priority in the queue.
    pub priority: i32,
    /// Suspended until then, by hand.
    pub suspended_until: Option<Duration>,
}

/// When a failed pod is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodReplacement {
    /// Once it is deleted or has failed; the default without a pod failure policy.
    TerminatingOrFailed,
    /// Once its phase is `Failed`; the default with one.
    Failed,
}

/// One rule of a pod failure policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodFailureRule {
    /// What is done.
    pub action: PodFailureAction,
    /// To which pods.
    pub on: PodFailureMatch,
}

/// What a pod failure policy does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "Kubernetes' own names")]
pub enum PodFailureAction {
    FailJob,
    FailIndex,
    Ignore,
    Count,
}

/// What a rule of a pod failure policy looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PodFailureMatch {
    /// `onPodConditions`: a condition of this type is `True`.
    Condition(String),
    /// `onExitCodes`: a container ended with one of these.
    ExitCodes(Vec<i32>),
}

/// When workloads come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The first.
    pub at: Duration,
    /// How many in all.
    pub count: u32,
    /// Between two of them.
    pub pace: Pace,
}

/// The time between two arrivals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Always the same; zero is all at once.
    Every(Duration),
    /// Random with this mean, exponentially distributed.
    Random(Duration),
}

/// What the pods of a workload are like.
#[derive(Clone, Debug)]
pub struct PodTemplate {
    /// `restartPolicy`.
    pub restart_policy: RestartPolicy,
    /// Init containers and sidecars in their order, then main containers.
    pub containers: Vec<Container>,
    /// What one pod takes; `pods` is 1.
    pub requests: Resources,
    /// `imagePullSecrets`.
    pub secrets: Vec<String>,
    /// What its annotations ask for.
    pub overrides: Overrides,
    /// A scheduling gate is on it until then.
    pub gated_until: Option<Duration>,
    /// Only nodes of this group.
    pub node_group: Option<String>,
    /// `activeDeadlineSeconds` of the pod.
    pub active_deadline: Option<Duration>,
}

/// A container of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// Init container, sidecar or main container.
    pub kind: ContainerKind,
    /// The image.
    pub image: String,
    /// When the kubelet pulls.
    pub pull_policy: PullPolicy,
    /// How long it runs; `None` is until it is stopped.
    pub runs: Option<Duration>,
    /// With which code it ends.
    pub exit_code: i32,
    /// A reason for which it cannot be created although its image is there, such as `CreateContainerConfigError`.
    pub cannot_start: Option<String>,
}

/// `imagePullPolicy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "Kubernetes' own names")]
pub enum PullPolicy {
    Always,
    IfNotPresent,
    Never,
}

impl PodTemplate {
    /// The place of the container of this name.
    pub fn place_of(&self, container: &str) -> Option<usize> {
        self.containers
            .iter()
            .position(|spec| spec.name == container)
    }
}

impl Default for Job {
    /// Kubernetes' own defaults.
    fn default() -> Self {
        Self {
            completions: 1,
            parallelism: 1,
            indexed: false,
            backoff_limit: 6,
            backoff_limit_per_index: None,
            failed_indexes_max: None,
            pod_failure_policy: Vec::new(),
            replacement: PodReplacement::TerminatingOrFailed,
            ttl_after_finished: None,
            active_deadline: None,
            queue: None,
            priority: 0,
            suspended_until: None,
        }
    }
}
