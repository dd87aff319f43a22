//! Field selectors: `metadata.name=a,status.phase!=Failed`, by the fields that each resource lets select by.

use serde_json::Value;

use super::resources::Resource;
use super::status::Failure;

/// A field, and what it has to be, or not to be.
#[derive(Clone, Debug)]
pub(super) struct FieldTerm {
    pointer: String,
    value: String,
    equal: bool,
}

impl FieldTerm {
    pub(super) fn matches(&self, object: &Value) -> bool {
        let found = match object.pointer(&self.pointer) {
            None | Some(Value::Null) if FALSE_IF_MISSING.contains(&self.pointer.as_str()) => {
                "false".to_owned()
            }
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        (found == self.value) == self.equal
    }
}

const FALSE_IF_MISSING: [&str; 2] = ["/spec/unschedulable", "/spec/hostNetwork"];

/// Reads a selector.
pub(super) fn parse_fields(resource: &Resource, selector: &str) -> Result<Vec<FieldTerm>, Failure> {
    let terms = split_terms(selector);
    let terms = terms.into_iter().filter(|term| !term.is_empty());
    terms.map(|term| parse_field(resource, term)).collect()
}

/// Splits at commas, except those that a backslash precedes.
fn split_terms(selector: &str) -> Vec<&str> {
    let (mut terms, mut start, mut escaped) = (Vec::new(), 0, false);
    for (at, c) in selector.char_indices() {
        if c == ',' && !escaped {
            terms.push(&selector[start..at]);
            start = at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    terms.push(&selector[start..]);
    terms
}

/// A value without the backslashes that let commas, equals signs and backslashes be in it.
fn unescaped(value: &str) -> Result<String, Failure> {
    let mut plain = String::new();
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', Some(next)) if "\\,=".contains(next) => plain.push(next),
            ('\\', next) => {
                let next = next.map(String::from).unwrap_or_default();
                let message = format!("invalid field selector: invalid escape sequence: \\{next}");
                return Err(Failure::bad_request(message));
            }
            _ => plain.push(c),
        }
    }
    Ok(plain)
}

fn parse_field(resource: &Resource, term: &str) -> Result<FieldTerm, Failure> {
    let (field, value, equal) = if let Some((field, value)) = term.split_once("!=") {
        (field, value, false)
    } else if let Some((field, value)) = term.split_once("==").or_else(|| term.split_once('=')) {
        (field, value, true)
    } else {
        let message = format!("invalid selector: '{term}'; can't understand '{term}'");
        return Err(Failure::bad_request(message));
    };
    Ok(FieldTerm {
        value: unescaped(value)?,
        pointer: pointer(resource, field).ok_or_else(|| unknown_field(resource, field))?,
        equal,
    })
}

/// Kinds that select by nothing but metadata are told so in other words than those that have fields of their own.
fn unknown_field(resource: &Resource, field: &str) -> Failure {
    let core = ["pods", "events", "nodes", "namespaces", "secrets"];
    Failure::bad_request(match resource.plural.as_str() {
        _ if resource.custom => format!("field label not supported: {field}"),
        plural if resource.storage_group().is_empty() && core.contains(&plural) => {
            format!("field label not supported: {field}")
        }
        "jobs" => format!("field label \"{field}\" not supported for Job"),
        _ => format!(
            "\"{field}\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
        ),
    })
}

/// Where a field that can be selected by is in the stored object.
fn pointer(resource: &Resource, field: &str) -> Option<String> {
    let everywhere = ["metadata.name", "metadata.namespace"];
    let here: &[&str] = match resource.plural.as_str() {
        "pods" if resource.is_core("pods") => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.podIPs",
            "status.nominatedNodeName",
        ],
        "events" if resource.is_core("events") => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        "nodes" => &["spec.unschedulable"],
        "namespaces" => &["status.phase"],
        "jobs" => &["status.successful"],
        "secrets" => &["type"],
        _ => &[],
    };
    // The newer group of events has another word for the same field.
    let field = field.replacen("regarding.", "involvedObject.", 1);
    let known = everywhere.contains(&field.as_str()) || here.contains(&field.as_str());
    known.then(|| format!("/{}", field.replace('.', "/")))
}
