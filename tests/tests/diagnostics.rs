//! Every malformed input gets a clear error with its place, and exit code 2.

use std::fmt::Write;

use pullstop_tests::{golden, simulator};

use crate::scratch;

const HEAD: &str =
    "apiVersion: pullstop.dev/v1alpha1\nkind: ClusterPullFailurePolicy\nmetadata: {name: p}\n";
const RULE: &str = "  - causes: [Timeout]\n    attempts: 3\n    duration: 2m\n    action: Fail\n";

/// Malformed policies: the `spec` behind a valid head.
const SPECS: &[&str] = &[
    "spec:\n  mode: Enforced\n",
    "spec:\n  mode: enforce\n",
    "spec:\n  mod: Enforce\n",
    "spec:\n\tmode: Enforce\n",
    "spec: [1, 2]\n",
    "spec:\n  mode: Enforce\n  mode: Warn\n",
    "spec:\n  pullTimeout: 5 minutes\n",
    "spec:\n  pullTimeout: 30\n",
    "spec:\n  scope:\n    phases: [Pendng]\n",
    "spec:\n  scope:\n    barePods: [Sometimes]\n",
    "spec:\n  scope:\n    owners: Job\n",
    "spec:\n  overrides:\n    modes: [Of]\n",
    "spec:\n  overrides:\n    maxPatience: 1d\n",
    "spec:\n  putBack:\n    maxWrites: 0\n",
    "spec:\n  putBack:\n    fallback: Delete\n",
    "spec:\n  rules:\n  - causes: [ManifestNotfound]\n    attempts: 3\n    duration: 2m\n    action: Fail\n",
    "spec:\n  rules:\n  - causes: [Pineapple]\n    attempts: 3\n    duration: 2m\n    action: Fail\n",
    "spec:\n  rules:\n  - causes: [KubeletThrottled]\n    attempts: 3\n    duration: 2m\n    action: Fail\n",
    "spec:\n  rules:\n  - causes: []\n    attempts: 3\n    duration: 2m\n    action: Fail\n",
    "spec:\n  rules:\n  - causes: [Timeout]\n    attempts: 0\n    duration: 2m\n    action: Fail\n",
    "spec:\n  rules:\n  - causes: [Timeout]\n    attempts: -1\n    duration: 2m\n    action: Fail\n",
    "spec:\n  rules:\n  - causes: [Timeout]\n    attempts: three\n    duration: 2m\n    action: Fail\n",
    "spec:\n  rules:\n  - causes: [Timeout]\n    attempts: 1.5\n    duration: 2m\n    action: Fail\n",
    "spec:\n  rules:\n  - causes: [Timeout]\n    attempts: 3\n    duration: 2m\n    action: Kill\n",
    "spec:\n  rules:\n  - causes: [Timeout]\n    attempts: 3\n    duration: 2m5\n    action: Fail\n",
    "spec:\n  rules:\n  - causes: [Timeout]\n    attempts: 3\n    action: Fail\n",
    "spec:\n  rules:\n  - causes: [Timeout]\n    attempts: 3\n    duration: 2m\n    action: Fail\n    colour: red\n",
    "spec:\n  rules: {}\n",
    "spec:\n  patterns:\n  - {text: ab, cause: Timeout}\n",
    "spec:\n  patterns:\n  - {text: slow registry, cause: Timeout, permanence: sometimes}\n",
    "spec:\n  patterns:\n  - {cause: Timeout}\n",
];

/// Malformed policies as a whole.
const DOCUMENTS: &[&str] = &[
    "",
    "# nothing but a comment\n",
    "just text\n",
    "apiVersion: pullstop.dev/v2\nkind: ClusterPullFailurePolicy\nmetadata: {name: p}\n",
    "apiVersion: pullstop.dev/v1alpha1\nkind: ClusterPullFailurePolic\nmetadata: {name: p}\n",
    "apiVersion: pullstop.dev/v1alpha1\nkind: PullFailurePolicy\nmetadata: {name: p}\n",
    "apiVersion: pullstop.dev/v1alpha1\nkind: PullFailurePolicy\nmetadata: {name: p, namespace: n}\nspec:\n  scope:\n    namespaces: {include: [a]}\n",
    "kind: ClusterPullFailurePolicy\nmetadata: {name: p}\n",
    "apiVersion: pullstop.dev/v1alpha1\nkind: ClusterPullFailurePolicy\n",
    "apiVersion: pullstop.dev/v1alpha1\nkind: ClusterPullFailurePolicy\nmetadata: {name: p}\n---\nkind: another\n",
    "apiVersion: [unclosed\n",
];

