//! What a real API server answered is answered here too: `tests/api/transcripts.jsonl`, in order, against one server.
//!
//! The rest of the cluster (scheduler, kubelet, other clients) is played by [`World::before`]. Versions and times come
//! out the same; only uids differ, and the difference of two Go structures that one message ends with.

use std::collections::BTreeSet;
use std::time::Duration;

use hyper::header::HeaderMap;
use pullstop_apiserver::{Key, Kubelet, Timing};
use pullstop_tests::root;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::client::{Answer, Client, START, Stream, read};

const PODS: &str = "/api/v1/namespaces/demo/pods";
/// When something was to happen during a recorded watch.
const DURING_WATCH: Duration = Duration::from_millis(700);

#[tokio::test(start_paused = true)]
async fn the_api_answers_as_a_real_one() {
    let mut world = World::new(recorded("transcripts.jsonl"));
    let mut at = 0;
    while at < world.transcripts.len() {
        world.before(at).await;
        // What was written while a watch was open was recorded before it.
        at = match at {
            47 | 49 => world.watch(at + 1, &[at]).await,
            57 => world.watch(59, &[57, 58]).await,
            _ if world.transcripts[at]["response"]["stream"].is_array() => {
                world.watch(at, &[]).await
            }
            _ => world.ask(at).await,
        };
    }
    assert_eq!(at, 70);
}

pub(super) struct World {
    pub(super) client: Client,
    pub(super) transcripts: Vec<Value>,
    /// Recorded uids, and ours in their place.
    uids: Vec<(String, String)>,
    kubelet: Option<Kubelet>,
    started: Instant,
}

impl World {
    pub(super) fn new(transcripts: Vec<Value>) -> Self {
        Self {
            client: Client::new(),
            transcripts,
            uids: Vec::new(),
            kubelet: None,
            started: Instant::now(),
        }
    }

