//! As much of `OpenAPI` as kubectl looks at before it writes: that the server checks fields itself.

use serde_json::{Map, Value, json};

use super::resources::{self, GroupVersion};
use super::store::Store;

/// What stands at a path below `/openapi/v3`.
pub(super) fn at(store: &Store, path: &str) -> Option<Value> {
    let versions = resources::all(store);
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

/// The patches of one version, with the parameter by which kubectl knows that it need not check fields itself.
fn document(version: &GroupVersion) -> Value {
    let root = path_of(version);
    let patches: Map<String, Value> = version
        .resources
        .iter()
        .filter(|resource| resource.verbs.iter().any(|verb| verb == "patch"))
        .map(|resource| {
            let scope = if resource.namespaced { "namespaces/{namespace}/" } else { "" };
            let path = format!("/{root}/{scope}{}/{{name}}", resource.plural);
            let kind = json!({
                "group": version.group, "version": version.version, "kind": resource.kind,
            });
            let operation = json!({
                "parameters": [{"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}],
                "responses": {"200": {"description": "OK"}},
                "x-kubernetes-action": "patch", "x-kubernetes-group-version-kind": kind,
            });
            (path, json!({"patch": operation}))
        })
        .collect();
    json!({
        "openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "v1.36.2"},
        "paths": patches, "components": {"schemas": {}},
    })
}
