//! Every rule finds what it is for, and nothing else; what is found is said with its place.

use std::fmt::Write;

use pullstop_simulator::commands::lint::{self, RULES, Rule};
use pullstop_tests::{Ran, golden, simulator};

use crate::scratch;

const HEAD: &str = "apiVersion: pullstop.dev/v1alpha1\nkind: Scenario\nmetadata: {name: more}\n";

#[test]
fn rules_find_what_they_are_for_and_nothing_else() {
    for rule in RULES {
        let ran = lint_text(&rule.bad_example(), &["--output", "json"]);
        let codes: Vec<String> = ran.out.lines().map(code).collect();
        assert_eq!(
            (codes, ran.code),
            (vec![rule.code.to_owned()], 1),
            "{}",
            said(rule, &ran)
        );
        let ran = lint_text(&rule.good_example(), &["--output", "json"]);
        assert_eq!(
            (ran.out.as_str(), ran.code),
            ("", 0),
            "{}",
            said(rule, &ran)
        );
    }
}

#[test]
fn good_examples_pass() {
    for rule in RULES {
        let file = scratch::file("example.yaml", rule.good_example());
        let ran = simulator(&["run", &file]);
        assert_eq!(ran.code, 0, "{}", said(rule, &ran));
    }
}

#[test]
fn codes_and_names_are_unique_and_in_order() {
    for (number, rule) in (1..).zip(RULES) {
        assert_eq!(rule.code, format!("S{number:03}"));
        let same = RULES.iter().filter(|other| other.name == rule.name);
        assert_eq!(same.count(), 1, "{}", rule.name);
        for sentence in [rule.finds, rule.matters] {
            assert!(sentence.ends_with('.'), "{sentence}");
        }
        assert!(!rule.help.ends_with('.'), "{}", rule.help);
    }
}

/// What rules find besides their own examples.
const MORE: [&str; 7] = [
    // No window, but one around everything.
    "spec:\n  duration: 1h\n  images:\n  - {image: app, missing: true}\n  workloads:\n  - {job: train, image: app, backoffLimit: 0}\n  expect:\n  - {job: train, between: [0s, 1h]}\n",
    // An outage without end.
    "spec:\n  duration: 3h\n  registries:\n  - {host: docker.io, faults: [{error: Refused}]}\n  workloads:\n  - {pod: tool, image: app}\n  expect:\n  - {pods: tool, neverFailed: true}\n",
    // No room, ever.
    "spec:\n  duration: 1h\n  images:\n  - {image: app, missing: true}\n  workloads:\n  - {pod: first, image: base, runs: 2h, requests: {gpus: 8}}\n  - {pod: second, at: 1m, image: base, requests: {gpus: 8}}\n  - {pod: tool, image: app}\n  expect:\n  - {pods: tool, failed: true}\n",
    // Chance within a registry.
    "spec:\n  duration: 1h\n  images:\n  - {image: app, missing: true}\n  registries:\n  - {host: docker.io, faults: [{error: BadGateway, percent: 50}]}\n  workloads:\n  - {pod: tool, image: app}\n  expect:\n  - {pods: tool, failed: {afterFirstFailure: [2m, 4m]}}\n",
    // Nothing to measure, to count or to waste.
    "spec:\n  duration: 1h\n  images:\n  - {image: app, missing: true}\n  workloads:\n  - {pod: tool, image: app}\n  expect:\n  - {metric: \"timeToRun.p50 < 1m\"}\n  - {metric: \"queueWait.max < 1h\"}\n  - {metric: \"jobsFailed == 0\"}\n  - {metric: \"failedWrites == 0\"}\n",
    // No rule, since the policy has but one.
    "spec:\n  duration: 1h\n  policy: {inline: {rules: [{causes: [Timeout], attempts: 3, duration: 2m, action: Fail}]}}\n  images:\n  - {image: app, missing: true}\n  workloads:\n  - {pod: tool, image: app}\n  expect:\n  - {pods: tool, failed: {because: ManifestNotFound}}\n",
    // Faults of a node on which there is nothing any more.
    "spec:\n  duration: 1h\n  images:\n  - {image: app, missing: true}\n  workloads:\n  - {pod: tool, image: app}\n  faults:\n  - {at: 30m, kubeletRestart: {nodes: node-0, downFor: 20s}}\n  - {at: 31m, sandboxFault: {nodes: \"*\", for: 20s}}\n  expect:\n  - {pods: tool, failed: true}\n",
];

