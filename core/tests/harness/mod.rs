//! What the tests of the engine share: pods to lend snapshots of, an engine that is driven and answered, and a kubelet
//! of which the truth is known.

pub(crate) mod history;
pub(crate) mod kubelet;
pub(crate) mod world;

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use pullstop_core::engine::{
    Decision, Effect, Engine, GoneFrom, Input, Memory, Outcome, Source, TransitionKind,
};
use pullstop_core::plugin::Profile;
use pullstop_core::pod::{
    ContainerKind, ContainerSnapshot, ContainerState, Overrides, Owner, Phase, PodSnapshot,
    ResourceVersion, RestartPolicy,
};
use pullstop_core::policy::{Mode, Policies, Policy};
use pullstop_core::rehearsal::{Rehearsal, StandIn};
use pullstop_core::time::Timestamp;

pub(crate) const NOT_FOUND: &str = "rpc error: code = NotFound desc = failed to pull and unpack image \
                             \"r.example/a:b\": failed to resolve reference \"r.example/a:b\": r.example/a:b: not found";
pub(crate) const DENIED: &str = "failed to resolve image: pull access denied, repository does not exist or may require \
                          authorization: authorization failed: no basic auth credentials";
pub(crate) const REFUSED: &str = "failed to do request: Head \"https://r.example/v2/\": dial tcp 192.0.2.1:443: connect: \
                           connection refused";
pub(crate) const THROTTLED: &str = "pull QPS exceeded";
/// 2026-01-01T00:00:00Z: all tests begin here.
pub(crate) const EPOCH: Timestamp = Timestamp::from_millis(1_767_225_600_000);

pub(crate) fn at(ms: u64) -> Timestamp {
    EPOCH.after(Duration::from_millis(ms))
}

/// A container's state in a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum St {
    Unreported,
    Running,
    Terminated,
    Waiting(String, String),
}

impl St {
    pub(crate) fn waiting(reason: &str, message: &str) -> Self {
        Self::Waiting(reason.to_owned(), message.to_owned())
    }

    pub(crate) fn creating() -> Self {
        Self::waiting("ContainerCreating", "")
    }

    pub(crate) fn failed(message: &str) -> Self {
        Self::waiting("ErrImagePull", message)
    }

    pub(crate) fn backing_off(message: &str) -> Self {
        Self::waiting(
            "ImagePullBackOff",
            &format!("Back-off pulling image \"r.example/a:b\": ErrImagePull: {message}"),
        )
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Container {
    pub(crate) kind: ContainerKind,
    pub(crate) name: String,
    pub(crate) image: String,
    pub(crate) state: St,
    pub(crate) restart_count: u32,
    pub(crate) ran: bool,
}

impl Container {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            kind: ContainerKind::Main,
            name: name.to_owned(),
            image: "r.example/a:b".to_owned(),
            state: St::creating(),
            restart_count: 0,
            ran: false,
        }
    }
}

/// A pod that can be changed and looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pod {
    pub(crate) uid: String,
    pub(crate) namespace: String,
    pub(crate) version: u64,
    pub(crate) phase: Phase,
    pub(crate) agreed: bool,
    pub(crate) deleting: bool,
    pub(crate) owner: Option<String>,
    pub(crate) overrides: Overrides,
    pub(crate) containers: Vec<Container>,
    pub(crate) image_volumes: Vec<String>,
}

impl Pod {
    pub(crate) fn new(uid: &str, containers: &[&str]) -> Self {
        Self {
            uid: uid.to_owned(),
            namespace: "ns".to_owned(),
            version: 1,
            phase: Phase::Pending,
            agreed: false,
            deleting: false,
            owner: Some("Job".to_owned()),
            overrides: Overrides::default(),
            containers: containers.iter().map(|name| Container::new(name)).collect(),
            image_volumes: Vec::new(),
        }
    }

