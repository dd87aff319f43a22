//! Errors of API calls, from the status and body of a response.

use std::fmt;
use std::time::Duration;

use hyper::body::Bytes;
use serde::Deserialize;

use super::path::NoName;
use super::shorten::shorten;

/// Larger responses are rejected. Any single object fits: etcd stores 1.5 MiB (its `--max-request-bytes`), and JSON makes
/// at most six bytes of one. Of pages of pods, up to five times as much can be in memory at once ([`crate::pods::pages`]),
/// which is a third of the 512 MiB that `deploy/` allows.
pub const ANSWER_BYTES_MAX: usize = 32 << 20;

/// The pause that the server asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter {
    /// So long.
    pub pause: Duration,
    /// Whether the server as a whole does so.
    ///
    /// What is in front of all requests answers in plain text: API Priority and Fairness, `--max-requests-inflight`, a
    /// server that shuts down, a load balancer. What handles one object answers with a `Status`: storage, quotas,
    /// webhooks. The headers `X-Kubernetes-PF-…` tell nothing, since requests that were let through have them too
    /// (k8s.io/apiserver, `pkg/server/filters/priority-and-fairness.go`).
    pub of_the_server: bool,
}

/// A call that did not do what it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiError {
    /// 409: the object has changed, or exists already.
    Conflict,
    /// 404: there is no such object, or no such kind of object.
    NotFound,
    /// 410: the version or the page is too old.
    Gone,
    /// 422: the object is invalid; with a uid as precondition, that it is another one now.
    Invalid(String),
    /// 401: the credentials are not accepted.
    Unauthorized,
    /// 403: a permission is missing.
    Forbidden(String),
    /// 429: too many requests.
    Throttled {
        /// `Retry-After`.
        retry_after: Option<RetryAfter>,
    },
    /// 5xx: the server, or one behind it, failed. Whether a write was stored is unknown.
    Server {
        /// The status.
        code: u16,
        /// What it says.
        message: String,
        /// `Retry-After`.
        retry_after: Option<RetryAfter>,
    },
    /// Any other status.
    UnexpectedStatus {
        /// The status.
        code: u16,
        /// What it says.
        message: String,
    },
    /// No response, or none in time. Whether a write was stored is unknown.
    NoResponse(String),
    /// The response cannot be decoded.
    InvalidResponse(String),
    /// The response has more than [`ANSWER_BYTES_MAX`].
    TooLarge {
        /// What it begins with.
        beginning: Bytes,
    },
}

impl ApiError {
    /// The error as the value of a metric label.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::NotFound => "not_found",
            Self::Gone => "gone",
            Self::Invalid(_) => "invalid",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden(_) => "forbidden",
            Self::Throttled { .. } => "throttled",
            Self::Server { .. } => "server_error",
            Self::UnexpectedStatus { .. } => "unexpected_status",
            Self::NoResponse(_) => "no_response",
            Self::InvalidResponse(_) => "invalid_response",
            Self::TooLarge { .. } => "too_large",
        }
    }

    /// The pause that the server asks for.
    pub fn retry_after(&self) -> Option<Duration> {
        self.asks().map(|asks| asks.pause)
    }

    /// Whether it is the server as a whole that asks so.
    pub fn is_of_the_server(&self) -> bool {
        self.asks().is_some_and(|asks| asks.of_the_server)
    }

    const fn asks(&self) -> Option<RetryAfter> {
        match self {
            Self::Throttled { retry_after } | Self::Server { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict => f.write_str("the object has changed"),
            Self::NotFound => f.write_str("not found"),
            Self::Gone => f.write_str("too old"),
            Self::Invalid(message) => write!(f, "rejected as invalid: {message}"),
            Self::Unauthorized => f.write_str("the API server does not accept the credentials"),
            Self::Forbidden(message) => {
                write!(
                    f,
                    "forbidden: {message}; deploy/ has the permissions that are needed"
                )
            }
            Self::Throttled { .. } => f.write_str("too many requests (429)"),
            Self::Server { code, message, .. } => {
                write!(f, "the API server failed ({code}): {message}")
            }
            Self::UnexpectedStatus { code, message } => {
                write!(f, "unexpected status {code}: {message}")
            }
            Self::NoResponse(why) => write!(f, "no response: {why}"),
            Self::InvalidResponse(why) => write!(f, "invalid response: {why}"),
            Self::TooLarge { .. } => {
                let mebibytes = ANSWER_BYTES_MAX >> 20;
                write!(f, "the response is larger than {mebibytes} MiB")
            }
        }
    }
}

