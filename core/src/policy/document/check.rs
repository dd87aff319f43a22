//! Checking what stands in a policy document, and saying what is wrong in plain words.

use std::time::Duration;

use serde_saphyr::{Location, Spanned};

use super::{DocumentError, MODES, PULL_TIMEOUT_MIN, RuleSpec};
use crate::cause::Cause;
use crate::policy::{Mode, Policy, Rule};
use crate::suggest;
use crate::time::parse_duration;

/// Collects what is wrong while the document is gone through.
pub(super) struct Check {
    pub(super) errors: Vec<DocumentError>,
}

impl Check {
    pub(super) fn error<T>(&mut self, at: &Spanned<T>, message: String) {
        self.errors.push(DocumentError {
            place: place_of(at.referenced),
            message,
        });
    }

    pub(super) fn one_of(&mut self, what: &str, text: &Spanned<String>, names: &[&str]) {
        let choices: Vec<(&str, ())> = names.iter().map(|name| (*name, ())).collect();
        let _ = self.choice(what, text, &choices);
    }

    pub(super) fn choice<T: Copy>(
        &mut self,
        what: &str,
        text: &Spanned<String>,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let found = choices
            .iter()
            .find(|(name, _)| *name == text.value)
            .map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            let hint = match suggest::closest(&text.value, names.iter().copied()) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("expected {}", one_of_these(&names)),
            };
            self.error(text, format!("unknown {what} `{}`: {hint}", text.value));
        }
        found
    }

    pub(super) fn mode(&mut self, text: &Spanned<String>) -> Option<Mode> {
        let modes = [Mode::Enforce, Mode::Warn, Mode::DryRun, Mode::Off];
        let choices: Vec<(&str, Mode)> = MODES.into_iter().zip(modes).collect();
        self.choice("mode", text, &choices)
    }

    pub(super) fn cause(&mut self, text: &Spanned<String>) -> Option<Cause> {
        if text.value.parse() == Ok(Cause::KubeletThrottled) {
            let message = "`KubeletThrottled` is never a failure of the image, so no rule can judge it: remove it";
            self.error(text, message.to_owned());
            return None;
        }
        let choices: Vec<(&str, Cause)> = countable_causes().map(|c| (c.as_str(), c)).collect();
        self.choice("cause", text, &choices)
    }

    pub(super) fn duration(&mut self, text: &Spanned<String>) -> Option<Duration> {
        parse_duration(&text.value)
            .map_err(|error| self.error(text, error.to_string()))
            .ok()
    }

    pub(super) fn pull_timeout(&mut self, text: &Spanned<String>) -> Option<Duration> {
        let timeout = self.duration(text)?;
        if timeout < PULL_TIMEOUT_MIN {
            let message = "a pull may well take longer than that: write `1m` or more".to_owned();
            self.error(text, message);
            return None;
        }
        Some(timeout)
    }

    pub(super) fn rules(&mut self, policy: Policy, specs: &[Spanned<RuleSpec>]) -> Policy {
        for spec in specs {
            if spec.value.causes.is_empty() {
                self.error(
                    spec,
                    "a rule without causes never applies: name some".to_owned(),
                );
            }
        }
        let rules: Vec<Option<Rule>> = specs
            .iter()
            .enumerate()
            .map(|(at, spec)| spec.value.validate(at + 1, self))
            .collect();
        let Some(rules) = rules.into_iter().collect::<Option<Vec<Rule>>>() else {
            return policy;
        };
        match policy.clone().with_rules(rules) {
            Ok(policy) => policy,
            Err(conflict) => {
                self.error(&specs[conflict.second], conflict.to_string());
                policy
            }
        }
    }

    pub(super) fn in_order(mut self) -> Vec<DocumentError> {
        self.errors.sort_by_key(|error| error.place);
        self.errors
    }
}

impl DocumentError {
    pub(super) fn of_yaml(error: &serde_saphyr::Error) -> Self {
        let plain = serde_saphyr::render_options! { snippets: serde_saphyr::SnippetMode::Off };
        Self {
            place: error.location().and_then(place_of),
            message: in_plain_words(&error.render_with_options(plain)),
        }
    }
}

/// The parser's words, without the place that is given anyway and without advice for programmers.
fn in_plain_words(message: &str) -> String {
    const WORDS: [(&str, &str); 9] = [
        (
            "multiple YAML documents",
            "a policy is one document: remove what follows the line `---`",
        ),
        (
            "unexpected end of input",
            "the policy is empty or ends too early",
        ),
        (
            "expected mapping start",
            "expected members, as in `name: value`",
        ),
        (
            "expected sequence start",
            "expected a list, as in `[one, two]`",
        ),
        ("invalid u32", "expected a whole number, 1 or more"),
        ("invalid u8", "expected a whole number from 1 to 255"),
        (
            "cannot deserialize null",
            "expected a text, and there is none",
        ),
        (
            "recursive references",
            "an alias cannot stand for what it stands in",
        ),
        (
            "budget breached",
            "the policy is too large or repeats itself too often",
        ),
    ];
    if let Some((_, plain)) = WORDS.iter().find(|(begin, _)| message.contains(begin)) {
        return (*plain).to_owned();
    }
    let message = message.split(" at line ").next().unwrap_or(message);
    if let Some((field, known)) = message
        .strip_prefix("unknown field `")
        .and_then(|rest| rest.split_once("`, expected one of "))
    {
        let known: Vec<&str> = known.split(", ").collect();
        return match suggest::closest(field, known.iter().copied()) {
            Some(name) => format!("unknown field `{field}`: did you mean `{name}`?"),
            None => format!("unknown field `{field}`: expected {}", one_of_these(&known)),
        };
    }
    message
        .split(", set DuplicateKeyPolicy")
        .next()
        .unwrap_or(message)
        .to_owned()
}

fn place_of(location: Location) -> Option<(u64, u64)> {
    (location != Location::UNKNOWN).then(|| (location.line(), location.column()))
}

/// A DNS label, as Kubernetes wants it.
pub(super) fn is_namespace(name: &str) -> bool {
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (1..=63).contains(&name.len())
        && name.bytes().all(|b| word(b) || b == b'-')
        && name.bytes().next().is_some_and(word)
        && name.bytes().last().is_some_and(word)
}

pub(super) fn countable_causes() -> impl Iterator<Item = Cause> {
    Cause::ALL.into_iter().filter(|cause| cause.is_failure())
}

fn one_of_these(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [only] => only.clone(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
        [] => String::new(),
    }
}
