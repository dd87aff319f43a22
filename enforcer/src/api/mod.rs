//! Requests to the API server.
//!
//! `kube` finds the server, authenticates and encrypts. Everything else is done here: each call has a deadline, nothing
//! is retried without the caller's knowledge, and every response is classified and counted.

mod answer;
mod backoff;
mod lines;
mod path;
pub mod rights;
pub mod server_time;
mod shorten;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::{Body as _, Bytes};
use hyper::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, DATE, RETRY_AFTER};
use hyper::{Method, Request, Response};
use kube::client::Body;
use kube::{Client, Config};
use tokio::time::Instant;

pub use self::answer::{ANSWER_BYTES_MAX, ApiError, RetryAfter, classify};
pub use self::backoff::Backoff;
pub use self::lines::LineStream;
pub use self::path::{ApiPath, Name, NoName};
pub use self::rights::{Refusals, Right};
pub use self::server_time::ServerTime;
pub use self::shorten::shorten;
use crate::metrics::{Metric, Metrics};

/// As much of an answer that is too large is kept: there a list says where it goes on.
const BEGINNING_BYTES: usize = 4 << 10;

/// The API server.
#[derive(Clone)]
pub struct Api {
    client: Client,
    metrics: Arc<Metrics>,
    refusals: Arc<Refusals>,
    time: Arc<ServerTime>,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Api")
    }
}

/// One request.
#[derive(Clone, Debug)]
pub struct Call {
    /// What is asked for.
    pub right: &'static Right,
    /// How.
    pub method: Method,
    /// Path and query.
    pub path: ApiPath,
    /// The form in which the answer is to come.
    pub accept: &'static str,
    /// What is sent, with its content type.
    pub body: Option<(&'static str, Vec<u8>)>,
}

/// `Content-Type` and `Accept` of whole objects.
pub const JSON: &str = "application/json";
/// `Accept` of an object's metadata alone, which is a small part of most objects. As client-go's metadata client does, the
/// whole object is taken too.
const METADATA: &str =
    "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
/// The same of a list.
const METADATA_LIST: &str =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
/// `Content-Type` of a patch that replaces what it names.
pub const MERGE_PATCH: &str = "application/merge-patch+json";
/// `Content-Type` of a patch that merges lists by their keys.
pub const STRATEGIC_PATCH: &str = "application/strategic-merge-patch+json";

impl Call {
    /// A read.
    pub fn get(right: &'static Right, path: ApiPath) -> Self {
        Self {
            right,
            method: Method::GET,
            path,
            accept: JSON,
            body: None,
        }
    }

    /// A read of an object's metadata.
    pub fn metadata(right: &'static Right, path: ApiPath) -> Self {
        Self {
            accept: METADATA,
            ..Self::get(right, path)
        }
    }

    /// A read of the metadata of a list's objects.
    pub fn metadata_list(right: &'static Right, path: ApiPath) -> Self {
        Self {
            accept: METADATA_LIST,
            ..Self::get(right, path)
        }
    }

    /// A write of `object`.
    pub fn write(
        right: &'static Right,
        method: Method,
        path: ApiPath,
        content_type: &'static str,
        object: &serde_json::Value,
    ) -> Self {
        let body = Some((content_type, object.to_string().into_bytes()));
        Self {
            right,
            method,
            path,
            accept: JSON,
            body,
        }
    }
}

impl Api {
    /// The API server of a cluster that was found.
    ///
    /// # Errors
    /// If what is known of it cannot be used, such as a certificate.
    pub fn connect(mut config: Config, metrics: Arc<Metrics>) -> Result<Self, String> {
        /// A server that cannot be reached is noticed before any call's deadline.
        const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
        // A write that is repeated minutes later is no longer the one that was decided.
        config.default_retry = false;
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        let client = Client::try_from(config).map_err(|error| format!("no cluster: {error}"))?;
        Ok(Self::new(client, metrics))
    }

    /// The API server behind `client`, which must not repeat requests.
    pub fn new(client: Client, metrics: Arc<Metrics>) -> Self {
        Self {
            client,
            time: Arc::new(ServerTime::new(Arc::clone(&metrics))),
            metrics,
            refusals: Arc::default(),
        }
    }

