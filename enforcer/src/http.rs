//! The HTTP pages `/metrics`, `/livez`, `/readyz` and `/debug/state`.

mod address;
mod server;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::CONTENT_TYPE;
use hyper::{Method, Request, Response, StatusCode};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

pub use self::address::ListenAddress;
use crate::api::{Refusals, Right};
use crate::drive::{Question, State};
use crate::metrics::Metrics;

/// A driver that does not answer for this long hangs.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Where the pages are served, if anywhere. Each listener has its own limit of connections, so that clients of one cannot
/// block the others.
#[derive(Debug, Default)]
pub struct Listeners {
    /// `/metrics`.
    pub metrics: Option<TcpListener>,
    /// `/livez` and `/readyz`.
    pub probes: Option<TcpListener>,
    /// `/debug/state`, which names pods and images of all tenants.
    pub debug: Option<TcpListener>,
}

impl fmt::Display for Listeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sites = [
            (&self.metrics, Site::Metrics),
            (&self.probes, Site::Probes),
            (&self.debug, Site::Debug),
        ];
        let mut between = "";
        for (listener, site) in sites {
            if let Some(address) = listener.as_ref().and_then(|it| it.local_addr().ok()) {
                write!(f, "{between}{address} ({})", site.pages())?;
                between = ", ";
            }
        }
        if between.is_empty() {
            f.write_str("nowhere")?;
        }
        Ok(())
    }
}

/// What one listener serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Site {
    Metrics,
    Probes,
    Debug,
}

impl Site {
    const fn pages(self) -> &'static str {
        match self {
            Self::Metrics => "/metrics",
            Self::Probes => "/livez /readyz",
            Self::Debug => "/debug/state",
        }
    }

    /// Clients at a time. The state is large, and for one person.
    const fn connections_max(self) -> usize {
        match self {
            Self::Metrics | Self::Probes => 64,
            Self::Debug => 4,
        }
    }
}

/// The sources of the pages.
#[derive(Clone, Debug)]
pub struct Pages {
    /// What is counted and measured.
    pub metrics: Arc<Metrics>,
    /// What the API server does not allow.
    pub refusals: Arc<Refusals>,
    /// To ask the driver how it is.
    pub questions: mpsc::Sender<Question>,
}

/// Serves forever. Dropping the future closes its connections.
pub async fn serve(listeners: Listeners, pages: Pages) {
    let Listeners {
        metrics,
        probes,
        debug,
    } = listeners;
    tokio::join!(
        pages.serve(metrics, Site::Metrics),
        pages.serve(probes, Site::Probes),
        pages.serve(debug, Site::Debug),
    );
}

impl Pages {
    async fn serve(&self, listener: Option<TcpListener>, site: Site) {
        let Some(listener) = listener else { return };
        if let Ok(address) = listener.local_addr() {
            tracing::info!(%address, pages = site.pages(), "listening");
        }
        let pages = self.clone();
        let answer = move |request| {
            let pages = pages.clone();
            async move { pages.answer(site, &request).await }
        };
        server::serve(listener, site.connections_max(), answer).await;
    }

    async fn answer<B>(&self, site: Site, request: &Request<B>) -> Response<Full<Bytes>> {
        if request.method() != Method::GET && request.method() != Method::HEAD {
            let text = "only GET is allowed\n".to_owned();
            return page(StatusCode::METHOD_NOT_ALLOWED, TEXT, text);
        }
        let silence = || {
            let text = "the driver does not respond\n".to_owned();
            page(StatusCode::SERVICE_UNAVAILABLE, TEXT, text)
        };
        match (site, request.uri().path()) {
            (Site::Metrics, "/metrics") => page(
                StatusCode::OK,
                "text/plain; version=0.0.4",
                self.metrics.text(),
            ),
            (Site::Probes, "/livez") => match self.state(false).await {
                Some(_) => page(StatusCode::OK, TEXT, "ok\n".to_owned()),
                None => silence(),
            },
            (Site::Probes, "/readyz") => {
                let state = self.state(false).await;
                let (status, text) = readiness(state.as_ref(), &self.refusals.missing());
                page(status, TEXT, text)
            }
            (Site::Debug, "/debug/state") => match self.state(true).await {
                Some(state) => page(
                    StatusCode::OK,
                    "application/json",
                    format!("{:#}\n", debug(&state, &self.refusals.missing())),
                ),
                None => silence(),
            },
            _ => page(StatusCode::NOT_FOUND, TEXT, format!("{}\n", site.pages())),
        }
    }

