//! Logs and metrics about pods.
//!
//! Only the replica that leads reports: the others see the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use pullstop_core::cause::Cause;
use pullstop_core::engine::{Decision, Outcome, Transition, TransitionKind};
use pullstop_core::plugin::TrailEntry;
use pullstop_core::pod::PodRef;
use pullstop_core::policy::Policy;
use pullstop_core::time::{Human, Timestamp};
use pullstop_core::wire::timestamp;

use crate::metrics::{Metric, Metrics};
use crate::pods::kind::VerdictWrite;

/// Logs and counts what happens to pods.
#[derive(Debug)]
pub struct Reporter {
    metrics: Arc<Metrics>,
    active: bool,
    /// The pods that fail, by uid.
    pods: BTreeMap<String, Failing>,
}

#[derive(Debug)]
struct Failing {
    pod: PodRef,
    /// By container: since when, and why at last.
    containers: BTreeMap<String, (Timestamp, Cause)>,
}

impl Reporter {
    /// Silent at first.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            metrics,
            active: false,
            pods: BTreeMap::new(),
        }
    }

    /// Reports from now on, or does not.
    pub fn set_active(&mut self, active: bool) {
        self.active = active;
    }

    /// Whether it reports.
    pub fn is_active(&self) -> bool {
        self.active
    }

    /// The pods that are known to fail.
    pub fn pods(&self) -> impl Iterator<Item = &PodRef> {
        self.pods.values().map(|failing| &failing.pod)
    }

    /// Forgets the pods that are not kept any more, once there are many more than the `kept` ones.
    pub fn keep(&mut self, kept: usize, is_kept: impl Fn(&str) -> bool) {
        /// Looking through all of them is worth while for this many.
        const GONE_MIN: usize = 100;
        if self.pods.len() > 2 * kept + GONE_MIN {
            self.pods.retain(|uid, _| is_kept(uid));
        }
    }

    /// A verdict is to be carried out by this write.
    pub fn verdict(&self, write: VerdictWrite, decision: &Decision) {
        self.count_verdict(write.label(), decision);
    }

    /// A verdict is carried out by this action, or would be.
    fn count_verdict(&self, action: &'static str, decision: &Decision) {
        let Decision {
            pod,
            container,
            image,
            cause,
            failures,
            rule,
            trail,
            ..
        } = decision;
        let since = decision.decided_at.since(decision.first_failure_at);
        let dry_run = decision.enforcement.is_dry_run();
        self.metrics.count(
            Metric::Verdicts,
            &[
                ("action", action),
                ("dry_run", if dry_run { "true" } else { "false" }),
                ("cause", cause.as_str()),
            ],
        );
        self.metrics.observe(Metric::VerdictDelay, since);
        tracing::info!(
            action, dry_run, namespace = pod.namespace(), pod = pod.name(), container, image, %cause, failures,
            since_first_failure = %Human(since), rule, trail = in_words(trail), "verdict"
        );
    }

    /// A write has ended.
    pub fn outcome(&self, pod: &PodRef, outcome: Outcome) {
        match outcome {
            Outcome::Accepted(version) => tracing::debug!(%pod, %version, "written"),
            Outcome::Conflict => {
                tracing::debug!(%pod, "not written: the pod has changed and is judged again");
            }
            Outcome::NotFound => tracing::debug!(%pod, "not written: the pod is gone"),
            Outcome::Failed => {
                tracing::debug!(%pod, "perhaps not stored: reading it again");
            }
        }
    }

    /// Something has happened to a pod of a namespace with this policy.
    pub fn transition(&mut self, now: Timestamp, policy: &Policy, transition: &Transition) {
        self.follow(now, policy, transition);
        if self.active {
            self.count(&transition.kind);
            self.log(transition);
        }
    }

    fn count(&self, kind: &TransitionKind) {
        let count = |metric| self.metrics.count(metric, &[]);
        match kind {
            TransitionKind::Counted { cause, .. } => self
                .metrics
                .count(Metric::Failures, &[("cause", cause.as_str())]),
            TransitionKind::Throttled => count(Metric::Throttled),
            TransitionKind::Held { .. } => count(Metric::Held),
            TransitionKind::PutBack { .. } => count(Metric::Reverted),
            TransitionKind::Agreed => count(Metric::KubeletConfirmed),
            TransitionKind::GaveUp => count(Metric::Abandoned),
            TransitionKind::DryRun(_)
            | TransitionKind::Recollected { .. }
            | TransitionKind::Suspended
            | TransitionKind::StartedOver { .. }
            | TransitionKind::Recovered { .. }
            | TransitionKind::Ended => {}
        }
    }

    /// Keeps since when which container fails.
    fn follow(&mut self, now: Timestamp, policy: &Policy, transition: &Transition) {
        let uid = transition.pod.uid();
        match &transition.kind {
            TransitionKind::Counted { cause, .. } => {
                let failing = self.pods.entry(uid).or_insert_with(|| Failing {
                    pod: transition.pod.clone(),
                    containers: BTreeMap::new(),
                });
                let first = failing
                    .containers
                    .entry(transition.container.clone())
                    .or_insert((now, *cause));
                first.1 = *cause;
            }
            TransitionKind::Recollected { since, .. } => {
                let failing = self.pods.get_mut(&uid);
                if let Some(first) =
                    failing.and_then(|f| f.containers.get_mut(&transition.container))
                {
                    first.0 = first.0.min(*since);
                }
            }
            TransitionKind::StartedOver { .. } | TransitionKind::Recovered { .. } => {
                let Some(failing) = self.pods.get_mut(&uid) else {
                    return;
                };
                let was = failing.containers.remove(&transition.container);
                if failing.containers.is_empty() {
                    self.pods.remove(&uid);
                }
                if let (Some((since, cause)), TransitionKind::Recovered { .. }, true) =
                    (was, &transition.kind, self.active)
                {
                    let rule = policy.rule_for(cause).map(|rule| rule.duration);
                    self.metrics.observe_share(
                        Metric::RecoveryRatio,
                        now.since(since),
                        rule.unwrap_or_default(),
                    );
                }
            }
            TransitionKind::Ended | TransitionKind::Agreed => {
                self.pods.remove(&uid);
            }
            _ => {}
        }
    }

    fn log(&self, transition: &Transition) {
        let (namespace, pod, container) = (
            transition.pod.namespace(),
            transition.pod.name(),
            &transition.container,
        );
        match &transition.kind {
            TransitionKind::Counted {
                cause,
                permanence,
                matched,
                failures,
            } => {
                tracing::info!(namespace, pod, container, %cause, %permanence, matched, failures, "pull failed");
            }
            TransitionKind::Recollected { failures, since } => {
                let since = timestamp::print_seconds(*since);
                tracing::info!(
                    namespace,
                    pod,
                    container,
                    failures,
                    since,
                    "earlier failures found in Events"
                );
            }
            TransitionKind::Throttled => {
                tracing::debug!(
                    namespace,
                    pod,
                    container,
                    "the kubelet's rate limiter refused a pull"
                );
            }
            TransitionKind::Suspended => {
                tracing::debug!(
                    namespace,
                    pod,
                    container,
                    "the kubelet has restarted its attempts"
                );
            }
            TransitionKind::StartedOver { why, failures } => {
                tracing::info!(
                    namespace,
                    pod,
                    container,
                    reason = ?why,
                    failures,
                    "failures reset to zero"
                );
            }
            TransitionKind::Recovered { failures } => {
                tracing::info!(
                    namespace,
                    pod,
                    container,
                    failures,
                    "the container recovered"
                );
            }
            TransitionKind::Held { why, trail } => {
                tracing::info!(
                    namespace,
                    pod,
                    container,
                    reason = why,
                    trail = in_words(trail),
                    "verdict held"
                );
            }
            TransitionKind::DryRun(decision) => {
                self.count_verdict(decision.enforcement.action().as_str(), decision);
            }
            TransitionKind::PutBack { times } => {
                tracing::warn!(
                    namespace,
                    pod,
                    times,
                    "the failed pod was reverted to Pending"
                );
            }
            TransitionKind::Ended => tracing::info!(namespace, pod, "the pod has ended by itself"),
            TransitionKind::Agreed => {
                tracing::info!(namespace, pod, "the kubelet has confirmed the failure");
            }
            TransitionKind::GaveUp => {
                tracing::error!(
                    namespace,
                    pod,
                    "the pod was reverted too often and is not failed again"
                );
            }
        }
    }
}

fn in_words(trail: &[TrailEntry]) -> String {
    trail
        .iter()
        .map(TrailEntry::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}
