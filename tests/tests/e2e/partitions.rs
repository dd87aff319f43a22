//! Two replicas whose wires fail, and which stand still for longer than the Lease lasts.

use std::time::Duration;

use pullstop_cluster::world::random::{Purpose, RandomStream, RandomStreams};

use super::faults::{MIXED, judge};
use super::network::{Weather, Wire, Write};
use super::process::Process;
use super::stage::Stage;

/// So many schedules are drawn.
const SEEDS: u64 = 150;
/// So long somebody waits for the answer to a write; the API server gives it up then as well.
const CALL: Duration = Duration::from_secs(5);

/// A write is sent only under a Lease that outlasts it. What the network or the operating system holds back for longer can
/// land when somebody else leads; no client can help that, and uid and version make it harmless: it is stored if the pod
/// is still what was judged, and refused if anybody has written since.
#[tokio::test(start_paused = true)]
async fn nothing_is_sent_without_the_lease_and_nothing_is_done_twice() {
    let (mut led, mut held_back) = ([0, 0], 0);
    for seed in 0..SEEDS {
        let what = format!("seed {seed}");
        let mut stage = Stage::new(MIXED, seed);
        let mut chance = RandomStreams::new(seed).stream(Purpose::Enforcer, 0);
        let mut replicas = ["a", "b"].map(|name| Replica::start(&stage, name, seed));
        let mut at = 0;
        while at < 600 {
            at += chance.between(1, 20);
            stage.until(at).await;
            let hit = usize::from(chance.chance(50));
            replicas[hit].meet(&mut chance);
        }
        replicas.iter_mut().for_each(Replica::recover);
        judge(&mut stage, &what).await;
        for (replica, led) in replicas.iter().zip(&mut led) {
            for write in replica.wire.writes() {
                held_back += check(&write, &what);
                *led += u32::from(write.fails && write.stored);
            }
        }
    }
    assert!(led.iter().all(|led| *led > 20), "{led:?}");
    assert!(held_back > 0);
}

/// Panics over a write without the Lease; whether the Lease was lost while it was held back.
fn check(write: &Write, what: &str) -> u32 {
    let by = write.by.as_str();
    assert!(write.sent.covers(by, CALL), "{what}: {write:?}");
    let Some(landed) = &write.landed else {
        return 0;
    };
    let took = Duration::from_millis(landed.at_ms - write.sent.at_ms);
    let covered = landed.covers(by, Duration::ZERO);
    assert!(covered || took > CALL, "{what}: {write:?}");
    u32::from(!covered)
}

/// An enforcer and its wire.
struct Replica {
    wire: Wire,
    process: Process,
    is_paused: bool,
}

impl Replica {
    fn start(stage: &Stage, name: &str, seed: u64) -> Self {
        let wire = Wire::new(stage, name, seed);
        let now = stage.store.clock().now();
        Self {
            process: Process::start(wire.client(), name, now, &[]),
            wire,
            is_paused: false,
        }
    }

    /// Something begins to go wrong, or ceases to.
    fn meet(&mut self, chance: &mut RandomStream) {
        if self.is_paused {
            return self.go_on(chance.chance(50));
        }
        match chance.below(8) {
            0 => self.wire.set(Weather::Hangs),
            1 => self.wire.set(Weather::LosesAnswers),
            2 => self.wire.set(Weather::LosesLease),
            3 | 4 => self.pause(chance.chance(50)),
            _ => self.wire.set(Weather::Fair),
        }
    }

    /// The process stands still; perhaps what it has written is still in its own buffers.
    fn pause(&mut self, holds_back: bool) {
        self.process.pause();
        self.is_paused = true;
        if holds_back {
            self.wire.set(Weather::Hangs);
        }
    }

    /// It goes on; perhaps what it had written gets out before it looks at a clock.
    fn go_on(&mut self, wire_first: bool) {
        if wire_first {
            self.wire.set(Weather::Fair);
        }
        self.process.go_on();
        self.wire.set(Weather::Fair);
        self.is_paused = false;
    }

    fn recover(&mut self) {
        self.go_on(true);
    }
}
