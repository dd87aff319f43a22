//! The Job controller, as far as failed pods matter to it (`pkg/controller/job`).

mod count;

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use pullstop_core::pod::Phase;
use pullstop_core::time::Timestamp;

pub use self::count::DISRUPTION;
use super::quota::Need;
use super::{Event, FIRST_LOOK, create_pod};
use crate::scenario::workload::{Job, PodReplacement, PodTemplate};
use crate::world::api::Patch;
use crate::world::cluster::Cluster;
use crate::world::ids::{OwnerId, PodId};
use crate::world::journal::What;
use crate::world::pod::{Owner, OwnerKind};

/// The pause before a replacement: 10 s for the first, doubling up to 10 minutes (`job_controller.go`).
const REPLACEMENT_PAUSE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(600));

/// A Job.
#[derive(Debug)]
pub struct JobState {
    /// `metadata.name`.
    pub name: String,
    /// `spec`.
    pub spec: Job,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was admitted or resumed.
    pub started_at: Option<Timestamp>,
    /// `status.failed`.
    pub failed: u32,
    /// `status.succeeded`.
    pub succeeded: u32,
    /// How it ended.
    pub finished: Option<Finished>,
    /// Whether a client has created it, rather than the scenario.
    pub is_adopted: bool,
    /// Whether it is gone.
    pub is_removed: bool,
    namespace: String,
    template: Arc<PodTemplate>,
    pods: Vec<Owned>,
    made: u32,
    /// For each index how often it has failed, and whether it is done; one for all if the Job is not indexed.
    indexes: Vec<Index>,
    /// The condition `FailureTarget`.
    failing_for: Option<&'static str>,
    /// When it is to be looked at.
    looks: BTreeSet<Timestamp>,
}

/// How a Job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finished {
    /// When.
    pub at: Timestamp,
    /// The reason of the condition `Failed`; none if it is complete.
    pub failed_for: Option<&'static str>,
}

#[derive(Debug)]
struct Owned {
    pod: PodId,
    index: u32,
    /// Whether it was taken into account, or never will be: that is never taken back, since its finalizer is gone.
    counted: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Index {
    failures: u32,
    last_failure_at: Option<Timestamp>,
    succeeded: bool,
    failed: bool,
}

impl JobState {
    pub(super) fn new(
        now: Timestamp,
        name: String,
        spec: &Job,
        namespace: &str,
        template: Arc<PodTemplate>,
    ) -> Self {
        let indexes = if spec.indexed { spec.completions } else { 1 };
        Self {
            name,
            spec: spec.clone(),
            created_at: now,
            started_at: None,
            failed: 0,
            succeeded: 0,
            finished: None,
            is_adopted: false,
            is_removed: false,
            namespace: namespace.to_owned(),
            template,
            pods: Vec::new(),
            made: 0,
            indexes: vec![Index::default(); indexes as usize],
            failing_for: None,
            looks: BTreeSet::new(),
        }
    }

    /// `metadata.namespace`.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// `spec.template`.
    pub const fn template(&self) -> &Arc<PodTemplate> {
        &self.template
    }

    /// `status.active`.
    pub fn active(&self, c: &Cluster) -> usize {
        let pods = self.pods.iter();
        pods.filter(|owned| is_active(c, owned.pod)).count()
    }

    /// The reason of the condition `FailureTarget`, which stands before the last pods have ended.
    pub const fn failing_for(&self) -> Option<&'static str> {
        self.failing_for
    }

    /// How many pods it has made.
    pub const fn made(&self) -> u32 {
        self.made
    }

    /// The first pod that it has made.
    pub fn first_pod(&self) -> Option<PodId> {
        self.pods.first().map(|owned| owned.pod)
    }

    /// What it takes of a quota.
    pub fn need(&self) -> Need {
        let requests = &self.template.requests;
        let pods = u64::from(self.spec.parallelism);
        Need {
            cpu_millis: requests.cpu_millis.saturating_mul(pods),
            gpus: requests.gpus.saturating_mul(pods),
            jobs: 1,
        }
    }

    pub(super) fn resume(&mut self, c: &mut Cluster, id: OwnerId) {
        if self.started_at.is_none() && self.finished.is_none() && !self.is_removed {
            self.started_at = Some(c.now);
            c.journal
                .add(c.now, None, || What::Owner(id, "started".to_owned()));
            self.look_after(c, id, FIRST_LOOK);
        }
    }

