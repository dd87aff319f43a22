//! Server-side apply: a manager says all that it wants of an object, and what it wanted before and does not want any
//! more goes away.
//!
//! `metadata.managedFields` holds what each applier owns. Other writes own nothing here: they neither appear there nor
//! conflict.

use serde_json::{Map, Value, json};

use super::lists::{List, below, list_at};
use crate::status::Failure;
use crate::value::{items, text};

/// Who applies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manager<'a> {
    /// `fieldManager`.
    pub(crate) name: &'a str,
    /// `status`, or empty.
    pub(crate) subresource: &'a str,
    /// Takes fields from others.
    pub(crate) force: bool,
    /// The time of the request, as objects have it.
    pub(crate) time: &'a str,
}

/// The object with all that the manager wants of it; `live` is null for an object that is new.
pub(crate) fn apply(live: &Value, config: &Value, manager: Manager<'_>) -> Result<Value, Failure> {
    let mut wanted = config.clone();
    remove_identity(&mut wanted);
    let fields = owned("", &wanted);
    let mut entries = items(live, "/metadata/managedFields").to_vec();
    entries.retain(Value::is_object);
    let mine = |entry: &Value| {
        text(entry, "/manager") == manager.name
            && text(entry, "/subresource") == manager.subresource
            && text(entry, "/operation") == "Apply"
    };
    let before = entries.iter().position(mine).map(|at| entries.remove(at));
    take_from_others(live, &wanted, &fields, manager, &mut entries)?;

    let mut object = if live.is_null() {
        config.clone()
    } else {
        live.clone()
    };
    if let Some(before) = &before {
        let others: Vec<&Value> = entries.iter().map(|entry| &entry["fieldsV1"]).collect();
        drop_unwanted(&mut object, &before["fieldsV1"], &fields, &others);
    }
    merge("", &mut object, &wanted);
    let unchanged = before
        .as_ref()
        .is_some_and(|before| before["fieldsV1"] == fields);
    let time = match &before {
        Some(before) if unchanged && object == *live => text(before, "/time").to_owned(),
        _ => manager.time.to_owned(),
    };
    if !is_empty(&fields) {
        entries.push(entry(config, manager, &time, &fields));
    }
    object["metadata"]["managedFields"] = entries.into();
    Ok(object)
}

fn entry(config: &Value, manager: Manager<'_>, time: &str, fields: &Value) -> Value {
    let mut entry = json!({
        "manager": manager.name, "operation": "Apply", "apiVersion": config["apiVersion"],
        "time": time, "fieldsType": "FieldsV1", "fieldsV1": fields,
    });
    if !manager.subresource.is_empty() {
        entry["subresource"] = manager.subresource.into();
    }
    entry
}

/// What says which object is meant is owned by nobody.
fn remove_identity(config: &mut Value) {
    if let Value::Object(members) = config {
        members.remove("apiVersion");
        members.remove("kind");
    }
    if let Some(Value::Object(metadata)) = config.get_mut("metadata") {
        for member in [
            "name",
            "namespace",
            "uid",
            "resourceVersion",
            "managedFields",
        ] {
            metadata.remove(member);
        }
        if metadata.is_empty() {
            config
                .as_object_mut()
                .map(|members| members.remove("metadata"));
        }
    }
}

/// The fields of a value in the notation of `fieldsV1`: `f:` members, `k:` elements by their key.
fn owned(path: &str, value: &Value) -> Value {
    let fields: Map<String, Value> = match value {
        Value::Object(members) => members
            .iter()
            .map(|(member, value)| (format!("f:{member}"), owned(&below(path, member), value)))
            .collect(),
        Value::Array(elements) => match list_at(path) {
            List::Map(key) => elements
                .iter()
                .map(|element| {
                    let mut fields = owned(path, element);
                    fields["."] = json!({});
                    (format!("k:{}", json!({key: element[key]})), fields)
                })
                .collect(),
            List::Set => elements
                .iter()
                .map(|e| (format!("v:{e}"), json!({})))
                .collect(),
            List::Atomic => Map::new(),
        },
        _ => Map::new(),
    };
    fields.into()
}

/// Fields that others own with another value: a conflict, or theirs no longer.
fn take_from_others(
    live: &Value,
    wanted: &Value,
    fields: &Value,
    manager: Manager<'_>,
    entries: &mut Vec<Value>,
) -> Result<(), Failure> {
    let mut conflicts = Vec::new();
    for entry in entries.iter_mut() {
        let manager_name = text(entry, "/manager");
        let owner = match text(entry, "/subresource") {
            "" => format!("\"{manager_name}\""),
            sub => format!("\"{manager_name}\" with subresource \"{sub}\""),
        };
        let mut taken = Vec::new();
        let theirs = entry["fieldsV1"].take();
        let kept = without_taken(&theirs, fields, Some(live), Some(wanted), "", &mut taken);
        entry["fieldsV1"] = if manager.force { kept } else { theirs };
        conflicts.extend(taken.into_iter().map(|field| (owner.clone(), field)));
    }
    entries.retain(|entry| !is_empty(&entry["fieldsV1"]));
    if conflicts.is_empty() || manager.force {
        return Ok(());
    }
    Err(conflict(&conflicts))
}

