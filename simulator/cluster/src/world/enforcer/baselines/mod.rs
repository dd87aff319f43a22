//! Baselines to compare with: how other projects decide that an image cannot be pulled, and the limit of what can be
//! decided.
//!
//! Each project's has the name and the defaults of the project that it is taken from. Only the decision is theirs: whom they look
//! at and how they write is the same for all, so that nothing but the decision is compared. A write that fails is made
//! again, as each of them does in its way. Times of conditions that a pod tells are those at which they were seen to
//! change; of a pod that is new to a baseline, the pod's start must do.

mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pullstop_core::cause::Cause;
use pullstop_core::engine::{Outcome, Source};
use pullstop_core::plugin::Profile;
use pullstop_core::pod::Phase;
use pullstop_core::time::Timestamp;

use self::rules::{due_at, is_counted};
use super::pullstop::with_snapshot;
use crate::world::cluster::Cluster;
use crate::world::controller::{Command, Controller, ControllerEvent, Verdict};
use crate::world::ids::{OwnerId, PodId};
use crate::world::oracle;
use crate::world::pod::{Conditions, ContainerState, Pod};
use crate::world::uid;

/// The ways to decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Baseline {
    /// No pod is ever failed.
    Nothing,
    /// The first `ErrImagePull`, `ImagePullBackOff`, `InvalidImageName` or `…Error` is enough, as in Nextflow and
    /// GitLab Runner.
    FirstSight,
    /// The first `ImagePullBackOff` is enough: Tekton's `default-imagepullbackoff-timeout` of 0. What it fails at once,
    /// whatever the timeout, are `InvalidImageName`, `CreateContainerError` and `CreateContainerConfigError`.
    Tekton,
    /// `ImagePullBackOff` for 5 minutes since the sandbox was ready: the timeout in Tekton's documentation.
    TektonFiveMinutes,
    /// Pending for 10 minutes since `startTime`, or for 5 without one, for whatever reason: Prow's
    /// `pod_pending_timeout` and `pod_unscheduled_timeout`.
    Prow,
    /// Not ready 30 minutes after the Job's admission, for whatever reason: Kueue's `waitForPodsReady.timeout`. What it
    /// evicts is admitted anew with its next pod; the pause before that and the limit to their number are left out.
    Kueue,
    /// Three changes of a pod that backs off: the Jenkins plugin's `backoffEventsLimit`.
    Jenkins,
    /// Three observations of a pod that backs off: AWX receptor's `imagePullBackOffRetries`.
    Receptor,
    /// Armada's `pendingPodChecks` as shipped: `failed to pull and unpack image` for 90 s, anything else, having no node
    /// among it, for 5 minutes, since the last change of a condition, or start or end of a container.
    Armada,
    /// The limit of what any policy can reach: it knows the scenario. It fails a pod at its first published failure if its
    /// images cannot be had within the scenario's patience, and no other.
    Oracle,
}

impl Baseline {
    /// All of them, with their names on the command line.
    pub const ALL: [(Self, &'static str); 10] = [
        (Self::Nothing, "nothing"),
        (Self::FirstSight, "first-sight"),
        (Self::Tekton, "tekton"),
        (Self::TektonFiveMinutes, "tekton-5m"),
        (Self::Prow, "prow"),
        (Self::Kueue, "kueue"),
        (Self::Jenkins, "jenkins"),
        (Self::Receptor, "receptor"),
        (Self::Armada, "armada"),
        (Self::Oracle, "oracle"),
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        let named = Self::ALL.iter().find(|(baseline, _)| *baseline == self);
        named.map_or("", |(_, name)| name)
    }

    /// The baseline of this name.
    pub fn named(name: &str) -> Option<Self> {
        let named = Self::ALL.iter().find(|(_, n)| *n == name);
        named.map(|(baseline, _)| *baseline)
    }
}

/// A baseline at work.
#[derive(Debug)]
pub struct Judge {
    baseline: Baseline,
    /// A verdict is false if the pod would have had its images within this time.
    patience: Duration,
    profile: Profile,
    phases: Vec<Phase>,
    pods: BTreeMap<PodId, Record>,
    /// When Jobs were admitted: with the first of their pods.
    admitted: BTreeMap<OwnerId, Timestamp>,
    due: BTreeSet<(Timestamp, PodId)>,
}

/// A write that failed is made again after this long, unless the pod changes before.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// What a baseline knows of a pod.
#[derive(Clone, Copy, Debug)]
struct Record {
    owner: Option<OwnerId>,
    admitted_at: Timestamp,
    /// When a condition changed last, or a container was started or ended.
    changed_at: Timestamp,
    shape: Shape,
    sandbox_since: Option<Timestamp>,
    observations: u32,
    due_at: Option<Timestamp>,
    is_failed: bool,
    is_listed: bool,
}

/// What there is of conditions, starts and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    is_bound: bool,
    conditions: Conditions,
    running: usize,
    ended: usize,
}

impl Shape {
    fn of(pod: &Pod) -> Self {
        let count = |is_meant: fn(&ContainerState) -> bool| {
            let containers = pod.status.containers.iter();
            containers.filter(|c| is_meant(&c.state)).count()
        };
        Self {
            is_bound: pod.node.is_some(),
            conditions: pod.status.conditions,
            running: count(|state| matches!(state, ContainerState::Running)),
            ended: count(|state| matches!(state, ContainerState::Terminated { .. })),
        }
    }
}

