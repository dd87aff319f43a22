//! Serves three pods, one of which can never pull its image, until Ctrl-C.
//!
//! ```text
//! cargo run -p pullstop-apiserver --example serve -- 8001 kubeconfig.yaml
//! kubectl --kubeconfig kubeconfig.yaml get pods --watch
//! ```

use std::net::Ipv4Addr;

use pullstop_apiserver::{Clock, Key, Kubelet, Options, Server, Store, Timing, kubeconfig};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
#[expect(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "an example for the command line"
)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().map_or(Ok(0), |port| port.parse())?;
    let store = Store::new(Clock::wall());
    for (name, reason) in [
        ("good", None),
        ("typo", Some("ImagePullBackOff")),
        ("new", Some("ContainerCreating")),
    ] {
        store.put(pod(name, reason), "example")?;
    }
    let typo = store.get(&Key::pod("default", "typo")).unwrap_or_default();
    store.put(event(&typo["metadata"]["uid"]), "example")?;
    let _kubelet = Kubelet::start(store.clone(), Timing::default());
    let options = Options {
        address: (Ipv4Addr::LOCALHOST, port).into(),
        ..Options::default()
    };
    let server = Server::start(store, options).await?;
    if let Some(file) = arguments.next() {
        std::fs::write(file, kubeconfig(&server.url(), None))?;
    }
    println!("serving at {}", server.url());
    tokio::signal::ctrl_c().await?;
    server.stop().await;
    Ok(())
}

fn pod(name: &str, waiting: Option<&str>) -> Value {
    let image = format!("registry.example/{name}:1");
    let (phase, state) = match waiting {
        None => ("Running", json!({"running": {}})),
        Some(reason) => ("Pending", json!({"waiting": {"reason": reason}})),
    };
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "restartPolicy": "Never", "nodeName": "node-0",
            "containers": [{"name": "main", "image": image}],
        },
        "status": {
            "phase": phase, "qosClass": "BestEffort",
            "conditions": [{"type": "Ready", "status": if waiting.is_none() { "True" } else { "False" }}],
            "containerStatuses": [{
                "name": "main", "image": image, "imageID": "", "ready": waiting.is_none(),
                "restartCount": 0, "state": state, "lastState": {},
            }],
        },
    })
}

fn event(uid: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": "typo.1", "namespace": "default"},
        "involvedObject": {
            "apiVersion": "v1", "kind": "Pod", "name": "typo", "namespace": "default", "uid": uid,
        },
        "type": "Warning", "reason": "Failed", "message": "Failed to pull image", "count": 3,
        "source": {"component": "kubelet", "host": "node-0"},
        "firstTimestamp": "2026-11-22T16:00:00Z", "lastTimestamp": "2026-11-22T16:05:00Z",
    })
}
