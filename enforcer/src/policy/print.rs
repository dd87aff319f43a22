//! `enforcer policy print`: the built-in policy as a document.

use std::io::{self, Write};

use pullstop_core::cause::Cause;
use pullstop_core::policy::document::{API_VERSION, CLUSTER_KIND};
use pullstop_core::policy::{Fallback, Mode, Policy, Rule};
use pullstop_core::time::Human;

/// Prints the built-in policy, with every field that it sets.
pub(super) fn built_in(out: &mut dyn Write) -> io::Result<()> {
    let policy = Policy::default();
    write!(
        out,
        "# The built-in policy. A field that a policy leaves out has the value shown here; a list replaces the list shown here.\n\
         # docs/policy.md describes all fields.\n\
         apiVersion: {API_VERSION}\nkind: {CLUSTER_KIND}\nmetadata:\n  name: default\nspec:\n"
    )?;
    writeln!(
        out,
        "  # Enforce fails pods, Warn only sets conditions and sends Events, DryRun writes nothing and logs what it would do,\n  \
         # Disabled does nothing.\n  mode: {}",
        policy.mode.as_str()
    )?;
    scope(&policy, out)?;
    writeln!(
        out,
        "  # When a container has failed too often: it must reach both attempts and duration. The cause of the latest failure\n  \
         # selects the rule. A cause that no rule names never leads to a verdict.\n  rules:"
    )?;
    for each in policy.rules() {
        rule(each, out)?;
    }
    overrides(&policy, out)?;
    writeln!(
        out,
        "  # How long one pull may take. A pull that may be in flight holds a verdict for at most this long.\n  pullTimeout: {}",
        Human(policy.pull_timeout)
    )?;
    put_back(&policy, out)
}

fn scope(policy: &Policy, out: &mut dyn Write) -> io::Result<()> {
    let scope = &policy.scope;
    let phases = list(scope.phases.iter().map(|phase| phase.as_str()));
    let bare_pods = list(scope.bare_pods.iter().map(|restart| restart.as_str()));
    let owners = list(scope.owners.iter().map(String::as_str));
    writeln!(
        out,
        "  # Which pods are judged: pods in these phases whose controller is of these kinds, and pods without a controller\n  \
         # that have these restart policies. `namespaces: {{include: [a, team-*], exclude: [b]}}` narrows it.\n  scope:\n    \
         phases: {phases}\n    owners: {owners}\n    barePods: {bare_pods}"
    )
}

fn rule(rule: &Rule, out: &mut dyn Write) -> io::Result<()> {
    let causes = Cause::ALL
        .into_iter()
        .filter(|cause| rule.causes.contains(*cause));
    let causes = list(causes.map(|cause| cause.to_string()));
    writeln!(
        out,
        "  - name: {}\n    causes: {causes}\n    attempts: {}\n    duration: {}\n    action: {:?}",
        rule.name,
        rule.attempts,
        Human(rule.duration),
        rule.action
    )
}

fn overrides(policy: &Policy, out: &mut dyn Write) -> io::Result<()> {
    let modes = policy.overrides.modes.iter().copied().map(Mode::as_str);
    writeln!(
        out,
        "  # What pods may set with the annotations pullstop.dev/mode and pullstop.dev/patience.\n  overrides:\n    \
         modes: {}\n    maxPatience: {}",
        list(modes),
        Human(policy.overrides.patience_max)
    )
}

fn put_back(policy: &Policy, out: &mut dyn Write) -> io::Result<()> {
    let fallback = match policy.put_back.fallback {
        Fallback::None => "None",
        Fallback::ActiveDeadline => "ActiveDeadlineSeconds",
    };
    writeln!(
        out,
        "  # How often a pod is failed if the kubelet reverts it, and what follows then: None or ActiveDeadlineSeconds.\n  putBack:\n    maxWrites: {}\n    fallback: {fallback}",
        policy.put_back.writes_max
    )
}

fn list(names: impl Iterator<Item = impl Into<String>>) -> String {
    let names: Vec<String> = names.map(Into::into).collect();
    format!("[{}]", names.join(", "))
}
