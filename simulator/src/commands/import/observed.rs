//! What a recording shows of a pod, observation by observation.

use std::collections::BTreeMap;
use std::time::Duration;

use pullstop_cluster::scenario::fault::Write;
use pullstop_core::pod::{
    ContainerKind, ContainerSnapshot, ContainerState, Overrides, Phase, PodSnapshot, RestartPolicy,
    WaitingKind, WaitingReason,
};
use pullstop_core::wire::timestamp;

use crate::recorded::objects::{ContainerStatus, Pod, Terminated};
use crate::recorded::words::Words;

/// What was seen of a pod. Times are from the start of the recording.
#[derive(Debug)]
pub(super) struct ObservedPod {
    pub(super) namespace: String,
    pub(super) name: String,
    /// Kind and name of the controller.
    pub(super) owner: Option<(String, String)>,
    /// The index of an indexed Job's pod.
    pub(super) index: Option<u32>,
    pub(super) restart_policy: RestartPolicy,
    pub(super) overrides: Overrides,
    pub(super) secrets: Vec<String>,
    pub(super) requests: BTreeMap<String, Vec<String>>,
    pub(super) first_at: Duration,
    /// Whether it had ended before it was first seen.
    pub(super) was_over: bool,
    pub(super) bound: Option<(String, Duration)>,
    pub(super) containers: Vec<ObservedContainer>,
    /// When all its main containers were seen running or ended.
    pub(super) ran_at: Option<Duration>,
    pub(super) phase: Phase,
    pub(super) ended_at: Option<Duration>,
    pub(super) deleted_at: Option<Duration>,
    /// `activeDeadlineSeconds` from the start.
    pub(super) active_deadline: Option<Duration>,
    pub(super) writes: Vec<(Duration, Write)>,
    /// When, of which container, to which image.
    pub(super) edits: Vec<(Duration, String, String)>,
    pub(super) kubelet_restarts: Vec<Duration>,
    /// The reason for which its kubelet did not take it, such as `OutOfcpu`.
    pub(super) turned_away: Option<String>,
    /// Whether its sandbox was up when it was last seen.
    has_sandbox: bool,
    latest_deadline: Option<u64>,
}

/// What was seen of a container.
#[derive(Debug)]
pub(super) struct ObservedContainer {
    pub(super) name: String,
    pub(super) kind: ContainerKind,
    /// The first.
    pub(super) image: String,
    pub(super) pull_policy: String,
    /// Failed pulls.
    pub(super) failures: Vec<(Duration, Words)>,
    /// When it turned out to have which image.
    pub(super) had: Vec<(Duration, String)>,
    /// When it was last seen without an image that must not be pulled.
    pub(super) never_pulled_at: Option<Duration>,
    /// Exit code, and how long it ran.
    pub(super) ended: Option<(i32, Duration)>,
    /// The last reason for which it could not be created although it had its image.
    pub(super) beyond: Option<String>,
    pub(super) ran: bool,
    /// The image that was edited away before anything was seen of it.
    pub(super) given_up: Option<String>,
    stands_for_volume: bool,
    latest_image: String,
    is_failing: bool,
}

