//! Every recording, turned into a scenario whose cluster is served: the enforcer brings it to the right end.
//!
//! The recorded pods were alone with their kubelet, and people wrote to some of them. Here the enforcer is with them, and
//! time goes on after the recording's end.

use pullstop_tests::{path, simulator, traces};
use serde_json::Value;

use super::stage::{Stage, ready_reason, true_condition};

/// How long each cluster lives: past the patience with registries that deny, not with those that are down.
const MINUTES: u64 = 45;

/// What is to become of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End<'a> {
    /// The enforcer has failed it, once, for this cause, and the kubelet has agreed.
    Fails(&'a str),
    /// It has ended, or was ended, without the enforcer; this is the reason in its status.
    Ends(&'a str),
    /// It runs, or has run to its end.
    Runs,
    /// It is Pending and was left alone.
    Waits,
}

use End::{Ends, Fails, Runs, Waits};

const NOT_FOUND: End<'_> = Fails("ManifestNotFound");
const DENIED: End<'_> = Fails("AmbiguousNotFoundOrDenied");
/// As people wrote it in the recordings.
const BY_HAND: End<'_> = Ends("ImagePullFailed");

/// Recording, pod of the served cluster, end. Where that differs from what was recorded, or from what is best, it says why.
const ENDS: &[(&str, &str, End<'_>)] = &[
    // Missing for ever.
    ("missing-tag", "missing-tag", NOT_FOUND),
    ("missing-repo", "missing-repo", NOT_FOUND),
    ("init-ok-main-missing", "init-ok-main-missing", NOT_FOUND),
    ("containerd21-missing-tag", "missing-tag", NOT_FOUND),
    ("two-bad", "two-bad", NOT_FOUND),
    ("same-bad-twice", "same-bad-twice", NOT_FOUND),
    ("init-then-two-bad", "init-slow-main-bad", NOT_FOUND),
    (
        "sidecar-bad-before-init",
        "sidecar-bad-before-init",
        NOT_FOUND,
    ),
    ("edit-hung", "edit-hang-to-bad", NOT_FOUND),
    ("platform", "platform", Fails("PlatformMismatch")),
    (
        "containerd21-platform",
        "platform",
        Fails("PlatformMismatch"),
    ),
    ("invalid-name", "invalid-name", Fails("InvalidReference")),
    ("never-pull", "never-pull", Fails("NeverPullMissing")),
    // Jobs: each try fails likewise.
    ("typo-0", "typo-0-*", NOT_FOUND),
    ("queued-typo", "queued-typo-*", NOT_FOUND),
    // Denied for ever: patient, and then failed; one recording ends before that.
    ("basic-auth", "basic-auth", Fails("AccessDenied")),
    ("denied-403", "denied-403", DENIED),
    ("hub-like-denied", "hub-like-denied", DENIED),
    ("containerd21-hub-like-denied", "hub-like-denied", DENIED),
    // Pushed later than three attempts in two minutes await: the price of the default rule.
    ("recovers-after-push", "recovers-after-push", NOT_FOUND),
    // Mended or ended by hand when it is too late: 80 seconds after the verdict, and a moment after it.
    ("fixed-in-place", "fixed-in-place", NOT_FOUND),
    ("missing-digest", "missing-digest", NOT_FOUND),
    ("deleted-beside-good", "deleted-beside-good", NOT_FOUND),
    ("status-put-back", "status-only-00", NOT_FOUND),
    // Failed by hand before the rule fires.
    ("init-missing", "init-missing", BY_HAND),
    ("durable-beside-good", "durable-beside-good", BY_HAND),
    ("job-indexed", "job-indexed-0-0", BY_HAND),
    ("job-indexed", "job-indexed-*", NOT_FOUND),
    // The hand's write lacks the condition here that the Job waits for, so that there is a second pod.
    ("job-pfp", "job-pfp-0", BY_HAND),
    ("job-pfp", "job-pfp-1", NOT_FOUND),
    // The kubelet happens to agree to the bare write here: the second pod stays, and there is no third.
    ("job-plain", "job-plain-0", BY_HAND),
    ("job-plain", "job-plain-1", NOT_FOUND),
    // Registries with faults.
    ("rate-limited", "rate-limited", Waits),
    ("containerd21-rate-limited", "rate-limited", Waits),
    ("unavailable-503", "unavailable-503", Waits),
    ("containerd21-unavailable-503", "unavailable-503", Waits),
    ("refused", "refused", Waits),
    ("dns", "dns", Waits),
    ("http-to-https", "http-to-https", Waits),
    ("steady-0", "steady-0-0", Runs),
    // Its registry comes back after the recording's end, of which the scenario knows nothing.
    ("steady-1", "steady-1-0", Waits),
    ("throttled-0", "throttled-0-0", Runs),
    // The kubelet's own limiter.
    ("burst-0", "burst-0", Runs),
    ("burst-2", "burst-2", Runs),
    ("behind-slow", "behind-slow", Runs),
    // Mended by people in time.
    ("secret-late", "secret-late", Runs),
    // Not a failed pull, or not ours.
    ("slow-fresh", "slow-fresh", Runs),
    ("unschedulable-typo", "unschedulable-typo", Waits),
    ("config-missing", "config-missing", Waits),
    ("bad-command", "bad-command", Ends("")),
    ("crash-loop", "crash-loop", Runs),
    ("job-good", "job-good-0", Runs),
    ("image-gone-on-restart", "image-gone-on-restart", Runs),
    ("gone-and-crashing", "gone-onfailure", Runs),
    ("deploy-missing", "deploy-missing-1", BY_HAND),
    ("deploy-missing", "deploy-missing-*", Waits),
    // The recording ends after one failed pull; the image is missing all the same.
    ("sandbox-never-started", "missing-repo", NOT_FOUND),
];

#[tokio::test(start_paused = true)]
async fn every_recording_comes_to_the_right_end() {
    let mut wrong = Vec::new();
    for trace in traces() {
        let mut stage = Stage::new(&scenario(&trace), 1);
        let (replica, _line) = stage.replica("a");
        stage.until(MINUTES * 60).await;
        let pods = stage.store.objects("", "pods");
        let mut failed = 0;
        for pod in &pods {
            let end = end(&mut stage, pod);
            failed += u32::from(matches!(end, Fails(_)));
            if !expected(&trace, name(pod)).contains(&end) {
                wrong.push(format!("{trace}: {}: {end:?}", name(pod)));
            }
        }
        for (_, pattern, end) in ENDS.iter().filter(|(of, ..)| *of == trace) {
            let mut found = pods.iter().filter(|pod| fits(pattern, name(pod)));
            if found.next().is_none() {
                wrong.push(format!("{trace}: no {pattern}: {end:?}"));
            }
        }
        let agreed = replica.metric("pullstop_kubelet_confirmed_total");
        assert_eq!(agreed.parse().unwrap_or(0), failed, "{trace}");
        assert_eq!(replica.metric("pullstop_reverted_total"), "", "{trace}");
        replica.stop().await;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The recording as a scenario, which goes on for longer.
fn scenario(trace: &str) -> String {
    let imported = simulator(&["import", &path(&format!("tests/traces/{trace}.jsonl"))]);
    assert_eq!((imported.code, imported.err.as_str()), (0, ""), "{trace}");
    let (before, rest) = imported.out.split_once("\n  duration: ").unwrap();
    let (_, after) = rest.split_once('\n').unwrap();
    format!("{before}\n  duration: {MINUTES}m\n{after}")
}

/// What has become of a pod.
fn end<'a>(stage: &mut Stage, pod: &'a Value) -> End<'a> {
    let (phase, reason) = (&pod["status"]["phase"], &pod["status"]["reason"]);
    let times = stage.times_failed(name(pod));
    if times > 0 {
        assert_eq!((times, ready_reason(pod)), (1, "PodFailed"), "{pod:#}");
        assert_eq!([phase, reason], ["Failed", "ImagePullFailed"], "{pod:#}");
        let cause = true_condition(pod, "pullstop.dev/ImagePullFailed");
        return Fails(cause.unwrap_or_else(|| panic!("no condition: {pod:#}")));
    }
    match phase
        .as_str()
        .unwrap_or_else(|| panic!("no phase: {pod:#}"))
    {
        "Pending" => Waits,
        "Failed" => Ends(reason.as_str().unwrap_or_default()),
        _ => Runs,
    }
}

/// What may become of it. A Job's next try may still wait.
fn expected(trace: &str, name: &str) -> Vec<End<'static>> {
    let mut ends = Vec::new();
    for (_, pattern, end) in ENDS.iter().filter(|(of, ..)| *of == trace) {
        if fits(pattern, name) {
            ends.push(*end);
            ends.extend(pattern.ends_with('*').then_some(Waits));
        }
    }
    ends
}

fn fits(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(begin) => name.starts_with(begin),
        None => name == pattern,
    }
}

fn name(pod: &Value) -> &str {
    pod["metadata"]["name"].as_str().unwrap()
}
