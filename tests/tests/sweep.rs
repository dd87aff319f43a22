//! `simulator sweep`: finds what was planted, and comes to the same bytes however it is run.

use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use pullstop_cluster::scenario::{self, Scenario};
use pullstop_cluster::simulation::{self, Decider};
use pullstop_cluster::world::RunOptions;
use pullstop_cluster::world::random::{Purpose, RandomStreams};
use pullstop_core::policy::{Policy, document};
use pullstop_core::time::parse_duration;
use pullstop_tests::{Ran, enforcer, golden, root, simulator};
use serde_json::Value;

use crate::scratch;

/// The smallest duration that is long enough is the best one: a longer one wastes more.
const DURATIONS: [&str; 8] = ["0s", "1m", "2m", "3m", "6m", "9m", "12m", "20m"];

/// Pods whose tag is pushed late, and one whose tag is never pushed.
fn planted(appears_at: &str) -> String {
    format!(
        "apiVersion: pullstop.dev/v1alpha1\nkind: Scenario\nmetadata: {{name: planted}}\nspec:\n  duration: 1h\n  images:\n  \
         - {{image: \"r.example/late:v1\", missing: true, appearsAt: {appears_at}}}\n  \
         - {{image: \"r.example/typo:v1\", missing: true}}\n  workloads:\n  \
         - {{pod: late, image: \"r.example/late:v1\", requests: {{cpu: 1}}}}\n  - {{pod: typo, image: \"r.example/typo:v1\", requests: {{cpu: 1}}}}\n"
    )
}

fn sweep(arguments: &[&str]) -> Ran {
    let mut all = vec!["sweep"];
    all.extend(arguments);
    simulator(&all)
}

fn knob(path: &str, values: &[&str]) -> String {
    format!("{path}={}", values.join(","))
}

const SEEDS: RangeInclusive<u64> = 1..=20;

#[test]
fn the_planted_optimum_is_found() {
    for appears_at in ["50s", "4m", "8m", "13m"] {
        let text = planted(appears_at);
        let file = scratch::file("planted.yaml", text.clone());
        let scenario = read(&text);
        let waits: Vec<Duration> = SEEDS.map(|seed| healed_after(&scenario, seed)).collect();
        // With each seed alone, and with all of them: there the search has something to drop.
        for (seed, waits) in SEEDS.zip(&waits) {
            let found = optimum(&file, &["--seeds", &format!("{seed}..{seed}")]);
            assert_eq!(found, shortest_beyond(*waits), "{appears_at}, seed {seed}");
        }
        let longest = *waits.iter().max().unwrap();
        for search in [&[][..], &["--search", "8"]] {
            let found = optimum(&file, &[&["--seeds", "1..20"], search].concat());
            assert_eq!(found, shortest_beyond(longest), "{appears_at} {search:?}");
        }
    }
}

/// The recommended duration.
fn optimum(file: &str, arguments: &[&str]) -> &'static str {
    let durations = knob("rules.definite.duration", &DURATIONS);
    let mut all = vec!["--knob", &durations, "--knob", "rules.definite.attempts=1"];
    all.extend_from_slice(arguments);
    all.extend(["--output", "json", file]);
    let ran = sweep(&all);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let summary: Value = serde_json::from_str(&ran.out).unwrap();
    let index = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap();
    let point = &summary["points"][index(&summary["recommended"])];
    assert_eq!(point["isFeasible"], true);
    DURATIONS[index(&point["values"][0])]
}

/// The shortest of the durations that is over after the pod has its image. The times are such that no pull begins just
/// before one of them is over: it would hold the verdict.
fn shortest_beyond(waits: Duration) -> &'static str {
    let is_enough = |duration: &&str| parse_duration(duration).unwrap() > waits;
    DURATIONS.into_iter().find(is_enough).unwrap()
}