    /// Its pods are deleted, and it makes none until it is resumed. What becomes of them is not counted: their
    /// finalizers are taken away (`deleteActivePods`).
    pub(super) fn suspend(&mut self, c: &mut Cluster) {
        if self.started_at.take().is_none() || self.finished.is_some() {
            return;
        }
        self.spec.suspended_until.get_or_insert_default();
        for (pod, _) in self.active_pods(c) {
            delete(c, pod);
        }
        for owned in &mut self.pods {
            owned.counted = true;
        }
    }

    /// Takes over what may change of its specification.
    pub(super) fn revise(&mut self, c: &mut Cluster, id: OwnerId, to: &Job) {
        let had_ttl = self.spec.ttl_after_finished;
        self.spec.parallelism = to.parallelism;
        self.spec.backoff_limit = to.backoff_limit;
        self.spec.failed_indexes_max = to.failed_indexes_max;
        self.spec.active_deadline = to.active_deadline;
        self.spec.ttl_after_finished = to.ttl_after_finished;
        if self.finished.is_some() && had_ttl != to.ttl_after_finished {
            self.expire_later(c, id);
        }
        self.look_after(c, id, Duration::ZERO);
    }

    /// It does nothing any more; the pods that it had.
    pub(super) fn remove(&mut self) -> Vec<PodId> {
        self.is_removed = true;
        self.pods.iter().map(|owned| owned.pod).collect()
    }

    /// The Job is looked at after a while, together with all that happens until then.
    pub(super) fn look_after(&mut self, c: &mut Cluster, id: OwnerId, pause: Duration) {
        let at = c.now.after(pause);
        // An earlier look asks again for what is due later.
        if self.looks.first().is_none_or(|first| at < *first) {
            self.looks.insert(at);
            c.queue
                .add(at, crate::world::Event::Control(Event::Sync(id)));
        }
    }

    /// The finished Job is removed, and its pods with it.
    pub(super) fn expire(&self, c: &mut Cluster) {
        for owned in &self.pods {
            delete(c, owned.pod);
        }
    }

    pub(super) fn sync(&mut self, c: &mut Cluster, id: OwnerId) {
        self.looks.retain(|at| *at > c.now);
        if self.finished.is_some() || self.started_at.is_none() || self.is_removed {
            return;
        }
        self.count(c);
        self.check_limits(c, id);
        if let Some(reason) = self.failing_for {
            for (pod, _) in self.active_pods(c) {
                delete(c, pod);
            }
            if !self.pods.iter().any(|owned| is_alive(c, owned.pod)) {
                self.finish(c, id, Some(reason));
            }
            return;
        }
        self.manage(c, id);
        if self.is_complete() && self.active(c) == 0 {
            self.finish(c, id, None);
        }
    }

    fn finish(&mut self, c: &mut Cluster, id: OwnerId, failed_for: Option<&'static str>) {
        self.finished = Some(Finished {
            at: c.now,
            failed_for,
        });
        c.journal.add(c.now, None, || {
            let how = failed_for.map_or_else(
                || "complete".to_owned(),
                |reason| format!("failed: {reason}"),
            );
            What::Owner(id, how)
        });
        self.expire_later(c, id);
    }

    fn expire_later(&self, c: &mut Cluster, id: OwnerId) {
        if let (Some(ttl), Some(finished)) = (self.spec.ttl_after_finished, self.finished) {
            let at = finished.at.after(ttl).max(c.now);
            c.queue
                .add(at, crate::world::Event::Control(Event::Expire(id)));
        }
    }

    fn is_complete(&self) -> bool {
        if self.spec.indexed {
            self.indexes.iter().all(|index| index.succeeded)
        } else {
            self.succeeded >= self.spec.completions
        }
    }

    /// Makes the pods that are missing, and deletes those that are too many: so a failed pod that is put back costs
    /// the one that was made in its place.
    fn manage(&mut self, c: &mut Cluster, id: OwnerId) {
        let active = self.active_pods(c);
        let wanted = self.wanted();
        if active.len() > wanted {
            self.delete_surplus(c, &active, wanted);
            return;
        }
        let is_ending = |owned: &&Owned| is_alive(c, owned.pod) && !is_active(c, owned.pod);
        let ending = if self.waits_for_ends() {
            self.pods.iter().filter(is_ending).count()
        } else {
            0
        };
        let mut missing = wanted.saturating_sub(active.len() + ending);
        let taken: Vec<u32> = active.iter().map(|(_, index)| *index).collect();
        for place in 0..self.indexes.len() {
            while missing > 0 && self.may_make(c, id, place, &taken) {
                self.make(c, id, place);
                missing -= 1;
                if self.spec.indexed {
                    break;
                }
            }
        }
    }

