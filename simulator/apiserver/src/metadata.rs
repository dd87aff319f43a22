//! An object's metadata: on its own, and what is wrong with it, as `k8s.io/apimachinery/pkg/api/validation` says it.

use serde_json::{Map, Value, json};

use super::names;
use super::status::FieldError;
use super::value::{go, items, text};

/// The group of tables and of partial objects.
pub(super) const META: &str = "meta.k8s.io";

/// The kind of an object of which only the metadata is shown.
pub(super) const PARTIAL_OBJECT: &str = "PartialObjectMetadata";

/// Finalizers that need no domain.
const STANDARD_FINALIZERS: [&str; 3] = ["foregroundDeletion", "kubernetes", "orphan"];

/// The members of an owner reference, in the order of Go's structure.
const OWNER: [&str; 6] = [
    "apiVersion",
    "kind",
    "name",
    "uid",
    "controller",
    "blockOwnerDeletion",
];

/// The object without all but its metadata.
pub(super) fn partial_object(object: &Value) -> Value {
    json!({
        "kind": PARTIAL_OBJECT, "apiVersion": format!("{META}/v1"), "metadata": object["metadata"],
    })
}

/// What is wrong with the metadata of an object on its own, but for its name.
pub(super) fn check(object: &Value) -> Vec<FieldError> {
    let metadata = &object["metadata"];
    let mut errors = check_keys(metadata, "annotations");
    errors.extend(check_keys(metadata, "labels"));
    errors.extend(check_owners(items(metadata, "/ownerReferences")));
    for finalizer in items(metadata, "/finalizers") {
        let finalizer = finalizer.as_str().unwrap_or_default();
        let errors_here = names::key(finalizer).into_iter();
        errors.extend(errors_here.map(|why| invalid("metadata.finalizers", finalizer, &why)));
    }
    errors
}

/// What Kubernetes' own kinds want besides: finalizers with a domain.
pub(super) fn check_finalizers(object: &Value) -> Vec<FieldError> {
    let finalizers = items(object, "/metadata/finalizers").iter().enumerate();
    let unnamed = finalizers.filter_map(|(at, finalizer)| {
        let finalizer = finalizer.as_str().unwrap_or_default();
        let why = "name is neither a standard finalizer name nor is it fully qualified";
        let named = finalizer.contains('/') || STANDARD_FINALIZERS.contains(&finalizer);
        (!named).then(|| invalid(&format!("metadata.finalizers[{at}]"), finalizer, why))
    });
    unnamed.collect()
}

/// What is wrong with a change of metadata.
pub(super) fn check_change(old: &Value, new: &Value) -> Vec<FieldError> {
    let (old, new) = (&old["metadata"], &new["metadata"]);
    let mut errors = Vec::new();
    for member in ["name", "namespace", "uid"] {
        if old[member] != new[member] {
            let shown = go(&new[member]);
            let field = format!("metadata.{member}");
            errors.push(invalid(&field, &shown, "field is immutable"));
        }
    }
    let had = items(old, "/finalizers");
    let added = items(new, "/finalizers").iter();
    let added: Vec<String> = added
        .filter(|one| !had.contains(one))
        .map(Value::to_string)
        .collect();
    if !old["deletionTimestamp"].is_null() && !added.is_empty() {
        let why = format!(
            "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
            added.join(", ")
        );
        errors.push(FieldError::forbidden("metadata.finalizers", &why));
    }
    errors
}

/// A client cannot mark an object as deleted by writing it.
pub(super) fn check_deletion(old: &Value, new: &Value) -> Option<FieldError> {
    let wanted = text(new, "/metadata/deletionTimestamp");
    let has = text(old, "/metadata/deletionTimestamp");
    let field = "metadata.deletionTimestamp";
    (!wanted.is_empty() && wanted != has).then(|| invalid(field, wanted, "field is immutable"))
}

/// Keys of labels and annotations; only labels have values with a grammar.
fn check_keys(metadata: &Value, member: &str) -> Vec<FieldError> {
    let field = format!("metadata.{member}");
    let mut errors = Vec::new();
    for (key, value) in metadata[member].as_object().into_iter().flatten() {
        let (key_errors, value) = (names::key(key), value.as_str().unwrap_or_default());
        errors.extend(key_errors.iter().map(|why| invalid(&field, key, why)));
        if member == "labels" {
            let value_errors = names::value(value);
            errors.extend(value_errors.iter().map(|why| invalid(&field, value, why)));
        }
    }
    errors
}

fn check_owners(owners: &[Value]) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for owner in owners {
        for member in ["apiVersion", "kind", "name", "uid"] {
            if text(owner, &format!("/{member}")).is_empty() {
                let field = format!("metadata.ownerReferences.{member}");
                errors.push(invalid(&field, "", "must not be empty"));
            }
        }
    }
    let mut controllers = owners.iter().filter(|owner| owner["controller"] == true);
    if let (Some(first), Some(second)) = (controllers.next(), controllers.next()) {
        let shown = |owner: &Value| format!("{}/{}", text(owner, "/kind"), text(owner, "/name"));
        let why = format!(
            "Only one reference can have Controller set to true. Found \"true\" in references for {} and {}",
            shown(first),
            shown(second)
        );
        let owners: Vec<String> = owners.iter().map(in_order).collect();
        let value = format!("[{}]", owners.join(","));
        errors.push(FieldError::invalid(
            "metadata.ownerReferences",
            &value,
            &why,
        ));
    }
    errors
}

/// An owner reference as Go writes it.
fn in_order(owner: &Value) -> String {
    let empty = Map::new();
    let members = owner.as_object().unwrap_or(&empty);
    let shown = OWNER
        .iter()
        .filter_map(|member| Some(format!("\"{member}\":{}", members.get(*member)?)));
    format!("{{{}}}", shown.collect::<Vec<_>>().join(","))
}

fn invalid(field: &str, value: &str, why: &str) -> FieldError {
    FieldError::invalid(field, &format!("\"{value}\""), why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(metadata: &Value) -> usize {
        let object = json!({"metadata": metadata});
        check(&object).len() + check_finalizers(&object).len()
    }

    #[test]
    fn metadata_has_its_grammar() {
        let owner =
            json!({"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u", "controller": true});
        for (metadata, expected) in [
            (
                json!({"labels": {"example.com/a": "b"}, "annotations": {"a": "any thing"}}),
                0,
            ),
            (json!({"labels": {"a b": "c d"}}), 2),
            (json!({"annotations": {"a b": ""}}), 1),
            (json!({"finalizers": ["example.com/a", "orphan"]}), 0),
            (json!({"finalizers": ["nope"]}), 1),
            (json!({"finalizers": ["no pe"]}), 2),
            (json!({"ownerReferences": [{"kind": "Pod"}]}), 3),
            (json!({"ownerReferences": [owner, owner]}), 1),
        ] {
            assert_eq!(count(&metadata), expected, "{metadata}");
        }
    }

    #[test]
    fn what_is_being_deleted_gets_no_new_finalizers() {
        let old = json!({"metadata": {"deletionTimestamp": "t", "finalizers": ["a/b"]}});
        let mut new = old.clone();
        new["metadata"]["finalizers"] = json!(["c/d"]);
        assert_eq!(check_change(&old, &new).len(), 1);
        assert!(check_change(&old, &json!({"metadata": {}})).is_empty());
        assert!(check_deletion(&json!({}), &old).is_some());
    }
}
