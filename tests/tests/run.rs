//! `simulator run` and `simulator compare`, as people and programs use them.

use pullstop_tests::{Ran, golden, golden_part, path, simulator};

use crate::scratch;

const UNMET: &str = "tests/scenarios/comes-otherwise.yaml";
const TYPO: &str = "scenarios/typo-queued-six-hours.yaml";

fn run(args: &[&str], scenarios: &[&str]) -> Ran {
    let files: Vec<String> = scenarios.iter().map(|file| path(file)).collect();
    let all = ["run"]
        .into_iter()
        .chain(args.iter().copied())
        .chain(files.iter().map(String::as_str));
    simulator(&all.collect::<Vec<_>>())
}

/// Without what differs from one machine and one run to the next.
fn masked(text: &str) -> String {
    let text = text.replace(&path(""), "");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for line in &mut lines {
        mask_number(line, " in ", " ms");
        mask_number(line, "\"wallMilliseconds\":", "}");
        mask_number(line, "\"wallMilliseconds\":", ",");
        mask_number(line, " time=\"", "\"");
    }
    lines.join("\n") + "\n"
}

fn mask_number(line: &mut String, before: &str, after: &str) {
    let Some(from) = line.rfind(before).map(|at| at + before.len()) else {
        return;
    };
    let digits = line[from..]
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(0);
    if digits > 0 && line[from + digits..].starts_with(after) {
        line.replace_range(from..from + digits, "N");
    }
}

#[test]
fn every_report_says_what_went_wrong_and_how_to_repeat_it() {
    for (format, ending) in [
        ("human", "txt"),
        ("json", "jsonl"),
        ("junit", "xml"),
        ("github", "txt"),
        ("markdown", "md"),
    ] {
        let ran = run(&["--output", format], &[UNMET, TYPO]);
        assert_eq!(ran.code, 1, "{format}: {}", ran.err);
        golden(
            &format!("tests/golden/run-{format}.{ending}"),
            &masked(&ran.out),
        );
    }
}

#[test]
fn reports_go_into_files_as_well() {
    let file = scratch::folder("reports").join("new/report.xml");
    let ran = run(
        &["-o", "human", "-o", &format!("junit={}", file.display())],
        &[TYPO],
    );
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("1 run, 1 passed"));
    let report = std::fs::read_to_string(&file).unwrap();
    assert!(
        report.contains("<testcase name=\"typo-queued-six-hours (seed 1)\""),
        "{report}"
    );
}

#[test]
fn a_pod_is_explained_with_what_each_plugin_said() {
    let ran = run(&["--explain", "*"], &[TYPO]);
    assert_eq!(ran.code, 0);
    for expected in [
        "verdict: fail the pod",
        "Judge/thresholds",
        "Permit/quiet-time: no pull is in flight",
        "seen: the kubelet agreed",
    ] {
        assert!(ran.out.contains(expected), "{expected} in\n{}", ran.out);
    }
}

#[test]
fn seeds_and_names_choose_what_is_run() {
    let choice = ["--seeds", "3..5", "--only", "typo-*", "--verbose"];
    let ran = run(&choice, &[TYPO, UNMET]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    let seeds: Vec<&str> = ran
        .out
        .lines()
        .filter(|line| line.starts_with('✓'))
        .collect();
    assert_eq!(seeds.len(), 3, "{}", ran.out);
    assert!(seeds[2].contains("seed 5"), "{}", ran.out);
}

#[test]
fn exit_codes_are_those_that_scripts_rely_on() {
    assert_eq!(run(&["--only", "nothing-is-called-so"], &[TYPO]).code, 4);
    assert_eq!(run(&[], &["scenarios/no-such-file.yaml"]).code, 2);
    assert_eq!(run(&["--policy", "no-such-policy.yaml"], &[TYPO]).code, 2);
    assert_eq!(run(&["--check-determinism"], &[TYPO]).code, 0);
    assert_eq!(run(&["--policy", "nothing"], &[TYPO]).code, 1);
    let ran = run(&["--coverage-threshold", "90"], &[TYPO]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("less than 90 %; missing: "), "{}", ran.err);
    assert_eq!(run(&["--coverage-threshold", "10"], &[TYPO]).code, 0);
}

#[test]
fn all_jobs_give_the_same_report_as_one() {
    let one = run(&["--jobs", "1", "-o", "json"], &["scenarios/jobs"]);
    let many = run(&["--jobs", "8", "-o", "json"], &["scenarios/jobs"]);
    assert_eq!(masked(&one.out), masked(&many.out));
}

/// 5, over many pods: whatever is wrong with their images, and however long it takes to say so.
#[test]
fn no_pod_of_ten_thousand_is_failed_while_it_pulls() {
    let ran = run(
        &["-o", "json"],
        &["tests/scenarios/ten-thousand-stuck.yaml"],
    );
    assert_eq!(ran.code, 0, "{}", ran.out);
    let report: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert!(
        report["metrics"]["verdicts"].as_u64().unwrap() >= 10_000,
        "{report}"
    );
}

/// The table in the README and in the documentation; `BLESS=1` writes it.
#[test]
fn the_comparison_with_baselines_is_up_to_date() {
    let ran = simulator(&["compare", &path("scenarios"), "--output", "markdown"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for file in ["README.md", "docs/comparison.md"] {
        golden_part(file, &ran.out);
    }
}

#[test]
fn a_comparison_is_there_for_programs_too() {
    let ran = simulator(&["compare", &path(TYPO), "--output", "json"]);
    let rows: Vec<serde_json::Value> = ran
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |name: &str| rows.iter().find(|row| row["policy"] == name).unwrap();
    assert_eq!(of("pullstop")["missed"], 0);
    assert_eq!(of("nothing")["missed"], 1);
}

#[test]
fn fuzz_finds_nothing_and_says_how_much_it_looked_at() {
    let ran = simulator(&["fuzz", "--seeds", "20", "--jobs", "2"]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    assert!(ran.out.starts_with("20 worlds, "), "{}", ran.out);
    assert!(ran.out.ends_with("all invariants hold\n"), "{}", ran.out);
}
