//! `simulator replay`: what people and programs read of it, and what it does with damaged recordings.

use pullstop_tests::{Ran, golden, path, simulator, traces};

use crate::scratch;

#[test]
fn stories_for_people() {
    for trace in [
        "missing-tag",
        "fixed-in-place",
        "burst-2",
        "recovers-after-push",
        "job-plain",
        "deploy-missing",
    ] {
        let ran = replay(&[&trace_file(trace)]);
        golden(&format!("tests/golden/replay/{trace}.txt"), &ran.out);
    }
    let ran = replay(&["--explain", "--for", "1h", &trace_file("basic-auth")]);
    golden("tests/golden/replay/basic-auth-explained.txt", &ran.out);
    let ran = replay(&["--explain", &trace_file("steady-0")]);
    golden("tests/golden/replay/steady-0-explained.txt", &ran.out);
}

#[test]
fn rows_for_programs() {
    let files: Vec<String> = traces().iter().map(|trace| trace_file(trace)).collect();
    let mut args = vec!["--output", "json"];
    args.extend(files.iter().map(String::as_str));
    golden("tests/golden/replay/all.jsonl", &replay(&args).out);
    let ran = replay(&["--output", "json", "--explain", &trace_file("missing-tag")]);
    golden("tests/golden/replay/missing-tag-explained.jsonl", &ran.out);
}

type Change = fn(&str) -> String;

#[test]
fn the_form_of_a_recording_does_not_matter() {
    let file = trace_file("job-plain");
    let expected = replay(&["--output", "json", &file]).out;
    let text = std::fs::read_to_string(&file).unwrap();
    let forms: [(&str, Change); 3] = [
        ("pretty-printed", |line| {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            serde_json::to_string_pretty(&value).unwrap() + "\n"
        }),
        ("with every event twice", |line| format!("{line}\n{line}\n")),
        ("with blank lines and CRLF", |line| {
            format!("{line}\r\n\r\n")
        }),
    ];
    for (form, change) in forms {
        let changed: String = text.lines().map(change).collect();
        let changed = scratch::file("form.jsonl", &changed);
        let out = replay(&["--output", "json", &changed])
            .out
            .replace(&changed, "tests/traces/job-plain.jsonl");
        assert_eq!(out, expected, "{form}");
    }
}

#[test]
fn without_times_of_arrival_attempts_are_counted_all_the_same() {
    let text = std::fs::read_to_string(trace_file("missing-tag")).unwrap();
    let untimed: String = text
        .lines()
        .map(|line| {
            let mut event: serde_json::Value = serde_json::from_str(line).unwrap();
            event.as_object_mut().unwrap().remove("received");
            format!("{event}\n")
        })
        .collect();
    let file = scratch::file("untimed.jsonl", &untimed);
    let ran = simulator(&["replay", "--output", "json", "--for", "1h", &file]);
    assert!(
        ran.err
            .contains("132 events do not say when they were received"),
        "{}",
        ran.err
    );
    let row: serde_json::Value = serde_json::from_str(ran.out.trim()).unwrap();
    assert_eq!(
        (&row["verdict"], &row["cause"]),
        (&"fail".into(), &"ManifestNotFound".into()),
        "{row}"
    );
}

#[test]
fn merged_recordings_are_one_cluster() {
    let (one, two) = (trace_file("steady-0"), trace_file("steady-1"));
    let ran = replay(&["--merge", "--output", "json", &one, &two]);
    assert_eq!(ran.out.lines().count(), 2);
    assert!(
        ran.out.contains("steady-0.jsonl") && ran.out.contains("steady-1.jsonl"),
        "{}",
        ran.out
    );
    let separate = replay(&["--output", "json", &one, &two]);
    assert_eq!(ran.out, separate.out, "pods do not yet know of each other");
}

#[test]
fn damaged_events_are_skipped_only_when_told_to() {
    let text = std::fs::read_to_string(trace_file("missing-tag")).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines[3].truncate(200);
    lines[9] = "not JSON at all".to_owned();
    let damaged = scratch::file("damaged.jsonl", lines.join("\n"));
    let ran = simulator(&["replay", &damaged]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(
        ran.err
            .contains(":4:201: the event that begins on line 4 is cut off here"),
        "{}",
        ran.err
    );
    let ran = simulator(&["replay", "--keep-going", "--output", "json", &damaged]);
    assert_eq!(ran.code, 0);
    assert!(
        ran.err.contains("skipped 2 damaged events in"),
        "{}",
        ran.err
    );
    assert!(ran.out.contains("\"verdict\":\"fail\""), "{}", ran.out);
}

#[test]
fn a_recording_without_pods_matches_nothing() {
    let empty = scratch::file("empty.jsonl", "\n\n");
    let ran = simulator(&["replay", &empty]);
    assert_eq!(ran.code, 4);
    assert!(ran.err.contains("warning: no pods in "), "{}", ran.err);
}

fn replay(args: &[&str]) -> Ran {
    let args: Vec<&str> = std::iter::once("replay")
        .chain(args.iter().copied())
        .collect();
    let ran = simulator(&args);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{args:?}");
    ran
}

fn trace_file(trace: &str) -> String {
    path(&format!("tests/traces/{trace}.jsonl"))
}