#[test]
fn malformed_policies() {
    let specs = SPECS.iter().map(|spec| format!("{HEAD}{spec}"));
    let documents = DOCUMENTS.iter().map(|text| (*text).to_owned());
    let twice = [format!("{HEAD}spec:\n  rules:\n{RULE}{RULE}")];
    let mut report = String::new();
    for policy in specs.chain(documents).chain(twice) {
        let file = scratch::file("policy.yaml", &policy);
        let ran = simulator(&[
            "replay",
            "--policy",
            &file,
            &pullstop_tests::path("tests/traces/job-good.jsonl"),
        ]);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{policy}");
        write!(
            report,
            "{policy}\n>>> {}\n",
            ran.err.replace(&file, "policy.yaml")
        )
        .unwrap();
    }
    golden("tests/golden/malformed-policies.txt", &report);
}

/// Malformed recordings.
const TRACES: &[&str] = &[
    "not JSON\n",
    "[1, 2]\n",
    "5\n",
    "{\"type\": \"ADDED\", \"object\": {\"kind\": \"Pod\"\n",
    "{\"type\": \"ADD",
    "{\"type\": \"ADDED\"}\n",
    "{\"object\": {}}\n",
    "{\"type\": \"CREATED\", \"object\": {}}\n",
    "{\"kind\": \"Pod\", \"metadata\": {\"name\": \"p\"}}\n",
    "{\"kind\": \"List\", \"items\": []}\n",
    "{\"type\": \"ADDED\", \"object\": {\"kind\": \"Pod\"}}\n",
    "{\"type\": \"ADDED\", \"object\": {\"kind\": \"Pod\", \"metadata\": {\"name\": \"p\", \"uid\": \"u\", \"resourceVersion\": \"abc\"}}}\n",
    "{\"type\": \"ADDED\", \"object\": {\"kind\": \"Pod\", \"metadata\": {\"name\": 5}}}\n",
    "{\"type\": \"ADDED\",\n \"object\": {\"kind\": \"Pod\", \"status\":\n  {\"containerStatuses\": {}}}}\n",
    "{\"received\": \"yesterday\", \"type\": \"ADDED\", \"object\": {\"kind\": \"Pod\"}}\n",
    "{\"type\": \"ADDED\", \"object\": 5}\n",
    "{\"type\": \"ADDED\", \"object\": {\"kind\": \"Pod\", \"metadata\": {\"name\": \"p\", \"uid\": \"u\", \"resourceVersion\": \"1\"}}}\n{\"type\": \"ADDED\", \"object\": {\"kind\": \"Pod\", \"metadata\": {\"name\": \"q\", \"uid\": \"u\", \"resourceVersion\": \"2\"}}}\n",
    "{\"type\": \"BOOKMARK\", \"object\": {}}\n{\"type\": \"ADDED\", \"object\": {\"kind\": \"Po\n{\"type\": \"BOOKMARK\", \"object\": {}}\n",
];

#[test]
fn malformed_recordings() {
    let mut report = String::new();
    for trace in TRACES {
        let file = scratch::file("trace.jsonl", trace);
        let ran = simulator(&["replay", &file]);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{trace}");
        write!(
            report,
            "{trace}\n>>> {}\n",
            ran.err.replace(&file, "trace.jsonl")
        )
        .unwrap();
    }
    golden("tests/golden/malformed-recordings.txt", &report);
}

#[test]
fn files_that_cannot_be_read() {
    let ran = simulator(&["replay", "no/such/file.jsonl"]);
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (2, "error: no/such/file.jsonl: no such file\n")
    );
    let ran = simulator(&["classify", "/"]);
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (2, "error: /: this is a folder: name the files in it\n")
    );
    let file = scratch::file("binary", b"ok\n\x1f\x8b\xff");
    let ran = simulator(&["classify", &file]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.err
            .ends_with(":2:2: this is not UTF-8 text: is the file damaged or compressed?\n"),
        "{}",
        ran.err
    );
}
