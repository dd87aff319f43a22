//! Requests to the API server.
//!
//! `kube` finds the server, authenticates and encrypts. Everything else is done here, in sight: each call has a
//! deadline, nothing is repeated behind the caller's back, and every answer is classified and counted.

mod answer;
mod backoff;
mod lines;
pub mod rights;
pub mod server_time;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, DATE, RETRY_AFTER};
use hyper::{Method, Request, Response};
use kube::client::Body;
use kube::{Client, Config};
use tokio::time::Instant;

pub use self::answer::{Trouble, classify, shorten};
pub use self::backoff::Backoff;
pub use self::lines::LineStream;
pub use self::rights::{Refusals, Right};
pub use self::server_time::ServerTime;
use crate::metrics::{Metric, Metrics};

/// Answers larger than this are refused: 500 pods at the API server's limit of 1.5 MiB would be larger, but those that
/// exist have a hundredth of that.
const ANSWER_BYTES_MAX: usize = 256 << 20;

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
    pub path: String,
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
    pub fn get(right: &'static Right, path: String) -> Self {
        Self {
            right,
            method: Method::GET,
            path,
            accept: JSON,
            body: None,
        }
    }

    /// A read of an object's metadata.
    pub fn metadata(right: &'static Right, path: String) -> Self {
        Self {
            accept: METADATA,
            ..Self::get(right, path)
        }
    }

    /// A read of the metadata of a list's objects.
    pub fn metadata_list(right: &'static Right, path: String) -> Self {
        Self {
            accept: METADATA_LIST,
            ..Self::get(right, path)
        }
    }

    /// A write of `object`.
    pub fn write(
        right: &'static Right,
        method: Method,
        path: String,
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
    /// The cluster that `KUBECONFIG` names, or the one that the program runs in.
    ///
    /// # Errors
    /// Says why there is none.
    pub async fn connect(metrics: Arc<Metrics>) -> Result<(Self, String), String> {
        /// A server that cannot be reached is noticed before any call's deadline.
        const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
        let mut config = Config::infer().await.map_err(|error| error.to_string())?;
        // A write that is repeated minutes later is no longer the one that was decided.
        config.default_retry = false;
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        let namespace = config.default_namespace.clone();
        let client = Client::try_from(config).map_err(|error| error.to_string())?;
        Ok((Self::new(client, metrics), namespace))
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
    /// Whatever goes wrong; [`Trouble::NoAnswer`] if it takes longer than `deadline`.
    pub async fn call(&self, call: Call, deadline: Duration) -> Result<Bytes, Trouble> {
        let right = call.right;
        let answer = tokio::time::timeout(deadline, self.exchange(call)).await;
        let result = answer.unwrap_or_else(|_| {
            let why = format!("none within {} s", deadline.as_secs());
            Err(Trouble::NoAnswer(why))
        });
        self.count(right, result.as_ref().err());
        result
    }

    /// Begins a watch; `deadline` is for the beginning of the answer only.
    ///
    /// # Errors
    /// Whatever goes wrong until then.
    pub async fn open(&self, call: Call, deadline: Duration) -> Result<LineStream, Trouble> {
        let right = call.right;
        let begin = async {
            let response = self.send(call).await?;
            accepted(response).await
        };
        let result = tokio::time::timeout(deadline, begin)
            .await
            .unwrap_or_else(|_| Err(Trouble::NoAnswer("none in time".to_owned())));
        self.count(right, result.as_ref().err());
        result.map(LineStream::new)
    }

    async fn exchange(&self, call: Call) -> Result<Bytes, Trouble> {
        let response = self.send(call).await?;
        read(accepted(response).await?).await
    }

    async fn send(&self, call: Call) -> Result<Response<Body>, Trouble> {
        let mut request = Request::builder()
            .method(call.method)
            .uri(call.path)
            .header(ACCEPT, call.accept)
            // A compressed watch would have to be unpacked event by event.
            .header(ACCEPT_ENCODING, "identity");
        let mut body = Vec::new();
        if let Some((content_type, bytes)) = call.body {
            request = request.header(CONTENT_TYPE, content_type);
            body = bytes;
        }
        let request = request.body(Body::from(body));
        let request = request.map_err(|error| Trouble::Unreadable(error.to_string()))?;
        let sent = Instant::now();
        let answer = self.client.send(request).await;
        let answer = answer.map_err(|error| Trouble::NoAnswer(chain(&error)))?;
        if let Some(date) = answer.headers().get(DATE).and_then(|d| d.to_str().ok()) {
            self.time.heard(date, sent, Instant::now());
        }
        Ok(answer)
    }

    fn count(&self, right: &'static Right, trouble: Option<&Trouble>) {
        self.refusals.take_in(right, trouble);
        let result = trouble.map_or("ok", Trouble::label);
        self.metrics.count(
            Metric::Requests,
            &[("call", right.call), ("result", result)],
        );
    }
}

/// The answer's body, if the answer is what was asked for.
async fn accepted(response: Response<Body>) -> Result<Body, Trouble> {
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
    Err(Trouble::Unreadable(format!("status {code}")))
}

async fn read(body: Body) -> Result<Bytes, Trouble> {
    match Limited::new(body, ANSWER_BYTES_MAX).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Trouble::Unreadable(format!(
            "it is longer than {ANSWER_BYTES_MAX} bytes"
        ))),
        Err(error) => Err(Trouble::NoAnswer(chain(&*error))),
    }
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

/// Percent-encodes a value of a query.
pub fn encode(value: &str) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_encoded() {
        assert_eq!(encode("status.phase=Pending"), "status.phase%3DPending");
        assert_eq!(
            encode("status.phase!=Failed,ä"),
            "status.phase%21%3DFailed%2C%C3%A4"
        );
    }
}
