//! What holds for objects of a kind when they are written: defaults, what stays as it was, and what may not be.

use serde_json::{Value, json};

use super::pod;
use super::resources::Resource;
use super::status::{Failure, FieldError};
use super::store::Key;
use super::value::{default, go, items, members, set, text};

/// Metadata that only the API server writes.
const SERVERS_OWN: [&str; 6] = [
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "resourceVersion",
    "selfLink",
];

/// Members that are objects wherever they are, and lists.
const SHAPES: [(&str, bool); 8] = [
    ("/metadata", true),
    ("/metadata/labels", true),
    ("/metadata/annotations", true),
    ("/metadata/finalizers", false),
    ("/metadata/ownerReferences", false),
    ("/metadata/managedFields", false),
    ("/spec", true),
    ("/status", true),
];

/// Whether this is an object at all: what everything else here relies on.
pub(super) fn check_shape(resource: &Resource, object: &Value) -> Result<(), Failure> {
    let refused = |field: &str, expected: &str| {
        let (kind, version) = (&resource.kind, &resource.version);
        let message = format!(
            "{kind} in version \"{version}\" cannot be handled as a {kind}: json: cannot unmarshal: {field} is no {expected}"
        );
        Err(Failure::bad_request(message))
    };
    if !object.is_object() {
        return refused("the body", "object");
    }
    for (pointer, is_object) in SHAPES {
        let (fits, expected) = match object.pointer(pointer) {
            None | Some(Value::Null) => continue,
            Some(value) if is_object => (value.is_object(), "object"),
            Some(value) => (value.is_array(), "list"),
        };
        if !fits {
            return refused(&pointer[1..].replace('/', "."), expected);
        }
    }
    Ok(())
}

/// Makes what a client posted an object to be stored.
pub(super) fn prepare_new(resource: &Resource, object: &mut Value, now: &str) {
    let metadata = members(&mut object["metadata"]);
    for member in SERVERS_OWN {
        metadata.remove(member);
    }
    metadata.remove("uid");
    if resource.has_generation() {
        metadata.insert("generation".to_owned(), 1.into());
    }
    if resource.has_status() {
        members(object).remove("status");
    }
    match resource.plural.as_str() {
        "pods" if resource.is_core("pods") => pod::set_defaults(object),
        "namespaces" => prepare_namespace(object),
        "customresourcedefinitions" => object["status"] = established(object, now),
        _ => {}
    }
}

fn prepare_namespace(namespace: &mut Value) {
    let name = text(namespace, "/metadata/name").to_owned();
    default(
        &mut namespace["metadata"]["labels"],
        "kubernetes.io/metadata.name",
        name,
    );
    default(&mut namespace["spec"], "finalizers", json!(["kubernetes"]));
    namespace["status"] = json!({"phase": "Active"});
}

/// A CRD is served as soon as it is stored.
fn established(crd: &Value, now: &str) -> Value {
    let condition = |kind: &str, reason: &str, message: &str| {
        json!({
            "type": kind, "status": "True", "reason": reason, "message": message,
            "lastTransitionTime": now,
        })
    };
    let versions = items(crd, "/spec/versions").iter();
    let stored = versions.filter(|version| version["storage"] == true);
    json!({
        "acceptedNames": crd["spec"]["names"],
        "storedVersions": stored.map(|version| version["name"].clone()).collect::<Vec<_>>(),
        "conditions": [
            condition("NamesAccepted", "NoConflicts", "no conflicts found"),
            condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        ],
    })
}

/// What is wrong with a new object.
pub(super) fn check_new(resource: &Resource, key: &Key, object: &Value) -> Result<(), Failure> {
    let mut errors = check_name(resource, &key.name);
    if resource.is_core("pods") {
        errors.extend(pod::check(object));
    }
    if resource.is_core("events") {
        errors.extend(check_event(resource, key, object));
    }
    if errors.is_empty() {
        return Ok(());
    }
    let group = resource.storage_group();
    Err(Failure::invalid(&resource.kind, group, &key.name, &errors))
}

fn check_name(resource: &Resource, name: &str) -> Vec<FieldError> {
    let why = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and \
               must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
               '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
    // Names of roles and bindings are free; they stand in paths.
    let free = resource.group == "rbac.authorization.k8s.io";
    if name.is_empty() {
        vec![FieldError::required(
            "metadata.name",
            "name or generateName is required",
        )]
    } else if free || is_subdomain(name) {
        Vec::new()
    } else {
        vec![FieldError::invalid(
            "metadata.name",
            &format!("\"{name}\""),
            why,
        )]
    }
}

