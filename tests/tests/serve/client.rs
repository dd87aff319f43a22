//! A client without a socket.

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::HeaderMap;
use hyper::{Request, Response};
use pullstop_core::time::Timestamp;

use pullstop_apiserver::{Api, Auth, Body, Clock, Cut, Faults, Permission, Store};
use serde_json::{Value, json};

pub(super) const STRATEGIC: &str = "application/strategic-merge-patch+json";
pub(super) const MERGE: &str = "application/merge-patch+json";
pub(super) const JSON_PATCH: &str = "application/json-patch+json";
pub(super) const APPLY: &str = "application/apply-patch+yaml";
pub(super) const JSON: &str = "application/json";

/// 2026-11-22T16:01:21Z, when the first pod of the transcripts was created.
pub(super) const START: Timestamp = Timestamp::from_millis(1_795_363_281_000);

/// The API with users as the transcripts have them, and what is behind it.
pub(super) struct Client {
    pub(super) store: Store,
    pub(super) faults: Faults,
    api: Api,
}

/// An answer that has been read.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

impl Client {
    pub(super) fn new() -> Self {
        Self::of(Store::new(Clock::from(START)))
    }

    /// The same in front of this store.
    pub(super) fn of(store: Store) -> Self {
        let faults = Faults::default();
        let auth = Auth::closed()
            .with_user("admin", "admin", vec![Permission::all()])
            .with_user("limited", "limited", Vec::new());
        Self {
            api: Api::new(store.clone(), auth, faults.clone()),
            store,
            faults,
        }
    }

    /// Sends a request with all that belongs to it.
    pub(super) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Response<Body>, Cut> {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body))).unwrap();
        self.api.answer(request).await
    }

    /// Asks as the administrator.
    pub(super) async fn ask(&self, method: &str, path: &str, kind: &str, body: &Value) -> Answer {
        let body = match body {
            Value::Null => Vec::new(),
            Value::String(text) => text.clone().into_bytes(),
            other => other.to_string().into_bytes(),
        };
        let headers = [("authorization", "Bearer admin"), ("content-type", kind)];
        read(self.send(method, path, &headers, body).await.unwrap()).await
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, JSON, &Value::Null).await
    }

    pub(super) async fn watch(&self, path: &str) -> Stream {
        let headers = [("authorization", "Bearer admin")];
        let answer = self.send("GET", path, &headers, Vec::new()).await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        Stream::new(answer.into_body())
    }

    /// Stores a pod as others in the cluster would.
    pub(super) fn put(&self, name: &str, phase: &str) {
        self.store.put(pod(name, phase), "test").unwrap();
    }
}

pub(super) fn pod(name: &str, phase: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "demo", "labels": {"app": name}},
        "spec": {"nodeName": "node-a", "containers": [{"name": "main", "image": "a:1"}]},
        "status": {"phase": phase},
    })
}

pub(super) async fn read(answer: Response<Body>) -> Answer {
    let (head, body) = answer.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let text = || Value::from(String::from_utf8_lossy(&bytes).into_owned());
    Answer {
        status: head.status.as_u16(),
        headers: head.headers,
        body: serde_json::from_slice(&bytes).unwrap_or_else(|_| text()),
    }
}

/// The lines of a watch.
pub(super) struct Stream {
    body: Body,
    rest: Vec<u8>,
}

/// How a watch goes on.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Next {
    Line(Value),
    /// It has ended as it should.
    End,
    /// The connection is cut; so much of a line was left.
    Cut(usize),
}

impl Stream {
    pub(super) const fn new(body: Body) -> Self {
        Self {
            body,
            rest: Vec::new(),
        }
    }

    pub(super) async fn next(&mut self) -> Next {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                return Next::Line(serde_json::from_slice(&line).unwrap());
            }
            match self.body.frame().await {
                None => return Next::End,
                Some(Err(Cut)) => return Next::Cut(self.rest.len()),
                Some(Ok(frame)) => self.rest.extend(frame.into_data().unwrap()),
            }
        }
    }

    /// All lines until the end.
    pub(super) async fn lines(&mut self) -> Vec<Value> {
        let mut lines = Vec::new();
        while let Next::Line(line) = self.next().await {
            lines.push(line);
        }
        lines
    }

    /// All lines until the end, as `ADDED p0`.
    pub(super) async fn story(&mut self) -> Vec<String> {
        self.lines().await.iter().map(told).collect()
    }
}

/// A line in short.
pub(super) fn told(line: &Value) -> String {
    let kind = line["type"].as_str().unwrap();
    let name = line["object"]["metadata"]["name"].as_str();
    match (name, line["object"]["code"].as_u64()) {
        (Some(name), _) => format!("{kind} {name}"),
        (None, Some(code)) => format!("{kind} {code}"),
        (None, None) => kind.to_owned(),
    }
}
