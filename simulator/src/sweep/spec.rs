//! Sweeps as YAML: the kind `Sweep` of `pullstop.dev/v1alpha1`.

use std::path::{Path, PathBuf};

use pullstop_cluster::input_error::InputError;
use pullstop_cluster::scenario::kind::SWEEP_KIND;
use pullstop_cluster::scenario::metric::{Condition, Figure};
use pullstop_core::yaml::{self, Check, DocumentError};
use serde::Deserialize;
use serde_json::Value;
use serde_saphyr::Spanned;

use super::knob::Knob;
use super::score::FIGURES;
use crate::input;
use crate::runs::plan::parse_seeds;

/// `apiVersion` of sweeps.
pub const API_VERSION: &str = "pullstop.dev/v1alpha1";

/// What a file says of a sweep. What it leaves out is for the command line to say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spec {
    /// The policy whose fields are varied, relative to the working folder.
    pub policy: Option<PathBuf>,
    /// The first and the last seed.
    pub seeds: Option<(u64, u64)>,
    /// What is varied.
    pub knobs: Vec<Knob>,
    /// What must hold.
    pub constraints: Vec<Condition>,
    /// What is traded.
    pub trade: Option<(Figure, Figure)>,
    /// How many policies to try of a large grid.
    pub search: Option<usize>,
}

/// What is varied if nobody says: the thresholds of the built-in rules that fail pods.
///
/// # Errors
/// If the built-in file is wrong.
pub fn standard() -> Result<Spec, Vec<InputError>> {
    const FILE: &str = "docs/examples/sweep.yaml";
    let text = include_str!("../../../docs/examples/sweep.yaml");
    located(Path::new(FILE), parse(Path::new(""), text))
}

/// Reads the file of a sweep.
///
/// # Errors
/// All that is wrong with it.
pub fn read(file: &Path) -> Result<Spec, Vec<InputError>> {
    let text = input::read(file).map_err(|error| vec![error])?;
    located(file, parse(file, &text))
}

fn located(file: &Path, spec: Result<Spec, Vec<DocumentError>>) -> Result<Spec, Vec<InputError>> {
    spec.map_err(|errors| {
        let located = |error| InputError::of_document(file, error);
        errors.into_iter().map(located).collect()
    })
}

fn parse(file: &Path, text: &str) -> Result<Spec, Vec<DocumentError>> {
    let document: RawSweep = yaml::read("sweep", text, &[]).map_err(|error| vec![error])?;
    let mut check = Check::default();
    check.one_of("apiVersion", &document.api_version, &[API_VERSION]);
    check.one_of("kind", &document.kind, &[SWEEP_KIND]);
    let raw = &document.spec;
    let folder = file.parent().unwrap_or_else(|| Path::new(""));
    let spec = Spec {
        policy: raw.policy.as_ref().map(|policy| folder.join(policy)),
        seeds: raw.seeds.as_ref().and_then(|seeds| {
            let parsed = parse_seeds(&seeds.value);
            parsed.map_err(|error| check.error(seeds, error)).ok()
        }),
        knobs: raw
            .knobs
            .iter()
            .filter_map(|knob| knob.check(&mut check))
            .collect(),
        constraints: constraints(&raw.constraints, &mut check),
        trade: raw.trade.as_ref().and_then(|trade| {
            let [x, y] = &trade.value;
            let axes = axis(x).and_then(|x| Ok((x, axis(y)?)));
            axes.map_err(|error| check.error(trade, error)).ok()
        }),
        search: raw.search,
    };
    check.finish(spec)
}

/// A figure by which points are placed in the picture.
///
/// # Errors
/// If results do not have it.
pub fn axis(name: &str) -> Result<Figure, String> {
    let figure = Figure::parse(name).map_err(|error| error.to_string())?;
    if FIGURES.iter().any(|(known, _)| *known == figure) {
        return Ok(figure);
    }
    let names: Vec<String> = FIGURES.iter().map(|(known, _)| known.to_string()).collect();
    Err(format!(
        "`{name}` is not kept by sweeps: expected one of {}",
        names.join(", ")
    ))
}

fn constraints(texts: &[Spanned<String>], check: &mut Check) -> Vec<Condition> {
    let parse = |text: &Spanned<String>| {
        let condition = Condition::parse(&text.value);
        condition
            .map_err(|error| check.error(text, error.to_string()))
            .ok()
    };
    texts.iter().filter_map(parse).collect()
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawSweep {
    api_version: Spanned<String>,
    kind: Spanned<String>,
    #[expect(dead_code, reason = "for people")]
    metadata: Metadata,
    spec: RawSpec,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    #[expect(dead_code, reason = "for people")]
    name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct RawSpec {
    policy: Option<PathBuf>,
    seeds: Option<Spanned<String>>,
    knobs: Vec<RawKnob>,
    constraints: Vec<Spanned<String>>,
    trade: Option<Spanned<[String; 2]>>,
    search: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKnob {
    path: Spanned<String>,
    values: Vec<Value>,
}

impl RawKnob {
    fn check(&self, check: &mut Check) -> Option<Knob> {
        if self.values.is_empty() {
            check.error(&self.path, "this knob has no values: give those to try");
            return None;
        }
        Some(Knob {
            path: self.path.value.clone(),
            values: self.values.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        "apiVersion: pullstop.dev/v1alpha1\nkind: Sweep\nmetadata: {name: a}\nspec:\n";

    fn parsed(spec: &str) -> Result<Spec, Vec<String>> {
        let spec = parse(Path::new("dir/a.yaml"), &format!("{HEAD}{spec}"));
        spec.map_err(|errors| errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_sweep_is_read() {
        let spec = parsed(
            "  policy: p.yaml\n  seeds: 1..20\n  search: 500\n  trade: [falseFailures, timeToFail.p95]\n  \
             constraints: [falseFailures == 0]\n  knobs:\n  - {path: rules.unknown.attempts, values: [2, 3]}\n",
        );
        let spec = spec.unwrap();
        assert_eq!(spec.policy, Some(PathBuf::from("dir/p.yaml")));
        assert_eq!((spec.seeds, spec.search), (Some((1, 20)), Some(500)));
        assert_eq!(spec.knobs[0].values, [2, 3].map(Value::from));
        assert_eq!(spec.constraints.len(), 1);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let errors = parsed(
            "  seeds: 20..1\n  constraints: [falseFailure == 0]\n  trade: [missed, jobsFailed]\n  knobs:\n  \
             - {path: a, values: []}\n",
        );
        let errors = errors.unwrap_err();
        assert_eq!(errors.len(), 4, "{errors:?}");
        assert!(errors[0].starts_with("5:10: "), "{errors:?}");
        assert!(
            errors[1].contains("did you mean `falseFailures`"),
            "{errors:?}"
        );
        assert!(errors[2].contains("is not kept by sweeps"), "{errors:?}");
    }
}
