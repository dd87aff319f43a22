//! The form of an answer: objects as they are, as a table, or their metadata only.

use pullstop_core::time::Timestamp;
use serde_json::{Value, json};

use super::list::Page;
use super::resources::Resource;
use super::table;

/// What the client accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Objects as they are.
    Objects,
    /// A table for people, as `kubectl get` asks for.
    Table {
        /// `None`, `Metadata` or `Object`: what goes with each row.
        include: String,
        /// Whether the columns have been said.
        begun: bool,
    },
    /// `PartialObjectMetadata`.
    Metadata,
}

impl Form {
    /// Reads an `Accept` header: the first form of ours counts.
    pub(super) fn of(accept: &str, include: &str) -> Self {
        let wanted = accept.split(',').map(str::trim);
        for one in wanted {
            let parameters: Vec<&str> = one.split(';').map(str::trim).collect();
            let is_json = parameters.first() == Some(&"application/json");
            let is = |parameter: &str| is_json && parameters.contains(&parameter);
            if is("as=Table") && is("v=v1") {
                let include = match include {
                    "" => "Metadata",
                    include => include,
                };
                return Self::Table {
                    include: include.to_owned(),
                    begun: false,
                };
            }
            if is("as=PartialObjectMetadataList") || is("as=PartialObjectMetadata") {
                return Self::Metadata;
            }
            if one == "application/json" {
                break;
            }
        }
        Self::Objects
    }

    /// A list.
    pub(super) fn list(&self, resource: &Resource, page: Page, now: Timestamp) -> Value {
        let (kind, version) = match self {
            Self::Table { include, .. } => {
                let mut table = table::table(resource, &page.objects, include, now);
                table["metadata"] = page.metadata;
                return table;
            }
            Self::Metadata => ("PartialObjectMetadataList".to_owned(), META.to_owned()),
            Self::Objects => (format!("{}List", resource.kind), resource.api_version()),
        };
        let items = page
            .objects
            .into_iter()
            .map(|object| self.item(resource, object));
        json!({
            "kind": kind, "apiVersion": version, "metadata": page.metadata,
            "items": items.collect::<Vec<_>>(),
        })
    }

    /// A single object.
    pub(super) fn object(&self, resource: &Resource, object: Value, now: Timestamp) -> Value {
        match self {
            Self::Objects => object,
            Self::Metadata => metadata_only(&object),
            Self::Table { include, .. } => {
                let version = object["metadata"]["resourceVersion"].clone();
                let mut table = table::table(resource, &[object], include, now);
                table["metadata"] = json!({"resourceVersion": version});
                table
            }
        }
    }

    /// An object in a watch event. A table says its columns only once.
    pub(super) fn event(&mut self, resource: &Resource, object: Value, now: Timestamp) -> Value {
        let mut shown = self.object(resource, object, now);
        if let Self::Table { begun, .. } = self {
            if *begun {
                shown["columnDefinitions"] = Value::Null;
            }
            *begun = true;
        }
        shown
    }

    /// A bookmark in a watch.
    pub(super) fn bookmark(&self, object: Value) -> Value {
        match self {
            Self::Objects => object,
            Self::Metadata => metadata_only(&object),
            Self::Table { .. } => json!({
                "kind": "Table", "apiVersion": META, "metadata": object["metadata"],
                "columnDefinitions": null, "rows": [],
            }),
        }
    }

    /// Objects of a list do not repeat their kind, except those that CRDs define.
    fn item(&self, resource: &Resource, mut object: Value) -> Value {
        match self {
            Self::Metadata => metadata_only(&object),
            _ if resource.custom => object,
            _ => {
                if let Value::Object(members) = &mut object {
                    members.remove("kind");
                    members.remove("apiVersion");
                }
                object
            }
        }
    }
}

/// The version of tables and of metadata alone.
const META: &str = "meta.k8s.io/v1";

/// The object without all but its metadata.
pub(super) fn metadata_only(object: &Value) -> Value {
    json!({
        "kind": "PartialObjectMetadata", "apiVersion": META, "metadata": object["metadata"],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_form_that_is_known_counts() {
        let kubectl = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
        assert!(matches!(Form::of(kubectl, ""), Form::Table { .. }));
        let metadata = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
        assert_eq!(Form::of(metadata, ""), Form::Metadata);
        for other in [
            "",
            "*/*",
            "application/json",
            "application/json;as=Table;v=v1beta1",
        ] {
            assert_eq!(Form::of(other, ""), Form::Objects, "{other}");
        }
    }
}