    /// What the server does not allow.
    pub fn refusals(&self) -> Arc<Refusals> {
        Arc::clone(&self.refusals)
    }

    /// What time it is for the server.
    pub fn time(&self) -> &ServerTime {
        &self.time
    }

    /// Makes one call and reads the whole answer.
    ///
    /// # Errors
    /// Whatever goes wrong; [`ApiError::NoResponse`] if it takes longer than `deadline`.
    pub async fn call(&self, call: Call, deadline: Duration) -> Result<Vec<u8>, ApiError> {
        let right = call.right;
        let answer = tokio::time::timeout(deadline, self.exchange(call)).await;
        let result = answer.unwrap_or_else(|_| {
            let why = format!("none within {} s", deadline.as_secs());
            Err(ApiError::NoResponse(why))
        });
        self.count(right, result.as_ref().err());
        result
    }

    /// Begins a watch; `deadline` is for the beginning of the answer only.
    ///
    /// # Errors
    /// Whatever goes wrong until then.
    pub async fn open(&self, call: Call, deadline: Duration) -> Result<LineStream, ApiError> {
        let right = call.right;
        let begin = async {
            let response = self.send(call).await?;
            accepted(response).await
        };
        let result = tokio::time::timeout(deadline, begin)
            .await
            .unwrap_or_else(|_| Err(ApiError::NoResponse("none in time".to_owned())));
        self.count(right, result.as_ref().err());
        result.map(LineStream::new)
    }

    async fn exchange(&self, call: Call) -> Result<Vec<u8>, ApiError> {
        let response = self.send(call).await?;
        read(accepted(response).await?).await
    }

    async fn send(&self, call: Call) -> Result<Response<Body>, ApiError> {
        let mut request = Request::builder()
            .method(call.method)
            .uri(call.path.as_str())
            .header(ACCEPT, call.accept)
            // A compressed watch would have to be unpacked event by event.
            .header(ACCEPT_ENCODING, "identity");
        let mut body = Vec::new();
        if let Some((content_type, bytes)) = call.body {
            request = request.header(CONTENT_TYPE, content_type);
            body = bytes;
        }
        let request = request.body(Body::from(body));
        let request = request.map_err(|error| ApiError::InvalidResponse(error.to_string()))?;
        let sent = Instant::now();
        let answer = self.client.send(request).await;
        let answer = answer.map_err(|error| ApiError::NoResponse(chain(&error)))?;
        if let Some(date) = answer.headers().get(DATE).and_then(|d| d.to_str().ok()) {
            self.time.heard(date, sent, Instant::now());
        }
        Ok(answer)
    }

    fn count(&self, right: &'static Right, error: Option<&ApiError>) {
        self.refusals.apply(right, error);
        let result = error.map_or("success", ApiError::label);
        self.metrics.count(
            Metric::Requests,
            &[("call", right.call), ("result", result)],
        );
    }
}

/// The answer's body, if the answer is what was asked for.
async fn accepted(response: Response<Body>) -> Result<Body, ApiError> {
    let (head, body) = response.into_parts();
    let code = head.status.as_u16();
    if head.status.is_success() {
        return Ok(body);
    }
    let retry_after = head
        .headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    // The status says enough if the rest gets lost.
    let said = read(body).await.unwrap_or_default();
    classify(code, retry_after.as_deref(), &said)?;
    Err(ApiError::InvalidResponse(format!("status {code}")))
}

/// Reads the whole body into one piece of memory, as it arrives.
async fn read(mut body: Body) -> Result<Vec<u8>, ApiError> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let mut bytes = Vec::with_capacity(announced.min(ANSWER_BYTES_MAX));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| ApiError::NoResponse(chain(&error)))?;
        let data = frame.into_data().unwrap_or_default();
        if bytes.len() + data.len() > ANSWER_BYTES_MAX {
            bytes.extend_from_slice(&data[..data.len().min(BEGINNING_BYTES)]);
            bytes.truncate(BEGINNING_BYTES);
            return Err(ApiError::TooLarge {
                beginning: Bytes::copy_from_slice(&bytes),
            });
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

/// An error with all that caused it: the first link seldom says more than that something failed.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let more = cause.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = cause.source();
    }
    shorten(&text, 500)
}
