//! One sync of a pod: publish what has happened, then act, container by container.

use std::sync::Arc;
use std::time::Duration;

use pullstop_core::pod::ContainerKind;
use pullstop_core::time::Timestamp;

use super::back_off::BackOff;
use super::events::Kind;
use super::worker::{End, KILLED, Need, RunState, Step, Waiting};
use super::{Event, Visit, note_end};
use crate::pull_errors;
use crate::scenario::workload::PullPolicy;
use crate::world::journal::What;
use crate::world::pod::Pod;
use crate::world::truth::{Attempt, Ending};

/// Releases before this one say `Back-off pulling image` without the error.
///
/// `prevPullErrMsg` of `pkg/kubelet/images/image_manager.go` came with 1.32.
const BACK_OFF_TELLS_WHY_SINCE: u32 = 32;
/// Volumes and sandbox: from the first sync until `PodReadyToStartContainers` in the recordings of unhurried pods.
const SANDBOX_MS: (u64, u64) = (200, 1500);

/// How it stands with an image.
enum Image {
    Here,
    Absent(Waiting),
    BeingPulled,
}

impl Visit<'_> {
    /// The kubelet is back: each pod is taken up as it is.
    pub(super) fn restart(&mut self) {
        if let Some(pod) = self.c.api.get(self.pod) {
            self.w.view = Arc::clone(pod);
        }
        self.w.generation = self.w.view.generation;
        let at = self
            .c
            .now
            .after(Duration::from_millis(self.w.rng.below(1500)));
        self.schedule(at, Event::Wake(self.pod, self.w.life));
    }

    /// A change by another client has arrived.
    pub(super) fn seen(&mut self, pod: Arc<Pod>) {
        if self.w.step == Step::Done {
            if pod.deleting_since.is_some() {
                self.c.api.remove(self.pod);
            }
            return;
        }
        if pod.version <= self.w.view.version
            && pod.generation == self.w.generation
            && !pod.is_terminal()
        {
            return;
        }
        let is_update = pod.generation > self.w.generation;
        self.w.generation = self.w.generation.max(pod.generation);
        let own = std::mem::replace(&mut self.w.view, pod);
        if is_update {
            self.w.learns_its_end();
        }
        if own.version > self.w.view.version {
            self.w.view = own;
        }
        if is_update {
            self.wake();
        }
        if self.w.view.is_terminal() && self.is_unaware() {
            self.reconcile();
        }
    }

    pub(super) fn sync(&mut self) {
        self.w.ticket += 1;
        self.w.wake = false;
        self.w.had_error = false;
        self.w.quiet_since = None;
        self.w.learns_its_end();
        if self
            .deadline()
            .is_some_and(|deadline| deadline <= self.c.now)
        {
            self.w.end.get_or_insert(End::Deadline);
        }
        if self.w.phase().is_terminal() {
            self.w.end.get_or_insert(End::Completed);
        }
        if self.w.end.is_some() {
            self.stop();
            return;
        }
        let status = self.w.status(self.c.now);
        self.publish(status);
        if self.w.sandbox_ready {
            self.containers(0);
        } else {
            self.w.step = Step::Sandbox;
            let (low, high) = SANDBOX_MS;
            let takes = Duration::from_millis(self.w.rng.between(low, high));
            let at = self.c.now.after(takes);
            self.schedule(at, Event::Sandbox(self.pod, self.w.life));
        }
    }

    pub(super) fn sandbox_done(&mut self) {
        if self.c.now < self.c.nodes.get(self.w.node).no_sandbox_until {
            self.w.had_error = true;
            self.end_sync();
            return;
        }
        self.w.sandbox_ready = true;
        let status = self.w.status(self.c.now);
        self.publish(status);
        self.look_soon();
        self.containers(0);
    }

    /// Does what the containers from this one on need.
    fn containers(&mut self, from: usize) {
        let template = self.w.template();
        for place in from..template.containers.len() {
            match self.w.need(place) {
                Need::Nothing => continue,
                Need::Wait => break,
                Need::Start => {}
                // Whatever the restart policy says: it is not what it should be.
                Need::Replace => self.kill(place),
            }
            let blocks = self.blocks(place);
            let waiting = match self.crash_back_off(place) {
                Some(waiting) => Err(waiting),
                None => match self.ensure_image(place) {
                    Image::BeingPulled => {
                        self.w.step = Step::Pull(place);
                        return;
                    }
                    Image::Absent(waiting) => Err(waiting),
                    Image::Here => self.start_container(place),
                },
            };
            if let Err(waiting) = waiting {
                self.set_waiting(place, waiting);
            }
            if blocks {
                break;
            }
        }
        self.end_sync();
    }

    /// Whether this sync does nothing about what is behind the container, whatever becomes of it: one init container
    /// or sidecar is started at a time, until all have been (`computeInitContainerActions`).
    fn blocks(&self, place: usize) -> bool {
        match self.w.view.template.containers[place].kind {
            ContainerKind::Init => true,
            ContainerKind::Sidecar => self.w.containers[place].state == RunState::Never,
            ContainerKind::Main | ContainerKind::Ephemeral => false,
        }
    }

    /// Counted from the container's end, and doubled with each attempt to start it again, whatever becomes of that
    /// (`doBackOff` in `pkg/kubelet/kuberuntime/kuberuntime_manager.go`).
    fn crash_back_off(&mut self, place: usize) -> Option<Waiting> {
        let now = self.c.now;
        let RunState::Exited { at, .. } = self.w.containers[place].state else {
            return None;
        };
        // An edited container is another one to it (`GetBackoffKey`).
        if self.w.is_edited(place) {
            return None;
        }
        let container = &mut self.w.containers[place];
        let Some(back_off) = container.crash_back_off.filter(|b| b.lasts(at, now)) else {
            let last = container.crash_back_off;
            container.crash_back_off = Some(BackOff::after(last, now, self.kubelet.back_off));
            return None;
        };
        let name = &self.w.view.template.containers[place].name;
        let seconds = back_off.length.as_secs();
        Some(Waiting {
            reason: "CrashLoopBackOff".into(),
            message: format!("back-off {seconds}s restarting failed container={name}").into(),
        })
    }

    /// `EnsureImageExists` (`pkg/kubelet/images/image_manager.go`).
    fn ensure_image(&mut self, place: usize) -> Image {
        let image = self.w.view.images[place];
        let name = Arc::clone(self.c.supply.name(image));
        let is_here = self.c.nodes.get(self.w.node).has(image);
        let policy = self.w.view.template.containers[place].pull_policy;
        if !self.c.supply.parses(image) {
            self.looked(place, Ending::InvalidName);
            let waiting = waiting("InvalidImageName", &pull_errors::invalid_name(&name));
            self.event(place, Kind::InspectFailed, || Arc::clone(&waiting.message));
            return Image::Absent(waiting);
        }
        match policy {
            PullPolicy::Never | PullPolicy::IfNotPresent if is_here => return Image::Here,
            PullPolicy::Never => {
                self.looked(place, Ending::NeverPulled);
                let waiting = waiting("ErrImageNeverPull", &pull_errors::never_pull(&name));
                self.event(place, Kind::ErrImageNeverPull, || {
                    Arc::clone(&waiting.message)
                });
                return Image::Absent(waiting);
            }
            PullPolicy::Always | PullPolicy::IfNotPresent => {}
        }
        if let Some(message) = self.w.back_offs.active(image, self.c.now) {
            let message = Arc::clone(message);
            self.event(place, Kind::BackOff, || {
                format!("Back-off pulling image \"{name}\"").into()
            });
            return Image::Absent(Waiting {
                reason: "ImagePullBackOff".into(),
                message,
            });
        }
        self.event(place, Kind::Pulling, || {
            format!("Pulling image \"{name}\"").into()
        });
        self.ask_for_pull(place);
        Image::BeingPulled
    }

    fn ask_for_pull(&mut self, place: usize) {
        let attempt = Attempt {
            container: u16::try_from(place).unwrap_or(u16::MAX),
            image: self.w.view.images[place],
            queued_at: self.c.now,
            started_at: None,
            ended: None,
        };
        if let Some(truth) = self.c.truth.pod_mut(self.pod) {
            truth.attempts.push(attempt);
        }
        self.c.tell(self.pod, || What::Queued { container: place });
        self.kubelet.puller.ask(self.pod);
    }

    /// It is the pod's turn to pull.
    pub(super) fn pull_begins(&mut self, is_allowed: bool) {
        let Step::Pull(place) = self.w.step else {
            self.kubelet.puller.done();
            return;
        };
        let now = self.c.now;
        let takes = if is_allowed {
            let request = self.c.nodes.pull(
                self.w.node,
                self.w.view.images[place],
                &self.w.view.template.secrets,
            );
            let plan = self.c.supply.pull(now, &request, &mut self.w.rng);
            self.w.pull_error = plan.error;
            plan.takes
        } else {
            self.w.pull_error = Some(pull_errors::PullError::Throttled);
            Duration::from_millis(1)
        };
        if let Some(attempt) = self
            .c
            .truth
            .pod_mut(self.pod)
            .and_then(|t| t.attempts.last_mut())
        {
            attempt.started_at = Some(now);
        }
        self.c
            .tell(self.pod, || What::PullBegan { container: place });
        self.schedule(now.after(takes), Event::Pulled(self.pod, self.w.life));
    }

    pub(super) fn pull_done(&mut self) {
        let Step::Pull(place) = self.w.step else {
            return;
        };
        let image = self.w.view.images[place];
        let ending = self.w.pull_error.map_or(Ending::Pulled, Ending::Failed);
        note_end(self.c, self.pod, ending);
        self.note_idle(ending);
        let blocks = self.blocks(place);
        let started = match self.w.pull_error {
            None => {
                self.c.nodes.get_mut(self.w.node).add(image);
                let name = Arc::clone(self.c.supply.name(image));
                self.event(place, Kind::Pulled, || {
                    format!("Successfully pulled image \"{name}\"").into()
                });
                self.start_container(place)
            }
            Some(error) => Err(self.pull_failed(place, error)),
        };
        if let Err(waiting) = started {
            self.set_waiting(place, waiting);
        }
        if blocks {
            self.end_sync();
        } else {
            self.containers(place + 1);
        }
    }

    fn pull_failed(&mut self, place: usize, error: pull_errors::PullError) -> Waiting {
        let image = self.w.view.images[place];
        let name = Arc::clone(self.c.supply.name(image));
        let runtime = self.c.nodes.get(self.w.node).runtime;
        let reason = error.waiting_reason(runtime);
        let printed = self.c.supply.printed(image);
        let message = pull_errors::pull_error(runtime, error, printed, self.w.rng.bits());
        let message: Arc<str> = message.into();
        let why = (self.kubelet.minor >= BACK_OFF_TELLS_WHY_SINCE).then_some(&*message);
        let waiting = pull_errors::back_off(&name, reason, why).into();
        let periods = self.kubelet.back_off;
        self.w.back_offs.failed(image, self.c.now, waiting, periods);
        self.event(place, Kind::Failed, || {
            format!("Failed to pull image \"{name}\": {message}").into()
        });
        Waiting {
            reason: reason.into(),
            message,
        }
    }

    /// Creates and starts a container whose image is here.
    fn start_container(&mut self, place: usize) -> Result<(), Waiting> {
        let spec = &self.w.view.template.containers[place];
        if let Some(reason) = &spec.cannot_start {
            return Err(waiting(reason, "cannot be created"));
        }
        let runs = spec.runs;
        let container = &mut self.w.containers[place];
        if container.state != RunState::Never {
            container.restarts += 1;
            container.ran = true;
        }
        container.state = RunState::Running;
        container.image = Some(self.w.view.images[place]);
        container.waiting = None;
        let run = container.restarts;
        if let Some(runs) = runs {
            let place = u16::try_from(place).unwrap_or(u16::MAX);
            self.schedule(self.c.now.after(runs), Event::Exited(self.pod, place, run));
        }
        self.look_soon();
        self.note_running();
        Ok(())
    }

    /// The time that the container takes to stop is left out: it has no one to wait for.
    fn kill(&mut self, place: usize) {
        let at = self.c.now;
        self.w.containers[place].state = RunState::Exited { code: KILLED, at };
        self.look_soon();
    }

    pub(super) fn exited(&mut self, place: usize, run: u32) {
        let code = self.w.view.template.containers[place].exit_code;
        let at = self.c.now;
        let container = &mut self.w.containers[place];
        if container.state == RunState::Running && container.restarts == run {
            container.state = RunState::Exited { code, at };
            self.look_soon();
        }
    }

    fn set_waiting(&mut self, place: usize, waiting: Waiting) {
        let reason = Arc::clone(&waiting.reason);
        // A container that has ended and is not restarted shows how it ended, not why it was not replaced.
        if self.w.containers[place].state == RunState::Never || self.w.is_restarted(place) {
            self.w.containers[place].waiting = Some(waiting);
        }
        self.w.had_error = true;
        self.event(place, Kind::Failed, || format!("Error: {reason}").into());
    }

    fn event(&mut self, place: usize, kind: Kind, message: impl FnOnce() -> Arc<str>) {
        if let Some(events) = &mut self.w.events {
            events.record(self.c.now, kind, place, &message());
        }
    }

    pub(super) fn schedule(&mut self, at: Timestamp, event: Event) {
        self.c.queue.add(at, crate::world::Event::Kubelet(event));
    }
}

fn waiting(reason: &str, message: &str) -> Waiting {
    Waiting {
        reason: reason.into(),
        message: message.into(),
    }
}
