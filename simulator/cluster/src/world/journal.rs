//! The journal of a run, kept on demand.

use std::sync::Arc;

use pullstop_core::engine::{Decision, TransitionKind};
use pullstop_core::pod::Phase;
use pullstop_core::time::Timestamp;

use super::ids::{NodeId, OwnerId, PodId};
use super::truth::Ending;

/// Everything worth telling, in order.
#[derive(Debug, Default)]
pub struct Journal {
    is_kept: bool,
    entries: Vec<Entry>,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// To which pod.
    pub pod: Option<PodId>,
    /// What.
    pub what: What,
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum What {
    /// The pod was created.
    Created,
    /// It was bound to a node.
    Bound(NodeId),
    /// Its kubelet has published other states of its containers.
    Published {
        /// The phase.
        phase: Phase,
        /// Each container's state, in words.
        states: Vec<Arc<str>>,
    },
    /// A pull was asked for.
    Queued {
        /// The container, by its place.
        container: usize,
    },
    /// A pull has begun.
    PullBegan {
        /// The container, by its place.
        container: usize,
    },
    /// A pull has ended.
    PullEnded {
        /// The container, by its place.
        container: usize,
        /// How.
        ending: Ending,
    },
    /// All its main containers run.
    Ran,
    /// It has ended.
    Ended(Phase),
    /// It was deleted.
    Removed,
    /// The kubelet put it back to `Pending`.
    PutBack,
    /// A client's write, by name.
    Write(&'static str),
    /// The enforcer has decided.
    Decided(Box<Decision>),
    /// The enforcer noticed something.
    Noticed(TransitionKind),
    /// A write of the enforcer has ended so.
    Answered(&'static str),
    /// A fault or an action of the scenario, in words.
    Fault(String),
    /// Something happened to a Job or a `ReplicaSet`.
    Owner(OwnerId, String),
}

impl Journal {
    /// A journal, kept or not.
    pub const fn new(is_kept: bool) -> Self {
        Self {
            is_kept,
            entries: Vec::new(),
        }
    }

    /// Whether it is kept.
    pub const fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// Adds an entry, if it is kept.
    pub fn add(&mut self, at: Timestamp, pod: Option<PodId>, what: impl FnOnce() -> What) {
        if self.is_kept {
            self.entries.push(Entry {
                at,
                pod,
                what: what(),
            });
        }
    }

    /// What was told.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}
