//! Recognizes documents that are no scenarios, and names the command that reads them.

use pullstop_core::names::PREFIX;
use pullstop_core::policy::document::{CLUSTER_KIND, NAMESPACED_KIND};
use pullstop_core::suggest;
use pullstop_core::yaml::{self, place_of};
use serde::Deserialize;
use serde_json::{Map, Value};
use serde_saphyr::Spanned;

use super::KIND;
use super::Place;

/// `kind` of the documents that say what to sweep over.
pub const SWEEP_KIND: &str = "Sweep";

/// The kind of the files in which `simulator baseline` keeps what scenarios measured.
pub const BASELINE_KIND: &str = "Baseline";

/// A document that is no scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// Where it says so.
    pub place: Place,
    /// What it is, with its article: `a Pod`.
    what: String,
    /// Who wants it, or what to do.
    advice: &'static str,
    /// What it calls itself, if it does.
    pub kind: Option<String>,
}

impl Other {
    /// What is wrong, and what to do.
    pub fn message(&self) -> String {
        format!("this is {}, not a scenario: {}", self.what, self.advice)
    }

    fn unnamed(what: &str, advice: &'static str) -> Self {
        Self {
            place: Some((1, 1)),
            what: what.to_owned(),
            advice,
            kind: None,
        }
    }
}

/// What the text is if it is certainly no scenario; a scenario with mistakes is one.
pub fn other(text: &str) -> Option<Other> {
    if let Some(first) = first_of_json(text) {
        let has = |member: &str| first.get(member).is_some();
        if has("type") && has("object") {
            return Some(Other::unnamed("a recording of watch events", FOR_RECORDING));
        }
    }
    let first = first_document(text);
    match yaml::read::<Value>("document", first, &[]).ok()? {
        Value::Object(members) => object(first, &members),
        Value::Array(_) => Some(Other::unnamed("a list", FOR_ANYTHING)),
        Value::String(_) | Value::Number(_) | Value::Bool(_) => {
            Some(Other::unnamed("plain text", FOR_ANYTHING))
        }
        Value::Null => None,
    }
}

/// `metadata.name`, as far as it can be read of a document with mistakes.
pub fn name(text: &str) -> Option<String> {
    head(first_document(text))?.metadata?.name
}

const FOR_ANYTHING: &str = "a scenario begins with `apiVersion: pullstop.dev/v1alpha1` and `kind: Scenario`; \
     `simulator new` writes a first one";
const FOR_POLICY: &str = "`enforcer policy check` checks it, and `--policy` or the scenario's `spec.policy.file` \
     judges by it";
const FOR_SWEEP: &str = "`simulator sweep` runs it on scenarios";
const FOR_BASELINE: &str =
    "`simulator baseline check` measures the scenarios that it names, and compares";
const FOR_RECORDING: &str =
    "`simulator replay` tells its story, and `simulator import` makes a scenario of it";
const FOR_PODS: &str = "`enforcer scan --from` says what is thought of the pods in it; in a scenario they are \
     `spec.workloads` (docs/scenarios.md)";
const FOR_OBJECT: &str =
    "pods, Jobs and Deployments are described as its `spec.workloads` (docs/scenarios.md)";

/// The members that say what a document is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    api_version: Option<String>,
    kind: Option<Spanned<String>>,
    metadata: Option<Metadata>,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    name: Option<String>,
}

fn head(document: &str) -> Option<Head> {
    yaml::read("document", document, &[]).ok()
}

fn object(document: &str, members: &Map<String, Value>) -> Option<Other> {
    let head = head(document)?;
    let Some(kind) = head.kind else {
        // A document with one of these may be meant as a scenario.
        let is_scenario = ["apiVersion", "spec"]
            .iter()
            .any(|name| members.contains_key(*name));
        return (!is_scenario && !members.is_empty())
            .then(|| Other::unnamed("a document without `kind`", FOR_ANYTHING));
    };
    let name = kind.value.as_str();
    let is_policy = [CLUSTER_KIND, NAMESPACED_KIND].contains(&name);
    let is_known = is_policy || [SWEEP_KIND, BASELINE_KIND].contains(&name);
    let is_ours = head.api_version.is_none_or(|v| v.starts_with(PREFIX));
    let is_meant = suggest::closest(name, [KIND]).is_some();
    if name == KIND || (is_ours || is_meant) && !is_known {
        return None;
    }
    Some(Other {
        place: place_of(kind.referenced),
        what: format!("a {name}"),
        advice: match name {
            SWEEP_KIND => FOR_SWEEP,
            _ if is_policy => FOR_POLICY,
            BASELINE_KIND => FOR_BASELINE,
            "PodList" | "List" => FOR_PODS,
            "Pod" | "Job" | "CronJob" | "Deployment" => FOR_OBJECT,
            _ => FOR_ANYTHING,
        },
        kind: Some(name.to_owned()),
    })
}

fn first_of_json(text: &str) -> Option<Value> {
    let is_json = text.trim_start().starts_with('{');
    let values = || serde_json::Deserializer::from_str(text).into_iter::<Value>();
    is_json.then(|| values().next()?.ok()).flatten()
}

/// Files of Kubernetes' objects hold several documents; the first says what they are.
fn first_document(text: &str) -> &str {
    let text = text.strip_prefix("---\n").unwrap_or(text);
    text.split("\n---").next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_called_what_it_is() {
        for (text, what) in [
            ("apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n", "a Pod"),
            (
                "---\napiVersion: v1\nkind: Pod\n---\napiVersion: v1\nkind: Secret\n",
                "a Pod",
            ),
            (
                "{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": []}",
                "a List",
            ),
            ("kind: Sweep\n", "a Sweep"),
            ("kind: PullFailurePolicy\n", "a PullFailurePolicy"),
            (
                "apiVersion: pullstop.dev/v1alpha1\nkind: Baseline\n",
                "a Baseline",
            ),
            (
                "apiVersion: pullstop.dev/v1\nkind: ClusterPullFailurePolicy\n",
                "a ClusterPullFailurePolicy",
            ),
            (
                "{\"type\": \"ADDED\", \"object\": {}}\n{\"type\"",
                "a recording of watch events",
            ),
            ("- {pod: a}\n", "a list"),
            ("just text\n", "plain text"),
            ("image: nginx\n", "a document without `kind`"),
        ] {
            assert_eq!(
                other(text).map(|other| other.what).as_deref(),
                Some(what),
                "{text}"
            );
        }
    }

    #[test]
    fn a_scenario_with_mistakes_is_a_scenario() {
        for text in [
            "",
            "{}",
            "apiVersion: [unclosed\n",
            "apiVersion: pullstop.dev/v1alpha1\nkind: Scenari\n",
            "apiVersion: pullstop.dev/v2\nkind: Scenario\n",
            "apiVersion: pullstop.dev/v2\nkind: Scenari\n",
            "apiVersion: v1\nkind: scenario\n",
            "kind: Scenario\nmetadata: {name: [s]}\n",
            "metadata: {name: s}\nspec: {}\n",
        ] {
            assert_eq!(other(text), None, "{text}");
        }
    }

    #[test]
    fn a_name_is_read_of_what_is_wrong_elsewhere() {
        let text = "kind: Scenario\nmetadata: {name: out}\nspec: {duration: never}\n";
        assert_eq!(name(text).as_deref(), Some("out"));
        assert_eq!(name("metadata: {name: a\nspec: ["), None);
    }
}
