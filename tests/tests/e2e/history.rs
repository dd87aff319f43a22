//! Pods that were stuck before anybody watched: what Events tell of them.

use super::stage::{Stage, ready_reason};

/// Two pods that are stuck from the beginning: one whose image is missing, and one whose pull is denied.
const STUCK: &str = r#"
apiVersion: pullstop.dev/v1alpha1
kind: Scenario
metadata: {name: stuck}
spec:
  duration: 7h
  images:
  - {image: "registry.example/missing:v1", missing: true}
  - {image: "registry.example/denied:v1", secret: absent}
  secrets:
  - {name: absent, appearsAt: 6h}
  workloads:
  - {pod: missing, image: "registry.example/missing:v1"}
  - {pod: denied, image: "registry.example/denied:v1"}
"#;

const WITH: &[&str] = &["--history", "events"];

/// How long after its start an enforcer has failed this pod, in steps of five seconds.
async fn failed_after(stage: &mut Stage, pod: &str, started: u64, seconds_max: u64) -> u64 {
    for seconds in (0..=seconds_max).step_by(5) {
        stage.until(started + seconds).await;
        if stage.pod(pod)["status"]["phase"] == "Failed" {
            return seconds;
        }
    }
    panic!("{pod} was not failed within {seconds_max} s");
}

/// The kubelet pulls every 307 s by then: the next failure decides, and not the third from now on.
#[tokio::test(start_paused = true)]
async fn what_was_stuck_for_an_hour_is_failed_by_its_next_failure() {
    const HOUR: u64 = 3600;
    for (pod, without_at_least) in [("missing", 330), ("denied", 1200)] {
        let mut stage = Stage::new(STUCK, 1);
        stage.until(HOUR).await;
        let (_replica, _line) = stage.replica_with("a", WITH);
        let with = failed_after(&mut stage, pod, HOUR, 640).await;
        assert!(with <= 640, "{pod}: {with} s");

        let mut stage = Stage::new(STUCK, 1);
        stage.until(HOUR).await;
        let (_replica, _line) = stage.replica("a");
        let without = failed_after(&mut stage, pod, HOUR, 3000).await;
        assert!(
            without > with + 290 && without > without_at_least,
            "{pod}: {without} s, {with} s"
        );
    }
}

/// After hours little is left of the Events but that the kubelet backs off, and for how long it has.
#[tokio::test(start_paused = true)]
async fn of_what_was_stuck_for_hours_the_back_off_is_enough() {
    const HOURS: u64 = 5 * 3600;
    let mut stage = Stage::new(STUCK, 1);
    stage.until(HOURS).await;
    let (replica, _line) = stage.replica_with("a", WITH);
    for pod in ["missing", "denied"] {
        let with = failed_after(&mut stage, pod, HOURS, 330).await;
        assert!(with <= 330, "{pod}: {with} s");
        assert_eq!(ready_reason(&stage.pod(pod)), "PodFailed");
    }
    assert_eq!(replica.metric("pullstop_reverted_total"), "");
}

/// A dry run writes nothing to pods, so that nothing is remembered for who comes after it.
#[tokio::test(start_paused = true)]
async fn who_takes_over_from_a_dry_run_goes_on_from_events() {
    let mut stage = Stage::new(STUCK, 1);
    let (dry, _line) = stage.replica_with("a", &["--dry-run"]);
    stage.until(3600).await;
    let conditions = stage.pod("missing")["status"]["conditions"].to_string();
    assert!(!conditions.contains("pullstop.dev"), "{conditions}");
    dry.stop().await;
    let (_replica, _line) = stage.replica_with("b", WITH);
    let seconds = failed_after(&mut stage, "missing", 3600, 330).await;
    assert!(seconds <= 330, "{seconds} s");
}

/// A pod that heals an hour later is none that its past fails: what Events tell is only a part of both limits.
#[tokio::test(start_paused = true)]
async fn what_heals_is_not_failed_for_its_past() {
    let yaml = STUCK.replace("missing: true}", "missing: true, appearsAt: 58m}");
    let mut stage = Stage::new(&yaml, 1);
    stage.until(3600).await;
    let (_replica, _line) = stage.replica_with("a", WITH);
    stage.until(5400).await;
    assert_eq!(stage.pod("missing")["status"]["phase"], "Succeeded");
    assert_eq!(stage.times_failed("missing"), 0);
}
