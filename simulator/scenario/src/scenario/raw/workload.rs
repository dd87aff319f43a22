//! Workloads as they are written.

use pullstop_core::pod::RestartPolicy;
use pullstop_core::policy::Mode;
use schemars::JsonSchema;
use serde::Deserialize;

use super::read::{Bytes, Count, Cpu, ExitCode, Flag, Label, Number, Priority, Span, Time, Word};
use super::value::{At, Text};
use crate::scenario::workload::{PodFailureAction, PodReplacement, PullPolicy};

/// A Job, a pod or a Deployment, or several of a kind.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct WorkloadSpec {
    /// The name of a Job. Several are called `<name>-0`, `<name>-1` and so on; their pods `<job>-<n>`, or
    /// `<job>-<index>-<n>` if indexed.
    pub(crate) job: Option<Text<Label>>,
    /// The name of a pod. Several are called `<name>-0`, `<name>-1` and so on.
    pub(crate) pod: Option<Text<Label>>,
    /// The name of a Deployment. Its pods are called `<name>-0`, `<name>-1` and so on.
    pub(crate) deployment: Option<Text<Label>>,
    /// The namespace; `default` by default.
    pub(crate) namespace: Option<Text<Label>>,
    /// The image of the only container, which is called `main`.
    pub(crate) image: Option<Text<Word>>,
    /// Instead of `image`: the containers.
    pub(crate) containers: Option<At<Vec<At<ContainerSpec>>>>,
    /// Init containers and sidecars, in their order.
    #[serde(default)]
    pub(crate) init_containers: Vec<At<ContainerSpec>>,
    /// How long containers run that do not say it; `1m` by default, forever in Deployments.
    pub(crate) runs: Option<Text<Time>>,
    /// With which code containers end that do not say it; `0` by default.
    pub(crate) exit_code: Option<Text<ExitCode>>,
    /// When containers pull that do not say it; as in Kubernetes by default.
    pub(crate) image_pull_policy: Option<Text<PullPolicy>>,
    /// When the first comes; `0s` by default.
    pub(crate) at: Option<Text<Time>>,
    /// How many there are; `1` by default.
    pub(crate) count: Option<Text<Count>>,
    /// The time between two; `0s` by default, which is all at once.
    pub(crate) every: Option<Text<Time>>,
    /// Instead of `every`: random times between two, with this mean.
    pub(crate) randomly: Option<Text<Span>>,
    /// The queue in which a Job waits.
    pub(crate) queue: Option<Text<Label>>,
    /// The Job's priority in the queue; `0` by default.
    pub(crate) priority: Option<Text<Priority>>,
    /// The Job is suspended until then, by hand.
    pub(crate) suspended_until: Option<Text<Time>>,
    /// A scheduling gate is on the pods until then.
    pub(crate) gated_until: Option<Text<Time>>,
    /// The group whose nodes the pods need; any by default.
    pub(crate) nodes: Option<Text<Label>>,
    /// What one pod takes.
    pub(crate) requests: Option<At<RequestsSpec>>,
    /// `Never` by default, `Always` in Deployments.
    pub(crate) restart_policy: Option<Text<RestartPolicy>>,
    /// The pull secrets.
    #[serde(default)]
    pub(crate) image_pull_secrets: Vec<Text<Label>>,
    /// What the pods ask for.
    pub(crate) annotations: Option<AnnotationsSpec>,
    /// `activeDeadlineSeconds` of the pods.
    pub(crate) active_deadline: Option<Text<Span>>,
    /// `activeDeadlineSeconds` of the Job.
    pub(crate) job_active_deadline: Option<Text<Span>>,
    /// `completions` of the Job; `1` by default.
    pub(crate) completions: Option<Text<Count>>,
    /// `parallelism` of the Job; `1` by default.
    pub(crate) parallelism: Option<Text<Count>>,
    /// `completionMode: Indexed`.
    pub(crate) indexed: Option<Text<Flag>>,
    /// `backoffLimit` of the Job; `6` by default, without limit with `backoffLimitPerIndex`.
    pub(crate) backoff_limit: Option<Text<Number>>,
    /// `backoffLimitPerIndex` of an indexed Job.
    pub(crate) backoff_limit_per_index: Option<Text<Number>>,
    /// `maxFailedIndexes` of an indexed Job.
    pub(crate) max_failed_indexes: Option<Text<Number>>,
    /// The rules of the Job's pod failure policy; the first that matches counts.
    pub(crate) pod_failure_policy: Option<At<Vec<At<PodFailureRuleSpec>>>>,
    /// `podReplacementPolicy` of the Job; `TerminatingOrFailed` by default, `Failed` with a pod failure policy.
    pub(crate) pod_replacement_policy: Option<Text<PodReplacement>>,
    /// `ttlSecondsAfterFinished` of the Job.
    pub(crate) ttl_after_finished: Option<Text<Time>>,
    /// How many pods a Deployment wants; `1` by default.
    pub(crate) replicas: Option<Text<Count>>,
}

/// A container.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ContainerSpec {
    /// Its name.
    pub(crate) name: Text<Label>,
    /// The image.
    pub(crate) image: Text<Word>,
    /// An init container that runs beside the others (`restartPolicy: Always`).
    pub(crate) sidecar: Option<Text<Flag>>,
    /// When the kubelet pulls.
    pub(crate) image_pull_policy: Option<Text<PullPolicy>>,
    /// How long it runs; a sidecar as long as its pod.
    pub(crate) runs: Option<Text<Time>>,
    /// With which code it ends.
    pub(crate) exit_code: Option<Text<ExitCode>>,
    /// A reason for which it cannot be created although its image is there, such as `CreateContainerConfigError`.
    pub(crate) cannot_start: Option<Text<Word>>,
}

/// What one pod takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequestsSpec {
    /// CPUs; `100m` by default.
    pub(crate) cpu: Option<Text<Cpu>>,
    /// Memory; `128Mi` by default.
    pub(crate) memory: Option<Text<Bytes>>,
    /// GPUs; none by default.
    pub(crate) gpus: Option<Text<Number>>,
}

/// The annotations that Pullstop reads.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AnnotationsSpec {
    /// How far verdicts go.
    #[serde(rename = "pullstop.dev/mode")]
    pub(crate) mode: Option<Text<Mode>>,
    /// No verdict before the first failure is this long ago.
    #[serde(rename = "pullstop.dev/patience")]
    pub(crate) patience: Option<Text<Time>>,
}

/// A rule of a pod failure policy: one of the two conditions.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PodFailureRuleSpec {
    /// What is done.
    pub(crate) action: Text<PodFailureAction>,
    /// To pods of which this condition is true.
    pub(crate) on_pod_condition: Option<Text<Word>>,
    /// To pods of which a container ended with one of these.
    pub(crate) on_exit_codes: Option<At<Vec<Text<ExitCode>>>>,
}
