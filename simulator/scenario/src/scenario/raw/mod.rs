//! Scenarios as they are written. The JSON Schema is made of these types.

pub(crate) mod cluster;
pub(crate) mod expect;
pub(crate) mod fault;
pub(crate) mod read;
pub(crate) mod supply;
pub(crate) mod value;
pub(crate) mod workload;

use pullstop_core::policy::document::PolicySpec;
use schemars::JsonSchema;
use serde::Deserialize;

use self::cluster::{ClusterSpec, QueueSpec};
use self::expect::ExpectSpec;
use self::fault::FaultSpec;
use self::read::{Label, Seed, Span, Time, Word};
use self::supply::{ImageSpec, RegistrySpec, SecretSpec};
use self::value::{At, Text};
use self::workload::WorkloadSpec;
use super::{API_VERSION, KIND};

/// A cluster, what goes wrong in it, and what is expected of the policy.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "Scenario")]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Document {
    /// Always `pullstop.dev/v1alpha1`.
    #[schemars(extend("const" = API_VERSION))]
    pub(crate) api_version: Text<Word>,
    /// Always `Scenario`.
    #[schemars(extend("const" = KIND))]
    pub(crate) kind: Text<Word>,
    /// How it is called.
    pub(crate) metadata: Metadata,
    /// The scenario.
    pub(crate) spec: At<Spec>,
}

/// How a scenario is called.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Metadata {
    /// The name in reports.
    pub(crate) name: Text<Label>,
}

/// The scenario. All times are from the start.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Spec {
    /// How long is simulated, such as `8h`.
    pub(crate) duration: Text<Span>,
    /// From which all chance is drawn; `1` by default.
    pub(crate) seed: Option<Text<Seed>>,
    /// A verdict is false if the pod would have had its images within this time after it; `1h` by default.
    pub(crate) patience: Option<Text<Time>>,
    /// The policy; the built-in one by default.
    pub(crate) policy: Option<At<PolicySource>>,
    /// Policies of single namespaces, within the bounds of `policy`.
    #[serde(default)]
    pub(crate) namespace_policies: Vec<At<NamespacePolicySpec>>,
    /// How the enforcer is connected to the cluster.
    pub(crate) enforcer: Option<EnforcerSpec>,
    /// The cluster; one node by default.
    pub(crate) cluster: Option<ClusterSpec>,
    /// Registries that differ from the default; all others are always available.
    #[serde(default)]
    pub(crate) registries: Vec<At<RegistrySpec>>,
    /// Images that differ from the default; all others exist. The first that matches counts.
    #[serde(default)]
    pub(crate) images: Vec<At<ImageSpec>>,
    /// Pull secrets.
    #[serde(default)]
    pub(crate) secrets: Vec<At<SecretSpec>>,
    /// Queues in which Jobs wait, suspended, until there is quota.
    #[serde(default)]
    pub(crate) queues: Vec<At<QueueSpec>>,
    /// What runs in the cluster.
    #[schemars(length(min = 1))]
    pub(crate) workloads: Vec<At<WorkloadSpec>>,
    /// What goes wrong, or is done by hand.
    #[serde(default)]
    pub(crate) faults: Vec<At<FaultSpec>>,
    /// What must come out.
    #[serde(default)]
    pub(crate) expect: Vec<At<ExpectSpec>>,
}

/// Where the policy stands: one of the two.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicySource {
    /// A file, relative to the scenario's.
    pub(crate) file: Option<Text<Word>>,
    /// The `spec` of a `ClusterPullFailurePolicy`.
    pub(crate) inline: Option<At<PolicySpec>>,
}

/// The policy of one namespace: its name, and where the policy stands, `file` or `inline`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NamespacePolicySpec {
    /// The namespace whose pods are judged by it.
    pub(crate) namespace: Text<Word>,
    /// A file, relative to the scenario's.
    pub(crate) file: Option<Text<Word>>,
    /// The `spec` of a `PullFailurePolicy`.
    pub(crate) inline: Option<At<PolicySpec>>,
}

/// How the enforcer is connected to the cluster.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct EnforcerSpec {
    /// From a change in the API server until the enforcer sees it; `50ms` by default.
    pub(crate) watch_delay: Option<Text<Time>>,
    /// From a decision until the API server has its write, and again until the answer is there; `20ms` by default.
    pub(crate) write_latency: Option<Text<Time>>,
}
