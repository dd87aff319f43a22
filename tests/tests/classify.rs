//! `simulator classify` on the table of messages, and how it prints.

use pullstop_tests::{golden, path, simulator};
use serde_json::Value;

use crate::scratch;

#[test]
fn every_message_gets_its_cause() {
    let file = path("core/testdata/messages.jsonl");
    let ran = simulator(&["classify", "--output", "json", &file]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let text = std::fs::read_to_string(&file).unwrap();
    let rows: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let answers: Vec<Value> = ran
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows.len(), answers.len());
    assert!(rows.len() >= 150);
    for (row, answer) in rows.iter().zip(&answers) {
        assert_eq!(row["cause"], answer["cause"], "{row}\n{answer}");
        assert_eq!(row["permanence"], answer["permanence"], "{row}\n{answer}");
        let matched = answer["matched"].as_str().unwrap_or_default();
        let message = row["message"].as_str().unwrap();
        let reason = row["reason"].as_str().unwrap_or_default();
        assert!(
            message.contains(matched) || matched == reason,
            "{row}\n{answer}"
        );
    }
}

#[test]
fn the_table_covers_every_cause_and_runtime() {
    let text = std::fs::read_to_string(path("core/testdata/messages.jsonl")).unwrap();
    let rows: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for cause in pullstop_core::cause::Cause::ALL {
        assert!(
            rows.iter().any(|row| row["cause"] == cause.as_str()),
            "{cause}"
        );
    }
    for runtime in [
        "containerd 1.6",
        "containerd 1.7",
        "containerd 2.0",
        "containerd 2.1",
        "CRI-O",
        "cri-dockerd",
        "dockershim",
    ] {
        assert!(
            rows.iter().any(|row| row["runtime"] == runtime),
            "{runtime}"
        );
    }
}

#[test]
fn for_people() {
    let ran = simulator(&["classify", &path("tests/messages.txt")]);
    golden("tests/golden/classify.txt", &ran.out);
    let ran = simulator(&["classify", "--output", "json", &path("tests/messages.txt")]);
    golden("tests/golden/classify.jsonl", &ran.out);
}

/// Hostile messages take time in proportion to their length, and none is too long.
#[test]
fn hostile_messages_are_only_long() {
    let mut text = String::new();
    for part in [
        "[failed to pull ",
        "lookup ",
        "\\\\\\\"",
        "denied: ",
        "a/",
        "\u{1F600}",
        ", failed to resolve ",
        "pull image err: ",
    ] {
        text.push_str(&part.repeat(200_000 / part.len()));
        text.push('\n');
    }
    let file = scratch::file("hostile.txt", text);
    let ran = simulator(&["classify", "--output", "json", &file]);
    assert_eq!((ran.code, ran.out.lines().count()), (0, 8));
}