fn is_subdomain(name: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.len() <= 253
        && name.split('.').all(|label| {
            label.starts_with(alphanumeric)
                && label.ends_with(alphanumeric)
                && label.chars().all(|c| alphanumeric(c) || c == '-')
        })
}

/// As the newer group wants events to be; the older one only looks at the namespace.
fn check_event(resource: &Resource, key: &Key, event: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let about = text(event, "/involvedObject/namespace");
    // What is in no namespace has its events in `default`.
    if about != key.namespace && !(about.is_empty() && key.namespace == "default") {
        let why = "does not match event.namespace";
        let field = "involvedObject.namespace";
        errors.push(FieldError::invalid(field, &format!("\"{about}\""), why));
    }
    if resource.group.is_empty() {
        return errors;
    }
    if event["eventTime"].is_null() {
        errors.push(FieldError::required("eventTime", ""));
    } else {
        let wanted = [
            "reportingComponent",
            "reportingInstance",
            "action",
            "reason",
        ];
        let shown = [
            "reportingController",
            "reportingInstance",
            "action",
            "reason",
        ];
        let missing = wanted
            .iter()
            .zip(shown)
            .filter(|(member, _)| event[**member].is_null());
        errors.extend(missing.map(|(_, shown)| FieldError::required(shown, "")));
    }
    let kind = text(event, "/type");
    if !["Normal", "Warning"].contains(&kind) {
        let why = format!("has invalid value: {kind}");
        errors.push(FieldError::invalid("type", &format!("\"{kind}\""), &why));
    }
    errors
}

/// Puts back what this write may not change, and counts the generation on.
pub(super) fn prepare_change(resource: &Resource, subresource: &str, old: &Value, new: &mut Value) {
    keep_metadata(resource, subresource, old, new);
    if subresource == "status" {
        let status = new["status"].take();
        let metadata = new["metadata"].take();
        *new = old.clone();
        new["metadata"] = metadata;
        set(
            new,
            "status",
            Some(status).filter(|status| !status.is_null()),
        );
    } else {
        if resource.has_status() {
            set(new, "status", old.get("status").cloned());
        }
        if resource.has_generation() && new["spec"] != old["spec"] {
            let generation = old["metadata"]["generation"].as_u64().unwrap_or(0);
            new["metadata"]["generation"] = (generation + 1).into();
        }
    }
    if resource.is_core("pods") {
        pod::complete(new);
    }
}

fn keep_metadata(resource: &Resource, subresource: &str, old: &Value, new: &mut Value) {
    let of_old = |member: &str| old["metadata"].get(member).cloned();
    for member in SERVERS_OWN {
        set(&mut new["metadata"], member, of_old(member));
    }
    if text(new, "/metadata/uid").is_empty() {
        set(&mut new["metadata"], "uid", of_old("uid"));
    }
    if subresource != "status" {
        return;
    }
    set(
        &mut new["metadata"],
        "ownerReferences",
        of_old("ownerReferences"),
    );
    if resource.custom {
        for member in ["labels", "annotations", "finalizers"] {
            set(&mut new["metadata"], member, of_old(member));
        }
    }
}

/// What is wrong with a change.
pub(super) fn check_change(
    resource: &Resource,
    subresource: &str,
    old: &Value,
    new: &Value,
) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for member in ["name", "namespace", "uid"] {
        let (before, after) = (&old["metadata"][member], &new["metadata"][member]);
        if before != after {
            let field = format!("metadata.{member}");
            let error =
                FieldError::invalid(field, &format!("\"{}\"", go(after)), "field is immutable");
            // The API server checks metadata in two places.
            errors.extend([error.clone(), error]);
        }
    }
    if resource.is_core("pods") && subresource.is_empty() {
        errors.extend(pod::check_change(old, new));
    }
    errors
}

/// How long an object that is deleted may take to shut down.
pub(super) fn grace_seconds(resource: &Resource, object: &Value, asked: Option<u64>) -> u64 {
    let ended = ["Succeeded", "Failed"].contains(&text(object, "/status/phase"));
    let unscheduled = text(object, "/spec/nodeName").is_empty();
    if !resource.is_core("pods") || ended || unscheduled {
        return 0;
    }
    let own = object["spec"]["terminationGracePeriodSeconds"].as_u64();
    asked.or(own).unwrap_or(30)
}

/// Whether a replacement must say which version it replaces.
pub(super) fn needs_version(resource: &Resource) -> bool {
    resource.custom || resource.group == "coordination.k8s.io"
}
