//! Records a kubelet's work in the truth, which no policy can see.

use pullstop_core::pod::ContainerKind;

use super::Visit;
use super::worker::RunState;
use crate::world::journal::What;
use crate::world::truth::{Attempt, Ending};

impl Visit<'_> {
    /// The kubelet looked at an image without pulling; the same outcome again is nothing new, except to a kubelet that
    /// was restarted.
    pub(super) fn looked(&mut self, place: usize, ending: Ending) {
        self.note_idle(ending);
        let now = self.c.now;
        let remembers = self.w.containers[place].waiting.is_some();
        let container = u16::try_from(place).unwrap_or(u16::MAX);
        let image = self.w.view.images[place];
        let Some(truth) = self.c.truth.pod_mut(self.pod) else {
            return;
        };
        let is_same = |a: &Attempt| {
            a.container == container
                && a.image == image
                && a.ended.is_some_and(|(_, e)| e == ending)
        };
        if !remembers || !truth.attempts.iter().any(is_same) {
            truth.attempts.push(Attempt {
                container,
                image,
                queued_at: now,
                started_at: None,
                ended: Some((now, ending)),
            });
            self.c.tell(self.pod, || What::PullEnded {
                container: place,
                ending,
            });
        }
    }

    /// A pull has ended: a pod in which no main container runs holds its place without any use if it failed.
    pub(super) fn note_idle(&mut self, ending: Ending) {
        let specs = self.w.view.template.containers.iter();
        let mut main = specs
            .zip(&self.w.containers)
            .filter(|(spec, _)| spec.kind == ContainerKind::Main);
        let is_idle = main.all(|(_, container)| container.state != RunState::Running);
        let now = self.c.now;
        if ending.is_failure()
            && is_idle
            && let Some(truth) = self.c.truth.pod_mut(self.pod)
            && truth.ended.is_none()
        {
            truth.idle.begin(now);
        }
    }

    pub(super) fn note_running(&mut self) {
        let template = &self.w.view.template;
        let all_run = template
            .containers
            .iter()
            .zip(&self.w.containers)
            .all(|(spec, c)| spec.kind != ContainerKind::Main || c.state != RunState::Never);
        let now = self.c.now;
        let Some(truth) = self.c.truth.pod_mut(self.pod) else {
            return;
        };
        truth.idle.end(now);
        if all_run && truth.ran_at.is_none() {
            truth.ran_at = Some(now);
            self.c.tell(self.pod, || What::Ran);
        }
    }
}
