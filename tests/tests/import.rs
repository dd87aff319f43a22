//! `simulator import`: every recording becomes a scenario that shows what was recorded.

use std::path::PathBuf;

use pullstop_tests::{golden, path, simulator, traces};
use serde_json::Value;

use crate::scratch::{self, folder};

#[test]
fn every_recording_becomes_a_scenario_that_comes_true() {
    let folder = folder("all");
    let traces = traces();
    for trace in &traces {
        import(&[trace], &folder.join(format!("{trace}.yaml")));
    }
    let ran = simulator(&["run", "--output", "json", &folder.display().to_string()]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert_eq!(ran.out.lines().count(), traces.len());
}

#[test]
fn what_was_guessed_is_said() {
    for trace in ["job-plain", "secret-late", "steady-0"] {
        let ran = simulator(&["import", &trace_file(trace)]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        golden(&format!("tests/golden/import/{trace}.yaml"), &ran.out);
    }
}

/// Nobody has touched these pods, and no controller replaces them: the simulation is judged as the recording was.
#[test]
fn the_scenario_is_judged_as_the_recording_was() {
    let folder = folder("judged");
    let policy = folder.join("policy.yaml").display().to_string();
    let text = "apiVersion: pullstop.dev/v1alpha1\nkind: ClusterPullFailurePolicy\nmetadata: {name: default}\nspec: \
                {mode: Enforce}\n";
    std::fs::write(&policy, text).unwrap();
    let mut compared = 0;
    for trace in traces() {
        let file = folder.join(format!("{trace}.yaml"));
        let scenario = import(&[&trace], &file);
        let by_hand = [
            "failPods",
            "editImage",
            "deletePods",
            "- {job: ",
            "- {deployment: ",
        ];
        if by_hand.iter().any(|what| scenario.contains(what)) {
            continue;
        }
        let recorded = rows(&["replay", "--output", "json", &trace_file(&trace)]);
        let failed = recorded
            .iter()
            .filter(|row| row["verdict"] == "fail")
            .count();
        let file = file.display().to_string();
        let simulated = rows(&["run", "--output", "json", "--policy", &policy, &file]);
        assert_eq!(simulated[0]["metrics"]["verdicts"], failed, "{trace}");
        compared += 1;
    }
    assert!(compared >= 25, "only {compared} were compared");
}

#[test]
fn several_recordings_are_one_cluster() {
    let file = folder("merged").join("merged.yaml");
    let scenario = import(&["missing-tag", "rate-limited"], &file);
    assert!(scenario.contains("# Imported from missing-tag.jsonl, rate-limited.jsonl."));
    for pod in ["{pod: missing-tag,", "{pod: rate-limited,"] {
        assert!(scenario.contains(pod), "{scenario}");
    }
    let ran = simulator(&["run", &file.display().to_string()]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
}

#[test]
fn pods_that_are_deleted_are_deleted() {
    let folder = folder("deleted");
    let recording = folder.join("deleted.jsonl").display().to_string();
    let text = std::fs::read_to_string(trace_file("missing-tag")).unwrap();
    let pods = text
        .lines()
        .filter(|line| line.contains("\"kind\":\"Pod\""));
    let pods: Vec<&str> = pods.collect();
    let (last, before) = pods.split_last().unwrap();
    let gone = last.replacen("\"MODIFIED\"", "\"DELETED\"", 1);
    assert_ne!(gone, **last);
    std::fs::write(&recording, format!("{}\n{gone}\n", before.join("\n"))).unwrap();
    let ran = simulator(&["import", &recording]);
    assert!(
        ran.out.contains("deletePods: {pods: default/missing-tag}"),
        "{}",
        ran.out
    );
    assert!(!ran.out.contains("expect:"), "{}", ran.out);
}

/// A recording that begins when pods are failing already does not show how they came to.
#[test]
fn recordings_that_begin_in_the_middle_come_true() {
    let folder = folder("cut");
    let traces = traces();
    let mut imported = 0;
    for trace in &traces {
        let text = std::fs::read_to_string(trace_file(trace)).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let recording = folder.join(format!("{trace}.jsonl")).display().to_string();
        std::fs::write(&recording, lines[lines.len() / 2..].join("\n")).unwrap();
        let file = folder.join(format!("{trace}.yaml")).display().to_string();
        let ran = simulator(&["import", "--out", &file, &recording]);
        // Nothing is left to play of pods that had ended by then.
        assert!([0, 4].contains(&ran.code), "{trace}: {}", ran.err);
        imported += usize::from(ran.code == 0);
    }
    assert!(imported + 5 >= traces.len(), "only {imported}");
    let ran = simulator(&["run", "--output", "json", &folder.display().to_string()]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
}

/// A kubelet that turns a pod away says so in the pod's phase, and nothing of its containers.
#[test]
fn pods_that_were_turned_away_end() {
    let pod = |second: u32, node: &str, status: &str| {
        format!(
            r#"{{"received": "2026-01-01T00:00:0{second}Z", "type": "MODIFIED", "object": {{"apiVersion": "v1", "kind": "Pod", "metadata": {{"name": "train", "namespace": "default", "uid": "a", "resourceVersion": "{second}"}}, "spec": {{{node}"containers": [{{"name": "main", "image": "registry.example/app:v1"}}]}}, "status": {{{status}}}}}}}"#
        )
    };
    let lines = [
        pod(1, "", r#""phase": "Pending""#),
        pod(2, r#""nodeName": "a", "#, r#""phase": "Pending""#),
        pod(
            3,
            r#""nodeName": "a", "#,
            r#""phase": "Failed", "reason": "OutOfcpu""#,
        ),
    ];
    let recording = scratch::file("away.jsonl", lines.join("\n"));
    let ran = simulator(&["import", &recording]);
    assert!(ran.out.contains("(OutOfcpu)"), "{}", ran.out);
    let scenario = scratch::file("away.yaml", &ran.out);
    let ran = simulator(&["run", &scenario]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
}

#[test]
fn a_recording_without_pods_is_no_scenario() {
    let empty = scratch::file("empty.jsonl", "\n");
    let ran = simulator(&["import", &empty]);
    assert_eq!((ran.code, ran.out.as_str()), (4, ""));
    assert_eq!(
        ran.err,
        "warning: the recordings have no pods: wrote no scenario\n"
    );
}

/// Imports recordings into `file`, and returns what stands in it.
fn import(traces: &[&str], file: &PathBuf) -> String {
    let out = file.display().to_string();
    let traces: Vec<String> = traces.iter().map(|trace| trace_file(trace)).collect();
    let mut args = vec!["import", "--out", &out];
    args.extend(traces.iter().map(String::as_str));
    let ran = simulator(&args);
    assert_eq!(
        (ran.code, ran.out.as_str(), ran.err.as_str()),
        (0, "", ""),
        "{args:?}"
    );
    std::fs::read_to_string(file).unwrap()
}

fn rows(args: &[&str]) -> Vec<Value> {
    let ran = simulator(args);
    let lines = ran.out.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn trace_file(trace: &str) -> String {
    path(&format!("tests/traces/{trace}.jsonl"))
}

/// A pod as it is recorded, with what else stands in its `spec` and what is told of its container.
fn recorded(at: &str, uid: &str, name: &str, spec: &str, state: &str) -> String {
    format!(
        r#"{{"received": "{at}", "type": "MODIFIED", "object": {{"apiVersion": "v1", "kind": "Pod", "metadata": {{"name": "{name}", "namespace": "default", "uid": "{uid}", "resourceVersion": "1"}}, "spec": {{{spec}"nodeName": "a", "restartPolicy": "Never", "containers": [{{"name": "main", "image": "registry.example/app:v1"}}]}}, "status": {{"phase": "Running", "containerStatuses": [{{"name": "main", "image": "registry.example/app:v1", "imageID": "x", "restartCount": 0, "ready": true, "state": {{{state}}}}}]}}}}}}
"#
    )
}

const RUNNING: &str = r#""running": {"startedAt": "2026-01-01T00:00:00Z"}"#;

/// Limits of decades are how many write "none"; times before any computer come from clocks that were never set.
#[test]
fn durations_beyond_any_scenario_become_valid_ones() {
    let ended = r#""terminated": {"exitCode": 0, "startedAt": "1975-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:02Z"}"#;
    let text = [
        recorded(
            "2026-01-01T00:00:01Z",
            "a",
            "limited",
            r#""activeDeadlineSeconds": 2147483647, "#,
            RUNNING,
        ),
        recorded(
            "2026-01-01T00:00:02Z",
            "b",
            "largest",
            r#""activeDeadlineSeconds": 18446744073709551615, "#,
            RUNNING,
        ),
        recorded("2026-01-01T00:00:03Z", "c", "old", "", ended),
    ];
    let recording = scratch::file("long.jsonl", text.concat());
    let file = folder("long").join("long.yaml").display().to_string();
    let ran = simulator(&["import", &recording, "--out", &file]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let text = std::fs::read_to_string(&file).unwrap();
    let note = "limited has a limit of 596523h14m7s, which no scenario reaches: it is left out.";
    assert!(text.replace("\n#  ", "").contains(note), "{text}");
    let ran = simulator(&["run", "--output", "json", &file]);
    assert_ne!(ran.code, 2, "{}{text}", ran.err);
}

#[test]
fn a_pod_that_ran_for_longer_than_a_day_runs_as_long() {
    let text = [
        recorded("2026-01-01T00:00:01Z", "a", "days", "", RUNNING),
        recorded("2026-01-03T00:00:01Z", "a", "days", "", RUNNING),
    ];
    let recording = scratch::file("days.jsonl", text.concat());
    let file = folder("days").join("days.yaml").display().to_string();
    assert_eq!(simulator(&["import", &recording, "--out", &file]).code, 0);
    let ran = simulator(&["run", &file]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
}

#[test]
fn a_recording_that_is_longer_than_any_scenario_is_refused_with_its_times() {
    let text = [
        recorded("2016-01-01T00:00:01Z", "a", "old", "", RUNNING),
        recorded("2026-01-01T00:00:01Z", "b", "new", "", RUNNING),
    ];
    let recording = scratch::file("decade.jsonl", text.concat());
    let ran = simulator(&["import", &recording]);
    let says = format!(
        "error: {recording}: the recording lasts from 2016-01-01T00:00:01.000Z to 2026-01-01T00:00:01.000Z, and a \
         scenario at most 8760h: import a part of it, or correct the `received` times if they are wrong\n"
    );
    assert_eq!((ran.code, ran.out, ran.err), (2, String::new(), says));
}

#[test]
fn a_uid_with_two_names_is_refused_at_its_place() {
    let first = recorded("2026-01-01T00:00:01Z", "a", "one", "", RUNNING);
    let second = recorded("2026-01-01T00:00:02Z", "a", "two", "", RUNNING);
    let both = scratch::file("both.jsonl", format!("{first}{second}"));
    let says = format!(
        "error: {both}:2:1: the uid `a` is default/one on line 1, and default/two here: no two pods have the same, was \
         the recording edited? Give one of them another uid, or leave it out\n"
    );
    for command in ["import", "replay"] {
        let ran = simulator(&[command, &both]);
        assert_eq!(
            (ran.code, ran.out.as_str(), &ran.err),
            (2, "", &says),
            "{command}"
        );
    }
    let skipped = simulator(&["replay", "--keep-going", &both]);
    assert_eq!(skipped.code, 0);
    assert!(
        skipped.err.contains("skipped 1 damaged event"),
        "{}",
        skipped.err
    );
    // Recordings that are one cluster share their uids; others may have the same.
    let (one, two) = (
        scratch::file("one.jsonl", first),
        scratch::file("two.jsonl", second),
    );
    let says = format!("{two}:1:1: the uid `a` is default/one in {one}, and default/two here");
    for command in [&["import"][..], &["replay", "--merge"]] {
        let ran = simulator(&[command, &[&one, &two]].concat());
        assert_eq!(ran.code, 2, "{command:?}");
        assert!(ran.err.contains(&says), "{}", ran.err);
    }
    assert_eq!(simulator(&["replay", &one, &two]).code, 0);
}