    /// What happened in the cluster before the transcript at this place.
    async fn before(&mut self, at: usize) {
        match at {
            5 => {
                let demo =
                    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "demo"}});
                self.client.store.put(demo, "admin").unwrap();
                self.version(15_261);
            }
            6 => self.create_two_more().await,
            10 => {
                self.until(25_000).await;
                self.kubelet_wrote("p2", 15_304, (11, "/items/0"));
                self.kubelet_wrote("p1", 15_308, (10, "/items/1"));
                self.kubelet_wrote("p0", 15_316, (10, "/items/0"));
                self.version(15_317);
            }
            20 => {
                self.kubelet_wrote("p2", 15_320, (45, ""));
                self.kubelet_wrote("p1", 15_322, (43, ""));
                self.version(15_323);
            }
            22 => self.until(28_000).await,
            36 => self.kubelet_wrote("p0", 15_328, (37, "")),
            47 => {
                self.until(29_000).await;
                self.kubelet_wrote("p1", 15_334, (49, ""));
                self.client
                    .store
                    .update(&Key::pod("demo", "p1"), "kubelet", unfail);
                self.kubelet_takes(300);
            }
            49 => {
                self.version(15_343);
                self.until(33_000).await;
                // It was quicker this time.
                self.kubelet_takes(100);
            }
            51 => self.client.store.compact(15_243),
            55 => self.version(15_355),
            57 => {
                self.until(45_250).await;
                self.version(15_356);
            }
            60 => self.kubelet = None,
            64 => {
                self.until(51_000).await;
                self.version(15_365);
            }
            _ => {}
        }
    }

    /// Asks what was asked, and compares the answers.
    async fn ask(&mut self, at: usize) -> usize {
        let answer = self.request(at).await;
        let recorded = self.transcripts[at]["response"].clone();
        let name = self.name(at);
        assert_eq!(
            Value::from(answer.status),
            recorded["status"],
            "{name}: {}",
            answer.body
        );
        let found = different_headers(&recorded["headers"], &answer.headers);
        assert!(found.is_empty(), "{name}: {}", found.join("\n"));
        self.compare(&name, &recorded["body"], answer.body);
        at + 1
    }

    /// Watches as was watched, with what else was asked meanwhile, and compares the lines.
    async fn watch(&mut self, at: usize, meanwhile: &[usize]) -> usize {
        let name = self.name(at);
        let (method, path, headers, body) = self.prepared(at);
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let answer = self
            .client
            .send(&method, &path, &headers, body)
            .await
            .unwrap();
        let recorded = self.transcripts[at]["response"].clone();
        assert_eq!(
            Value::from(answer.status().as_u16()),
            recorded["status"],
            "{name}"
        );
        let mut stream: Vec<Value> = recorded["stream"].as_array().unwrap().clone();
        if at == 50 {
            forget_last_pull(&mut stream);
        }
        let stream: Vec<&Value> = stream.iter().map(|line| &line["line"]).collect();
        if answer.status() != 200 {
            self.compare(&name, stream[0], read(answer).await.body);
            return at + 1;
        }
        let reading = tokio::spawn(async move { Stream::new(answer.into_body()).lines().await });
        if at == 54 {
            tokio::time::sleep(Duration::from_millis(360)).await;
            self.kubelet_wrote("p2", 15_353, (54, "/3"));
        } else if !meanwhile.is_empty() {
            tokio::time::sleep(DURING_WATCH).await;
        }
        for other in meanwhile {
            self.ask(*other).await;
        }
        let lines = reading.await.unwrap();
        assert_eq!(lines.len(), stream.len(), "{name}: {lines:#?}");
        for (line, recorded) in lines.into_iter().zip(stream) {
            self.compare(&name, recorded, line);
        }
        at + 1
    }

    async fn request(&self, at: usize) -> Answer {
        let (method, path, headers, body) = self.prepared(at);
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        read(
            self.client
                .send(&method, &path, &headers, body)
                .await
                .unwrap(),
        )
        .await
    }

    /// A recorded request, with our uids.
    pub(super) fn prepared(
        &self,
        at: usize,
    ) -> (String, String, Vec<(&'static str, String)>, Vec<u8>) {
        let request = &self.transcripts[at]["request"];
        let text = |member: &str| request[member].as_str().map(str::to_owned);
        let token = text("token").filter(|token| token != "none");
        let headers = [
            (
                "authorization",
                token.map(|token| format!("Bearer {token}")),
            ),
            ("content-type", text("contentType")),
            ("accept", text("accept")),
        ];
        let body = match &request["body"] {
            Value::Null => String::new(),
            Value::String(raw) => raw.clone(),
            body => body.to_string(),
        };
        let ours = |body: String, (recorded, ours): &(String, String)| body.replace(recorded, ours);
        let headers = headers
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        (
            text("method").unwrap(),
            text("path").unwrap(),
            headers.collect(),
            self.uids.iter().fold(body, ours).into_bytes(),
        )
    }

    fn compare(&mut self, name: &str, recorded: &Value, ours: Value) {
        let found = self.differences(recorded, ours);
        assert!(found.is_empty(), "{name}:\n{}", found.join("\n"));
    }

    /// Where two bodies differ, but for uids and what [`mask`] takes out.
    pub(super) fn differences(&mut self, recorded: &Value, mut ours: Value) -> Vec<String> {
        self.learn_uid(recorded, &ours);
        mask(&mut ours);
        let theirs = |text: String, (theirs, ours): &(String, String)| text.replace(ours, theirs);
        let ours = self.uids.iter().fold(ours.to_string(), theirs);
        let ours: Value = serde_json::from_str(&ours).unwrap();
        let mut recorded = recorded.clone();
        mask(&mut recorded);
        let mut found = Vec::new();
        differences("", &recorded, &ours, &mut found);
        found
    }

    /// An object that is new has a uid of ours.
    fn learn_uid(&mut self, recorded: &Value, ours: &Value) {
        let uid = |value: &Value| value["metadata"]["uid"].as_str().map(str::to_owned);
        if let (Some(recorded), Some(ours)) = (uid(recorded), uid(ours))
            && self.uids.iter().all(|(known, _)| *known != recorded)
        {
            self.uids.push((recorded, ours));
        }
    }

    async fn create_two_more(&mut self) {
        for (name, at, pointer) in [("p1", 10, "/items/1"), ("p2", 11, "/items/0")] {
            let mut pod = self.transcripts[5]["request"]["body"].clone();
            pod["metadata"]["name"] = name.into();
            pod["metadata"]["labels"]["app"] = name.into();
            let made = self
                .client
                .ask("POST", PODS, "application/json", &pod)
                .await;
            assert_eq!(made.status, 201);
            let recorded = self.recorded(at, pointer);
            self.learn_uid(&recorded, &made.body);
        }
    }

    /// The scheduler has bound the pod, and the kubelet has published what was recorded.
    fn kubelet_wrote(&self, name: &str, version: u64, (at, pointer): (usize, &str)) {
        let recorded = self.recorded(at, pointer);
        self.version(version - 1);
        self.client
            .store
            .update(&Key::pod("demo", name), "kubelet", |pod| {
                pod["spec"]["nodeName"] = recorded["spec"]["nodeName"].clone();
                let others = others_conditions(&pod["status"]);
                pod["status"] = recorded["status"].clone();
                let conditions = pod["status"]["conditions"].as_array_mut().unwrap();
                conditions.retain(|condition| !is_others(condition));
                conditions.splice(0..0, others);
            });
    }

    /// From now on a kubelet answers writes; so long after it has agreed, a sandbox is gone.
    fn kubelet_takes(&mut self, millis: u64) {
        let timing = Timing {
            restore: Duration::from_millis(millis),
            ..Timing::default()
        };
        self.kubelet = Some(Kubelet::start(self.client.store.clone(), timing));
    }

    /// A recorded object: in the body of an answer, or in a line of a watch.
    fn recorded(&self, at: usize, pointer: &str) -> Value {
        let response = &self.transcripts[at]["response"];
        let found = match &response["stream"] {
            Value::Null => response["body"].pointer(pointer),
            stream => stream.pointer(&format!("{pointer}/line/object")),
        };
        found.unwrap().clone()
    }

    /// Others have written to what is not here.
    pub(super) fn version(&self, version: u64) {
        self.client.store.advance(version);
    }

    /// Time passes until so long after the first pod was created.
    async fn until(&self, millis: u64) {
        tokio::time::sleep_until(self.started + Duration::from_millis(millis)).await;
    }

    pub(super) fn name(&self, at: usize) -> String {
        format!("{at} {}", self.transcripts[at]["name"])
    }
}

