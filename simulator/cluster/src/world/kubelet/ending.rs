//! How a kubelet publishes a status, puts back what others wrote, and ends a pod.

use std::sync::Arc;
use std::time::Duration;

use pullstop_core::pod::Phase;

use super::worker::{End, KILLED, RunState, Runtime, Step};
use super::{Event, STATUS_TICK_MS, Visit, on_tick};
use crate::world::journal::What;
use crate::world::pod::{ContainerState, Status};

/// One round trip of the status manager: GET and PATCH.
const PUBLISH_MS: (u64, u64) = (8, 25);
/// Stopping a pod without running containers: 0.3–0.5 s in the recordings.
const STOP_MS: (u64, u64) = (280, 500);
/// A running container needs longer to stop.
const STOP_RUNNING_MS: (u64, u64) = (600, 2000);
/// Volumes and cgroups: 0.4–1 s in the recordings.
const CLEAN_UP_MS: (u64, u64) = (400, 1000);

impl Visit<'_> {
    /// Hands a status to the status manager; one that says nothing new is dropped, and while a patch is on its way only
    /// the latest is kept.
    pub(super) fn publish(&mut self, status: Status) {
        if self.w.cached != status {
            self.w.cached = status;
            self.send();
        }
    }

    fn send(&mut self) {
        if !self.w.is_sending {
            self.w.is_sending = true;
            let at = self.c.now.after(self.draw(PUBLISH_MS));
            self.schedule(at, Event::Publish(self.pod, self.w.life));
        }
    }

    /// The patch lands: whatever stood there, the kubelet's own fields are now what it says.
    pub(super) fn publish_lands(&mut self) {
        self.w.is_sending = false;
        let Some(stored) = self.c.api.get(self.pod) else {
            return;
        };
        if stored.status == self.w.cached {
            return;
        }
        let is_put_back = stored.is_terminal() && !self.w.cached.phase.is_terminal();
        let has_changed = stored.status.containers != self.w.cached.containers
            || stored.status.phase != self.w.cached.phase;
        self.c.api.publish(self.pod, self.w.cached.clone());
        if let Some(pod) = self.c.api.get(self.pod) {
            self.w.view = Arc::clone(pod);
        }
        if is_put_back {
            if let Some(truth) = self.c.truth.pod_mut(self.pod) {
                truth.put_back += 1;
            }
            self.c.tell(self.pod, || What::PutBack);
        }
        if has_changed {
            self.tell_states();
        }
    }

    /// Another client has set a terminal phase without anything that would wake the worker: until its next sync, the status
    /// manager may write back what it has.
    pub(super) fn reconcile(&mut self) {
        let at = on_tick(self.c.now, self.kubelet.phase_ms, STATUS_TICK_MS);
        self.schedule(at, Event::Compare(self.pod, self.w.life));
        if let Some(at) = self.next_quiet_sync() {
            self.w.ticket += 1;
            self.schedule(at, Event::Sync(self.pod, self.w.ticket));
        }
    }

    pub(super) fn compare(&mut self) {
        let differs = self.w.view.is_terminal() && !self.w.cached.phase.is_terminal();
        if differs && self.is_unaware() {
            self.send();
        }
    }

    /// Whether the worker has not acted on a terminal phase: nothing has told it, or it is held up in a pull, which is
    /// not broken off. The pod ends after that, whatever is written back meanwhile.
    pub(super) fn is_unaware(&self) -> bool {
        self.w.end.is_none() || matches!(self.w.step, Step::Sandbox | Step::Pull(_))
    }

    /// The pod has to end: its containers are stopped first.
    pub(super) fn stop(&mut self) {
        let status = self.w.status(self.c.now);
        let ready = self.w.ready(self.w.phase());
        self.w.step = Step::Stopping;
        match self.w.end {
            // The reason that was set is empty for a moment, since the cached phase was another one.
            Some(End::Told(_)) => self.publish(failed(status, "")),
            Some(End::Deadline) => self.publish(failed(status, DEADLINE_EXCEEDED)),
            // A terminal phase is published once all is over.
            Some(End::Completed) => {
                let phase = self.w.cached.phase;
                let mut status = Status { phase, ..status };
                status.conditions.ready = ready;
                self.publish(status);
            }
            Some(End::Deleted) => self.publish(status),
            None => {}
        }
        let is_running = |c: &Runtime| c.state == RunState::Running;
        let takes = if self.w.containers.iter().any(is_running) {
            STOP_RUNNING_MS
        } else {
            STOP_MS
        };
        let at = self.c.now.after(self.draw(takes));
        self.schedule(at, Event::Ending(self.pod, self.w.life));
    }

    /// The next step towards the end.
    pub(super) fn end(&mut self) {
        match self.w.step {
            Step::Stopping => self.stopped(),
            Step::Cleaning => self.ended(),
            Step::Idle | Step::Sandbox | Step::Pull(_) | Step::Done => {}
        }
    }

    fn stopped(&mut self) {
        let at = self.c.now;
        for container in &mut self.w.containers {
            if container.state == RunState::Running {
                container.state = RunState::Exited { code: KILLED, at };
            }
        }
        self.w.sandbox_ready = false;
        self.w.step = Step::Cleaning;
        let status = self.w.status(at);
        match self.w.end {
            Some(End::Told(reason)) => self.publish(failed(status, reason)),
            Some(End::Deadline) => self.publish(failed(status, DEADLINE_EXCEEDED)),
            Some(End::Deleted) => self.publish(status),
            Some(End::Completed) | None => {}
        }
        let at = self.c.now.after(self.draw(CLEAN_UP_MS));
        self.schedule(at, Event::Ending(self.pod, self.w.life));
    }

    fn ended(&mut self) {
        self.w.step = Step::Done;
        let status = Status {
            containers: self.w.final_containers(),
            ..self.w.status(self.c.now)
        };
        let phase = self.w.phase();
        let status = match self.w.end {
            Some(End::Told(reason)) => failed(status, reason),
            Some(End::Deadline) => failed(status, DEADLINE_EXCEEDED),
            _ if phase.is_terminal() => status,
            // A pod that is deleted before it ended is reported as failed before it goes.
            _ => failed(status, ""),
        };
        self.publish(status);
        if self.w.view.deleting_since.is_some() {
            self.publish_lands();
            self.c.api.remove(self.pod);
        }
    }

    fn tell_states(&mut self) {
        let phase = self.w.cached.phase;
        let statuses = &self.w.cached.containers;
        self.c
            .journal
            .add(self.c.now, Some(self.pod), || What::Published {
                phase,
                states: statuses.iter().map(|c| in_words(&c.state)).collect(),
            });
    }

    fn draw(&mut self, (low, high): (u64, u64)) -> Duration {
        Duration::from_millis(self.w.rng.between(low, high))
    }
}

const DEADLINE_EXCEEDED: &str = "DeadlineExceeded";

fn failed(mut status: Status, reason: &'static str) -> Status {
    status.phase = Phase::Failed;
    status.reason = reason;
    status.conditions.ready = crate::world::pod::Ready::PodFailed;
    status
}

fn in_words(state: &ContainerState) -> Arc<str> {
    match state {
        ContainerState::Waiting { reason, .. } => Arc::clone(reason),
        ContainerState::Running => "Running".into(),
        ContainerState::Terminated { reason, .. } => (*reason).into(),
    }
}
