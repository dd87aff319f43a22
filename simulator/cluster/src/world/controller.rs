//! What decides about pods in the simulated cluster: the interface of Pullstop's engine and of its baselines.
//!
//! A controller cannot see the truth, only pods as the watch brings them.

use pullstop_core::cause::Cause;
use pullstop_core::engine::{Decision, GoneFrom, Memory, Outcome, Source, TransitionKind};
use pullstop_core::pod::Phase;
use pullstop_core::time::Timestamp;

use super::cluster::Cluster;
use super::ids::PodId;
use super::pod::Pod;

/// Decides which pods to fail.
pub trait Controller: std::fmt::Debug {
    /// Takes in what has happened, and adds what is to be done about it.
    fn handle(
        &mut self,
        now: Timestamp,
        event: ControllerEvent<'_>,
        c: &Cluster,
        commands: &mut Vec<Command>,
    );
    /// When to come back with [`ControllerEvent::Time`].
    fn next_deadline(&self) -> Option<Timestamp>;
    /// For how many pods it keeps state.
    fn tracked(&self) -> usize;
    /// The phases that its watch selects.
    fn phases(&self) -> &[Phase];
    /// Whether it claims to keep state only for failing pods, and to judge all of them that it covers.
    fn keeps_only_failing(&self) -> bool {
        false
    }
    /// Whether it judges this pod.
    fn covers(&self, c: &Cluster, pod: &Pod) -> bool;
}

/// What a controller hears.
#[derive(Debug)]
pub enum ControllerEvent<'a> {
    /// A pod was seen.
    Pod {
        /// The pod.
        pod: &'a Pod,
        /// As a change or as the present state.
        source: Source,
    },
    /// A pod has left the watch, or is deleted.
    Gone {
        /// Its uid.
        uid: &'a str,
        /// From where.
        from: GoneFrom,
    },
    /// The watch was interrupted; all pods follow.
    ListBegin,
    /// These were all.
    ListEnd,
    /// How a write has ended.
    Answer {
        /// The pod's uid.
        uid: &'a str,
        /// How.
        outcome: Outcome,
    },
    /// Time has passed.
    Time,
}

/// What a controller wants done.
#[derive(Clone, Debug)]
pub enum Command {
    /// Fail the pod.
    Fail(Verdict),
    /// Lower its `activeDeadlineSeconds`.
    Deadline(Verdict),
    /// Warn of it.
    Warn(Verdict),
    /// Keep this in its condition.
    Remember {
        /// The pod.
        pod: PodId,
        /// The version that was judged.
        version: u64,
        /// What to keep; nothing takes it away.
        memories: Vec<Memory>,
    },
    /// Tell what the pod looks like.
    Read(PodId),
    /// List all pods.
    List,
    /// Something worth telling.
    Transition(PodId, TransitionKind),
}

/// A verdict on a pod.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The pod.
    pub pod: PodId,
    /// The version that was judged: the precondition of the write.
    pub version: Option<u64>,
    /// For what.
    pub cause: Cause,
    /// Whether the kubelet is made to keep it.
    pub durable: bool,
    /// What the engine says of it; baselines say nothing.
    pub decision: Option<Box<Decision>>,
}

/// Makes a controller: at the start, and after each restart. Without one, no pod is judged.
pub type MakeController = Box<dyn Fn() -> Option<Box<dyn Controller>> + Send + Sync>;
