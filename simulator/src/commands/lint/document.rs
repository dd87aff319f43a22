//! The lint rules for readers: `lint --explain` and docs/lint.md.

use std::fmt::Write as _;
use std::io::{self, Write};

use pullstop_cluster::scenario::{API_VERSION, KIND};

use super::{RULES, Rule};
use crate::style::{BOLD, DIM};

impl Rule {
    /// The scenario in which it finds something.
    pub fn bad_example(&self) -> String {
        example(self.bad)
    }

    /// The same scenario, mended.
    pub fn good_example(&self) -> String {
        example(self.good)
    }
}

/// All rules, as the page docs/lint.md.
pub fn document() -> String {
    let mut text = HEAD.to_owned();
    text.push_str("| code | name | finds |\n|---|---|---|\n");
    for rule in RULES {
        let Rule {
            code, name, finds, ..
        } = rule;
        // Writing to a string does not fail.
        let _ = writeln!(text, "| [{code}](#{}) | {name} | {finds} |", anchor(rule));
    }
    for rule in RULES {
        let _ = write!(
            text,
            "\n## {} {}\n\n{} {}\n\nWhat to do: {}.\n\nFound in this one:\n\n```yaml\n{}```\n\nNot in this one:\n\n```yaml\n{}```\n",
            rule.code, rule.name, rule.finds, rule.matters, rule.help, rule.bad, rule.good,
        );
    }
    text
}

/// One rule, on a terminal.
pub(super) fn explain(rule: &Rule, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{BOLD}{} {}{BOLD:#}", rule.code, rule.name)?;
    writeln!(out, "\n{}\n{}", rule.finds, rule.matters)?;
    writeln!(out, "\nWhat to do: {}.", rule.help)?;
    writeln!(out, "\n{DIM}Found in this one:{DIM:#}\n")?;
    block(rule.bad, out)?;
    writeln!(out, "\n{DIM}Not in this one:{DIM:#}\n")?;
    block(rule.good, out)
}

/// The top of the page.
const HEAD: &str = "\
# What `simulator lint` finds

<!-- Tests write this page from the rules in simulator/src/commands/lint/rules: change it there, and run `cargo xtask gen`. -->

`simulator lint` finds scenarios that are valid, but probably not what you meant. [simulator.md](simulator.md#simulator-lint)
describes the command. The examples show the `spec` of a scenario. A test checks that each rule finds something in its first
example and nothing in its second.

";

/// A whole scenario with this `spec`.
fn example(spec: &str) -> String {
    format!("apiVersion: {API_VERSION}\nkind: {KIND}\nmetadata: {{name: example}}\n{spec}")
}

fn block(text: &str, out: &mut dyn Write) -> io::Result<()> {
    text.lines()
        .try_for_each(|line| writeln!(out, "    {line}"))
}

/// As GitHub makes it from the heading.
fn anchor(rule: &Rule) -> String {
    format!("{}-{}", rule.code.to_lowercase(), rule.name)
}
