//! How a Job counts pods that have ended, and when it fails (`pkg/controller/job`).

use std::sync::Arc;

use pullstop_core::names::FAILED_CONDITION;
use pullstop_core::pod::{Phase, RestartPolicy};
use pullstop_core::time::Timestamp;

use super::{Index, JobState, Owned};
use crate::scenario::workload::{PodFailureAction, PodFailureMatch};
use crate::world::cluster::Cluster;
use crate::world::ids::OwnerId;
use crate::world::pod::{ContainerState, Mark, Pod, Ready};

/// The condition of a pod that was evicted.
pub const DISRUPTION: &str = "DisruptionTarget";

impl JobState {
    /// Takes into account what has ended since the last look.
    pub(super) fn count(&mut self, c: &Cluster) {
        for at in 0..self.pods.len() {
            let Owned {
                pod,
                index,
                counted,
            } = self.pods[at];
            let stored = c.api.get(pod);
            if counted || stored.is_some_and(|pod| !self.has_ended(pod)) {
                continue;
            }
            self.pods[at].counted = true;
            let place = if self.spec.indexed { index as usize } else { 0 };
            if stored.is_some_and(|pod| pod.status.phase == Phase::Succeeded) {
                self.succeeded += 1;
                let index = &mut self.indexes[place];
                (index.succeeded, index.failures) = (true, 0);
                continue;
            }
            self.count_failed(stored, place, c.now);
        }
    }

    /// `isPodFailed`, or succeeded: one that is to be deleted counts at once, unless only terminal phases do.
    fn has_ended(&self, pod: &Pod) -> bool {
        pod.is_terminal() || (pod.deleting_since.is_some() && !self.waits_for_ends())
    }

    fn count_failed(&mut self, pod: Option<&Arc<Pod>>, place: usize, now: Timestamp) {
        let action = pod
            .and_then(|pod| self.action(pod))
            .unwrap_or(PodFailureAction::Count);
        match action {
            PodFailureAction::Ignore => return,
            PodFailureAction::FailJob => {
                self.failing_for.get_or_insert("PodFailurePolicy");
            }
            PodFailureAction::FailIndex => self.indexes[place].failed = true,
            PodFailureAction::Count => {}
        }
        self.failed += 1;
        let index = &mut self.indexes[place];
        index.failures += 1;
        index.last_failure_at = Some(pod.map_or(now, |pod| finish_time(pod, now)));
        if self
            .spec
            .backoff_limit_per_index
            .is_some_and(|limit| index.failures > limit)
        {
            index.failed = true;
        }
    }

    /// What the pod failure policy says: its first rule that matches.
    fn action(&self, pod: &Pod) -> Option<PodFailureAction> {
        let matches = |on: &PodFailureMatch| {
            match on {
            PodFailureMatch::Condition(name) => {
                name == FAILED_CONDITION && matches!(pod.mark, Some(Mark::Failed(_)))
                    || name == DISRUPTION && pod.is_disrupted
            }
            PodFailureMatch::ExitCodes(codes) => pod.status.containers.iter().any(|c| {
                matches!(c.state, ContainerState::Terminated { exit_code, .. } if codes.contains(&exit_code))
            }),
        }
        };
        let rule = self
            .spec
            .pod_failure_policy
            .iter()
            .find(|rule| matches(&rule.on))?;
        Some(rule.action)
    }

    /// What makes the Job fail, if anything does: the first reason stands (`syncJob`).
    pub(super) fn check_limits(&mut self, c: &mut Cluster, id: OwnerId) {
        if self.failing_for.is_none() {
            self.failing_for = if self.is_past_backoff_limit(c) {
                Some("BackoffLimitExceeded")
            } else if self.is_late(c, id) {
                Some("DeadlineExceeded")
            } else {
                self.too_many_failed_indexes()
            };
        }
    }

    /// Failed pods count, and with `restartPolicy: OnFailure` the restarts of those that have not ended
    /// (`pastBackoffLimitOnFailure`). A pull that fails is no restart.
    fn is_past_backoff_limit(&self, c: &Cluster) -> bool {
        let limit = self.spec.backoff_limit;
        if self.failed > limit {
            return true;
        }
        if self.template.restart_policy != RestartPolicy::OnFailure {
            return false;
        }
        let pods = self.pods.iter().filter_map(|owned| c.api.get(owned.pod));
        let alive = pods.filter(|pod| !pod.is_terminal());
        let containers = alive.flat_map(|pod| &pod.status.containers);
        let restarts: u32 = containers.map(|container| container.restart_count).sum();
        restarts >= limit.max(1)
    }

    fn too_many_failed_indexes(&self) -> Option<&'static str> {
        self.spec.backoff_limit_per_index?;
        let failed = self.indexes.iter().filter(|index| index.failed).count();
        let is_over = |index: &Index| index.failed || index.succeeded;
        let too_many = |max: u32| failed > max as usize;
        if self.spec.failed_indexes_max.is_some_and(too_many) {
            Some("MaxFailedIndexesExceeded")
        } else if failed > 0 && self.indexes.iter().all(is_over) {
            Some("FailedIndexes")
        } else {
            None
        }
    }

    /// `pastActiveDeadline`; if it is only later, the Job is looked at then. The time that it was suspended is none of
    /// it: `status.startTime` is when it was resumed.
    fn is_late(&mut self, c: &mut Cluster, id: OwnerId) -> bool {
        let Some((deadline, started_at)) = self.spec.active_deadline.zip(self.started_at) else {
            return false;
        };
        let left = deadline.saturating_sub(c.now.since(started_at));
        if !left.is_zero() {
            self.look_after(c, id, left);
        }
        left.is_zero()
    }
}

/// `getFinishedTime`: of a container that never started there is none, and the pod's start must do, since when it was
/// not ready. So the pause before the replacement of a pod that waited for long is already over.
fn finish_time(pod: &Pod, now: Timestamp) -> Timestamp {
    let ended = pod.status.containers.iter().filter_map(|c| match c.state {
        ContainerState::Terminated { finished_at, .. } => finished_at,
        _ => None,
    });
    let started_at = pod.status.started_at;
    ended
        .max()
        .or_else(|| started_at.filter(|_| pod.status.conditions.ready != Ready::Yes))
        .or(pod.deleting_since)
        .unwrap_or(now)
}