impl std::error::Error for ApiError {}

impl From<NoName> for ApiError {
    fn from(no_name: NoName) -> Self {
        Self::InvalidResponse(no_name.to_string())
    }
}

/// The error that a response stands for, if any.
///
/// # Errors
/// On every status but 2xx.
pub fn classify(code: u16, retry_after: Option<&str>, body: &[u8]) -> Result<(), ApiError> {
    let message = || said(body);
    let retry_after = || {
        retry_after
            .and_then(|text| text.trim().parse().ok())
            .map(|seconds| RetryAfter {
                pause: Duration::from_secs(seconds),
                of_the_server: status_of(body).is_none(),
            })
    };
    Err(match code {
        200..=299 => return Ok(()),
        401 => ApiError::Unauthorized,
        403 => ApiError::Forbidden(message()),
        404 => ApiError::NotFound,
        409 => ApiError::Conflict,
        410 => ApiError::Gone,
        422 => ApiError::Invalid(message()),
        429 => ApiError::Throttled {
            retry_after: retry_after(),
        },
        500..=599 => ApiError::Server {
            code,
            message: message(),
            retry_after: retry_after(),
        },
        _ => ApiError::UnexpectedStatus {
            code,
            message: message(),
        },
    })
}

/// What a `metav1.Status` says, or the beginning of what was sent instead.
fn said(body: &[u8]) -> String {
    let text = match status_of(body) {
        Some(status) => status.message,
        None => String::from_utf8_lossy(body).into_owned(),
    };
    shorten(&text, MESSAGE_BYTES_MAX)
}

/// `metav1.Status`.
#[derive(Deserialize)]
struct Status {
    message: String,
}

fn status_of(body: &[u8]) -> Option<Status> {
    serde_json::from_slice(body).ok()
}

/// Longer messages of the API server are cut: they go into logs and statuses.
const MESSAGE_BYTES_MAX: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_a_real_api_server() {
        let stale = br#"{"kind":"Status","status":"Failure","message":"Operation cannot be fulfilled","reason":"Conflict","code":409}"#;
        assert_eq!(classify(409, None, stale), Err(ApiError::Conflict));
        let wrong_uid = br#"{"kind":"Status","message":"Pod \"p0\" is invalid: metadata.uid: field is immutable","code":422}"#;
        let said = "Pod \"p0\" is invalid: metadata.uid: field is immutable".to_owned();
        assert_eq!(classify(422, None, wrong_uid), Err(ApiError::Invalid(said)));
        assert_eq!(classify(200, None, b"{}"), Ok(()));
        assert_eq!(classify(201, None, b""), Ok(()));
        assert_eq!(
            classify(404, None, b"404 page not found"),
            Err(ApiError::NotFound)
        );
        assert_eq!(classify(410, None, b"{}"), Err(ApiError::Gone));
    }

    #[test]
    fn the_server_may_ask_to_be_left_alone() {
        let two = Some(Duration::from_secs(2));
        assert_eq!(
            classify(429, Some("2"), b"").unwrap_err().retry_after(),
            two
        );
        assert_eq!(
            classify(429, Some("tomorrow"), b"")
                .unwrap_err()
                .retry_after(),
            None
        );
        let down = classify(503, Some(" 2 "), b"apiserver is\nshutting down").unwrap_err();
        assert_eq!(down.retry_after(), two);
        assert_eq!(
            down.to_string(),
            "the API server failed (503): apiserver is shutting down"
        );
    }

    #[test]
    fn unexpected_responses_are_shown() {
        assert_eq!(
            classify(302, None, b"").unwrap_err().label(),
            "unexpected_status"
        );
        let proxy = classify(403, None, b"<html>\xffno</html>").unwrap_err();
        assert!(proxy.to_string().contains("no</html>"), "{proxy}");
        let long = "x".repeat(10_000);
        assert!(
            classify(500, None, long.as_bytes())
                .unwrap_err()
                .to_string()
                .len()
                < 600
        );
    }
}
