//! What a scenario expects.

use std::time::Duration;

use pullstop_core::cause::Cause;
use pullstop_core::pod::Phase;

use super::metric::Condition;

/// One expectation, and where it stands.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// Line and column in the scenario's file, from 1.
    pub place: (u64, u64),
    /// What is expected.
    pub what: Expected,
}

/// What can be expected.
#[derive(Clone, Debug)]
pub enum Expected {
    /// Of pods: of each whose name matches, and that there are some.
    Pods(PodsExpected),
    /// Of Jobs: of each whose name matches, and that there are some.
    Jobs(JobsExpected),
    /// Of a figure over everything.
    Metric(Condition),
}

/// What is expected of pods.
#[derive(Clone, Debug)]
pub struct PodsExpected {
    /// The pods' names: `name` or `namespace/name`, with `*` for anything.
    pub pods: String,
    /// How many there are.
    pub count: Option<u32>,
    /// What becomes of them by the policy.
    pub fate: Option<Fate>,
    /// Their phase in the end.
    pub phase: Option<Phase>,
    /// They have run, at least for a moment, by then.
    pub runs_by: Option<Duration>,
}

/// What the policy does to a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is failed.
    Failed {
        /// Not before and not after, from the start of the simulation.
        between: Option<(Duration, Duration)>,
        /// Not before and not after, from the pod's first failed pull as it was published.
        after_first_failure: Option<(Duration, Duration)>,
        /// For this cause.
        because: Option<Cause>,
    },
    /// It is never failed.
    NeverFailed,
    /// It is warned of, but not failed.
    Warned {
        /// For this cause.
        because: Option<Cause>,
    },
}

/// What is expected of Jobs.
#[derive(Clone, Debug)]
pub struct JobsExpected {
    /// The Jobs' names, with `*` for anything.
    pub jobs: String,
    /// What becomes of them.
    pub outcome: Option<JobOutcome>,
    /// When they end: not before and not after.
    pub between: Option<(Duration, Duration)>,
    /// The reason of the condition `Failed`, such as `PodFailurePolicy`.
    pub reason: Option<String>,
    /// How many pods it had made in the end.
    pub pods: Option<u32>,
    /// `status.failed` in the end.
    pub failed: Option<u32>,
    /// Admitted from its queue, or resumed, by then.
    pub starts_by: Option<Duration>,
}

/// How a Job stands in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobOutcome {
    /// Condition `Complete`.
    Complete,
    /// Condition `Failed`.
    Failed,
    /// Neither, and at work.
    Active,
    /// Waits for its queue.
    Suspended,
}
