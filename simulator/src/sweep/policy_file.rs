//! Policies as documents: to vary their fields, and to write the one that a sweep recommends.

use std::fmt::Write as _;

use pullstop_cluster::scenario::write::{quoted, time};
use pullstop_core::cause::{Cause, Permanence};
use pullstop_core::policy::document::{API_VERSION, CLUSTER_KIND};
use pullstop_core::policy::{Action, Fallback, Policy};

/// The policy as a `ClusterPullFailurePolicy` with every field that it sets. Each line of `comment` stands above it.
pub fn to_yaml(policy: &Policy, name: &str, comment: &[String]) -> String {
    let mut text = String::new();
    for line in comment {
        let _ = writeln!(text, "# {line}");
    }
    let _ = writeln!(
        text,
        "apiVersion: {API_VERSION}\nkind: {CLUSTER_KIND}\nmetadata:\n  name: {}\nspec:\n  mode: {}",
        quoted(name),
        policy.mode.as_str()
    );
    scope(policy, &mut text);
    rules(policy, &mut text);
    patterns(policy, &mut text);
    let modes = policy.overrides.modes.iter().map(|mode| mode.as_str());
    let _ = writeln!(
        text,
        "  overrides:\n    modes: {}\n    maxPatience: {}\n  pullTimeout: {}",
        list(modes),
        time(policy.overrides.patience_max),
        time(policy.pull_timeout)
    );
    let fallback = match policy.put_back.fallback {
        Fallback::None => "None",
        Fallback::ActiveDeadline => "ActiveDeadlineSeconds",
    };
    let _ = writeln!(
        text,
        "  putBack:\n    maxWrites: {}\n    fallback: {fallback}",
        policy.put_back.writes_max
    );
    text
}

fn scope(policy: &Policy, text: &mut String) {
    let scope = &policy.scope;
    let _ = writeln!(
        text,
        "  scope:\n    phases: {}\n    owners: {}\n    barePods: {}\n    namespaces:\n      include: {}\n      exclude: {}",
        list(scope.phases.iter().map(|phase| phase.as_str())),
        list(scope.owners.iter().map(String::as_str)),
        list(scope.bare_pods.iter().map(|restart| restart.as_str())),
        list(scope.include_namespaces.iter().map(String::as_str)),
        list(scope.exclude_namespaces.iter().map(String::as_str)),
    );
}

fn rules(policy: &Policy, text: &mut String) {
    if policy.rules().is_empty() {
        text.push_str("  rules: []\n");
        return;
    }
    text.push_str("  rules:\n");
    for rule in policy.rules() {
        let causes = Cause::ALL.into_iter();
        let causes = causes.filter(|cause| rule.causes.contains(*cause));
        let action = match rule.action {
            Action::Fail => "Fail",
            Action::Warn => "Warn",
            Action::Ignore => "Ignore",
        };
        let _ = writeln!(
            text,
            "  - name: {}\n    causes: {}\n    attempts: {}\n    duration: {}\n    action: {action}",
            quoted(&rule.name),
            list(causes.map(Cause::as_str)),
            rule.attempts,
            time(rule.duration),
        );
    }
}

fn patterns(policy: &Policy, text: &mut String) {
    if policy.patterns.is_empty() {
        return;
    }
    text.push_str("  patterns:\n");
    for pattern in policy.patterns.iter() {
        let permanence = match pattern.permanence {
            Permanence::Permanent => "permanent",
            Permanence::Transient => "transient",
            Permanence::Ambiguous => "ambiguous",
        };
        let _ = writeln!(text, "  - text: {}", quoted(&pattern.text));
        if let Some(then) = &pattern.then {
            let _ = writeln!(text, "    then: {}", quoted(then));
        }
        let _ = writeln!(
            text,
            "    cause: {}\n    permanence: {permanence}",
            pattern.cause.as_str()
        );
    }
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(quoted).collect();
    format!("[{}]", names.join(", "))
}
