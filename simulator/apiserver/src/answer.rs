//! Answers: codes, headers and bodies.

use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::body::Body;
use super::status::Failure;
use super::write::Written;

/// What was written, in the form that is asked for.
pub(super) fn told(written: &Written, shown: &Value) -> Response<Body> {
    let mut answer = whole(written.code, shown);
    for warning in &written.warnings {
        // 299 is "miscellaneous persistent warning"; the text is a quoted string.
        let quoted = format!(
            "299 - \"{}\"",
            warning.replace('\\', "\\\\").replace('"', "\\\"")
        );
        if let Ok(value) = HeaderValue::from_str(&quoted) {
            answer.headers_mut().append(header::WARNING, value);
        }
    }
    answer
}

/// A refusal.
pub(super) fn refused(failure: &Failure) -> Response<Body> {
    let mut answer = whole(failure.code, &failure.body());
    if let Some(seconds) = failure.retry_after_seconds {
        answer
            .headers_mut()
            .insert(header::RETRY_AFTER, seconds.into());
    }
    answer
}

/// A value.
pub(super) fn whole(code: u16, body: &Value) -> Response<Body> {
    let code = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer(code, Body::Whole(body.to_string().into()))
}

/// A few words.
pub(super) fn words(code: StatusCode, text: impl Into<String>) -> Response<Body> {
    let mut answer = answer(code, Body::Whole(text.into().into()));
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, plain);
    answer
}

/// Any body.
pub(super) fn answer(code: StatusCode, body: Body) -> Response<Body> {
    let mut answer = Response::new(body);
    *answer.status_mut() = code;
    let headers = answer.headers_mut();
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json);
    let uncached = HeaderValue::from_static("no-cache, private");
    headers.insert(header::CACHE_CONTROL, uncached);
    answer
}

/// A refusal that a fault asks for, in the words that the API server has for its code.
pub(super) fn injected(code: u16, retry_after_seconds: Option<u32>) -> Failure {
    let (reason, message) = match code {
        409 => (
            "Conflict",
            "Operation cannot be fulfilled: the object has been modified; please apply your changes to the latest \
             version and try again",
        ),
        410 => (
            "Expired",
            "The resourceVersion for the provided list is too old.",
        ),
        429 => (
            "TooManyRequests",
            "Too many requests, please try again later.",
        ),
        503 => (
            "ServiceUnavailable",
            "the server is currently unable to handle the request",
        ),
        504 => (
            "Timeout",
            "the server was unable to return a response in the time allotted",
        ),
        _ => ("InternalError", "Internal error occurred: injected fault"),
    };
    let mut failure = Failure::new(code, reason, message).with_details(json!({}));
    failure.retry_after_seconds = retry_after_seconds;
    failure
}
