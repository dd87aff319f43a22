//! Coverage: which transitions of the engine's state machine a run has made.

use pullstop_core::cause::Cause;
use pullstop_core::engine::{GoneFrom, Outcome, StartedOver, TransitionKind};

use crate::world::controller::{Command, ControllerEvent};

/// A set of transitions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    seen: u64,
}

/// A transition: the name by which reports call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transition {
    Verdict,
    VerdictByDeadline,
    Warning,
    Remembered,
    MemoryWithdrawn,
    Read,
    List,
    FirstFailure,
    FurtherFailure,
    Throttled,
    Suspended,
    ImageEdited,
    RanSince,
    Recovered,
    Held,
    PutBack,
    EndedByItself,
    Agreed,
    GaveUp,
    WriteAccepted,
    WriteConflicted,
    WriteToNobody,
    WriteFailed,
    GoneFromView,
    GoneFromCluster,
    Relisted,
}

impl Transition {
    const ALL: [(Self, &'static str); 26] = [
        (Self::Verdict, "verdict"),
        (Self::VerdictByDeadline, "verdict by deadline"),
        (Self::Warning, "warning"),
        (Self::Remembered, "remembered"),
        (Self::MemoryWithdrawn, "memory withdrawn"),
        (Self::Read, "read"),
        (Self::List, "list"),
        (Self::FirstFailure, "first failure"),
        (Self::FurtherFailure, "further failure"),
        (Self::Throttled, "throttled"),
        (Self::Suspended, "suspended"),
        (Self::ImageEdited, "image edited"),
        (Self::RanSince, "ran since"),
        (Self::Recovered, "recovered"),
        (Self::Held, "held"),
        (Self::PutBack, "put back"),
        (Self::EndedByItself, "ended by itself"),
        (Self::Agreed, "agreed"),
        (Self::GaveUp, "gave up"),
        (Self::WriteAccepted, "write accepted"),
        (Self::WriteConflicted, "write conflicted"),
        (Self::WriteToNobody, "write to nobody"),
        (Self::WriteFailed, "write failed"),
        (Self::GoneFromView, "gone from view"),
        (Self::GoneFromCluster, "gone from the cluster"),
        (Self::Relisted, "relisted"),
    ];
}

/// Causes follow the transitions in the set.
const CAUSES_FROM: usize = Transition::ALL.len();
const COUNT: usize = CAUSES_FROM + Cause::ALL.len();

impl Coverage {
    /// All there is: transitions and causes.
    pub const TOTAL: usize = COUNT;

    /// How many were seen.
    pub const fn count(&self) -> usize {
        self.seen.count_ones() as usize
    }

    /// How many in a hundred were seen, rounded down.
    pub const fn percent(&self) -> usize {
        self.count() * 100 / COUNT
    }

    /// The names of those that were not seen.
    pub fn missing(&self) -> impl Iterator<Item = &'static str> {
        let transitions = Transition::ALL.into_iter().map(|(_, name)| name);
        let names = transitions.chain(Cause::ALL.into_iter().map(Cause::as_str));
        names
            .enumerate()
            .filter(|(bit, _)| self.seen >> bit & 1 == 0)
            .map(|(_, name)| name)
    }

    /// Adds what another run has seen.
    pub const fn add(&mut self, other: &Self) {
        self.seen |= other.seen;
    }

    /// The controller was told something.
    pub(super) const fn event(&mut self, event: &ControllerEvent<'_>) {
        self.mark(match event {
            ControllerEvent::Answer { outcome, .. } => match outcome {
                Outcome::Accepted(_) => Transition::WriteAccepted,
                Outcome::Conflict => Transition::WriteConflicted,
                Outcome::NotFound => Transition::WriteToNobody,
                Outcome::Failed => Transition::WriteFailed,
            },
            ControllerEvent::Gone { from, .. } => match from {
                GoneFrom::View => Transition::GoneFromView,
                GoneFrom::Cluster => Transition::GoneFromCluster,
            },
            ControllerEvent::ListEnd => Transition::Relisted,
            ControllerEvent::Pod { .. } | ControllerEvent::ListBegin | ControllerEvent::Time => {
                return;
            }
        });
    }

    /// The controller wants something.
    pub(super) fn command(&mut self, command: &Command) {
        let which = match command {
            Command::Fail(_) => Transition::Verdict,
            Command::Deadline(_) => Transition::VerdictByDeadline,
            Command::Warn(_) => Transition::Warning,
            Command::Remember { memories, .. } if memories.is_empty() => {
                Transition::MemoryWithdrawn
            }
            Command::Remember { .. } => Transition::Remembered,
            Command::Read(_) => Transition::Read,
            Command::List => Transition::List,
            Command::Transition(_, what) => match what {
                TransitionKind::Counted {
                    cause, failures, ..
                } => {
                    self.seen |= 1 << (CAUSES_FROM + *cause as usize);
                    if *failures == 1 {
                        Transition::FirstFailure
                    } else {
                        Transition::FurtherFailure
                    }
                }
                TransitionKind::Throttled => {
                    self.seen |= 1 << (CAUSES_FROM + Cause::KubeletThrottled as usize);
                    Transition::Throttled
                }
                TransitionKind::Suspended => Transition::Suspended,
                TransitionKind::StartedOver {
                    why: StartedOver::ImageEdited,
                    ..
                } => Transition::ImageEdited,
                TransitionKind::StartedOver {
                    why: StartedOver::Ran,
                    ..
                } => Transition::RanSince,
                TransitionKind::Recovered { .. } => Transition::Recovered,
                TransitionKind::Held { .. } => Transition::Held,
                TransitionKind::PutBack { .. } => Transition::PutBack,
                TransitionKind::Ended => Transition::EndedByItself,
                TransitionKind::Agreed => Transition::Agreed,
                TransitionKind::GaveUp => Transition::GaveUp,
                // No simulated enforcer reads Events.
                TransitionKind::Recollected { .. } | TransitionKind::DryRun(_) => return,
            },
        };
        self.mark(which);
    }

    const fn mark(&mut self, which: Transition) {
        self.seen |= 1 << which as usize;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transitions_are_in_the_order_of_their_definition_and_fit() {
        for (place, (which, _)) in Transition::ALL.into_iter().enumerate() {
            assert_eq!(which as usize, place);
        }
        const { assert!(COUNT <= 64) };
        let mut coverage = Coverage::default();
        assert_eq!(coverage.missing().count(), COUNT);
        coverage.command(&Command::List);
        assert_eq!(
            (coverage.count(), coverage.missing().count()),
            (1, COUNT - 1)
        );
    }
}
