//! Objects as a resource's version has them: an object is stored once and served in several versions.

use serde_json::Value;

use super::resources::Resource;
use super::value::{default, members};

/// What the two groups call the same fields of an event: as it is stored, and in `events.k8s.io`.
const EVENT_FIELDS: [(&str, &str); 7] = [
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("reportingComponent", "reportingController"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
];

/// The stored object as this version has it.
pub(super) fn served(resource: &Resource, stored: &Value) -> Value {
    let mut object = stored.clone();
    if resource.is_core("events") {
        event_defaults(&mut object);
        if resource.group.is_empty() {
            default(&mut object, "reportingComponent", "");
            default(&mut object, "reportingInstance", "");
        } else {
            rename(&mut object, |(old, new)| (old, new));
        }
    }
    object["apiVersion"] = resource.api_version().into();
    object["kind"] = resource.kind.as_str().into();
    object
}

/// An object of this version as it is stored.
pub(super) fn stored(resource: &Resource, mut object: Value) -> Value {
    if resource.is_core("events") && !resource.group.is_empty() {
        rename(&mut object, |(old, new)| (new, old));
        object["apiVersion"] = "v1".into();
    }
    object
}

fn rename(
    event: &mut Value,
    direction: impl Fn((&'static str, &'static str)) -> (&'static str, &'static str),
) {
    let event = members(event);
    for (from, to) in EVENT_FIELDS.map(direction) {
        if let Some(value) = event.remove(from) {
            event.insert(to.to_owned(), value);
        }
    }
}

/// Fields that events always show, since Go has no empty times and structures.
fn event_defaults(event: &mut Value) {
    let no_time = ["firstTimestamp", "lastTimestamp", "eventTime"];
    for field in no_time {
        default(event, field, Value::Null);
    }
    default(event, "source", Value::Object(serde_json::Map::new()));
    if event["involvedObject"].is_null() {
        event["involvedObject"] = Value::Object(serde_json::Map::new());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_event_reads_the_same_in_both_groups() {
        let newer = Resource {
            group: "events.k8s.io".to_owned(),
            version: "v1".to_owned(),
            plural: "events".to_owned(),
            kind: "Event".to_owned(),
            ..Resource::default()
        };
        let older = Resource {
            group: String::new(),
            ..newer.clone()
        };
        let posted = json!({"note": "n", "regarding": {"name": "p"}, "reportingController": "c"});
        let stored = stored(&newer, posted);
        assert_eq!(served(&older, &stored)["message"], "n");
        let back = served(&newer, &stored);
        assert_eq!(
            (&back["note"], &back["regarding"]["name"]),
            (&json!("n"), &json!("p"))
        );
        assert_eq!(back["apiVersion"], "events.k8s.io/v1");
    }
}
