//! Which scenarios to run, with which seeds: finds and reads their files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pullstop_cluster::input_error::InputError;
use pullstop_cluster::scenario::{self, Scenario, glob, kind};

use crate::input;

/// The runs to do, and the files that cannot be run.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) scenarios: Vec<Loaded>,
    pub(crate) tasks: Vec<Task>,
    /// Errors in files to run.
    pub(crate) broken: Vec<InputError>,
    /// Errors in files that `only` leaves out.
    pub(crate) unwanted: Vec<InputError>,
    /// Documents in folders that are not scenarios.
    pub(crate) skipped: Skipped,
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
    /// Index of the scenario.
    pub(crate) scenario: usize,
    pub(crate) seed: u64,
}

/// The first and the last seed; the scenarios' own seeds if `None`.
pub(crate) type Seeds = Option<(u64, u64)>;

/// All results stay in memory until they are reported.
const SEEDS_MAX: u64 = 100_000;

/// Parses `A..B`, both ends included.
///
/// # Errors
/// Unless both are numbers, in order, and no more than 100,000 seeds apart.
pub(crate) fn parse_seeds(text: &str) -> Result<(u64, u64), String> {
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let ends = text
        .split_once("..")
        .and_then(|(a, b)| Some((number(a)?, number(b)?)));
    match ends {
        Some((first, last)) if first <= last && last - first >= SEEDS_MAX => Err(format!(
            "these are more than {SEEDS_MAX} seeds: split them over several runs"
        )),
        Some((first, last)) if first <= last => Ok((first, last)),
        Some((first, last)) => Err(format!(
            "the range ends before it begins: did you mean {last}..{first}?"
        )),
        None => Err("expected two numbers, such as 1..100".to_owned()),
    }
}

/// Reads the scenarios. An unreadable file does not stop the others.
pub(crate) fn make(paths: &[PathBuf], only: Option<&str>, seeds: Seeds) -> Plan {
    let (files, unreadable) = files(paths);
    let mut plan = Plan {
        broken: unreadable,
        ..Plan::default()
    };
    for found in files {
        plan.add(found, only);
    }
    plan.tasks = tasks(seeds, &plan.scenarios);
    plan
}

impl Plan {
    fn add(&mut self, found: Found, only: Option<&str>) {
        let is_wanted = |name: &str| {
            let path = found.file.display().to_string();
            only.is_none_or(|only| glob::matches(only, name) || glob::matches(only, &path))
        };
        match open(&found) {
            Opened::Scenario(scenario, _) if is_wanted(&scenario.name) => {
                let file = found.file;
                let scenario = *scenario;
                self.scenarios.push(Loaded { file, scenario });
            }
            Opened::Scenario(..) => {}
            Opened::Other(kind) => self.skipped.add(&found.file, &kind),
            Opened::Broken(errors, name) if is_wanted(&name) => self.broken.extend(errors),
            Opened::Broken(errors, _) => self.unwanted.extend(errors),
        }
    }
}

/// A file from the command line, or from a folder on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) file: PathBuf,
    is_named: bool,
}

/// The content of a file.
pub(crate) enum Opened {
    /// A scenario, and its text.
    Scenario(Box<Scenario>, String),
    /// A document of another kind, which the command line does not name.
    Other(String),
    /// Errors, and the name of the scenario, or of the file if the scenario has none.
    Broken(Vec<InputError>, String),
}

/// Reads a file that was found.
pub(crate) fn open(found: &Found) -> Opened {
    let file = &found.file;
    let stem = || file.file_stem().unwrap_or_default().to_string_lossy();
    let text = match input::read(file) {
        Ok(text) => text,
        Err(error) => return Opened::Broken(vec![error], stem().into_owned()),
    };
    match parse(file, &text) {
        Ok(scenario) => Opened::Scenario(Box::new(scenario), text),
        Err(errors) => match kind::other(&text).and_then(|other| other.kind) {
            Some(kind) if !found.is_named => Opened::Other(kind),
            _ => Opened::Broken(
                errors,
                kind::name(&text).unwrap_or_else(|| stem().into_owned()),
            ),
        },
    }
}

/// Documents in folders that are not scenarios.
#[derive(Debug, Default)]
pub(crate) struct Skipped(Vec<String>);

impl Skipped {
    /// How many files a note names; it counts the rest.
    const NAMED_MAX: usize = 5;

    pub(crate) fn add(&mut self, file: &Path, kind: &str) {
        self.0.push(format!("{} ({kind})", file.display()));
    }

    /// One note about all of them, if there are any.
    pub(crate) fn in_words(&self) -> Option<String> {
        let named = self.0.iter().take(Self::NAMED_MAX).cloned();
        let named: Vec<String> = named.collect();
        let more = match self.0.len().saturating_sub(Self::NAMED_MAX) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let what = if self.0.len() == 1 {
            "a scenario"
        } else {
            "scenarios"
        };
        let named = named.join(", ");
        (!self.0.is_empty()).then(|| format!("skipped {named}{more}: not {what}"))
    }
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

/// The files, and those in folders, each once and in the order of their names; and errors in folders.
pub(crate) fn files(paths: &[PathBuf]) -> (Vec<Found>, Vec<InputError>) {
    let mut all = Vec::new();
    let mut errors = Vec::new();
    for path in paths {
        let is_named = !path.is_dir();
        let mut files = if is_named {
            vec![path.clone()]
        } else {
            input::yaml_files(path).unwrap_or_else(|error| {
                errors.push(error);
                Vec::new()
            })
        };
        files.sort();
        all.extend(files.into_iter().map(|file| Found { file, is_named }));
    }
    let mut seen = BTreeSet::new();
    all.retain(|found| seen.insert(found.file.clone()));
    (all, errors)
}