impl Judge {
    /// A baseline that looks at the pods that `profile` covers. A verdict is false if the pod would have had its images
    /// within `patience`.
    pub fn new(baseline: Baseline, profile: Profile, patience: Duration) -> Self {
        Self {
            baseline,
            patience,
            phases: profile.policies().given().phases().into_iter().collect(),
            profile,
            pods: BTreeMap::new(),
            admitted: BTreeMap::new(),
            due: BTreeSet::new(),
        }
    }

    fn sees(&mut self, now: Timestamp, pod: &Pod, source: Source, c: &Cluster) {
        if !self.covers(c, pod) {
            self.forget(pod.id);
            return;
        }
        let new = self.record(pod);
        let record = self.pods.entry(pod.id).or_insert(new);
        record.is_listed = true;
        if record.shape != new.shape {
            (record.shape, record.changed_at) = (new.shape, now);
        }
        if new.shape.conditions.sandbox_ready {
            record.sandbox_since.get_or_insert(now);
        }
        let counts = self.baseline == Baseline::Receptor || source == Source::Watch;
        record.observations += u32::from(counts && is_counted(self.baseline, pod));
        if !record.is_failed {
            let patience = self.patience;
            let is_hopeless = || oracle::heals_at(c, pod).is_none_or(|at| at.since(now) > patience);
            let due_at = due_at(self.baseline, now, pod, record, is_hopeless);
            self.plan(pod.id, due_at);
        }
    }

    /// What is known of a pod at the first observation of it.
    fn record(&mut self, pod: &Pod) -> Record {
        let owner = pod.owner.map(|owner| owner.id);
        let admitted_at = owner.map_or(pod.created_at, |owner| {
            *self.admitted.entry(owner).or_insert(pod.created_at)
        });
        let changed_at = pod.status.started_at.unwrap_or(pod.created_at);
        let shape = Shape::of(pod);
        Record {
            owner,
            admitted_at,
            changed_at,
            shape,
            sandbox_since: shape.conditions.sandbox_ready.then_some(changed_at),
            observations: 0,
            due_at: None,
            is_failed: false,
            is_listed: true,
        }
    }

    fn plan(&mut self, pod: PodId, due_at: Option<Timestamp>) {
        let Some(record) = self.pods.get_mut(&pod) else {
            return;
        };
        if let Some(at) = std::mem::replace(&mut record.due_at, due_at) {
            self.due.remove(&(at, pod));
        }
        self.due.extend(due_at.map(|at| (at, pod)));
    }

    fn forget(&mut self, pod: PodId) -> Option<Record> {
        self.plan(pod, None);
        self.pods.remove(&pod)
    }

    /// The pod has left the watch: with the last of them a Job runs, or was failed, and is admitted anew with the next.
    fn left(&mut self, pod: PodId) {
        let owner = self.forget(pod).and_then(|record| record.owner);
        if let Some(owner) = owner
            && self.baseline == Baseline::Kueue
            && !self.pods.values().any(|other| other.owner == Some(owner))
        {
            self.admitted.remove(&owner);
        }
    }

    /// A write has ended.
    fn answered(&mut self, now: Timestamp, pod: PodId, outcome: Outcome) {
        match outcome {
            Outcome::Accepted(_) => {}
            Outcome::NotFound => self.left(pod),
            Outcome::Conflict | Outcome::Failed => {
                if let Some(record) = self.pods.get_mut(&pod) {
                    record.is_failed = false;
                }
                self.plan(pod, Some(now.after(RETRY_AFTER)));
            }
        }
    }

    fn act(&mut self, now: Timestamp, commands: &mut Vec<Command>) {
        while let Some((at, pod)) = self.due.first().copied() {
            if at > now {
                return;
            }
            self.due.pop_first();
            if let Some(record) = self.pods.get_mut(&pod) {
                (record.is_failed, record.due_at) = (true, None);
            }
            commands.push(Command::Fail(Verdict {
                pod,
                version: None,
                cause: Cause::Unknown,
                durable: true,
                decision: None,
            }));
        }
    }
}

impl Controller for Judge {
    fn handle(
        &mut self,
        now: Timestamp,
        event: ControllerEvent<'_>,
        c: &Cluster,
        commands: &mut Vec<Command>,
    ) {
        match event {
            ControllerEvent::Pod { pod, source } => self.sees(now, pod, source, c),
            ControllerEvent::Gone { uid, .. } => {
                if let Some(pod) = uid::pod_of(uid) {
                    self.left(pod);
                }
            }
            ControllerEvent::ListBegin => self
                .pods
                .values_mut()
                .for_each(|record| record.is_listed = false),
            ControllerEvent::ListEnd => {
                let gone: Vec<PodId> = self
                    .pods
                    .iter()
                    .filter(|(_, r)| !r.is_listed)
                    .map(|(id, _)| *id)
                    .collect();
                for pod in gone {
                    self.left(pod);
                }
            }
            ControllerEvent::Answer { uid, outcome } => {
                if let Some(pod) = uid::pod_of(uid) {
                    self.answered(now, pod, outcome);
                }
            }
            ControllerEvent::Time => {}
        }
        self.act(now, commands);
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    fn tracked(&self) -> usize {
        self.pods.len()
    }

    fn phases(&self) -> &[Phase] {
        &self.phases
    }

    fn covers(&self, c: &Cluster, pod: &Pod) -> bool {
        with_snapshot(pod, c, |pod| self.profile.covers(pod)).is_ok()
    }
}
