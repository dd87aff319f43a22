//! What docs/ci.md gives to other repositories for their CI: its shell commands are run here.

use std::path::Path;
use std::process::Command;

use pullstop_tests::{programs, root, simulator};
use serde_json::Value;

use crate::scratch;

/// What became of a script.
struct Done {
    code: Option<i32>,
    out: String,
}

/// Runs a script as a runner does, in a repository with a baseline.
fn run(script: &str, folder: &Path) -> Done {
    let path = std::env::var("PATH").unwrap();
    let done = Command::new("bash")
        .args(["-eo", "pipefail", "-c", script])
        .current_dir(folder)
        .env("PATH", format!("{}:{path}", programs().display()))
        .env("BASELINE", "baseline.yaml")
        .env("GITHUB_STEP_SUMMARY", folder.join("summary"))
        .output()
        .unwrap();
    let out = String::from_utf8(done.stdout).unwrap();
    Done {
        code: done.status.code(),
        out,
    }
}

/// A repository with one scenario, a policy and a baseline.
fn repository(name: &str) -> std::path::PathBuf {
    let folder = scratch::folder(name);
    std::fs::create_dir_all(folder.join("scenarios")).unwrap();
    let scenario = "scenarios/typo-queued-six-hours.yaml";
    std::fs::copy(root().join(scenario), folder.join(scenario)).unwrap();
    std::fs::copy(
        root().join("docs/examples/enforce.yaml"),
        folder.join("policy.yaml"),
    )
    .unwrap();
    let file = |name: &str| folder.join(name).display().to_string();
    let (baseline, policy, scenarios) = (
        file("baseline.yaml"),
        file("policy.yaml"),
        file("scenarios"),
    );
    let written = simulator(&[
        "baseline", "write", &baseline, "--seeds", "1..2", "--policy", &policy, &scenarios,
    ]);
    assert_eq!(written.code, 0, "{}", written.err);
    folder
}

/// A more patient policy: that is worse.
fn make_worse(folder: &Path) {
    std::fs::copy(
        root().join("docs/examples/patient.yaml"),
        folder.join("policy.yaml"),
    )
    .unwrap();
}

#[test]
fn the_workflow_for_other_repositories_checks_and_summarizes() {
    let text = std::fs::read_to_string(root().join(".github/workflows/policy-gate.yml")).unwrap();
    let workflow: Value = serde_saphyr::from_str(&text).unwrap();
    let steps = workflow["jobs"]["gate"]["steps"].as_array().unwrap();
    let script = |name: &str| {
        let step = steps.iter().find(|step| step["name"] == name).unwrap();
        step["run"].as_str().unwrap().to_owned()
    };
    let folder = repository("workflow");
    assert_eq!(run(&script("Check the baseline"), &folder).code, Some(0));
    make_worse(&folder);
    let done = run(&script("Check the baseline"), &folder);
    assert_eq!(done.code, Some(1), "{}", done.out);
    assert!(
        done.out
            .contains("::error file=scenarios/typo-queued-six-hours.yaml,"),
        "{}",
        done.out
    );
    assert!(folder.join("gate.xml").exists());
    assert_eq!(run(&script("Summary"), &folder).code, Some(0));
    let summary = std::fs::read_to_string(folder.join("summary")).unwrap();
    assert!(
        summary.contains("| worse | time to fail, p50 |"),
        "{summary}"
    );
    std::fs::remove_file(folder.join("gate.md")).unwrap();
    assert_eq!(run(&script("Summary"), &folder).code, Some(0));
}

#[test]
fn the_workflow_is_called_with_the_inputs_that_it_has() {
    let workflow =
        std::fs::read_to_string(root().join(".github/workflows/policy-gate.yml")).unwrap();
    let workflow: Value = serde_saphyr::from_str(&workflow).unwrap();
    let caller = block("uses: pullstop/pullstop/.github/workflows/policy-gate.yml@main");
    let with = caller["jobs"]["policy"]["with"].as_object().unwrap();
    let inputs = workflow["on"]["workflow_call"]["inputs"]
        .as_object()
        .unwrap();
    for (name, input) in inputs {
        assert!(
            with.contains_key(name) || input["required"] != true,
            "{name} is missing"
        );
    }
    assert!(
        with.keys().all(|name| inputs.contains_key(name)),
        "{with:?}"
    );
}

#[test]
fn the_snippet_for_gitlab_checks() {
    let snippet = block("before_script:");
    let job = &snippet["policy gate"];
    let lines = job["script"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line.as_str().unwrap());
    let script = lines.collect::<Vec<_>>().join("\n");
    let folder = repository("gitlab");
    assert_eq!(run(&script, &folder).code, Some(0));
    make_worse(&folder);
    assert_eq!(run(&script, &folder).code, Some(1));
    let report = job["artifacts"]["reports"]["junit"].as_str().unwrap();
    assert!(folder.join(report).exists());
}

/// The block of YAML in docs/ci.md with this text.
fn block(text: &str) -> Value {
    let page = std::fs::read_to_string(root().join("docs/ci.md")).unwrap();
    let blocks = page
        .split("```yaml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap());
    let found = blocks.into_iter().find(|block| block.contains(text));
    serde_saphyr::from_str(found.unwrap()).unwrap()
}
