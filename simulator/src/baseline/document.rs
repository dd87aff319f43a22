//! The file of a baseline: YAML, one scenario a line, sorted, so that a change of it is read as a diff.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use pullstop_cluster::scenario::kind::BASELINE_KIND as KIND;
use pullstop_core::suggest;
use pullstop_core::yaml::{self, Check, DocumentError, place_of};
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::metric::METRICS;
use super::{Arguments, Baseline, Values};

const API_VERSION: &str = "pullstop.dev/v1alpha1";

const HEAD: &str = "\
# What scenarios measured under a policy. `simulator baseline check` measures it again and fails if it has become worse.
# Written by `simulator baseline write`: do not edit the numbers by hand. Paths are relative to this file.
";
const ABOUT_TOLERANCES: &str = "\
# How much worse each may be over all runs: so much other seeds do in 99 of 100 cases (Student's t, over the given seeds).
";

/// The text of the file.
pub fn write(baseline: &Baseline) -> String {
    let mut text = format!("{HEAD}apiVersion: {API_VERSION}\nkind: {KIND}\narguments:\n");
    let arguments = &baseline.arguments;
    let paths: Vec<String> = arguments.paths.iter().map(|path| quoted(path)).collect();
    // Writing into a `String` cannot fail.
    let _ = writeln!(text, "  paths: [{}]", paths.join(", "));
    if let Some((first, last)) = arguments.seeds {
        let _ = writeln!(text, "  seeds: {first}..{last}");
    }
    if let Some(policy) = &arguments.policy {
        let _ = writeln!(text, "  policy: {}", quoted(policy));
    }
    let _ = writeln!(text, "{ABOUT_TOLERANCES}tolerances:");
    for (metric, tolerance) in METRICS.iter().zip(baseline.tolerances) {
        let _ = writeln!(text, "  {}: {}", metric.name, metric.written(tolerance));
    }
    text.push_str("total:\n");
    for member in members(&baseline.total) {
        let _ = writeln!(text, "  {member}");
    }
    text.push_str("scenarios:\n");
    for (file, values) in &baseline.scenarios {
        let _ = writeln!(
            text,
            "  {}: {{{}}}",
            quoted(file),
            members(values).join(", ")
        );
    }
    // Line breaks of empty comments apart, every line ends in a value.
    text.replace("\n\n", "\n")
}

fn members(values: &Values) -> Vec<String> {
    let measured = METRICS
        .iter()
        .zip(values)
        .filter_map(|(metric, value)| Some((metric, (*value)?)));
    measured
        .map(|(metric, value)| format!("{}: {}", metric.name, metric.written(value)))
        .collect()
}

