//! Plans a sweep: from arguments and files to policies and units.

use std::io::Write;
use std::path::{Path, PathBuf};

use pullstop_cluster::input_error::InputError;
use pullstop_cluster::scenario::kind::{self, SWEEP_KIND};
use pullstop_cluster::scenario::metric::{Condition, Count, Figure, Waste};
use pullstop_core::hash::Fnv1a;
use pullstop_core::policy::document;
use serde::{Deserialize, Serialize};

use super::args::SweepArgs;
use crate::exit::Failure;
use crate::input;
use crate::runs::plan::{self, Task};
use crate::runs::remark;
use crate::sweep::spec::{self, Spec};
use crate::sweep::{Sweep, space};

/// What to run; `None` if no scenario matches.
pub(super) fn sweep(args: &SweepArgs, err: &mut dyn Write) -> Result<Option<Sweep>, Failure> {
    let (spec, paths) = spec_and_paths(&args.paths)?;
    let plan = plan::make(&paths, args.only.as_deref(), None);
    remark(&plan, err)?;
    if !plan.broken.is_empty() {
        // A result without some of them would look as if it told of all.
        return Err(plan.broken.into());
    }
    if plan.scenarios.is_empty() {
        return Ok(None);
    }
    let policy = args.policy.as_deref().or(spec.policy.as_deref());
    let base = input::policy(policy)?;
    let mut knobs = spec.knobs;
    knobs.extend(args.knobs.iter().cloned());
    let wrong = |what: String| {
        let place = args
            .paths
            .first()
            .map_or_else(|| Path::new("-"), PathBuf::as_path);
        Failure::from(InputError::about(place, what))
    };
    if knobs.is_empty() {
        knobs = spec::standard()?.knobs;
    }
    let search = args.search.map(|count| count as usize).or(spec.search);
    let size = space::size(&knobs);
    let candidates = match search {
        Some(count) => space::sample(&base, &knobs, count),
        None if size > space::GRID_MAX => {
            return Err(wrong(format!(
                "the grid has {size} policies, more than {}: give fewer values, or try some by chance with --search 500",
                space::GRID_MAX
            )));
        }
        None => space::grid(&base, &knobs),
    };
    let candidates = candidates.map_err(|error| wrong(format!("--knob: {error}")))?;
    let seeds = args.seeds.or(spec.seeds);
    let mut tasks = tasks(&plan, seeds);
    if let Some((part, of)) = args.shard {
        let mine = tasks.into_iter().enumerate();
        tasks = mine
            .filter(|(place, _)| place % of == part)
            .map(|(_, task)| task)
            .collect();
    }
    let mut constraints = args.constraints.clone();
    if constraints.is_empty() {
        constraints = spec.constraints;
    }
    if constraints.is_empty() {
        constraints.extend(Condition::parse("falseFailures == 0").ok());
    }
    let axes = args.trade.or(spec.trade).unwrap_or((
        Figure::Count(Count::FalseFailures),
        Figure::Waste(Waste::WastedCpuHours),
    ));
    Ok(Some(Sweep {
        base,
        knobs,
        candidates,
        constraints,
        axes,
        halves: search.is_some(),
        seeds,
        scenarios: plan.scenarios,
        tasks,
    }))
}

/// The file of kind `Sweep` among the paths, and the other ones.
fn spec_and_paths(paths: &[PathBuf]) -> Result<(Spec, Vec<PathBuf>), Failure> {
    let is_spec = |path: &&PathBuf| {
        let is_yaml = path
            .extension()
            .is_some_and(|end| end == "yaml" || end == "yml");
        let text = is_yaml.then(|| input::read(path).ok()).flatten();
        let other = text.and_then(|text| kind::other(&text));
        other.and_then(|other| other.kind).as_deref() == Some(SWEEP_KIND)
    };
    let (specs, rest): (Vec<_>, Vec<_>) = paths.iter().partition(is_spec);
    let rest: Vec<PathBuf> = rest.into_iter().cloned().collect();
    match specs.as_slice() {
        [] => Ok((Spec::default(), rest)),
        [one] => Ok((spec::read(one)?, rest)),
        [_, second, ..] => {
            let what = "this is the second file of kind Sweep: give one at a time";
            Err(InputError::about(second, what).into())
        }
    }
}

/// All scenarios with the first seed, then all with the next.
fn tasks(plan: &plan::Plan, seeds: plan::Seeds) -> Vec<Task> {
    let Some((first, last)) = seeds else {
        return plan.tasks.clone();
    };
    let of_seed = |seed| {
        let scenarios = 0..plan.scenarios.len();
        scenarios.map(move |scenario| Task { scenario, seed })
    };
    (first..=last).flat_map(of_seed).collect()
}

/// What makes two sweeps the same, as far as their rows go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Description {
    version: String,
    policy: String,
    knobs: Vec<(String, Vec<serde_json::Value>)>,
    pub(super) policies: usize,
    halves: bool,
    seeds: Option<(u64, u64)>,
    /// Of all scenarios, with their own seeds.
    scenarios: String,
    /// Units of this part.
    pub(super) units: usize,
    /// This part, and how many there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) shard: Option<(usize, usize)>,
}

/// The text that says which sweep some results are of.
pub(super) fn describe(sweep: &Sweep, shard: Option<(usize, usize)>) -> String {
    let knobs = sweep.knobs.iter();
    let description = Description {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        policy: document::to_yaml(&sweep.base, "base"),
        knobs: knobs
            .map(|knob| (knob.path.clone(), knob.values.clone()))
            .collect(),
        policies: sweep.candidates.len(),
        halves: sweep.halves,
        seeds: sweep.seeds,
        scenarios: fingerprint(sweep),
        units: sweep.tasks.len(),
        shard,
    };
    description.text()
}

impl Description {
    /// What the file says.
    pub(super) fn text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// What the file of a sweep says.
    ///
    /// # Errors
    /// If it is none.
    pub(super) fn read(file: &Path) -> Result<Self, InputError> {
        let text = input::read(file)?;
        serde_json::from_str(&text).map_err(|error| {
            let what = format!("this says nothing of a sweep of this version: {error}");
            InputError::about(file, what)
        })
    }

    /// Whether both are parts of one sweep.
    pub(super) fn is_of_same(&self, other: &Self) -> bool {
        let other = Self {
            units: self.units,
            shard: self.shard,
            ..other.clone()
        };
        *self == other
    }
}

/// A hash of the scenarios.
fn fingerprint(sweep: &Sweep) -> String {
    let scenarios = sweep.scenarios.iter();
    let texts = scenarios.map(|loaded| format!("{:?}", loaded.scenario));
    let hash = Fnv1a::of(texts.flat_map(String::into_bytes));
    format!("{:016x}", hash.value())
}
