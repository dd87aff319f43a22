//! What only some kinds of workload have, and Jobs.

use std::time::Duration;

use pullstop_core::pod::RestartPolicy;

use super::Check;
use super::workload::Around;
use crate::scenario::raw::read::Read;
use crate::scenario::raw::value::{At, Place, place};
use crate::scenario::raw::workload::{PodFailureRuleSpec, WorkloadSpec};
use crate::scenario::workload::{
    Job, PodFailureAction, PodFailureMatch, PodFailureRule, PodReplacement, PodTemplate,
};

/// The release from which Kubernetes has sidecars, `backoffLimitPerIndex` and `podReplacementPolicy` without a
/// feature gate (`pkg/features/kube_features.go`).
pub(super) const COMPLETE_MINOR: u32 = 29;
/// Conditions that kubelets, controllers and Pullstop set to `True` on pods that failed.
const CONDITIONS: [&str; 2] = ["pullstop.dev/ImagePullFailed", "DisruptionTarget"];
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
        let written = |(name, place): (_, Option<Place>)| Some((name, place?));
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
        self.job_fits_together(w, around);
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
        let at =
            w.at.as_ref()
                .and_then(|at| crate::scenario::raw::read::Time::read(&at.text).ok());
        at.unwrap_or_default().min(self.end)
    }

    /// What Kubernetes refuses, or what would have no effect.
    fn job_fits_together(&mut self, w: &WorkloadSpec, around: &Around<'_>) {
        if let Some(queue) = &w.queue {
            self.known(
                "queue",
                "spec.queues",
                queue,
                around.queues.iter().map(|queue| queue.name.as_str()),
            );
        }
        if let (Some(priority), None) = (&w.priority, &w.queue) {
            self.error(
                priority,
                "`priority` is that in a queue: name the `queue` too",
            );
        }
        if let (Some(until), Some(_)) = (&w.suspended_until, &w.queue) {
            self.error(
                until,
                "the queue says when the Job is resumed: remove `suspendedUntil` or `queue`",
            );
        }
        let indexed = w
            .indexed
            .as_ref()
            .is_some_and(|indexed| indexed.text == "true");
        let of_indexes = [
            (
                "backoffLimitPerIndex",
                place(w.backoff_limit_per_index.as_ref()),
            ),
            ("maxFailedIndexes", place(w.max_failed_indexes.as_ref())),
        ];
        for (name, place) in of_indexes {
            if let (Some(place), false) = (place, indexed) {
                self.error(
                    &place,
                    format!("only indexed Jobs have `{name}`: add `indexed: true`"),
                );
            }
        }
        if let (Some(max), None, true) =
            (&w.max_failed_indexes, &w.backoff_limit_per_index, indexed)
        {
            self.error(
                max,
                "no index ever fails for good without `backoffLimitPerIndex`: add it",
            );
        }
        let restarts = w
            .restart_policy
            .as_ref()
            .is_some_and(|policy| policy.text != RestartPolicy::Never.as_str());
        let for_never = [
            (
                "backoffLimitPerIndex",
                place(w.backoff_limit_per_index.as_ref()),
            ),
            ("podFailurePolicy", place(w.pod_failure_policy.as_ref())),
        ];
        for (name, place) in for_never {
            if let (Some(place), true) = (place, restarts) {
                let message = format!(
                    "Kubernetes allows `{name}` only with `restartPolicy: Never`: change one of them"
                );
                self.error(&place, message);
            }
        }
        if let (Some(policy), true) = (&w.pod_replacement_policy, w.pod_failure_policy.is_some())
            && policy.text == "TerminatingOrFailed"
        {
            self.error(
                policy,
                "Kubernetes allows only `Failed` with a `podFailurePolicy`: remove this",
            );
        }
        let newer = [
            (
                "backoffLimitPerIndex",
                place(w.backoff_limit_per_index.as_ref()),
            ),
            (
                "podReplacementPolicy",
                place(w.pod_replacement_policy.as_ref()),
            ),
        ];
        for (name, place) in newer {
            if let Some(place) = place {
                self.needs_release(name, place, around.kubernetes_minor);
            }
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

    /// A Job that is larger than its queue would wait for ever.
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
                    "the Job would wait for ever: it takes {all}{unit} {what}, and `{}` has {quota}{unit}",
                    queue.name
                );
                self.error(written, message);
            }
        }
    }
}
