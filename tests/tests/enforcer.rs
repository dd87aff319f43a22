//! The enforcer's command line: what it refuses and where, what it prints, and what it measures.

use pullstop_core::policy::{Policy, document};
use pullstop_enforcer::metrics::Metrics;
use pullstop_tests::{Ran, enforcer, golden, path, root};
use serde_json::{Value, json};

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
    let says = "error: docs/policy.schema.json: it contains no pods: \
                give the output of `kubectl get pods -A -o json`\n";
    assert_eq!((other.code, other.err.as_str()), (2, says));
    let nobody = enforcer(&[
        "explain",
        "default/nobody",
        "--from",
        &path("docs/examples/pods.json"),
    ]);
    let says = "error: there is no pod default/nobody\n";
    assert_eq!((nobody.code, nobody.err.as_str()), (2, says));
}

#[test]
fn what_a_scan_prints() {
    let pods = path("docs/examples/pods.json");
    let mut report = String::new();
    for output in ["table", "wide", "json"] {
        let at = "2026-11-22T15:06:06Z";
        let ran = enforcer(&["scan", "--from", &pods, "--at", at, "--output", output]);
        assert_eq!((ran.code, ran.err.as_str()), (0, BY_BUILT_IN));
        report.push_str(&ran.out);
        report.push('\n');
    }
    let elsewhere = enforcer(&["scan", "--from", &pods, "--namespace", "elsewhere"]);
    assert_eq!(elsewhere.out, "");
    let none = format!("{BY_BUILT_IN}no pod is stuck on an image\n");
    assert_eq!(elsewhere.err, none);
    golden("tests/golden/scan.txt", &report);
}

/// Which policy a file of pods is judged by.
const BY_BUILT_IN: &str = "policy: the built-in policy, because a file has no policy (use --policy FILE); mode DryRun, \
    shown as if it enforced\n";

/// What is recorded of pods that have ended, and of one that was put back; `explain` says it in words.
#[test]
fn what_has_become_of_pods_that_ended() {
    let condition = |status: &str, reason: &str, message: &str| json!({"type": "pullstop.dev/ImagePullFailed", "status": status, "reason": reason, "message": message});
    let message = "container main cannot get its image r.example/a:b: ManifestNotFound, 3 failed pulls within 2m since \
        2026-11-22T15:04:32Z (rule definite); the last error: not found";
    let agreed = json!({"type": "Ready", "status": "False", "reason": "PodFailed"});
    let main = |state: &Value| json!([{"name": "main", "restartCount": 0, "state": state}]);
    let pod = |name: &str, note: Option<&str>, status: Value| {
        let notes = note.map(|at| json!({"pullstop.dev/image-pull-failed": at}));
        json!({
            "kind": "Pod", "apiVersion": "v1",
            "metadata": {"name": name, "namespace": "n", "uid": name, "resourceVersion": "7", "annotations": notes},
            "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "r.example/a:b"}]},
            "status": status,
        })
    };
    let never_ran = json!({"terminated": {"exitCode": 137, "reason": "ContainerStatusUnknown"}});
    let by_us = condition("True", "ManifestNotFound", message);
    let failed_at = Some("2026-11-22T15:06:32Z");
    let creating = json!({"waiting": {"reason": "ContainerCreating"}});
    let pods = [
        pod(
            "agreed",
            failed_at,
            json!({
                "phase": "Failed", "reason": "ImagePullFailed", "message": message, "conditions": [by_us, agreed],
                "containerStatuses": main(&never_ran),
            }),
        ),
        pod(
            "in-between",
            failed_at,
            json!({
                "phase": "Failed", "conditions": [by_us, agreed], "containerStatuses": main(&json!({"running": {}})),
            }),
        ),
        pod(
            "put-back",
            failed_at,
            json!({
                "phase": "Pending", "conditions": [by_us], "containerStatuses": main(&creating),
            }),
        ),
        pod(
            "evicted",
            None,
            json!({
                "phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory.\u{1b}[31m",
                "conditions": [condition("False", "Failing", "cannot pull")],
            }),
        ),
        pod(
            "crashed",
            None,
            json!({
                "phase": "Failed", "containerStatuses": main(&json!({"terminated": {"exitCode": 1, "reason": "Error"}})),
            }),
        ),
        pod("done", None, json!({"phase": "Succeeded"})),
    ];
    let names: Vec<&str> = pods
        .iter()
        .map(|pod| pod["metadata"]["name"].as_str().unwrap())
        .collect();
    let list =
        json!({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": pods}).to_string();
    let file = scratch::file("ended.json", list);
    let at = "2026-11-22T17:06:32Z";
    let mut report = String::new();
    for name in names {
        let ran = enforcer(&["explain", &format!("n/{name}"), "--from", &file, "--at", at]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{name}");
        report.push_str(&ran.out);
    }
    for output in ["table", "wide", "json"] {
        let ran = enforcer(&[
            "scan", "--failed", "--from", &file, "--at", at, "--output", output,
        ]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{output}");
        report.push('\n');
        report.push_str(&ran.out);
    }
    golden("tests/golden/ended.txt", &report);
}

/// A pod that has been stuck for hours, of which the events tell.
#[test]
fn what_events_tell_is_shown() {
    let file = path("docs/examples/stuck-for-hours.json");
    let at = "2026-11-22T18:20:00Z";
    let mut report = String::new();
    for args in [
        &["scan", "--output", "wide"][..],
        &["scan", "--output", "json"],
        &["explain", "team-a/train-x7k2p"],
    ] {
        let ran = enforcer(&[args, &["--from", &file, "--at", at]].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        report.push_str(&ran.out);
    }
    golden("tests/golden/history.txt", &report);
}

/// Nothing is left out in silence.
#[test]
fn pods_that_cannot_be_read_are_named_with_the_reason() {
    let good =
        json!({"metadata": {"name": "good", "namespace": "n", "uid": "g", "resourceVersion": "7"}});
    let bad = |name: &str, phase: &str, version: &str| {
        json!({"metadata": {"name": name, "namespace": "n", "uid": "u", "resourceVersion": version},
            "status": {"phase": phase}})
    };
    let odd = json!({"metadata": {"name": "odd", "namespace": "n"}, "spec": {"containers": 5}});
    let all = [
        good,
        bad("phase", "Lost\u{1b}", "7"),
        bad("version", "Pending", "x"),
        odd,
    ];
    let file = scratch::file("unreadable.json", json!({"items": all}).to_string());
    let ran = enforcer(&["scan", "--from", &file]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    for said in [
        "error: cannot read the pod n/phase: the pod's `status.phase` is `Lost\\u{1b}`, which Kubernetes does not write\n",
        "error: cannot read the pod n/version: the pod's `metadata.resourceVersion` is `x`",
        "error: cannot read the pod n/odd: invalid type",
    ] {
        assert!(ran.err.contains(said), "{said}\n{}", ran.err);
    }
    let mut many: Vec<Value> = (0..30)
        .map(|n| bad(&format!("p{n}"), "Lost", "7"))
        .collect();
    many.push(
        json!({"metadata": {"name": "good", "namespace": "n", "uid": "g", "resourceVersion": "7"}}),
    );
    let file = scratch::file("unreadable-many.json", json!({"items": many}).to_string());
    let ran = enforcer(&["scan", "--from", &file]);
    assert!(
        ran.err.contains("error: cannot read 10 more pods\n"),
        "{}",
        ran.err
    );
    assert_eq!(ran.code, 2);
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
