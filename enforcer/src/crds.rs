//! `enforcer crds`: the `CustomResourceDefinition`s of policies, from the types that read them.
//!
//! The API server wants a structural schema: no references, no `null`, no `additionalProperties: false`. What types alone
//! cannot say is added here as patterns and CEL rules, with bounds on lists so that their cost can be estimated.

use std::io::{self, Write};

use pullstop_core::classify::OWN_BYTES_MAX;
use pullstop_core::names::GROUP;
use pullstop_core::policy::document::{self, CLUSTER_KIND, NAMESPACED_KIND, PATTERNS_MAX};
use serde_json::{Map, Value, json};

use crate::policies::opinion::NAME;

/// Prints both definitions as YAML. Returns the exit code.
pub(crate) fn run(out: &mut dyn Write) -> io::Result<u8> {
    for definition in [definition(CLUSTER_KIND), definition(NAMESPACED_KIND)] {
        let yaml = serde_saphyr::to_string(&definition).map_err(io::Error::other)?;
        writeln!(out, "---\n{}", yaml.trim_end())?;
    }
    Ok(crate::exit::SUCCESS)
}

/// The definition of one kind.
pub fn definition(kind: &str) -> Value {
    let singular = kind.to_lowercase();
    let plural = format!("{}ies", singular.trim_end_matches('y'));
    let (scope, short) = if kind == CLUSTER_KIND {
        ("Cluster", "cpfp")
    } else {
        ("Namespaced", "pfp")
    };
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": format!("{plural}.{GROUP}"),
            "labels": { "app.kubernetes.io/name": "pullstop" },
        },
        "spec": {
            "group": GROUP,
            "names": {
                "kind": kind, "listKind": format!("{kind}List"), "plural": plural, "singular": singular,
                "shortNames": [short],
            },
            "scope": scope,
            "versions": [{
                "name": "v1alpha1",
                "served": true,
                "storage": true,
                "subresources": { "status": {} },
                "additionalPrinterColumns": [
                    column("Mode", "string", ".spec.mode"),
                    column("Accepted", "string", ".status.conditions[?(@.type==\"Accepted\")].status"),
                    column("Reason", "string", ".status.conditions[?(@.type==\"Accepted\")].reason"),
                    column("Age", "date", ".metadata.creationTimestamp"),
                ],
                "schema": { "openAPIV3Schema": schema(kind) },
            }],
        },
    })
}

fn column(name: &str, kind: &str, path: &str) -> Value {
    json!({ "name": name, "type": kind, "jsonPath": path })
}

fn schema(kind: &str) -> Value {
    let document = document::json_schema().to_value();
    let definitions = document["$defs"].as_object().cloned().unwrap_or_default();
    let mut spec = structural(&definitions["PolicySpec"], &definitions);
    bound(&mut spec);
    if kind == NAMESPACED_KIND {
        let rule = "!has(self.scope) || !has(self.scope.namespaces)";
        let message = "a PullFailurePolicy applies to its own namespace only: remove `namespaces`";
        spec["x-kubernetes-validations"] = json!([{ "rule": rule, "message": message }]);
    }
    json!({
        "description": document["description"],
        "type": "object",
        "properties": {
            "apiVersion": { "type": "string" },
            "kind": { "type": "string" },
            "metadata": { "type": "object" },
            "spec": spec,
            "status": status(),
        },
        "x-kubernetes-validations": [{
            "rule": format!("self.metadata.name == '{NAME}'"),
            "message": format!("only the policy named `{NAME}` is active: use this name"),
        }],
    })
}

/// The schema without what the API server does not want.
fn structural(schema: &Value, definitions: &Map<String, Value>) -> Value {
    let mut all = Map::new();
    if let Some(choices) = schema["anyOf"].as_array() {
        // The other choice is `null`.
        let choice = choices.iter().find(|choice| choice["type"] != "null");
        merge(
            &mut all,
            choice.map(|choice| structural(choice, definitions)),
        );
    }
    if let Some(name) = schema["$ref"]
        .as_str()
        .and_then(|path| path.strip_prefix("#/$defs/"))
    {
        merge(
            &mut all,
            definitions
                .get(name)
                .map(|definition| structural(definition, definitions)),
        );
    }
    for (name, value) in schema.as_object().into_iter().flatten() {
        let value = match name.as_str() {
            "anyOf" | "$ref" | "default" | "format" | "additionalProperties" => continue,
            // A type, or that type and `null`.
            "type" => value
                .as_array()
                .and_then(|types| types.first())
                .unwrap_or(value)
                .clone(),
            "description" => json!(value.as_str().unwrap_or_default().replace('\n', " ")),
            "items" => structural(value, definitions),
            "properties" => {
                let fields = value.as_object().into_iter().flatten();
                fields
                    .map(|(name, field)| (name.clone(), structural(field, definitions)))
                    .collect::<Map<_, _>>()
                    .into()
            }
            _ => value.clone(),
        };
        all.insert(name.clone(), value);
    }
    all.into()
}

fn merge(all: &mut Map<String, Value>, more: Option<Value>) {
    if let Some(Value::Object(more)) = more {
        all.extend(more);
    }
}

