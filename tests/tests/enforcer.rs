//! The enforcer's command line: what it refuses and where, what it prints, and what it measures.

use pullstop_core::policy::{Policy, document};
use pullstop_enforcer::metrics::Metrics;
use pullstop_tests::{Ran, enforcer, golden, path, root};

use crate::scratch;

#[test]
fn a_policy_that_is_wrong_is_refused_at_the_start_with_its_place() {
    let head = "apiVersion: pullstop.dev/v1alpha1\nkind: ClusterPullFailurePolicy\n";
    let name = scratch::file(
        "policy.yaml",
        format!("{head}metadata: {{name: p}}\nspec:\n  mode: Enforced\n"),
    );
    for command in [
        &["run", "--policy", &name][..],
        &[
            "scan",
            "--policy",
            &name,
            "--from",
            &path("docs/examples/pods.json"),
        ],
    ] {
        let Ran { err, code, .. } = enforcer(command);
        let expected =
            format!("error: {name}:5:9: unknown mode `Enforced`: did you mean `Enforce`?\n");
        assert_eq!((code, err), (2, expected), "{command:?}");
    }
    let missing = enforcer(&["run", "--policy", "no/such.yaml"]);
    assert_eq!(
        (missing.code, missing.err.as_str()),
        (2, "error: no/such.yaml: no such file\n")
    );
}

#[test]
fn pods_that_cannot_be_read_are_refused_with_their_place() {
    let toml = enforcer(&["scan", "--from", &path("Cargo.toml")]);
    assert_eq!(toml.code, 2);
    assert!(
        toml.err
            .starts_with("error: Cargo.toml:1:2: this is not JSON"),
        "{}",
        toml.err
    );
    let other = enforcer(&["scan", "--from", &path("docs/policy.schema.json")]);
    let says = "error: docs/policy.schema.json: there are no pods in it: \
                give what `kubectl get pods -A -o json` prints\n";
    assert_eq!((other.code, other.err.as_str()), (2, says));
    let nobody = enforcer(&[
        "explain",
        "default/nobody",
        "--from",
        &path("docs/examples/pods.json"),
    ]);
    let says = "error: there is no pod default/nobody that has not ended\n";
    assert_eq!((nobody.code, nobody.err.as_str()), (2, says));
}

#[test]
fn what_a_scan_prints() {
    let pods = path("docs/examples/pods.json");
    let mut report = String::new();
    for output in ["table", "wide", "json"] {
        let at = "2026-11-22T15:06:06Z";
        let ran = enforcer(&["scan", "--from", &pods, "--at", at, "--output", output]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        report.push_str(&ran.out);
        report.push('\n');
    }
    let elsewhere = enforcer(&["scan", "--from", &pods, "--namespace", "elsewhere"]);
    assert_eq!(elsewhere.out, "");
    assert_eq!(
        elsewhere.err,
        "no pod waits for an image that it cannot get\n"
    );
    golden("tests/golden/scan.txt", &report);
}

#[test]
fn metrics_are_documented() {
    let text = Metrics::default().text();
    let names = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let documented = std::fs::read_to_string(root().join("docs/enforcer.md")).unwrap();
    for name in names {
        let name = name.split(' ').next().unwrap();
        assert!(
            documented.contains(&format!("`{name}")),
            "docs/enforcer.md does not explain {name}"
        );
    }
    golden("tests/golden/metrics.txt", &text);
}

#[test]
fn several_policies_are_checked_each_by_itself() {
    let good = path("docs/examples/patient.yaml");
    let bad = scratch::file("bad.yaml", "kind: Policy\n");
    let ran = enforcer(&["policy", "check", &good, &bad, &good]);
    assert_eq!(ran.code, 2);
    let headings = ran.out.matches("docs/examples/patient.yaml: valid\n");
    assert_eq!(headings.count(), 2, "{}", ran.out);
    assert!(ran.err.contains("bad.yaml"), "{}", ran.err);
    assert!(
        enforcer(&["policy", "check", &good])
            .out
            .starts_with("valid\n")
    );
}

#[test]
fn the_built_in_policy_is_printed_as_a_policy() {
    let printed = enforcer(&["policy", "print"]);
    assert_eq!((printed.code, printed.err.as_str()), (0, ""));
    let read = document::parse(&printed.out);
    assert_eq!(read, Ok(Policy::default()), "{}", printed.out);
    // What is left out would be as in the built-in policy, too.
    for field in [
        "mode",
        "scope",
        "phases",
        "owners",
        "barePods",
        "rules",
        "overrides",
        "modes",
        "maxPatience",
        "pullTimeout",
        "putBack",
        "maxWrites",
        "fallback",
    ] {
        let line = format!(" {field}:");
        assert!(printed.out.contains(&line), "{field} in\n{}", printed.out);
    }
    let file = scratch::file("built-in.yaml", &printed.out);
    let checked = enforcer(&["policy", "check", &file]);
    assert_eq!((checked.code, checked.err.as_str()), (0, ""));
}
