//! How fast time passes in the simulator: kubelet events, and a whole cluster for a day.

#![allow(clippy::panic, reason = "a bench that cannot be set up is of no use")]

use std::path::Path;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use pullstop_cluster::scenario::{self, Scenario};
use pullstop_cluster::simulation::{self, Decider};
use pullstop_cluster::world::enforcer::baselines::Baseline;
use pullstop_cluster::world::{RunOptions, World};
use pullstop_core::policy::Policy;

fn world(scenario: &Scenario, decider: &Decider) -> World {
    simulation::world(scenario, 1, decider, RunOptions::default())
        .unwrap_or_else(|error| panic!("{error}"))
}

fn read(text: &str) -> Scenario {
    let mut no_policies = |_: &Path| Ok(Policy::default());
    scenario::parse("bench.yaml", text, &mut no_policies)
        .unwrap_or_else(|errors| panic!("{}", errors[0]))
}

/// A thousand pods that back off for a day, and nobody who fails them: nothing but kubelets at work.
fn stuck() -> Scenario {
    read(
        r#"
apiVersion: pullstop.dev/v1alpha1
kind: Scenario
metadata: {name: stuck}
spec:
  duration: 24h
  cluster:
    nodes:
    - {name: node, count: 10, serializeImagePulls: false, registryPullQPS: 0}
  images:
  - {image: "registry.example/missing:v1", missing: true}
  workloads:
  - {pod: typo, image: "registry.example/missing:v1", count: 1000, every: 137ms}
"#,
    )
}

/// `pods` pods in Jobs over a day, on a node for each hundred, two in a hundred of them with a bad image.
fn day(pods: u32) -> Scenario {
    let (bad, good) = (pods / 50, pods - pods / 50);
    let every = |count: u32| 86_000_000 / u64::from(count.max(1));
    read(&format!(
        r#"
apiVersion: pullstop.dev/v1alpha1
kind: Scenario
metadata: {{name: day}}
spec:
  duration: 24h
  cluster:
    nodes:
    - {{name: node, count: {}}}
  images:
  - {{image: "registry.example/missing:v1", missing: true}}
  workloads:
  - {{job: good, image: "registry.example/app:v1", count: {good}, every: {}ms, runs: 20m}}
  - {{job: typo, image: "registry.example/missing:v1", count: {bad}, every: {}ms, backoffLimit: 0}}
"#,
        pods / 100,
        every(good),
        every(bad),
    ))
}

fn kubelet_events(c: &mut Criterion) {
    let scenario = stuck();
    let nobody = Decider::Baseline(Baseline::Nothing);
    let mut once = world(&scenario, &nobody);
    once.run();
    let mut group = c.benchmark_group("simulator");
    group.sample_size(10);
    group.throughput(Throughput::Elements(once.events));
    group.bench_function("kubelet events", |b| {
        b.iter_batched_ref(
            || world(&scenario, &nobody),
            World::run,
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

/// The cost grows with the pods, and no faster: the figures are per pod.
fn days(c: &mut Criterion) {
    let mut group = c.benchmark_group("a day of");
    group.sample_size(10);
    for pods in [1_000, 10_000, 100_000] {
        let scenario = day(pods);
        group.throughput(Throughput::Elements(pods.into()));
        group.bench_function(format!("{pods} pods"), |b| {
            b.iter_batched_ref(
                || world(&scenario, &Decider::Scenario),
                World::run,
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, kubelet_events, days);
criterion_main!(benches);