/// What looks like a finding, and is none.
const NOTHING: [&str; 3] = [
    // One of the pods is in danger.
    "spec:\n  duration: 1h\n  images:\n  - {image: app, appearsAt: 1m}\n  workloads:\n  - {pod: tool-a, image: app}\n  - {pod: tool-b, image: base}\n  expect:\n  - {pods: \"tool-*\", neverFailed: true}\n",
    // The special case comes first, and all others after it.
    "spec:\n  duration: 1h\n  images:\n  - {image: \"team/app:*\", missing: true}\n  - {image: \"team/*\", size: 1Gi}\n  workloads:\n  - {pod: tool, image: \"team/app:v1\"}\n  - {pod: web, image: \"team/web:v1\"}\n  expect:\n  - {pods: tool, failed: true}\n",
    // Every pull meets the fault: there is no chance in it.
    "spec:\n  duration: 2h\n  registries:\n  - {host: docker.io, faults: [{error: BadGateway, percent: 100}]}\n  workloads:\n  - {pod: tool, image: app}\n  expect:\n  - {pods: tool, failed: {afterFirstFailure: [60m, 64m]}}\n",
];

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    for spec in NOTHING {
        let ran = lint_text(&format!("{HEAD}{spec}"), &[]);
        assert_eq!(
            (ran.out.as_str(), ran.code),
            ("no findings in 1 scenario\n", 0),
            "{spec}{}",
            ran.err
        );
    }
}

#[test]
fn what_is_found_is_said_with_its_place() {
    let mut report = String::new();
    for rule in RULES {
        let ran = lint_text(&rule.bad_example(), &[]);
        write!(report, "{}\n>>> {}\n", rule.bad, ran.out).unwrap();
    }
    for spec in MORE {
        let ran = lint_text(&format!("{HEAD}{spec}"), &[]);
        assert_eq!(ran.code, 1, "{spec}{}", ran.err);
        write!(report, "{spec}\n>>> {}\n", ran.out).unwrap();
    }
    golden("tests/golden/lint.txt", &report);
}

