//! The four kinds of patches.

mod apply;
mod json;
mod lists;
mod merge;
mod strategic;

pub(crate) use self::apply::{Manager, apply};

use serde_json::Value;

use super::go_json;
use super::resources::Resource;
use super::status::Failure;
use super::types;

const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const JSON: &str = "application/json-patch+json";
const APPLY: &str = "application/apply-patch+yaml";

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
    /// Whether there are patches of this content type.
    pub(super) fn is_known(resource: &Resource, content_type: &str) -> Result<(), Failure> {
        match content_type {
            // What a CRD defines has no types that say how to merge its lists.
            STRATEGIC if resource.custom => Err(Failure::new(
                415,
                "UnsupportedMediaType",
                format!(
                    "the body of the request was in an unknown format - accepted media types include: {JSON}, {MERGE}, {APPLY}"
                ),
            )),
            MERGE | JSON | APPLY | STRATEGIC => Ok(()),
            _ => Err(unsupported()),
        }
    }

    /// Reads a patch of a content type that is known.
    pub(super) fn parse(content_type: &str, body: &[u8]) -> Result<Self, Failure> {
        let json = || go_json::parse(body);
        let undecoded = |why: String| Failure::bad_request(format!("error decoding patch: {why}"));
        match content_type {
            MERGE => match json().map_err(undecoded)? {
                Value::Null => Err(Failure::bad_request("Invalid JSON Patch")),
                patch => an_object(patch).map(Self::Merge).map_err(undecoded),
            },
            JSON => {
                let operations = json().and_then(|operations| json::parse(&operations));
                few_enough(operations.map_err(undecoded)?).map(Self::Json)
            }
            APPLY => parse_applied(body).map(Self::Apply),
            _ => json()
                .and_then(an_object)
                .map(Self::Strategic)
                .map_err(Failure::bad_request),
        }
    }

    /// Whether it is of this content type that server-side apply has.
    pub(super) fn applies(content_type: &str) -> bool {
        content_type == APPLY
    }

    /// The object with the patch. Server-side apply needs to know who applies: see [`apply`].
    pub(super) fn patched(&self, object: &Value) -> Result<Value, Failure> {
        let mut patched = object.clone();
        match self {
            Self::Merge(patch) => merge::merge(&mut patched, patch),
            Self::Strategic(patch) | Self::Apply(patch) => {
                strategic::merge(&mut patched, patch).map_err(|why| Failure::new(500, "", why))?;
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

/// What is applied; nothing at all is an object without members.
fn parse_applied(body: &[u8]) -> Result<Value, Failure> {
    if body.trim_ascii().is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    let why = "error decoding YAML: error unmarshaling JSON: while decoding JSON";
    an_object(parse_yaml(body)?).map_err(|said| Failure::bad_request(format!("{why}: {said}")))
}

fn an_object(patch: Value) -> Result<Value, String> {
    if patch.is_object() {
        return Ok(patch);
    }
    let found = types::kind_of(&patch);
    Err(format!(
        "json: cannot unmarshal {found} into Go value of type map[string]interface {{}}"
    ))
}

fn unsupported() -> Failure {
    let message = "415: Unsupported Media Type";
    Failure::new(415, "UnsupportedMediaType", message).with_details(serde_json::json!({}))
}

fn few_enough(operations: Vec<json::Operation>) -> Result<Vec<json::Operation>, Failure> {
    let (count, most) = (operations.len(), json::OPERATIONS_MAX);
    if count <= most {
        return Ok(operations);
    }
    Err(Failure::too_large(&format!(
        "The allowed maximum operations in a JSON patch is {most}, got {count}"
    )))
}

/// The API server does not say which operation of a JSON patch failed.
fn rejected() -> Failure {
    let message = "the server rejected our request due to an error in our request";
    Failure::new(422, "Invalid", message).with_details(serde_json::json!({}))
}
