//! An API server that does next to nothing: what it answers lies ready in memory.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use kube::{Client, Config};
use pullstop_apiserver::Body;
use pullstop_enforcer::api::Api;
use pullstop_enforcer::metrics::Metrics;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

/// The version at which all lists are.
pub(crate) const LISTED_AT: u64 = 1;

/// What it answers.
#[derive(Debug, Default)]
pub struct Answers {
    /// The pages of a list of all pods.
    pub pages: Vec<Bytes>,
    /// The events of a watch that begins where the list ends. The watch ends with them, and the one behind it is silent.
    pub events: Vec<Bytes>,
    /// Bytes of pages that it sends in a second; as many as go through if none are given.
    pub bytes_a_second: Option<u64>,
}

/// The server, on a thread of its own.
#[derive(Debug)]
pub struct Server {
    url: String,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    answers: Answers,
    watched: Notify,
}

impl Server {
    /// Serves until the process ends.
    ///
    /// # Errors
    /// If there is no free port.
    pub fn start(answers: Answers) -> std::io::Result<Self> {
        let watched = Notify::new();
        let shared = Arc::new(Shared { answers, watched });
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let url = format!("http://{}", listener.local_addr()?);
        let runtime = runtime()?;
        let served = Arc::clone(&shared);
        std::thread::spawn(move || runtime.block_on(serve(listener, served)));
        Ok(Self { url, shared })
    }

    /// A client with connections of its own, as the enforcer makes it.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub fn api(&self, metrics: Arc<Metrics>) -> Api {
        let mut config = Config::new(self.url.parse().expect("the address is ours"));
        config.default_retry = false;
        let client = Client::try_from(config).expect("plain HTTP needs no keys");
        Api::new(client, metrics)
    }

    /// Waits until the next watch is opened: then everything before it has been read.
    pub async fn watched(&self) {
        self.shared.watched.notified().await;
    }
}

/// A runtime like the enforcer's.
///
/// # Errors
/// If the system refuses one.
pub fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

async fn serve(listener: std::net::TcpListener, shared: Arc<Shared>) {
    let listener = TcpListener::from_std(listener).expect("it does not block");
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(connection(stream, Arc::clone(&shared)));
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    // Small answers are to arrive when they are written.
    let _ = stream.set_nodelay(true);
    let answer = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(Response::new(shared.answer(request).await)) }
    });
    // Clients go as they like.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), answer)
        .await;
}

impl Shared {
    async fn answer(&self, request: Request<Incoming>) -> Body {
        let (head, body) = request.into_parts();
        let query = head.uri.query().unwrap_or_default();
        if head.method == Method::PATCH {
            let body = body
                .collect()
                .await
                .map(http_body_util::Collected::to_bytes);
            return Body::Whole(patched(&body.unwrap_or_default()));
        }
        if query.contains("watch=1") {
            self.watched.notify_one();
            return self.watch(query);
        }
        let from = query.split("continue=").nth(1).unwrap_or("0");
        let page = self.answers.pages.get(from.parse().unwrap_or(0));
        let page = page.cloned().unwrap_or_default();
        match self.answers.bytes_a_second {
            None => Body::Whole(page),
            Some(bytes) => paced(page, bytes),
        }
    }

    fn watch(&self, query: &str) -> Body {
        /// Few, as a socket holds few.
        const LINES_MAX: usize = 16;
        if !query.ends_with(&format!("resourceVersion={LISTED_AT}"))
            || self.answers.events.is_empty()
        {
            return Body::Silent;
        }
        let (sender, receiver) = mpsc::channel(LINES_MAX);
        let events = self.answers.events.clone();
        tokio::spawn(async move {
            for event in events {
                // The client may have gone.
                let _ = sender.send(Ok(event)).await;
            }
        });
        Body::Lines(receiver)
    }
}

/// A body that arrives at this pace.
fn paced(page: Bytes, bytes_a_second: u64) -> Body {
    /// What a network sends within less than a millisecond, which is as short as a timer can wait.
    const CHUNK_BYTES: usize = 1 << 19;
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        let begun = Instant::now();
        for at in (0..page.len()).step_by(CHUNK_BYTES) {
            let end = page.len().min(at + CHUNK_BYTES);
            let due = Duration::from_micros(end as u64 * 1_000_000 / bytes_a_second);
            tokio::time::sleep_until(begun + due).await;
            // The client may have gone.
            let _ = sender.send(Ok(page.slice(at..end))).await;
        }
    });
    Body::Lines(receiver)
}

/// The answer to a patch of a pod: all that the enforcer reads of it is the version, which is one higher.
fn patched(patch: &[u8]) -> Bytes {
    let patch: Value = serde_json::from_slice(patch).unwrap_or_default();
    let before = patch["metadata"]["resourceVersion"].as_str();
    let version: u64 = before.and_then(|v| v.parse().ok()).unwrap_or_default();
    json!({ "metadata": { "resourceVersion": (version + 1).to_string() } })
        .to_string()
        .into()
}
