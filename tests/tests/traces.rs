//! Recordings of real pods end in the right verdict, and no more failures are counted than there were.

use pullstop_tests::{path, simulator, traces};
use serde_json::Value;

use crate::scratch;

/// Container, cause, and seconds after the first failure.
type Verdict = (&'static str, &'static str, f64);

/// What each recording shows, and what the built-in policy makes of it within the recorded time: the pod, the verdict
/// and, for a verdict, its cause and how many seconds it comes after the first failure. `None` stands for no verdict.
const VERDICTS: &[(&str, &str, Option<Verdict>)] = &[
    // Missing for ever.
    (
        "missing-tag",
        "missing-tag",
        Some(("main", "ManifestNotFound", 120.0)),
    ),
    (
        "missing-repo",
        "missing-repo",
        Some(("main", "ManifestNotFound", 120.0)),
    ),
    (
        "typo-0",
        "typo-0-wnthm",
        Some(("main", "ManifestNotFound", 120.0)),
    ),
    (
        "init-ok-main-missing",
        "init-ok-main-missing",
        Some(("main", "ManifestNotFound", 120.0)),
    ),
    (
        "containerd21-missing-tag",
        "missing-tag",
        Some(("main", "ManifestNotFound", 120.0)),
    ),
    // The third failure was counted long before; the throttled fourth attempt opens the next quiet time.
    (
        "queued-typo",
        "queued-typo-swxf2",
        Some(("main", "ManifestNotFound", 184.8)),
    ),
    (
        "platform",
        "platform",
        Some(("main", "PlatformMismatch", 120.0)),
    ),
    (
        "containerd21-platform",
        "platform",
        Some(("main", "PlatformMismatch", 120.0)),
    ),
    // No event comes after the first: timers fire.
    (
        "invalid-name",
        "invalid-name",
        Some(("main", "InvalidReference", 30.0)),
    ),
    (
        "never-pull",
        "never-pull",
        Some(("main", "NeverPullMissing", 120.0)),
    ),
    // Denied: patient, and then in the quiet time after the next failure.
    (
        "basic-auth",
        "basic-auth",
        Some(("main", "AccessDenied", 984.1)),
    ),
    (
        "denied-403",
        "denied-403",
        Some(("main", "AmbiguousNotFoundOrDenied", 975.1)),
    ),
    (
        "hub-like-denied",
        "hub-like-denied",
        Some(("main", "AmbiguousNotFoundOrDenied", 973.1)),
    ),
    ("containerd21-hub-like-denied", "hub-like-denied", None),
    // Pushed 200 s after creation, which three attempts in two minutes do not await.
    (
        "recovers-after-push",
        "recovers-after-push",
        Some(("main", "ManifestNotFound", 120.0)),
    ),
    // Ended by hand a second, or five, before the rule would have fired.
    ("missing-digest", "missing-digest", None),
    ("init-missing", "init-missing", None),
    ("job-pfp", "job-pfp-ghxsw", None),
    // Registries with faults.
    ("rate-limited", "rate-limited", None),
    ("containerd21-rate-limited", "rate-limited", None),
    ("unavailable-503", "unavailable-503", None),
    ("containerd21-unavailable-503", "unavailable-503", None),
    ("refused", "refused", None),
    ("dns", "dns", None),
    ("http-to-https", "http-to-https", None),
    ("steady-0", "steady-0-k758j", None),
    ("steady-1", "steady-1-rm27q", None),
    ("throttled-0", "throttled-0-99wh2", None),
    // The kubelet's own limiter.
    ("burst-0", "burst-0", None),
    ("burst-2", "burst-2", None),
    ("behind-slow", "behind-slow", None),
    // Mended by people.
    ("secret-late", "secret-late", None),
    ("fixed-in-place", "fixed-in-place", None),
    // Not a failed pull, or not ours.
    ("slow-fresh", "slow-fresh", None),
    ("unschedulable-typo", "unschedulable-typo", None),
    ("sandbox-never-started", "missing-repo", None),
    ("config-missing", "config-missing", None),
    ("bad-command", "bad-command", None),
    ("crash-loop", "crash-loop", None),
    ("job-good", "job-good-kqn97", None),
    ("image-gone-on-restart", "image-gone-on-restart", None),
    ("deploy-missing", "deploy-missing-775b85bdc9-z9d9w", None),
    ("deploy-missing", "deploy-missing-775b85bdc9-fkkck", None),
    ("deploy-missing", "deploy-missing-775b85bdc9-shnhx", None),
    // Several containers. Both pulls of a sync are over when both are published.
    (
        "two-bad",
        "two-bad",
        Some(("helper", "ManifestNotFound", 120.0)),
    ),
    // They share one back-off: only the first of them pulls.
    (
        "same-bad-twice",
        "same-bad-twice",
        Some(("main", "ManifestNotFound", 120.0)),
    ),
    // The init container's end leads to one sync less, so two attempts show as one failure: the verdict is held until
    // the next shows that the kubelet backs off again.
    (
        "init-then-two-bad",
        "init-slow-main-bad",
        Some(("helper", "ManifestNotFound", 173.8)),
    ),
    // A sidecar that never started stops what is behind it: nothing else is ever pulled.
    (
        "sidecar-bad-before-init",
        "sidecar-bad-before-init",
        Some(("proxy", "ManifestNotFound", 120.0)),
    ),
    // An index of an Indexed Job is failed by hand at 107 s; the others wait for ever.
    ("job-indexed", "job-indexed-0-srcrx", None),
    (
        "job-indexed",
        "job-indexed-1-s9qpd",
        Some(("main", "ManifestNotFound", 120.0)),
    ),
    (
        "job-indexed",
        "job-indexed-2-m48kr",
        Some(("main", "ManifestNotFound", 120.0)),
    ),
    // The first image's registry hangs, and so does the pod, although its image is edited after half a minute, until
    // its kubelet is restarted; the second image is missing.
    (
        "edit-hung",
        "edit-hang-to-bad",
        Some(("main", "ManifestNotFound", 175.8)),
    ),
    // It crashes, and its image is gone when it is to be started again: its phase stays Running.
    ("gone-and-crashing", "gone-onfailure", None),
    // One container runs. Failed by hand before the rule fires; deleted after it has.
    ("durable-beside-good", "durable-beside-good", None),
    (
        "deleted-beside-good",
        "deleted-beside-good",
        Some(("main", "ManifestNotFound", 120.0)),
    ),
    // The phase alone is set long after the rule has fired; the kubelet puts it back 1.8 s later.
    (
        "status-put-back",
        "status-only-00",
        Some(("main", "ManifestNotFound", 120.0)),
    ),
    // Failed by hand, put back, failed again: only the third pod is left to us.
    ("job-plain", "job-plain-zvh97", None),
    ("job-plain", "job-plain-xh57k", None),
    (
        "job-plain",
        "job-plain-9lgs4",
        Some(("main", "ManifestNotFound", 120.0)),
    ),
];

