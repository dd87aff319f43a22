//! Values of wrong types, in the words of Go's decoder: for metadata, and for the fields that clients of the simulated
//! API write.

use serde_json::Value;

use super::resources::Resource;
use super::value::text;

/// What a field holds.
#[derive(Clone, Copy)]
enum Type {
    /// An object; its type in Go.
    Object(&'static str),
    /// A list; its type in Go.
    List(&'static str),
    /// Texts by name.
    Texts,
    Text,
    /// A whole number; its type in Go.
    Whole(&'static str),
    /// A list of conditions, each with its times; its type in Go.
    Conditions(&'static str),
    /// A time with six digits after the second, as Leases and events have it.
    MicroTime,
}

/// Fields of all objects: where they are, the structure in Go that they belong to, and what they hold.
const EVERYWHERE: [(&str, &str, Type); 6] = [
    ("/metadata", "", Type::Object("v1.ObjectMeta")),
    ("/metadata/labels", "ObjectMeta", Type::Texts),
    ("/metadata/annotations", "ObjectMeta", Type::Texts),
    ("/metadata/finalizers", "ObjectMeta", Type::List("[]string")),
    (
        "/metadata/ownerReferences",
        "ObjectMeta",
        Type::List("[]v1.OwnerReference"),
    ),
    (
        "/metadata/managedFields",
        "ObjectMeta",
        Type::List("[]v1.ManagedFieldsEntry"),
    ),
];

const PODS: [(&str, &str, Type); 6] = [
    ("/spec", "", Type::Object("v1.PodSpec")),
    ("/status", "", Type::Object("v1.PodStatus")),
    ("/spec/containers", "PodSpec", Type::List("[]v1.Container")),
    (
        "/spec/initContainers",
        "PodSpec",
        Type::List("[]v1.Container"),
    ),
    (
        "/spec/activeDeadlineSeconds",
        "PodSpec",
        Type::Whole("int64"),
    ),
    (
        "/status/conditions",
        "PodStatus",
        Type::Conditions("[]v1.PodCondition"),
    ),
];

const LEASES: [(&str, &str, Type); 6] = [
    ("/spec", "", Type::Object("v1.LeaseSpec")),
    ("/spec/holderIdentity", "LeaseSpec", Type::Text),
    (
        "/spec/leaseDurationSeconds",
        "LeaseSpec",
        Type::Whole("int32"),
    ),
    ("/spec/leaseTransitions", "LeaseSpec", Type::Whole("int32")),
    ("/spec/acquireTime", "LeaseSpec", Type::MicroTime),
    ("/spec/renewTime", "LeaseSpec", Type::MicroTime),
];

const EVENTS: [(&str, &str, Type); 2] = [
    ("/eventTime", "Event", Type::MicroTime),
    ("/series/lastObservedTime", "EventSeries", Type::MicroTime),
];

const OTHERS: [(&str, &str, Type); 2] = [
    ("/spec", "", Type::Object("map[string]interface {}")),
    ("/status", "", Type::Object("map[string]interface {}")),
];

/// Whether all fields hold what they should: what everything else relies on.
///
/// # Errors
/// In Go's words.
pub(super) fn check(resource: &Resource, object: &Value) -> Result<(), String> {
    if !object.is_object() {
        let kind = &resource.kind;
        let found = kind_of(object);
        return Err(format!(
            "json: cannot unmarshal {found} into Go value of type v1.{kind}"
        ));
    }
    let own: &[_] = match resource.plural.as_str() {
        "pods" if resource.is_core("pods") => &PODS,
        "leases" => &LEASES,
        "events" if resource.is_core("events") => &EVENTS,
        _ => &OTHERS,
    };
    for (pointer, structure, wanted) in EVERYWHERE.iter().chain(own) {
        let Some(value) = object.pointer(pointer).filter(|value| !value.is_null()) else {
            continue;
        };
        let structure = match *structure {
            "" => resource.kind.as_str(),
            structure => structure,
        };
        let field = format!("{structure}.{}", pointer[1..].replace('/', "."));
        check_field(value, &field, *wanted)?;
    }
    Ok(())
}

fn check_field(value: &Value, field: &str, wanted: Type) -> Result<(), String> {
    let (fits, in_go) = match wanted {
        Type::Object(in_go) => (value.is_object(), in_go),
        Type::List(in_go) => (value.is_array(), in_go),
        Type::Conditions(in_go) => {
            let times = ["lastProbeTime", "lastTransitionTime"];
            for condition in value.as_array().into_iter().flatten() {
                let mut said = times.iter().filter_map(|time| condition[time].as_str());
                said.try_for_each(check_time)?;
            }
            (value.is_array(), in_go)
        }
        Type::Text => (value.is_string(), "string"),
        Type::Whole(in_go) => (value.is_i64() || value.is_u64(), in_go),
        Type::Texts => {
            let mut values = value.as_object().into_iter().flatten();
            let odd = values.find(|(_, value)| !value.is_string() && !value.is_null());
            return match odd {
                _ if !value.is_object() => mismatch(value, field, "map[string]string"),
                Some((_, odd)) => mismatch(odd, field, "string"),
                None => Ok(()),
            };
        }
        Type::MicroTime => match value.as_str() {
            Some(time) => return check_micro_time(time),
            None => (false, "string"),
        },
    };
    if fits {
        Ok(())
    } else {
        mismatch(value, field, in_go)
    }
}

fn mismatch(value: &Value, field: &str, in_go: &str) -> Result<(), String> {
    let found = match value {
        Value::Number(number) if in_go.starts_with("int") => format!("number {number}"),
        other => kind_of(other).to_owned(),
    };
    Err(format!(
        "json: cannot unmarshal {found} into Go struct field {field} of type {in_go}"
    ))
}

/// What Go calls a value in JSON.
pub(super) const fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn check_micro_time(time: &str) -> Result<(), String> {
    let (date, zone) = (time.get(..26), time.get(26..));
    let (rest, wanted) = if !fits(time.get(..19), DATE) {
        (time, "2006")
    } else if !fits(date, "0000-00-00T00:00:00.000000") {
        (&time[19..], ".000000")
    } else if !is_zone(zone) {
        (zone.unwrap_or_default(), "Z07:00")
    } else {
        return Ok(());
    };
    Err(unparsable(
        time,
        "2006-01-02T15:04:05.000000Z07:00",
        rest,
        wanted,
    ))
}

fn check_time(time: &str) -> Result<(), String> {
    let rest = time.get(19..).unwrap_or_default();
    let zone = rest.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let (rest, wanted) = if !fits(time.get(..19), DATE) {
        (time, "2006")
    } else if !is_zone(Some(zone)) {
        (zone, "Z07:00")
    } else {
        return Ok(());
    };
    Err(unparsable(time, "2006-01-02T15:04:05Z07:00", rest, wanted))
}

const DATE: &str = "0000-00-00T00:00:00";

/// Whether there is a digit for each zero, a sign for a plus, and for the rest the same.
fn fits(text: Option<&str>, pattern: &str) -> bool {
    let same = |(found, wanted): (u8, u8)| match wanted {
        b'0' => found.is_ascii_digit(),
        b'+' => found == b'+' || found == b'-',
        other => found == other,
    };
    text.is_some_and(|text| {
        text.len() == pattern.len() && text.bytes().zip(pattern.bytes()).all(same)
    })
}

fn is_zone(text: Option<&str>) -> bool {
    text == Some("Z") || fits(text, "+00:00")
}

fn unparsable(time: &str, layout: &str, rest: &str, wanted: &str) -> String {
    format!("parsing time \"{time}\" as \"{layout}\": cannot parse \"{rest}\" as \"{wanted}\"")
}

/// The version and kind in an object, if they are none of this resource's; Go's words for an unknown type.
pub(super) fn check_kind(resource: &Resource, object: &Value) -> Result<(), String> {
    let (version, kind) = (text(object, "/apiVersion"), text(object, "/kind"));
    if [resource.api_version().as_str(), ""].contains(&version)
        && [resource.kind.as_str(), ""].contains(&kind)
    {
        return Ok(());
    }
    let scheme = "pkg/api/legacyscheme/scheme.go:30";
    Err(format!(
        "no kind \"{kind}\" is registered for version \"{version}\" in scheme \"{scheme}\""
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn resource(plural: &str, kind: &str, group: &str) -> Resource {
        Resource {
            plural: plural.to_owned(),
            kind: kind.to_owned(),
            group: group.to_owned(),
            version: "v1".to_owned(),
            ..Resource::default()
        }
    }

    #[test]
    fn wrong_types_are_told_in_gos_words() {
        let pods = resource("pods", "Pod", "");
        for (pod, said) in [
            (json!([]), "array into Go value of type v1.Pod"),
            (
                json!({"metadata": {"labels": {"a": 1}}}),
                "number into Go struct field ObjectMeta.metadata.labels of type string",
            ),
            (
                json!({"spec": {"activeDeadlineSeconds": 9.5}}),
                "number 9.5 into Go struct field PodSpec.spec.activeDeadlineSeconds of type int64",
            ),
            (
                json!({"status": "x"}),
                "string into Go struct field Pod.status of type v1.PodStatus",
            ),
        ] {
            let refused = check(&pods, &pod).unwrap_err();
            assert_eq!(refused, format!("json: cannot unmarshal {said}"));
        }
        assert!(check(&pods, &json!({"metadata": {"labels": null}})).is_ok());
        assert!(check_kind(&pods, &json!({"kind": "Job"})).is_err());
        assert!(check_kind(&pods, &json!({"kind": "Pod"})).is_ok());
    }

    #[test]
    fn micro_times_have_six_digits() {
        let leases = resource("leases", "Lease", "coordination.k8s.io");
        let lease = |time: &str| check(&leases, &json!({"spec": {"renewTime": time}}));
        assert!(lease("2026-11-22T16:00:00.000000Z").is_ok());
        assert!(lease("2026-11-22T17:00:00.000000+01:00").is_ok());
        for (time, rest) in [
            ("2026-11-22T16:00:00Z", "\"Z\" as \".000000\""),
            ("2026-11-22T16:00:00.5Z", "\".5Z\" as \".000000\""),
            ("2026-11-22T16:00:00.123456789Z", "\"789Z\" as \"Z07:00\""),
            ("now", "\"now\" as \"2006\""),
        ] {
            assert!(lease(time).unwrap_err().ends_with(rest), "{time}");
        }
    }
}
