//! Discovery of the served kinds, in the old form and in the aggregated one; version and health.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::resources::{GroupVersion, Resource, Subresource};
use super::store::Store;

/// The content type of aggregated discovery.
pub(super) const AGGREGATED: &str =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// What stands at a path of discovery, and whether it is in the aggregated form.
pub(super) fn at(store: &Store, path: &str, accept: &str) -> Option<(Value, bool)> {
    let aggregated = wants_aggregated(accept);
    let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let all = || store.served();
    let found = match segments.as_slice() {
        ["version"] => version(),
        ["api"] if aggregated => groups_aggregated(&all(), true),
        ["apis"] if aggregated => groups_aggregated(&all(), false),
        ["api"] => json!({"kind": "APIVersions", "versions": ["v1"]}),
        ["apis"] => {
            json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups(&all())})
        }
        ["apis", group] => {
            let mut groups = groups(&all()).into_iter();
            let mut found = groups.find(|one| one["name"] == *group)?;
            found["kind"] = "APIGroup".into();
            found["apiVersion"] = "v1".into();
            found
        }
        ["api", version] => resource_list(&all(), "", version)?,
        ["apis", group, version] => resource_list(&all(), group, version)?,
        _ => return None,
    };
    Some((
        found,
        aggregated && segments.len() == 1 && segments != ["version"],
    ))
}

/// A word on one's health, for everything together or for the one check that there is.
pub(super) fn health(path: &str, verbose: bool) -> Option<String> {
    let path = path.trim_start_matches('/');
    let (kind, check) = path.split_once('/').unwrap_or((path, ""));
    let known = ["healthz", "livez", "readyz"].contains(&kind) && ["", "ping"].contains(&check);
    let whole = verbose && check.is_empty();
    known.then(|| {
        if whole {
            format!("[+]ping ok\n{kind} check passed\n")
        } else {
            "ok".to_owned()
        }
    })
}

fn wants_aggregated(accept: &str) -> bool {
    accept.split(',').any(|one| {
        let parameters: Vec<&str> = one.trim().split(';').collect();
        parameters.contains(&"as=APIGroupDiscoveryList") && parameters.contains(&"v=v2")
    })
}

fn version() -> Value {
    json!({
        "major": "1", "minor": "36", "emulationMajor": "1", "emulationMinor": "36",
        "minCompatibilityMajor": "1", "minCompatibilityMinor": "35", "gitVersion": "v1.36.2",
        "gitCommit": "$Format:%H$", "gitTreeState": "", "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "go1.26.6", "compiler": "gc", "platform": "linux/amd64",
    })
}

/// The groups but the core, each with its versions.
fn groups(all: &[Arc<GroupVersion>]) -> Vec<Value> {
    by_group(all)
        .into_iter()
        .filter(|(name, _)| !name.is_empty())
        .map(|(name, versions)| {
            let version = |gv: &&Arc<GroupVersion>| {
                json!({
                    "groupVersion": format!("{name}/{}", gv.version), "version": gv.version,
                })
            };
            json!({
                "name": name,
                "versions": versions.iter().map(version).collect::<Vec<_>>(),
                "preferredVersion": versions.first().map(version),
            })
        })
        .collect()
}

fn groups_aggregated(all: &[Arc<GroupVersion>], core: bool) -> Value {
    let items: Vec<Value> = by_group(all)
        .into_iter()
        .filter(|(name, _)| name.is_empty() == core)
        .map(|(name, versions)| {
            let metadata = if core {
                json!({})
            } else {
                json!({"name": name})
            };
            let versions: Vec<Value> = versions
                .into_iter()
                .map(|gv| {
                    let resources: Vec<Value> = gv.resources.iter().map(aggregated).collect();
                    json!({"version": gv.version, "resources": resources, "freshness": "Current"})
                })
                .collect();
            json!({"metadata": metadata, "versions": versions})
        })
        .collect();
    json!({
        "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {},
        "items": items,
    })
}

fn aggregated(resource: &Resource) -> Value {
    let mut shown = json!({
        "resource": resource.plural, "singularResource": resource.singular,
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
        "responseKind": {"group": "", "version": "", "kind": resource.kind},
        "verbs": resource.verbs,
    });
    name_for_people(&mut shown, resource);
    if !resource.subresources.is_empty() {
        let subresources = resource.subresources.iter().map(|sub| {
            let kind = json!({"group": sub.group, "version": sub.version, "kind": sub.kind});
            json!({"subresource": sub.name, "responseKind": kind, "verbs": sub.verbs})
        });
        shown["subresources"] = subresources.collect();
    }
    shown
}

/// The old form of one version's resources.
fn resource_list(all: &[Arc<GroupVersion>], group: &str, version: &str) -> Option<Value> {
    let found = all
        .iter()
        .find(|gv| gv.group == group && gv.version == version)?;
    let resources = found.resources.iter().flat_map(|resource| {
        let below = resource.subresources.iter();
        std::iter::once(entry(resource)).chain(below.map(|sub| sub_entry(resource, sub)))
    });
    let name = match group {
        "" => version.to_owned(),
        group => format!("{group}/{version}"),
    };
    let mut list = json!({
        "kind": "APIResourceList", "groupVersion": name,
        "resources": resources.collect::<Vec<_>>(),
    });
    if !group.is_empty() {
        list["apiVersion"] = "v1".into();
    }
    Some(list)
}

fn entry(resource: &Resource) -> Value {
    let mut shown = json!({
        "name": resource.plural, "singularName": resource.singular, "kind": resource.kind,
        "namespaced": resource.namespaced, "verbs": resource.verbs,
    });
    name_for_people(&mut shown, resource);
    if !resource.hash.is_empty() {
        shown["storageVersionHash"] = resource.hash.as_str().into();
    }
    shown
}

fn sub_entry(resource: &Resource, sub: &Subresource) -> Value {
    let mut shown = json!({
        "name": format!("{}/{}", resource.plural, sub.name), "singularName": "", "kind": sub.kind,
        "namespaced": resource.namespaced, "verbs": sub.verbs,
    });
    if !sub.group.is_empty() {
        shown["group"] = sub.group.as_str().into();
        shown["version"] = sub.version.as_str().into();
    }
    shown
}

fn name_for_people(shown: &mut Value, resource: &Resource) {
    if !resource.short_names.is_empty() {
        shown["shortNames"] = resource.short_names.clone().into();
    }
    if !resource.categories.is_empty() {
        shown["categories"] = resource.categories.clone().into();
    }
}

/// The versions of each group; groups in their order, the core first.
fn by_group(all: &[Arc<GroupVersion>]) -> Vec<(&str, Vec<&Arc<GroupVersion>>)> {
    let mut places = BTreeMap::new();
    let mut groups: Vec<(&str, Vec<&Arc<GroupVersion>>)> = Vec::new();
    for gv in all {
        let place = *places.entry(gv.group.as_str()).or_insert(groups.len());
        if place == groups.len() {
            groups.push((&gv.group, Vec::new()));
        }
        groups[place].1.push(gv);
    }
    groups
}
