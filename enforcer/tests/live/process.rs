//! The program itself, over real sockets and in real time.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use pullstop_apiserver::{Fault, Options, Rule, Running, Server};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::cluster::Cluster;

/// An image name that no kubelet accepts: the shortest way to a verdict.
fn pod() -> Value {
    let waiting = json!({"reason": "InvalidImageName", "message": "couldn't parse image name \"NO\": invalid reference format"});
    json!({
        "kind": "Pod", "apiVersion": "v1",
        "metadata": {"name": "p", "namespace": "default", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z", "annotations": {}},
        "spec": {"restartPolicy": "Never", "nodeName": "n", "containers": [{"name": "main", "image": "NO"}]},
        "status": {"phase": "Pending", "conditions": [], "containerStatuses":
            [{"name": "main", "restartCount": 0, "state": {"waiting": waiting}}]},
    })
}

const POLICY: &str = "\
apiVersion: pullstop.dev/v1alpha1
kind: ClusterPullFailurePolicy
metadata: {name: quick}
spec:
  mode: Enforce
  rules:
  - {causes: [InvalidReference], attempts: 1, duration: 1s, action: Fail}
";

/// Serves the cluster on a port of this machine.
async fn serve(cluster: &Cluster) -> Running {
    let options = Options {
        faults: cluster.faults(),
        ..Options::default()
    };
    Server::start(cluster.store(), options).await.unwrap()
}

/// A folder with the file `config`, which leads clients to the server.
fn configure(name: &str, server: SocketAddr) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": "pullstop"}}],
        "clusters": [{"name": "c", "cluster": {"server": format!("http://{server}")}}],
        "users": [{"name": "u", "user": {}}],
    });
    std::fs::write(folder.join("config"), config.to_string()).unwrap();
    folder
}

/// What the running program answers.
fn ask(address: SocketAddr, path: &str) -> String {
    let Ok(mut stream) = TcpStream::connect(address) else {
        return String::new();
    };
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// What the program logs.
struct Log {
    lines: std::io::Lines<BufReader<ChildStderr>>,
    told: String,
}

impl Log {
    fn follow(stderr: ChildStderr) -> Self {
        let (lines, told) = (BufReader::new(stderr).lines(), String::new());
        Self { lines, told }
    }

    fn next(&mut self) -> Option<Value> {
        let line = self.lines.next()?.unwrap();
        self.told.push_str(&line);
        self.told.push('\n');
        Some(serde_json::from_str(&line).unwrap())
    }

    /// Where the program says that it serves these pages: reachable from this machine.
    fn address_of(&mut self, pages: &str) -> SocketAddr {
        let told: Vec<Value> = self
            .told
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let mut told = told.into_iter();
        loop {
            let line = told.next().or_else(|| self.next()).unwrap();
            if line["message"] == "listening" && line["pages"] == pages {
                let address: SocketAddr = line["address"].as_str().unwrap().parse().unwrap();
                return SocketAddr::from(([127, 0, 0, 1], address.port()));
            }
        }
    }

    fn rest(mut self) -> String {
        while self.next().is_some() {}
        self.told
    }
}

/// Ends the program if the test does not get that far.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_finds_its_cluster_fails_a_pod_and_ends_in_order() {
    let cluster = Cluster::new();
    cluster.put("p", pod());
    let server = serve(&cluster).await;
    let folder = configure("process", server.address);
    std::fs::write(folder.join("policy.yaml"), POLICY).unwrap();
    let program = Command::new(env!("CARGO_BIN_EXE_enforcer"))
        .env("KUBECONFIG", folder.join("config"))
        .args([
            "run",
            "--log-format=json",
            "--listen=:0",
            "--probes-listen=localhost:0",
            "--debug-listen=127.0.0.1:0",
            "--policy",
        ])
        .arg(folder.join("policy.yaml"))
        .stderr(Stdio::piped())
        .spawn();
    let mut program = Program(program.unwrap());
    let mut log = Log::follow(program.0.stderr.take().unwrap());
    let [metrics, probes, debug] =
        ["/metrics", "/livez /readyz", "/debug/state"].map(|pages| log.address_of(pages));

    let failed = async {
        while cluster.pod("p").unwrap()["status"]["phase"] != "Failed" {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(30), failed).await.unwrap();
    assert!(ask(probes, "/livez").starts_with("HTTP/1.1 200 "));
    assert!(ask(probes, "/readyz").starts_with("HTTP/1.1 200 "));
    let verdicts =
        "pullstop_verdicts_total{action=\"fail\",dry_run=\"false\",cause=\"InvalidReference\"} 1\n";
    assert!(ask(metrics, "/metrics").contains(verdicts));
    assert!(ask(debug, "/debug/state").contains("\"leader\": true"));

    let pid = program.0.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    let status = program.0.wait().unwrap();
    let log = log.rest();
    assert_eq!(status.code(), Some(0), "{log}");
    assert_eq!(cluster.lease()["spec"]["holderIdentity"], "", "{log}");
    let verdict = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .find(|line| line["message"] == "verdict")
        .unwrap();
    assert_eq!(
        (&verdict["namespace"], &verdict["cause"]),
        (&json!("default"), &json!("InvalidReference"))
    );
    assert!(
        verdict["trail"]
            .as_str()
            .unwrap()
            .contains("Judge/thresholds: rule `rule 1`: 1 of 1 failures"),
        "{verdict}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_asks_the_namespace_if_it_is_told_to() {
    let cluster = Cluster::new();
    cluster.put("p", pod());
    let off = json!({"name": "default", "annotations": {"pullstop.dev/mode": "off"}});
    cluster.put_object(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": off}));
    let server = serve(&cluster).await;
    let folder = configure("scan", server.address);
    let scan = |args: &[&str]| {
        let ran = Command::new(env!("CARGO_BIN_EXE_enforcer"))
            .env("KUBECONFIG", folder.join("config"))
            .arg("scan")
            .args(args)
            .output()
            .unwrap();
        let text = [ran.stdout, ran.stderr].concat();
        (ran.status.code(), String::from_utf8(text).unwrap())
    };
    let (_, said) = scan(&[]);
    assert!(said.contains("fail"), "{said}");
    let (_, said) = scan(&["--annotations-of=jobs,namespaces"]);
    assert!(said.contains("out of scope"), "{said}");
    let (code, retry_after_seconds) = (403, None);
    let forbidden = Fault::Status {
        code,
        retry_after_seconds,
    };
    server.faults.add(Rule::on("get", "namespaces", forbidden));
    let (code, said) = scan(&["--annotations-of=namespaces"]);
    let error = "error: cannot read the annotations of namespace default: forbidden";
    assert!(said.starts_with(error), "{said}");
    assert_eq!(code, Some(3));
}
