//! What happens to pods, told in logs and metrics.
//!
//! Only the replica that leads tells: the others see the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use pullstop_core::cause::Cause;
use pullstop_core::engine::{Decision, Happening, Note, Outcome};
use pullstop_core::plugin::Said;
use pullstop_core::pod::PodRef;
use pullstop_core::policy::Policy;
use pullstop_core::time::{Human, Timestamp};
use pullstop_core::wire::timestamp;

use crate::metrics::{Metric, Metrics};
use crate::pods::kind::VerdictWrite;

/// Tells what happens.
#[derive(Debug)]
pub struct Telling {
    metrics: Arc<Metrics>,
    loud: bool,
    /// The pods that fail, by uid.
    pods: BTreeMap<String, Failing>,
}

#[derive(Debug)]
struct Failing {
    pod: PodRef,
    /// By container: since when, and why at last.
    containers: BTreeMap<String, (Timestamp, Cause)>,
}

impl Telling {
    /// Silent at first.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            metrics,
            loud: false,
            pods: BTreeMap::new(),
        }
    }

    /// Tells from now on, or does not.
    pub fn be_loud(&mut self, loud: bool) {
        self.loud = loud;
    }

    /// Whether it tells.
    pub fn is_loud(&self) -> bool {
        self.loud
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

    fn count_verdict(&self, deed: &'static str, decision: &Decision) {
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
        self.metrics.count(
            Metric::Verdicts,
            &[("deed", deed), ("cause", cause.as_str())],
        );
        self.metrics.observe(Metric::VerdictDelay, since);
        tracing::info!(
            deed, namespace = pod.namespace(), pod = pod.name(), container, image, %cause, failures,
            since_first_failure = %Human(since), rule, trail = in_words(trail), "verdict"
        );
    }

    /// A write has ended.
    pub fn outcome(&self, pod: &PodRef, outcome: Outcome) {
        match outcome {
            Outcome::Accepted(version) => tracing::debug!(%pod, %version, "written"),
            Outcome::Conflict => {
                tracing::debug!(%pod, "not written: the pod has changed and is judged anew");
            }
            Outcome::NotFound => tracing::debug!(%pod, "not written: the pod is gone"),
            Outcome::Failed => tracing::debug!(%pod, "perhaps not written: the pod is read again"),
        }
    }

    /// Something has happened to a pod of a namespace with this policy.
    pub fn note(&mut self, now: Timestamp, policy: &Policy, note: &Note) {
        self.follow(now, policy, note);
        if self.loud {
            self.tell(note);
        }
    }

    /// Keeps since when which container fails.
    fn follow(&mut self, now: Timestamp, policy: &Policy, note: &Note) {
        let uid = note.pod.uid();
        match &note.what {
            Happening::Counted { cause, .. } => {
                let failing = self.pods.entry(uid).or_insert_with(|| Failing {
                    pod: note.pod.clone(),
                    containers: BTreeMap::new(),
                });
                let first = failing
                    .containers
                    .entry(note.container.clone())
                    .or_insert((now, *cause));
                first.1 = *cause;
            }
            Happening::Recollected { since, .. } => {
                let failing = self.pods.get_mut(&uid);
                if let Some(first) = failing.and_then(|f| f.containers.get_mut(&note.container)) {
                    first.0 = first.0.min(*since);
                }
            }
            Happening::StartedOver { .. } | Happening::Recovered { .. } => {
                let Some(failing) = self.pods.get_mut(&uid) else {
                    return;
                };
                let was = failing.containers.remove(&note.container);
                if failing.containers.is_empty() {
                    self.pods.remove(&uid);
                }
                if let (Some((since, cause)), Happening::Recovered { .. }, true) =
                    (was, &note.what, self.loud)
                {
                    let rule = policy.rule_for(cause).map(|rule| rule.duration);
                    self.metrics.observe_share(
                        Metric::RecoveredShare,
                        now.since(since),
                        rule.unwrap_or_default(),
                    );
                }
            }
            Happening::Ended | Happening::Agreed => {
                self.pods.remove(&uid);
            }
            _ => {}
        }
    }

    fn tell(&self, note: &Note) {
        let (namespace, pod, container) = (note.pod.namespace(), note.pod.name(), &note.container);
        let count = |metric| self.metrics.count(metric, &[]);
        match &note.what {
            Happening::Counted {
                cause,
                permanence,
                matched,
                failures,
            } => {
                self.metrics
                    .count(Metric::Failures, &[("cause", cause.as_str())]);
                tracing::info!(namespace, pod, container, %cause, %permanence, matched, failures, "a pull has failed");
            }
            Happening::Recollected { failures, since } => {
                let since = timestamp::print_seconds(*since);
                tracing::info!(
                    namespace,
                    pod,
                    container,
                    failures,
                    since,
                    "Events tell of failures before it was watched"
                );
            }
            Happening::Throttled => {
                count(Metric::Throttled);
                tracing::debug!(
                    namespace,
                    pod,
                    container,
                    "the kubelet's own limiter refused a pull"
                );
            }
            Happening::Suspended => {
                tracing::debug!(namespace, pod, container, "the kubelet has started over");
            }
            Happening::StartedOver { why, failures } => {
                tracing::info!(
                    namespace,
                    pod,
                    container,
                    ?why,
                    failures,
                    "failures count from zero again"
                );
            }
            Happening::Recovered { failures } => {
                tracing::info!(
                    namespace,
                    pod,
                    container,
                    failures,
                    "the container has its image"
                );
            }
            Happening::Held { why, trail } => {
                count(Metric::Held);
                tracing::info!(
                    namespace,
                    pod,
                    container,
                    why,
                    trail = in_words(trail),
                    "a verdict is held"
                );
            }
            Happening::Would(decision) => self.count_verdict("report", decision),
            Happening::PutBack { times } => {
                count(Metric::PutBack);
                tracing::warn!(
                    namespace,
                    pod,
                    times,
                    "the failed pod was put back to Pending"
                );
            }
            Happening::Ended => tracing::info!(namespace, pod, "the pod has ended by itself"),
            Happening::Agreed => {
                count(Metric::Agreed);
                tracing::info!(namespace, pod, "the kubelet has taken the failure over");
            }
            Happening::GaveUp => {
                count(Metric::GaveUp);
                tracing::error!(
                    namespace,
                    pod,
                    "the pod was put back too often and is left as it is"
                );
            }
        }
    }
}

fn in_words(trail: &[Said]) -> String {
    trail
        .iter()
        .map(Said::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}