/// Plain where YAML certainly takes it for text.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_');
    let begins_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '.'));
    let has_letters = text.contains(|c: char| c.is_ascii_alphabetic());
    if text.chars().all(is_plain) && begins_well && has_letters {
        return text.to_owned();
    }
    serde_json::to_string(text).unwrap_or_default()
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Raw {
    api_version: Spanned<String>,
    kind: Spanned<String>,
    arguments: RawArguments,
    tolerances: Spanned<RawValues>,
    total: Spanned<RawValues>,
    scenarios: BTreeMap<String, Spanned<RawValues>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawArguments {
    paths: Vec<String>,
    seeds: Option<Spanned<String>>,
    policy: Option<String>,
}

type RawValues = BTreeMap<String, Spanned<String>>;

/// Reads a range of seeds.
pub type ReadSeeds<'a> = &'a dyn Fn(&str) -> Result<(u64, u64), String>;

/// Reads the text of a file. `seeds` reads a range of seeds.
///
/// # Errors
/// All that is wrong with it, and what to do.
pub fn read(text: &str, seeds: ReadSeeds<'_>) -> Result<Baseline, Vec<DocumentError>> {
    let raw: Raw = yaml::read("baseline", text, &[]).map_err(|error| vec![error])?;
    let mut check = Check::default();
    check.one_of("apiVersion", &raw.api_version, &[API_VERSION]);
    check.one_of("kind", &raw.kind, &[KIND]);
    let range = raw.arguments.seeds.as_ref().and_then(|range| {
        let read = seeds(&range.value);
        read.map_err(|error| check.error(range, format!("`{}`: {error}", range.value)))
            .ok()
    });
    let tolerances = values(&raw.tolerances, &mut check);
    for (metric, _) in METRICS
        .iter()
        .zip(tolerances)
        .filter(|(_, value)| value.is_none())
    {
        let message = format!(
            "it has no `{}`: it is of another version; {AGAIN}",
            metric.name
        );
        check.error(&raw.tolerances, message);
    }
    let baseline = Baseline {
        tolerances: tolerances.map(Option::unwrap_or_default),
        total: values(&raw.total, &mut check),
        scenarios: raw
            .scenarios
            .iter()
            .map(|(file, raw)| (file.clone(), values(raw, &mut check)))
            .collect(),
        arguments: Arguments {
            paths: raw.arguments.paths,
            seeds: range,
            policy: raw.arguments.policy,
        },
    };
    check.finish(baseline)
}

/// The line of a scenario in the text of a file.
pub fn line_of(text: &str, scenario: &str) -> Option<u64> {
    let begin = format!("  {}: ", quoted(scenario));
    let at = text.lines().position(|line| line.starts_with(&begin))?;
    Some(at as u64 + 1)
}

const AGAIN: &str = "write it again with `simulator baseline write FILE`";

fn values(raw: &Spanned<RawValues>, check: &mut Check) -> Values {
    let mut all = Values::default();
    for (name, text) in &raw.value {
        let Some(metric) = METRICS.iter().find(|metric| metric.name == name) else {
            let hint = suggest::hint(name, &METRICS.each_ref().map(|metric| metric.name));
            check.error(text, format!("unknown metric `{name}`: {hint}; or {AGAIN}"));
            continue;
        };
        match metric.read(&text.value) {
            Ok(value) => all[metric.place()] = Some(value),
            Err(error) => check.add(place_of(text.referenced), error),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Baseline {
        let mut total = Values::default();
        for (place, value) in total.iter_mut().enumerate() {
            *value = (place != 4).then_some(place as u64 * 1234);
        }
        Baseline {
            arguments: Arguments {
                paths: vec!["scenarios".into(), "a b.yaml".into(), "7".into()],
                seeds: Some((1, 3)),
                policy: Some("../policy.yaml".into()),
            },
            tolerances: total.map(Option::unwrap_or_default),
            total,
            scenarios: BTreeMap::from([
                ("b: c.yaml".into(), total),
                ("a.yaml".into(), Values::default()),
            ]),
        }
    }

    fn seeds(text: &str) -> Result<(u64, u64), String> {
        if text == "1..3" {
            Ok((1, 3))
        } else {
            Err("no".to_owned())
        }
    }

    #[test]
    fn it_is_the_same_when_written_and_read_again() {
        let text = write(&some());
        assert_eq!(read(&text, &seeds), Ok(some()), "{text}");
        assert!(text.lines().all(|line| !line.is_empty()), "{text}");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let text = write(&some());
        for (from, to, expected) in [
            (
                "kind: Baseline",
                "kind: Scenario",
                "unknown kind `Scenario`",
            ),
            ("1..3", "1", "`1`: no"),
            ("  missed: 1234", "  missed: x", "`x` cannot be compared"),
            (
                "  events: ",
                "  event: ",
                "unknown metric `event`: did you mean `events`?",
            ),
            (
                "tolerances:\n  falseFailures: 0\n",
                "tolerances:\n",
                "it has no `falseFailures`: it is of another version",
            ),
            ("total:", "totals:", "totals"),
        ] {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text, "{from}");
            let errors = read(&changed, &seeds).unwrap_err();
            assert!(
                errors.iter().any(|error| error.message.contains(expected)),
                "{errors:?}, not {expected}"
            );
            assert!(
                errors.iter().all(|error| error.place.is_some()),
                "{errors:?}"
            );
        }
    }
}
