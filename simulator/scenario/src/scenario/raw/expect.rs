//! Expectations as they are written.

use pullstop_core::cause::Cause;
use pullstop_core::pod::Phase;
use schemars::JsonSchema;
use serde::Deserialize;

use super::read::{Count, Flag, Metric, Number, PodsOrCount, Time, Word};
use super::value::{At, OrMore, Text};
use crate::scenario::expect::JobOutcome;

/// What must come out of pods, of Jobs, or over everything: one of `pods`, `job` and `metric`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ExpectSpec {
    /// Each pod of this name: `name` or `namespace/name`, with `*` for anything. In an expectation of a Job, how many
    /// pods it has made in the end.
    pub(crate) pods: Option<Text<PodsOrCount>>,
    /// How many such pods there are.
    pub(crate) count: Option<Text<Count>>,
    /// The policy fails them: `true`, or when and why.
    pub(crate) failed: Option<At<OrMore<FailedSpec>>>,
    /// The policy never fails them.
    pub(crate) never_failed: Option<Text<Flag>>,
    /// The policy warns of them, but does not fail them: `true`, or why.
    pub(crate) warned: Option<At<OrMore<WarnedSpec>>>,
    /// Their phase in the end.
    pub(crate) phase: Option<Text<Phase>>,
    /// They have run, at least for a moment, by then.
    pub(crate) runs_by: Option<Text<Time>>,
    /// Each Job of this name, with `*` for anything.
    pub(crate) job: Option<Text<Word>>,
    /// What becomes of them.
    pub(crate) outcome: Option<Text<JobOutcome>>,
    /// The reason of the condition `Failed`, such as `PodFailurePolicy`.
    pub(crate) reason: Option<Text<Word>>,
    /// When they end: not before and not after.
    pub(crate) between: Option<At<Vec<Text<Time>>>>,
    /// `status.failed` in the end.
    pub(crate) failed_pods: Option<Text<Number>>,
    /// Admitted from the queue, or resumed, by then.
    pub(crate) starts_by: Option<Text<Time>>,
    /// A condition on a figure over everything, such as `timeToFail.p95 < 150s`.
    pub(crate) metric: Option<Text<Metric>>,
}

/// When and why pods are failed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct FailedSpec {
    /// Not before and not after.
    pub(crate) between: Option<At<Vec<Text<Time>>>>,
    /// Not before and not after, from the pod's first failed pull.
    pub(crate) after_first_failure: Option<At<Vec<Text<Time>>>>,
    /// For this cause.
    pub(crate) because: Option<Text<Cause>>,
}

/// Why pods are warned of.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WarnedSpec {
    /// For this cause.
    pub(crate) because: Option<Text<Cause>>,
}
