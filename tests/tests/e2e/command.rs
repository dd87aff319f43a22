//! `simulator serve` as a command, and the story that `demo.sh` tells.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use pullstop_tests::{golden, outside_of_cargo, root, simulator};

use crate::scratch;

/// Without an enforcer, nobody fails the pod.
#[test]
fn it_says_how_to_use_it_and_what_did_not_come() {
    let scenario = root().join("scenarios/demo.yaml");
    let config = scratch::folder("serve").join("kubeconfig");
    let ran = simulator(&[
        "serve",
        scenario.to_str().unwrap(),
        "--speed",
        "1800",
        "--write-kubeconfig",
        config.to_str().unwrap(),
    ]);
    let kubeconfig = std::fs::read_to_string(&config).unwrap();
    let out = &ran.out;
    let url = out.split("served at ").nth(1).unwrap();
    let url = url.split_whitespace().next().unwrap();
    assert!(kubeconfig.contains(url), "{kubeconfig}");
    for said in [
        "1800 times faster than real time: 30m in 1s",
        "export KUBECONFIG=",
        "enforcer run --simulated --no-lease",
        "pod default/typo-0  Pending (ErrImagePull)",
        "pod default/tool  Succeeded",
        "After 30m",
        "✗ {job: typo, outcome: Failed, reason: PodFailurePolicy, pods: 1}",
        "scenarios/demo.yaml:26:5\n      expected Job typo to be Failed\n      got      Active",
        "✓ {pods: tool, neverFailed: true, runsBy: 25m}",
    ] {
        assert!(out.contains(said), "{said}\n{out}");
    }
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
}

#[test]
fn what_cannot_be_served_is_refused() {
    let ran = simulator(&["serve", "scenarios/none.yaml"]);
    assert_eq!(ran.code, 2);
    assert_eq!(ran.err, "error: scenarios/none.yaml: no such file\n");

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let scenario = root().join("scenarios/demo.yaml");
    let ran = simulator(&["serve", scenario.to_str().unwrap(), "--port", &port]);
    assert_eq!(ran.code, 3);
    let said = format!("cannot listen on port {port}");
    assert!(ran.err.contains(&said), "{}", ran.err);
}

/// The programs themselves, on a socket, in scaled time.
#[test]
fn the_demonstration_shows_what_it_promises() {
    let ran = demo().output().unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr),
    );
    assert!(ran.status.success(), "{out}\n{err}");
    assert_eq!(out.matches('✓').count(), 3, "{out}");
    let place = |said: &str| out.find(said).unwrap_or_else(|| panic!("{said}\n{out}"));
    let failed = place("job default/typo  Failed (PodFailurePolicy)");
    let next = place("job default/next  Active");
    assert!(place("pod default/typo-0  Failed (ImagePullFailed)") < failed);
    assert!(failed < next);
    assert!(place("Why default/typo-0 was failed") > next);
    golden("tests/golden/demo.txt", &narration(&out));
    let longest = out.lines().map(|line| line.chars().count()).max();
    assert!(longest < Some(140), "{out}");
    assert!(!out.contains('\u{1b}'), "{out}");
}

#[test]
fn the_demonstration_says_what_is_missing() {
    for (variables, said) in [
        (
            [
                ("SPEED", "fast"),
                ("SIMULATOR", "true"),
                ("ENFORCER", "true"),
            ],
            "demo.sh: SPEED is `fast`: it must be a whole number from 1 on, such as SPEED=10\n",
        ),
        (
            [
                ("SPEED", "60"),
                ("SIMULATOR", "./none"),
                ("ENFORCER", "true"),
            ],
            "demo.sh: there is no program ./none: see SIMULATOR and ENFORCER in demo.sh\n",
        ),
        (
            [
                ("SPEED", "60"),
                ("SIMULATOR", "false"),
                ("ENFORCER", "true"),
            ],
            "demo.sh: the simulated cluster did not start; see the error above\n",
        ),
    ] {
        let ran = demo().envs(variables).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&ran.stderr), said);
        assert_eq!(ran.status.code(), Some(1), "{said}");
    }
    let tools = scratch::folder("no-cargo");
    for tool in ["sh", "dirname", "cat"] {
        let path = std::env::var_os("PATH").unwrap();
        let mut places = std::env::split_paths(&path).map(|folder| folder.join(tool));
        let place = places.find(|place| place.is_file()).unwrap();
        std::os::unix::fs::symlink(place, tools.join(tool)).unwrap();
    }
    let mut without_cargo = demo();
    let ran = without_cargo.env("PATH", &tools).env_remove("SIMULATOR");
    let ran = ran.output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(
        said.starts_with("demo.sh: cargo is missing: install Rust"),
        "{said}"
    );
}

/// As a terminal does it: Ctrl-C goes to all of them. A process that stayed would hold the pipe open.
#[test]
fn the_demonstration_can_be_stopped() {
    let mut command = demo();
    command.process_group(0).stdout(Stdio::piped());
    let mut running = command.spawn().unwrap();
    let mut lines = BufReader::new(running.stdout.take().unwrap()).lines();
    let begun = |line: &String| line.contains("pod default/typo-0");
    assert!(lines.by_ref().map(Result::unwrap).any(|line| begun(&line)));
    let group = format!("-{}", running.id());
    let sent = Command::new("kill").args(["-INT", "--", &group]).status();
    assert!(sent.unwrap().success());
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(running.wait().unwrap().code(), Some(130), "{rest:?}");
    assert!(rest.iter().any(|line| line == "Stopped."), "{rest:?}");
}

fn demo() -> Command {
    let mut command = Command::new("sh");
    outside_of_cargo(&mut command).arg(root().join("demo.sh"));
    // It builds them, as at the first run.
    command.env_remove("SIMULATOR").env_remove("ENFORCER");
    command.env("PROFILE", "test");
    command
}

/// What the demonstration tells around the story, which is not the same to the second every time.
fn narration(out: &str) -> String {
    let is_story = |line: &str| line.contains("  pod default/") || line.contains("  job default/");
    let mut told: Vec<String> = Vec::new();
    for line in out.lines() {
        if !is_story(line) {
            told.push(masked(line));
        } else if told.last().is_none_or(|last| last != "…") {
            told.push("…".to_owned());
        }
    }
    told.join("\n") + "\n"
}

/// A line without what differs from run to run: places, and how much more than the rule asks for had been seen.
fn masked(line: &str) -> String {
    let is_measured = |word: &str| word.starts_with("2m") && word.ends_with('s');
    let words = line.split(' ').map(|word| match word {
        word if word.starts_with("http://") => "http://…",
        word if word.starts_with("KUBECONFIG=/") => "KUBECONFIG=…",
        word if word.ends_with("/simulator") => "simulator",
        word if word.ends_with("/enforcer") => "enforcer",
        word if is_measured(word) => "2m…s",
        "3" | "4" | "5" => "N",
        "3," | "4," | "5," => "N,",
        word => word,
    });
    words.collect::<Vec<_>>().join(" ")
}
