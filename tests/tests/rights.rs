//! The enforcer with one right less than `deploy/` grants: what is missing is said in plain words, nobody is failed wrongly
//! meanwhile, and it goes on when the right is there.

use std::fmt::Write;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pullstop_apiserver::Permission;
use pullstop_enforcer::http::Listeners;
use pullstop_tests::golden;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use crate::live::{Setup, World, policy, rights};

/// What a person reads who has forgotten one of them.
#[tokio::test(start_paused = true)]
async fn each_right_that_is_missing_is_named() {
    let all = single(&rights("deploy/base/rbac.yaml"));
    assert_eq!(all.len(), 12, "{all:?}");
    let mut report = String::new();
    for missing in &all {
        let log = Log::default();
        let _logging = tracing::subscriber::set_default(log.subscriber());
        let rest = all.iter().filter(|right| *right != missing).cloned();
        let (probes, debug) = (listen().await, listen().await);
        let shown = [&probes, &debug].map(|listener| listener.local_addr().unwrap());
        let world = World::with(Setup {
            rights_at_first: Some(rest.collect()),
            listeners: Listeners {
                probes: Some(probes),
                debug: Some(debug),
                ..Listeners::default()
            },
            ..Setup::default()
        });
        let mut own = policy(&json!({"mode": "Enforce"}));
        own["kind"] = "PullFailurePolicy".into();
        own["metadata"]["namespace"] = "default".into();
        world.store.put(own, "admin").unwrap();

        sleep(Duration::from_secs(100)).await;
        let Permission {
            verbs, resources, ..
        } = missing;
        writeln!(report, "without {} {}:", verbs[0], resources[0]).unwrap();
        tell(&mut report, &world, shown, &log).await;
        let forbidden = world.metrics.text();
        let forbidden = forbidden.lines().filter(|line| {
            line.starts_with("pullstop_api_requests_total") && line.contains("result=\"forbidden\"")
        });
        let forbidden: Vec<&str> = forbidden.collect();
        assert_eq!(forbidden.len(), 1, "{forbidden:?}");
        let (counted, _) = forbidden[0].rsplit_once(' ').unwrap();
        writeln!(report, "  metric   {counted}").unwrap();

        world.granted.send_replace(true);
        sleep(Duration::from_secs(400)).await;
        writeln!(report, "granted:").unwrap();
        tell(&mut report, &world, shown, &log).await;
        assert_eq!(world.pod()["status"]["reason"], "ImagePullFailed");
        writeln!(report).unwrap();
        world.stop.send_replace(true);
        sleep(Duration::from_secs(10)).await;
    }
    golden("tests/golden/rights.txt", &report);
}

async fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// What is to be seen at the moment: logs, probe, the pod.
async fn tell(report: &mut String, world: &World, [probes, debug]: [SocketAddr; 2], log: &Log) {
    for line in log.take() {
        writeln!(report, "  log      {line}").unwrap();
    }
    let (status, text) = ask(probes, "/readyz").await;
    for line in text.lines() {
        writeln!(report, "  readyz   {status} {line}").unwrap();
    }
    let (_, state) = ask(debug, "/debug/state").await;
    let state: Value = serde_json::from_str(&state).unwrap();
    let missing = state["missingPermissions"].as_array().unwrap();
    assert!(
        missing
            .iter()
            .all(|right| text.contains(right.as_str().unwrap()))
    );
    let phase = world.pod()["status"]["phase"].clone();
    writeln!(report, "  pod      {}", phase.as_str().unwrap()).unwrap();
}

/// Rights with one verb and one resource each.
fn single(rights: &[Permission]) -> Vec<Permission> {
    let mut all = Vec::new();
    for right in rights {
        for verb in &right.verbs {
            for resource in &right.resources {
                all.push(Permission {
                    verbs: vec![verb.clone()],
                    resources: vec![resource.clone()],
                    ..right.clone()
                });
            }
        }
    }
    all
}

/// The status and the body of a page.
async fn ask(address: SocketAddr, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().to_owned(), body.to_owned())
}

/// What is logged about rights.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn subscriber(&self) -> impl tracing::Subscriber + Send + Sync + use<> {
        let log = self.clone();
        tracing_subscriber::fmt()
            .with_env_filter("pullstop_enforcer::api::rights=info")
            .with_ansi(false)
            .without_time()
            .with_target(false)
            .with_writer(move || log.clone())
            .finish()
    }

    fn take(&self) -> Vec<String> {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap());
        let text = String::from_utf8(bytes).unwrap();
        text.lines().map(|line| line.trim().to_owned()).collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