impl ObservedPod {
    /// A pod that is seen for the first time, and that was created at `first_at`, as far as is known.
    pub(super) fn new(pod: &Pod, seen: &PodSnapshot<'_>, first_at: Duration) -> Self {
        let spec = &pod.more.spec;
        let policy_of = |name: &str| {
            let mut all = spec.init_containers.iter().chain(&spec.containers);
            all.find(|container| container.name == name)
                .map_or_else(String::new, |container| container.image_pull_policy.clone())
        };
        let containers = seen
            .containers
            .iter()
            .filter(|container| container.kind != ContainerKind::Ephemeral)
            .map(|container| ObservedContainer::new(container, policy_of(container.name), first_at))
            .collect();
        let mut requests: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, amount) in spec.containers.iter().flat_map(|c| &c.resources.requests) {
            requests
                .entry(name.clone())
                .or_default()
                .push(amount.clone());
        }
        Self {
            namespace: seen.namespace.to_owned(),
            name: seen.name.to_owned(),
            owner: seen
                .owner
                .map(|owner| (owner.kind.to_owned(), owner.name.to_owned())),
            index: pod.more.completion_index(),
            restart_policy: seen.restart_policy,
            overrides: seen.overrides,
            secrets: spec
                .image_pull_secrets
                .iter()
                .map(|s| s.name.clone())
                .collect(),
            requests,
            first_at,
            was_over: seen.phase.is_terminal(),
            bound: seen.node.map(|node| (node.to_owned(), first_at)),
            containers,
            ran_at: None,
            phase: Phase::Pending,
            ended_at: None,
            deleted_at: None,
            active_deadline: spec.active_deadline_seconds.map(Duration::from_secs),
            writes: Vec::new(),
            edits: Vec::new(),
            kubelet_restarts: Vec::new(),
            turned_away: None,
            has_sandbox: false,
            latest_deadline: spec.active_deadline_seconds,
        }
    }

    /// A later look at it.
    pub(super) fn see(&mut self, pod: &Pod, seen: &PodSnapshot<'_>, at: Duration) {
        if let (None, Some(node)) = (&self.bound, seen.node) {
            self.bound = Some((node.to_owned(), at));
        }
        self.sees_writes(pod, seen, at);
        self.has_sandbox = pod.more.status.has_sandbox();
        if seen.deleting {
            self.deleted_at.get_or_insert(at);
        }
        let may_restart = !seen.deleting && !seen.phase.is_terminal();
        let mut restarted = false;
        for container in seen.containers {
            let Some(sight) = self
                .containers
                .iter_mut()
                .find(|c| c.name == container.name)
            else {
                continue;
            };
            if let Some(volume) = missing_volume(seen, container).filter(|_| sight.is_blank()) {
                // Scenarios know no image volumes: the container itself stands for the one that it waits for.
                volume.clone_into(&mut sight.image);
                volume.clone_into(&mut sight.latest_image);
                sight.stands_for_volume = true;
            }
            if sight.latest_image != container.image && !sight.stands_for_volume {
                let old = std::mem::replace(&mut sight.latest_image, container.image.to_owned());
                if sight.is_blank() {
                    sight.given_up.get_or_insert(old);
                }
                let name = container.name.to_owned();
                self.edits.push((at, name, container.image.to_owned()));
            }
            let forgets = sight.see(container, at);
            restarted |= forgets && may_restart;
            let status = &pod.more.status;
            let mut all = status
                .init_container_statuses
                .iter()
                .chain(&status.container_statuses);
            if let Some(status) = all.find(|status| status.name == container.name) {
                sight.sees_end(status, at);
            }
        }
        if restarted {
            self.kubelet_restarts.push(at);
        }
        let mut main = self
            .containers
            .iter()
            .filter(|c| c.kind == ContainerKind::Main);
        if main.all(|container| container.ran) {
            self.ran_at.get_or_insert(at);
        }
    }

    /// Whether it has a node, and nothing else was seen of it.
    pub(super) fn is_new(&self) -> bool {
        self.phase == Phase::Pending
            && self.bound.is_some()
            && self.containers.iter().all(ObservedContainer::is_blank)
    }

    /// Whether it had not ended when it was last seen, but will have by `time`.
    pub(super) fn is_overdue_by(&self, time: Duration) -> bool {
        let deadline = self
            .active_deadline
            .map(|limit| self.first_at.saturating_add(limit));
        !self.phase.is_terminal() && deadline.is_some_and(|deadline| deadline <= time)
    }

    /// The image that it was pulling when it was last seen.
    pub(super) fn pulling(&self) -> Option<&str> {
        if self.phase != Phase::Pending || self.deleted_at.is_some() || !self.has_sandbox {
            return None;
        }
        for container in &self.containers {
            if container.is_blank() {
                return Some(&container.image);
            }
            let stops_others = match container.kind {
                ContainerKind::Init => !matches!(container.ended, Some((0, _))),
                ContainerKind::Sidecar => !container.ran,
                ContainerKind::Main | ContainerKind::Ephemeral => false,
            };
            if stops_others {
                return None;
            }
        }
        None
    }

    /// It is gone.
    pub(super) fn gone(&mut self, at: Duration) {
        self.deleted_at.get_or_insert(at);
    }

    /// A terminal phase, or a deadline, that no kubelet has set.
    fn sees_writes(&mut self, pod: &Pod, seen: &PodSnapshot<'_>, at: Duration) {
        let deadline = pod.more.spec.active_deadline_seconds;
        if deadline != self.latest_deadline {
            self.latest_deadline = deadline;
            self.writes.push((at, Write::ActiveDeadline));
        }
        let mut main = seen
            .containers
            .iter()
            .filter(|c| c.kind == ContainerKind::Main)
            .map(|c| c.state);
        let is_unreported = |state| state == ContainerState::Unreported;
        let waits = |state| is_unreported(state) || matches!(state, ContainerState::Waiting { .. });
        let ends = seen.phase.is_terminal() && !self.phase.is_terminal();
        if ends && deadline.is_none() && !seen.deleting && main.clone().any(waits) {
            // A kubelet that turns a pod away reports no container.
            let reason = &pod.more.status.reason;
            self.turned_away = main.all(is_unreported).then(|| reason.clone());
            self.writes.push((at, Write::Durable));
        }
        if !seen.phase.is_terminal() && self.phase.is_terminal() {
            self.ended_at = None;
            if let Some((_, how)) = self.writes.last_mut() {
                *how = Write::StatusOnly;
            }
        }
        if ends {
            self.ended_at = Some(at);
        }
        self.phase = seen.phase;
    }
}

