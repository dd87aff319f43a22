//! A rehearsal: an engine in virtual time, with somebody in the place of the cluster.
//!
//! For what drives the engine in one thread: replays, scans, simulations and tests. The enforcer, which waits for real
//! answers, drives the engine itself.

use crate::engine::{Effect, Engine, Input};
use crate::time::Timestamp;

/// Who is in the place of the cluster.
pub trait StandIn {
    /// Carries out an effect, or pretends to. The answer, if there is one at once, is handled by `engine` right here; what
    /// it causes comes after all effects that wait.
    fn carry_out(&mut self, engine: &mut Engine, now: Timestamp, effect: Effect);
}

/// An engine that is driven in virtual time.
#[derive(Debug)]
pub struct Rehearsal<S> {
    engine: Engine,
    now: Timestamp,
    /// Who carries out what the engine asks for.
    pub stand_in: S,
}

impl<S: StandIn> Rehearsal<S> {
    /// A rehearsal with an engine, and with somebody who carries out what it asks for.
    pub const fn new(engine: Engine, stand_in: S) -> Self {
        let now = Timestamp::from_millis(0);
        Self {
            engine,
            now,
            stand_in,
        }
    }

    /// The engine.
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The engine, and who was in the place of the cluster.
    pub fn into_parts(self) -> (Engine, S) {
        (self.engine, self.stand_in)
    }

    /// Lets the engine handle an input at `now`, and has everything carried out that it asks for.
    pub fn handle(&mut self, now: Timestamp, input: Input<'_>) {
        self.now = self.now.max(now);
        self.engine.handle(now, input);
        while let Some(effect) = self.engine.poll() {
            self.stand_in.carry_out(&mut self.engine, self.now, effect);
        }
    }

    /// Lets time pass until just before `moment`: what is due at the same time as an input comes after it.
    pub fn run_until(&mut self, moment: Timestamp) {
        while let Some(due) = self.due_before(moment) {
            self.handle(due, Input::Time);
        }
    }

    /// Lets time pass, with `moment` itself.
    pub fn run_through(&mut self, moment: Timestamp) {
        self.run_until(moment);
        self.handle(moment, Input::Time);
    }

    fn due_before(&self, moment: Timestamp) -> Option<Timestamp> {
        let (due, _) = self.engine.next_deadline()?;
        debug_assert!(due > self.now, "what is due is done");
        (due < moment).then_some(due)
    }
}
