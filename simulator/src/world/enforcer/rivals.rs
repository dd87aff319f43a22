//! Rivals: how other projects decide that an image cannot be pulled, to compare with.
//!
//! Each has the name and the defaults of the project that it is taken from. Only the decision is theirs: whom they look
//! at and how they write is the same for all, so that nothing but the decision is compared.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pullstop_core::cause::Cause;
use pullstop_core::engine::Seen;
use pullstop_core::plugin::Profile;
use pullstop_core::pod::Phase;
use pullstop_core::time::Timestamp;

use super::pullstop::with_snapshot;
use super::{Brain, Command, Notice, Verdict};
use crate::world::cluster::Cluster;
use crate::world::ids::PodId;
use crate::world::pod::{ContainerState, Pod};
use crate::world::uid;

/// The ways to decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rival {
    /// No pod is ever failed.
    Nothing,
    /// The first `ErrImagePull` or `ImagePullBackOff` is enough, as in Nextflow (`checkInvalidWaitingState`).
    FirstSight,
    /// The first `ImagePullBackOff` is enough: Tekton's `default-imagepullbackoff-timeout` of 0.
    Tekton,
    /// `ImagePullBackOff` for 5 minutes since the sandbox was ready: the timeout in Tekton's documentation.
    TektonFiveMinutes,
    /// Pending for 10 minutes since `startTime`, for whatever reason: Prow's `pod_pending_timeout`.
    Prow,
    /// Not ready 30 minutes after admission, for whatever reason: Kueue's `waitForPodsReady.timeout`.
    Kueue,
    /// Three changes of a pod that backs off: the Jenkins plugin's `backoffEventsLimit`.
    Jenkins,
    /// Three sights of a pod that backs off: AWX receptor's `imagePullBackOffRetries`.
    Receptor,
    /// Armada's `pendingPodChecks` as shipped: `failed to pull and unpack image` for 90 s, `ErrImagePull` or
    /// `ImagePullBackOff` for 15 minutes, any other waiting for 5 minutes, since the last change of a condition.
    Armada,
}

impl Rival {
    /// All of them, with their names on the command line.
    pub const ALL: [(Self, &'static str); 9] = [
        (Self::Nothing, "nothing"),
        (Self::FirstSight, "first-sight"),
        (Self::Tekton, "tekton"),
        (Self::TektonFiveMinutes, "tekton-5m"),
        (Self::Prow, "prow"),
        (Self::Kueue, "kueue"),
        (Self::Jenkins, "jenkins"),
        (Self::Receptor, "receptor"),
        (Self::Armada, "armada"),
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        let named = Self::ALL.iter().find(|(rival, _)| *rival == self);
        named.map_or("", |(_, name)| name)
    }

    /// The rival of this name.
    pub fn named(name: &str) -> Option<Self> {
        let named = Self::ALL.iter().find(|(_, n)| *n == name);
        named.map(|(rival, _)| *rival)
    }
}

/// A rival at work.
#[derive(Debug)]
pub struct Judge {
    rival: Rival,
    profile: Profile,
    phases: Vec<Phase>,
    pods: BTreeMap<PodId, Record>,
    due: BTreeSet<(Timestamp, PodId)>,
}

/// What a rival knows of a pod.
#[derive(Clone, Copy, Debug)]
struct Record {
    sandbox_since: Option<Timestamp>,
    sights: u32,
    due_at: Option<Timestamp>,
    is_failed: bool,
    is_listed: bool,
}

impl Judge {
    /// A rival that looks at the pods that `profile` covers.
    pub fn new(rival: Rival, profile: Profile) -> Self {
        Self {
            rival,
            phases: profile.policy().scope.phases.clone(),
            profile,
            pods: BTreeMap::new(),
            due: BTreeSet::new(),
        }
    }

    fn sees(&mut self, now: Timestamp, pod: &Pod, seen: Seen, c: &Cluster) {
        if !self.covers(c, pod) {
            self.forget(pod.id);
            return;
        }
        let record = self.pods.entry(pod.id).or_insert(Record {
            sandbox_since: None,
            sights: 0,
            due_at: None,
            is_failed: false,
            is_listed: true,
        });
        record.is_listed = true;
        if pod.status.conditions.sandbox_ready {
            record.sandbox_since.get_or_insert(now);
        }
        let counts = self.rival == Rival::Receptor || seen == Seen::Changing;
        record.sights += u32::from(counts && waits(pod, |reason, _| reason == "ImagePullBackOff"));
        let due_at = due_at(self.rival, now, pod, record);
        if let Some(at) = std::mem::replace(&mut record.due_at, due_at) {
            self.due.remove(&(at, pod.id));
        }
        if let (Some(at), false) = (due_at, record.is_failed) {
            self.due.insert((at, pod.id));
        }
    }

