//! Writes policies as documents.

use std::fmt::{Display, Write};

use super::{ACTIONS, API_VERSION, CLUSTER_KIND, FALLBACKS, PERMANENCES};
use crate::cause::{Cause, Permanence};
use crate::classify::Pattern;
use crate::policy::{Action, Fallback, Policy, Rule};
use crate::yaml::{duration, list, quoted};

/// The policy as a `ClusterPullFailurePolicy` that sets every field.
pub fn to_yaml(policy: &Policy, name: &str) -> String {
    Writer::default().document(policy, name)
}

/// The same, with comments that say what the fields are for.
pub fn to_explained_yaml(policy: &Policy, name: &str) -> String {
    let explains = Writer {
        explains: true,
        ..Writer::default()
    };
    explains.document(policy, name)
}

/// Mode and rules on one line, as they stand inside another document.
pub fn to_inline_yaml(policy: &Policy) -> String {
    let rules = policy.rules().iter().map(|rule| {
        let fields = rule_fields(rule).map(|(name, value)| format!("{name}: {value}"));
        format!("{{{}}}", fields.join(", "))
    });
    let rules: Vec<String> = rules.collect();
    format!(
        "{{mode: {}, rules: [{}]}}",
        policy.mode.as_str(),
        rules.join(", ")
    )
}

/// A document on the way.
#[derive(Default)]
struct Writer {
    text: String,
    explains: bool,
}

impl Writer {
    fn document(mut self, policy: &Policy, name: &str) -> String {
        let head = format!(
            "apiVersion: {API_VERSION}\nkind: {CLUSTER_KIND}\nmetadata:\n  name: {}\nspec:",
            quoted(name)
        );
        self.line(0, head);
        self.comment(&[
            "Enforce fails pods, Warn only sets conditions and sends Events, DryRun writes nothing and logs what it would do,",
            "Disabled does nothing.",
        ]);
        self.field(1, "mode", policy.mode.as_str());
        self.scope(policy);
        self.rules(policy);
        self.patterns(policy);
        self.overrides(policy);
        self.comment(&[
            "How long one pull may take. A pull that may be in flight holds a verdict for at most this long.",
        ]);
        self.field(1, "pullTimeout", duration(policy.pull_timeout));
        self.put_back(policy);
        self.text
    }

    fn scope(&mut self, policy: &Policy) {
        let scope = &policy.scope;
        self.comment(&[
            "Which pods are judged: pods in these phases whose controller is of these kinds, and pods without a controller",
            "that have these restart policies. Namespaces are names, or beginnings such as `team-*`; without any to include,",
            "all are.",
        ]);
        self.line(1, "scope:");
        self.field(
            2,
            "phases",
            list(scope.phases.iter().map(|phase| phase.as_str())),
        );
        self.field(2, "owners", list(scope.owners.iter().map(String::as_str)));
        let bare_pods = scope.bare_pods.iter().map(|restart| restart.as_str());
        self.field(2, "barePods", list(bare_pods));
        self.line(2, "namespaces:");
        let names = |names: &[String]| list(names.iter().map(String::as_str));
        self.field(3, "include", names(&scope.include_namespaces));
        self.field(3, "exclude", names(&scope.exclude_namespaces));
    }

    fn rules(&mut self, policy: &Policy) {
        self.comment(&[
            "When a container has failed too often: it must reach both attempts and duration. The cause of the latest failure",
            "selects the rule. A cause that no rule names never leads to a verdict.",
        ]);
        self.list("rules", policy.rules(), rule_fields);
    }

    fn patterns(&mut self, policy: &Policy) {
        self.comment(&[
            "Texts of messages that mean a cause, looked for before the built-in ones.",
        ]);
        let patterns: Vec<&Pattern> = policy.patterns.iter().collect();
        self.list("patterns", &patterns, |pattern| pattern_fields(pattern));
    }

    fn overrides(&mut self, policy: &Policy) {
        let overrides = &policy.overrides;
        self.comment(&[
            "What pods may set with the annotations pullstop.dev/mode and pullstop.dev/patience.",
        ]);
        self.line(1, "overrides:");
        self.field(
            2,
            "modes",
            list(overrides.modes.iter().map(|mode| mode.as_str())),
        );
        self.field(2, "maxPatience", duration(overrides.patience_max));
    }

    fn put_back(&mut self, policy: &Policy) {
        let fallback = match policy.put_back.fallback {
            Fallback::None => FALLBACKS[0],
            Fallback::ActiveDeadline => FALLBACKS[1],
        };
        self.comment(&[
            "How often a pod is failed if the kubelet reverts it, and what follows then: None or ActiveDeadlineSeconds.",
        ]);
        self.line(1, "putBack:");
        self.field(2, "maxWrites", policy.put_back.writes_max);
        self.field(2, "fallback", fallback);
    }

