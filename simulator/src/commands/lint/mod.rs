//! `simulator lint`: finds scenarios that are valid but probably do not mean what they say.
//!
//! Each scenario is simulated once, with its own seed, and the rules look at what is written and at what happened:
//! whether a pull met a fault is then a fact, and no guess from the text.
//!
//! ```text
//! paths ─ load ─▶ scenario ─ simulate ─▶ subject ─ rules ─▶ findings ─ report ─▶ out
//! ```

mod allow;
pub mod args;
mod document;
mod fix;
mod report;
mod rules;
mod subject;

use std::io::Write;
use std::path::{Path, PathBuf};

use pullstop_cluster::input_error::InputError;
use pullstop_cluster::scenario::{Place, Scenario};
use pullstop_cluster::simulation::{self, Decider};
use pullstop_cluster::world::RunOptions;
use pullstop_core::suggest;

use self::args::{Deny, LintArgs};
use self::subject::Subject;
use crate::exit::{Exit, Failure};
use crate::runs::plan::{self, Opened, Skipped};

pub use self::document::document;
pub use self::rules::RULES;

/// Something that is probably not meant, and how it is found.
#[derive(Debug)]
pub struct Rule {
    /// Its code, which never changes and is never given to another rule: `S` and three digits.
    pub code: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What it finds.
    pub finds: &'static str,
    /// Why that matters.
    pub matters: &'static str,
    /// What to do about it.
    pub help: &'static str,
    /// The `spec` of a scenario in which it finds something, and no other rule does.
    pub bad: &'static str,
    /// The `spec` of the same scenario, mended: no rule finds anything.
    pub good: &'static str,
    check: fn(&Subject<'_>) -> Vec<Found>,
}

/// What a rule has found.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    /// Line and column, or none if it is about the whole file.
    place: Place,
    /// What is strange about it.
    message: String,
}

/// Something found in a file.
#[derive(Debug)]
struct Finding {
    file: PathBuf,
    place: Place,
    rule: &'static Rule,
    message: String,
    /// Whether it makes the command fail.
    is_denied: bool,
}

/// Runs the command.
///
/// # Errors
/// On scenarios that cannot be read or are invalid, on unknown codes, and when `out` cannot be written to.
pub fn run(args: &LintArgs, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit, Failure> {
    if let Some(name) = &args.explain {
        return explain(name, out, err);
    }
    let (files, mut errors) = plan::files(&args.paths);
    let mut skipped = Skipped::default();
    let mut findings = Vec::new();
    let mut looked_at = 0;
    for found in &files {
        let file = &found.file;
        let mut opened = plan::open(found);
        if let (true, Opened::Scenario(scenario, text)) = (args.fix, &opened) {
            match fix::fix(file, scenario, text) {
                Ok(0) => {}
                Ok(names) => {
                    let (file, s) = (file.display(), if names == 1 { "" } else { "s" });
                    writeln!(err, "note: {file}: {names} old name{s} rewritten")?;
                    opened = plan::open(found);
                }
                Err(more) => {
                    errors.extend(more);
                    continue;
                }
            }
        }
        let linted = match opened {
            Opened::Scenario(scenario, text) => lint(file, &scenario, &text, &args.deny),
            Opened::Broken(errors, _) => Err(errors),
            Opened::Other(kind) => {
                skipped.add(file, &kind);
                continue;
            }
        };
        match linted {
            Ok(more) => {
                looked_at += 1;
                findings.extend(more);
            }
            Err(more) => errors.extend(more),
        }
    }
    if let Some(skipped) = skipped.in_words() {
        writeln!(err, "note: {skipped}")?;
    }
    if looked_at == 0 && errors.is_empty() {
        writeln!(err, "no scenario found: nothing to check")?;
        return Ok(Exit::NothingMatched);
    }
    if looked_at > 0 {
        report::print(args.output, &findings, looked_at, out)?;
    }
    if !errors.is_empty() {
        out.flush()?;
        return Err(errors.into());
    }
    Ok(if findings.iter().any(|finding| finding.is_denied) {
        Exit::ExpectationFailed
    } else {
        Exit::Success
    })
}

/// Names that rules had until the last release: files that allow them by these stay valid.
const FORMER_NAMES: [(&str, &str); 1] = [("trouble-not-met", "fault-not-met")];

/// The rule with this code or name, in whatever case.
pub fn named(name: &str) -> Option<&'static Rule> {
    let name = FORMER_NAMES
        .iter()
        .find(|(old, _)| old.eq_ignore_ascii_case(name))
        .map_or(name, |(_, new)| new);
    let is_meant =
        |rule: &&Rule| rule.code.eq_ignore_ascii_case(name) || rule.name.eq_ignore_ascii_case(name);
    RULES.iter().copied().find(is_meant)
}

/// What to write instead of `name`, which is no rule's.
pub fn hint(name: &str) -> String {
    let names = || RULES.iter().flat_map(|rule| [rule.code, rule.name]);
    // All codes are alike: only a close name is probably meant.
    let is_code = name.starts_with(['S', 's']) && name[1..].bytes().all(|b| b.is_ascii_digit());
    match suggest::closest(name, names()).filter(|_| !is_code) {
        Some(close) => format!("did you mean `{close}`?"),
        None => format!(
            "the rules are {} to {}, see docs/lint.md",
            RULES[0].code,
            RULES[RULES.len() - 1].code
        ),
    }
}

fn explain(name: &str, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit, Failure> {
    let Some(rule) = named(name) else {
        writeln!(err, "error: no rule is called `{name}`: {}", hint(name))?;
        return Ok(Exit::InvalidInput);
    };
    document::explain(rule, out)?;
    Ok(Exit::Success)
}

/// What is found in one file, in the order of its lines.
fn lint(
    file: &Path,
    scenario: &Scenario,
    text: &str,
    deny: &[Deny],
) -> Result<Vec<Finding>, Vec<InputError>> {
    let allowed = allow::allowed(file, text)?;
    let mut world = simulation::world(
        scenario,
        scenario.seed,
        &Decider::Scenario,
        RunOptions::default(),
    )
    .map_err(|error| vec![InputError::about(file, error.to_string())])?;
    world.run();
    let subject = Subject::new(scenario, &world);
    let mut findings = Vec::new();
    for rule in RULES
        .iter()
        .copied()
        .filter(|rule| !allowed.contains(rule.code))
    {
        let is_denied = deny.iter().any(|deny| deny.means(rule));
        findings.extend((rule.check)(&subject).into_iter().map(|found| Finding {
            file: file.to_owned(),
            place: found.place,
            rule,
            message: found.message,
            is_denied,
        }));
    }
    findings.sort_by_key(|finding| finding.place);
    Ok(findings)
}

impl Deny {
    fn means(&self, rule: &Rule) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Rule(code) => *code == rule.code,
        }
    }
}

impl Found {
    /// Something strange at `place`.
    fn at(place: Place, message: impl Into<String>) -> Self {
        Self {
            place,
            message: message.into(),
        }
    }
}
