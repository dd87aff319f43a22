//! What the program shows of itself over HTTP: `/metrics`, `/livez`, `/readyz` and `/debug/state`.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::api::{Refusals, Right};
use crate::drive::State;
use crate::metrics::Metrics;

/// A driver that does not answer for this long hangs.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// A client that takes longer to ask is let go.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// More connections wait.
const CONNECTIONS_MAX: usize = 64;

/// What there is to show.
#[derive(Clone, Debug)]
pub struct Pages {
    /// What is counted and measured.
    pub metrics: Arc<Metrics>,
    /// What the API server does not allow.
    pub refusals: Arc<Refusals>,
    /// To ask the driver how it is.
    pub questions: mpsc::Sender<oneshot::Sender<State>>,
}

/// Opens the address to listen on.
///
/// # Errors
/// Says what is wrong with it.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address)
        .await
        .map_err(|error| format!("cannot listen on {address}: {error}"))
}

/// Serves for ever. Its connections end with it.
pub async fn serve(listener: TcpListener, pages: Pages) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        if connections.len() >= CONNECTIONS_MAX {
            connections.join_next().await;
        }
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: others must end first.
            tokio::time::sleep(Duration::from_secs(1)).await;
            continue;
        };
        connections.spawn(pages.clone().serve(stream));
    }
}

impl Pages {
    async fn serve(self, stream: TcpStream) {
        let service = service_fn(|request| {
            let pages = self.clone();
            async move { Ok::<_, Infallible>(pages.answer(&request).await) }
        });
        let serving = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service);
        // Whoever asked has gone.
        let _ = serving.await;
    }

    async fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return page(
                StatusCode::METHOD_NOT_ALLOWED,
                TEXT,
                "only GET is answered\n".to_owned(),
            );
        }
        match request.uri().path() {
            "/metrics" => page(
                StatusCode::OK,
                "text/plain; version=0.0.4",
                self.metrics.text(),
            ),
            "/livez" => match self.state().await {
                Some(_) => page(StatusCode::OK, TEXT, "ok\n".to_owned()),
                None => page(
                    StatusCode::SERVICE_UNAVAILABLE,
                    TEXT,
                    "the driver does not answer\n".to_owned(),
                ),
            },
            "/readyz" => {
                let (status, text) =
                    readiness(self.state().await.as_ref(), &self.refusals.missing());
                page(status, TEXT, text)
            }
            "/debug/state" => match self.state().await {
                Some(state) => page(
                    StatusCode::OK,
                    "application/json",
                    format!("{:#}\n", debug(&state, &self.refusals.missing())),
                ),
                None => page(
                    StatusCode::SERVICE_UNAVAILABLE,
                    TEXT,
                    "the driver does not answer\n".to_owned(),
                ),
            },
            _ => page(
                StatusCode::NOT_FOUND,
                TEXT,
                "/metrics /livez /readyz /debug/state\n".to_owned(),
            ),
        }
    }

    async fn state(&self) -> Option<State> {
        let (asker, answer) = oneshot::channel();
        let told = async {
            self.questions.send(asker).await.ok()?;
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

/// Whether the program can do its work, and what it lacks, in words.
fn readiness(state: Option<&State>, missing: &[&Right]) -> (StatusCode, String) {
    let (vital, other): (Vec<&Right>, Vec<&Right>) = missing.iter().partition(|right| right.vital);
    let mut lines: Vec<String> = vital
        .iter()
        .map(|right| format!("not ready: {right}\n"))
        .collect();
    match state {
        None => lines.push("not ready: the driver does not answer\n".to_owned()),
        // What is not allowed says why.
        Some(state) if !state.view_is_whole && lines.is_empty() => {
            lines.push("not ready: not all pods have been listed\n".to_owned());
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
    lines.extend(other.iter().map(|right| format!("missing: {right}\n")));
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
        "viewIsWhole": state.view_is_whole,
        "missingRights": missing,
        "leads": state.leads,
        "stopped": state.stop.as_ref().map(ToString::to_string),
        "mode": state.mode.map(crate::policy::mode_name),
        "watchLagSeconds": state.watch_lag.as_secs(),
        "queue": state.queue,
        "trackedPods": state.tracked,
        "pods": pods,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(pages: &Pages, method: Method, path: &str) -> StatusCode {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(())
            .unwrap();
        pages.answer(&request).await.status()
    }

    #[test]
    fn who_is_stopped_is_ready_and_says_so() {
        let stop = crate::lease::Stop {
            lease: "pullstop-system/pullstop".to_owned(),
            says: "true".to_owned(),
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

    #[tokio::test(start_paused = true)]
    async fn readiness_is_a_whole_view_and_liveness_an_answer() {
        let (questions, mut asked) = mpsc::channel::<oneshot::Sender<State>>(1);
        let pages = Pages {
            metrics: Arc::default(),
            refusals: Arc::default(),
            questions,
        };
        let driver = tokio::spawn(async move {
            for view_is_whole in [false, false, true, true] {
                let state = State {
                    view_is_whole,
                    ..State::default()
                };
                asked.recv().await.unwrap().send(state).unwrap();
            }
            asked
        });
        assert_eq!(ask(&pages, Method::GET, "/livez").await, StatusCode::OK);
        assert_eq!(
            ask(&pages, Method::GET, "/readyz").await,
            StatusCode::SERVICE_UNAVAILABLE
        );
        assert_eq!(ask(&pages, Method::GET, "/readyz").await, StatusCode::OK);
        assert_eq!(
            ask(&pages, Method::GET, "/debug/state").await,
            StatusCode::OK
        );
        let _hanging = driver.await.unwrap();
        assert_eq!(
            ask(&pages, Method::GET, "/livez").await,
            StatusCode::SERVICE_UNAVAILABLE
        );
        assert_eq!(ask(&pages, Method::GET, "/metrics").await, StatusCode::OK);
        assert_eq!(ask(&pages, Method::GET, "/").await, StatusCode::NOT_FOUND);
        assert_eq!(
            ask(&pages, Method::POST, "/metrics").await,
            StatusCode::METHOD_NOT_ALLOWED
        );
    }
}