/// Their fields without those that we want to have another value; these go into `taken`.
fn without_taken(
    theirs: &Value,
    ours: &Value,
    live: Option<&Value>,
    wanted: Option<&Value>,
    path: &str,
    taken: &mut Vec<String>,
) -> Value {
    let Value::Object(members) = theirs else {
        return theirs.clone();
    };
    let mut kept = Map::new();
    for (name, below_theirs) in members {
        let below_ours = &ours[name.as_str()];
        let (live, wanted) = (
            live.and_then(|v| child(v, name)),
            wanted.and_then(|v| child(v, name)),
        );
        let path = format!("{path}{}", shown(name));
        let leaf = is_empty(below_theirs);
        if below_ours.is_null() || name == "." {
            kept.insert(name.clone(), below_theirs.clone());
        } else if leaf && live != wanted {
            taken.push(path);
        } else {
            let below = without_taken(below_theirs, below_ours, live, wanted, &path, taken);
            if leaf || !is_empty(&below) {
                kept.insert(name.clone(), below);
            }
        }
    }
    kept.into()
}

/// Whether these are no fields, or one that is a leaf.
fn is_empty(fields: &Value) -> bool {
    fields.as_object().is_none_or(Map::is_empty)
}

/// Removes what we owned before and do not want any more, unless somebody else owns it.
fn drop_unwanted(object: &mut Value, before: &Value, now: &Value, others: &[&Value]) {
    let members = before.as_object().into_iter().flatten();
    for (name, fields) in members.filter(|(name, _)| *name != ".") {
        let below_now = &now[name.as_str()];
        let below_others: Vec<&Value> = others.iter().filter_map(|other| other.get(name)).collect();
        let itself = fields
            .as_object()
            .is_none_or(|all| all.is_empty() || all.contains_key("."));
        if itself && below_now.is_null() && below_others.is_empty() {
            remove_child(object, name);
        } else if let Some(child) = child_mut(object, name) {
            drop_unwanted(child, fields, below_now, &below_others);
        }
    }
}

/// What is wanted, into what is there.
fn merge(path: &str, target: &mut Value, wanted: &Value) {
    match wanted {
        Value::Object(members) => {
            if !target.is_object() {
                *target = json!({});
            }
            for (member, value) in members {
                merge(&below(path, member), &mut target[member.as_str()], value);
            }
        }
        Value::Array(elements) => match list_at(path) {
            List::Map(key) => merge_list(path, key, target, elements),
            List::Set => {
                let mut all = items(target, "").to_vec();
                all.extend(
                    elements
                        .iter()
                        .filter(|e| !items(target, "").contains(e))
                        .cloned(),
                );
                *target = all.into();
            }
            List::Atomic => target.clone_from(wanted),
        },
        _ => target.clone_from(wanted),
    }
}

fn merge_list(path: &str, key: &str, target: &mut Value, elements: &[Value]) {
    let mut all = items(target, "").to_vec();
    for element in elements {
        if let Some(found) = all.iter_mut().find(|found| found[key] == element[key]) {
            merge(path, found, element);
        } else {
            all.push(element.clone());
        }
    }
    *target = all.into();
}

/// The part of a value that a name of `fieldsV1` stands for.
fn child<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match part(name) {
        Part::Member(member) => value.get(member),
        Part::Element(key) => value.as_array()?.iter().find(|one| has_key(one, &key)),
        Part::Value(wanted) => value.as_array()?.iter().find(|one| **one == wanted),
        Part::Itself => None,
    }
}

fn child_mut<'a>(value: &'a mut Value, name: &str) -> Option<&'a mut Value> {
    match part(name) {
        Part::Member(member) => value.get_mut(member),
        Part::Element(key) => value
            .as_array_mut()?
            .iter_mut()
            .find(|one| has_key(one, &key)),
        Part::Value(_) | Part::Itself => None,
    }
}

fn remove_child(value: &mut Value, name: &str) {
    match (part(name), value) {
        (Part::Member(member), Value::Object(members)) => {
            members.remove(member);
        }
        (Part::Element(key), Value::Array(elements)) => {
            elements.retain(|element| !has_key(element, &key));
        }
        (Part::Value(gone), Value::Array(elements)) => elements.retain(|one| *one != gone),
        _ => {}
    }
}

