//! What each policy comes to over all units that are done.

use super::rows::{self, Measured};
use super::unit::{BUILT_IN, FIXED_ROWS};
use pullstop_cluster::world::enforcer::baselines::Baseline;

/// What each policy comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Of the built-in policy and the baselines, in the order of the rows.
    fixed: Vec<Measured>,
    /// Of the candidates.
    candidates: Vec<Measured>,
    /// The candidates that were run to the end.
    pub survivors: Vec<usize>,
    /// Runs that were simulated.
    pub simulated: u64,
    /// Runs in all.
    pub runs: u64,
}

impl Totals {
    /// Nothing yet.
    pub fn new(candidates: usize) -> Self {
        Self {
            fixed: vec![Measured::default(); FIXED_ROWS],
            candidates: vec![Measured::default(); candidates],
            survivors: (0..candidates).collect(),
            simulated: 0,
            runs: 0,
        }
    }

    /// Adds the rows of a unit, or nothing if they are not whole or not of this scenario and seed.
    pub fn add_unit(&mut self, unit: &str, scenario: &str, seed: u64) -> bool {
        let scenario = rows::field(scenario);
        let rows: Option<Vec<_>> = unit.lines().map(rows::read).collect();
        let Some(rows) = rows else {
            return false;
        };
        let places: Vec<_> = rows.iter().map(|row| self.place(row.policy)).collect();
        let is_of = |row: &rows::Row<'_>| row.scenario == scenario && row.seed == seed;
        if !rows.iter().all(is_of) || places.contains(&None) {
            return false;
        }
        for (row, place) in rows.iter().zip(places) {
            match place {
                Some(Place::Fixed(place)) => self.fixed[place].add(&row.measured),
                Some(Place::Candidate(place)) => self.candidates[place].add(&row.measured),
                None => {}
            }
        }
        let last_run = rows.iter().map(|row| row.run).max();
        self.simulated += last_run.map_or(0, |last| last + 1);
        self.runs += rows.len() as u64;
        true
    }

    /// What a candidate comes to.
    pub fn of_candidate(&self, number: usize) -> &Measured {
        &self.candidates[number]
    }

    /// What the built-in policy comes to.
    pub fn of_built_in(&self) -> &Measured {
        &self.fixed[0]
    }

    /// What the baselines come to, with their names.
    pub fn of_baselines(&self) -> impl Iterator<Item = (Baseline, &'static str, &Measured)> {
        let all = Baseline::ALL.into_iter().zip(&self.fixed[1..]);
        all.map(|((baseline, name), measured)| (baseline, name, measured))
    }

    fn place(&self, policy: &str) -> Option<Place> {
        if policy == BUILT_IN {
            return Some(Place::Fixed(0));
        }
        let mut names = Baseline::ALL.iter();
        if let Some(place) = names.position(|(_, name)| *name == policy) {
            return Some(Place::Fixed(place + 1));
        }
        let number = policy.parse().ok();
        number
            .filter(|number| *number < self.candidates.len())
            .map(Place::Candidate)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Fixed(usize),
    Candidate(usize),
}
