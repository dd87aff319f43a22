//! Checks Jobs, and fields that only some kinds of workload have.

use std::time::Duration;

use pullstop_core::names::FAILED_CONDITION;
use pullstop_core::pod::RestartPolicy;

use super::Check;
use super::workload::Around;
use crate::scenario::raw::read::{Read, Time};
use crate::scenario::raw::value::{At, place};
use crate::scenario::raw::workload::{PodFailureRuleSpec, WorkloadSpec};
use crate::scenario::workload::{
    Job, PodFailureAction, PodFailureMatch, PodFailureRule, PodReplacement, PodTemplate,
};
use crate::scenario::{Place, Queue};

/// The release from which Kubernetes has sidecars, `backoffLimitPerIndex` and `podReplacementPolicy` without a
/// feature gate (`pkg/features/kube_features.go`).
pub(super) const COMPLETE_MINOR: u32 = 29;
/// Conditions that kubelets, controllers and Pullstop set to `True` on pods that failed.
const CONDITIONS: [&str; 2] = [FAILED_CONDITION, "DisruptionTarget"];
/// `backoffLimit` with `backoffLimitPerIndex` (`pkg/apis/batch/v1/defaults.go`).
const BACKOFF_WITHOUT_LIMIT: u32 = i32::MAX as u32;

impl Check {
    /// What is written for a kind of workload that does not have it.
    pub(super) fn only_for_some(&mut self, w: &WorkloadSpec) {
        let of_jobs = [
            ("queue", place(w.queue.as_ref())),
            ("priority", place(w.priority.as_ref())),
            ("suspendedUntil", place(w.suspended_until.as_ref())),
            ("jobActiveDeadline", place(w.job_active_deadline.as_ref())),
            ("completions", place(w.completions.as_ref())),
            ("parallelism", place(w.parallelism.as_ref())),
            ("indexed", place(w.indexed.as_ref())),
            ("backoffLimit", place(w.backoff_limit.as_ref())),
            (
                "backoffLimitPerIndex",
                place(w.backoff_limit_per_index.as_ref()),
            ),
            ("maxFailedIndexes", place(w.max_failed_indexes.as_ref())),
            ("podFailurePolicy", place(w.pod_failure_policy.as_ref())),
            (
                "podReplacementPolicy",
                place(w.pod_replacement_policy.as_ref()),
            ),
            ("ttlAfterFinished", place(w.ttl_after_finished.as_ref())),
        ];
        if w.job.is_none() && w.name().is_some() {
            for (name, place) in of_jobs.into_iter().filter_map(written) {
                self.error(
                    &place,
                    format!("only Jobs have `{name}`: remove it, or make this a `job`"),
                );
            }
        }
        if let (Some(replicas), None, true) = (&w.replicas, &w.deployment, w.name().is_some()) {
            self.error(replicas, "only Deployments have `replicas`: write `completions` for a Job, or `count` for several");
        }
    }

    pub(super) fn job(&mut self, w: &WorkloadSpec, around: &Around<'_>) -> Job {
        self.queue_fits(w, around.queues);
        self.indexes_fit(w);
        self.failures_fit(w, around.kubernetes_minor);
        let rules = w.pod_failure_policy.as_ref();
        let policy: Vec<PodFailureRule> = rules
            .iter()
            .flat_map(|rules| rules.iter())
            .filter_map(|rule| self.rule(rule, w))
            .collect();
        let usual = Job::default();
        let per_index = self.maybe(w.backoff_limit_per_index.as_ref());
        let backoff_limit = if per_index.is_some() {
            BACKOFF_WITHOUT_LIMIT
        } else {
            usual.backoff_limit
        };
        let replacement = if rules.is_some() {
            PodReplacement::Failed
        } else {
            usual.replacement
        };
        Job {
            completions: self.or(w.completions.as_ref(), usual.completions),
            parallelism: self.or(w.parallelism.as_ref(), usual.parallelism),
            indexed: self.or(w.indexed.as_ref(), usual.indexed),
            backoff_limit: self.or(w.backoff_limit.as_ref(), backoff_limit),
            backoff_limit_per_index: per_index,
            failed_indexes_max: self.maybe(w.max_failed_indexes.as_ref()),
            pod_failure_policy: policy,
            replacement: self.or(w.pod_replacement_policy.as_ref(), replacement),
            ttl_after_finished: self.maybe(w.ttl_after_finished.as_ref()),
            active_deadline: self.maybe(w.job_active_deadline.as_ref()),
            queue: self.maybe(w.queue.as_ref()),
            priority: self.or(w.priority.as_ref(), usual.priority),
            suspended_until: self.until(self.arrives(w), None, w.suspended_until.as_ref()),
        }
    }

    /// When the first of a workload comes, as far as that can be read; errors are said where it is checked.
    pub(super) fn arrives(&self, w: &WorkloadSpec) -> Duration {
        let at = w.at.as_ref().and_then(|at| Time::read(&at.text).ok());
        at.unwrap_or_default().min(self.end)
    }

    fn queue_fits(&mut self, w: &WorkloadSpec, queues: &[Queue]) {
        let Some(queue) = &w.queue else {
            if let Some(priority) = &w.priority {
                self.error(
                    priority,
                    "`priority` is that in a queue: name the `queue` too",
                );
            }
            return;
        };
        self.known(
            "queue",
            "spec.queues",
            queue,
            queues.iter().map(|queue| queue.name.as_str()),
        );
        if let Some(until) = &w.suspended_until {
            let message =
                "the queue says when the Job is resumed: remove `suspendedUntil` or `queue`";
            self.error(until, message);
        }
    }

