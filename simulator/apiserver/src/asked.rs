//! Parsed requests, and what their bodies hold.

use std::fmt::Write;

use hyper::body::Bytes;
use serde_json::{Value, json};

use super::kinds::protobuf;
use super::patch::parse_yaml;
use super::query::Query;
use super::request::Attributes;
use super::resources::Resource;
use super::status::{Failure, FieldError};
use super::{go_json, types};

/// A request that has been read.
pub(super) struct Asked {
    pub(super) attributes: Attributes,
    pub(super) query: Query,
    pub(super) accept: String,
    pub(super) content_type: String,
    pub(super) body: Bytes,
    /// Whether only the head of an answer is asked for.
    pub(super) head: bool,
}

/// The options of a delete, from its body and its query.
pub(super) fn options(asked: &Asked) -> Result<Value, Failure> {
    asked.query.check_write("delete", false)?;
    let options = if asked.body.is_empty() {
        json!({"propagationPolicy": asked.query.propagation_policy})
    } else {
        known_format(asked)?;
        let parsed = match asked.content_type.as_str() {
            protobuf::CONTENT_TYPE => protobuf::decode(&asked.body),
            _ => go_json::parse(&asked.body)
                .map_err(|why| format!("couldn't get version/kind; json parse error: {why}")),
        };
        parsed.map_err(Failure::bad_request)?
    };
    let kind = options["kind"].as_str().unwrap_or("DeleteOptions");
    if kind != "DeleteOptions" {
        let version = options["apiVersion"].as_str().unwrap_or_default();
        let scheme = "pkg/apis/meta/internalversion/scheme/register.go:27";
        let message = format!(
            "no kind \"{kind}\" is registered for version \"{version}\" in scheme \"{scheme}\""
        );
        return Err(Failure::bad_request(message));
    }
    match wrong_policy(&options) {
        Some(error) => Err(Failure::invalid(
            "DeleteOptions",
            "meta.k8s.io",
            "",
            &[error],
        )),
        None => Ok(options),
    }
}

fn wrong_policy(options: &Value) -> Option<FieldError> {
    let field = "propagationPolicy";
    let policy = options[field].as_str().unwrap_or_default();
    let known = ["Foreground", "Background", "Orphan"];
    if policy.is_empty() {
        None
    } else if !options["orphanDependents"].is_null() {
        let why = "orphanDependents and deletionPropagation cannot be both set";
        Some(FieldError::invalid(field, &format!("{policy:?}"), why))
    } else if known.contains(&policy) {
        None
    } else {
        let supported = [&known[..], &["nil"]].concat();
        Some(FieldError::not_supported(
            field,
            &format!("{policy:?}"),
            &supported,
        ))
    }
}

/// Whether a body is in a format that objects come in.
fn known_format(asked: &Asked) -> Result<(), Failure> {
    match asked.content_type.as_str() {
        "application/json" | "application/yaml" | protobuf::CONTENT_TYPE | "" => Ok(()),
        _ => Err(Failure::new(
            415,
            "UnsupportedMediaType",
            "the body of the request was in an unknown format - accepted media types include: \
             application/json, application/yaml, application/vnd.kubernetes.protobuf",
        )),
    }
}

/// How much of a body a message shows.
const SHOWN_BYTES: usize = 30;

/// A body that cannot be read, as messages show it: the beginning of JSON, or the bytes of what is none.
fn summary(body: &[u8]) -> String {
    let shown = &body[..body.len().min(SHOWN_BYTES)];
    let more = if body.len() > shown.len() { " ..." } else { "" };
    match body.first() {
        None => "<empty>".to_owned(),
        Some(b'{') => format!("{}{more}", String::from_utf8_lossy(shown)),
        Some(_) => {
            let mut text = String::new();
            for byte in shown {
                // Writing to a string cannot fail.
                let _ = write!(text, "{byte:02x}");
            }
            text + more
        }
    }
}

/// The object in a request's body.
pub(super) fn object(resource: &Resource, asked: &Asked) -> Result<Value, Failure> {
    known_format(asked)?;
    let unread = |why: String| {
        let (kind, body) = (&resource.kind, summary(&asked.body));
        Failure::bad_request(format!(
            "the object provided is unrecognized (must be of type {kind}): {why} ({body})"
        ))
    };
    match asked.content_type.as_str() {
        "application/yaml" => return parse_yaml(&asked.body),
        protobuf::CONTENT_TYPE => return protobuf::decode(&asked.body).map_err(unread),
        _ => {}
    }
    let broken = |why: String| {
        unread(format!(
            "couldn't get version/kind; json parse error: {why}"
        ))
    };
    let object = go_json::parse(&asked.body).map_err(broken)?;
    match &object {
        // Nothing is an object without members.
        Value::Null => Ok(json!({})),
        Value::Object(_) if resource.custom && object["kind"].is_null() => {
            let body = String::from_utf8_lossy(&asked.body);
            Err(unread(format!("Object 'Kind' is missing in '{body}'")))
        }
        Value::Object(_) => Ok(object),
        other => {
            let found = types::kind_of(other);
            let names = r#"struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }"#;
            Err(broken(format!(
                "json: cannot unmarshal {found} into Go value of type {names}"
            )))
        }
    }
}
