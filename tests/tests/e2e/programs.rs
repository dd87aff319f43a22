//! The programs themselves: `enforcer run` is killed again and again while `simulator serve` goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use pullstop_cluster::world::random::{Purpose, RandomStreams};
use pullstop_tests::{programs, root};
use serde_json::Value;

use super::faults::MIXED;
use crate::scratch;

/// How many times as fast the cluster's time passes.
const SPEED: &str = "60";
/// How often the enforcer is killed.
const KILLS: u32 = 100;
/// How long one lives at most: mostly long enough to find the cluster, and to see a little.
const LIFE_MS: u64 = 350;

#[test]
fn killed_a_hundred_times_the_program_forgets_nothing_and_does_nothing_twice() {
    let text = MIXED.replace("duration: 30m", "duration: 50m");
    let scenario = scratch::file("scenario.yaml", text);
    let folder = programs();
    let (simulator, enforcer) = (folder.join("simulator"), folder.join("enforcer"));
    let kubeconfig = scratch::folder("killed").join("kubeconfig");
    let mut cluster = serve(&simulator, scenario.as_ref(), &kubeconfig);
    let watching = watch(&std::fs::read_to_string(&kubeconfig).unwrap());

    let mut chance = RandomStreams::new(1).stream(Purpose::Enforcer, 0);
    for _ in 0..KILLS {
        let _killed = enforce(&enforcer, &kubeconfig);
        sleep(Duration::from_millis(chance.below(LIFE_MS)));
    }
    let still_on = cluster.0.try_wait().unwrap().is_none();
    assert!(still_on, "the scenario was over before the last kill");
    let _last = enforce(&enforcer, &kubeconfig);
    let out = cluster.output();

    assert_eq!(out.matches('✓').count(), 6, "{out}");
    assert_eq!(out.matches('✗').count(), 0, "{out}");
    let failed = failures(&watching.join().unwrap());
    let once = ["invalid", "stuck-0", "typo"].map(|pod| (pod.to_owned(), 1));
    assert_eq!(failed, BTreeMap::from(once), "{out}");
}

/// How often each pod was failed: every durable write has an annotation of its own.
fn failures(events: &[Value]) -> BTreeMap<String, usize> {
    let mut notes: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for event in events {
        let metadata = &event["object"]["metadata"];
        let note = &metadata["annotations"]["pullstop.dev/image-pull-failed"];
        if let (Some(name), Some(note)) = (metadata["name"].as_str(), note.as_str()) {
            notes.entry(name.to_owned()).or_default().insert(note);
        }
    }
    let count = |(name, notes): (String, BTreeSet<&str>)| (name, notes.len());
    notes.into_iter().map(count).collect()
}

/// Watches the pods of the cluster as long as it is served.
fn watch(kubeconfig: &str) -> JoinHandle<Vec<Value>> {
    let (_, server) = kubeconfig.split_once("http://").unwrap();
    let (address, _) = server.split_once('"').unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let request = "GET /api/v1/pods?watch=1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    std::thread::spawn(move || {
        let lines = BufReader::new(stream).lines().map_while(Result::ok);
        // Between the events are the lengths of chunks.
        lines
            .filter_map(|line| serde_json::from_str(&line).ok())
            .collect()
    })
}

/// A program that is killed when nobody needs it any more.
struct Running(Child);

impl Running {
    /// What it has printed when it has ended.
    fn output(&mut self) -> String {
        let mut out = String::new();
        let mut stdout = self.0.stdout.take().unwrap();
        std::io::Read::read_to_string(&mut stdout, &mut out).unwrap();
        out
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // On Unix this is SIGKILL. It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(simulator: &Path, scenario: &Path, kubeconfig: &Path) -> Running {
    let program = Command::new(simulator)
        .arg("serve")
        .arg(scenario)
        .args(["--speed", SPEED, "--write-kubeconfig"])
        .arg(kubeconfig)
        .stdout(Stdio::piped())
        .spawn();
    let running = Running(program.unwrap());
    let patience = Instant::now() + Duration::from_secs(20);
    while std::fs::read(kubeconfig).is_ok_and(|text| text.is_empty()) || !kubeconfig.exists() {
        assert!(Instant::now() < patience, "nothing is served");
        sleep(Duration::from_millis(20));
    }
    running
}

fn enforce(enforcer: &Path, kubeconfig: &Path) -> Running {
    let program = Command::new(enforcer)
        .args(["run", "--simulated", "--no-lease", "--listen=127.0.0.1:0"])
        .arg("--policy")
        .arg(root().join("docs/examples/enforce.yaml"))
        .env("KUBECONFIG", kubeconfig)
        .stderr(Stdio::null())
        .spawn();
    Running(program.unwrap())
}
