//! What holds for objects of a kind when they are written: defaults, what stays as it was, and what may not be.

use serde_json::{Value, json};

use super::event;
use super::job;
use super::lease;
use super::metadata;
use super::names;
use super::pod;
use super::resources::Resource;
use super::status::{Failure, FieldError};
use super::store::Key;
use super::value::{default, items, members, set, text};

/// Metadata that only the API server writes.
const SERVERS_OWN: [&str; 6] = [
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "resourceVersion",
    "selfLink",
];

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
    tidy(resource, object);
    match resource.plural.as_str() {
        "pods" if resource.is_core("pods") => {
            pod::set_defaults(object);
            pod::begin(object);
        }
        "jobs" if !resource.custom => job::prepare_new(object),
        "namespaces" => prepare_namespace(object),
        "secrets" if !resource.custom => default(object, "type", "Opaque"),
        "customresourcedefinitions" => object["status"] = established(object, now),
        _ => {}
    }
}

/// Takes out what Go's structures do not hold: empty lists and maps of metadata, and what is null.
fn tidy(resource: &Resource, object: &mut Value) {
    if resource.custom {
        return;
    }
    for map in ["/metadata/labels", "/metadata/annotations"] {
        let values = object.pointer_mut(map).and_then(Value::as_object_mut);
        let nothing = values
            .into_iter()
            .flatten()
            .filter(|(_, value)| value.is_null());
        nothing.for_each(|(_, value)| *value = "".into());
    }
    for member in ["labels", "annotations", "finalizers", "ownerReferences"] {
        let value = &object["metadata"][member];
        let empty = value.as_object().is_some_and(serde_json::Map::is_empty)
            || value.as_array().is_some_and(Vec::is_empty);
        if empty || value.is_null() {
            set(&mut object["metadata"], member, None);
        }
    }
    if resource.plural == "leases" {
        members(&mut object["spec"]).retain(|_, value| !value.is_null());
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
    let mut errors: Vec<FieldError> = check_name(resource, &key.name).into_iter().collect();
    errors.extend(metadata::check(object));
    if !resource.custom {
        errors.extend(metadata::check_finalizers(object));
    }
    if resource.is_core("pods") {
        errors.extend(pod::check(object));
    }
    if resource.is_core("events") {
        errors.extend(event::check(resource, key, object));
    }
    if resource.plural == "jobs" && !resource.custom {
        errors.extend(job::check(object));
    }
    if resource.plural == "leases" {
        errors.extend(lease::check(object));
    }
    if errors.is_empty() {
        return Ok(());
    }
    let group = resource.storage_group();
    Err(Failure::invalid(&resource.kind, group, &key.name, &errors))
}

fn check_name(resource: &Resource, name: &str) -> Option<FieldError> {
    // Names of roles and bindings are free; they stand in paths.
    let free = resource.group == "rbac.authorization.k8s.io";
    let field = "metadata.name";
    if name.is_empty() {
        return Some(FieldError::required(
            field,
            "name or generateName is required",
        ));
    }
    let wrong = match resource.plural.as_str() {
        _ if free => None,
        "namespaces" => names::label(name),
        _ => names::subdomain(name),
    };
    wrong.map(|why| FieldError::invalid(field, &format!("\"{name}\""), why))
}

/// Puts back what this write may not change, and counts the generation on.
pub(super) fn prepare_change(resource: &Resource, subresource: &str, old: &Value, new: &mut Value) {
    tidy(resource, new);
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
        if resource.is_core("pods") {
            pod::keep_status(old, new);
        }
    } else {
        if resource.has_status() {
            set(new, "status", old.get("status").cloned());
        }
        // A pod that others have put here may lack what has a default, and is left so.
        if resource.is_core("pods") && !old["spec"]["dnsPolicy"].is_null() {
            pod::set_defaults(new);
        }
        let of_job = &old["spec"]["template"]["spec"]["dnsPolicy"];
        if resource.plural == "jobs" && !resource.custom && !of_job.is_null() {
            job::set_defaults(new);
        }
        if resource.plural == "namespaces" {
            keep_namespace(old, new);
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

/// A namespace keeps its label and its finalizers, whatever replaces it.
fn keep_namespace(old: &Value, new: &mut Value) {
    let name = text(new, "/metadata/name").to_owned();
    let labels = &mut new["metadata"]["labels"];
    default(labels, "kubernetes.io/metadata.name", name);
    set(new, "spec", old.get("spec").cloned());
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
    // The API server checks metadata in two places, and for its own kinds each of them twice.
    let metadata = metadata::check(new);
    let times = if resource.custom { 2 } else { 4 };
    let mut errors: Vec<FieldError> = std::iter::repeat_n(metadata, times).flatten().collect();
    let mut change = metadata::check_change(old, new);
    if !resource.custom {
        change.extend(metadata::check_finalizers(new));
    }
    for error in change {
        errors.extend([error.clone(), error]);
    }
    if resource.is_core("pods") && subresource.is_empty() {
        errors.extend(pod::check_change(old, new));
    }
    if resource.is_core("pods") && subresource == "status" {
        errors.extend(pod::check_status(old, new));
    }
    if resource.is_core("events") {
        errors.extend(event::check_change(resource, old, new));
    }
    if resource.plural == "jobs" && !resource.custom && subresource.is_empty() {
        errors.extend(job::check_change(old, new));
    }
    if resource.plural == "leases" {
        errors.extend(lease::check(new));
    }
    errors
}

/// How long an object that is deleted may take to shut down.
pub(super) fn grace_seconds(resource: &Resource, object: &Value, asked: Option<i64>) -> i64 {
    let ended = ["Succeeded", "Failed"].contains(&text(object, "/status/phase"));
    let unscheduled = text(object, "/spec/nodeName").is_empty();
    if !resource.is_core("pods") || ended || unscheduled {
        return 0;
    }
    let own = object["spec"]["terminationGracePeriodSeconds"].as_i64();
    // One that is below zero is as short as can be.
    let grace = asked.or(own).unwrap_or(30);
    if grace < 0 { 1 } else { grace }
}

/// Whether a replacement must say which version it replaces.
pub(super) fn needs_version(resource: &Resource) -> bool {
    resource.custom || resource.group == "coordination.k8s.io"
}

/// Whether a replacement makes an object that is not there.
pub(super) fn may_create_by_update(resource: &Resource) -> bool {
    resource.plural == "leases" || resource.is_core("events")
}