    pub(crate) fn lend<R>(
        &self,
        memories: &[Memory],
        use_it: impl FnOnce(&PodSnapshot<'_>) -> R,
    ) -> R {
        let lend = |container: &'_ Container| -> usize {
            memories
                .iter()
                .position(|m| m.container == container.name)
                .unwrap_or(usize::MAX)
        };
        let containers: Vec<ContainerSnapshot<'_>> = self
            .containers
            .iter()
            .map(|container| ContainerSnapshot {
                kind: container.kind,
                name: &container.name,
                image: &container.image,
                state: match &container.state {
                    St::Unreported => ContainerState::Unreported,
                    St::Running => ContainerState::Running,
                    St::Terminated => ContainerState::Terminated,
                    St::Waiting(reason, message) => ContainerState::Waiting { reason, message },
                },
                restart_count: container.restart_count,
                ran: container.ran,
                memory: memories.get(lend(container)),
            })
            .collect();
        let image_volumes: Vec<&str> = self.image_volumes.iter().map(String::as_str).collect();
        use_it(&PodSnapshot {
            uid: &self.uid,
            namespace: &self.namespace,
            name: &self.uid,
            resource_version: ResourceVersion(self.version),
            created_at: None,
            deleting: self.deleting,
            owner: self.owner.as_deref().map(|kind| Owner {
                kind,
                name: "owner",
            }),
            restart_policy: RestartPolicy::Never,
            node: Some("node"),
            phase: self.phase,
            kubelet_agreed: self.agreed,
            overrides: self.overrides,
            containers: &containers,
            image_volumes: &image_volumes,
        })
    }
}

/// An engine that is driven, with all that it asked for.
pub(crate) struct Machine {
    pub(crate) rehearsal: Rehearsal<Recorder>,
}

/// In the place of the cluster: keeps what the engine asks for.
#[derive(Default)]
pub(crate) struct Recorder {
    pub(crate) log: Vec<(Timestamp, Effect)>,
    /// What was asked to remember, by uid: lent with every snapshot, as a condition on the pod would be.
    pub(crate) memories: BTreeMap<String, Vec<Memory>>,
    /// Whether writes are answered at once as accepted.
    pub(crate) answers: bool,
}

impl StandIn for Recorder {
    fn carry_out(&mut self, engine: &mut Engine, now: Timestamp, effect: Effect) {
        if let Effect::Remember { pod, memories, .. } = &effect {
            self.memories.insert(pod.uid(), memories.clone());
        }
        if let (true, Some((uid, version))) = (self.answers, write_of(&effect)) {
            let outcome = Outcome::Accepted(version);
            engine.handle(now, Input::Outcome { uid: &uid, outcome });
        }
        self.log.push((now, effect));
    }
}

/// What is recorded is what tests look at.
impl Deref for Machine {
    type Target = Recorder;

    fn deref(&self) -> &Recorder {
        &self.rehearsal.stand_in
    }
}

impl DerefMut for Machine {
    fn deref_mut(&mut self) -> &mut Recorder {
        &mut self.rehearsal.stand_in
    }
}

impl Machine {
    pub(crate) fn new(policies: impl Into<Policies>) -> Self {
        Self::with(Profile::standard(policies).unwrap())
    }

    pub(crate) fn with(profile: Profile) -> Self {
        let recorder = Recorder {
            answers: true,
            ..Recorder::default()
        };
        Self {
            rehearsal: Rehearsal::new(Engine::new(profile), recorder),
        }
    }

    /// A new engine that knows only what was remembered.
    pub(crate) fn restarted(&self, policies: impl Into<Policies>) -> Self {
        let mut machine = Self::new(policies);
        machine.memories.clone_from(&self.memories);
        machine
    }

    pub(crate) const fn engine(&self) -> &Engine {
        self.rehearsal.engine()
    }

    pub(crate) fn see(&mut self, now: Timestamp, pod: &Pod, source: Source) {
        let memories = self.memories.get(&pod.uid).cloned().unwrap_or_default();
        pod.lend(&memories, |pod| {
            self.input(now, Input::Pod { pod, source });
        });
    }

    /// Watches a life from its beginning to its end, every change this late.
    pub(crate) fn watch(&mut self, life: &kubelet::Life, delay_ms: u64) {
        let mut pod = Pod::new("pod", &["main"]);
        for (ms, state) in &life.published {
            pod.version += 1;
            pod.containers[0].state = state.clone();
            self.see(at(*ms + delay_ms), &pod, Source::Watch);
        }
    }

