//! Tables, as `kubectl get` shows them.

mod age;
mod custom;
mod pods;
mod workloads;

use pullstop_core::time::Timestamp;
use serde_json::{Map, Value, json};

use super::clock::moment;
use super::metadata::{META, partial_object};
use super::resources::Resource;
use super::value::text;

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
                _ => row["object"] = partial_object(object),
            }
            row
        })
        .collect();
    json!({
        "kind": "Table", "apiVersion": format!("{META}/v1"), "metadata": {},
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
    if resource.custom {
        let Value::Array(mut all) = named(&[("Name", 0)]) else {
            return Value::Null;
        };
        all.extend(custom::columns(&resource.columns));
        return all.into();
    }
    match resource.plural.as_str() {
        "pods" if resource.is_core("pods") => pods::columns(),
        "events" => named(EVENTS),
        "jobs" => named(workloads::JOBS),
        "deployments" => named(workloads::DEPLOYMENTS),
        "replicasets" => named(workloads::REPLICA_SETS),
        "poddisruptionbudgets" => named(workloads::BUDGETS),
        "nodes" => named(workloads::NODES),
        "namespaces" => named(&[("Name", 0), ("Status", 0), ("Age", 0)]),
        "leases" => named(&[("Name", 0), ("Holder", 0), ("Age", 0)]),
        "configmaps" => named(&[("Name", 0), ("Data", 0), ("Age", 0)]),
        "secrets" => named(&[("Name", 0), ("Type", 0), ("Data", 0), ("Age", 0)]),
        _ => named(&[("Name", 0), ("Age", 0)]),
    }
}

fn cells(resource: &Resource, object: &Value, now: Timestamp) -> Vec<Value> {
    let name = || Value::from(text(object, "/metadata/name"));
    let age = || Value::from(since(text(object, "/metadata/creationTimestamp"), now));
    let data = || object["data"].as_object().map_or(0, Map::len).to_string();
    if resource.custom {
        let mut all = vec![name()];
        all.extend(custom::cells(&resource.columns, object, now));
        return all;
    }
    match resource.plural.as_str() {
        "pods" if resource.is_core("pods") => pods::cells(object, now)
            .into_iter()
            .map(Value::from)
            .collect(),
        "events" => event(object, now),
        "jobs" => workloads::job(object, now),
        "deployments" => workloads::deployment(object, now),
        "replicasets" => workloads::replica_set(object, now),
        "poddisruptionbudgets" => workloads::budget(object, now),
        "nodes" => workloads::node(object, now),
        "namespaces" => vec![name(), text(object, "/status/phase").into(), age()],
        "leases" => vec![name(), text(object, "/spec/holderIdentity").into(), age()],
        "configmaps" => vec![name(), data().into(), age()],
        "secrets" => vec![name(), text(object, "/type").into(), data().into(), age()],
        _ => vec![name(), age()],
    }
}

const EVENTS: &[(&str, u8)] = &[
    ("Last Seen", 0),
    ("Type", 0),
    ("Reason", 0),
    ("Object", 0),
    ("Subobject", 1),
    ("Source", 1),
    ("Message", 0),
    ("First Seen", 1),
    ("Count", 1),
    ("Name", 1),
];

/// An event of either group (`printEvent` in `pkg/printers/internalversion/printers.go`).
fn event(event: &Value, now: Timestamp) -> Vec<Value> {
    let first = |pointers: &[&str]| {
        let mut found = pointers.iter().map(|pointer| text(event, pointer));
        found.find(|found| !found.is_empty()).unwrap_or_default()
    };
    let begun = first(&["/firstTimestamp", "/deprecatedFirstTimestamp", "/eventTime"]);
    let last = match first(&[
        "/series/lastObservedTime",
        "/lastTimestamp",
        "/deprecatedLastTimestamp",
    ]) {
        "" => begun,
        last => last,
    };
    let kind = first(&["/involvedObject/kind", "/regarding/kind"]).to_lowercase();
    let object = match first(&["/involvedObject/name", "/regarding/name"]) {
        "" => kind,
        name => format!("{kind}/{name}"),
    };
    let component = first(&[
        "/source/component",
        "/deprecatedSource/component",
        "/reportingComponent",
        "/reportingController",
    ]);
    let source = match first(&[
        "/source/host",
        "/deprecatedSource/host",
        "/reportingInstance",
    ]) {
        "" => component.to_owned(),
        host => format!("{component}, {host}"),
    };
    let counts = [
        &event["series"]["count"],
        &event["count"],
        &event["deprecatedCount"],
    ];
    let count = counts.into_iter().find_map(Value::as_u64);
    vec![
        since(last, now).into(),
        text(event, "/type").into(),
        text(event, "/reason").into(),
        object.into(),
        first(&["/involvedObject/fieldPath", "/regarding/fieldPath"]).into(),
        source.into(),
        first(&["/message", "/note"]).trim().into(),
        since(begun, now).into(),
        count.unwrap_or(1).to_string().into(),
        text(event, "/metadata/name").into(),
    ]
}

/// How long ago something was, as kubectl says it.
fn since(time: &str, now: Timestamp) -> String {
    moment(time).map_or_else(
        || "<unknown>".to_owned(),
        |then| age::human(now.since(then)),
    )
}
