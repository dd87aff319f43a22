//! The real kubectl, where it is installed; what it asks for is asked in the other files without it.

use std::process::Command;

use pullstop_apiserver::{Clock, Options, Server};
use pullstop_cluster::scenario;
use pullstop_simulator::commands::serve;

const SCENARIO: &str = r#"
apiVersion: pullstop.dev/v1alpha1
kind: Scenario
metadata: {name: kubectl}
spec:
  duration: 2h
  images:
  - {image: "registry.example/typo:1", missing: true}
  workloads:
  - {pod: own, image: "registry.example/typo:1"}
  expect: []
"#;

/// What kubectl prints, and whether it was content. None if it is not here.
async fn kubectl(url: &str, arguments: &[&str]) -> Option<(bool, String)> {
    let mut command = Command::new("kubectl");
    command.arg("--server").arg(url).args(arguments);
    // No configuration of the user who runs the tests.
    command
        .env("KUBECONFIG", "/dev/null")
        .env("HOME", env!("CARGO_TARGET_TMPDIR"));
    let ran = tokio::task::spawn_blocking(move || command.output());
    let output = ran.await.unwrap().ok()?;
    let text = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8(text).unwrap()))
}

#[tokio::test]
async fn kubectl_creates_asks_and_explains() {
    let policy = &mut |_: &std::path::Path| unreachable!("it names no policy");
    let scenario = scenario::parse("kubectl", SCENARIO, policy).unwrap();
    let clock = Clock::wall().at_speed(60);
    let (mut bridge, store) = serve::cluster(&scenario, 1, clock).unwrap();
    let server = Server::start(store, Options::default()).await.unwrap();
    let url = server.url();
    tokio::select! {
        () = bridge.run_for(scenario.duration) => panic!("kubectl took two hours of the cluster"),
        () = talk(&url) => {}
    }
    server.stop().await;
}

async fn talk(url: &str) {
    for (line, is_content, said) in [
        (
            "create job good --image=registry.example/a:1 -- sleep 5",
            true,
            "job.batch/good created",
        ),
        (
            "wait --for=condition=complete job/good --timeout=30s",
            true,
            "condition met",
        ),
        ("create namespace foo", true, "namespace/foo created"),
        ("auth can-i create jobs", true, "yes"),
        ("auth whoami", true, "system:anonymous"),
        (
            "create deployment d --image=a",
            false,
            "has no controller for Deployments",
        ),
        (
            "explain pod.spec.containers.image",
            true,
            "FIELD: image <string>",
        ),
        ("get jobs", true, "DURATION"),
        ("logs own", false, "is waiting to start"),
        ("delete job good", true, "job.batch \"good\" deleted"),
        (
            "drain node-0 --force --timeout=30s",
            true,
            "node/node-0 drained",
        ),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let Some((was_content, text)) = kubectl(url, &words).await else {
            return;
        };
        assert!(
            was_content == is_content && text.contains(said),
            "kubectl {line}: {text}"
        );
    }
}
