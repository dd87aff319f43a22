//! Jobs on one pod: read it, carry out a verdict, or store a checkpoint; each ends in a report.

use pullstop_core::engine::{Decision, Memory, Outcome};
use pullstop_core::names::WARNING_CONDITION;
use pullstop_core::pod::{Overrides, PodRef, ResourceVersion};
use pullstop_core::policy::Bounds;
use pullstop_core::wire::WirePod;

use super::announce::Announcement;
use super::kind::{PodWrite, VerdictWrite};
use super::memory;
use super::patch;
use super::write::Writer;
use crate::metrics::Metric;
use crate::overrides::{Asked, Source};

/// A job on one pod.
#[derive(Debug)]
pub enum Job {
    /// Carry out a verdict, unless more is asked for by now that these bounds allow.
    Verdict(VerdictWrite, Box<Decision>, Bounds),
    /// Keep what must survive a restart.
    Remember {
        /// The pod.
        pod: PodRef,
        /// The version that was judged.
        version: ResourceVersion,
        /// What to keep.
        memories: Vec<Memory>,
        /// What the pod belongs to that was never asked: nothing is kept with a pod that is to be left alone.
        unread: Vec<Source>,
    },
    /// Look what the pod is like.
    Read(PodRef),
}

impl Job {
    /// The pod that it is about.
    pub fn pod(&self) -> &PodRef {
        match self {
            Self::Verdict(_, decision, _) => &decision.pod,
            Self::Remember { pod, .. } | Self::Read(pod) => pod,
        }
    }
}

/// How a job has ended.
#[derive(Debug)]
pub struct Report {
    /// The pod.
    pub pod: PodRef,
    /// The outcome, if something was to be written.
    pub outcome: Option<Outcome>,
    /// What was found on the way.
    pub found: Found,
    /// The annotations of Jobs and namespaces that were read on the way.
    pub asked: Vec<Asked>,
}

/// What a read has found.
#[derive(Debug)]
pub enum Found {
    /// The pod.
    Pod(Box<WirePod>),
    /// No pod of that name, or another one.
    Nobody,
    /// It was not read, or could not be.
    Unknown,
}

impl Writer {
    /// Carries out one job.
    pub async fn carry_out(&self, job: Job) -> Report {
        match job {
            Job::Read(pod) => self.read(pod).await,
            Job::Remember {
                pod,
                version,
                memories,
                unread,
            } => self.remember(pod, version, &memories, &unread).await,
            Job::Verdict(write, decision, bounds) => self.decided(write, *decision, &bounds).await,
        }
    }

    /// A verdict that is not written, since the policies have changed: the pod is judged anew once it was read.
    pub fn withdraw(&self, verdict: VerdictWrite, decision: &Decision) -> Report {
        self.ended(PodWrite::Verdict(verdict), "stale");
        Report {
            pod: decision.pod.clone(),
            outcome: Some(Outcome::Conflict),
            found: Found::Unknown,
            asked: Vec::new(),
        }
    }

    async fn read(&self, pod: PodRef) -> Report {
        let (found, result) = match self.look(&pod).await {
            Ok(Some(seen)) => (Found::Pod(Box::new(seen)), "success"),
            Ok(None) => (Found::Nobody, "not_found"),
            Err(error) => (Found::Unknown, error.label()),
        };
        self.metrics.count(Metric::Reads, &[("result", result)]);
        Report {
            pod,
            outcome: None,
            found,
            asked: Vec::new(),
        }
    }

    async fn remember(
        &self,
        pod: PodRef,
        version: ResourceVersion,
        memories: &[Memory],
        unread: &[Source],
    ) -> Report {
        let write = PodWrite::Checkpoint;
        let asked = self.ask_all(unread).await;
        let outcome = match all_overrides(&asked) {
            None => {
                self.ended(write, "overrides_unknown");
                Outcome::Failed
            }
            Some(overrides)
                if overrides
                    .iter()
                    .any(|overrides| *overrides != Overrides::default()) =>
            {
                self.ended(write, "overrides_changed");
                Outcome::Conflict
            }
            Some(_) => {
                let time = self.api.time();
                let memories: Vec<Memory> = memories
                    .iter()
                    .map(|memory| memory::moved(memory, |own| time.of(own)))
                    .collect();
                let now = time.of(self.clock.now());
                let body = patch::remember(&pod, version, &memories, now);
                self.patch(write, &pod, &body).await
            }
        };
        Report {
            pod,
            outcome: Some(outcome),
            found: Found::Unknown,
            asked,
        }
    }

