//! `simulator fit`: what was put into a cluster comes out of its recording.

use std::path::Path;

use pullstop_cluster::scenario;
use pullstop_cluster::simulation::{self, Decider};
use pullstop_cluster::world::RunOptions;
use pullstop_cluster::world::enforcer::baselines::Baseline;
use pullstop_core::policy::Policy;
use pullstop_simulator::bridge::record::record;
use pullstop_simulator::fit::{self, Fit};
use pullstop_tests::{golden, path, simulator};

use crate::scratch::{self, folder};

const SEEDS: std::ops::RangeInclusive<u64> = 1..=20;

/// Eight hours with eight outages of 5 to 40 minutes, a Job every two minutes in the mean, twelve images that come 2 to
/// 24 minutes late, and twelve typos; somebody deletes two of both.
fn planted() -> String {
    let outages = (1..=8).map(|n| {
        let at = (n - 1) * 60 + 5;
        format!(
            "    - {{from: {at}m, for: {}m, error: ServiceUnavailable}}\n",
            n * 5
        )
    });
    let late = (1..=12u32).map(|n| {
        let (at, until) = (n * 35, n * 35 + n * 2);
        (
            format!(
                "  - {{image: \"other.example/late-{n}:v1\", missing: true, appearsAt: {until}m}}\n"
            ),
            format!("  - {{pod: late-{n}, image: \"other.example/late-{n}:v1\", at: {at}m}}\n"),
        )
    });
    let (late_images, late_pods): (String, String) = late.unzip();
    let typos = (1..=12u32).map(|n| {
        let at = n * 30;
        format!("  - {{pod: typo-{n}, image: \"other.example/typo-{n}:v1\", at: {at}m}}\n")
    });
    // Those of the long ones and of the typos that somebody deletes are seen for eight minutes.
    let deleted = [
        ("typo", 3, 30),
        ("typo", 7, 30),
        ("late", 9, 35),
        ("late", 11, 35),
    ];
    let deleted = deleted.map(|(name, n, apart)| {
        let at = n * apart + 8;
        format!("  - {{at: {at}m, deletePods: {{pods: {name}-{n}}}}}\n")
    });
    format!(
        "apiVersion: pullstop.dev/v1alpha1\nkind: Scenario\nmetadata: {{name: planted}}\nspec:\n  duration: 8h\n  \
         cluster:\n    nodes: [{{name: node, count: 20, serializeImagePulls: false}}]\n  registries:\n  - host: registry.example\n    \
         faults:\n{}  images:\n  - {{image: \"registry.example/app:v1\", size: 500Mi}}\n  - {{image: \
         \"other.example/typo-*\", missing: true}}\n{late_images}  workloads:\n  - {{job: work, image: \
         \"registry.example/app:v1\", imagePullPolicy: Always, count: 240, randomly: 2m, requests: {{cpu: 2, gpus: \
         1}}}}\n{late_pods}{}  faults:\n{}",
        outages.collect::<String>(),
        typos.collect::<String>(),
        deleted.concat(),
    )
}

fn fitted(seed: u64, folder: &Path) -> Fit {
    let mut policy = |_: &Path| Ok(Policy::default());
    let scenario = scenario::parse("planted.yaml", &planted(), &mut policy)
        .unwrap_or_else(|errors| panic!("{}", errors[0]));
    let keep = RunOptions {
        journal: false,
        events: true,
    };
    let nobody = Decider::Baseline(Baseline::Nothing);
    let world = simulation::world(&scenario, seed, &nobody, keep).unwrap();
    let mut recording = Vec::new();
    record(world, &mut recording).unwrap();
    let file = folder.join(format!("{seed}.jsonl"));
    std::fs::write(&file, recording).unwrap();
    let fitted = fit::fit(std::slice::from_ref(&file), &mut |_, _| Ok(())).unwrap();
    std::fs::remove_file(&file).unwrap();
    fitted
}

/// What one recording showed.
struct Recovered {
    median_ms: u64,
    tail_ms: u64,
    never_permille: u64,
    per_hour_permille: u64,
    /// Healing times, times between failures, pull times: ten images only stand for the last.
    alike: [bool; 3],
}

fn recovered(seed: u64, folder: &Path) -> Recovered {
    let report = fitted(seed, folder).report;
    let of = |cause: &str| {
        let kind = report.failures.iter().find(|one| one.cause == cause);
        kind.unwrap().episodes.clone()
    };
    let outages = of("RegistryUnavailable");
    let alike: Vec<bool> = report
        .fidelity
        .iter()
        .map(|one| one.distance.unwrap().is_alike())
        .collect();
    Recovered {
        median_ms: outages.p50_ms.unwrap(),
        tail_ms: outages.p95_ms.unwrap(),
        never_permille: of("ManifestNotFound").never_permille,
        per_hour_permille: report.arrivals.per_hour_permille,
        alike: alike.try_into().unwrap(),
    }
}

