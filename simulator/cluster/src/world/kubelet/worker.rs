//! What a kubelet knows about one pod, and the status that it makes of this.

use std::sync::{Arc, LazyLock};

use pullstop_core::pod::{ContainerKind, Phase, RestartPolicy};
use pullstop_core::time::Timestamp;

use super::back_off::{BackOff, BackOffs};
use super::events::Recorder;
use crate::pull_errors::PullError;
use crate::scenario::workload::PodTemplate;
use crate::world::ids::{ImageId, NodeId};
use crate::world::pod::{Conditions, ContainerState, ContainerStatus, Pod, Ready, Status};
use crate::world::random::RandomStream;

/// A pod worker.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent fact about the worker"
)]
pub(super) struct Worker {
    pub(super) node: NodeId,
    /// The pod as the kubelet last saw it.
    pub(super) view: Arc<Pod>,
    /// The generation that was last seen in a watch event.
    pub(super) generation: u32,
    pub(super) step: Step,
    /// The number of the sync that is scheduled: earlier ones are void.
    pub(super) ticket: u32,
    /// Grows when the kubelet restarts: what was under way before is void.
    pub(super) life: u32,
    /// A sync was asked for while one was under way.
    pub(super) wake: bool,
    /// Why the pod has to end. This is never taken back.
    pub(super) end: Option<End>,
    /// What the pull that is under way will end in.
    pub(super) pull_error: Option<PullError>,
    pub(super) sandbox_ready: bool,
    pub(super) containers: Box<[Runtime]>,
    pub(super) back_offs: BackOffs,
    /// What the status manager has.
    pub(super) cached: Status,
    /// Whether the status manager's patch is on its way.
    pub(super) is_sending: bool,
    /// Whether the sync that is under way met an error.
    pub(super) had_error: bool,
    /// When the last sync ended.
    pub(super) synced_at: Option<Timestamp>,
    /// When the last sync without error ended, if nothing is scheduled.
    pub(super) quiet_since: Option<Timestamp>,
    pub(super) rng: RandomStream,
    pub(super) events: Option<Box<Recorder>>,
}

/// What a worker is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Idle,
    /// The sandbox is being created.
    Sandbox,
    /// The image of this container is being pulled.
    Pull(usize),
    /// The pod's containers are being stopped (`SyncTerminatingPod`).
    Stopping,
    /// What is left of it is cleaned up (`SyncTerminatedPod`).
    Cleaning,
    /// It is over.
    Done,
}

/// Why a pod ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Another client has set its phase to `Failed`, with this reason.
    Told(&'static str),
    /// `activeDeadlineSeconds` is over.
    Deadline,
    /// It is to be deleted.
    Deleted,
    /// Its containers have ended, and are not to be started again.
    Completed,
}

/// A container as the runtime and the kubelet's caches have it.
#[derive(Clone, Debug)]
pub(super) struct Runtime {
    pub(super) state: RunState,
    /// The image that it was started from last.
    pub(super) image: Option<ImageId>,
    /// What the last sync had to say about it (the kubelet's reason cache).
    pub(super) waiting: Option<Waiting>,
    pub(super) restarts: u32,
    pub(super) ran: bool,
    /// How long it must have been over before it is started again.
    pub(super) crash_back_off: Option<BackOff>,
}

/// Why a container waits.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) reason: Arc<str>,
    pub(super) message: Arc<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RunState {
    Never,
    Running,
    Exited { code: i32, at: Timestamp },
}

/// What a sync has to do about a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing.
    Nothing,
    /// To start it.
    Start,
    /// To kill it and start it anew, since its image was edited.
    Replace,
    /// Nothing behind it may start yet.
    Wait,
}

impl Worker {
    pub(super) fn new(view: Arc<Pod>, node: NodeId, rng: RandomStream, events: bool) -> Self {
        let runtime = Runtime {
            state: RunState::Never,
            image: None,
            waiting: None,
            restarts: 0,
            ran: false,
            crash_back_off: None,
        };
        Self {
            node,
            generation: view.generation,
            step: Step::Idle,
            ticket: 0,
            life: 0,
            wake: false,
            end: None,
            pull_error: None,
            sandbox_ready: false,
            containers: vec![runtime; view.images.len()].into(),
            back_offs: BackOffs::default(),
            cached: Status::fresh(),
            is_sending: false,
            had_error: false,
            synced_at: None,
            quiet_since: None,
            rng,
            events: events.then(Box::default),
            view,
        }
    }

