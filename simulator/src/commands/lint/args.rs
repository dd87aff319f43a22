//! Arguments of `simulator lint`.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use super::{hint, named};

/// Find scenarios that are valid but probably do not mean what they say.
///
/// Runs each scenario once with its own seed. Prints each finding with its place in the file and what to do about it.
/// docs/lint.md lists all rules. A comment in a scenario turns a rule off for this file and says why:
/// `# lint: allow S002 the bystanders are the point`.
#[derive(Debug, Parser)]
#[command(after_help = "\
Examples:
  simulator lint scenarios
  simulator lint --deny S001,S003 --output github scenarios
  simulator lint --fix scenarios
  simulator lint --explain S002

Exit codes:
  0  no denied finding
  1  a denied finding
  2  invalid input
  4  no scenario to check")]
pub struct LintArgs {
    /// Scenarios, or folders with scenarios; `-` for standard input
    #[arg(required_unless_present = "explain", value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Rules whose findings end in exit code 1: codes or names, `all` or `none`
    #[arg(long, value_name = "CODE", value_parser = parse_deny, value_delimiter = ',', default_value = "all")]
    pub deny: Vec<Deny>,
    /// Rewrite old field and error names in the files; comments and layout stay
    #[arg(long)]
    pub fix: bool,
    /// Explain a rule instead of checking scenarios: what it finds, why that matters, and what to do
    #[arg(long, value_name = "CODE", conflicts_with_all = ["paths", "deny", "fix", "output"])]
    pub explain: Option<String>,
    /// Output format
    #[arg(long, short, value_enum, default_value_t = LintOutput::Human)]
    pub output: LintOutput,
}

/// Findings that make `simulator lint` fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deny {
    /// Every finding.
    All,
    /// No finding.
    None,
    /// Findings of the rule with this code.
    Rule(&'static str),
}

/// Output formats of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LintOutput {
    /// Text for people
    Human,
    /// One JSON object per line
    Json,
    /// Annotations for GitHub Actions
    Github,
}

fn parse_deny(text: &str) -> Result<Deny, String> {
    match text {
        "all" => Ok(Deny::All),
        "none" => Ok(Deny::None),
        name => match named(name) {
            Some(rule) => Ok(Deny::Rule(rule.code)),
            None => Err(format!("no rule is called `{name}`: {}", hint(name))),
        },
    }
}