/// The stated errors: an outage is known to two pulls, which come every two minutes; of all seeds the errors cancel out.
#[test]
fn what_was_planted_is_recovered() {
    let folder = folder("planted");
    let seeds: Vec<u64> = SEEDS.collect();
    let all: Vec<Recovered> = std::thread::scope(|scope| {
        let halves = seeds.chunks(seeds.len() / 2).map(|half| {
            let folder = &folder;
            scope.spawn(move || half.iter().map(|seed| recovered(*seed, folder)).collect())
        });
        let halves: Vec<_> = halves.collect();
        let joined = halves.into_iter().map(|half| half.join().unwrap());
        joined.flat_map(|half: Vec<Recovered>| half).collect()
    });
    let check = |what: &str, of: &dyn Fn(&Recovered) -> u64, planted: u64, each: u64, mean: u64| {
        let found: Vec<u64> = all.iter().map(of).collect();
        let off = |value: u64| value.abs_diff(planted) * 100 / planted;
        let total: u64 = found.iter().sum();
        assert!(
            found.iter().all(|value| off(*value) <= each),
            "{what}: {found:?}"
        );
        assert!(off(total / found.len() as u64) <= mean, "{what}: {found:?}");
    };
    // In percent. An outage that no pull has met shifts the median by one of eight.
    check("median outage", &|one| one.median_ms, 20 * 60_000, 35, 5);
    check("long outage", &|one| one.tail_ms, 40 * 60_000, 15, 3);
    check("never", &|one| one.never_permille, 500, 10, 5);
    // 240 Jobs and 24 pods in 8 hours.
    check("arrivals", &|one| one.per_hour_permille, 33_000, 10, 5);
    // Of independent times, 19 of 20 would be alike; those between failures depend on each other.
    let alike = |place: usize| all.iter().filter(|one| one.alike[place]).count();
    assert!(
        alike(0) >= 16,
        "healing times are alike with {} of 20 seeds",
        alike(0)
    );
    assert!(
        alike(1) >= 10,
        "times between failures with {} of 20 seeds",
        alike(1)
    );
}

#[test]
fn the_recorded_pods_are_fitted_as_ever() {
    let folder = folder("traces");
    let out = folder.display().to_string();
    let traces = path("tests/traces");
    let ran = simulator(&["fit", &traces, "--out", &out]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    golden("tests/golden/fit/report.txt", &ran.out.replace(&out, "DIR"));
    for file in ["typical-day.yaml", "never.yaml", "fit.json"] {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        golden(&format!("tests/golden/fit/{file}"), &text);
    }
    let ran = simulator(&["lint", &out]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let json = simulator(&["fit", "--output", "json", &traces]);
    let pretty: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("fit.json")).unwrap()).unwrap();
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&json.out).unwrap(),
        pretty
    );
}

/// A long recording in several files is as good as in one, in whatever pieces it is read.
#[test]
fn recordings_may_be_split() {
    let folder = folder("split");
    let whole = std::fs::read_to_string(path("tests/traces/recovers-after-push.jsonl")).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let (first, second) = lines.split_at(lines.len() / 2);
    std::fs::write(folder.join("1.jsonl"), first.join("\n")).unwrap();
    std::fs::write(folder.join("2.jsonl"), second.join("\n")).unwrap();
    let json = |path: &str| {
        let ran = simulator(&["fit", "--output", "json", path]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let mut report: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        // The moment between the files was not recorded.
        for member in ["recordings", "observedSeconds"] {
            report[member].take();
        }
        report["failures"].to_string()
    };
    let split = json(&folder.display().to_string());
    assert!(split.contains("failedPulls"), "{split}");
    let whole = json(&path("tests/traces/recovers-after-push.jsonl"));
    let strip = |text: &str| {
        let mut all: Vec<serde_json::Value> = serde_json::from_str(text).unwrap();
        for one in &mut all {
            one["perHourPermille"].take();
        }
        all
    };
    assert_eq!(strip(&split), strip(&whole));
}

#[test]
fn damage_is_named_with_its_line() {
    let good = std::fs::read_to_string(path("tests/traces/burst-2.jsonl")).unwrap();
    let lines: Vec<&str> = good.lines().collect();
    let cut = &lines[2][..lines[2].len() / 2];
    let file = scratch::file(
        "cut.jsonl",
        format!("{}\n{}\n{cut}\n{}\n", lines[0], lines[1], lines[3]),
    );
    let ran = simulator(&["fit", &file]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains(&format!("{file}:3:")), "{}", ran.err);
    let empty = scratch::file("empty.jsonl", "");
    assert_eq!(simulator(&["fit", &empty]).code, 4);
}