    /// Watches a life from a moment on: first a list, a while later the Events that there were, if they are told, and every
    /// change as it comes.
    pub(crate) fn join(
        &mut self,
        life: &kubelet::Life,
        (met_ms, told_ms): (u64, u64),
        events: Option<&[history::Event]>,
    ) {
        let mut pod = Pod::new("pod", &["main"]);
        let published = |from: u64, until: u64| {
            let all = life.published.iter();
            all.filter(move |(ms, _)| from < *ms && *ms <= until)
        };
        for (_, state) in published(0, met_ms) {
            pod.version += 1;
            pod.containers[0].state = state.clone();
        }
        self.input(at(met_ms), Input::RelistBegin);
        self.see(at(met_ms), &pod, Source::List);
        self.input(at(met_ms), Input::RelistEnd);
        let spans = [(met_ms, met_ms + told_ms), (met_ms + told_ms, u64::MAX)];
        for (n, (from, until)) in spans.into_iter().enumerate() {
            for (ms, state) in published(from, until) {
                pod.version += 1;
                pod.containers[0].state = state.clone();
                self.see(at(*ms), &pod, Source::Watch);
            }
            if let (0, Some(events)) = (n, events) {
                history::lend(events, at(met_ms), |history| {
                    self.input(
                        at(until),
                        Input::History {
                            uid: "pod",
                            history,
                        },
                    );
                });
            }
        }
    }

    pub(crate) fn input(&mut self, now: Timestamp, input: Input<'_>) {
        self.rehearsal.run_until(now);
        self.rehearsal.handle(now, input);
    }

    pub(crate) fn gone(&mut self, now: Timestamp, uid: &str) {
        self.input(
            now,
            Input::Gone {
                uid,
                from: GoneFrom::Cluster,
            },
        );
    }

    /// Lets time pass, the moment itself included.
    pub(crate) fn run_through(&mut self, moment: Timestamp) {
        self.rehearsal.run_through(moment);
    }

    /// The decisions to fail pods, in order.
    pub(crate) fn failures(&self) -> Vec<&Decision> {
        self.log
            .iter()
            .filter_map(|(_, effect)| match effect {
                Effect::Fail(decision) => Some(&**decision),
                _ => None,
            })
            .collect()
    }

    /// When the first decision to fail a pod fell.
    pub(crate) fn first_failure_at(&self) -> Option<Timestamp> {
        self.failures().first().map(|decision| decision.decided_at)
    }

    pub(crate) fn transitions(&self) -> impl Iterator<Item = (Timestamp, &str, &TransitionKind)> {
        self.log.iter().filter_map(|(at, effect)| match effect {
            Effect::Transition(transition) => {
                Some((*at, transition.container.as_str(), &transition.kind))
            }
            _ => None,
        })
    }

    pub(crate) fn counted(&self) -> usize {
        self.transitions()
            .filter(|(_, _, what)| matches!(what, TransitionKind::Counted { .. }))
            .count()
    }
}

/// The pod and version of an effect that writes.
pub(crate) fn write_of(effect: &Effect) -> Option<(String, ResourceVersion)> {
    match effect {
        Effect::Fail(decision) | Effect::Deadline(decision) | Effect::Warn(decision) => {
            Some((decision.pod.uid(), decision.resource_version))
        }
        Effect::Remember {
            pod,
            resource_version,
            ..
        } => Some((pod.uid(), *resource_version)),
        Effect::Read(_) | Effect::List | Effect::Transition(_) => None,
    }
}

/// The built-in policy, enforced.
pub(crate) fn built_in() -> Policy {
    Policy::default().in_mode(Mode::Enforce)
}

/// The built-in policy, enforced, with other thresholds in every rule.
pub(crate) fn policy(attempts: u32, seconds: u64) -> Policy {
    let policy = built_in();
    let rules = policy.rules().iter().cloned().map(|mut rule| {
        rule.attempts = attempts.try_into().unwrap();
        rule.duration = Duration::from_secs(seconds);
        rule
    });
    let rules = rules.collect();
    policy.with_rules(rules).unwrap()
}