#[test]
fn every_pod_gets_the_right_verdict() {
    let mut expected: Vec<(&str, &str)> = VERDICTS
        .iter()
        .map(|(trace, pod, _)| (*trace, *pod))
        .collect();
    expected.sort_unstable();
    let mut found = Vec::new();
    for trace in traces() {
        for row in replay(&trace, &[]) {
            let pod = row["pod"].as_str().unwrap().to_owned();
            let known = VERDICTS
                .iter()
                .find(|(t, p, _)| *t == trace && pod.ends_with(&format!("/{p}")));
            let Some((name, short, verdict)) = known else {
                panic!("{trace} shows {pod}, of which nothing is expected")
            };
            check(&trace, &row, *verdict);
            found.push((*name, *short));
        }
    }
    found.sort_unstable();
    assert_eq!(found, expected);
}

fn check(trace: &str, row: &Value, verdict: Option<Verdict>) {
    let Some((container, cause, seconds)) = verdict else {
        assert_eq!(row["verdict"], "none", "{trace}: {row}");
        assert_eq!(row["verdictAt"], Value::Null, "{trace}: {row}");
        return;
    };
    assert_eq!(row["verdict"], "fail", "{trace}: {row}");
    assert_eq!(row["container"], container, "{trace}: {row}");
    assert_eq!(row["cause"], cause, "{trace}: {row}");
    let after = row["secondsAfterFirstFailure"].as_f64().unwrap();
    assert!((after - seconds).abs() < 0.1, "{trace}: {row}");
}

