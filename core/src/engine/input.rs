//! The inputs of the engine.

use crate::container::{History, Source};
use crate::plugin::ActivePolicies;
use crate::pod::{PodSnapshot, ResourceVersion};
use crate::policy::Limits;

/// One input, handled at one moment.
#[derive(Debug)]
pub enum Input<'a> {
    /// A pod was seen.
    Pod {
        /// What was seen.
        pod: &'a PodSnapshot<'a>,
        /// As a change or as the present state.
        source: Source,
    },
    /// A pod is gone.
    Gone {
        /// Its uid.
        uid: &'a str,
        /// From where.
        from: GoneFrom,
    },
    /// What happened to a failing pod before the engine saw it.
    History {
        /// Its uid.
        uid: &'a str,
        /// What is known.
        history: &'a History<'a>,
    },
    /// The watch was interrupted: all pods that there are follow. No verdict is carried out until the end.
    RelistBegin,
    /// All pods have been seen; those that were not are gone.
    RelistEnd,
    /// The cluster's state was restored from an earlier one, and versions count from there: whatever is seen of a pod next
    /// is newer than what is known. What was counted is kept, since it has happened.
    Restored,
    /// Other policies apply from now on, within the limits as before. Counts are kept. The pods of namespaces whose
    /// policy is another one are judged once they were listed.
    Policies(Box<ActivePolicies>),
    /// The policies go as far as this from now on. Counts are kept. All pods are judged once they were listed, and what is
    /// known of them is reported again, even if the limits are what they were: somebody else may report from now on.
    Limits(Limits),
    /// How a write that an effect asked for has ended.
    Outcome {
        /// The pod's uid.
        uid: &'a str,
        /// How.
        outcome: Outcome,
    },
    /// Time has passed; [`super::Engine::next_deadline`] says when to say so. Too early or too often does no harm,
    /// but all effects must have been polled: in builds with debug assertions the engine panics otherwise.
    Time,
}

/// From where a pod has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoneFrom {
    /// The cluster: it is deleted.
    Cluster,
    /// The selector of a watch, which a pod leaves when its phase changes, among other ways.
    View,
}

/// How a write has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The API server has stored it, under this version.
    Accepted(ResourceVersion),
    /// The pod had changed since the snapshot that was judged (409), or is another one now (422 on the uid).
    Conflict,
    /// There is no such pod.
    NotFound,
    /// Anything else, a lost answer among it: whether it was stored is unknown.
    Failed,
}
