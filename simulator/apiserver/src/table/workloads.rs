//! What makes pods and what carries them, as `kubectl get` shows them (`pkg/printers/internalversion/printers.go`).

use pullstop_core::time::Timestamp;
use serde_json::Value;

use super::{NONE, age, since};
use crate::clock::moment;
use crate::value::{items, text};

pub(super) const JOBS: &[(&str, u8)] = &[
    ("Name", 0),
    ("Status", 0),
    ("Completions", 0),
    ("Duration", 0),
    ("Age", 0),
    ("Containers", 1),
    ("Images", 1),
    ("Selector", 1),
];

pub(super) fn job(job: &Value, now: Timestamp) -> Vec<Value> {
    let mut cells = vec![
        name(job),
        status(job).into(),
        completions(job).into(),
        duration(job, now).into(),
        age_of(job, now),
    ];
    cells.extend(template(job));
    cells
}

pub(super) const DEPLOYMENTS: &[(&str, u8)] = &[
    ("Name", 0),
    ("Ready", 0),
    ("Up-to-date", 0),
    ("Available", 0),
    ("Age", 0),
    ("Containers", 1),
    ("Images", 1),
    ("Selector", 1),
];

pub(super) fn deployment(deployment: &Value, now: Timestamp) -> Vec<Value> {
    let of = |member: &str| number(deployment, &format!("/status/{member}"));
    let wanted = deployment["spec"]["replicas"].as_u64().unwrap_or(1);
    let mut cells = vec![
        name(deployment),
        format!("{}/{wanted}", of("readyReplicas")).into(),
        of("updatedReplicas").into(),
        of("availableReplicas").into(),
        age_of(deployment, now),
    ];
    cells.extend(template(deployment));
    cells
}

pub(super) const REPLICA_SETS: &[(&str, u8)] = &[
    ("Name", 0),
    ("Desired", 0),
    ("Current", 0),
    ("Ready", 0),
    ("Age", 0),
    ("Containers", 1),
    ("Images", 1),
    ("Selector", 1),
];

pub(super) fn replica_set(set: &Value, now: Timestamp) -> Vec<Value> {
    let mut cells = vec![
        name(set),
        set["spec"]["replicas"].as_u64().unwrap_or(1).into(),
        number(set, "/status/replicas").into(),
        number(set, "/status/readyReplicas").into(),
        age_of(set, now),
    ];
    cells.extend(template(set));
    cells
}

pub(super) const NODES: &[(&str, u8)] = &[
    ("Name", 0),
    ("Status", 0),
    ("Roles", 0),
    ("Age", 0),
    ("Version", 0),
    ("Internal-IP", 1),
    ("External-IP", 1),
    ("OS-Image", 1),
    ("Kernel-Version", 1),
    ("Container-Runtime", 1),
];

pub(super) fn node(node: &Value, now: Timestamp) -> Vec<Value> {
    let info = |member: &str| match text(node, &format!("/status/nodeInfo/{member}")) {
        "" => "<unknown>".into(),
        found => Value::from(found),
    };
    let address = |kind: &str| {
        let mut all = items(node, "/status/addresses").iter();
        let found = all.find(|one| text(one, "/type") == kind);
        found.map_or(NONE, |one| text(one, "/address"))
    };
    vec![
        name(node),
        node_status(node).into(),
        roles(node).into(),
        age_of(node, now),
        text(node, "/status/nodeInfo/kubeletVersion").into(),
        address("InternalIP").into(),
        address("ExternalIP").into(),
        info("osImage"),
        info("kernelVersion"),
        info("containerRuntimeVersion"),
    ]
}

pub(super) const BUDGETS: &[(&str, u8)] = &[
    ("Name", 0),
    ("Min Available", 0),
    ("Max Unavailable", 0),
    ("Allowed Disruptions", 0),
    ("Age", 0),
];

pub(super) fn budget(budget: &Value, now: Timestamp) -> Vec<Value> {
    let or_none = |member: &str| match &budget["spec"][member] {
        Value::Null => "N/A".to_owned(),
        Value::String(share) => share.clone(),
        number => number.to_string(),
    };
    vec![
        name(budget),
        or_none("minAvailable").into(),
        or_none("maxUnavailable").into(),
        number(budget, "/status/disruptionsAllowed").into(),
        age_of(budget, now),
    ]
}

fn name(object: &Value) -> Value {
    text(object, "/metadata/name").into()
}

fn age_of(object: &Value, now: Timestamp) -> Value {
    since(text(object, "/metadata/creationTimestamp"), now).into()
}

fn number(object: &Value, pointer: &str) -> u64 {
    object.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
}

/// Names and images of the containers, and the selector.
fn template(of: &Value) -> [Value; 3] {
    let containers = items(of, "/spec/template/spec/containers");
    let all = |member: &str| {
        let each = containers.iter().map(|one| text(one, member));
        each.collect::<Vec<_>>().join(",")
    };
    let labels = of
        .pointer("/spec/selector/matchLabels")
        .and_then(Value::as_object);
    let labels = labels.into_iter().flatten();
    let labels: Vec<String> = labels
        .map(|(label, value)| format!("{label}={}", value.as_str().unwrap_or_default()))
        .collect();
    let selector = if labels.is_empty() {
        NONE.to_owned()
    } else {
        labels.join(",")
    };
    [all("/name").into(), all("/image").into(), selector.into()]
}

fn status(job: &Value) -> &'static str {
    let is = |kind: &str| {
        let mut conditions = items(job, "/status/conditions").iter();
        conditions.any(|one| text(one, "/type") == kind && text(one, "/status") == "True")
    };
    match () {
        () if is("Complete") => "Complete",
        () if is("Failed") => "Failed",
        () if !job["metadata"]["deletionTimestamp"].is_null() => "Terminating",
        () if is("Suspended") => "Suspended",
        () if is("FailureTarget") => "FailureTarget",
        () if is("SuccessCriteriaMet") => "SuccessCriteriaMet",
        () => "Running",
    }
}

fn completions(job: &Value) -> String {
    let succeeded = number(job, "/status/succeeded");
    let parallelism = number(job, "/spec/parallelism");
    match job["spec"]["completions"].as_u64() {
        Some(wanted) => format!("{succeeded}/{wanted}"),
        None if parallelism > 1 => format!("{succeeded}/1 of {parallelism}"),
        None => format!("{succeeded}/1"),
    }
}

/// From its start to its end, or until now; a Job that has failed has no end, and so goes on.
fn duration(job: &Value, now: Timestamp) -> String {
    let Some(began) = moment(text(job, "/status/startTime")) else {
        return String::new();
    };
    let ended = moment(text(job, "/status/completionTime")).unwrap_or(now);
    age::human(ended.since(began))
}

fn node_status(node: &Value) -> String {
    let mut conditions = items(node, "/status/conditions").iter();
    let ready = conditions.find(|one| text(one, "/type") == "Ready");
    let status = match ready.map(|ready| text(ready, "/status")) {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    };
    if node["spec"]["unschedulable"] == true {
        return format!("{status},SchedulingDisabled");
    }
    status.to_owned()
}

fn roles(node: &Value) -> String {
    let labels = node["metadata"]["labels"].as_object().into_iter().flatten();
    let roles = labels.filter_map(|(label, _)| label.strip_prefix("node-role.kubernetes.io/"));
    let roles: Vec<&str> = roles.filter(|role| !role.is_empty()).collect();
    if roles.is_empty() {
        NONE.to_owned()
    } else {
        roles.join(",")
    }
}
