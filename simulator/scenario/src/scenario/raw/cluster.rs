//! The cluster as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::read::{Bytes, Count, Cpu, Flag, Label, Number, Release, Time, Word};
use super::value::{At, Text};
use crate::pull_errors::Runtime;
use crate::scenario::QueueOrder;

/// The cluster.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ClusterSpec {
    /// The release, `"1.27"` to `"1.36"`; the newest by default.
    pub(crate) kubernetes: Option<Text<Release>>,
    /// The nodes, in groups of equals; one node called `node-0` by default.
    #[schemars(length(min = 1))]
    pub(crate) nodes: Option<At<Vec<At<NodesSpec>>>>,
}

/// Nodes of one kind.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NodesSpec {
    /// Nodes are called `<name>-0`, `<name>-1` and so on.
    pub(crate) name: Text<Label>,
    /// How many there are, or how many there may be with `bootsIn`; `1` by default.
    pub(crate) count: Option<Text<Count>>,
    /// What a node offers.
    pub(crate) capacity: Option<CapacitySpec>,
    /// When the nodes join; `0s` by default.
    pub(crate) joins_at: Option<Text<Time>>,
    /// Instead of `joinsAt`: nodes join when pods find no place, each so long after the need.
    pub(crate) boots_in: Option<Text<Time>>,
    /// What pulls the images; `containerd-2` by default.
    pub(crate) runtime: Option<Text<Runtime>>,
    /// The kubelet's `serializeImagePulls`; `true` by default, unless `maxParallelImagePulls` is above 1.
    pub(crate) serialize_image_pulls: Option<Text<Flag>>,
    /// The kubelet's `maxParallelImagePulls`; without limit by default.
    pub(crate) max_parallel_image_pulls: Option<Text<Count>>,
    /// The kubelet's `registryPullQPS`; `5` by default, `0` is without limit.
    #[serde(rename = "registryPullQPS")]
    pub(crate) registry_pull_qps: Option<Text<Number>>,
    /// The kubelet's `registryBurst`; `10` by default.
    pub(crate) registry_burst: Option<Text<Number>>,
    /// Images that are there from the start: names, or patterns with `*`.
    #[serde(default)]
    pub(crate) images: Vec<Text<Word>>,
    /// For so long after a node has joined, its own credentials are refused; `0s` by default.
    pub(crate) identity_after: Option<Text<Time>>,
}

/// What a node offers.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CapacitySpec {
    /// CPUs; `64` by default.
    pub(crate) cpu: Option<Text<Cpu>>,
    /// Memory; `256Gi` by default.
    pub(crate) memory: Option<Text<Bytes>>,
    /// GPUs; `8` by default.
    pub(crate) gpus: Option<Text<Number>>,
    /// Pods; `110` by default.
    pub(crate) pods: Option<Text<Count>>,
}

/// A queue.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueueSpec {
    /// Its name.
    pub(crate) name: Text<Label>,
    /// What its admitted Jobs may take together.
    pub(crate) quota: Option<QuotaSpec>,
    /// `Fifo` by default.
    pub(crate) order: Option<Text<QueueOrder>>,
}

/// A limit for each resource; what is left out is without limit.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuotaSpec {
    /// CPUs.
    pub(crate) cpu: Option<Text<Cpu>>,
    /// GPUs.
    pub(crate) gpus: Option<Text<Number>>,
    /// Jobs.
    pub(crate) jobs: Option<Text<Count>>,
}
