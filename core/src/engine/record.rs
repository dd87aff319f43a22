//! The state of one pod that has a failing container.

use super::DeadlineReason;
use crate::container::FailingContainer;
use crate::overrides::Overrides;
use crate::pod::{PodRef, ResourceVersion};
use crate::time::Timestamp;

/// One pod's state.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent fact about the pod"
)]
pub(super) struct PodRecord {
    pub(super) pod: PodRef,
    pub(super) resource_version: ResourceVersion,
    /// Whether the pod is newer at whatever version it is seen next.
    pub(super) version_is_void: bool,
    pub(super) observed_at: Timestamp,
    /// What the pod asks for.
    pub(super) overrides: Overrides,
    /// At most [`super::FAILING_CONTAINERS_MAX`].
    pub(super) containers: Vec<FailingContainer>,
    pub(super) others_may_pull_from: Timestamp,
    pub(super) wake: Option<(Timestamp, DeadlineReason)>,
    pub(super) write: Write,
    /// The list in which the pod was last seen.
    pub(super) listing: u32,
    /// How often the kubelet has put the pod back.
    pub(super) put_back: u32,
    /// How many writes in a row have failed.
    pub(super) failed_writes: u8,
    /// Whether the pod may carry a memory.
    pub(super) carries_memory: bool,
    /// Whether there is more to remember than the pod carries.
    pub(super) to_remember: bool,
    /// Whether the pod was last seen in a terminal phase.
    pub(super) ended: bool,
    /// Whether the pod was found in scope under the present policy.
    pub(super) in_scope: bool,
    /// Whether the present hold has been told.
    pub(super) hold_told: bool,
}

/// Where the pod stands with what was written to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Write {
    /// Nothing is under way.
    Idle,
    /// A write was asked for and its outcome is not known yet.
    InFlight(Written),
    /// The API server has taken the failure, the kubelet has yet to agree. The pod is read at that time.
    Proposed {
        /// Since when.
        since: Timestamp,
        /// When to read the pod if nothing is heard.
        read_at: Timestamp,
        /// The kubelet itself is to fail the pod: until then it is rightly alive.
        by_deadline: bool,
    },
    /// The last write conflicted or failed: nothing is written before the pod was seen again. It is read at that time.
    Unsure {
        /// Whether it may be a failure that was stored all the same.
        may_be_failed: bool,
        /// When to read the pod if nothing is heard.
        read_at: Timestamp,
    },
    /// The pod was put back too often.
    GaveUp,
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// A memory.
    Memory,
    /// That nothing is to be remembered any more.
    NoMemory,
    /// The warning.
    Warning,
    /// The failure.
    Failure,
    /// The deadline by which the kubelet is to fail the pod.
    Deadline,
}

impl Write {
    /// Whether nothing that was asked for is still to arrive.
    pub(super) const fn is_over(self) -> bool {
        matches!(self, Self::Idle | Self::Unsure { .. } | Self::GaveUp)
    }
}

impl PodRecord {
    pub(super) fn container(&mut self, name: &str) -> Option<&mut FailingContainer> {
        self.containers
            .iter_mut()
            .find(|container| container.name() == name)
    }

    /// Whether a write is in flight.
    pub(super) fn awaits_outcome(&self) -> bool {
        matches!(self.write, Write::InFlight(_))
    }

    /// Whether a failure may have been written and not been put back.
    pub(super) fn may_be_failed(&self) -> bool {
        matches!(
            self.write,
            Write::InFlight(Written::Failure | Written::Deadline)
                | Write::Proposed { .. }
                | Write::Unsure {
                    may_be_failed: true,
                    ..
                }
        )
    }
}
