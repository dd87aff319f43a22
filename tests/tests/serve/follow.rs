//! A client that lists and watches ends with the same objects as the store, whatever happens on the way.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use pullstop_apiserver::{Fault, Key, Rule};
use serde_json::Value;
use tokio::time::timeout;

use super::client::{Client, Next, Stream};

const PODS: &str = "/api/v1/namespaces/demo/pods";

/// Something that happens in the cluster, or on the line.
#[derive(Clone, Debug)]
enum Step {
    Put {
        name: u8,
        phase: u8,
    },
    Delete {
        name: u8,
    },
    Compact,
    Fault(Fault),
    /// The client reads what there is.
    Read,
    /// The client loses its connection.
    Disconnect,
    Wait {
        seconds: u8,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let fault = prop_oneof![
        (0..3_u32).prop_map(|after_events| Fault::Truncate { after_events }),
        (0..3_u32).prop_map(|after_events| Fault::Gone { after_events }),
        Just(Fault::Duplicate),
        Just(Fault::Drop),
        Just(Fault::Status {
            code: 503,
            retry_after_seconds: None
        }),
        Just(Fault::Delay { millis: 700 }),
    ];
    prop_oneof![
        8 => (0..6_u8, 0..3_u8).prop_map(|(name, phase)| Step::Put { name, phase }),
        3 => (0..6_u8).prop_map(|name| Step::Delete { name }),
        1 => Just(Step::Compact),
        2 => fault.prop_map(Step::Fault),
        4 => Just(Step::Read),
        1 => Just(Step::Disconnect),
        1 => (0..4_u8).prop_map(|seconds| Step::Wait { seconds }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_follower_ends_with_what_the_store_has(
        steps in prop::collection::vec(step(), 0..60),
        pending_only: bool,
        limit in 0..4_u8,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(run(steps, pending_only, limit));
    }
}

async fn run(steps: Vec<Step>, pending_only: bool, limit: u8) {
    let client = Client::new();
    let mut follower = Follower {
        client: &client,
        query: format!(
            "limit={limit}{}",
            if pending_only {
                "&fieldSelector=status.phase%3DPending"
            } else {
                ""
            }
        ),
        objects: BTreeMap::new(),
        version: None,
        stream: None,
    };
    for step in steps {
        match step {
            Step::Put { name, phase } => {
                let phase = ["Pending", "Running", "Failed"][usize::from(phase)];
                client.put(&format!("p{name}"), phase);
            }
            Step::Delete { name } => {
                client
                    .store
                    .delete(&Key::pod("demo", &format!("p{name}")), "test");
            }
            Step::Compact => client.store.compact(client.store.version()),
            Step::Fault(fault) => client.faults.add(Rule::every(fault).times(1)),
            Step::Read => follower.read().await,
            Step::Disconnect => follower.stream = None,
            Step::Wait { seconds } => {
                tokio::time::sleep(Duration::from_secs(seconds.into())).await;
            }
        }
    }
    client.faults.clear();
    // Once the line is sound, one round is enough, and one more if the version is gone.
    for _ in 0..4 {
        follower.stream = None;
        follower.read().await;
    }
    let stored = client.store.objects("", "pods");
    let expected: BTreeMap<String, Value> = stored
        .iter()
        .filter(|pod| !pending_only || pod["status"]["phase"] == "Pending")
        .map(|pod| (name(pod), Value::clone(pod)))
        .collect();
    assert_eq!(follower.objects, expected);
}

/// A client as client libraries are: list in pages, watch from there, on an error watch again, on 410 list again.
struct Follower<'a> {
    client: &'a Client,
    query: String,
    objects: BTreeMap<String, Value>,
    version: Option<String>,
    stream: Option<Stream>,
}

impl Follower<'_> {
    async fn read(&mut self) {
        if self.version.is_none() && !self.list().await {
            return;
        }
        if self.stream.is_none() && !self.open().await {
            return;
        }
        while let Some(stream) = &mut self.stream {
            // Enough for everything that there is to say, and less than the watch's own timeout.
            match timeout(Duration::from_millis(1500), stream.next()).await {
                Ok(Next::Line(line)) => self.take(&line),
                Ok(Next::End | Next::Cut(_)) => self.stream = None,
                Err(_) => return,
            }
        }
    }

    /// Whether the list could be read.
    async fn list(&mut self) -> bool {
        let mut objects = BTreeMap::new();
        let mut next = String::new();
        loop {
            let Some(page) = self
                .get(&format!("{PODS}?{}&continue={next}", self.query))
                .await
            else {
                return false;
            };
            for pod in page["items"].as_array().unwrap() {
                let mut pod = pod.clone();
                pod["apiVersion"] = "v1".into();
                pod["kind"] = "Pod".into();
                objects.insert(name(&pod), pod);
            }
            let metadata = &page["metadata"];
            let Some(token) = metadata["continue"].as_str() else {
                self.version = metadata["resourceVersion"].as_str().map(str::to_owned);
                self.objects = objects;
                return true;
            };
            token.clone_into(&mut next);
        }
    }

    async fn open(&mut self) -> bool {
        let version = self.version.clone().unwrap();
        let path = format!(
            "{PODS}?watch=1&{}&resourceVersion={version}&timeoutSeconds=2&allowWatchBookmarks=true",
            self.query
        );
        let headers = [("authorization", "Bearer admin")];
        match self.client.send("GET", &path, &headers, Vec::new()).await {
            Ok(answer) if answer.status() == 200 => {
                self.stream = Some(Stream::new(answer.into_body()));
                true
            }
            _ => false,
        }
    }

    fn take(&mut self, line: &Value) {
        let object = &line["object"];
        match line["type"].as_str().unwrap() {
            "ERROR" => {
                assert_eq!(object["code"], 410);
                self.version = None;
                self.stream = None;
                return;
            }
            "DELETED" => {
                self.objects.remove(&name(object));
            }
            "BOOKMARK" => {}
            _ => {
                self.objects.insert(name(object), object.clone());
            }
        }
        self.version = object["metadata"]["resourceVersion"]
            .as_str()
            .map(str::to_owned);
    }

    async fn get(&self, path: &str) -> Option<Value> {
        let headers = [("authorization", "Bearer admin")];
        let answer = self
            .client
            .send("GET", path, &headers, Vec::new())
            .await
            .ok()?;
        let answer = super::client::read(answer).await;
        (answer.status == 200).then_some(answer.body)
    }
}

fn name(pod: &Value) -> String {
    pod["metadata"]["name"].as_str().unwrap().to_owned()
}
