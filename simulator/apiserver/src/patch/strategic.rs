//! Strategic merge patches: merge patches that know which lists hold named things.

use serde_json::{Map, Value};

use super::lists::{List, below, list_at};
use crate::value::go;

/// A member of a patch that says what to do instead of what to write.
const DIRECTIVE: &str = "$patch";
/// The members of the object that are to stay; all others go.
const RETAIN_KEYS: &str = "$retainKeys";
/// Prefix: the order of the list that is named after it.
const SET_ORDER: &str = "$setElementOrder/";
/// Prefix: values that are to leave the list that is named after it.
const DELETE_FROM: &str = "$deleteFromPrimitiveList/";

/// Merges `patch` into `target`.
///
/// # Errors
/// Says what is wrong with the patch.
pub(super) fn merge(target: &mut Value, patch: &Value) -> Result<(), String> {
    merge_at("", target, patch)
}

fn merge_at(at: &str, target: &mut Value, patch: &Value) -> Result<(), String> {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return Ok(());
    };
    match directive(patch) {
        Some("delete") => {
            *target = Value::Object(Map::new());
            return Ok(());
        }
        Some("replace") => *target = Value::Object(Map::new()),
        Some("merge") | None => {}
        Some(other) => {
            let shown = go(&Value::Object(patch.clone()));
            return Err(format!("unknown patch type: {other} in map: {shown}"));
        }
    }
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(members) = target else {
        return Ok(());
    };
    retain(members, patch);
    for (member, value) in patch {
        if let Some(list) = member.strip_prefix(DELETE_FROM) {
            delete_from(members, list, value);
        } else if let Some(list) = member.strip_prefix(SET_ORDER)
            && !patch.contains_key(list)
        {
            merge_member(
                &below(at, list),
                members,
                list,
                &Value::Array(Vec::new()),
                Some(value),
            )?;
        } else if !member.starts_with('$') {
            let order = patch.get(&format!("{SET_ORDER}{member}"));
            merge_member(&below(at, member), members, member, value, order)?;
        }
    }
    Ok(())
}

fn merge_member(
    at: &str,
    target: &mut Map<String, Value>,
    member: &str,
    patch: &Value,
    order: Option<&Value>,
) -> Result<(), String> {
    if patch.is_null() {
        target.remove(member);
        return Ok(());
    }
    let Value::Array(patches) = patch else {
        let slot = target.entry(member).or_insert(Value::Null);
        return merge_at(at, slot, patch);
    };
    check_order(at, patches, order)?;
    if !target.contains_key(member) {
        if patches.iter().any(|patch| patch[DIRECTIVE].is_null()) {
            let plain = patches.iter().filter(|patch| patch[DIRECTIVE].is_null());
            target.insert(member.to_owned(), plain.cloned().collect());
        }
        return Ok(());
    }
    let slot = target.entry(member).or_insert(Value::Null);
    let old = match slot.take() {
        Value::Array(items) => items,
        _ => Vec::new(),
    };
    *slot = Value::Array(match list_at(at) {
        List::Atomic => patches.clone(),
        List::Set => {
            let live = old.clone();
            let wanted = order.and_then(Value::as_array).unwrap_or(patches);
            in_order(union(old, patches), Value::clone, wanted, &live)
        }
        List::Map(key) => merge_list(at, key, old, patches, order)?,
    });
    Ok(())
}

/// Merges a list of things that are told apart by `key`.
fn merge_list(
    at: &str,
    key: &str,
    old: Vec<Value>,
    patches: &[Value],
    order: Option<&Value>,
) -> Result<Vec<Value>, String> {
    let replace = |patch: &Value| patch[DIRECTIVE] == "replace";
    if patches.iter().any(replace) {
        return Ok(patches
            .iter()
            .filter(|patch| !replace(patch))
            .cloned()
            .collect());
    }
    let live: Vec<Value> = old.iter().map(|item| item[key].clone()).collect();
    let mut merged = old;
    let mut named = Vec::new();
    for patch in patches {
        let name = &patch[key];
        if name.is_null() {
            let shown = go(patch);
            return Err(format!(
                "map: {shown} does not contain declared merge key: {key}"
            ));
        }
        if patch[DIRECTIVE] == "delete" {
            merged.retain(|item| item[key] != *name);
            continue;
        }
        named.push(name.clone());
        if let Some(item) = merged.iter_mut().find(|item| item[key] == *name) {
            merge_at(at, item, patch)?;
        } else {
            let mut item = Value::Null;
            merge_at(at, &mut item, patch)?;
            merged.push(item);
        }
    }
    let wanted = match order {
        Some(Value::Array(items)) => items.iter().map(|item| item[key].clone()).collect(),
        _ => named,
    };
    Ok(in_order(merged, |item| item[key].clone(), &wanted, &live))
}

/// What is patched has to come in the order that is wished for.
fn check_order(at: &str, patches: &[Value], order: Option<&Value>) -> Result<(), String> {
    let Some(Value::Array(wanted)) = order else {
        return Ok(());
    };
    let name = |item: &Value| match list_at(at) {
        List::Map(key) => item[key].clone(),
        List::Atomic | List::Set => item.clone(),
    };
    let mut rest = wanted.iter();
    let written = patches.iter().filter(|patch| patch[DIRECTIVE].is_null());
    for patch in written {
        if !rest.any(|item| name(item) == name(patch)) {
            let (patches, wanted) = (
                go(&Value::from(patches)),
                go(&Value::from(wanted.as_slice())),
            );
            return Err(format!(
                "The order in patch list:\n{patches}\n doesn't match $setElementOrder list:\n{wanted}\n"
            ));
        }
    }
    Ok(())
}

