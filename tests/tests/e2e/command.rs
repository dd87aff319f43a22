//! `simulator serve` as a command, and the story that `demo.sh` tells.

use std::process::Command;

use pullstop_tests::{root, simulator};

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
        "1800 times as fast as yours: 30m in 1s",
        "export KUBECONFIG=",
        "enforcer run --simulated --no-lease",
        "pod default/typo-0  Pending (ErrImagePull)",
        "pod default/tool  Succeeded",
        "After 30m:",
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
    let ran = Command::new("sh")
        .arg(root().join("demo.sh"))
        .output()
        .unwrap();
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
    assert!(place("verdict deed=\"fail\" namespace=\"default\" pod=\"typo-0\"") > next);
}
