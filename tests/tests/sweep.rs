//! `simulator sweep`: finds what was planted, and comes to the same bytes however it is run.

use std::fs;
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

#[test]
fn the_planted_optimum_is_found() {
    let durations = knob("rules.definite.duration", &DURATIONS);
    for appears_at in ["50s", "4m", "8m", "13m"] {
        let file = scratch::file("planted.yaml", planted(appears_at));
        let expected = shortest_that_waits(&planted(appears_at));
        for search in [&[][..], &["--search", "8"]] {
            let mut arguments = vec!["--knob", &durations, "--knob", "rules.definite.attempts=1"];
            arguments.extend_from_slice(search);
            arguments.extend(["--seeds", "1..3", "--output", "json", &file]);
            let ran = sweep(&arguments);
            assert_eq!(ran.code, 0, "{}", ran.err);
            let summary: Value = serde_json::from_str(&ran.out).unwrap();
            let index = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap();
            let point = &summary["points"][index(&summary["recommended"])];
            let value = index(&point["values"][0]);
            assert_eq!(DURATIONS[value], expected, "{appears_at}");
            assert_eq!(point["isFeasible"], true);
        }
    }
}

/// By the truth: the shortest of the durations that is over after the pod has its image, with every seed. The times are
/// such that no pull begins just before one of them is over: it would hold the verdict.
fn shortest_that_waits(text: &str) -> &'static str {
    let scenario = read(text);
    let waits = (1..=3)
        .map(|seed| healed_after(&scenario, seed))
        .max()
        .unwrap();
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
