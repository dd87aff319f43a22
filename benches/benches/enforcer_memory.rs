//! How much memory the enforcer takes: `cargo bench --bench enforcer_memory`.
//!
//! Counts the bytes that are asked of the allocator, beside those that hold what the API server answers.

use std::alloc::System;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use k8s_openapi::api::core::v1;
use pullstop_benches::Pod;
use pullstop_benches::enforcer::enforce;
use pullstop_benches::server::{Answers, Server, runtime};
use pullstop_benches::wire::{Image, Printer, list_of};
use pullstop_enforcer::metrics::Metrics;
use pullstop_enforcer::pods::wire;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    one_pod();
    let quick = std::env::args().any(|argument| argument == "--test");
    let count = if quick { 1000 } else { 100_000 };
    for leads in [false, true] {
        list(count, leads);
    }
}

/// One pod as the enforcer decodes it, beside the full type.
fn one_pod() {
    let text = Printer::default().print(&Pod::new(1), 1, Image::Missing);
    let before = in_use();
    let ours = wire::one_pod(text.as_bytes());
    let between = in_use();
    let full: Result<v1::Pod, _> = serde_json::from_str(&text);
    let after = in_use();
    assert!(ours.is_ok() && full.is_ok());
    println!(
        "a pod of {} bytes: {} bytes as the enforcer decodes it, {} as k8s-openapi does",
        text.len(),
        between - before,
        after - between
    );
}

/// The most that is in use while so many pods, a tenth of them failing, are listed, judged and, by the replica that
/// leads, remembered.
fn list(count: usize, leads: bool) {
    let answers = Answers {
        pages: list_of(count),
        ..Answers::default()
    };
    let server = Server::start(answers).expect("a port is free");
    let runtime = runtime().expect("a runtime can be had");
    let before = in_use();
    let peak = Peak::watch();
    let metrics = Arc::new(Metrics::default());
    runtime.block_on(async {
        let api = server.api(Arc::clone(&metrics));
        enforce(api, &metrics, leads, server.watched()).await;
    });
    let who = if leads {
        "that leads"
    } else {
        "that stands by"
    };
    println!(
        "{count} pods, a tenth of them failing, in a replica {who}: {} MiB at most",
        (peak.end() - before).div_ceil(1 << 20)
    );
}

/// Bytes in use.
fn in_use() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// Looks every tenth of a millisecond how much is in use.
struct Peak {
    shared: Arc<(AtomicUsize, AtomicBool)>,
}

impl Peak {
    fn watch() -> Self {
        let shared = Arc::new((AtomicUsize::new(0), AtomicBool::new(false)));
        let watched = Arc::clone(&shared);
        std::thread::spawn(move || {
            let (peak, ended) = &*watched;
            while !ended.load(Ordering::Relaxed) {
                peak.fetch_max(in_use(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_micros(100));
            }
        });
        Self { shared }
    }

    fn end(self) -> usize {
        let (peak, ended) = &*self.shared;
        ended.store(true, Ordering::Relaxed);
        peak.load(Ordering::Relaxed)
    }
}