    /// What Kubernetes refuses (`pkg/apis/batch/validation`).
    fn indexes_fit(&mut self, w: &WorkloadSpec) {
        let is_indexed = w
            .indexed
            .as_ref()
            .is_some_and(|indexed| indexed.text == "true");
        if is_indexed {
            if let (Some(max), None) = (&w.max_failed_indexes, &w.backoff_limit_per_index) {
                let message = "no index can fail on its own without `backoffLimitPerIndex`: add it";
                self.error(max, message);
            }
            return;
        }
        let of_indexes = [
            (
                "backoffLimitPerIndex",
                place(w.backoff_limit_per_index.as_ref()),
            ),
            ("maxFailedIndexes", place(w.max_failed_indexes.as_ref())),
        ];
        for (name, place) in of_indexes.into_iter().filter_map(written) {
            self.error(
                &place,
                format!("only indexed Jobs have `{name}`: add `indexed: true`"),
            );
        }
    }

    /// What Kubernetes refuses, and what its release does not have.
    fn failures_fit(&mut self, w: &WorkloadSpec, kubernetes_minor: u32) {
        let never = RestartPolicy::Never.as_str();
        let restarts = w
            .restart_policy
            .as_ref()
            .is_some_and(|policy| policy.text != never);
        let per_index = (
            "backoffLimitPerIndex",
            place(w.backoff_limit_per_index.as_ref()),
        );
        let policy = ("podFailurePolicy", place(w.pod_failure_policy.as_ref()));
        let replacement = (
            "podReplacementPolicy",
            place(w.pod_replacement_policy.as_ref()),
        );
        for (name, place) in [per_index, policy]
            .into_iter()
            .filter_map(written)
            .filter(|_| restarts)
        {
            let message = format!(
                "Kubernetes allows `{name}` only with `restartPolicy: Never`: change one of them"
            );
            self.error(&place, message);
        }
        for (name, place) in [per_index, replacement].into_iter().filter_map(written) {
            self.needs_release(name, place, kubernetes_minor);
        }
        let Some(rules) = &w.pod_failure_policy else {
            return;
        };
        self.ensure(
            !rules.is_empty(),
            rules,
            "a policy without rules says nothing: add some, or remove it",
        );
        if let Some(text) = w
            .pod_replacement_policy
            .as_ref()
            .filter(|p| p.text == "TerminatingOrFailed")
        {
            self.error(
                text,
                "Kubernetes allows only `Failed` with a `podFailurePolicy`: remove this",
            );
        }
    }

    pub(super) fn needs_release(&mut self, name: &str, place: Place, kubernetes_minor: u32) {
        if kubernetes_minor < COMPLETE_MINOR {
            let message = format!(
                "Kubernetes 1.{kubernetes_minor} does not have `{name}` by default: write `kubernetes: \
                 \"1.{COMPLETE_MINOR}\"` or later"
            );
            self.error(&place, message);
        }
    }

    fn rule(&mut self, rule: &At<PodFailureRuleSpec>, w: &WorkloadSpec) -> Option<PodFailureRule> {
        let given = [
            ("onPodCondition", place(rule.on_pod_condition.as_ref())),
            ("onExitCodes", place(rule.on_exit_codes.as_ref())),
        ];
        self.one_of(rule, "what the rule looks at", &given);
        let action = self.read(&rule.action);
        if action == Some(PodFailureAction::FailIndex) && w.backoff_limit_per_index.is_none() {
            self.error(
                &rule.action,
                "Kubernetes allows `FailIndex` only with `backoffLimitPerIndex`: add it",
            );
        }
        if let Some(condition) = &rule.on_pod_condition {
            self.known(
                "condition",
                "onPodCondition",
                condition,
                CONDITIONS.into_iter(),
            );
            let on = PodFailureMatch::Condition(self.read(condition)?);
            return Some(PodFailureRule {
                action: action?,
                on,
            });
        }
        let codes = rule.on_exit_codes.as_ref()?;
        self.ensure(
            !codes.is_empty(),
            codes,
            "a rule without exit codes never applies: name some",
        );
        for code in codes.iter().filter(|code| code.text == "0") {
            self.error(code, "0 is the exit code of success: remove it");
        }
        let codes = codes.iter().filter_map(|code| self.read(code)).collect();
        Some(PodFailureRule {
            action: action?,
            on: PodFailureMatch::ExitCodes(codes),
        })
    }

    /// A Job that is larger than its queue would wait forever.
    pub(super) fn quota(
        &mut self,
        w: &WorkloadSpec,
        job: &Job,
        template: &PodTemplate,
        around: &Around<'_>,
    ) {
        let Some(written) = &w.queue else { return };
        let Some(queue) = around
            .queues
            .iter()
            .find(|queue| queue.name == written.text)
        else {
            return;
        };
        let pods = u64::from(job.parallelism);
        let takes = [
            (
                "CPU",
                "m",
                template.requests.cpu_millis,
                queue.quota.cpu_millis,
            ),
            ("GPUs", "", template.requests.gpus, queue.quota.gpus),
        ];
        for (what, unit, each, quota) in takes {
            let all = each.saturating_mul(pods);
            if let Some(quota) = quota.filter(|quota| all > *quota) {
                let message = format!(
                    "the Job would wait forever: it takes {all}{unit} {what}, and `{}` has {quota}{unit}",
                    queue.name
                );
                self.error(written, message);
            }
        }
    }
}

/// What is written, of all that may be.
fn written((name, place): (&'static str, Option<Place>)) -> Option<(&'static str, Place)> {
    Some((name, place?))
}