enum Part<'a> {
    Member(&'a str),
    Element(Value),
    Value(Value),
    Itself,
}

fn part(name: &str) -> Part<'_> {
    let json = |text: &str| serde_json::from_str(text).unwrap_or_default();
    match name.split_once(':') {
        Some(("f", member)) => Part::Member(member),
        Some(("k", key)) => Part::Element(json(key)),
        Some(("v", value)) => Part::Value(json(value)),
        _ => Part::Itself,
    }
}

fn has_key(element: &Value, key: &Value) -> bool {
    let members = key.as_object().into_iter().flatten();
    members
        .into_iter()
        .all(|(member, value)| element[member.as_str()] == *value)
}

/// A name of `fieldsV1` as messages show it: `.status`, `[type="Ready"]`.
fn shown(name: &str) -> String {
    match part(name) {
        Part::Member(member) => format!(".{member}"),
        Part::Element(key) => {
            let members = key.as_object().into_iter().flatten();
            let members: Vec<String> = members.map(|(k, v)| format!("{k}={v}")).collect();
            format!("[{}]", members.join(","))
        }
        Part::Value(value) => format!("[={value}]"),
        Part::Itself => String::new(),
    }
}

fn conflict(conflicts: &[(String, String)]) -> Failure {
    let lines: Vec<String> = conflicts
        .iter()
        .map(|(owner, field)| format!("conflict with {owner}: {field}"))
        .collect();
    let (count, listed) = (lines.len(), lines.join("\n- "));
    let plural = if count == 1 { "conflict" } else { "conflicts" };
    let separator = if count == 1 { " " } else { "\n- " };
    let message = format!("Apply failed with {count} {plural}:{separator}{listed}");
    let causes: Vec<Value> = conflicts
        .iter()
        .map(|(owner, field)| {
            let message = format!("conflict with {owner}");
            json!({"reason": "FieldManagerConflict", "message": message, "field": field})
        })
        .collect();
    Failure::new(409, "Conflict", message).with_details(json!({"causes": causes}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(name: &str) -> Manager<'_> {
        Manager {
            name,
            subresource: "",
            force: false,
            time: "2026-11-22T16:00:00Z",
        }
    }

    fn labels(value: &Value) -> Value {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "labels": value}})
    }

    #[test]
    fn what_is_not_wanted_any_more_goes_away() {
        let live = json!({"metadata": {"name": "p", "labels": {"theirs": "1"}}});
        let first = apply(&live, &labels(&json!({"a": "1", "b": "1"})), by("m")).unwrap();
        let second = apply(&first, &labels(&json!({"b": "2"})), by("m")).unwrap();
        assert_eq!(
            second["metadata"]["labels"],
            json!({"theirs": "1", "b": "2"})
        );
        let managed = items(&second, "/metadata/managedFields");
        assert_eq!(managed.len(), 1);
        assert_eq!(
            managed[0]["fieldsV1"],
            json!({"f:metadata": {"f:labels": {"f:b": {}}}})
        );
    }

    #[test]
    fn two_appliers_conflict_until_one_uses_force() {
        let first = apply(&Value::Null, &labels(&json!({"a": "1"})), by("one")).unwrap();
        let config = labels(&json!({"a": "2"}));
        let refused = apply(&first, &config, by("two")).unwrap_err();
        assert_eq!(refused.code, 409);
        assert_eq!(
            refused.message,
            "Apply failed with 1 conflict: conflict with \"one\": .metadata.labels.a"
        );
        let agreed = apply(&first, &labels(&json!({"a": "1"})), by("two")).unwrap();
        assert_eq!(items(&agreed, "/metadata/managedFields").len(), 2);
        let forced = Manager {
            force: true,
            ..by("two")
        };
        let taken = apply(&first, &config, forced).unwrap();
        assert_eq!(taken["metadata"]["labels"]["a"], "2");
        let back = apply(&taken, &labels(&json!({"a": "1"})), by("one")).unwrap_err();
        assert!(back.message.contains("\"two\""));
    }

    #[test]
    fn conditions_are_applied_by_type() {
        let condition = |status: &str| json!({"type": "Mine", "status": status});
        let live = json!({"status": {"conditions": [{"type": "Ready", "status": "True"}, condition("False")]}});
        let config = json!({"status": {"conditions": [condition("True")]}});
        let applied = apply(&live, &config, by("m")).unwrap();
        let expected = json!([{"type": "Ready", "status": "True"}, condition("True")]);
        assert_eq!(applied["status"]["conditions"], expected);
        let none = apply(&applied, &json!({"status": {}}), by("m")).unwrap();
        assert_eq!(items(&none, "/status/conditions").len(), 1);
    }
}