impl ObservedContainer {
    fn new(container: &ContainerSnapshot<'_>, pull_policy: String, first_at: Duration) -> Self {
        let had = container
            .ran
            .then(|| (first_at, container.image.to_owned()));
        Self {
            name: container.name.to_owned(),
            kind: container.kind,
            image: container.image.to_owned(),
            pull_policy,
            failures: Vec::new(),
            // What has run had its image, from the first on as far as is known.
            had: Vec::from_iter(had),
            never_pulled_at: None,
            ended: None,
            beyond: None,
            ran: false,
            given_up: None,
            stands_for_volume: false,
            latest_image: container.image.to_owned(),
            is_failing: false,
        }
    }

    /// When something was first seen of an image.
    pub(super) fn first_sight(&self) -> Option<Duration> {
        let failed = self.failures.first().map(|(at, _)| *at);
        let had = self.had.first().map(|(at, _)| *at);
        failed.into_iter().chain(had).min()
    }

    /// Whether nothing was seen of it.
    fn is_blank(&self) -> bool {
        let is_known = self.is_failing || self.ended.is_some() || self.beyond.is_some();
        !is_known && self.failures.is_empty() && self.had.is_empty()
    }

    /// Whether the kubelet has forgotten what it knew of its failures.
    fn see(&mut self, container: &ContainerSnapshot<'_>, at: Duration) -> bool {
        let (reason, message) = match container.state {
            ContainerState::Waiting { reason, message } => (reason, message),
            ContainerState::Running => {
                self.ran = true;
                self.has_image(at);
                return false;
            }
            ContainerState::Unreported | ContainerState::Terminated => return false,
        };
        let Some(known) = WaitingReason::parse(reason) else {
            return false;
        };
        let was_failing = self.is_failing;
        match known.kind() {
            Some(WaitingKind::Failed) => self.fails(at, reason, message),
            Some(WaitingKind::BackingOff) if !was_failing => self.fails(at, reason, message),
            Some(WaitingKind::BackingOff) => {}
            Some(WaitingKind::Constant) => {
                self.is_failing = true;
                if known == WaitingReason::ErrImageNeverPull {
                    self.never_pulled_at = Some(at);
                }
            }
            None if known == WaitingReason::BeyondPull => {
                self.beyond = Some(reason.to_owned());
                self.has_image(at);
            }
            None => {
                self.is_failing = false;
                // One that waits for the init container before it was never failing.
                return was_failing && message.is_empty();
            }
        }
        false
    }

    fn fails(&mut self, at: Duration, reason: &str, message: &str) {
        self.is_failing = true;
        let words = Words {
            reason: reason.to_owned(),
            message: message.to_owned(),
            image: self.latest_image.clone(),
        };
        self.failures.push((at, words));
    }

    fn has_image(&mut self, at: Duration) {
        let knew = self
            .had
            .iter()
            .any(|(_, image)| *image == self.latest_image);
        if self.is_failing || !knew {
            self.had.push((at, self.latest_image.clone()));
        }
        self.is_failing = false;
    }

    fn sees_end(&mut self, status: &ContainerStatus, at: Duration) {
        let ends = [&status.state.terminated, &status.last_state.terminated];
        let Some((code, ran)) = ends.into_iter().flatten().find_map(run_of) else {
            return;
        };
        if !self.is_failing {
            self.has_image(at);
        }
        // One that could not even start has a start that is no time.
        self.ran |= !ran.is_zero() || code == 0;
        self.ended.get_or_insert((code, ran));
    }
}

/// Exit code and length of a run; none of what the kubelet makes up for a container that never ran.
fn run_of(terminated: &Terminated) -> Option<(i32, Duration)> {
    let time = |text: &Option<String>| text.as_deref().and_then(timestamp::parse);
    let (started, finished) = (
        time(&terminated.started_at)?,
        time(&terminated.finished_at)?,
    );
    let ran = if started.as_millis() == 0 {
        Duration::ZERO
    } else {
        finished.since(started)
    };
    Some((terminated.exit_code, ran))
}

/// Whether the pod waits for an image that could not be pulled.
pub(super) fn is_failing(pod: &PodSnapshot<'_>) -> bool {
    let fails = |c: &ContainerSnapshot<'_>| match c.state {
        ContainerState::Waiting { reason, .. } => {
            WaitingReason::parse(reason).is_some_and(|known| known.kind().is_some())
        }
        ContainerState::Unreported | ContainerState::Running | ContainerState::Terminated => false,
    };
    !pod.phase.is_terminal() && pod.containers.iter().any(fails)
}

/// The image volume whose failed pull is reported as the container's own.
fn missing_volume<'a>(pod: &PodSnapshot<'a>, container: &ContainerSnapshot<'_>) -> Option<&'a str> {
    let ContainerState::Waiting { message, .. } = container.state else {
        return None;
    };
    let mut volumes = pod.image_volumes.iter().copied();
    volumes.find(|volume| message.contains(volume) && !message.contains(container.image))
}
