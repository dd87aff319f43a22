//! Comments that allow a finding: `# lint: allow S002 the bystanders are the point`.

use std::collections::BTreeSet;
use std::path::Path;

use pullstop_cluster::input_error::{InputError, Place};

/// How such a comment begins.
const MARK: &str = "# lint: allow";

/// The codes of the rules that the comments of `text` allow.
///
/// # Errors
/// If a comment names no rule, or gives no reason.
pub(super) fn allowed(file: &Path, text: &str) -> Result<BTreeSet<&'static str>, Vec<InputError>> {
    let mut allowed = BTreeSet::new();
    let mut errors = Vec::new();
    for (line, comment) in (1..).zip(text.lines()) {
        let Some(rest) = comment.trim_start().strip_prefix(MARK) else {
            continue;
        };
        let column = 1 + comment.chars().take_while(|c| *c == ' ').count() as u64;
        match read(rest) {
            Ok(codes) => allowed.extend(codes),
            Err(message) => {
                errors.push(InputError::at(file, Place { line, column }, message));
            }
        }
    }
    if errors.is_empty() {
        Ok(allowed)
    } else {
        Err(errors)
    }
}

/// Codes, and then a reason.
fn read(text: &str) -> Result<Vec<&'static str>, String> {
    let mut codes = Vec::new();
    for word in text.split([' ', ',']).filter(|word| !word.is_empty()) {
        match super::named(word.trim_end_matches(':')) {
            Some(rule) => codes.push(rule.code),
            None if codes.is_empty() => {
                return Err(format!("no rule is called `{word}`: {}", super::hint(word)));
            }
            None => return Ok(codes),
        }
    }
    Err(format!(
        "say which rule is allowed and why, as in `{MARK} S002 the bystanders are the point`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_names_rules_and_gives_a_reason() {
        let read =
            |text: &str| allowed(Path::new("a.yaml"), text).map_err(|errors| errors[0].to_string());
        let codes = |codes: &[&'static str]| Ok(codes.iter().copied().collect());
        assert_eq!(read("spec: {}\n"), codes(&[]));
        assert_eq!(
            read("a: b\n  # lint: allow S002, can-hardly-fail S006: on purpose\n"),
            codes(&["S002", "S006"])
        );
        assert_eq!(
            read("# lint: allow S002\n"),
            Err("a.yaml:1:1: say which rule is allowed and why, as in `# lint: allow S002 the bystanders are the point`".to_owned())
        );
        assert_eq!(
            read("\n  # lint: allow can-hardly-fall it is so\n"),
            Err(
                "a.yaml:2:3: no rule is called `can-hardly-fall`: did you mean `can-hardly-fail`?"
                    .to_owned()
            )
        );
    }
}
