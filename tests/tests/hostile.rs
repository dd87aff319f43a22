//! Text of others reaches no terminal as it is, and no input is waited for without end.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Parser;
use pullstop_core::text::{is_unprintable, printable_json};
use pullstop_tests::{path, simulator};
use serde_json::{Value, json};

use crate::scratch;

/// Clears the screen, sets the window's title, turns the text around, hides, and ends a line that was not at its end.
const HOSTILE: &str = "x\u{1b}[2J\u{1b}]0;t\u{7}\u{9b}2K\u{202e}\u{2066}\u{200b}\u{2028}\ry";

/// What a program printed, byte for byte: on the standard streams together, and its exit code.
fn printed(program: &str, args: &[&str]) -> (String, u8) {
    let all = std::iter::once(program).chain(args.iter().copied());
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = if program == "enforcer" {
        let args = pullstop_enforcer::Args::try_parse_from(all).unwrap();
        pullstop_enforcer::run(&args, &mut out, &mut err).unwrap()
    } else {
        let args = pullstop_simulator::Args::try_parse_from(all).unwrap();
        match pullstop_simulator::run(&args, &mut out, &mut err) {
            Ok(exit) => exit.code(),
            Err(failure) => {
                err.extend_from_slice(failure.to_string().as_bytes());
                failure.exit().code()
            }
        }
    };
    out.extend(err);
    (String::from_utf8(out).unwrap(), code)
}

/// The same without our own colours, which are the only escape sequences that may be in it.
fn without_colours(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        match behind.split_once('m') {
            Some((code, behind)) if code.bytes().all(|b| b.is_ascii_digit() || b == b';') => {
                rest = behind;
            }
            _ => {
                plain.push_str("\u{1b}[");
                rest = behind;
            }
        }
    }
    plain + rest
}

fn folder(name: &str) -> PathBuf {
    scratch::folder(&format!("hostile-{name}"))
}

fn file(folder: &Path, name: &str, text: &str) -> String {
    let file = folder.join(name);
    fs::write(&file, text).unwrap();
    file.display().to_string()
}

/// A recorded pod with hostile text under these keys.
fn recording(keys: &[&str]) -> String {
    let text = fs::read_to_string(path("tests/traces/missing-tag.jsonl")).unwrap();
    let mut lines = String::new();
    for line in text.lines() {
        let mut event: Value = serde_json::from_str(line).unwrap();
        poison(&mut event["object"], "", keys);
        lines.push_str(&event.to_string());
        lines.push('\n');
    }
    lines
}

/// Puts hostile text into what people, registries and clients write.
fn poison(value: &mut Value, key: &str, keys: &[&str]) {
    match value {
        Value::String(text) if keys.contains(&key) => text.push_str(HOSTILE),
        Value::Array(items) => items.iter_mut().for_each(|item| poison(item, key, keys)),
        Value::Object(members) => members
            .iter_mut()
            .for_each(|(key, member)| poison(member, key, keys)),
        _ => {}
    }
}

/// A policy that is wrong in hostile words, and one that is right.
fn policy(mode: &str) -> String {
    let rules = json!([{"name": HOSTILE, "causes": ["Timeout"], "attempts": 3, "duration": "1m", "action": "Fail"}]);
    let spec = json!({"mode": mode, "rules": rules, "scope": {"owners": [HOSTILE], "namespaces": {"include": [HOSTILE]}}});
    let policy = json!({
        "apiVersion": "pullstop.dev/v1alpha1", "kind": "ClusterPullFailurePolicy", "metadata": {"name": HOSTILE}, "spec": spec,
    });
    // YAML refuses some of these characters as they are; escaped, they arrive all the same.
    printable_json(&policy.to_string()).into_owned()
}

/// A scenario that fails, with a hostile name of an image and, if `named`, one that is refused.
fn scenario(named: bool) -> String {
    let quoted = |text: &str| printable_json(&json!(text).to_string()).into_owned();
    let name = quoted(if named { HOSTILE } else { "hostile" });
    let image = quoted(&format!("r.example/a:b{HOSTILE}"));
    format!(
        "apiVersion: pullstop.dev/v1alpha1\nkind: Scenario\nmetadata: {{name: {name}}}\nspec:\n  duration: 10m\n  workloads:\n  \
         - {{pod: stuck, image: {image}}}\n  expect:\n  - {{pods: stuck, phase: Running}}\n"
    )
}

