//! How much a policy costs in a sweep: the more there are, the less each.

use std::io;
use std::path::Path;

use clap::Parser;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pullstop_simulator::Args;
use pullstop_simulator::exit::Exit;

/// Few scenarios, in which every rule is asked.
const SCENARIOS: [&str; 3] = ["missing-images", "outages", "credentials"];
/// Each has four values; a sweep over the first N has 4 to the power of N policies.
const KNOBS: [&str; 3] = [
    "rules.definite.attempts=2..5",
    "rules.definite.duration=30s,2m,5m,10m",
    "rules.registry-or-network.duration=30m,60m,2h,4h",
];

fn sweep(knobs: &[&str]) -> Args {
    let mut words = vec!["simulator".to_owned(), "sweep".to_owned()];
    words.extend(["--jobs".to_owned(), "1".to_owned()]);
    // One policy is the built-in one, with a field set to what it is anyway.
    let knobs = if knobs.is_empty() {
        &["rules.definite.attempts=3"]
    } else {
        knobs
    };
    for knob in knobs {
        words.extend(["--knob".to_owned(), (*knob).to_owned()]);
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    words.extend(SCENARIOS.map(|name| folder.join(name).display().to_string()));
    Args::parse_from(words)
}

fn policies(c: &mut Criterion) {
    let mut group = c.benchmark_group("a sweep of");
    group.sample_size(10);
    for knobs in 0..=KNOBS.len() {
        let args = sweep(&KNOBS[..knobs]);
        let policies = 4_u64.pow(u32::try_from(knobs).unwrap_or(0));
        group.throughput(Throughput::Elements(policies));
        group.bench_function(format!("{policies} policies"), |b| {
            b.iter(|| {
                let ran = pullstop_simulator::run(&args, &mut io::sink(), &mut io::sink());
                assert!(matches!(ran, Ok(Exit::Success)), "{ran:?}");
            });
        });
    }
    group.finish();
}

criterion_group!(benches, policies);
criterion_main!(benches);