#[test]
fn scenarios_with_everything_are_looked_at() {
    let ran = simulator(&["lint", &pullstop_tests::path("tests/scenarios")]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    golden("tests/golden/lint-everything.txt", &ran.out);
}

#[test]
fn other_outputs() {
    let (rule, other) = (RULES[1], RULES[14].code);
    let mut report = String::new();
    for args in [
        ["--output", "json", "--deny", "all"],
        ["--output", "json", "--deny", "none"],
        ["--output", "github", "--deny", rule.name],
        ["--output", "github", "--deny", other],
    ] {
        let ran = lint_text(&rule.bad_example(), &args);
        writeln!(
            report,
            "$ simulator lint {}\n{}exit code {}\n",
            args.join(" "),
            ran.out,
            ran.code
        )
        .unwrap();
    }
    golden("tests/golden/lint-outputs.txt", &report);
}

#[test]
fn what_is_allowed_is_not_found() {
    let rule = RULES[1];
    let allowed = format!(
        "# lint: allow {} the bystander is the point\n{}",
        rule.code,
        rule.bad_example()
    );
    let ran = lint_text(&allowed, &[]);
    assert_eq!(
        (ran.out.as_str(), ran.code),
        ("no findings in 1 scenario\n", 0)
    );
    let unknown = format!("# lint: allow S999 whatever\n{}", rule.bad_example());
    let ran = lint_text(&unknown, &[]);
    assert_eq!(
        (ran.err.as_str(), ran.code),
        (
            "error: example.yaml:1:1: no rule is called `S999`: the rules are S001 to S020, see docs/lint.md\n",
            2
        )
    );
}

#[test]
fn old_names_are_mended_in_place() {
    let old = format!(
        "{HEAD}# On purpose: troubles.\nspec:\n  duration: 90m\n  registries:\n  - host: docker.io\n    \
         troubles:   # two\n    - {{from: 0s, for: 30m, error: BadGateway}}\n    - {{for: 2m, error: \"RuntimeTrouble\"}}\n  \
         workloads:\n  - {{pod: tool, image: app}}\n  faults:\n  - {{at: 1m, sandboxTrouble: {{nodes: \"*\", for: 1m}}}}\n  \
         - {{at: 2m, writeTrouble: {{for: 1m, how: Failed}}}}\n  expect:\n  - {{pods: tool, neverFailed: true}}\n"
    );
    let new = old
        .replace("    troubles:", "    faults:")
        .replace("RuntimeTrouble", "RuntimeFailure")
        .replace("sandboxTrouble", "sandboxFault")
        .replace("writeTrouble", "writeFault");
    let file = scratch::file("old.yaml", &old);
    let said = |ran: &Ran| ran.err.replace(&file, "old.yaml");

    let ran = simulator(&["run", &file]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    golden("tests/golden/old-names.txt", &said(&ran));

    let ran = simulator(&["lint", "--fix", &file]);
    assert_eq!(
        (ran.out.as_str(), said(&ran).as_str(), ran.code),
        (
            "no findings in 1 scenario\n",
            "note: old.yaml: 4 old names rewritten\n",
            0
        )
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), new);

    let ran = simulator(&["lint", "--fix", &file]);
    assert_eq!((said(&ran).as_str(), ran.code), ("", 0));
}

#[test]
fn a_file_that_cannot_be_fixed_stops_no_other() {
    let example = RULES[19].bad_example();
    let broken = scratch::file("a.yaml", format!("# lint: allow S999 whatever\n{example}"));
    let fine = scratch::file("b.yaml", &example);
    let ran = simulator(&["lint", "--fix", &broken, &fine]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(
        ran.err.contains("b.yaml: 1 old name rewritten"),
        "{}",
        ran.err
    );
    assert!(
        ran.err.contains("a.yaml:1:1: no rule is called `S999`"),
        "{}",
        ran.err
    );
    assert!(!std::fs::read_to_string(&fine).unwrap().contains("troubles"));
}

#[test]
fn allowed_old_names_are_not_mended() {
    let rule = RULES[19];
    let text = format!(
        "# lint: allow {} on purpose\n{}",
        rule.code,
        rule.bad_example()
    );
    let file = scratch::file("allowed.yaml", &text);
    let ran = simulator(&["lint", "--fix", &file]);
    assert_eq!((ran.err.as_str(), ran.code), ("", 0));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
}

#[test]
fn a_rule_is_found_by_its_former_name() {
    let former = lint::named("trouble-not-met").unwrap();
    assert_eq!((former.code, former.name), ("S006", "fault-not-met"));
}

#[test]
fn rules_are_explained() {
    for name in ["S002", "s002", "can-hardly-fail"] {
        let ran = simulator(&["lint", "--explain", name]);
        assert_eq!(ran.code, 0);
        golden("tests/golden/lint-explain.txt", &ran.out);
    }
    let ran = simulator(&["lint", "--explain", "can-hardly-fall"]);
    assert_eq!(
        (ran.err.as_str(), ran.code),
        (
            "error: no rule is called `can-hardly-fall`: did you mean `can-hardly-fail`?\n",
            2
        )
    );
}

#[test]
fn the_page_of_all_rules_is_up_to_date() {
    golden("docs/lint.md", &lint::document());
}

#[test]
fn what_cannot_be_looked_at() {
    let ran = lint_text("spec: 5\n", &[]);
    assert_eq!((ran.out.as_str(), ran.code), ("", 2));
    let empty = scratch::folder("nothing");
    let ran = simulator(&["lint", &empty.display().to_string()]);
    assert_eq!(
        (ran.err.as_str(), ran.code),
        ("no scenario found: nothing to check\n", 4)
    );
}

fn lint_text(text: &str, args: &[&str]) -> Ran {
    let file = scratch::file("example.yaml", text);
    let mut all = vec!["lint", &file];
    all.extend(args);
    let mut ran = simulator(&all);
    for said in [&mut ran.out, &mut ran.err] {
        *said = said.replace(&file, "example.yaml");
    }
    ran
}

fn code(line: &str) -> String {
    let finding: serde_json::Value = serde_json::from_str(line).unwrap();
    finding["code"].as_str().unwrap().to_owned()
}

fn said(rule: &Rule, ran: &Ran) -> String {
    format!("{}\n{}{}", rule.code, ran.out, ran.err)
}
