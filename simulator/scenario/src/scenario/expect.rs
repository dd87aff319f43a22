//! Expectations of a scenario.

use std::fmt;
use std::time::Duration;

use pullstop_core::cause::Cause;
use pullstop_core::pod::Phase;
use pullstop_core::time::Human;

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

impl PodsExpected {
    /// Whether nothing is expected but that they are spared.
    pub fn is_never_failed_only(&self) -> bool {
        self.fate == Some(Fate::NeverFailed) && self.phase.is_none() && self.runs_by.is_none()
    }
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

impl JobOutcome {
    /// Its name in scenarios.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "Complete",
            Self::Failed => "Failed",
            Self::Active => "Active",
            Self::Suspended => "Suspended",
        }
    }
}

/// In words: of whom what is expected.
impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pods(pods) => pods.fmt(f),
            Self::Jobs(jobs) => jobs.fmt(f),
            Self::Metric(condition) => f.write_str(&condition.text),
        }
    }
}

impl fmt::Display for PodsExpected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.count.map(|count| format!("{count} of them"));
        let fate = self.fate.map(|fate| fate.to_string());
        let phase = self
            .phase
            .map(|phase| format!("to be {} in the end", phase.as_str()));
        let runs = self.runs_by.map(|by| format!("to run by {}", Human(by)));
        write!(
            f,
            "pods {}: {}",
            self.pods,
            listed([count, fate, phase, runs])
        )
    }
}

impl fmt::Display for JobsExpected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = self
            .outcome
            .map(|outcome| format!("to be {}", outcome.as_str()));
        let reason = self.reason.as_ref().map(|why| format!("for {why}"));
        let between = self
            .between
            .map(|(low, high)| format!("to end between {} and {}", Human(low), Human(high)));
        let pods = self.pods.map(|pods| format!("to make {pods} pods"));
        let failed = self
            .failed
            .map(|failed| format!("to count {failed} failed pods"));
        let starts = self
            .starts_by
            .map(|by| format!("to start by {}", Human(by)));
        let all = listed([outcome, reason, between, pods, failed, starts]);
        write!(f, "Job {}: {all}", self.jobs)
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause = |because: Option<Cause>| {
            because.map_or_else(String::new, |cause| format!(" for {cause}"))
        };
        match *self {
            Self::NeverFailed => f.write_str("never to be failed"),
            Self::Warned { because } => write!(f, "to be warned of{}, not failed", cause(because)),
            Self::Failed {
                between,
                after_first_failure,
                because,
            } => {
                write!(f, "to be failed{}", cause(because))?;
                if let Some((low, high)) = between {
                    write!(f, " between {} and {}", Human(low), Human(high))?;
                }
                if let Some((low, high)) = after_first_failure {
                    let (low, high) = (Human(low), Human(high));
                    write!(f, ", {low} to {high} after its first failure")?;
                }
                Ok(())
            }
        }
    }
}

fn listed<const N: usize>(parts: [Option<String>; N]) -> String {
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