    /// A list of objects below `spec`.
    fn list<T, F>(&mut self, name: &str, elements: &[T], fields: impl Fn(&T) -> F)
    where
        F: IntoIterator<Item = (&'static str, String)>,
    {
        if elements.is_empty() {
            return self.field(1, name, "[]");
        }
        self.line(1, format_args!("{name}:"));
        for element in elements {
            for (place, (name, value)) in fields(element).into_iter().enumerate() {
                let dash = if place == 0 { '-' } else { ' ' };
                self.line(1, format_args!("{dash} {name}: {value}"));
            }
        }
    }

    fn field(&mut self, depth: usize, name: &str, value: impl Display) {
        self.line(depth, format_args!("{name}: {value}"));
    }

    fn comment(&mut self, lines: &[&str]) {
        if self.explains {
            for line in lines {
                self.line(1, format_args!("# {line}"));
            }
        }
    }

    fn line(&mut self, depth: usize, line: impl Display) {
        let indent = "  ".repeat(depth);
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{indent}{line}");
    }
}

fn rule_fields(rule: &Rule) -> [(&'static str, String); 5] {
    let causes = Cause::ALL.into_iter();
    let causes = causes.filter(|cause| rule.causes.contains(*cause));
    let action = match rule.action {
        Action::Fail => ACTIONS[0],
        Action::Warn => ACTIONS[1],
        Action::Ignore => ACTIONS[2],
    };
    [
        ("name", quoted(&rule.name)),
        ("causes", list(causes.map(Cause::as_str))),
        ("attempts", rule.attempts.to_string()),
        ("duration", duration(rule.duration)),
        ("action", action.to_owned()),
    ]
}

fn pattern_fields(pattern: &Pattern) -> Vec<(&'static str, String)> {
    let permanence = match pattern.permanence {
        Permanence::Permanent => PERMANENCES[0],
        Permanence::Transient => PERMANENCES[1],
        Permanence::Ambiguous => PERMANENCES[2],
    };
    let mut fields = vec![("text", quoted(&pattern.text))];
    fields.extend(pattern.then.as_deref().map(|then| ("then", quoted(then))));
    fields.push(("cause", pattern.cause.as_str().to_owned()));
    fields.push(("permanence", permanence.to_owned()));
    fields
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::{json_schema, parse};
    use super::*;

    /// A policy that is like the built-in one in nothing.
    const OTHER: &str = r#"
apiVersion: pullstop.dev/v1alpha1
kind: ClusterPullFailurePolicy
metadata: {name: other}
spec:
  mode: Enforce
  scope:
    phases: [Running]
    owners: [Job, "Own: Kind"]
    barePods: [Always]
    namespaces: {include: [team-*], exclude: ["no"]}
  rules:
  - {name: "one: two", causes: [RateLimited], attempts: 7, duration: 90s, action: Warn}
  - {causes: [ManifestNotFound, AccessDenied], attempts: 1, duration: 0s, action: Ignore}
  patterns:
  - {text: "say \"when\"", then: "or \\ not", cause: AccessDenied, permanence: permanent}
  - {text: never heard of, cause: Unknown}
  overrides: {modes: [Warn], maxPatience: 90m}
  pullTimeout: 7m
  putBack: {maxWrites: 9, fallback: ActiveDeadlineSeconds}
"#;

    #[test]
    fn what_is_written_is_read() {
        for policy in [Policy::default(), parse(OTHER).unwrap()] {
            for text in [to_yaml(&policy, "a: b"), to_explained_yaml(&policy, "b")] {
                assert_eq!(parse(&text).as_ref(), Ok(&policy), "{text}");
            }
            let head =
                format!("apiVersion: {API_VERSION}\nkind: {CLUSTER_KIND}\nmetadata: {{name: a}}\n");
            let inline = to_inline_yaml(&policy);
            let read = parse(&format!("{head}spec: {inline}\n")).unwrap();
            assert_eq!(read.rules(), policy.rules(), "{inline}");
            assert_eq!(read.mode, policy.mode);
        }
    }

    /// A field that is read and not written would be lost, and no knob of a sweep could name it.
    #[test]
    fn every_field_is_written() {
        let schema = json_schema().to_value();
        let written = to_yaml(&parse(OTHER).unwrap(), "a");
        let document: Value = serde_saphyr::from_str(&written).unwrap();
        let spec = &schema["$defs"]["PolicySpec"];
        has_all_fields(&document["spec"], spec, &schema["$defs"]);
    }

    fn has_all_fields(written: &Value, schema: &Value, definitions: &Value) {
        if let Some(reference) = schema["$ref"].as_str() {
            let name = reference.trim_start_matches("#/$defs/");
            has_all_fields(written, &definitions[name], definitions);
        }
        for choice in schema["anyOf"].as_array().into_iter().flatten() {
            has_all_fields(written, choice, definitions);
        }
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let value = &written[name];
            assert!(
                !value.is_null(),
                "core/src/policy/document/write.rs does not write `{name}`"
            );
            has_all_fields(value, field, definitions);
        }
        if schema["items"].is_object() {
            has_all_fields(&written[0], &schema["items"], definitions);
        }
    }
}
