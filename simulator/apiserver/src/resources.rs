//! The resources that there are: those of Kubernetes 1.36, and those that CRDs define.

use std::sync::{Arc, LazyLock};

use serde::Deserialize;
use serde_json::Value;

use super::value::text;

/// All verbs of an ordinary resource.
const VERBS: [&str; 8] = [
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
];

/// The same, in the order that those of CRDs have.
const CUSTOM_VERBS: [&str; 8] = [
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "create",
    "update",
    "watch",
];

/// One version of an API group.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GroupVersion {
    /// The group; empty for the core.
    pub(super) group: String,
    /// The version, such as `v1`.
    pub(super) version: String,
    /// What there is in it.
    pub(super) resources: Vec<Resource>,
}

/// One kind of object, and where it is found.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Resource {
    /// The group; empty for the core.
    #[serde(skip)]
    pub(super) group: String,
    /// The version.
    #[serde(skip)]
    pub(super) version: String,
    /// As in paths: `pods`.
    pub(super) plural: String,
    /// As people may write it: `pod`.
    pub(super) singular: String,
    /// As in objects: `Pod`.
    pub(super) kind: String,
    /// Whether its objects are in a namespace.
    pub(super) namespaced: bool,
    /// What can be done with it.
    #[serde(default = "all_verbs")]
    pub(super) verbs: Vec<String>,
    /// Abbreviations for people.
    #[serde(default)]
    pub(super) short_names: Vec<String>,
    /// Groups of resources for people, such as `all`.
    #[serde(default)]
    pub(super) categories: Vec<String>,
    /// `storageVersionHash` of the old form of discovery.
    #[serde(default)]
    pub(super) hash: String,
    /// What hangs below an object.
    #[serde(default)]
    pub(super) subresources: Vec<Subresource>,
    /// Whether a CRD defines it.
    #[serde(skip)]
    pub(super) custom: bool,
    /// The schema that the CRD gives it.
    #[serde(skip)]
    pub(super) schema: Arc<Value>,
    /// `additionalPrinterColumns` of the CRD.
    #[serde(skip)]
    pub(super) columns: Arc<Value>,
}

/// A resource below an object.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Subresource {
    /// As in paths: `status`.
    pub(super) name: String,
    /// As in objects.
    pub(super) kind: String,
    /// The group of that kind, if it is another one.
    #[serde(default)]
    pub(super) group: String,
    /// Its version, if it is another one.
    #[serde(default)]
    pub(super) version: String,
    /// What can be done with it.
    #[serde(default = "subresource_verbs")]
    pub(super) verbs: Vec<String>,
}

impl Resource {
    /// `apiVersion` of its objects.
    pub(super) fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// `pods`, `leases.coordination.k8s.io`: as messages name it.
    pub(super) fn qualified(&self) -> String {
        if self.group.is_empty() {
            self.plural.clone()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    /// Under which group its objects are stored: events are one and the same in two groups.
    pub(super) fn storage_group(&self) -> &str {
        if self.group == "events.k8s.io" {
            ""
        } else {
            &self.group
        }
    }

    /// Whether it is this one of the core.
    pub(super) fn is_core(&self, plural: &str) -> bool {
        self.storage_group().is_empty() && self.plural == plural
    }

    /// Whether it has a status of its own, which ordinary writes leave alone.
    pub(super) fn has_status(&self) -> bool {
        self.subresources.iter().any(|sub| sub.name == "status")
    }

    /// Whether `metadata.generation` counts the changes of its specification.
    pub(super) fn has_generation(&self) -> bool {
        self.custom || self.has_status() && (!self.group.is_empty() || self.plural == "pods")
    }
}

/// Kubernetes' own resources.
pub(super) fn built_in() -> &'static [Arc<GroupVersion>] {
    &BUILT_IN
}

/// Whether it is one of Kubernetes' own groups.
pub(super) fn is_built_in(group: &str) -> bool {
    BUILT_IN.iter().any(|gv| gv.group == group)
}

/// What a CRD defines: one resource for each version that it serves.
pub(super) fn defined_by(crd: &Value) -> Vec<Resource> {
    let versions = crd["spec"]["versions"].as_array().into_iter().flatten();
    versions
        .filter(|version| version["served"] == true)
        .map(|version| defined(crd, version.clone()))
        .collect()
}

fn defined(crd: &Value, mut version: Value) -> Resource {
    let names = &crd["spec"]["names"];
    let kind = text(names, "/kind").to_owned();
    let has_status = version.pointer("/subresources/status").is_some();
    Resource {
        group: text(crd, "/spec/group").to_owned(),
        version: text(&version, "/name").to_owned(),
        plural: text(names, "/plural").to_owned(),
        singular: match text(names, "/singular") {
            "" => kind.to_lowercase(),
            singular => singular.to_owned(),
        },
        namespaced: text(crd, "/spec/scope") == "Namespaced",
        verbs: CUSTOM_VERBS.map(str::to_owned).to_vec(),
        short_names: strings(&names["shortNames"]),
        categories: strings(&names["categories"]),
        hash: String::new(),
        subresources: has_status
            .then(|| Subresource {
                name: "status".to_owned(),
                kind: kind.clone(),
                group: String::new(),
                version: String::new(),
                verbs: subresource_verbs(),
            })
            .into_iter()
            .collect(),
        custom: true,
        schema: Arc::new(version["schema"]["openAPIV3Schema"].take()),
        columns: Arc::new(version["additionalPrinterColumns"].take()),
        kind,
    }
}

fn strings(list: &Value) -> Vec<String> {
    let items = list.as_array().into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn all_verbs() -> Vec<String> {
    VERBS.map(str::to_owned).to_vec()
}

fn subresource_verbs() -> Vec<String> {
    ["get", "patch", "update"].map(str::to_owned).to_vec()
}

/// As a Kubernetes 1.36.2 API server lists them, in its order.
static BUILT_IN: LazyLock<Vec<Arc<GroupVersion>>> = LazyLock::new(|| {
    let versions: Vec<GroupVersion> =
        serde_json::from_str(include_str!("resources.json")).expect("the table is tested");
    let with_names = |mut gv: GroupVersion| {
        for resource in &mut gv.resources {
            resource.group.clone_from(&gv.group);
            resource.version.clone_from(&gv.version);
        }
        Arc::new(gv)
    };
    versions.into_iter().map(with_names).collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_resources_are_complete() {
        let count = BUILT_IN.iter().map(|gv| gv.resources.len()).sum::<usize>();
        assert_eq!((BUILT_IN.len(), count), (22, 68));
    }
}
