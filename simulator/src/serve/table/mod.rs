//! Tables, as `kubectl get` shows them.

mod age;
mod pods;

use pullstop_core::time::Timestamp;
use serde_json::{Value, json};

use super::clock::moment;
use super::form::metadata_only;
use super::resources::Resource;
use super::value::{items, text};

/// A cell that has nothing to show.
const NONE: &str = "<none>";

/// These objects as a table; `include` says what of an object goes with its row.
pub(super) fn table(
    resource: &Resource,
    objects: &[Value],
    include: &str,
    now: Timestamp,
) -> Value {
    let rows: Vec<Value> = objects
        .iter()
        .map(|object| {
            let mut row = json!({"cells": cells(resource, object, now)});
            match include {
                "None" => row["object"] = Value::Null,
                "Object" => row["object"] = object.clone(),
                _ => row["object"] = metadata_only(object),
            }
            row
        })
        .collect();
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {},
        "columnDefinitions": columns(resource), "rows": rows,
    })
}

fn columns(resource: &Resource) -> Value {
    let named = |names: &[(&str, u8)]| {
        let column = |(name, priority): &(&str, u8)| {
            let format = if *name == "Name" { "name" } else { "" };
            json!({
                "name": name, "type": "string", "format": format, "description": "",
                "priority": priority,
            })
        };
        names.iter().map(column).collect()
    };
    match resource.plural.as_str() {
        "pods" if resource.is_core("pods") => pods::columns(),
        "events" => named(&[
            ("Last Seen", 0),
            ("Type", 0),
            ("Reason", 0),
            ("Object", 0),
            ("Message", 0),
            ("Count", 1),
            ("Name", 1),
        ]),
        "jobs" => named(&[("Name", 0), ("Status", 0), ("Completions", 0), ("Age", 0)]),
        "nodes" => named(&[("Name", 0), ("Status", 0), ("Age", 0), ("Version", 0)]),
        "namespaces" => named(&[("Name", 0), ("Status", 0), ("Age", 0)]),
        "leases" => named(&[("Name", 0), ("Holder", 0), ("Age", 0)]),
        _ => named(&[("Name", 0), ("Age", 0)]),
    }
}

fn cells(resource: &Resource, object: &Value, now: Timestamp) -> Vec<Value> {
    let name = || text(object, "/metadata/name").to_owned();
    let age = || since(text(object, "/metadata/creationTimestamp"), now);
    let cells = match resource.plural.as_str() {
        "pods" if resource.is_core("pods") => pods::cells(object, now),
        "events" => event(object, now),
        "jobs" => vec![name(), job_status(object), completions(object), age()],
        "nodes" => {
            let version = text(object, "/status/nodeInfo/kubeletVersion").to_owned();
            vec![name(), node_status(object), age(), version]
        }
        "namespaces" => vec![name(), text(object, "/status/phase").to_owned(), age()],
        "leases" => vec![
            name(),
            text(object, "/spec/holderIdentity").to_owned(),
            age(),
        ],
        _ => vec![name(), age()],
    };
    cells.into_iter().map(Value::from).collect()
}

/// An event of either group.
fn event(event: &Value, now: Timestamp) -> Vec<String> {
    let either = |old: &str, new: &str| match text(event, old) {
        "" => text(event, new).to_owned(),
        found => found.to_owned(),
    };
    let last = [
        text(event, "/series/lastObservedTime"),
        text(event, "/lastTimestamp"),
        text(event, "/deprecatedLastTimestamp"),
        text(event, "/eventTime"),
    ];
    let last = last.into_iter().find(|time| !time.is_empty());
    let kind = either("/involvedObject/kind", "/regarding/kind").to_lowercase();
    let object = either("/involvedObject/name", "/regarding/name");
    let count = [
        &event["series"]["count"],
        &event["count"],
        &event["deprecatedCount"],
    ];
    let count = count.into_iter().find_map(Value::as_u64).unwrap_or(1);
    vec![
        since(last.unwrap_or_default(), now),
        text(event, "/type").to_owned(),
        text(event, "/reason").to_owned(),
        format!("{kind}/{object}"),
        either("/message", "/note").trim().to_owned(),
        count.to_string(),
        text(event, "/metadata/name").to_owned(),
    ]
}

fn job_status(job: &Value) -> String {
    let is = |kind: &&str| {
        let mut conditions = items(job, "/status/conditions").iter();
        conditions.any(|one| text(one, "/type") == *kind && text(one, "/status") == "True")
    };
    let known = [
        "Complete",
        "Failed",
        "Suspended",
        "FailureTarget",
        "SuccessCriteriaMet",
    ];
    known
        .iter()
        .find(|kind| is(kind))
        .map_or("Running", |kind| kind)
        .to_owned()
}

fn completions(job: &Value) -> String {
    let succeeded = job["status"]["succeeded"].as_u64().unwrap_or(0);
    let wanted = job["spec"]["completions"].as_u64().unwrap_or(1);
    format!("{succeeded}/{wanted}")
}

fn node_status(node: &Value) -> String {
    let ready = items(node, "/status/conditions")
        .iter()
        .any(|one| text(one, "/type") == "Ready" && text(one, "/status") == "True");
    let status = if ready { "Ready" } else { "NotReady" };
    if node["spec"]["unschedulable"] == true {
        return format!("{status},SchedulingDisabled");
    }
    status.to_owned()
}

/// How long ago something was, as kubectl says it.
fn since(time: &str, now: Timestamp) -> String {
    moment(time).map_or_else(
        || "<unknown>".to_owned(),
        |then| age::human(now.since(then)),
    )
}
