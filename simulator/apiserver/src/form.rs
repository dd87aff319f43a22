//! The form of an answer: objects as they are, as a table, or their metadata only.

use pullstop_core::time::Timestamp;
use serde_json::{Value, json};

use super::list::Page;
use super::metadata::{META, PARTIAL_OBJECT, partial_object};
use super::resources::Resource;
use super::status::Failure;
use super::table;
use super::value::{default, items_mut};

/// What the client accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Objects as they are.
    Objects,
    /// A table for people, as `kubectl get` asks for.
    Table {
        /// `v1`, or the older `v1beta1`.
        version: &'static str,
        /// `None`, `Metadata` or `Object`: what goes with each row.
        include: String,
        /// Whether the columns have been said.
        begun: bool,
    },
    /// Metadata only.
    Metadata {
        /// `v1`, or the older `v1beta1`.
        version: &'static str,
        /// Whether `PartialObjectMetadataList` is what was asked for.
        list: bool,
    },
}

/// What an answer is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Object,
    List,
    Stream,
}

const VERSIONS: [&str; 2] = ["v1", "v1beta1"];

impl Form {
    /// Reads an `Accept` header: the first form that there is counts.
    pub(super) fn of(accept: &str, include: &str, answer: Answer) -> Result<Self, Failure> {
        let wanted = accept
            .split(',')
            .map(str::trim)
            .filter(|one| !one.is_empty());
        let mut refused = None;
        for one in wanted {
            let mut parts = one.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default();
            if !["application/json", "application/*", "*/*"].contains(&media) {
                refused.get_or_insert_with(|| unacceptable(answer));
                continue;
            }
            let parameters: Vec<&str> = parts.collect();
            if !parameters.iter().any(|one| one.starts_with("as=")) {
                return Ok(Self::Objects);
            }
            if let Some(form) = Self::transformed(&parameters, include) {
                return form.checked(answer);
            }
            refused = Some(only_accepted());
        }
        refused.map_or(Ok(Self::Objects), Err)
    }

    fn transformed(parameters: &[&str], include: &str) -> Option<Self> {
        let has = |parameter: &str| parameters.contains(&parameter);
        let version = VERSIONS
            .into_iter()
            .find(|version| has(&format!("v={version}")))?;
        if has("as=Table") {
            let include = if include.is_empty() {
                "Metadata"
            } else {
                include
            };
            return Some(Self::Table {
                version,
                include: include.to_owned(),
                begun: false,
            });
        }
        let list = has("as=PartialObjectMetadataList");
        (list || has("as=PartialObjectMetadata")).then_some(Self::Metadata { version, list })
    }

    /// Whether this form can be given of what is answered.
    fn checked(self, answer: Answer) -> Result<Self, Failure> {
        match (&self, answer) {
            (Self::Table { include, .. }, _)
                if !["None", "Metadata", "Object"].contains(&include.as_str()) =>
            {
                let why = "must be 'Metadata', 'Object', 'None', or empty";
                Err(Failure::bad_request(format!(
                    "Unable to convert to Table as requested: includeObject: Invalid value: {include:?}: {why}"
                )))
            }
            _ => Ok(self),
        }
    }

    /// Whether single objects, or lists, can have this form.
    pub(super) fn fits(&self, resource: &Resource, answer: Answer) -> Result<(), Failure> {
        let kind = &resource.kind;
        let message = match (self, answer) {
            (Self::Metadata { list: true, .. }, Answer::Object) => format!(
                "you requested PartialObjectMetadataList, but the requested object is not a list (*core.{kind})"
            ),
            (Self::Metadata { list: false, .. }, Answer::List) => format!(
                "you requested PartialObjectMetadata, but the requested object is a list (*core.{kind}List)"
            ),
            _ => return Ok(()),
        };
        Err(Failure::not_acceptable(message))
    }

