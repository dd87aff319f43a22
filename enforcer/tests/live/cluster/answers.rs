//! What the cluster reads in requests, and how its answers are made.

use http_body_util::{BodyExt, Full};
use hyper::Response;
use hyper::body::Bytes;
use serde_json::{Value, json};

use super::Answer;

pub(super) fn merge_conditions(pod: &mut Value, patch: &[Value]) {
    let conditions = pod["status"]["conditions"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let patched = |kind: &Value| patch.iter().any(|condition| condition["type"] == *kind);
    let mut merged: Vec<Value> = conditions
        .into_iter()
        .filter(|condition| !patched(&condition["type"]))
        .collect();
    merged.extend(
        patch
            .iter()
            .filter(|condition| condition["$patch"] != "delete")
            .cloned(),
    );
    pod["status"]["conditions"] = Value::Array(merged);
}

pub(super) fn selects(selector: &str, pod: &Value) -> bool {
    let phase = pod["status"]["phase"].as_str().unwrap_or_default();
    selector.split(',').all(|term| match term.split_once("!=") {
        Some((_, other)) => phase != other,
        None => term
            .split_once('=')
            .is_none_or(|(_, wanted)| phase == wanted),
    })
}

pub(super) fn query(path: &str, name: &str) -> String {
    let value = path
        .split(['?', '&'])
        .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    value
        .unwrap_or_default()
        .replace("%3D", "=")
        .replace("%21", "!")
        .replace("%2C", ",")
}

pub(super) fn ok(object: &Value) -> Answer {
    whole(200, &object.to_string())
}

pub(super) fn failure(code: u16, retry_after: Option<u64>) -> Answer {
    let mut answer = whole(
        code,
        &json!({"kind": "Status", "message": format!("fault {code}"), "code": code}).to_string(),
    );
    if let Some(seconds) = retry_after {
        answer.headers_mut().insert("retry-after", seconds.into());
    }
    answer
}

pub(super) fn whole(code: u16, text: &str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(text.to_owned())).boxed_unsync());
    *answer.status_mut() = code.try_into().unwrap();
    answer
}

/// 429 from what is in front of all requests.
pub(super) fn overload(seconds: u64) -> Answer {
    let mut answer = whole(429, "Too many requests, please try again later.\n");
    answer.headers_mut().insert("retry-after", seconds.into());
    answer
}
