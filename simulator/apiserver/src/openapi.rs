//! As much of `OpenAPI` as kubectl looks at: before it writes, that the server checks fields itself; and for
//! `kubectl explain`, what fields there are.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::kinds::{self, Field, INLINE, Many};
use super::resources::{GroupVersion, Resource};
use super::store::Store;
use super::value::members;

/// What stands at a path below `/openapi/v3`.
pub(super) fn at(store: &Store, path: &str) -> Option<Value> {
    let versions = store.served();
    let below = path.strip_prefix("/openapi/v3")?.trim_matches('/');
    if below.is_empty() {
        let links: Map<String, Value> = versions
            .iter()
            .map(|version| {
                let path = path_of(version);
                let link = json!({"serverRelativeURL": format!("/openapi/v3/{path}")});
                (path, link)
            })
            .collect();
        return Some(json!({"paths": links}));
    }
    let version = versions.iter().find(|version| path_of(version) == below)?;
    Some(document(version))
}

fn path_of(version: &GroupVersion) -> String {
    match version.group.as_str() {
        "" => format!("api/{}", version.version),
        group => format!("apis/{group}/{}", version.version),
    }
}

/// The patches of one version, with the parameter by which kubectl knows that it need not check fields itself, and the
/// schemas of its kinds.
fn document(version: &GroupVersion) -> Value {
    let root = path_of(version);
    let patches: Map<String, Value> = version
        .resources
        .iter()
        .filter(|resource| resource.verbs.iter().any(|verb| verb == "patch"))
        .map(|resource| {
            let scope = if resource.namespaced { "namespaces/{namespace}/" } else { "" };
            let path = format!("/{root}/{scope}{}/{{name}}", resource.plural);
            let operation = json!({
                "parameters": [{"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}],
                "responses": {"200": {"description": "OK"}},
                "x-kubernetes-action": "patch",
                "x-kubernetes-group-version-kind": kind_of(resource),
            });
            (path, json!({"patch": operation}))
        })
        .collect();
    let mut schemas = Map::new();
    for resource in &version.resources {
        if resource.custom {
            schemas.insert(custom_name(resource), custom_schema(resource));
        } else {
            add_schemas(&mut schemas, resource);
        }
    }
    json!({
        "openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "v1.36.2"},
        "paths": patches, "components": {"schemas": schemas},
    })
}

fn kind_of(resource: &Resource) -> Value {
    json!({"group": resource.group, "version": resource.version, "kind": resource.kind})
}

/// `dev.pullstop.v1alpha1.PullFailurePolicy`.
fn custom_name(resource: &Resource) -> String {
    let group: Vec<&str> = resource.group.rsplit('.').collect();
    format!("{}.{}.{}", group.join("."), resource.version, resource.kind)
}

/// The CRD's own schema, with what the API server adds to it.
fn custom_schema(resource: &Resource) -> Value {
    let mut schema = Value::clone(&resource.schema);
    add_types(members(&mut schema), resource);
    let metadata = json!({"type": "object", "description": "Standard object's metadata."});
    schema["properties"]["metadata"] = metadata;
    schema
}

/// Version and kind, by which explanations are found.
fn add_types(schema: &mut Map<String, Value>, resource: &Resource) {
    schema.insert("type".to_owned(), "object".into());
    let kinds = json!([kind_of(resource)]);
    schema.insert("x-kubernetes-group-version-kind".to_owned(), kinds);
    let properties = members(schema.entry("properties").or_insert_with(|| json!({})));
    for (name, says) in [
        ("apiVersion", "The version of this object's schema."),
        ("kind", "What this object is."),
    ] {
        let text = json!({"type": "string", "description": says});
        properties.insert(name.to_owned(), text);
    }
}

/// The schema of a kind, and of all that it holds.
fn add_schemas(into: &mut Map<String, Value>, resource: &Resource) {
    let top = kinds::type_of(&resource.api_version(), &resource.kind);
    if kinds::fields(&top).is_none() {
        return;
    }
    let mut todo = BTreeSet::from([top.as_str()]);
    let mut added = Vec::new();
    while let Some(name) = todo.pop_first() {
        let (key, fields) = (schema_name(name), kinds::fields(name).unwrap_or_default());
        if into.contains_key(&key) {
            continue;
        }
        added.extend(all_fields(fields).map(|field| field.holds));
        let properties: Map<String, Value> = all_fields(fields)
            .map(|field| (field.name.to_owned(), property(field)))
            .collect();
        into.insert(key, json!({"type": "object", "properties": properties}));
        let types = added
            .drain(..)
            .filter(|holds| kinds::fields(holds).is_some());
        todo.extend(types);
    }
    if let Some(schema) = into.get_mut(&schema_name(&top)) {
        add_types(members(schema), resource);
    }
}

/// The fields, with those of types that stand beside them.
fn all_fields(fields: &'static [Field]) -> Box<dyn Iterator<Item = &'static Field>> {
    Box::new(fields.iter().flat_map(|field| match field.name {
        INLINE => all_fields(kinds::fields(field.holds).unwrap_or_default()),
        _ => Box::new(std::iter::once(field)),
    }))
}

fn property(field: &Field) -> Value {
    let one = match field.holds {
        "string" | "quantity" | "intorstring" | "duration" => json!({"type": "string"}),
        "bytes" => json!({"type": "string", "format": "byte"}),
        "time" | "microtime" => json!({"type": "string", "format": "date-time"}),
        "bool" => json!({"type": "boolean"}),
        "int" => json!({"type": "integer"}),
        "float" => json!({"type": "number"}),
        "json" => json!({"type": "object"}),
        "[]string" => json!({"type": "array", "items": {"type": "string"}}),
        name => json!({"$ref": format!("#/components/schemas/{}", schema_name(name))}),
    };
    let mut schema = match field.many {
        // Nothing may stand beside a reference.
        Many::One if one.get("$ref").is_some() => json!({"allOf": [one]}),
        Many::One => one,
        Many::List => json!({"type": "array", "items": one}),
        Many::Map => json!({"type": "object", "additionalProperties": one}),
    };
    schema["description"] = field.says.into();
    schema
}

/// `io.k8s.api.core.v1.Pod`, `io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta`.
fn schema_name(of: &str) -> String {
    let of = of.replace('/', ".");
    if of.starts_with("meta.") {
        format!("io.k8s.apimachinery.pkg.apis.{of}")
    } else {
        format!("io.k8s.api.{of}")
    }
}
