//! The same API on a socket.

use std::time::Duration;

use pullstop_apiserver::{Clock, Fault, Key, Options, Rule, Running, Server, Store};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::client::{START, pod};

async fn start() -> (Store, Running) {
    let store = Store::new(Clock::from(START));
    store.put(pod("a", "Pending"), "test").unwrap();
    let server = Server::start(store.clone(), Options::default())
        .await
        .unwrap();
    (store, server)
}

async fn open(server: &Running, path: &str) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    BufReader::new(stream)
}

async fn all(mut stream: BufReader<TcpStream>) -> String {
    let mut text = String::new();
    timeout(Duration::from_secs(10), stream.read_to_string(&mut text))
        .await
        .unwrap()
        .unwrap();
    text
}

#[tokio::test]
async fn it_answers_over_http() {
    let (_, server) = start().await;
    let answer = all(open(&server, "/api/v1/namespaces/demo/pods/a").await).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    let pod: Value = serde_json::from_str(body).unwrap();
    assert_eq!(pod["metadata"]["name"], "a");
    assert_eq!(
        all(open(&server, "/readyz").await)
            .await
            .rsplit("\r\n")
            .next(),
        Some("ok")
    );
    assert!(server.url().starts_with("http://127.0.0.1:"));
}

#[tokio::test]
async fn a_stopped_server_ends_its_watches_and_frees_its_port() {
    let (store, server) = start().await;
    let mut watch = open(&server, "/api/v1/pods?watch=1").await;
    let mut seen = String::new();
    while !seen.contains("\"ADDED\"") {
        watch.read_line(&mut seen).await.unwrap();
    }
    store.put(pod("b", "Pending"), "test").unwrap();
    let address = server.address;
    timeout(Duration::from_secs(10), server.stop())
        .await
        .unwrap();
    // The last chunk says that the stream is whole.
    assert!(all(watch).await.ends_with("0\r\n\r\n"));
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn connections_are_cut_without_a_word() {
    let (_, server) = start().await;
    let mut watch = open(&server, "/api/v1/pods?watch=1").await;
    let mut seen = String::new();
    while !seen.contains("\"ADDED\"") {
        watch.read_line(&mut seen).await.unwrap();
    }
    server.faults.cut_connections();
    assert!(!all(watch).await.ends_with("0\r\n\r\n"));

    server.faults.add(Rule::every(Fault::Drop).times(1));
    assert_eq!(all(open(&server, "/version").await).await, "");

    server
        .faults
        .add(Rule::every(Fault::Truncate { after_events: 0 }).times(1));
    let text = all(open(&server, "/api/v1/pods?watch=1").await).await;
    assert!(
        text.contains("ADDED") && !text.ends_with("0\r\n\r\n"),
        "{text}"
    );
}

#[tokio::test]
async fn a_follower_of_the_store_learns_who_wrote_what() {
    let (store, server) = start().await;
    let before = store.version();
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let patch = r#"{"status":{"phase":"Failed"}}"#;
    let request = format!(
        "PATCH /api/v1/namespaces/demo/pods/a/status HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {}\r\n\
         Content-Type: application/merge-patch+json\r\nConnection: close\r\n\r\n{patch}",
        patch.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    timeout(Duration::from_secs(10), store.past(before))
        .await
        .unwrap();
    let changes = store.changes_since(before).unwrap();
    assert_eq!(changes.len(), 1);
    let change = &changes[0];
    assert_eq!(
        (&change.key, &*change.by),
        (&Key::pod("demo", "a"), "system:anonymous")
    );
    assert_eq!(
        change.before.as_ref().unwrap()["status"]["phase"],
        "Pending"
    );
    assert_eq!(change.after.as_ref().unwrap()["status"]["phase"], "Failed");
}
