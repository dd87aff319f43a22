//! Everything that can go wrong between the enforcer and the API server, one at a time and many at once.

use std::collections::BTreeSet;

use pullstop_apiserver::{Fault, Rule};
use pullstop_cluster::world::random::{Purpose, RandomStream, RandomStreams};

use super::cases::assert_failed_once;
use super::stage::Stage;

/// A typo, a Job with a typo, an image that comes late, a registry that is down, and what simply runs.
pub(super) const MIXED: &str = r#"
apiVersion: pullstop.dev/v1alpha1
kind: Scenario
metadata: {name: mixed}
spec:
  duration: 30m
  registries:
  - host: registry.example
    faults:
    - {from: 1m, for: 10m, error: BadGateway, images: "registry.example/down:*"}
  images:
  - {image: "registry.example/late:v1", missing: true, appearsAt: 45s}
  - {image: "registry.example/typo:*", missing: true}
  workloads:
  - {pod: typo, at: 5s, image: "registry.example/typo:v1"}
  - {pod: invalid, at: 40s, image: "registry.example/NO:v1"}
  - {pod: late, image: "registry.example/late:v1"}
  - {pod: outage, at: 2m, image: "registry.example/down:v1"}
  - {pod: good, at: 3m, image: "registry.example/app:v1"}
  - job: stuck
    image: registry.example/typo:v2
    podFailurePolicy:
    - {action: FailJob, onPodCondition: pullstop.dev/ImagePullFailed}
  expect:
  - {pods: late, neverFailed: true, runsBy: 30m}
  - {pods: outage, neverFailed: true, runsBy: 30m}
  - {pods: good, neverFailed: true, runsBy: 5m}
  - {pods: typo, failed: {because: ManifestNotFound}}
  - {pods: invalid, failed: {because: InvalidReference}}
  - {job: stuck, outcome: Failed, reason: PodFailurePolicy, pods: 1}
"#;

/// So many worlds are drawn in each of two tests, which takes a quarter of a minute each.
const SEEDS: u64 = 300;

/// A kind that is added to the simulated API server must be added here.
#[test]
fn no_kind_of_fault_is_left_out() {
    let kind = |fault: Fault| match fault {
        Fault::Delay { .. } => "delay",
        Fault::Status { code, .. } => match code {
            409 => "conflict",
            410 => "gone",
            429 => "throttled",
            _ => "server error",
        },
        Fault::Drop => "drop",
        Fault::LoseAnswer => "lost answer",
        Fault::Silent => "silence",
        Fault::Stale { .. } => "stale read",
        Fault::Truncate { .. } => "truncated line",
        Fault::Mute { .. } => "silent stream",
        Fault::Gone { .. } => "expired watch",
        Fault::Duplicate => "duplicate",
    };
    let kinds: BTreeSet<&str> = faults()
        .into_iter()
        .map(|(.., fault)| kind(fault))
        .collect();
    assert_eq!(kinds.len(), 13, "{kinds:?}");
}