/// What is `wanted` keeps that order, the rest the order that it has in `live`; the two are interleaved as far as
/// `live` tells, and what is new comes first.
fn in_order(
    items: Vec<Value>,
    name_of: impl Fn(&Value) -> Value,
    wanted: &[Value],
    live: &[Value],
) -> Vec<Value> {
    let place = |list: &[Value], item: &Value| {
        let name = name_of(item);
        list.iter().position(|one| *one == name)
    };
    let (mut right, left): (Vec<Value>, Vec<Value>) = items
        .into_iter()
        .partition(|item| place(wanted, item).is_some());
    right.sort_by_key(|item| place(wanted, item));

    let mut left = left.into_iter().peekable();
    let mut ordered = Vec::new();
    for item in right {
        let before = |other: &Value| match (place(live, other), place(live, &item)) {
            (Some(other), Some(item)) => other < item,
            _ => false,
        };
        while let Some(other) = left.next_if(|other| before(other)) {
            ordered.push(other);
        }
        ordered.push(item);
    }
    ordered.extend(left);
    ordered
}

fn union(mut old: Vec<Value>, added: &[Value]) -> Vec<Value> {
    for value in added {
        if !old.contains(value) {
            old.push(value.clone());
        }
    }
    old
}

fn directive(patch: &Map<String, Value>) -> Option<&str> {
    patch.get(DIRECTIVE).and_then(Value::as_str)
}

fn retain(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
    if let Some(Value::Array(kept)) = patch.get(RETAIN_KEYS) {
        target.retain(|member, _| kept.iter().any(|one| one == member.as_str()));
    }
}

fn delete_from(target: &mut Map<String, Value>, list: &str, values: &Value) {
    if let (Some(Value::Array(items)), Value::Array(gone)) = (target.get_mut(list), values) {
        items.retain(|item| !gone.contains(item));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn merged(mut target: Value, patch: &Value) -> Value {
        merge(&mut target, patch).unwrap();
        target
    }

    #[test]
    fn conditions_are_merged_by_type_and_new_ones_come_first() {
        let pod = json!({"status": {"conditions": [
            {"type": "Ready", "status": "False"}, {"type": "PodScheduled", "status": "True"},
        ]}});
        let patch = json!({"status": {"conditions": [
            {"type": "Mine", "status": "True"}, {"type": "Ready", "reason": "PodFailed"},
        ]}});
        let expected = json!({"status": {"conditions": [
            {"type": "Mine", "status": "True"},
            {"type": "Ready", "status": "False", "reason": "PodFailed"},
            {"type": "PodScheduled", "status": "True"},
        ]}});
        assert_eq!(merged(pod, &patch), expected);
    }

    #[test]
    fn what_has_no_name_is_replaced() {
        let pod = json!({"spec": {"tolerations": [{"key": "a"}]}, "status": {"containerStatuses": [{"name": "a"}]}});
        let patch =
            json!({"spec": {"tolerations": [{"key": "b"}]}, "status": {"containerStatuses": []}});
        assert_eq!(merged(pod, &patch), patch);
    }

    #[test]
    fn lists_within_containers_are_merged_too() {
        let pod = json!({"spec": {"containers": [
            {"name": "a", "image": "x", "env": [{"name": "E", "value": "1"}], "command": ["a"]},
        ]}});
        let patch = json!({"spec": {"containers": [
            {"name": "a", "env": [{"name": "F", "value": "2"}], "command": ["b"]},
        ]}});
        let expected = json!({"spec": {"containers": [{
            "name": "a", "image": "x", "command": ["b"],
            "env": [{"name": "F", "value": "2"}, {"name": "E", "value": "1"}],
        }]}});
        assert_eq!(merged(pod, &patch), expected);
    }

    #[test]
    fn directives_delete_replace_retain_and_order() {
        let pod = json!({
            "metadata": {"finalizers": ["a", "b"], "labels": {"x": "1"}},
            "spec": {"containers": [{"name": "a"}, {"name": "b"}, {"name": "c"}]},
        });
        let patch = json!({
            "metadata": {
                "$deleteFromPrimitiveList/finalizers": ["a"],
                "labels": {"$patch": "replace", "y": "2"},
            },
            "spec": {
                "$setElementOrder/containers": [{"name": "c"}, {"name": "a"}],
                "containers": [{"name": "b", "$patch": "delete"}],
            },
        });
        let expected = json!({
            "metadata": {"finalizers": ["b"], "labels": {"y": "2"}},
            "spec": {"containers": [{"name": "c"}, {"name": "a"}]},
        });
        assert_eq!(merged(pod, &patch), expected);
        let strategy = json!({"strategy": {"type": "a", "rollingUpdate": {}}});
        let patch = json!({"strategy": {"$retainKeys": ["type"], "type": "b"}});
        assert_eq!(merged(strategy, &patch), json!({"strategy": {"type": "b"}}));
        assert_eq!(
            merged(json!({"a": {"b": 1}}), &json!({"a": {"$patch": "delete"}})),
            json!({"a": {}})
        );
    }

    #[test]
    fn patches_that_make_no_sense_are_refused() {
        for patch in [
            json!({"status": {"conditions": [{"status": "True"}]}}),
            json!({"status": {"$patch": "mend"}}),
            json!({"spec": {
                "containers": [{"name": "a"}], "$setElementOrder/containers": [{"name": "b"}],
            }}),
        ] {
            let mut pod = json!({"status": {"conditions": []}});
            assert!(merge(&mut pod, &patch).is_err(), "{patch}");
        }
        assert_eq!(
            merged(json!({"a": 1}), &json!({"a": null, "b": null})),
            json!({})
        );
    }
}