    /// A list.
    pub(super) fn list(&self, resource: &Resource, mut page: Page, now: Timestamp) -> Value {
        if resource.custom && *self == Self::Objects {
            default(&mut page.metadata, "continue", "");
        }
        let (kind, version) = match self {
            Self::Table { include, .. } => {
                let mut table = table::table(resource, &page.objects, include, now);
                table["metadata"] = page.metadata;
                return self.in_version(table);
            }
            Self::Metadata { version, .. } => (
                "PartialObjectMetadataList".to_owned(),
                format!("{META}/{version}"),
            ),
            Self::Objects => (format!("{}List", resource.kind), resource.api_version()),
        };
        let items = page
            .objects
            .into_iter()
            .map(|object| self.item(resource, object));
        let items: Vec<Value> = items.collect();
        // An empty list in Go's memory is null here, and only here.
        let items = match self {
            Self::Metadata { .. } if items.is_empty() => Value::Null,
            _ => items.into(),
        };
        json!({
            "kind": kind, "apiVersion": version, "metadata": page.metadata, "items": items,
        })
    }

    /// A single object.
    pub(super) fn object(&self, resource: &Resource, object: Value, now: Timestamp) -> Value {
        match self {
            Self::Objects => object,
            Self::Metadata { .. } => self.in_version(partial_object(&object)),
            Self::Table { include, .. } => {
                let version = object["metadata"]["resourceVersion"].clone();
                let mut table = table::table(resource, &[object], include, now);
                table["metadata"] = json!({"resourceVersion": version});
                self.in_version(table)
            }
        }
    }

    /// Tables and metadata are of the version that was asked for.
    fn in_version(&self, mut shown: Value) -> Value {
        if let Self::Table { version, .. } | Self::Metadata { version, .. } = self {
            let version = format!("{META}/{version}");
            for row in items_mut(&mut shown, "/rows") {
                if row["object"]["kind"] == PARTIAL_OBJECT {
                    row["object"]["apiVersion"] = version.as_str().into();
                }
            }
            shown["apiVersion"] = version.into();
        }
        shown
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

    /// A bookmark in a watch. Only the one that ends the initial events is shown as a row, like an object.
    pub(super) fn bookmark(&mut self, resource: &Resource, object: Value, now: Timestamp) -> Value {
        let version = object["metadata"]["resourceVersion"].clone();
        let ends_initial = !object["metadata"]["annotations"].is_null();
        match self {
            Self::Objects => object,
            Self::Table { .. } if !ends_initial => self.in_version(json!({
                "kind": "Table", "metadata": {"resourceVersion": version},
                "columnDefinitions": null, "rows": [],
            })),
            _ => self.event(resource, object, now),
        }
    }

    /// Objects of a list do not repeat their kind, except those that CRDs define.
    fn item(&self, resource: &Resource, mut object: Value) -> Value {
        match self {
            Self::Metadata { .. } => self.in_version(partial_object(&object)),
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

fn unacceptable(answer: Answer) -> Failure {
    let streams = match answer {
        Answer::Object => "",
        Answer::List | Answer::Stream => {
            ", application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch"
        }
    };
    let message = format!("406: Not Acceptable\n\nAvailable representations: {MEDIA}{streams}");
    Failure::not_acceptable(message).with_details(json!({}))
}

fn only_accepted() -> Failure {
    Failure::not_acceptable(format!(
        "only the following media types are accepted: {MEDIA}"
    ))
}

const MEDIA: &str = "application/json, application/yaml, application/vnd.kubernetes.protobuf";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_form_that_is_known_counts() {
        let of = |accept: &str| Form::of(accept, "", Answer::List);
        let kubectl = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
        assert!(matches!(of(kubectl), Ok(Form::Table { version: "v1", .. })));
        let older = kubectl.replace("v=v1", "v=v1beta1");
        assert!(matches!(
            of(&older),
            Ok(Form::Table {
                version: "v1beta1",
                ..
            })
        ));
        let metadata = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
        assert!(matches!(
            of(metadata),
            Ok(Form::Metadata { list: true, .. })
        ));
        let unknown = "application/json;as=Nope;v=v1;g=meta.k8s.io";
        for plain in [
            "",
            "*/*",
            "application/json",
            "text/html,*/*;q=0.8",
            &format!("{unknown},application/json"),
        ] {
            assert_eq!(of(plain), Ok(Form::Objects), "{plain}");
        }
        for refused in ["text/plain", unknown] {
            assert_eq!(of(refused).unwrap_err().code, 406, "{refused}");
        }
        assert!(Form::of(kubectl, "Some", Answer::Object).is_err());
    }
}
