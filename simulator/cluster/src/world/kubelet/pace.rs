//! When a kubelet syncs a pod.

use std::time::Duration;

use pullstop_core::time::Timestamp;

use super::worker::Step;
use super::{Event, PLEG_TICK_MS, SYNC_TICK_MS, Visit, on_tick};

/// After an error the worker waits for 10 s, up to half as long again (`pkg/kubelet/pod_workers.go`).
const ERROR_PAUSE_MS: (u64, u64) = (10_000, 15_000);
/// Without one, for `syncFrequency`, up to half as long again (`v1beta1/defaults.go`).
const QUIET_PAUSE_MS: (u64, u64) = (60_000, 90_000);

impl Visit<'_> {
    /// A sync out of turn: now, or soon after the one that is under way is over.
    pub(super) fn wake(&mut self) {
        match self.w.step {
            Step::Idle if self.kubelet.down == 0 => match self.looked_since_sync() {
                Some(at) if at > self.c.now => {
                    self.w.ticket += 1;
                    self.schedule(at, Event::Sync(self.pod, self.w.ticket));
                }
                _ => self.sync(),
            },
            Step::Idle | Step::Done => {}
            Step::Sandbox | Step::Pull(_) | Step::Stopping | Step::Cleaning => self.w.wake = true,
        }
    }

    pub(super) fn end_sync(&mut self) {
        self.w.step = Step::Idle;
        let now = self.c.now;
        self.w.synced_at = Some(now);
        let next = if std::mem::take(&mut self.w.wake) {
            self.looked_since_sync()
        } else if self.w.had_error {
            Some(self.pause_from(now, ERROR_PAUSE_MS))
        } else {
            // Nothing to do until something happens: the syncs in between would find nothing.
            self.w.quiet_since = Some(now);
            None
        };
        // With every tick the loop looks for pods whose deadline has passed, however long their pause is.
        let deadline = self
            .deadline()
            .map(|deadline| on_tick(deadline.max(now), self.kubelet.phase_ms, SYNC_TICK_MS));
        if let Some(at) = [next, deadline].into_iter().flatten().min() {
            self.w.ticket += 1;
            self.schedule(at, Event::Sync(self.pod, self.w.ticket));
        }
    }

    /// The next sync of a pod to which nothing happens.
    pub(super) fn next_quiet_sync(&mut self) -> Option<Timestamp> {
        let mut at = self.w.quiet_since?;
        while at <= self.c.now {
            at = self.pause_from(at, QUIET_PAUSE_MS);
        }
        self.w.quiet_since = Some(at);
        Some(at)
    }

    /// The generator of lifecycle events sees what the runtime did, and asks for a sync.
    pub(super) fn look_soon(&mut self) {
        let at = self.next_look(self.c.now);
        self.schedule(at, Event::Wake(self.pod, self.w.life));
    }

    pub(super) fn deadline(&self) -> Option<Timestamp> {
        let deadline = self.w.view.active_deadline?;
        let started_at = self.w.cached.started_at?;
        Some(started_at.after(deadline))
    }

    fn pause_from(&mut self, from: Timestamp, (low, high): (u64, u64)) -> Timestamp {
        let pause = Duration::from_millis(self.w.rng.between(low, high));
        // The loop takes work up a little after its tick.
        let late = Duration::from_millis(self.w.rng.between(5, 60));
        on_tick(from.after(pause), self.kubelet.phase_ms, SYNC_TICK_MS).after(late)
    }

    /// When the generator has looked at the runtime after the last sync: no sync begins before, since it would not see
    /// what that one did (`GetNewerThan` in `pkg/kubelet/pod_workers.go`).
    fn looked_since_sync(&self) -> Option<Timestamp> {
        let synced_at = self.w.synced_at?;
        Some(self.next_look(synced_at.after(Duration::from_millis(1))))
    }

    fn next_look(&self, from: Timestamp) -> Timestamp {
        let phase_ms = self.kubelet.phase_ms + PLEG_TICK_MS / 3;
        on_tick(from, phase_ms, PLEG_TICK_MS).after(Duration::from_millis(10))
    }
}
