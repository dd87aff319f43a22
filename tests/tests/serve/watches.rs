//! Watches: bookmarks, timeouts, versions that are gone, selections.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::client::{Client, Next, STRATEGIC, pod, told};

const PODS: &str = "/api/v1/namespaces/demo/pods";

#[tokio::test(start_paused = true)]
async fn a_watch_says_what_there_is_and_what_comes_and_ends_at_its_timeout() {
    let client = Client::new();
    client.put("a", "Pending");
    let started = Instant::now();
    let mut watch = client
        .watch(&format!("{PODS}?watch=1&timeoutSeconds=5"))
        .await;
    assert_eq!(told_next(watch.next().await), "ADDED a");
    client.put("b", "Pending");
    client.put("a", "Running");
    // Another namespace and another resource are none of its business.
    client
        .store
        .put(
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}}),
            "test",
        )
        .unwrap();
    client
        .store
        .put(
            json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}}),
            "test",
        )
        .unwrap();
    assert_eq!(watch.story().await, ["ADDED b", "MODIFIED a"]);
    assert_eq!(started.elapsed(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn bookmarks_come_every_minute_and_before_the_end() {
    let client = Client::new();
    let from = client.store.version();
    let query = format!("watch=1&resourceVersion={from}&timeoutSeconds=150");
    let mut watch = client
        .watch(&format!("{PODS}?{query}&allowWatchBookmarks=true"))
        .await;
    let mut quiet = client.watch(&format!("{PODS}?{query}")).await;
    client.store.advance(100);
    let started = Instant::now();
    for seconds in [60, 120, 148] {
        let Next::Line(line) = watch.next().await else {
            panic!("no bookmark");
        };
        assert_eq!(line["type"], "BOOKMARK");
        assert_eq!(line["object"]["metadata"]["resourceVersion"], "100");
        assert_eq!(started.elapsed().as_secs(), seconds);
    }
    assert_eq!(watch.next().await, Next::End);
    assert_eq!(quiet.next().await, Next::End);
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_forgotten_is_an_error_in_the_stream() {
    let client = Client::new();
    let old = client.store.version();
    client.put("a", "Pending");
    client.put("a", "Running");
    client.store.compact(client.store.version());
    let mut watch = client
        .watch(&format!("{PODS}?watch=1&resourceVersion={old}"))
        .await;
    assert_eq!(watch.story().await, ["ERROR 410"]);

    // A watch that has kept up does not notice.
    let now = client.store.version();
    let mut watch = client
        .watch(&format!(
            "{PODS}?watch=1&resourceVersion={now}&timeoutSeconds=3"
        ))
        .await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    client.store.compact(now);
    client.put("b", "Pending");
    assert_eq!(watch.story().await, ["ADDED b"]);
}

#[tokio::test(start_paused = true)]
async fn what_enters_and_leaves_a_selection_is_added_and_deleted() {
    let client = Client::new();
    let query = "watch=1&fieldSelector=status.phase%3DPending&timeoutSeconds=3";
    let mut watch = client.watch(&format!("{PODS}?{query}")).await;
    for phase in ["Pending", "Running", "Failed", "Pending"] {
        client.put("a", phase);
    }
    client
        .store
        .delete(&pullstop_apiserver::Key::pod("demo", "a"), "test");
    let lines = watch.lines().await;
    let story: Vec<String> = lines.iter().map(told).collect();
    assert_eq!(story, ["ADDED a", "DELETED a", "ADDED a", "DELETED a"]);
    // What has left is told in its old state, at the version at which it left.
    assert_eq!(lines[1]["object"]["status"]["phase"], "Pending");
    let version = |at: usize| {
        let text = lines[at]["object"]["metadata"]["resourceVersion"]
            .as_str()
            .unwrap();
        text.parse::<u64>().unwrap()
    };
    assert_eq!(version(1), version(0) + 1);
}

#[tokio::test(start_paused = true)]
async fn tables_and_metadata_are_watched_too() {
    let client = Client::new();
    client.put("a", "Pending");
    let accept = |form: &str| format!("application/json;as={form};g=meta.k8s.io;v=v1");
    let lines = async |form: &str| {
        let headers = [("authorization", "Bearer admin"), ("accept", &accept(form))];
        let path = format!("{PODS}?watch=1&timeoutSeconds=1");
        let answer = client
            .send("GET", &path, &headers, Vec::new())
            .await
            .unwrap();
        let mut stream = super::client::Stream::new(answer.into_body());
        client.put("b", "Pending");
        stream.lines().await
    };
    let table = lines("Table").await;
    assert_eq!(table[0]["object"]["rows"][0]["cells"][2], "Pending");
    assert!(table[0]["object"]["columnDefinitions"].is_array());
    assert!(table[1]["object"]["columnDefinitions"].is_null());
    let metadata = lines("PartialObjectMetadata").await;
    assert_eq!(metadata[0]["object"]["kind"], "PartialObjectMetadata");
    assert!(metadata[0]["object"]["status"].is_null());
}

#[tokio::test(start_paused = true)]
async fn a_list_and_a_watch_from_its_version_miss_nothing() {
    let client = Client::new();
    client.put("a", "Pending");
    let list = client.get(PODS).await;
    let version = list.body["metadata"]["resourceVersion"]
        .as_str()
        .unwrap()
        .to_owned();
    let failed = json!({"status": {"phase": "Failed"}});
    let patched = client
        .ask("PATCH", &format!("{PODS}/a/status"), STRATEGIC, &failed)
        .await;
    assert_eq!(patched.status, 200, "{}", patched.body);
    let path = format!("{PODS}?watch=1&resourceVersion={version}&timeoutSeconds=1");
    assert_eq!(client.watch(&path).await.story().await, ["MODIFIED a"]);
    assert_eq!(list.body["items"][0]["spec"], pod("a", "Pending")["spec"]);
}

fn told_next(next: Next) -> String {
    match next {
        Next::Line(line) => told(&line),
        other => format!("{other:?}"),
    }
}
