//! The history of one recorded pod.

use pullstop_core::cause::Cause;
use pullstop_core::engine::{Decision, Explanation, TransitionKind};
use pullstop_core::plugin::{Enforcement, OutOfScope};
use pullstop_core::time::Timestamp;

use super::timeline::Timeline;

/// One pod's story.
#[derive(Debug)]
pub struct Story {
    /// The recording's number in which the pod was first seen.
    pub trace: usize,
    /// `namespace/name`.
    pub pod: String,
    /// When the story begins: with the first event of the recording.
    pub begins_at: Timestamp,
    /// What happened, in order.
    pub entries: Vec<Entry>,
    /// The strongest verdict, if there is one.
    pub verdict: Option<Decision>,
    /// A verdict that no longer stands: the image on which it fell was edited later.
    pub withdrawn: Option<Decision>,
    /// The failures of the container that failed most.
    pub worst: Option<Streak>,
    /// Why the pod was not judged when last seen, if it was not.
    pub out_of_scope: Option<OutOfScope>,
    /// What was thought of it at the end, on demand.
    pub at_the_end: Vec<Explanation>,
    pub(super) timeline: Timeline,
}

/// One line of a story.
#[derive(Debug)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// The container, if it is about one.
    pub container: String,
    /// What.
    pub what: What,
}

/// What a line tells.
#[derive(Debug)]
pub enum What {
    /// The engine has noticed something.
    Noticed(TransitionKind),
    /// The verdict.
    Verdict(Decision),
    /// After the verdict, the recording shows that the container ran all the same.
    RanLater,
    /// After the verdict, the recording shows that the pod failed.
    FailedLater,
    /// After the verdict, the recording shows that the image was edited: the verdict is withdrawn.
    Withdrawn,
}

/// A run of failures of one container with one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Streak {
    /// The container's name.
    pub container: String,
    /// The cause of the latest.
    pub cause: Cause,
    /// How many.
    pub failures: u32,
    /// When the first was seen.
    pub first_at: Timestamp,
}

impl Story {
    /// Whether the verdict that stands is to fail the pod.
    pub fn is_failed(&self) -> bool {
        self.verdict
            .as_ref()
            .is_some_and(|decision| decision.enforcement == Enforcement::Fail)
    }

    pub(super) fn new(trace: usize, pod: String, begins_at: Timestamp) -> Self {
        Self {
            trace,
            pod,
            begins_at,
            entries: Vec::new(),
            verdict: None,
            withdrawn: None,
            worst: None,
            out_of_scope: None,
            at_the_end: Vec::new(),
            timeline: Timeline::default(),
        }
    }
}
