//! The simulated controllers against recordings of real ones.

use std::time::Duration;

use pullstop_cluster::scenario::Scenario;
use pullstop_cluster::simulation::{self, Decider};
use pullstop_cluster::world::control::OwnerState;
use pullstop_cluster::world::control::job::JobState;
use pullstop_cluster::world::ids::PodId;
use pullstop_cluster::world::{RunOptions, World, ZERO};
use pullstop_core::pod::Phase;

use super::{SEEDS, read, run, within};

fn job(world: &World) -> &JobState {
    let jobs = world
        .control
        .owners()
        .iter()
        .filter_map(|owner| match owner {
            OwnerState::Job(job) => Some(job),
            OwnerState::ReplicaSet(_) => None,
        });
    jobs.into_iter().next().unwrap()
}

fn with_owner(workload: &str, faults: &str) -> Scenario {
    read(&format!(
        r#"
apiVersion: pullstop.dev/v1alpha1
kind: Scenario
metadata: {{name: owned}}
spec:
  duration: 10m
  images:
  - {{image: "registry.example/good/busybox:nope", missing: true}}
  workloads:
  - {{{workload}, image: "registry.example/good/busybox:nope"}}
  faults: [{faults}]
"#
    ))
}

/// `job-pfp`: `FailureTarget` about a second after the write, `Failed` right after it, and no second pod.
#[test]
fn a_job_with_a_pod_failure_policy_fails_a_second_later() {
    let workload = "job: train, podFailurePolicy: [{action: FailJob, onPodCondition: pullstop.dev/ImagePullFailed}]";
    // By the enforcer, since the rule looks at its condition.
    let scenario = with_owner(workload, "");
    for seed in SEEDS {
        let mut world =
            simulation::world(&scenario, seed, &Decider::Scenario, RunOptions::default()).unwrap();
        world.run();
        let failed_at = world.cluster.truth.pods[0].failed.unwrap().at;
        let finished = job(&world).finished.unwrap();
        assert_eq!(finished.failed_for, Some("PodFailurePolicy"));
        let after = finished.at.since(failed_at);
        assert!(
            (Duration::from_millis(900)..Duration::from_secs(3)).contains(&after),
            "{after:?}"
        );
        assert_eq!(job(&world).made(), 1);
    }
}

/// `job-plain`: the status by itself makes a second pod; where the kubelet puts the first one back, the second is
/// deleted and does not count. The durable write holds and does not count either, and a third pod follows.
#[test]
fn a_plain_job_goes_through_what_was_recorded() {
    let faults = r#"{at: 70s, failPods: {pods: "train-0", how: StatusOnly}}, {at: 121s, failPods: {pods: "train-0", how: Durable}}"#;
    let scenario = with_owner("job: train, backoffLimit: 1", faults);
    let mut seen = 0;
    for seed in 0..20 {
        let world = run(&scenario, seed);
        let (c, job) = (&world.cluster, job(&world));
        let created_after = |pod: usize| c.truth.pods[pod].created_at.since(ZERO);
        let second = created_after(1);
        assert!(within(70_000..72_000, second), "{second:?}");
        if c.truth.pods[0].put_back == 0 {
            continue;
        }
        seen += 1;
        assert!(c.api.get(PodId(1)).is_none(), "the second pod is deleted");
        let first = c.api.get(PodId(0)).unwrap();
        assert_eq!(first.status.phase, Phase::Failed);
        let third = created_after(2);
        assert!(within(121_000..124_000, third), "{third:?}");
        let third = c.api.get(PodId(2)).unwrap();
        assert_eq!(third.status.phase, Phase::Pending);
        assert_eq!((job.failed, job.active(c), job.made()), (1, 1, 3));
        assert_eq!(job.finished, None);
    }
    assert!((6..=18).contains(&seen), "{seen} of 20 were put back");
}

/// `deploy-missing`: of two pods one is failed, and replaced at once.
#[test]
fn a_replica_set_replaces_at_once() {
    let faults = r#"{at: 121s, failPods: {pods: "web-0", how: Durable}}"#;
    let world = run(&with_owner("deployment: web, replicas: 2", faults), 1);
    let truth = &world.cluster.truth.pods;
    assert_eq!(truth.len(), 3);
    let replaced_after = truth[2].created_at.since(ZERO);
    assert!(
        (Duration::from_secs(121)..Duration::from_millis(121_500)).contains(&replaced_after),
        "{replaced_after:?}"
    );
}
