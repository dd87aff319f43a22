//! Sweeps as YAML: the kind `Sweep` of `pullstop.dev/v1alpha1`.

use std::path::{Path, PathBuf};

use pullstop_cluster::input_error::InputError;
use pullstop_cluster::scenario::kind::SWEEP_KIND;
use pullstop_cluster::scenario::metric::{Condition, Figure};
use pullstop_core::yaml::{self, Check, DocumentError};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::Value;
use serde_saphyr::Spanned;

use super::knob::Knob;
use super::score::FIGURES;
use crate::input;
use crate::runs::plan::parse_seeds;

/// `apiVersion` of sweeps.
pub const API_VERSION: &str = "pullstop.dev/v1alpha1";

/// Fewer policies than two leave nothing to choose.
pub const SEARCH_MIN: usize = 2;
/// More policies take longer than anybody waits.
pub const SEARCH_MAX: usize = 100_000;

/// The JSON Schema of sweeps, for editors.
pub fn schema() -> Value {
    schemars::schema_for!(RawSweep).to_value()
}

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
        search: raw.search.as_ref().and_then(|search| {
            let is_good = (SEARCH_MIN..=SEARCH_MAX).contains(&search.value);
            if !is_good {
                let what = format!("search: write a number from {SEARCH_MIN} to {SEARCH_MAX}");
                check.error(search, what);
            }
            is_good.then_some(search.value)
        }),
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

/// Fields of a policy to vary, and how to choose among the policies that come of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "Sweep")]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawSweep {
    /// Always `pullstop.dev/v1alpha1`.
    #[schemars(with = "String", extend("const" = API_VERSION))]
    api_version: Spanned<String>,
    /// Always `Sweep`.
    #[schemars(with = "String", extend("const" = SWEEP_KIND))]
    kind: Spanned<String>,
    /// How it is called.
    #[expect(dead_code, reason = "for people")]
    metadata: Metadata,
    /// The sweep.
    spec: RawSpec,
}

/// How a sweep is called.
#[derive(Debug, Deserialize, JsonSchema)]
struct Metadata {
    /// The name, for people.
    #[expect(dead_code, reason = "for people")]
    name: String,
}

/// The sweep. What it leaves out is for the command line to say.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(rename = "SweepSpec")]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct RawSpec {
    /// File with the policy whose fields are varied, relative to this file; the built-in policy by default.
    policy: Option<PathBuf>,
    /// First and last seed of every scenario, such as `1..20`; each scenario's own seed by default.
    #[schemars(with = "Option<String>", extend("pattern" = "^[0-9]+[.][.][0-9]+$"))]
    seeds: Option<Spanned<String>>,
    /// What is varied; the thresholds of the built-in rules by default.
    knobs: Vec<RawKnob>,
    /// What must hold before anything is traded, such as `falseFailures == 0`, which is the default.
    #[schemars(with = "Vec<String>")]
    constraints: Vec<Spanned<String>>,
    /// The two figures that are traded, x and y of the picture; `falseFailures` and `wastedCpuHours` by default.
    #[schemars(schema_with = "trade_schema")]
    trade: Option<Spanned<[String; 2]>>,
    /// Instead of the whole grid, so many policies by chance, of which the worse half is dropped again and again.
    #[schemars(with = "Option<u32>", range(min = SEARCH_MIN, max = SEARCH_MAX))]
    search: Option<Spanned<usize>>,
}

/// A field of the policy, and the values to try.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "Knob")]
#[serde(deny_unknown_fields)]
struct RawKnob {
    /// Where the field is in the policy's `spec`, such as `rules.definite.attempts`. A rule goes by its name.
    #[schemars(with = "String")]
    path: Spanned<String>,
    /// The values, as a policy has them.
    #[schemars(length(min = 1))]
    values: Vec<Value>,
}

fn trade_schema(_: &mut SchemaGenerator) -> Schema {
    let names = FIGURES.map(|(figure, _)| figure.to_string());
    json_schema!({
        "type": "array", "items": { "type": "string", "enum": names }, "minItems": 2, "maxItems": 2,
    })
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
             - {path: a, values: []}\n  search: 1\n",
        );
        let errors = errors.unwrap_err();
        assert_eq!(errors.len(), 5, "{errors:?}");
        assert!(errors[0].starts_with("5:10: "), "{errors:?}");
        assert!(
            errors[1].contains("did you mean `falseFailures`"),
            "{errors:?}"
        );
        assert!(errors[2].contains("is not kept by sweeps"), "{errors:?}");
    }
}
