//! What a Job makes of pods that have ended, and when that is too much (`pkg/controller/job`).

use std::sync::Arc;

use pullstop_core::pod::Phase;
use pullstop_core::time::Timestamp;

use super::{JobState, Owned};
use crate::scenario::workload::{PodFailureAction, PodFailureMatch};
use crate::world::cluster::Cluster;
use crate::world::ids::OwnerId;
use crate::world::pod::{ContainerState, Mark, Pod, Ready};

/// The condition that Pullstop sets.
pub(crate) const OWN_CONDITION: &str = "pullstop.dev/ImagePullFailed";

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
                name == OWN_CONDITION && matches!(pod.mark, Some(Mark::Failed(_)))
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

    pub(super) fn check_limits(&mut self, c: &mut Cluster, id: OwnerId) {
        let is_late = self.is_late(c, id);
        let failed_indexes = self.indexes.iter().filter(|index| index.failed).count();
        let too_many = |max: u32| failed_indexes > max as usize;
        let reason = if is_late {
            "DeadlineExceeded"
        } else if self.spec.backoff_limit_per_index.is_some() {
            let all_done = self
                .indexes
                .iter()
                .all(|index| index.failed || index.succeeded);
            if self.spec.failed_indexes_max.is_some_and(too_many) {
                "MaxFailedIndexesExceeded"
            } else if failed_indexes > 0 && all_done {
                "FailedIndexes"
            } else {
                return;
            }
        } else if self.failed > self.spec.backoff_limit {
            "BackoffLimitExceeded"
        } else {
            return;
        };
        self.failing_for.get_or_insert(reason);
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