#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_alone_no_verdict_is_lost_or_doubled() {
    for (verb, resource, fault) in faults() {
        let what = format!("{verb} {resource}: {fault:?}");
        let left = run(rules(verb, resource, fault, 1, 3), 1, &what).await;
        let was_hit = left.iter().all(|rule| rule.times < Some(3));
        assert!(was_hit, "{what}: there was no such request");
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_together_no_verdict_is_lost_or_doubled() {
    for seed in 0..SEEDS {
        run(draw(seed), seed, &format!("seed {seed}")).await;
    }
}

/// The same while the enforcer is restarted, perhaps after the API server has forgotten the past.
#[tokio::test(start_paused = true)]
async fn restarts_among_faults_do_no_harm() {
    for seed in SEEDS..2 * SEEDS {
        let what = format!("seed {seed}");
        let mut stage = Stage::new(MIXED, seed);
        stage.add_faults(draw(seed));
        let mut chance = RandomStreams::new(seed).stream(Purpose::Enforcer, 1);
        let (mut replica, _line) = stage.replica("r");
        let mut at = 0;
        while at < 600 {
            at += chance.between(20, 200);
            stage.until(at).await;
            if chance.chance(50) {
                stage.compact();
            }
            replica.stop().await;
            at += chance.below(20);
            stage.until(at).await;
            (replica, _) = stage.replica("r");
        }
        judge(&mut stage, &what).await;
        replica.stop().await;
    }
}

/// Runs to the end; the rules that may still hit then.
async fn run(rules: Vec<Rule>, seed: u64, what: &str) -> Vec<Rule> {
    let mut stage = Stage::new(MIXED, seed);
    stage.add_faults(rules);
    let (replica, _line) = stage.replica("a");
    judge(&mut stage, what).await;
    replica.stop().await;
    stage.faults.rules()
}

/// Nothing is missed, nothing failed twice, and nothing failed that has recovered.
pub(super) async fn judge(stage: &mut Stage, what: &str) {
    stage.settle(what).await;
    for pod in ["typo", "invalid", "stuck-0"] {
        assert_failed_once(stage, pod);
    }
    for pod in ["late", "outage", "good"] {
        assert_eq!(stage.times_failed(pod), 0, "{what}: {pod}");
    }
}

fn draw(seed: u64) -> Vec<Rule> {
    let mut chance = RandomStreams::new(seed).stream(Purpose::Enforcer, 0);
    let faults = faults();
    let many = chance.between(1, 8);
    let one = |chance: &mut RandomStream| {
        let drawn = usize::try_from(chance.below(faults.len() as u64)).unwrap();
        let (verb, resource, fault) = faults[drawn];
        let (skip, times) = (chance.below(12), chance.between(1, 4));
        let small = |count: u64| u32::try_from(count).unwrap();
        rules(verb, resource, fault, small(skip), small(times))
    };
    (0..many).flat_map(|_| one(&mut chance)).collect()
}

/// Hits `times` requests, after so many that pass. Who holds the Lease reads it only after a conflict, so there are
/// conflicts where reading it goes wrong.
fn rules(verb: &str, resource: &str, fault: Fault, skip: u32, times: u32) -> Vec<Rule> {
    let rule = |verb, resource, fault, skip, times| Rule {
        skip,
        ..Rule::on(verb, resource, fault).times(times)
    };
    let mut rules = vec![rule(verb, resource, fault, skip, times)];
    if (verb, resource) == ("get", "leases") {
        rules.push(rule("patch", "leases", status(409, None), 1, skip + times));
    }
    rules
}

fn status(code: u16, retry_after_seconds: Option<u32>) -> Fault {
    Fault::Status {
        code,
        retry_after_seconds,
    }
}

/// Requests that go wrong, and how.
fn faults() -> Vec<(&'static str, &'static str, Fault)> {
    let mut all = Vec::new();
    for (verb, resource) in [
        ("patch", "pods/status"),
        ("get", "pods"),
        ("list", "pods"),
        ("watch", "pods"),
        ("create", "events"),
        ("get", "leases"),
        ("patch", "leases"),
    ] {
        for fault in [
            Fault::Drop,
            Fault::LoseAnswer,
            Fault::Silent,
            Fault::Delay { millis: 3000 },
            status(409, None),
            status(410, None),
            status(429, Some(7)),
            status(500, None),
            status(503, None),
        ] {
            all.push((verb, resource, fault));
        }
    }
    for after_events in [0, 2, 5] {
        all.extend([
            ("watch", "pods", Fault::Truncate { after_events }),
            ("watch", "pods", Fault::Mute { after_events }),
            ("watch", "pods", Fault::Gone { after_events }),
        ]);
    }
    all.extend([
        ("watch", "pods", Fault::Duplicate),
        ("get", "pods", Fault::Stale { versions: 3 }),
        ("list", "pods", Fault::Stale { versions: 5 }),
    ]);
    all
}
