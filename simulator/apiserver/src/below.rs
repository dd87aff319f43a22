//! Subresources besides status: eviction, logs of pods, scale.

use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::admission;
use super::answer::{whole, words};
use super::asked::{Asked, object};
use super::body::Body;
use super::disruption;
use super::logs;
use super::patch::Patch;
use super::resources::Resource;
use super::status::{Failure, FieldError};
use super::store::{Key, Store};
use super::value::text;
use super::write::Writing;

/// The subresources that are here.
pub(super) fn is_here(resource: &Resource, subresource: &str) -> bool {
    match subresource {
        "eviction" | "log" | "exec" | "attach" | "portforward" => resource.is_core("pods"),
        "scale" => resource.group == "apps" && resource.plural == "replicasets",
        _ => false,
    }
}

/// Answers a request for one of them.
pub(super) fn answer(
    resource: &Resource,
    asked: &Asked,
    writing: Writing<'_>,
) -> Result<Response<Body>, Failure> {
    let key = writing.key.clone();
    let current = writing.store.get(&key);
    let current = current.ok_or_else(|| Failure::not_found(resource, &key.name))?;
    match asked.attributes.subresource.as_str() {
        "log" => {
            let mut answer = words(StatusCode::OK, logs::of(&current, &asked.query.container)?);
            let plain = HeaderValue::from_static("text/plain");
            answer.headers_mut().insert(header::CONTENT_TYPE, plain);
            Ok(answer)
        }
        "eviction" => evict(resource, asked, writing, &current),
        what @ ("exec" | "attach" | "portforward") => {
            let why = format!("nothing runs in a simulated pod, so there is no {what}");
            Err(Failure::forbidden(resource, &key.name, &why))
        }
        _ => scale(resource, asked, writing.store, &key, &current),
    }
}

fn evict(
    resource: &Resource,
    asked: &Asked,
    writing: Writing<'_>,
    pod: &Value,
) -> Result<Response<Body>, Failure> {
    let eviction = object(resource, asked)?;
    let (key, user) = (writing.key.clone(), writing.user);
    let name = text(&eviction, "/metadata/name");
    if !name.is_empty() && name != key.name {
        let message = "name in URL does not match name in Eviction object";
        return Err(Failure::bad_request(message));
    }
    disruption::check(writing.store, pod)?;
    let options = &eviction["deleteOptions"];
    let is_rehearsal = asked.query.is_dry_run() || !options["dryRun"].is_null();
    if !is_rehearsal {
        disruption::mark(writing.store, &key, user);
        writing.delete(options)?;
    }
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201,
    });
    Ok(whole(201, &status))
}

/// Reads how many pods there are to be, or says it.
fn scale(
    resource: &Resource,
    asked: &Asked,
    store: &Store,
    key: &Key,
    current: &Value,
) -> Result<Response<Body>, Failure> {
    let shown = scale_of(current);
    let wanted = match asked.attributes.verb {
        "get" => return Ok(whole(200, &shown)),
        "update" => object(resource, asked)?,
        _ => {
            Patch::is_known(resource, &asked.content_type)?;
            Patch::parse(&asked.content_type, &asked.body)?.patched(&shown)?
        }
    };
    let version = text(&wanted, "/metadata/resourceVersion");
    if !version.is_empty() && version != text(current, "/metadata/resourceVersion") {
        return Err(Failure::conflict(resource, &key.name));
    }
    let replicas = wanted["spec"]["replicas"].as_i64().unwrap_or(0);
    if !(0..=i64::from(i32::MAX)).contains(&replicas) {
        let why = "must be greater than or equal to 0";
        let error = FieldError::invalid("spec.replicas", &replicas.to_string(), why);
        return Err(Failure::invalid(
            "Scale",
            "autoscaling",
            &key.name,
            &[error],
        ));
    }
    let scaled = json!({"metadata": {"name": key.name}, "spec": {"replicas": replicas}});
    admission::check_change(store.admission(), resource, &scaled)?;
    let change = |object: &mut Value| {
        if object["spec"]["replicas"] != replicas {
            let generation = object["metadata"]["generation"].as_u64().unwrap_or(0);
            object["metadata"]["generation"] = (generation + 1).into();
            object["spec"]["replicas"] = replicas.into();
        }
    };
    if asked.query.is_dry_run() {
        let mut then = current.clone();
        change(&mut then);
        return Ok(whole(200, &scale_of(&then)));
    }
    let written = store.update(key, &asked.attributes.user, change);
    let written = written.ok_or_else(|| Failure::not_found(resource, &key.name))?;
    Ok(whole(200, &scale_of(&written)))
}

/// `autoscaling/v1` Scale.
fn scale_of(object: &Value) -> Value {
    let of = |member: &str| object["metadata"][member].clone();
    let labels = object
        .pointer("/spec/selector/matchLabels")
        .and_then(Value::as_object);
    let labels = labels.into_iter().flatten();
    let selector: Vec<String> = labels
        .filter_map(|(name, value)| Some(format!("{name}={}", value.as_str()?)))
        .collect();
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": of("name"), "namespace": of("namespace"), "uid": of("uid"),
            "resourceVersion": of("resourceVersion"), "creationTimestamp": of("creationTimestamp"),
        },
        "spec": {"replicas": object["spec"]["replicas"].as_u64().unwrap_or(0)},
        "status": {
            "replicas": object["status"]["replicas"].as_u64().unwrap_or(0),
            "selector": selector.join(","),
        },
    })
}
