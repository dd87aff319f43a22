//! One policy object: its spec, and the status that the enforcer writes.

use pullstop_core::names::ACCEPTED;
use pullstop_core::policy::Policy;
use pullstop_core::policy::document::{self, API_VERSION, CLUSTER_KIND, NAMESPACED_KIND};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::opinion::{NAME, Opinion};
use crate::api::{ApiPath, NoName, Right, rights};

/// Where the objects are.
pub(super) const FOLDER: &str = "/apis/pullstop.dev/v1alpha1";

/// A policy object.
#[derive(Debug, Deserialize)]
pub struct Object {
    metadata: Metadata,
    /// As it came: it is read only if it has changed.
    spec: Option<Box<RawValue>>,
    #[serde(default)]
    status: Status,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    namespace: Option<String>,
    #[serde(default)]
    generation: u64,
    #[serde(default)]
    uid: String,
    #[serde(default)]
    resource_version: String,
}

#[derive(Debug, Default, Deserialize)]
struct Status {
    #[serde(default)]
    conditions: Vec<Condition>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Condition {
    r#type: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    message: String,
    observed_generation: Option<u64>,
}

impl Object {
    /// Whether it is the active one of its cluster or namespace, if it is valid.
    pub(super) fn is_in_force(&self) -> bool {
        self.metadata.name == NAME
    }

    /// The namespace whose pods it is about; all if it has none.
    pub(super) fn namespace(&self) -> Option<&str> {
        self.metadata.namespace.as_deref()
    }

    /// Changes whenever the object does.
    pub(super) fn version(&self) -> (String, String) {
        (
            self.metadata.uid.clone(),
            self.metadata.resource_version.clone(),
        )
    }

    /// Reads the object as a file is read: the same document, the same words about what is wrong.
    pub(super) fn policy(&self) -> Result<Policy, Vec<String>> {
        let Metadata {
            name, namespace, ..
        } = &self.metadata;
        let kind = if namespace.is_some() {
            NAMESPACED_KIND
        } else {
            CLUSTER_KIND
        };
        let mut metadata = json!({ "name": name });
        if let Some(namespace) = namespace {
            metadata["namespace"] = json!(namespace);
        }
        let spec = self.spec.as_ref().map_or("{}", |spec| spec.get());
        // JSON is YAML. Places in it mean nothing to the author of the object.
        let document = format!(
            r#"{{"apiVersion":"{API_VERSION}","kind":"{kind}","metadata":{metadata},"spec":{spec}}}"#
        );
        document::parse(&document)
            .map_err(|errors| errors.into_iter().map(|error| error.message).collect())
    }

    pub(super) fn path(&self) -> String {
        let Metadata {
            name, namespace, ..
        } = &self.metadata;
        match namespace {
            None => format!("/apis/{API_VERSION}/clusterpullfailurepolicies/{name}"),
            Some(namespace) => {
                format!("/apis/{API_VERSION}/namespaces/{namespace}/pullfailurepolicies/{name}")
            }
        }
    }

    /// Where its status is written.
    pub(super) fn status(&self) -> Result<ApiPath, NoName> {
        let kind = match &self.metadata.namespace {
            None => ApiPath::to(FOLDER).word("clusterpullfailurepolicies"),
            Some(namespace) => {
                ApiPath::in_namespace(FOLDER, &namespace.parse()?, "pullfailurepolicies")
            }
        };
        Ok(kind.name(&self.metadata.name.parse()?).word("status"))
    }

    /// What it takes to write its status.
    pub(super) const fn right(&self) -> &'static Right {
        match self.metadata.namespace {
            None => &rights::PATCH_CLUSTER_POLICY_STATUS,
            Some(_) => &rights::PATCH_POLICY_STATUS,
        }
    }

    pub(super) fn says(&self, opinion: &Opinion) -> bool {
        self.status.conditions.iter().any(|condition| {
            condition.r#type == ACCEPTED
                && condition.reason == opinion.reason
                && condition.message == opinion.message
                && condition.observed_generation == Some(self.metadata.generation)
        })
    }

    pub(super) fn condition(&self, opinion: &Opinion, now: &str) -> Value {
        json!({
            "type": ACCEPTED,
            "status": if opinion.reason == ACCEPTED { "True" } else { "False" },
            "reason": opinion.reason,
            "message": opinion.message,
            "observedGeneration": self.metadata.generation,
            "lastTransitionTime": now,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::accepted::Accepted;
    use super::*;

    fn objects(json: &Value) -> Vec<Object> {
        serde_json::from_value(json.clone()).unwrap()
    }

    #[test]
    fn a_status_that_stands_there_is_not_written_again() {
        let mut accepted = Accepted::default();
        let mut json = json!([{"metadata": {"name": "default", "generation": 3}, "spec": {}}]);
        let found = objects(&json);
        let opinion = accepted.apply(&found).remove(0);
        assert!(!found[0].says(&opinion));
        json[0]["status"] =
            json!({ "conditions": [found[0].condition(&opinion, "2026-01-01T00:00:00Z")] });
        assert!(objects(&json)[0].says(&opinion));
        json[0]["metadata"]["generation"] = json!(4);
        assert!(
            !objects(&json)[0].says(&opinion),
            "it is about an earlier generation"
        );
    }
}