    pub(super) fn template(&self) -> Arc<PodTemplate> {
        Arc::clone(&self.view.template)
    }

    /// The kubelet was killed: what it kept in memory is gone, what the runtime has remains.
    pub(super) fn forget(&mut self) {
        self.life += 1;
        self.ticket += 1;
        if self.step != Step::Done {
            self.step = Step::Idle;
        }
        (self.wake, self.is_sending, self.had_error) = (false, false, false);
        self.synced_at = None;
        self.back_offs.clear();
        for container in &mut self.containers {
            (container.waiting, container.crash_back_off) = (None, None);
        }
        if let Some(events) = &mut self.events {
            events.restart();
        }
    }

    /// Whether the pod must end, as far as is known now. Once it must, it must.
    pub(super) fn learns_its_end(&mut self) {
        let status = &self.view.status;
        if self.end.is_some() {
            return;
        }
        if status.phase == Phase::Failed {
            self.end = Some(End::Told(status.reason));
        } else if self.view.deleting_since.is_some() {
            self.end = Some(End::Deleted);
        }
    }

    /// What has to be done about the container at `place` (`computePodActions`).
    pub(super) fn need(&self, place: usize) -> Need {
        let kind = self.view.template.containers[place].kind;
        let state = self.containers[place].state;
        match (kind, state) {
            (_, RunState::Never) | (ContainerKind::Sidecar, RunState::Exited { .. }) => Need::Start,
            (ContainerKind::Init, RunState::Running) => Need::Wait,
            (_, RunState::Running) if self.is_edited(place) => Need::Replace,
            (_, RunState::Running) | (ContainerKind::Init, RunState::Exited { code: 0, .. }) => {
                Need::Nothing
            }
            (_, RunState::Exited { .. }) if self.is_restarted(place) => Need::Start,
            (ContainerKind::Init, RunState::Exited { .. }) => Need::Wait,
            (_, RunState::Exited { .. }) => Need::Nothing,
        }
    }

    /// Whether a container that has ended is started again (`ShouldContainerBeRestarted`).
    pub(super) fn is_restarted(&self, place: usize) -> bool {
        let container = &self.view.template.containers[place];
        match self.view.template.restart_policy {
            _ if container.kind == ContainerKind::Sidecar => true,
            RestartPolicy::Always => true,
            RestartPolicy::OnFailure => !matches!(
                self.containers[place].state,
                RunState::Exited { code: 0, .. }
            ),
            RestartPolicy::Never => false,
        }
    }

    /// Whether the image was edited since the container was started.
    pub(super) fn is_edited(&self, place: usize) -> bool {
        let started_from = self.containers[place].image;
        started_from.is_some_and(|image| image != self.view.images[place])
    }

    /// The status that the kubelet makes of what it knows (`generateAPIPodStatus`).
    pub(super) fn status(&self, started_at: Timestamp) -> Status {
        let containers: Box<[ContainerStatus]> = self
            .containers
            .iter()
            .map(|c| self.container_status(c))
            .collect();
        let phase = self.phase();
        Status {
            phase,
            reason: "",
            conditions: Conditions {
                sandbox_ready: self.sandbox_ready,
                ready: self.ready(phase),
            },
            started_at: Some(self.cached.started_at.unwrap_or(started_at)),
            containers,
        }
    }

    /// `getPhase` (`pkg/kubelet/kubelet_pods.go`).
    pub(super) fn phase(&self) -> Phase {
        let template = &self.view.template;
        let (mut waiting, mut running, mut stopped, mut failed) = (0, 0, 0, 0);
        for (spec, container) in template.containers.iter().zip(&self.containers) {
            match (spec.kind, container.state) {
                (ContainerKind::Init, RunState::Exited { code: 0, .. }) => {}
                (ContainerKind::Init, RunState::Exited { .. })
                    if template.restart_policy == RestartPolicy::Never =>
                {
                    return Phase::Failed;
                }
                (ContainerKind::Sidecar, state) if state != RunState::Never => {}
                (ContainerKind::Init | ContainerKind::Sidecar, _) => return Phase::Pending,
                (_, RunState::Never) => waiting += 1,
                (_, RunState::Running) => running += 1,
                (_, RunState::Exited { code, .. }) => {
                    stopped += 1;
                    failed += i32::from(code != 0);
                }
            }
        }
        match template.restart_policy {
            _ if waiting > 0 => Phase::Pending,
            _ if running > 0 || stopped == 0 => Phase::Running,
            RestartPolicy::Always => Phase::Running,
            _ if failed == 0 => Phase::Succeeded,
            RestartPolicy::Never => Phase::Failed,
            RestartPolicy::OnFailure => Phase::Running,
        }
    }

