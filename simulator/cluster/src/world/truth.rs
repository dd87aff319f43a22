//! The truth: what really happened. No policy can see it; checks and reports use it.

use std::sync::Arc;
use std::time::Duration;

use pullstop_core::cause::Cause;
use pullstop_core::pod::Phase;
use pullstop_core::time::Timestamp;

use super::ids::{ImageId, NodeId, PodId};
use super::pod::{Names, Owner};
use crate::pull_errors::PullError;
use crate::scenario::workload::PodTemplate;

/// What really happened to every pod.
#[derive(Debug, Default)]
pub struct Truth {
    /// In the order of their creation.
    pub pods: Vec<PodTruth>,
}

/// What really happened to a pod.
#[derive(Clone, Debug)]
pub struct PodTruth {
    /// What it is called.
    pub names: Arc<Names>,
    /// Who made it.
    pub owner: Option<Owner>,
    /// What it was made from.
    pub template: Arc<PodTemplate>,
    /// When it was created.
    pub created_at: Timestamp,
    /// The node it was bound to, and when.
    pub bound: Option<(NodeId, Timestamp)>,
    /// Every pull, finished or not, in the order in which they began.
    pub attempts: Vec<Attempt>,
    /// For how long it held its place without any use.
    pub idle: Idle,
    /// When its last missing main container started.
    pub ran_at: Option<Timestamp>,
    /// When it ended or was removed, and in which phase.
    pub ended: Option<(Timestamp, Phase)>,
    /// When the enforcer's write was stored that failed it, first.
    pub failed: Option<Failed>,
    /// How often the kubelet put it back to `Pending`.
    pub put_back: u32,
    /// When it was warned of.
    pub warned: Option<(Timestamp, Cause)>,
}

/// The time for which a pod held its place on a node without any use: from a failed pull on, while none of its main
/// containers runs, until some container starts or the pod ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Idle {
    before: Duration,
    since: Option<Timestamp>,
}

/// One pull, or one look at an image that needs none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Which container, by its place in the template.
    pub container: u16,
    /// Which image.
    pub image: ImageId,
    /// When it was asked for.
    pub queued_at: Timestamp,
    /// When it was its turn.
    pub started_at: Option<Timestamp>,
    /// How it ended, and when.
    pub ended: Option<(Timestamp, Ending)>,
}

/// How a pull ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The image is there.
    Pulled,
    /// It is not.
    Failed(PullError),
    /// Its name cannot be parsed; nothing was pulled.
    InvalidName,
    /// It is absent and must not be pulled.
    NeverPulled,
    /// The kubelet was killed meanwhile.
    Cancelled,
}

/// A pod was failed by the enforcer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed {
    /// When the write was stored.
    pub at: Timestamp,
    /// For what.
    pub cause: Cause,
    /// Whether a pull of the pod was in flight.
    pub while_pulling: bool,
    /// When its images could all have been pulled, had it not been failed; `None` is never.
    pub healed_at: Option<Timestamp>,
}

impl Truth {
    /// What happened to a pod.
    pub fn pod(&self, id: PodId) -> Option<&PodTruth> {
        self.pods.get(id.index())
    }

    /// The same, to add to.
    pub fn pod_mut(&mut self, id: PodId) -> Option<&mut PodTruth> {
        self.pods.get_mut(id.index())
    }
}

impl PodTruth {
    /// Whether a pull is in flight.
    pub fn is_pulling(&self) -> bool {
        let pulls = |a: &Attempt| a.started_at.is_some() && a.ended.is_none();
        self.attempts.last().is_some_and(pulls)
    }

    /// When its first pull failed, the kubelet's own throttling left aside.
    pub fn first_failure_at(&self) -> Option<Timestamp> {
        self.attempts
            .iter()
            .filter_map(|attempt| attempt.ended.filter(|(_, ending)| ending.is_failure()))
            .map(|(at, _)| at)
            .min()
    }

    /// How many of its pulls failed, in the sense in which failures are counted.
    pub fn failures(&self) -> usize {
        let failed = |attempt: &&Attempt| attempt.ended.is_some_and(|(_, e)| e.is_failure());
        self.attempts.iter().filter(failed).count()
    }

    /// The cause for which its last pull failed.
    pub fn last_cause(&self) -> Option<Cause> {
        let mut endings = self
            .attempts
            .iter()
            .rev()
            .filter_map(|attempt| attempt.ended);
        endings.find_map(|(_, ending)| ending.cause().filter(|_| ending.is_failure()))
    }
}

impl Idle {
    /// A pull has failed, and no main container runs.
    pub fn begin(&mut self, now: Timestamp) {
        self.since.get_or_insert(now);
    }

    /// A container was started, or the pod has ended.
    pub fn end(&mut self, now: Timestamp) {
        self.before = self.until(now);
        self.since = None;
    }

    /// All of it until now.
    pub fn until(&self, now: Timestamp) -> Duration {
        self.before + self.since.map_or(Duration::ZERO, |since| now.since(since))
    }
}

impl Ending {
    /// Whether it is a failure of the image, in the sense in which failures are counted.
    pub const fn is_failure(self) -> bool {
        match self {
            Self::Failed(error) => !matches!(error, PullError::Throttled),
            Self::InvalidName | Self::NeverPulled => true,
            Self::Pulled | Self::Cancelled => false,
        }
    }

    /// The cause that a perfect classifier finds; none if it is no failure.
    pub const fn cause(self) -> Option<Cause> {
        match self {
            Self::Failed(error) => Some(error.cause()),
            Self::InvalidName => Some(Cause::InvalidReference),
            Self::NeverPulled => Some(Cause::NeverPullMissing),
            Self::Pulled | Self::Cancelled => None,
        }
    }
}