/// From the first failed pull of the late pod until it runs, if nobody fails it.
fn healed_after(scenario: &Scenario, seed: u64) -> Duration {
    let nobody = Policy::default().with_rules(Vec::new()).unwrap();
    let decider = Decider::Policy(Box::new(nobody));
    let mut world = simulation::world(scenario, seed, &decider, RunOptions::default()).unwrap();
    world.run();
    let pods = &world.cluster.truth.pods;
    let late = pods.iter().find(|pod| pod.names.name == "late").unwrap();
    late.ran_at.unwrap().since(late.first_failure_at().unwrap())
}

fn read(text: &str) -> Scenario {
    scenario::parse("planted.yaml", text, &mut |_| Ok(Policy::default())).unwrap()
}

/// What the recommended policy of a sweep over the planted world comes to, and within which values of its thresholds.
fn recommended(attempts: &str, duration: &str) -> (Value, [Value; 2]) {
    let file = scratch::file("planted.yaml", planted("8m"));
    let ran = sweep(&[
        "--knob",
        &format!("rules.definite.attempts={attempts}"),
        "--knob",
        &format!("rules.definite.duration={duration}"),
        "--output",
        "json",
        &file,
    ]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let summary: Value = serde_json::from_str(&ran.out).unwrap();
    let place = usize::try_from(summary["recommended"].as_u64().unwrap()).unwrap();
    let point = summary["points"][place]["objectives"].clone();
    (point, [0, 1].map(|knob| summary["sameRuns"][knob].clone()))
}

/// Each policy is simulated in a sweep of its own: in one sweep they would share a run.
#[test]
fn the_ends_of_a_range_give_the_same_results_and_one_beyond_does_not() {
    let mut beyond = 0;
    for (attempts, duration, last) in [
        ("5", "1m", "attempts"),
        ("4", "10s", "attempts"),
        ("3", "4m", "duration"),
    ] {
        let (own, [attempts_range, duration_range]) = recommended(attempts, duration);
        for (end, step) in [("from", -1), ("to", 1)] {
            let same = attempts_range[end].as_str().unwrap();
            assert_eq!(recommended(same, duration).0, own, "{same} attempts");
            let other = same.parse::<i64>().unwrap() + step;
            // One attempt less makes no difference where the duration is over last.
            if other > 0 && last == "attempts" {
                let other = other.to_string();
                assert_ne!(recommended(&other, duration).0, own, "{other} attempts");
                beyond += 1;
            }
            let same = duration_range[end].as_str().unwrap();
            assert_eq!(recommended(attempts, same).0, own, "{same}");
            let seconds = parse_duration(same).unwrap().as_secs();
            if let Some(other) = seconds.checked_add_signed(step) {
                let other = format!("{other}s");
                assert_ne!(recommended(attempts, &other).0, own, "{other}");
                beyond += 1;
            }
        }
    }
    assert_eq!(beyond, 8);
}

/// A sweep with something to do.
const SMALL: [&str; 6] = [
    "--knob",
    "rules.definite.attempts=1,3,5",
    "--knob",
    "rules.registry-or-network.duration=0s,30m",
    "--seeds",
    "1..3",
];

fn small(folder: &Path, more: &[&str]) -> Ran {
    let folder = folder.display().to_string();
    let scenarios = root().join("scenarios/outages").display().to_string();
    let mut arguments: Vec<&str> = SMALL.to_vec();
    arguments.extend(more.iter().map(|word| {
        if *word == "DIR" {
            folder.as_str()
        } else {
            word
        }
    }));
    arguments.push(&scenarios);
    sweep(&arguments)
}

fn contents(folder: &Path) -> Vec<(String, String)> {
    [
        "rows.csv",
        "policies.csv",
        "report.json",
        "report.html",
        "policy.yaml",
        "sweep.json",
    ]
    .map(|name| {
        (
            name.to_owned(),
            fs::read_to_string(folder.join(name)).unwrap(),
        )
    })
    .into()
}

/// Everything but the command, which names the flags that were used.
fn same(first: &Path, second: &Path) {
    for ((name, first), (_, second)) in contents(first).into_iter().zip(contents(second)) {
        assert!(first == second, "{name} differs");
    }
}

#[test]
fn a_sweep_is_the_same_however_many_run_at_a_time() {
    let (one, four) = (scratch::folder("one"), scratch::folder("four"));
    assert_eq!(small(&one, &["--jobs", "1", "--out", "DIR"]).code, 0);
    assert_eq!(small(&four, &["--jobs", "4", "--out", "DIR"]).code, 0);
    same(&one, &four);
}

#[test]
fn killed_at_any_moment_a_sweep_goes_on_to_the_same_bytes() {
    for search in [&[][..], &["--search", "5"]] {
        let whole = scratch::folder("whole");
        let mut first = vec!["--out", "DIR"];
        first.extend_from_slice(search);
        assert_eq!(small(&whole, &first).code, 0);
        let rows = fs::read(whole.join("rows.csv")).unwrap();
        let mut chance = RandomStreams::new(1).stream(Purpose::Fuzz, 0);
        let mut again = vec!["--resume", "DIR"];
        again.extend_from_slice(search);
        for kill in 0..25 {
            let killed = scratch::folder(&format!("killed-{kill}"));
            fs::copy(whole.join("sweep.json"), killed.join("sweep.json")).unwrap();
            // The header is written before the plan is.
            let header = rows.iter().position(|byte| *byte == b'\n').unwrap() as u64 + 1;
            let length = chance.between(header, rows.len() as u64);
            fs::write(
                killed.join("rows.csv"),
                &rows[..usize::try_from(length).unwrap()],
            )
            .unwrap();
            let ran = small(&killed, &again);
            assert_eq!(ran.code, 0, "{}", ran.err);
            same(&whole, &killed);
        }
    }
}

#[test]
fn sixteen_parts_join_to_the_whole() {
    let whole = scratch::folder("whole");
    assert_eq!(small(&whole, &["--out", "DIR"]).code, 0);
    let mut merge = vec!["merge".to_owned()];
    for part in 0..16 {
        let folder = scratch::folder(&format!("part-{part}"));
        let shard = format!("{part}/16");
        assert_eq!(small(&folder, &["--shard", &shard, "--out", "DIR"]).code, 0);
        merge.insert(1, folder.display().to_string());
    }
    let joined = scratch::folder("joined");
    merge.extend(["--out".to_owned(), joined.display().to_string()]);
    let merge: Vec<&str> = merge.iter().map(String::as_str).collect();
    let ran = simulator(&merge);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(small(&joined, &["--resume", "DIR"]).code, 0);
    same(&whole, &joined);
    // One of them is missing.
    let ran = simulator(
        &merge[..merge.len() - 3]
            .iter()
            .copied()
            .chain(["--out", "nowhere"])
            .collect::<Vec<_>>(),
    );
    assert!(
        ran.err
            .contains("this sweep has 16 parts, and 15 are given"),
        "{}",
        ran.err
    );
}

#[test]
fn another_sweep_is_not_gone_on_with() {
    let folder = scratch::folder("results");
    assert_eq!(small(&folder, &["--out", "DIR"]).code, 0);
    let again = small(&folder, &["--out", "DIR"]);
    assert!(again.err.contains("go on with `--resume`"), "{}", again.err);
    let other = small(&folder, &["--resume", "DIR", "--knob", "pullTimeout=1h"]);
    assert_eq!(other.code, 2);
    assert!(other.err.contains("this is another sweep"), "{}", other.err);
}

#[test]
fn the_recommended_policy_is_one_that_can_be_applied() {
    let ran = small(Path::new(""), &["--output", "policy"]);
    let policy = document::parse(&ran.out).unwrap();
    assert_ne!(policy, Policy::default());
    assert!(
        ran.out.starts_with("# Found by simulator sweep"),
        "{}",
        ran.out
    );
}

#[test]
fn the_table_is_as_people_read_it() {
    let ran = simulator(&[
        "sweep",
        "--knob",
        "rules.definite.attempts=1,3,5",
        "--knob",
        "rules.definite.duration=30s,2m,10m",
        "--seeds",
        "1..2",
        &root()
            .join("scenarios/missing-images")
            .display()
            .to_string(),
    ]);
    golden("tests/golden/sweep.txt", &ran.out);
}

/// They are not what is traded, and matter all the same to those who own GPUs or wait for them.
#[test]
fn the_reasons_name_gpus_and_queues_where_they_differ_from_the_built_in_policy() {
    let scenario = root().join("scenarios/stuck-pod-holds-gpus.yaml");
    let reasons = |duration: &str| {
        let knob = format!("rules.definite.duration={duration}");
        let scenario = scenario.display().to_string();
        let ran = sweep(&["--knob", &knob, "--output", "json", &scenario]);
        let summary: Value = serde_json::from_str(&ran.out).unwrap();
        summary["reasons"].to_string()
    };
    let longer = reasons("1h");
    for part in [
        "In wasted GPU-hours it comes to ",
        "; for each pod that could not run, that is ",
        "In queue wait, 95th percentile, it comes to ",
    ] {
        assert!(longer.contains(part), "{longer}");
    }
    let same = reasons("2m");
    assert!(!same.contains("GPU") && !same.contains("queue"), "{same}");
}

#[test]
fn what_is_wrong_is_said() {
    let scenarios = root().join("scenarios/demo.yaml").display().to_string();
    let error = |arguments: &[&str]| {
        let mut all = arguments.to_vec();
        all.push(&scenarios);
        let ran = sweep(&all);
        assert_eq!(ran.code, 2, "{}", ran.out);
        ran.err
    };
    let unknown = error(&["--knob", "rules.definit.attempts=1..3"]);
    assert!(unknown.contains("did you mean `definite`?"), "{unknown}");
    let invalid = error(&["--knob", "rules.definite.attempts=0,1"]);
    assert!(invalid.contains("attempts: 0"), "{invalid}");
    let large = error(&[
        "--knob",
        "rules.definite.attempts=1..200",
        "--knob",
        "rules.denied.attempts=1..200",
    ]);
    assert!(
        large.contains("40000 policies") && large.contains("--search"),
        "{large}"
    );
}

/// The half hour of a user: record a cluster, tune, apply the policy, put it into a gate.
#[test]
fn from_a_recording_to_a_gate() {
    let folder = scratch::folder("half-hour");
    let path = |name: &str| folder.join(name).display().to_string();
    let run = |arguments: &[&str]| {
        let ran = simulator(arguments);
        assert_eq!(ran.code, 0, "{arguments:?}\n{}{}", ran.out, ran.err);
        ran
    };
    let scenario = root().join("scenarios/credentials/service-account-patched-later.yaml");
    let scenario = scenario.display().to_string();
    run(&["record", &scenario, "--out", &path("pods.jsonl")]);
    let knob = "rules.definite.duration=30s,2m,5m";
    let knobs = ["--knob", knob, "--seeds", "1..2"];
    let tune = ["tune", &path("pods.jsonl"), "--out", &path("tuned")];
    run(&[&tune[..], &knobs[..]].concat());
    let policy = path("tuned/results/policy.yaml");
    let checked = enforcer(&["policy", "check", &policy]);
    assert!(checked.out.starts_with("valid\n"), "{}", checked.out);
    let (scenarios, gate) = (path("tuned/scenarios"), path("baseline.yaml"));
    let write = [
        "baseline", "write", "--policy", &policy, "--seeds", "1..2", &gate, &scenarios,
    ];
    run(&write);
    run(&["baseline", "check", &gate]);
}