/// The transcripts in a file.
pub(super) fn recorded(file: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(root().join("tests/api").join(file)).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The pod as it was before it was failed.
fn unfail(pod: &mut Value) {
    let status = pod["status"].as_object_mut().unwrap();
    status.remove("reason");
    status.remove("message");
    status.insert("phase".to_owned(), "Pending".into());
}

/// When the real kubelet agreed for `p1`, it also told of a pull that had failed meanwhile. Ours pulls nothing.
fn forget_last_pull(stream: &mut [Value]) {
    let statuses = |at: usize| format!("/{at}/line/object/status/containerStatuses");
    let mut whole = Value::from(stream.to_vec());
    let before = whole.pointer(&statuses(4)).unwrap().clone();
    for at in [5, 6] {
        *whole.pointer_mut(&statuses(at)).unwrap() = before.clone();
    }
    stream.clone_from_slice(whole.as_array().unwrap());
}

/// The conditions that are not the kubelet's: it leaves them as they are.
fn others_conditions(status: &Value) -> Vec<Value> {
    let conditions = status["conditions"].as_array().into_iter().flatten();
    conditions
        .filter(|condition| is_others(condition))
        .cloned()
        .collect()
}

fn is_others(condition: &Value) -> bool {
    ["x", "pullstop.dev/ImagePullFailed"].contains(&condition["type"].as_str().unwrap())
}

/// Which of the recorded headers differ.
pub(super) fn different_headers(recorded: &Value, ours: &HeaderMap) -> Vec<String> {
    let recorded = recorded.as_object().into_iter().flatten();
    let pairs = recorded.map(|(name, value)| {
        let ours = ours.get(name.to_lowercase());
        (name, value.as_str(), ours.map(|v| v.to_str().unwrap()))
    });
    let different = pairs.filter(|(_, recorded, ours)| recorded != ours);
    different
        .map(|(name, recorded, ours)| format!("{name}: {recorded:?}, ours {ours:?}"))
        .collect()
}

/// Takes out what is not in the recording, or must differ.
fn mask(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("managedFields");
            members.values_mut().for_each(mask);
        }
        Value::Array(items) => items.iter_mut().for_each(mask),
        // The difference of two specifications, as Go's structures.
        Value::String(text) => {
            if let Some(end) = text.find("\n@@ ") {
                text.truncate(end);
            }
        }
        _ => {}
    }
}

/// Where two values differ, and how.
fn differences(path: &str, real: &Value, ours: &Value, found: &mut Vec<String>) {
    match (real, ours) {
        (Value::Object(real), Value::Object(ours)) => {
            let names: BTreeSet<&String> = real.keys().chain(ours.keys()).collect();
            for name in names {
                let of = |members: &Map<String, Value>| members.get(name).cloned();
                match (of(real), of(ours)) {
                    (Some(real), Some(ours)) => {
                        differences(&format!("{path}/{name}"), &real, &ours, found);
                    }
                    (real, ours) => found.push(format!("{path}/{name}: {real:?}, ours {ours:?}")),
                }
            }
        }
        (Value::Array(real), Value::Array(ours)) if real.len() == ours.len() => {
            for (at, (real, ours)) in real.iter().zip(ours).enumerate() {
                differences(&format!("{path}/{at}"), real, ours, found);
            }
        }
        (real, ours) if real == ours => {}
        (real, ours) => found.push(format!("{path}: {real}, ours {ours}")),
    }
}

#[test]
fn the_clock_starts_when_the_first_pod_was_created() {
    let created = recorded("transcripts.jsonl")[5].clone();
    let time = created["response"]["body"]["metadata"]["creationTimestamp"].as_str();
    assert_eq!(time, Some("2026-11-22T16:01:21Z"));
    assert_eq!(START.as_millis() % 1000, 0);
}