    /// Those that have come least far go first, the newest before the others (`ActivePods` in `controller_utils.go`).
    /// Their finalizers are taken away, so nothing that becomes of them is counted (`deleteJobPods`).
    fn delete_surplus(&mut self, c: &mut Cluster, active: &[(PodId, u32)], wanted: usize) {
        let how_far = |pod: PodId| {
            c.api.get(pod).map_or((false, false), |pod| {
                (pod.node.is_some(), pod.status.phase == Phase::Running)
            })
        };
        let mut surplus: Vec<PodId> = active.iter().map(|(pod, _)| *pod).collect();
        surplus.sort_by_key(|pod| (how_far(*pod), Reverse(*pod)));
        surplus.truncate(active.len() - wanted);
        for owned in &mut self.pods {
            owned.counted |= surplus.contains(&owned.pod);
        }
        for pod in surplus {
            delete(c, pod);
        }
    }

    fn active_pods(&self, c: &Cluster) -> Vec<(PodId, u32)> {
        let pods = self.pods.iter();
        pods.filter(|owned| is_active(c, owned.pod))
            .map(|owned| (owned.pod, owned.index))
            .collect()
    }

    /// Whether a pod counts, and is replaced, only once its phase is terminal; otherwise as soon as it is to be
    /// deleted (`onlyReplaceFailedPods`).
    fn waits_for_ends(&self) -> bool {
        self.spec.replacement == PodReplacement::Failed || !self.spec.pod_failure_policy.is_empty()
    }

    fn wanted(&self) -> usize {
        let left = if self.spec.indexed {
            self.indexes
                .iter()
                .filter(|index| !index.succeeded && !index.failed)
                .count()
        } else {
            self.spec.completions.saturating_sub(self.succeeded) as usize
        };
        left.min(self.spec.parallelism as usize)
    }

    /// Whether a pod may be made now; if only later, the Job is looked at then.
    fn may_make(&mut self, c: &mut Cluster, id: OwnerId, place: usize, taken: &[u32]) -> bool {
        let index = self.indexes[place];
        if self.spec.indexed {
            let is_taken = taken.iter().any(|index| *index as usize == place);
            if is_taken || index.succeeded || index.failed {
                return false;
            }
        }
        let Some(failed_at) = index.last_failure_at.filter(|_| index.failures > 0) else {
            return true;
        };
        let (first, longest) = REPLACEMENT_PAUSE;
        let pause = (first * 2u32.pow((index.failures - 1).min(6))).min(longest);
        let at = failed_at.after(pause);
        if at > c.now {
            self.look_after(c, id, at.since(c.now));
        }
        at <= c.now
    }

    fn make(&mut self, c: &mut Cluster, id: OwnerId, place: usize) {
        let index = u32::try_from(place).unwrap_or(u32::MAX);
        let suffix = if self.is_adopted {
            // A Job of the same name may have been there before, whose pods are still shutting down.
            c.streams.suffix(c.api.next_id().0.into())
        } else {
            self.made.to_string()
        };
        let name = if self.spec.indexed {
            format!("{}-{index}-{suffix}", self.name)
        } else {
            format!("{}-{suffix}", self.name)
        };
        self.made += 1;
        let owner = Owner {
            kind: OwnerKind::Job,
            id,
            index,
        };
        let pod = create_pod(c, &self.template, &self.namespace, name, Some(owner));
        self.pods.push(Owned {
            pod,
            index,
            counted: false,
        });
    }
}

/// Neither ended nor going.
fn is_active(c: &Cluster, pod: PodId) -> bool {
    c.api
        .get(pod)
        .is_some_and(|pod| !pod.is_terminal() && pod.deleting_since.is_none())
}

/// Not ended.
fn is_alive(c: &Cluster, pod: PodId) -> bool {
    c.api.get(pod).is_some_and(|pod| !pod.is_terminal())
}

fn delete(c: &mut Cluster, pod: PodId) {
    // It may be gone already, which is just as well.
    let _ = c.api.patch(pod, None, Patch::Delete(c.now));
}
