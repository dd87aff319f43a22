//! The four kinds of patches.

mod apply;
mod json;
mod lists;
mod merge;
mod strategic;

pub(super) use self::apply::{Manager, apply};

use serde_json::Value;

use super::go_json;
use super::resources::Resource;
use super::status::Failure;

/// A patch as it was sent.
#[derive(Clone, Debug)]
pub(super) enum Patch {
    /// RFC 7386: what is there replaces, null removes, lists are replaced.
    Merge(Value),
    /// Kubernetes' own: as a merge patch, but lists of named things are merged by name.
    Strategic(Value),
    /// RFC 6902: a list of operations.
    Json(Vec<json::Operation>),
    /// Server-side apply: all that a manager wants of an object.
    Apply(Value),
}

impl Patch {
    /// Reads a patch of this content type.
    pub(super) fn parse(
        resource: &Resource,
        content_type: &str,
        body: &[u8],
    ) -> Result<Self, Failure> {
        let json = || go_json::parse(body).map_err(Failure::bad_request);
        let object = || json().and_then(an_object);
        match content_type {
            "application/merge-patch+json" => object().map(Self::Merge),
            // What a CRD defines has no types that say how to merge its lists.
            "application/strategic-merge-patch+json" if !resource.custom => {
                object().map(Self::Strategic)
            }
            "application/json-patch+json" => {
                let operations = serde_json::from_value(json()?);
                let why = |error: serde_json::Error| Failure::bad_request(error.to_string());
                operations.map(Self::Json).map_err(why)
            }
            "application/apply-patch+yaml" => parse_yaml(body).and_then(an_object).map(Self::Apply),
            _ => Err(unsupported()),
        }
    }

    /// The object with the patch. Server-side apply needs to know who applies: see [`apply`].
    pub(super) fn patched(&self, object: &Value) -> Result<Value, Failure> {
        let mut patched = object.clone();
        match self {
            Self::Merge(patch) => merge::merge(&mut patched, patch),
            Self::Strategic(patch) | Self::Apply(patch) => {
                strategic::merge(&mut patched, patch)
                    .map_err(|why| Failure::new(500, "InternalError", why))?;
            }
            Self::Json(operations) => {
                json::run(&mut patched, operations).map_err(|_| rejected())?;
            }
        }
        Ok(patched)
    }
}

/// JSON is YAML too, but Go's words on broken JSON are wanted for it.
pub(super) fn parse_yaml(body: &[u8]) -> Result<Value, Failure> {
    if body.trim_ascii_start().starts_with(b"{") {
        return go_json::parse(body).map_err(Failure::bad_request);
    }
    let refused =
        |why: String| Failure::bad_request(format!("error decoding YAML: {}", why.trim_end()));
    let text = std::str::from_utf8(body).map_err(|error| refused(error.to_string()))?;
    serde_saphyr::from_str(text).map_err(|error| refused(error.to_string()))
}

fn an_object(patch: Value) -> Result<Value, Failure> {
    if patch.is_object() {
        return Ok(patch);
    }
    let message = "json: cannot unmarshal into Go value of type map[string]interface {}";
    Err(Failure::bad_request(message))
}

fn unsupported() -> Failure {
    let message = "415: Unsupported Media Type";
    Failure::new(415, "UnsupportedMediaType", message).with_details(serde_json::json!({}))
}

/// The API server does not say which operation of a JSON patch failed.
fn rejected() -> Failure {
    let message = "the server rejected our request due to an error in our request";
    Failure::new(422, "Invalid", message).with_details(serde_json::json!({}))
}
