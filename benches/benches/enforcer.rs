//! How long the enforcer takes: for one pod, for a list of a hundred thousand, and for each change of a pod.

use std::hint::black_box;
use std::sync::Arc;

use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, Criterion, SamplingMode, Throughput, criterion_group, criterion_main,
};
use k8s_openapi::api::core::v1;
use pullstop_benches::Pod;
use pullstop_benches::enforcer::{enforce, read_all};
use pullstop_benches::server::{Answers, Server, runtime};
use pullstop_benches::wire::{Image, Printer, changes_of, list_of};
use pullstop_enforcer::metrics::Metrics;
use pullstop_enforcer::pods::wire;

/// Pods of a large cluster that wait.
const PODS: usize = 100_000;
/// Changes of pods that a watch tells of at a time.
const CHANGES: usize = 10_000;

/// The type that the enforcer decodes a pod into, beside the full one.
fn one_pod(c: &mut Criterion) {
    let text = Printer::default().print(&Pod::new(1), 1, Image::Missing);
    let mut group = c.benchmark_group("decode a pod");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("the enforcer's", |b| {
        b.iter(|| wire::one_pod(black_box(text.as_bytes())).is_ok());
    });
    group.bench_function("k8s-openapi's", |b| {
        b.iter(|| serde_json::from_slice::<v1::Pod>(black_box(text.as_bytes())).is_ok());
    });
    group.finish();
}

/// A list that the enforcer takes in, beside one that is read and thrown away: from a server as far away as the other end
/// of a network, and from one on this machine that does nothing but copy bytes, while it uses the same cores.
fn list(c: &mut Criterion) {
    for (from, bytes_a_second, pods) in [
        ("1 Gbit/s", Some(125_000_000), PODS / 10),
        ("10 Gbit/s", Some(1_250_000_000), PODS),
        ("memory", None, PODS),
    ] {
        let count = size(pods);
        let answers = Answers {
            pages: list_of(count),
            bytes_a_second,
            ..Answers::default()
        };
        let server = Server::start(answers).expect("a port is free");
        let runtime = runtime().expect("a runtime can be had");
        let mut group = c.benchmark_group(format!("list {count} pods from {from}"));
        slow(&mut group);
        group.bench_function("read and thrown away", |b| {
            b.iter(|| runtime.block_on(async { read_all(&server.api(Arc::default())).await }));
        });
        group.bench_function("taken in", |b| {
            b.iter(|| runtime.block_on(apply(&server, count / 10)));
        });
        group.finish();
    }
}

/// As a replica does that does not lead, or not yet.
async fn apply(server: &Server, failing: usize) {
    let metrics = Arc::new(Metrics::default());
    let api = server.api(Arc::clone(&metrics));
    enforce(api, &metrics, false, server.watched()).await;
    expect(&metrics, &format!("pullstop_tracked_pods {failing}"));
}

/// Changes of pods, one in ten of which fails to pull: decoded, judged, remembered by a write, and counted.
fn changes(c: &mut Criterion) {
    let count = size(CHANGES);
    let answers = Answers {
        pages: list_of(0),
        events: changes_of(count),
        ..Answers::default()
    };
    let server = Server::start(answers).expect("a port is free");
    let runtime = runtime().expect("a runtime can be had");
    let mut group = c.benchmark_group(format!("watch {count} changes"));
    slow(&mut group);
    group.throughput(Throughput::Elements(count as u64));
    group.bench_function("taken in", |b| {
        b.iter(|| runtime.block_on(follow(&server, count)));
    });
    group.finish();
}

async fn follow(server: &Server, count: usize) {
    let metrics = Arc::new(Metrics::default());
    let api = server.api(Arc::clone(&metrics));
    let done = async {
        server.watched().await;
        // The first watch has ended.
        server.watched().await;
    };
    enforce(api, &metrics, true, done).await;
    let told = format!("pullstop_watch_events_total{{type=\"modified\"}} {count}");
    expect(&metrics, &told);
}

/// What the page of metrics must show.
fn expect(metrics: &Metrics, line: &str) {
    let page = metrics.text();
    assert!(
        page.lines().any(|shown| shown == line),
        "{line} is not in\n{page}"
    );
}

fn slow(group: &mut BenchmarkGroup<'_, WallTime>) {
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
}

/// A hundredth of `full` if each benchmark is only to be run once.
fn size(full: usize) -> usize {
    if std::env::args().any(|argument| argument == "--test") {
        full / 100
    } else {
        full
    }
}

criterion_group!(benches, one_pod, list, changes);
criterion_main!(benches);
