//! What is wrong with events, as `k8s.io/kubernetes/pkg/apis` says it.

use serde_json::Value;

use super::names;
use super::resources::Resource;
use super::status::FieldError;
use super::store::Key;
use super::value::{go, text};

/// How long a note may be, and the other texts.
const NOTE_MAX: usize = 1024;
const TEXT_MAX: usize = 128;

/// What the newer group does not let anybody write: the fields of the older one.
const LEGACY: [&str; 4] = ["firstTimestamp", "lastTimestamp", "count", "source"];

/// What the newer group does not let anybody change; it looks at the reason twice.
const FIXED: [&str; 10] = [
    "involvedObject",
    "reason",
    "reason",
    "message",
    "type",
    "eventTime",
    "action",
    "related",
    "reportingController",
    "reportingInstance",
];

/// What is wrong with a new event, as it is stored.
pub(super) fn check(resource: &Resource, key: &Key, event: &Value) -> Vec<FieldError> {
    let newer = !resource.group.is_empty();
    if event["eventTime"].is_null() {
        let mut errors = check_place(key, event);
        if newer {
            errors.push(FieldError::required("eventTime", ""));
            errors.extend(check_type(event));
        }
        return errors;
    }
    let mut errors = check_texts(event, newer);
    let nowhere = text(event, "/involvedObject/namespace").is_empty();
    if nowhere && !["default", "kube-system"].contains(&key.namespace.as_str()) {
        errors.push(misplaced(""));
    }
    if newer {
        errors.extend(check_series(event));
        errors.extend(check_type(event));
        let written = LEGACY.iter().filter(|field| !is_empty(&event[**field]));
        errors
            .extend(written.map(|field| FieldError::invalid(*field, "\"\"", "needs to be unset")));
    }
    errors
}

/// What is wrong with a change of an event.
pub(super) fn check_change(resource: &Resource, old: &Value, new: &Value) -> Vec<FieldError> {
    if resource.group.is_empty() {
        return Vec::new();
    }
    let stored = |field: &'static str| match field {
        "reportingController" => "reportingComponent",
        other => other,
    };
    let changed = FIXED.iter().filter(|field| {
        let field = stored(field);
        old[field] != new[field]
    });
    let error = |field: &&'static str| {
        let shown = format!("\"{}\"", go(&new[stored(field)]));
        FieldError::invalid(*field, &shown, "field is immutable")
    };
    changed.map(error).collect()
}

/// An event is where what it is about is; what is in no namespace has its events in `default`.
fn check_place(key: &Key, event: &Value) -> Vec<FieldError> {
    let about = text(event, "/involvedObject/namespace");
    let fits = about == key.namespace || about.is_empty() && key.namespace == "default";
    if fits {
        Vec::new()
    } else {
        vec![misplaced(about)]
    }
}

fn misplaced(about: &str) -> FieldError {
    let why = "does not match event.namespace";
    FieldError::invalid("involvedObject.namespace", &format!("\"{about}\""), why)
}

fn check_texts(event: &Value, newer: bool) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let controller = text(event, "/reportingComponent");
    let shown = if newer {
        "reportingController"
    } else {
        "reportingComponent"
    };
    if controller.is_empty() {
        errors.push(FieldError::required(shown, ""));
    }
    let odd = names::key(controller).into_iter();
    errors.extend(odd.map(|why| FieldError::invalid(shown, &format!("\"{controller}\""), &why)));
    for field in ["reportingInstance", "action", "reason"] {
        let length = text(event, &format!("/{field}")).len();
        if length == 0 {
            errors.push(FieldError::required(field, ""));
        }
        errors.extend(check_length(field, length, TEXT_MAX));
    }
    let note = text(event, "/message").len();
    errors.extend(check_length("message", note, NOTE_MAX));
    errors
}

fn check_length(field: &str, length: usize, most: usize) -> Option<FieldError> {
    let why = format!("can have at most {most} characters");
    (length > most).then(|| FieldError::invalid(field, "\"\"", &why))
}

fn check_series(event: &Value) -> Vec<FieldError> {
    let series = &event["series"];
    let mut errors = Vec::new();
    if series.is_null() {
        return errors;
    }
    if series["count"].as_i64().unwrap_or(0) < 2 {
        let why = "should be at least 2";
        errors.push(FieldError::invalid("series.count", "\"\"", why));
    }
    if series["lastObservedTime"].is_null() {
        errors.push(FieldError::required("series.lastObservedTime", ""));
    }
    errors
}

fn check_type(event: &Value) -> Option<FieldError> {
    let kind = text(event, "/type");
    let why = format!("has invalid value: {kind}");
    (!["Normal", "Warning"].contains(&kind)).then(|| FieldError::invalid("type", "\"\"", &why))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn newer() -> Resource {
        Resource {
            group: "events.k8s.io".to_owned(),
            plural: "events".to_owned(),
            ..Resource::default()
        }
    }

    #[test]
    fn the_newer_group_wants_all_that_it_has() {
        let key = Key::of("", "events", "demo", "e");
        let event = json!({
            "involvedObject": {"namespace": "demo"}, "eventTime": "t", "reportingComponent": "a/b",
            "reportingInstance": "i", "action": "a", "reason": "r", "type": "Normal",
        });
        let errors = |member: &str, value: Value| {
            let mut event = event.clone();
            event[member] = value;
            check(&newer(), &key, &event).len()
        };
        assert_eq!(errors("message", "n".repeat(NOTE_MAX).into()), 0);
        assert_eq!(errors("message", "n".repeat(NOTE_MAX + 1).into()), 1);
        assert_eq!(errors("action", "".into()), 1);
        assert_eq!(errors("count", 3.into()), 1);
        assert_eq!(errors("series", json!({"count": 1})), 2);
        assert_eq!(errors("involvedObject", json!({})), 1);
        let mut changed = event.clone();
        changed["message"] = "other".into();
        assert_eq!(check_change(&newer(), &event, &changed).len(), 1);
        assert!(check_change(&Resource::default(), &event, &changed).is_empty());
    }
}
