//! Which scenarios to run, and with which seeds.

use std::path::{Path, PathBuf};

use crate::input::{self, InputError};
use crate::scenario::{self, Scenario, glob};

/// All that is to be run.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) scenarios: Vec<Loaded>,
    pub(crate) tasks: Vec<Task>,
}

/// A scenario and where it came from.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) file: PathBuf,
    pub(crate) scenario: Scenario,
}

/// One run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task {
    /// Its place among the scenarios.
    pub(crate) scenario: usize,
    pub(crate) seed: u64,
}

/// The first and the last seed, if not the scenarios' own.
pub(crate) type Seeds = Option<(u64, u64)>;

/// Reads the scenarios.
///
/// # Errors
/// All that is wrong with any of them.
pub(crate) fn make(
    paths: &[PathBuf],
    only: Option<&str>,
    seeds: Seeds,
) -> Result<Plan, Vec<InputError>> {
    let mut scenarios = Vec::new();
    let mut errors = Vec::new();
    for file in files(paths)? {
        match load(&file) {
            Ok(scenario) if is_wanted(only, &file, &scenario) => {
                scenarios.push(Loaded { file, scenario });
            }
            Ok(_) => {}
            Err(more) => errors.extend(more),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let tasks = tasks(seeds, &scenarios);
    Ok(Plan { scenarios, tasks })
}

/// Reads one scenario.
///
/// # Errors
/// All that is wrong with it.
pub(crate) fn load(file: &Path) -> Result<Scenario, Vec<InputError>> {
    let text = input::read(file).map_err(|error| vec![error])?;
    parse(file, &text)
}

/// Reads the text of a scenario's file.
///
/// # Errors
/// All that is wrong with it.
pub(crate) fn parse(file: &Path, text: &str) -> Result<Scenario, Vec<InputError>> {
    let name = file.display().to_string();
    scenario::parse(&name, text, &mut |policy| input::policy(Some(policy)))
}

fn tasks(seeds: Seeds, scenarios: &[Loaded]) -> Vec<Task> {
    let of = |(place, loaded): (usize, &Loaded)| {
        let own = loaded.scenario.seed;
        let (first, last) = seeds.unwrap_or((own, own));
        (first..=last).map(move |seed| Task {
            scenario: place,
            seed,
        })
    };
    scenarios.iter().enumerate().flat_map(of).collect()
}

fn is_wanted(only: Option<&str>, file: &Path, scenario: &Scenario) -> bool {
    only.is_none_or(|pattern| {
        glob::matches(pattern, &scenario.name)
            || glob::matches(pattern, &file.display().to_string())
    })
}

/// The files, and those in folders, in the order of their names; each once.
pub(crate) fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Vec<InputError>> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let mut inside = input::yaml_files(path).map_err(|error| vec![error])?;
            inside.sort();
            files.append(&mut inside);
        } else {
            files.push(path.clone());
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    files.retain(|file| seen.insert(file.clone()));
    Ok(files)
}