    pub(super) fn ready(&self, phase: Phase) -> Ready {
        let all_run = self
            .containers
            .iter()
            .zip(&self.view.template.containers)
            .all(|(c, spec)| spec.kind == ContainerKind::Init || c.state == RunState::Running);
        match phase {
            Phase::Failed => Ready::PodFailed,
            Phase::Succeeded => Ready::PodCompleted,
            Phase::Running if all_run => Ready::Yes,
            _ => Ready::ContainersNotReady,
        }
    }

    fn container_status(&self, container: &Runtime) -> ContainerStatus {
        // What is deleted is not to be started any more, so nothing is said of why it was not.
        let waiting = container.waiting.as_ref();
        let waiting = waiting.filter(|_| self.view.deleting_since.is_none());
        let state = match (container.state, waiting) {
            (RunState::Running, _) => ContainerState::Running,
            (RunState::Never | RunState::Exited { .. }, Some(waiting)) => ContainerState::Waiting {
                reason: Arc::clone(&waiting.reason),
                message: Arc::clone(&waiting.message),
            },
            (RunState::Exited { code, at }, None) => ContainerState::Terminated {
                exit_code: code,
                reason: if code == 0 { "Completed" } else { "Error" },
                finished_at: Some(at),
            },
            (RunState::Never, None) => waiting_default(&self.view.template),
        };
        let waits_after_run = matches!(state, ContainerState::Waiting { .. })
            && matches!(container.state, RunState::Exited { .. });
        ContainerStatus {
            state,
            restart_count: container.restarts,
            ran: container.ran || waits_after_run,
        }
    }

    /// What is published of the containers once the pod is over: one that never started gets a state that says so, and
    /// where there are init containers only the first of them does (`TerminatePod`).
    pub(super) fn final_containers(&self) -> Box<[ContainerStatus]> {
        let has_init = has_init_containers(&self.view.template);
        let mut statuses: Box<[ContainerStatus]> = self
            .containers
            .iter()
            .map(|c| self.container_status(c))
            .collect();
        for (place, status) in statuses.iter_mut().enumerate() {
            let is_waiting = matches!(status.state, ContainerState::Waiting { .. });
            if is_waiting && (!has_init || place == 0) {
                status.state = ContainerState::Terminated {
                    exit_code: NEVER_STARTED,
                    reason: "ContainerStatusUnknown",
                    finished_at: None,
                };
            }
        }
        statuses
    }
}

/// `exitCode` of a container that did not stop when it was told to.
pub(super) const KILLED: i32 = 137;
/// `exitCode` of a container that never started (`pkg/kubelet/status/status_manager.go`).
const NEVER_STARTED: i32 = 137;

/// What a container shows of which nothing is known yet.
fn waiting_default(template: &PodTemplate) -> ContainerState {
    static CREATING: LazyLock<Arc<str>> = LazyLock::new(|| "ContainerCreating".into());
    static INITIALIZING: LazyLock<Arc<str>> = LazyLock::new(|| "PodInitializing".into());
    static NOTHING: LazyLock<Arc<str>> = LazyLock::new(|| "".into());
    let reason = if has_init_containers(template) {
        &INITIALIZING
    } else {
        &CREATING
    };
    ContainerState::Waiting {
        reason: Arc::clone(reason),
        message: Arc::clone(&NOTHING),
    }
}

fn has_init_containers(template: &PodTemplate) -> bool {
    let is_init = |kind| matches!(kind, ContainerKind::Init | ContainerKind::Sidecar);
    template.containers.iter().any(|c| is_init(c.kind))
}
