//! What goes wrong on purpose.

use std::time::Duration;

use pullstop_apiserver::{Fault, Key, Rule};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::client::{Client, JSON, Next, STRATEGIC};

const PODS: &str = "/api/v1/namespaces/demo/pods";
const WATCH: &str = "/api/v1/namespaces/demo/pods?watch=1&timeoutSeconds=5";

fn with(fault: Fault) -> Client {
    let client = Client::new();
    client.put("a", "Pending");
    client.put("b", "Pending");
    client.faults.add(Rule::every(fault).times(1));
    client
}

#[tokio::test(start_paused = true)]
async fn refusals_have_their_code_and_pass() {
    for code in [409, 410, 429, 500, 503, 504] {
        let retry_after_seconds = (code == 429).then_some(7);
        let client = with(Fault::Status {
            code,
            retry_after_seconds,
        });
        let refused = client.get(PODS).await;
        assert_eq!(
            (refused.status, refused.body["code"].as_u64()),
            (code, Some(code.into()))
        );
        let after = refused
            .headers
            .get("retry-after")
            .map(|v| v.to_str().unwrap().to_owned());
        assert_eq!(after.as_deref(), (code == 429).then_some("7"));
        assert_eq!(client.get(PODS).await.status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn a_delay_delays() {
    let client = with(Fault::Delay { millis: 1500 });
    let started = Instant::now();
    assert_eq!(client.get(PODS).await.status, 200);
    assert_eq!(started.elapsed(), Duration::from_millis(1500));
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_a_write_that_was_made_and_a_dropped_request_is_none() {
    for (fault, written) in [(Fault::LoseAnswer, true), (Fault::Drop, false)] {
        let client = with(fault);
        let headers = [
            ("authorization", "Bearer admin"),
            ("content-type", STRATEGIC),
        ];
        let failed = json!({"status": {"phase": "Failed"}})
            .to_string()
            .into_bytes();
        let path = format!("{PODS}/a/status");
        assert!(client.send("PATCH", &path, &headers, failed).await.is_err());
        let pod = client.store.get(&Key::pod("demo", "a")).unwrap();
        assert_eq!(pod["status"]["phase"] == "Failed", written, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_says_nothing() {
    let client = with(Fault::Silent);
    assert!(
        timeout(Duration::from_secs(3600), client.get(PODS))
            .await
            .is_err()
    );
    let client = with(Fault::Silent);
    let mut watch = client.watch(WATCH).await;
    assert!(
        timeout(Duration::from_secs(3600), watch.next())
            .await
            .is_err()
    );
}

#[tokio::test(start_paused = true)]
async fn a_stale_read_sees_the_past() {
    let client = with(Fault::Stale { versions: 1 });
    let list = client.get(PODS).await;
    assert_eq!(list.body["items"].as_array().unwrap().len(), 1);
    assert_eq!(
        client.get(PODS).await.body["items"]
            .as_array()
            .unwrap()
            .len(),
        2
    );

    let client = with(Fault::Stale { versions: 1 });
    client.put("a", "Running");
    let stale = client.get(&format!("{PODS}/a")).await;
    assert_eq!(stale.body["status"]["phase"], "Pending");
}

#[tokio::test(start_paused = true)]
async fn streams_are_cut_muted_ended_and_doubled() {
    let client = with(Fault::Truncate { after_events: 1 });
    let mut watch = client.watch(WATCH).await;
    assert!(matches!(watch.next().await, Next::Line(_)));
    assert!(matches!(watch.next().await, Next::Cut(rest) if rest > 0));

    let client = with(Fault::Mute { after_events: 1 });
    let mut watch = client.watch(WATCH).await;
    assert!(matches!(watch.next().await, Next::Line(_)));
    assert!(
        timeout(Duration::from_secs(3600), watch.next())
            .await
            .is_err()
    );

    let client = with(Fault::Gone { after_events: 1 });
    assert_eq!(
        client.watch(WATCH).await.story().await,
        ["ADDED a", "ERROR 410"]
    );

    let client = with(Fault::Duplicate);
    let story = client.watch(WATCH).await.story().await;
    assert_eq!(story, ["ADDED a", "ADDED a", "ADDED b", "ADDED b"]);
}

#[tokio::test(start_paused = true)]
async fn scripts_inject_faults_over_http() {
    let client = Client::new();
    let path = "/simulator/faults";
    let rule =
        json!({"verb": "list", "resource": "pods", "times": 1, "fault": {"status": {"code": 503}}});
    let added = client.ask("POST", path, JSON, &rule).await;
    assert_eq!(
        (added.status, &added.body["faults"][0]["verb"]),
        (200, &json!("list"))
    );
    assert_eq!(client.get(PODS).await.status, 503);
    assert_eq!(client.get(path).await.body, json!({"faults": []}));

    let wrong = client
        .ask("POST", path, JSON, &json!({"fault": "tired"}))
        .await;
    assert_eq!(wrong.status, 400);
    assert!(
        wrong.body["message"].as_str().unwrap().contains("tired"),
        "{}",
        wrong.body
    );
    client
        .ask(
            "POST",
            path,
            JSON,
            &json!([{"fault": "drop"}, {"fault": "silent"}]),
        )
        .await;
    client.faults.clear();
    assert_eq!(client.get(PODS).await.status, 200);

    assert_eq!(
        client
            .ask("POST", "/simulator/compact", JSON, &Value::Null)
            .await
            .status,
        200
    );
    let old = client
        .watch("/api/v1/pods?watch=1&resourceVersion=1")
        .await
        .story()
        .await;
    assert_eq!(old, ["ERROR 410"]);

    let headers = [("authorization", "Bearer limited")];
    let refused = client
        .send("GET", path, &headers, Vec::new())
        .await
        .unwrap();
    assert_eq!(refused.status(), 403);
}