    fn forget(&mut self, pod: PodId) {
        if let Some(Record {
            due_at: Some(at), ..
        }) = self.pods.remove(&pod)
        {
            self.due.remove(&(at, pod));
        }
    }

    fn act(&mut self, now: Timestamp, commands: &mut Vec<Command>) {
        while let Some((at, pod)) = self.due.first().copied() {
            if at > now {
                return;
            }
            self.due.pop_first();
            if let Some(record) = self.pods.get_mut(&pod) {
                record.is_failed = true;
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

impl Brain for Judge {
    fn handle(
        &mut self,
        now: Timestamp,
        notice: Notice<'_>,
        c: &Cluster,
        commands: &mut Vec<Command>,
    ) {
        match notice {
            Notice::Pod { pod, seen } => self.sees(now, pod, seen, c),
            Notice::Gone { uid, .. } => {
                if let Some(pod) = uid::pod_of(uid) {
                    self.forget(pod);
                }
            }
            Notice::ListBegin => self
                .pods
                .values_mut()
                .for_each(|record| record.is_listed = false),
            Notice::ListEnd => {
                let gone: Vec<PodId> = self
                    .pods
                    .iter()
                    .filter(|(_, r)| !r.is_listed)
                    .map(|(id, _)| *id)
                    .collect();
                for pod in gone {
                    self.forget(pod);
                }
            }
            Notice::Answer { .. } | Notice::Time => {}
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

/// When the rival fails the pod, as it looks now.
fn due_at(rival: Rival, now: Timestamp, pod: &Pod, record: &Record) -> Option<Timestamp> {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let backs_off = || waits(pod, |reason, _| reason == "ImagePullBackOff");
    let is_invalid = || waits(pod, |reason, _| reason == "InvalidImageName");
    match rival {
        Rival::Nothing => None,
        Rival::FirstSight => {
            let is_bad = |reason: &str| {
                matches!(reason, "ErrImagePull" | "ImagePullBackOff") || reason.ends_with("Error")
            };
            (waits(pod, |reason, _| is_bad(reason)) || is_invalid()).then_some(now)
        }
        Rival::Tekton => (backs_off() || is_invalid()).then_some(now),
        Rival::TektonFiveMinutes if is_invalid() => Some(now),
        Rival::TektonFiveMinutes => record
            .sandbox_since
            .filter(|_| backs_off())
            .map(|at| at.after(minutes(5))),
        Rival::Prow => pod.status.started_at.map(|at| at.after(minutes(10))),
        Rival::Kueue => Some(pod.created_at.after(minutes(30))),
        Rival::Jenkins | Rival::Receptor => (record.sights >= 3 && backs_off()).then_some(now),
        Rival::Armada => armada(pod, record),
    }
    .map(|at| at.max(now))
}

fn armada(pod: &Pod, record: &Record) -> Option<Timestamp> {
    let since = record.sandbox_since.unwrap_or(pod.created_at);
    let waiting = pod
        .status
        .containers
        .iter()
        .filter_map(|container| match &container.state {
            ContainerState::Waiting { reason, message } => Some((&**reason, &**message)),
            _ => None,
        });
    waiting
        .map(|(reason, message)| {
            since.after(match reason {
                "InvalidImageName" => Duration::ZERO,
                // What its rule for Events looks for, the Event having the same words.
                "ErrImagePull" | "ImagePullBackOff"
                    if message.contains("failed to pull and unpack image") =>
                {
                    Duration::from_secs(90)
                }
                "ErrImagePull" | "ImagePullBackOff" => Duration::from_secs(15 * 60),
                _ => Duration::from_secs(5 * 60),
            })
        })
        .min()
}

fn waits(pod: &Pod, is_meant: impl Fn(&str, &str) -> bool) -> bool {
    pod.status
        .containers
        .iter()
        .any(|container| match &container.state {
            ContainerState::Waiting { reason, message } => is_meant(reason, message),
            ContainerState::Running | ContainerState::Terminated { .. } => false,
        })
}
