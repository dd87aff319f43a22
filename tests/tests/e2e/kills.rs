//! Enforcers that are killed at random moments, without a chance to end in order and with requests under way.

use std::collections::BTreeMap;
use std::time::Duration;

use pullstop_cluster::world::random::{Purpose, RandomStreams};
use pullstop_simulator::bridge::KUBELET;
use serde_json::Value;

use super::faults::{MIXED, judge};
use super::network::{Wire, Write};
use super::process::Process;
use super::stage::Stage;

/// So many are killed once, and so many again and again.
const SEEDS: u64 = 120;
/// What requests take at most from the moment when a verdict is due: a list, a read, a write, and once more after a write of
/// the killed process has come between.
const SLACK_MS: u64 = 15_000;

/// Invariant 8, with everything that is around the engine: a verdict comes when it would have come, or when the new process
/// is there, or with the next failure that is shown.
#[tokio::test(start_paused = true)]
async fn killed_once_at_any_moment_a_verdict_comes_later_by_one_observation_at_most() {
    let mut sent_by_the_dead = Vec::new();
    for seed in 0..SEEDS {
        let mut undisturbed = Life::new(seed);
        undisturbed.start();
        undisturbed.end("undisturbed").await;
        let undisturbed = undisturbed.verdicts();

        let kill = Kill::draw(seed, &undisturbed);
        let what = format!("seed {seed}, {kill:?}, undisturbed {undisturbed:?}");
        let mut life = Life::new(seed);
        life.start();
        life.until(kill.at_ms).await;
        life.kill();
        life.until(kill.at_ms + kill.down_ms).await;
        life.start();
        let mut due: Vec<(u64, &str)> = Vec::new();
        for (pod, at) in &undisturbed {
            due.push((at.max(&(kill.at_ms + kill.down_ms)) + SLACK_MS, pod));
        }
        due.sort_unstable();
        let mut versions = BTreeMap::new();
        for (at, pod) in &due {
            life.until(*at).await;
            versions.insert(*pod, life.stage.store.version());
        }
        life.end(&what).await;
        for (at, pod) in due {
            let verdict = life.verdicts()[pod];
            let shown = life.failures_shown(pod, versions[pod]);
            // Of the one whose name is invalid nothing is shown any more.
            let by_the_next = shown <= 1 && pod != "invalid";
            assert!(
                verdict <= at || by_the_next,
                "{what}: {pod} at {verdict}, {shown} shown"
            );
        }
        let dead = life
            .wire
            .writes()
            .into_iter()
            .filter(|write| write.fails && !write.awaited);
        sent_by_the_dead.extend(dead);
    }
    // Both have happened: such writes were carried out, and such writes were lost.
    let landed = |write: &Write| write.landed.is_some();
    assert!(sent_by_the_dead.iter().any(landed));
    assert!(!sent_by_the_dead.iter().all(landed));
}

/// With the Lease, which a killed process does not give up.
#[tokio::test(start_paused = true)]
async fn killed_again_and_again_nothing_is_lost_or_doubled() {
    for seed in SEEDS..2 * SEEDS {
        let mut chance = RandomStreams::new(seed).stream(Purpose::Enforcer, 0);
        let mut life = Life {
            options: &[],
            ..Life::new(seed)
        };
        let mut at_ms = 0;
        while at_ms < 600_000 {
            life.start();
            let most = if chance.chance(20) { 5_000 } else { 120_000 };
            at_ms += chance.between(1, most);
            life.until(at_ms).await;
            life.kill();
            at_ms += chance.below(20_000);
            life.until(at_ms).await;
        }
        life.start();
        life.end(&format!("seed {seed}")).await;
    }
}

/// When a process is killed, and how long it takes until there is another: not so long that much can be missed.
#[derive(Debug)]
struct Kill {
    at_ms: u64,
    down_ms: u64,
}

impl Kill {
    /// Any moment, or one at which something is being written.
    fn draw(seed: u64, verdicts: &BTreeMap<String, u64>) -> Self {
        let mut chance = RandomStreams::new(seed).stream(Purpose::Enforcer, 0);
        let verdicts: Vec<u64> = verdicts.values().copied().collect();
        let at_ms = if chance.chance(40) {
            chance.below(300_000)
        } else {
            let drawn = usize::try_from(chance.below(verdicts.len() as u64)).unwrap();
            verdicts[drawn].saturating_sub(500) + chance.below(600)
        };
        let down_ms = chance.below(3_000);
        Self { at_ms, down_ms }
    }
}

/// A cluster, and one enforcer after the other in it.
struct Life {
    stage: Stage,
    wire: Wire,
    options: &'static [&'static str],
    process: Option<Process>,
    started: u32,
}

impl Life {
    fn new(seed: u64) -> Self {
        let stage = Stage::new(MIXED, seed);
        Self {
            wire: Wire::new(&stage, "p", seed),
            stage,
            options: &["--no-lease"],
            process: None,
            started: 0,
        }
    }

    fn start(&mut self) {
        self.started += 1;
        let name = format!("p{}", self.started);
        let client = self.wire.for_next(&name).client();
        let now = self.stage.store.clock().now();
        self.process = Some(Process::start(client, &name, now, self.options));
    }

    fn kill(&mut self) {
        self.process.take().unwrap().kill();
    }

    async fn until(&mut self, ms: u64) {
        self.stage.bridge.run_for(Duration::from_millis(ms)).await;
    }

    async fn end(&mut self, what: &str) {
        judge(&mut self.stage, what).await;
    }

    /// When each pod was failed.
    fn verdicts(&self) -> BTreeMap<String, u64> {
        let writes = self.wire.writes().into_iter();
        let stored = writes.filter(|write| write.fails && write.stored);
        stored
            .map(|write| (write.pod, write.landed.unwrap().at_ms))
            .collect()
    }

    /// How often a failed pull of this pod was shown after this version, until it was failed.
    fn failures_shown(&self, pod: &str, version: u64) -> usize {
        let reason = |pod: &Value| {
            pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"].clone()
        };
        let changes = self.stage.store.changes_since(version).unwrap().into_iter();
        changes
            .filter(|change| change.key.name == pod && &*change.by == KUBELET)
            .filter_map(|change| change.before.zip(change.after))
            .take_while(|(_, after)| after["status"]["phase"] != "Failed")
            .filter(|(before, after)| {
                reason(before) != "ErrImagePull" && reason(after) == "ErrImagePull"
            })
            .count()
    }
}