/// Adds what can be wrong with values.
fn bound(spec: &mut Value) {
    /// Whole numbers with units, from large to small.
    const DURATION: &str = "^([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$";
    let field = |spec: &mut Value, path: &str, name: &str, value: Value| {
        if let Some(field) =
            spec.pointer_mut(&path.replace('.', "/properties/").replace("[]", "/items"))
        {
            field[name] = value;
        }
    };
    for path in [
        ".pullTimeout",
        ".overrides.maxPatience",
        ".rules[].duration",
    ] {
        field(spec, path, "pattern", json!(DURATION));
        field(spec, path, "minLength", json!(2));
        field(spec, path, "maxLength", json!(40));
    }
    for (path, items_max) in [
        // Each rule needs a cause of its own.
        (".rules", 22),
        (".rules[].causes", 22),
        (".patterns", PATTERNS_MAX),
        (".scope.phases", 3),
        (".scope.barePods", 3),
        (".scope.owners", 50),
        (".scope.namespaces.include", 1000),
        (".scope.namespaces.exclude", 1000),
        (".overrides.modes", 3),
    ] {
        field(spec, path, "maxItems", json!(items_max));
    }
    field(spec, ".rules[].causes", "minItems", json!(1));
    field(
        spec,
        ".scope.phases[]",
        "enum",
        json!(["Pending", "Running", "Unknown"]),
    );
    field(
        spec,
        ".scope.barePods[]",
        "enum",
        json!(["Always", "OnFailure", "Never"]),
    );
    for path in [".patterns[].text", ".patterns[].then"] {
        field(spec, path, "minLength", json!(4));
        field(spec, path, "maxLength", json!(200));
    }
    let once = "self.all(rule, rule.causes.all(cause, self.filter(other, cause in other.causes).size() == 1))";
    let message = "two rules name the same cause: the second would never be reached";
    field(
        spec,
        ".rules",
        "x-kubernetes-validations",
        json!([{ "rule": once, "message": message }]),
    );
    // Characters: the program counts bytes, which are at least as many.
    let size = "self.map(p, size(p.text) + (has(p.then) ? size(p.then) : 0)).sum()";
    let budget = json!([{
        "rule": format!("{size} <= {OWN_BYTES_MAX}"),
        "message": format!("the patterns have more than {OWN_BYTES_MAX} bytes together: shorten or remove some"),
    }]);
    field(spec, ".patterns", "x-kubernetes-validations", budget);
    let long = json!([{ "rule": "duration(self) >= duration('1m')", "message": "a pull may take longer than that: write `1m` or more" }]);
    field(spec, ".pullTimeout", "x-kubernetes-validations", long);
}

fn status() -> Value {
    let text = |length_max: u32| json!({ "type": "string", "maxLength": length_max });
    json!({
        "description": "The status of the policy.",
        "type": "object",
        "properties": {
            "conditions": {
                "description": "`Accepted` says whether the policy is active and, if not, why.",
                "type": "array",
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["type"],
                "items": {
                    "type": "object",
                    "required": ["type", "status", "reason", "message", "lastTransitionTime"],
                    "properties": {
                        "type": text(316),
                        "status": { "type": "string", "enum": ["True", "False", "Unknown"] },
                        "reason": text(1024),
                        "message": text(32_768),
                        "observedGeneration": { "type": "integer", "format": "int64", "minimum": 0 },
                        "lastTransitionTime": { "type": "string", "format": "date-time" },
                    },
                },
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a structural schema must not have, and must.
    fn check(schema: &Value, path: &str) {
        let object = schema.as_object().unwrap();
        for word in [
            "$ref",
            "anyOf",
            "oneOf",
            "default",
            "additionalProperties",
            "const",
        ] {
            assert!(!object.contains_key(word), "{path} has `{word}`");
        }
        assert!(schema["type"].is_string(), "{path} has no type: {schema}");
        if schema["type"] == "array" {
            assert!(
                schema["maxItems"].is_u64() || path.contains("conditions"),
                "{path} has no end"
            );
            check(&schema["items"], &format!("{path}[]"));
        }
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            check(field, &format!("{path}.{name}"));
        }
    }

    #[test]
    fn the_schemas_are_structural() {
        for kind in [CLUSTER_KIND, NAMESPACED_KIND] {
            let definition = definition(kind);
            check(
                &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"],
                kind,
            );
        }
    }

    #[test]
    fn names_are_as_the_program_asks_for_them() {
        assert_eq!(
            definition(CLUSTER_KIND)["metadata"]["name"],
            "clusterpullfailurepolicies.pullstop.dev"
        );
        assert_eq!(
            definition(NAMESPACED_KIND)["spec"]["names"]["plural"],
            "pullfailurepolicies"
        );
    }

    #[test]
    fn what_was_added_is_where_it_belongs() {
        let definition = definition(NAMESPACED_KIND);
        let spec =
            &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
        for path in ["pullTimeout", "rules", "patterns", ""] {
            let field = if path.is_empty() {
                spec
            } else {
                &spec["properties"][path]
            };
            assert!(field["x-kubernetes-validations"].is_array(), "{path}");
        }
        assert_eq!(
            spec["properties"]["rules"]["items"]["properties"]["causes"]["minItems"],
            1
        );
        assert_eq!(
            spec["properties"]["rules"]["items"]["properties"]["attempts"]["minimum"],
            1
        );
    }
}