    /// Reads the pod again before acting on it, and what it belongs to: what was judged must be what there is.
    async fn decided(&self, verdict: VerdictWrite, decision: Decision, bounds: &Bounds) -> Report {
        let write = PodWrite::Verdict(verdict);
        let pod = decision.pod.clone();
        let report = |outcome, found, asked| Report {
            pod: pod.clone(),
            outcome: Some(outcome),
            found,
            asked,
        };
        let seen = match self.look(&pod).await {
            Ok(Some(found)) => found,
            Ok(None) => {
                self.ended(write, "not_found");
                return report(Outcome::NotFound, Found::Nobody, Vec::new());
            }
            Err(error) => {
                self.ended(write, error.label());
                tracing::warn!(%error, %pod, "cannot read the pod; nothing was written");
                return report(Outcome::Failed, Found::Unknown, Vec::new());
            }
        };
        if seen.metadata.resource_version != decision.resource_version.to_string() {
            self.ended(write, "stale");
            return report(Outcome::Conflict, Found::Pod(Box::new(seen)), Vec::new());
        }
        let asked = self.ask_all(&Source::of(&seen, &self.kinds)).await;
        let Some(inherited) = all_overrides(&asked) else {
            // An annotation may exempt the pod.
            self.ended(write, "overrides_unknown");
            return report(Outcome::Failed, Found::Unknown, asked);
        };
        let overrides = std::iter::once(seen.metadata.overrides()).chain(inherited);
        if bounds.first_allowed(overrides) != decision.overrides {
            self.ended(write, "overrides_changed");
            return report(Outcome::Conflict, Found::Pod(Box::new(seen)), asked);
        }
        let outcome = self.act(verdict, &decision, &seen).await;
        report(outcome, Found::Unknown, asked)
    }

    /// Writes what was decided on the pod as it was `seen`, and tells people.
    async fn act(&self, verdict: VerdictWrite, decision: &Decision, seen: &WirePod) -> Outcome {
        let write = PodWrite::Verdict(verdict);
        if verdict == VerdictWrite::Warn && is_warned_of(seen, decision) {
            // By the one that led before.
            self.ended(write, "unchanged");
            return Outcome::Accepted(decision.resource_version);
        }
        // What is written is read by others, who have other clocks.
        let time = self.api.time();
        let now = time.of(self.clock.now());
        let decision = &Decision {
            first_failure_at: time.of(decision.first_failure_at),
            decided_at: time.of(decision.decided_at),
            ..decision.clone()
        };
        let message = patch::message(decision, last_error(seen, &decision.container));
        let body = verdict.body(decision, &message, now);
        let outcome = self.patch(write, &decision.pod, &body).await;
        if let Outcome::Accepted(_) = outcome {
            self.announcements.send(Announcement::new(
                seen,
                &decision.pod,
                verdict,
                message,
                now,
            ));
        }
        outcome
    }
}

/// Whether the pod carries this very warning.
fn is_warned_of(pod: &WirePod, decision: &Decision) -> bool {
    let cause = Some(decision.cause.as_str());
    pod.status
        .conditions
        .iter()
        .any(|c| c.r#type == WARNING_CONDITION && c.reason.as_deref() == cause)
}

/// The error text that the container's status shows.
fn last_error<'a>(pod: &'a WirePod, container: &str) -> &'a str {
    let status = &pod.status;
    let statuses = status
        .init_container_statuses
        .iter()
        .chain(&status.container_statuses);
    let waiting = statuses
        .filter(|status| status.name == container)
        .find_map(|status| status.state.waiting.as_ref());
    waiting.map_or("", |waiting| &waiting.message)
}

/// What all of those that were asked ask for; nothing if one could not be read.
fn all_overrides(asked: &[Asked]) -> Option<Vec<Overrides>> {
    let answers = asked.iter().map(|(_, answer)| answer.as_ref());
    answers.map(|answer| answer.ok().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::wire;
    use super::*;

    #[test]
    fn the_error_is_that_of_the_container() {
        let raw = br#"{"metadata": {"name": "p", "uid": "u", "resourceVersion": "7"},
            "status": {"containerStatuses": [{"name": "c", "state": {"waiting": {"message": "oh"}}}]}}"#;
        let pod = wire::one_pod(raw).unwrap();
        assert_eq!(last_error(&pod, "c"), "oh");
        assert_eq!(last_error(&pod, "d"), "");
    }
}
