//! What a hostile client, or a web page, cannot do to the simulated API.

use pullstop_apiserver::{Clock, Options, Server, Store};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::client::{Client, JSON, JSON_PATCH, START, read};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

async fn with_map() -> Client {
    let client = Client::new();
    let map = json!({"metadata": {"name": "m"}, "data": {"a": "x"}});
    assert_eq!(client.ask("POST", MAPS, JSON, &map).await.status, 201);
    client
}

async fn patch(client: &Client, operations: Vec<Value>) -> (u16, Value) {
    let answer = client
        .ask(
            "PATCH",
            &format!("{MAPS}/m"),
            JSON_PATCH,
            &operations.into(),
        )
        .await;
    (answer.status, answer.body["message"].clone())
}

/// A few bytes that double what is there, again and again: 30 times made 17 GB of 854 bytes.
#[tokio::test]
async fn a_small_patch_makes_no_large_object() {
    let client = with_map().await;
    let double = |n: usize| json!({"op": "copy", "from": "/data", "path": format!("/data/{n}")});
    let (status, said) = patch(&client, (0..20).map(double).collect()).await;
    assert_eq!(status, 422);
    assert_eq!(
        said,
        "the server rejected our request due to an error in our request"
    );

    let nothing = json!({"op": "test", "path": "/data/a", "value": "x"});
    let (status, said) = patch(&client, vec![nothing.clone(); 10_001]).await;
    let wanted = "Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001";
    assert_eq!((status, said), (413, json!(wanted)));
    assert_eq!(patch(&client, vec![nothing; 10_000]).await.0, 200);
}

#[tokio::test]
async fn an_object_grows_no_larger_than_etcd_takes() {
    let client = with_map().await;
    let add = |name: &str| json!({"op": "add", "path": format!("/data/{name}"), "value": "x".repeat(600_000)});
    assert_eq!(patch(&client, vec![add("b"), add("c")]).await.0, 200);
    let (status, said) = patch(&client, vec![add("d")]).await;
    assert_eq!(
        (status, said),
        (500, json!("etcdserver: request is too large"))
    );
}

#[tokio::test]
async fn a_web_page_reaches_nothing() {
    let client = with_map().await;
    let token = ("authorization", "Bearer admin");
    let page = ("origin", "https://evil.example");
    for (method, path) in [
        ("GET", "/api/v1/pods"),
        ("POST", "/simulator/cut"),
        ("POST", "/simulator/faults"),
        ("DELETE", "/simulator/faults"),
    ] {
        let json = ("content-type", JSON);
        let sent = client
            .send(method, path, &[token, page, json], b"[]".to_vec())
            .await;
        let refused = read(sent.unwrap()).await;
        assert_eq!(
            (refused.status, &refused.body["reason"]),
            (403, &json!("Forbidden")),
            "{path}"
        );
    }
    // A form of a page that does not say whence it comes.
    for kind in ["text/plain", "application/x-www-form-urlencoded", ""] {
        let headers = [token, ("content-type", kind)];
        let sent = client
            .send("POST", "/simulator/compact", &headers, Vec::new())
            .await;
        assert_eq!(sent.unwrap().status(), 415, "{kind}");
    }
    let asks_first = client
        .send("OPTIONS", "/simulator/cut", &[token], Vec::new())
        .await;
    assert_eq!(asks_first.unwrap().status(), 405);
}

/// A name that was made to point to this machine (DNS rebinding) still stands in `Host`.
#[tokio::test]
async fn a_local_server_goes_by_local_names_only() {
    let store = Store::new(Clock::from(START));
    let server = Server::start(store, Options::default()).await.unwrap();
    for (host, code) in [
        ("evil.example", 403),
        ("127.0.0.1", 200),
        ("localhost:1", 200),
    ] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();

        let text =
            format!("GET /simulator/clock HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {code} ")),
            "{host}: {answer}"
        );
    }
}
