//! Writes policies of namespaces: mode and rules, in which those of random worlds differ.

use pullstop_core::cause::Cause;
use pullstop_core::policy::{Action, Policy, Rule};

use super::{Fields, quoted, time};

pub(super) fn namespace_policy((namespace, policy): &(&String, &Policy)) -> String {
    let rules: Vec<String> = policy.rules().iter().map(rule).collect();
    let mut inline = Fields::default();
    inline
        .add("mode", policy.mode.as_str())
        .add("rules", format!("[{}]", rules.join(", ")));
    let mut fields = Fields::default();
    fields
        .add("namespace", quoted(namespace))
        .add("inline", inline.flow());
    fields.flow()
}

fn rule(rule: &Rule) -> String {
    let causes = Cause::ALL.into_iter();
    let causes = causes.filter(|cause| rule.causes.contains(*cause));
    let causes: Vec<&str> = causes.map(Cause::as_str).collect();
    let action = match rule.action {
        Action::Fail => "Fail",
        Action::Warn => "Warn",
        Action::Ignore => "Ignore",
    };
    let mut fields = Fields::default();
    fields
        .add("name", quoted(&rule.name))
        .add("causes", format!("[{}]", causes.join(", ")))
        .add("attempts", rule.attempts)
        .add("duration", time(rule.duration))
        .add("action", action);
    fields.flow()
}
