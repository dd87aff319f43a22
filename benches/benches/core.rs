//! How long the core takes: per snapshot, per message, and for a million pods.

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pullstop_benches::{BACKING_OFF, FAILED, NOT_FOUND, Pod, container, drain, engine};
use pullstop_core::classify::Classifier;
use pullstop_core::engine::{Engine, Input, Outcome, Source};
use pullstop_core::image::ImageReference;
use pullstop_core::pod::{ContainerSnapshot, ContainerState, ResourceVersion};
use pullstop_core::time::Timestamp;

/// How many pods fail beside the one that is measured.
const FAILING: u64 = 10_000;
const MILLION: u64 = 1_000_000;

fn now(ms: u64) -> Timestamp {
    Timestamp::from_millis(1_767_225_600_000 + ms)
}

/// An engine that has seen `FAILING` pods fail once.
fn busy() -> (Engine, Vec<Pod>) {
    let mut engine = engine();
    let pods: Vec<Pod> = (0..FAILING).map(Pod::new).collect();
    for pod in &pods {
        see(&mut engine, pod, 1, FAILED, 0);
        let outcome = Outcome::Accepted(ResourceVersion(1));
        engine.handle(
            now(0),
            Input::Outcome {
                uid: &pod.uid,
                outcome,
            },
        );
    }
    drain(&mut engine);
    (engine, pods)
}

fn see(engine: &mut Engine, pod: &Pod, version: u64, state: ContainerState<'_>, ms: u64) {
    pod.lend(version, state, |pod| {
        engine.handle(
            now(ms),
            Input::Pod {
                pod,
                source: Source::Watch,
            },
        );
    });
    drain(engine);
}

fn snapshots(c: &mut Criterion) {
    let (mut engine, pods) = busy();
    let mut group = c.benchmark_group("snapshot");

    let healthy: Vec<Pod> = (FAILING..FAILING + 1024).map(Pod::new).collect();
    let mut turn = 0;
    group.bench_function("healthy", |b| {
        b.iter(|| {
            turn = (turn + 1) % healthy.len();
            see(&mut engine, &healthy[turn], 1, ContainerState::Running, 1);
        });
    });

    let mut version = 1;
    let mut turns = pods[..1024].iter().cycle();
    group.bench_function("failing, nothing new", |b| {
        b.iter(|| {
            version += 1;
            let Some(pod) = turns.next() else { return };
            see(&mut engine, pod, version, BACKING_OFF, 2);
        });
    });

    group.bench_function("failing, counted and classified", |b| {
        b.iter(|| {
            version += 1;
            // Each differs from the last, so each is one more failure.
            let state = if version % 2 == 0 {
                FAILED
            } else {
                BACKING_OFF
            };
            see(&mut engine, &pods[0], version, state, 3);
        });
    });
    group.finish();
}

/// One pod of many containers, all of which fail to get an image of their own, seen again with another error each.
fn many_containers(c: &mut Criterion) {
    let mut group = c.benchmark_group("one pod, every container failing");
    for count in [10, 100, 1000, 3000] {
        let pod = Pod::new(0);
        let names: Vec<(String, String)> = (0..count)
            .map(|n| {
                (
                    format!("container-{n:05}"),
                    format!("registry.example.com/research/{n}"),
                )
            })
            .collect();
        let mut engine = engine();
        let mut version = 0;
        group.throughput(Throughput::Elements(count));
        group.bench_function(BenchmarkId::from_parameter(count), |b| {
            b.iter(|| {
                version += 1;
                let message = format!("{NOT_FOUND} {version}");
                let state = ContainerState::Waiting {
                    reason: "ErrImagePull",
                    message: &message,
                };
                let containers: Vec<ContainerSnapshot<'_>> = names
                    .iter()
                    .map(|(name, image)| container(name, image, state))
                    .collect();
                pod.lend_with(version, &containers, |pod| {
                    let source = Source::Watch;
                    engine.handle(now(version), Input::Pod { pod, source });
                });
                drain(&mut engine)
            });
        });
    }
    group.finish();
}

fn classification(c: &mut Criterion) {
    let messages = [
        ("not found", NOT_FOUND.to_owned()),
        ("denied", "failed to resolve image: pull access denied, repository does not exist or may require \
                    authorization: server message: insufficient_scope: authorization failed".to_owned()),
        ("unknown", "something that no table knows happened while nobody was looking ".repeat(5)),
        ("hostile, 64 KiB", "denied lookup \\\" [failed to pull ".repeat(2048)),
    ];
    let classifier = match Classifier::new(&[]) {
        Ok(classifier) => classifier,
        Err(error) => return eprintln!("{error}"),
    };
    let mut group = c.benchmark_group("classify");
    for (name, message) in &messages {
        group.bench_function(*name, |b| {
            b.iter(|| classifier.classify(black_box("ErrImagePull"), black_box(message)));
        });
    }
    group.finish();
}

fn references(c: &mut Criterion) {
    let image = "registry.example.com:5000/research/trainer:v1.4.2@sha256:\
                 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    c.bench_function("image reference", |b| {
        b.iter(|| ImageReference::parse(black_box(image)).is_ok());
    });
}

fn million(c: &mut Criterion) {
    let pods: Vec<Pod> = (0..MILLION).map(Pod::new).collect();
    let mut group = c.benchmark_group("a million pods, 10,000 failing");
    group.sample_size(10);
    group.bench_function("seen once each", |b| {
        b.iter_batched(
            engine,
            |mut engine| {
                for (n, pod) in pods.iter().enumerate() {
                    let state = if n % 100 == 0 {
                        FAILED
                    } else {
                        ContainerState::Running
                    };
                    see(&mut engine, pod, 1, state, 0);
                }
                assert_eq!(engine.tracked(), 10_000);
                engine
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(
    benches,
    snapshots,
    many_containers,
    classification,
    references,
    million
);
criterion_main!(benches);
