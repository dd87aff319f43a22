//! How much memory a failing container takes, and that a healthy one takes none: `cargo bench --bench memory`.
//!
//! Counts the bytes that are asked of the allocator, so the result is the same on every machine.

use std::alloc::System;

use pullstop_benches::{FAILED, Pod, drain, engine};
use pullstop_core::engine::{Input, Outcome, Source};
use pullstop_core::pod::{ContainerState, ResourceVersion};
use pullstop_core::time::Timestamp;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    let now = Timestamp::from_millis(1_767_225_600_000);
    for (count, state, what) in [
        (100_000, ContainerState::Running, "healthy"),
        (10_000, FAILED, "failing"),
        (100_000, FAILED, "failing"),
    ] {
        let mut engine = engine();
        let region = Region::new(ALLOCATOR);
        for n in 0..count {
            let pod = Pod::new(n);
            pod.lend(1, state, |pod| {
                engine.handle(
                    now,
                    Input::Pod {
                        pod,
                        source: Source::Watch,
                    },
                );
            });
            let outcome = Outcome::Accepted(ResourceVersion(1));
            engine.handle(
                now,
                Input::Outcome {
                    uid: &pod.uid,
                    outcome,
                },
            );
            drain(&mut engine);
        }
        let change = region.change();
        let bytes = change.bytes_allocated - change.bytes_deallocated;
        println!(
            "{count} {what} containers: {} bytes each",
            bytes as u64 / count
        );
    }
}
