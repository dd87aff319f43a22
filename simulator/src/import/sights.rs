//! What a recording shows of pods, one observation after the other.

use std::collections::BTreeMap;
use std::time::Duration;

use pullstop_core::pod::{
    ContainerKind, ContainerSnapshot, ContainerState, Phase, PodSnapshot, RestartPolicy, Trouble,
    WaitingReason, Wishes,
};

use super::objects::{ContainerStatus, Pod, Terminated};
use super::words::Words;
use crate::replay::moment;
use crate::scenario::fault::Write;

/// What was seen of a pod. Times are from the start of the recording.
#[derive(Debug)]
pub(super) struct PodSight {
    pub(super) namespace: String,
    pub(super) name: String,
    /// Kind and name of the controller.
    pub(super) owner: Option<(String, String)>,
    /// The index of an indexed Job's pod.
    pub(super) index: Option<u32>,
    pub(super) restart_policy: RestartPolicy,
    pub(super) wishes: Wishes,
    pub(super) secrets: Vec<String>,
    pub(super) requests: BTreeMap<String, Vec<String>>,
    pub(super) first_at: Duration,
    pub(super) bound: Option<(String, Duration)>,
    pub(super) containers: Vec<ContainerSight>,
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
    latest_deadline: Option<u64>,
    annotations: BTreeMap<String, String>,
}

/// What was seen of a container.
#[derive(Debug)]
pub(super) struct ContainerSight {
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
    latest_image: String,
    is_failing: bool,
}

impl PodSight {
    /// A pod that is seen for the first time.
    pub(super) fn new(pod: &Pod, seen: &PodSnapshot<'_>, at: Duration) -> Self {
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
            .map(|container| ContainerSight::new(container, policy_of(container.name)))
            .collect();
        let annotations = &pod.wire.metadata.annotations;
        let index = annotations.get("batch.kubernetes.io/job-completion-index");
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
            index: index.and_then(|index| index.parse().ok()),
            restart_policy: seen.restart_policy,
            wishes: seen.wishes,
            secrets: spec
                .image_pull_secrets
                .iter()
                .map(|s| s.name.clone())
                .collect(),
            requests,
            first_at: at,
            bound: None,
            containers,
            ran_at: None,
            phase: Phase::Pending,
            ended_at: None,
            deleted_at: None,
            active_deadline: spec.active_deadline_seconds.map(Duration::from_secs),
            writes: Vec::new(),
            edits: Vec::new(),
            kubelet_restarts: Vec::new(),
            latest_deadline: spec.active_deadline_seconds,
            annotations: annotations.clone(),
        }
    }

    /// A later look at it.
    pub(super) fn see(&mut self, pod: &Pod, seen: &PodSnapshot<'_>, at: Duration) {
        if let (None, Some(node)) = (&self.bound, seen.node) {
            self.bound = Some((node.to_owned(), at));
        }
        self.sees_writes(pod, seen, at);
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
            if sight.latest_image != container.image {
                container.image.clone_into(&mut sight.latest_image);
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
        let annotations = &pod.wire.metadata.annotations;
        let waits = |c: &ContainerSnapshot<'_>| {
            c.kind == ContainerKind::Main && matches!(c.state, ContainerState::Waiting { .. })
        };
        let ends = seen.phase.is_terminal() && !self.phase.is_terminal();
        if ends && deadline.is_none() && !seen.deleting && seen.containers.iter().any(waits) {
            let is_durable = *annotations != self.annotations;
            let how = if is_durable {
                Write::Durable
            } else {
                Write::StatusOnly
            };
            self.writes.push((at, how));
        }
        if ends {
            self.ended_at = Some(at);
        }
        self.phase = seen.phase;
        self.annotations.clone_from(annotations);
    }
}

impl ContainerSight {
    fn new(container: &ContainerSnapshot<'_>, pull_policy: String) -> Self {
        Self {
            name: container.name.to_owned(),
            kind: container.kind,
            image: container.image.to_owned(),
            pull_policy,
            failures: Vec::new(),
            had: Vec::new(),
            never_pulled_at: None,
            ended: None,
            beyond: None,
            ran: false,
            latest_image: container.image.to_owned(),
            is_failing: false,
        }
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
        match known.trouble() {
            Some(Trouble::Failed) => self.fails(at, reason, message),
            Some(Trouble::BackingOff) if !was_failing => self.fails(at, reason, message),
            Some(Trouble::BackingOff) => {}
            Some(Trouble::Constant) => {
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
    let time = |text: &Option<String>| text.as_deref().and_then(moment::parse);
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