    async fn state(&self, with_pods: bool) -> Option<State> {
        let (asker, answer) = oneshot::channel();
        let question = Question {
            with_pods,
            answer: asker,
        };
        let told = async {
            self.questions.send(question).await.ok()?;
            answer.await.ok()
        };
        tokio::time::timeout(ANSWER_TIMEOUT, told)
            .await
            .ok()
            .flatten()
    }
}

const TEXT: &str = "text/plain; charset=utf-8";

fn page(status: StatusCode, content_type: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        hyper::header::HeaderValue::from_static(content_type),
    );
    response
}

/// The answer to `/readyz`: what keeps the enforcer from working, and which permissions are missing.
fn readiness(state: Option<&State>, missing: &[&Right]) -> (StatusCode, String) {
    let (vital, other): (Vec<&Right>, Vec<&Right>) = missing.iter().partition(|right| right.vital);
    let mut lines: Vec<String> = vital
        .iter()
        .map(|right| format!("not ready: {right}\n"))
        .collect();
    match state {
        None => lines.push("not ready: the driver does not respond\n".to_owned()),
        // What is not allowed says why.
        Some(state) if !state.view_is_whole && lines.is_empty() => {
            lines.push("not ready: the list of pods is not complete\n".to_owned());
        }
        Some(_) => {}
    }
    let status = if lines.is_empty() {
        lines.push("ok\n".to_owned());
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    if let Some(stop) = state.and_then(|state| state.stop.as_ref()) {
        lines.push(format!("stopped: {stop}\n"));
    }
    lines.extend(other.iter().map(|right| format!("{right}\n")));
    (status, lines.concat())
}

fn debug(state: &State, missing: &[&Right]) -> serde_json::Value {
    let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
    let pods: Vec<_> = state
        .pods
        .iter()
        .map(|(pod, explanations)| {
            let containers: Vec<_> = explanations
                .iter()
                .map(|said| {
                    let trail: Vec<String> = said.trail.iter().map(ToString::to_string).collect();
                    json!({ "name": said.container, "image": said.image, "trail": trail })
                })
                .collect();
            json!({ "namespace": pod.namespace(), "name": pod.name(), "uid": pod.uid(), "containers": containers })
        })
        .collect();
    json!({
        "synced": state.view_is_whole,
        "missingPermissions": missing,
        "leader": state.leader,
        "stopped": state.stop.as_ref().map(ToString::to_string),
        "mode": state.mode.map(pullstop_core::policy::Mode::as_str),
        "watchLagSeconds": state.watch_lag.as_secs(),
        "queueDepth": state.queue,
        "trackedPods": state.tracked,
        "pods": pods,
    })
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use pullstop_core::engine::Explanation;
    use pullstop_core::pod::PodRef;
    use pullstop_core::wire::WirePod;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    /// A program that answers questions with `state`.
    struct Shown {
        metrics: SocketAddr,
        probes: SocketAddr,
        debug: SocketAddr,
    }

    async fn show(state: State) -> Shown {
        let (questions, mut asked) = mpsc::channel::<Question>(1);
        tokio::spawn(async move {
            while let Some(question) = asked.recv().await {
                let pods = if question.with_pods {
                    state.pods.clone()
                } else {
                    Vec::new()
                };
                // The asker may be gone.
                let _ = question.answer.send(State {
                    pods,
                    ..state.clone()
                });
            }
        });
        let (mut listeners, mut addresses) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            addresses.push(listener.local_addr().unwrap());
            listeners.push(listener);
        }
        let listeners = Listeners {
            debug: listeners.pop(),
            probes: listeners.pop(),
            metrics: listeners.pop(),
        };
        let pages = Pages {
            metrics: Arc::default(),
            refusals: Arc::default(),
            questions,
        };
        tokio::spawn(serve(listeners, pages));
        Shown {
            metrics: addresses[0],
            probes: addresses[1],
            debug: addresses[2],
        }
    }

    async fn send(address: SocketAddr, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("{request} HTTP/1.1\r\nHost: x\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    /// The status with which a request is answered.
    async fn ask(address: SocketAddr, request: &str) -> String {
        let mut text = String::new();
        let mut stream = send(address, request).await;
        stream.read_to_string(&mut text).await.unwrap();
        text.split(' ').nth(1).unwrap().to_owned()
    }

    /// More than the buffers of a connection hold.
    fn large() -> State {
        let pod =
            r#"{"metadata": {"namespace": "n", "name": "p", "uid": "u", "resourceVersion": "1"}}"#;
        let pod: WirePod = serde_json::from_str(pod).unwrap();
        let said = Explanation {
            container: "c".to_owned(),
            image: "i".repeat(8 << 20),
            trail: Vec::new(),
        };
        State {
            view_is_whole: true,
            pods: vec![(pod.snapshot(None, PodRef::new).unwrap(), vec![said])],
            ..State::default()
        }
    }

    #[tokio::test]
    async fn each_listener_has_pages_of_its_own() {
        let shown = show(large()).await;
        for (address, page) in [
            (shown.metrics, "/metrics"),
            (shown.probes, "/livez"),
            (shown.probes, "/readyz"),
            (shown.debug, "/debug/state"),
        ] {
            for other in [shown.metrics, shown.probes, shown.debug] {
                let status = if other == address { "200" } else { "404" };
                assert_eq!(ask(other, &format!("GET {page}")).await, status, "{page}");
            }
            assert_eq!(ask(address, &format!("POST {page}")).await, "405");
        }
    }

    #[test]
    fn who_is_stopped_is_ready_and_says_so() {
        let stop = crate::lease::Stop {
            lease: "pullstop-system/pullstop".to_owned(),
            value: "true".to_owned(),
            by: Some("kubectl-annotate".to_owned()),
            since: pullstop_core::time::Timestamp::from_millis(1_767_225_600_000),
        };
        let state = State {
            view_is_whole: true,
            stop: Some(stop),
            ..State::default()
        };
        let (status, text) = readiness(Some(&state), &[]);
        assert_eq!(status, StatusCode::OK);
        assert_eq!(
            text,
            "ok\nstopped: all writes, by kubectl-annotate, since 2026-01-01T00:00:00Z: the Lease pullstop-system/pullstop \
             has the annotation `pullstop.dev/stop: true`\n"
        );
    }

    #[tokio::test]
    async fn a_view_that_is_not_whole_is_not_ready() {
        let shown = show(State::default()).await;
        assert_eq!(ask(shown.probes, "GET /livez").await, "200");
        assert_eq!(ask(shown.probes, "GET /readyz").await, "503");
    }

    #[tokio::test]
    async fn clients_that_ask_and_never_read_keep_nobody_from_a_probe() {
        let shown = show(large()).await;
        let mut silent = Vec::new();
        for _ in 0..64 {
            silent.push(send(shown.debug, "GET /debug/state").await);
            silent.push(send(shown.metrics, "GET /metrics").await);
        }
        assert_eq!(ask(shown.probes, "GET /livez").await, "200");
        assert_eq!(ask(shown.probes, "GET /readyz").await, "200");
        assert_eq!(ask(shown.metrics, "GET /metrics").await, "200");
        assert_eq!(ask(shown.debug, "GET /debug/state").await, "200");
    }

    #[tokio::test]
    async fn silent_connections_keep_nobody_from_a_probe() {
        let shown = show(State::default()).await;
        let mut silent = Vec::new();
        for _ in 0..300 {
            silent.push(TcpStream::connect(shown.probes).await.unwrap());
        }
        // Before any of them ends by itself.
        let answer = ask(shown.probes, "GET /livez");
        let answer = tokio::time::timeout(server::CONNECTION_LASTS_MAX / 2, answer).await;
        assert_eq!(answer.as_deref(), Ok("200"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_ends_in_time_whatever_it_is_about() {
        let shown = show(large()).await;
        let asked_at = tokio::time::Instant::now();
        let mut silent = TcpStream::connect(shown.probes).await.unwrap();
        let mut half = TcpStream::connect(shown.metrics).await.unwrap();
        half.write_all(b"GET /metrics HTTP/1.1\r\n").await.unwrap();
        for stream in [&mut silent, &mut half] {
            assert_eq!(stream.read(&mut [0; 9]).await.unwrap_or(0), 0);
        }
        assert_eq!(
            asked_at.elapsed().as_secs(),
            server::CONNECTION_LASTS_MAX.as_secs()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_driver_that_hangs_is_not_alive() {
        let (questions, _hanging) = mpsc::channel::<Question>(1);
        let pages = Pages {
            metrics: Arc::default(),
            refusals: Arc::default(),
            questions,
        };
        let request = |path: &str| Request::builder().uri(path).body(()).unwrap();
        for path in ["/livez", "/readyz"] {
            let answer = pages.answer(Site::Probes, &request(path)).await;
            assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
        }
        let answer = pages.answer(Site::Metrics, &request("/metrics")).await;
        assert_eq!(answer.status(), StatusCode::OK);
    }
}
