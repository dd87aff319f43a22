//! The enforcer's writes: sent, stored or refused, and answered.

use std::sync::Arc;
use std::time::Duration;

use pullstop_core::cause::Cause;
use pullstop_core::engine::Outcome;
use pullstop_core::names::FAILED_REASON;
use pullstop_core::pod::ResourceVersion;

use super::{Enforcer, Event};
use crate::scenario::fault::WriteFault;
use crate::world::api::{Patch, Refused};
use crate::world::checks::Checks;
use crate::world::cluster::Cluster;
use crate::world::controller::{Command, Verdict};
use crate::world::ids::PodId;
use crate::world::journal::What;
use crate::world::oracle;
use crate::world::pod::Mark;
use crate::world::truth::Failed;

/// An answer that never comes is given up after this long.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// A write that reaches the API server.
#[derive(Clone, Debug)]
pub struct Landing {
    command: Command,
    life: u32,
}

impl Enforcer {
    /// Sends a write.
    pub(super) fn write(&mut self, c: &mut Cluster, checks: &mut Checks, command: Command) {
        let Some((pod, _)) = command.target() else {
            return;
        };
        if !self.in_flight.insert(pod) {
            checks.two_writes(c.now, pod);
        }
        if let Command::Fail(verdict) | Command::Deadline(verdict) | Command::Warn(verdict) =
            &command
        {
            checks.decided(c, verdict);
            if let Some(decision) = &verdict.decision {
                c.tell(pod, || What::Decided(decision.clone()));
            }
        }
        self.tally.writes += 1;
        let at = c.now.after(self.links.write_latency + self.slower_by);
        let landing = Landing {
            command,
            life: self.life,
        };
        c.queue.add(
            at,
            crate::world::Event::Enforcer(Event::Lands(Box::new(landing))),
        );
    }

    /// A write reaches the API server.
    pub(super) fn lands(&mut self, c: &mut Cluster, checks: &mut Checks, landing: &Landing) {
        let Some((pod, version)) = landing.command.target() else {
            return;
        };
        let mut faults = self.write_faults.iter();
        let fault = faults.find(|(_, percent)| self.chance.chance(*percent));
        let refused_for = match fault {
            Some((WriteFault::Conflict, _)) => Some(Outcome::Conflict),
            Some((WriteFault::Failed, _)) => Some(Outcome::Failed),
            Some((WriteFault::LostAnswer, _)) | None => None,
        };
        let outcome = match refused_for {
            Some(outcome) => outcome,
            None => store(c, checks, pod, version, &landing.command),
        };
        let mut pause = self.links.write_latency + self.slower_by;
        let answer = if matches!(fault, Some((WriteFault::LostAnswer, _))) {
            pause = ANSWER_TIMEOUT;
            Outcome::Failed
        } else {
            outcome
        };
        match answer {
            Outcome::Conflict => self.tally.conflicts += 1,
            Outcome::Failed => self.tally.failed += 1,
            Outcome::Accepted(_) | Outcome::NotFound => {}
        }
        c.tell(pod, || What::Answered(in_words(answer)));
        let event = Event::Answered(pod, answer, landing.life);
        c.queue
            .add(c.now.after(pause), crate::world::Event::Enforcer(event));
    }
}

/// Carries a write out, and notes what was true then.
fn store(
    c: &mut Cluster,
    checks: &mut Checks,
    pod: PodId,
    version: Option<u64>,
    command: &Command,
) -> Outcome {
    let patch = match command {
        Command::Fail(verdict) => Patch::Fail {
            reason: FAILED_REASON,
            mark: verdict.decision.as_ref().map(|d| Mark::Failed(d.cause)),
            durable: verdict.durable,
        },
        Command::Deadline(_) => Patch::ActiveDeadline(Duration::from_secs(1)),
        Command::Warn(verdict) => Patch::Mark(Some(Mark::Failed(verdict.cause))),
        Command::Remember { memories, .. } if memories.is_empty() => Patch::Mark(None),
        Command::Remember { memories, .. } => {
            Patch::Mark(Some(Mark::Failing(memories.as_slice().into())))
        }
        Command::Read(_) | Command::List | Command::Transition(..) => return Outcome::Failed,
    };
    let before = c.api.get(pod).map(Arc::clone);
    match c.api.patch(pod, version, patch) {
        Ok(version) => {
            if let (Some(before), Command::Fail(verdict) | Command::Deadline(verdict)) =
                (before, command)
            {
                note_failed(c, checks, &before, verdict);
            } else if let Command::Warn(verdict) = &command {
                note_warned(c, verdict);
            }
            Outcome::Accepted(ResourceVersion(version))
        }
        Err(Refused::Conflict) => Outcome::Conflict,
        Err(Refused::NotFound) => Outcome::NotFound,
    }
}

/// What is true at the moment in which a pod is failed.
fn note_failed(
    c: &mut Cluster,
    checks: &mut Checks,
    pod: &crate::world::pod::Pod,
    verdict: &Verdict,
) {
    let failed = failed_now(c, pod, verdict.cause);
    checks.failed(c, pod, &failed, verdict);
    if let Some(truth) = c.truth.pod_mut(pod.id) {
        truth.failed.get_or_insert(failed);
    }
}

/// What is true of a pod that is failed at this moment; `pod` is how it stood before.
pub(in crate::world) fn failed_now(
    c: &Cluster,
    pod: &crate::world::pod::Pod,
    cause: Cause,
) -> Failed {
    Failed {
        at: c.now,
        cause,
        while_pulling: c
            .truth
            .pod(pod.id)
            .is_some_and(crate::world::truth::PodTruth::is_pulling),
        healed_at: oracle::heals_at(c, pod),
    }
}

fn note_warned(c: &mut Cluster, verdict: &Verdict) {
    let now = c.now;
    if let Some(truth) = c.truth.pod_mut(verdict.pod) {
        truth.warned.get_or_insert((now, verdict.cause));
    }
}

impl Command {
    /// The pod that is written to, and the version on which that depends.
    fn target(&self) -> Option<(PodId, Option<u64>)> {
        match self {
            Self::Fail(verdict) | Self::Deadline(verdict) | Self::Warn(verdict) => {
                Some((verdict.pod, verdict.version))
            }
            Self::Remember { pod, version, .. } => Some((*pod, Some(*version))),
            Self::Read(_) | Self::List | Self::Transition(..) => None,
        }
    }
}

const fn in_words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted(_) => "stored",
        Outcome::Conflict => "refused: the pod had changed",
        Outcome::NotFound => "refused: there is no such pod",
        Outcome::Failed => "failed, or its answer was lost",
    }
}