#[test]
fn no_command_lets_text_of_others_through() {
    let folder = folder("text");
    let all = [
        "message",
        "image",
        "imageID",
        "name",
        "namespace",
        "nodeName",
    ];
    let recording = file(&folder, "recording.jsonl", &recording(&all));
    let pod: Value = serde_json::from_str(
        fs::read_to_string(&recording)
            .unwrap()
            .lines()
            .last()
            .unwrap(),
    )
    .unwrap();
    let pods = json!({"kind": "List", "apiVersion": "v1", "items": [pod["object"]]});
    let pods = file(&folder, "pods.json", &pods.to_string());
    let good = file(&folder, "good.yaml", &policy("Enforce"));
    let bad = file(&folder, "bad.yaml", &policy(HOSTILE));
    let refused = file(&folder, "refused.yaml", &scenario(true));
    let scenario = file(&folder, "scenario.yaml", &scenario(false));
    let messages = file(&folder, "messages.txt", HOSTILE);
    for (program, args) in [
        ("enforcer", &["policy", "check", &good][..]),
        ("enforcer", &["policy", "check", &bad]),
        ("enforcer", &["scan", "--from", &pods]),
        ("enforcer", &["scan", "--from", &pods, "--output", "wide"]),
        ("enforcer", &["scan", "--from", &pods, "--output", "json"]),
        ("enforcer", &["scan", "--from", &bad]),
        ("simulator", &["classify", &messages]),
        ("simulator", &["classify", "--output", "json", &messages]),
        ("simulator", &["replay", &recording]),
        ("simulator", &["replay", "--output", "json", &recording]),
        ("simulator", &["replay", "--policy", &bad, &recording]),
        ("simulator", &["import", &recording]),
        ("simulator", &["run", &refused]),
        ("simulator", &["run", &scenario]),
        ("simulator", &["run", "--output", "json", &scenario]),
        ("simulator", &["run", "--output", "junit", &scenario]),
        ("simulator", &["run", "--output", "github", &scenario]),
        ("simulator", &["run", "--output", "markdown", &scenario]),
        (
            "simulator",
            &["run", "--explain", "default/stuck", &scenario],
        ),
        ("simulator", &["lint", &scenario]),
        ("simulator", &["lint", "--output", "json", &scenario]),
        ("simulator", &["lint", "--output", "github", &scenario]),
        ("simulator", &["compare", &scenario]),
        ("simulator", &["compare", "--output", "json", &scenario]),
        ("simulator", &["timeline", "--out", "-", &scenario]),
    ] {
        let (text, code) = printed(program, args);
        let plain = without_colours(&text);
        let odd = plain.find(|c| is_unprintable(c) && c != '\n');
        assert_eq!(odd, None, "{program} {args:?}:\n{plain:?}");
        // Nothing is found wrong with the scenario.
        let may_be_silent = args[0] == "lint";
        assert!(
            may_be_silent || !text.is_empty(),
            "{program} {args:?} printed nothing"
        );
        assert!(code <= 2, "{program} {args:?} ended with {code}:\n{text}");
        if args.contains(&"json") {
            for line in text.lines().filter(|line| line.starts_with('{')) {
                serde_json::from_str::<Value>(line).unwrap();
            }
        }
    }
}

#[test]
fn what_import_writes_can_be_run() {
    let folder = folder("import");
    // The API server lets names of objects be nothing but names.
    let recording = recording(&["message", "image", "imageID"]);
    let recording = file(&folder, "hostile\u{202e}.jsonl", &recording);
    let out = folder.join("out.yaml").display().to_string();
    let (said, code) = printed("simulator", &["import", "--out", &out, &recording]);
    assert_eq!(code, 0, "{said}");
    let ran = simulator(&["run", &out]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
}

/// Ends the test instead of waiting for ever if a command does.
fn ends(program: &'static str, args: &[&str]) -> (String, u8) {
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let _ = sender.send(printed(program, &args));
    });
    // Long enough for any machine; a command that hangs never ends.
    receiver
        .recv_timeout(std::time::Duration::from_secs(60))
        .unwrap()
}

#[test]
fn pipes_and_devices_are_errors() {
    let folder = folder("pipes");
    let pipe = folder.join("pipe.yaml");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let pipe = pipe.display().to_string();
    let within = folder.display().to_string();
    for (program, args, said) in [
        ("enforcer", vec!["policy", "check", &pipe], "named pipe"),
        ("enforcer", vec!["policy", "check", "/dev/zero"], "device"),
        ("enforcer", vec!["scan", "--from", &pipe], "named pipe"),
        ("enforcer", vec!["run", "--policy", &pipe], "named pipe"),
        (
            "enforcer",
            vec!["scan", "--kubeconfig", &pipe],
            "named pipe",
        ),
        ("simulator", vec!["run", &pipe], "named pipe"),
        ("simulator", vec!["run", &within], "named pipe"),
        ("simulator", vec!["replay", "/dev/zero"], "device"),
        ("simulator", vec!["classify", &pipe], "named pipe"),
        ("simulator", vec!["import", &pipe], "named pipe"),
        ("simulator", vec!["lint", &pipe], "named pipe"),
        (
            "simulator",
            vec!["timeline", "--out", "-", &pipe],
            "named pipe",
        ),
    ] {
        let (text, code) = ends(program, &args);
        assert!(code == 2 || code == 3, "{program} {args:?}: {code} {text}");
        assert!(text.contains(said), "{program} {args:?}: {text}");
    }
}

#[test]
fn links_that_lead_back_are_errors_and_others_are_followed() {
    let folder = folder("links");
    fs::create_dir(folder.join("deep")).unwrap();
    let text = scenario(false);
    file(&folder.join("deep"), "a.yaml", &text);
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, folder.join(name)).unwrap();
    link("deep", "again");
    let within = folder.display().to_string();
    let (text, _) = ends("simulator", &["run", &within]);
    assert!(
        text.contains("1 run"),
        "once, though two paths lead there: {text}"
    );
    // Each of the two doubles the paths at every level.
    link("../../hostile-links", "deep/one");
    link("..", "deep/two");
    let (text, code) = ends("simulator", &["run", &within]);
    assert_eq!(code, 2, "{text}");
    assert!(
        text.contains("this link leads back to a folder that contains it: remove the link"),
        "{text}"
    );
}

/// What a shell makes of `<(command)`.
#[test]
fn pipes_of_the_shell_are_read() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let good = policy("Enforce");
    let writing = std::thread::spawn(move || writer.write_all(good.as_bytes()).unwrap());
    let descriptor = std::os::fd::AsRawFd::as_raw_fd(&reader);
    let (text, code) = ends(
        "enforcer",
        &["policy", "check", &format!("/dev/fd/{descriptor}")],
    );
    writing.join().unwrap();
    assert_eq!(code, 0, "{text}");
}
