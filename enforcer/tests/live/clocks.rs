//! Nodes whose clocks are wrong.

use std::time::Duration;

use pullstop_core::policy::{Mode, Policies, Policy};
use pullstop_core::time::Timestamp;
use pullstop_core::wire::timestamp;
use pullstop_enforcer::clock::Clock;
use tokio::time::sleep;

use crate::{recorded, start};

/// Ten minutes for everything.
const RULE: Duration = Duration::from_secs(600);

fn policies() -> Policies {
    let policy = Policy::default().in_mode(Mode::Enforce);
    let mut rules = policy.rules().to_vec();
    for rule in &mut rules {
        rule.attempts = std::num::NonZeroU32::MIN;
        rule.duration = RULE;
    }
    Policies::from(policy.with_rules(rules).unwrap())
}

/// A clock that is ahead of another, or behind.
fn off(clock: Clock, ahead_s: i64) -> Clock {
    let moment = clock.now().as_millis();
    Clock::starting_at(Timestamp::from_millis(
        moment.saturating_add_signed(1000 * ahead_s),
    ))
}

/// How long after its first failure the pod is failed whose enforcer is restarted 4 s after that, on a node with such a
/// clock. The first one's clock is wrong, too.
async fn failed_after(first_ahead_s: i64, then_ahead_s: i64) -> Duration {
    let (recording, cluster) = recorded("invalid-name");
    let (clock, name) = (recording.clock(), recording.name.clone());
    tokio::spawn(recording.play(cluster.clone(), clock));
    let first = start(
        &cluster,
        off(clock, first_ahead_s),
        "a",
        policies(),
        &["--no-lease"],
    );
    while cluster.requests("PATCH", "/status?") == 0 {
        sleep(Duration::from_secs(1)).await;
    }
    let began = clock.now();
    sleep(Duration::from_secs(3)).await;
    first.kill();
    let then = start(
        &cluster,
        off(clock, then_ahead_s),
        "b",
        policies(),
        &["--no-lease"],
    );
    loop {
        sleep(Duration::from_secs(1)).await;
        let pod = cluster.pod(&name).unwrap();
        if pod["status"]["phase"] == "Failed" {
            // What people read is the cluster's time, whatever the node's is.
            let written = pod["metadata"]["annotations"]["pullstop.dev/image-pull-failed"].as_str();
            let written = timestamp::parse(written.unwrap()).unwrap();
            assert!(clock.now().since(written) < Duration::from_secs(4), "{pod}");
            let skew: f64 = then.metric("pullstop_clock_skew_seconds").parse().unwrap();
            assert!(
                (skew - f64::from(u32::try_from(then_ahead_s.unsigned_abs()).unwrap())).abs()
                    <= 1.0,
                "{skew}"
            );
            return clock.now().since(began);
        }
        assert!(clock.now().since(began) < 3 * RULE, "it was never failed");
    }
}

#[tokio::test(start_paused = true)]
async fn a_restart_on_a_node_with_a_wrong_clock_brings_no_verdict_forward() {
    let minutes = 60;
    for (first, then) in [
        (0, 0),
        (0, 11 * minutes),
        (0, -11 * minutes),
        (11 * minutes, 0),
        (-11 * minutes, 24 * 60 * minutes),
    ] {
        let after = failed_after(first, then).await;
        let latest = RULE + Duration::from_secs(10);
        assert!(
            (RULE..latest).contains(&after),
            "{first} s, {then} s: {after:?}"
        );
    }
}