/// The true attempts of one container with a fast-failing pull: attempts 1 to 6 started 3.3, 18.0, 43.8, 91.3, 178.5
/// and about 354 s after its creation, as its events tell, and each shows one worker sync later.
#[test]
fn attempts_are_those_that_were_made() {
    for (patience, attempts) in [(10, 1), (35, 2), (60, 3), (100, 4), (190, 5), (360, 6)] {
        let policy = policy(&format!("attempts: 1, duration: {patience}s"));
        let row = &replay("missing-tag", &["--policy", &policy])[0];
        // A rule that waits for time alone fires in the next quiet time: it has counted what was shown until then.
        let counted = row["failures"].as_u64().unwrap();
        assert!(counted >= attempts, "after {patience} s: {row}");
    }
    // The recording has eleven spans of `ErrImagePull`; one, after the kubelet's restart, holds two attempts.
    let never = policy("attempts: 1000, duration: 1h");
    for (trace, spans) in [
        ("missing-tag", 11),
        ("rate-limited", 11),
        ("recovers-after-push", 5),
        ("secret-late", 5),
    ] {
        assert_eq!(
            replay(trace, &["--policy", &never])[0]["failures"],
            spans,
            "{trace}"
        );
    }
    // Throttled spans do not count: of typo-0's six, one is the kubelet's own.
    for (trace, failures) in [
        ("typo-0", 5),
        ("steady-0", 3),
        ("steady-1", 2),
        ("throttled-0", 2),
        ("burst-2", 0),
        // Of six by the runtime's log; the other container of `same-bad-twice` never pulled.
        ("init-then-two-bad", 5),
        ("same-bad-twice", 6),
    ] {
        assert_eq!(
            replay(trace, &["--policy", &never])[0]["failures"],
            failures,
            "{trace}"
        );
    }
}

#[test]
fn patience_saves_the_image_that_was_pushed_late() {
    // Five attempts are only shown at 180 s, the sixth would be: the image was pushed at 200 s.
    let patient = policy("attempts: 6, duration: 2m");
    assert_eq!(
        replay("recovers-after-push", &["--policy", &patient])[0]["verdict"],
        "none"
    );
}

#[test]
fn the_init_container_is_named() {
    let quick = policy("attempts: 3, duration: 90s");
    let row = &replay("init-missing", &["--policy", &quick])[0];
    assert_eq!(
        (&row["verdict"], &row["container"]),
        (&"fail".into(), &"init".into())
    );
}

#[test]
fn time_runs_on_when_asked_to() {
    let row = &replay("sandbox-never-started", &["--for", "1h"])[0];
    assert_eq!(
        (&row["verdict"], &row["failures"]),
        (&"none".into(), &1.into()),
        "one failure is not three"
    );
    let row = &replay("containerd21-hub-like-denied", &["--for", "1h"])[0];
    assert_eq!(row["verdict"], "fail");
    // Six failures were counted; the pull that may have begun after the last counts as hung after half an hour.
    assert!(
        row["secondsAfterFirstFailure"].as_f64().unwrap() > 1800.0,
        "{row}"
    );
}

#[test]
fn deployments_are_judged_when_asked_for() {
    let asked = path("tests/policies/replicasets.yaml");
    let rows = replay("deploy-missing", &["--policy", &asked]);
    let failed: Vec<&str> = rows
        .iter()
        .filter(|row| row["verdict"] == "fail")
        .map(|row| row["pod"].as_str().unwrap())
        .collect();
    // The second was failed by hand before.
    assert_eq!(
        failed,
        [
            "default/deploy-missing-775b85bdc9-z9d9w",
            "default/deploy-missing-775b85bdc9-shnhx"
        ]
    );
}

fn replay(trace: &str, more: &[&str]) -> Vec<Value> {
    let file = path(&format!("tests/traces/{trace}.jsonl"));
    let mut args = vec!["replay", "--output", "json", &file];
    args.extend(more);
    let ran = simulator(&args);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{trace}");
    ran.out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// A policy with one rule for everything.
fn policy(limits: &str) -> String {
    let causes: Vec<&str> = pullstop_core::cause::Cause::ALL
        .into_iter()
        .filter(|cause| cause.is_failure())
        .map(pullstop_core::cause::Cause::as_str)
        .collect();
    let text = format!(
        "apiVersion: pullstop.dev/v1alpha1\nkind: ClusterPullFailurePolicy\nmetadata: {{name: test}}\n\
         spec:\n  rules:\n  - {{causes: [{}], {limits}, action: Fail}}\n",
        causes.join(", ")
    );
    let name = limits.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    scratch::file(&format!("{name}.yaml"), text)
}
