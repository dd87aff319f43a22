//! The policies of a sweep: all combinations of the knobs' values, or a sample of them.

use std::collections::BTreeSet;

use pullstop_cluster::world::random::{Purpose, RandomStreams};
use pullstop_core::policy::Policy;

use super::knob::{Knob, KnobError, Template};

/// A grid may have so many policies; a larger one must be sampled.
pub const GRID_MAX: u128 = 10_000;

/// A policy of the sweep.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The index of each knob's value.
    pub values: Vec<usize>,
    /// The policy.
    pub policy: Policy,
}

/// How many combinations there are.
pub fn size(knobs: &[Knob]) -> u128 {
    let sizes = knobs.iter().map(|knob| knob.values.len() as u128);
    sizes.fold(1, u128::saturating_mul)
}

/// All combinations, the last knob turning fastest.
///
/// # Errors
/// If a knob or one of its values is none of the policy's.
pub fn grid(base: &Policy, knobs: &[Knob]) -> Result<Vec<Candidate>, KnobError> {
    let size = u64::try_from(size(knobs).min(GRID_MAX)).unwrap_or(u64::MAX);
    candidates(
        base,
        knobs,
        (0..size).map(|number| digits(number.into(), knobs)),
    )
}

/// `count` combinations by chance, each at most once (Bergstra & Bengio: Random Search for Hyper-Parameter Optimization,
/// 2012); all of them if there are no more.
///
/// # Errors
/// If a knob or one of its values is none of the policy's.
pub fn sample(base: &Policy, knobs: &[Knob], count: usize) -> Result<Vec<Candidate>, KnobError> {
    if size(knobs) <= count as u128 {
        return grid(base, knobs);
    }
    let mut chance = RandomStreams::new(1).stream(Purpose::Fuzz, 0);
    let mut drawn = BTreeSet::new();
    while drawn.len() < count {
        let values = knobs.iter().map(|knob| {
            let value = chance.below(knob.values.len() as u64);
            usize::try_from(value).unwrap_or(usize::MAX)
        });
        drawn.insert(values.collect::<Vec<_>>());
    }
    candidates(base, knobs, drawn.into_iter())
}

fn candidates(
    base: &Policy,
    knobs: &[Knob],
    all: impl Iterator<Item = Vec<usize>>,
) -> Result<Vec<Candidate>, KnobError> {
    let template = Template::new(base)?;
    let candidate = |values: Vec<usize>| {
        let settings = knobs.iter().zip(&values);
        let settings = settings.map(|(knob, value)| (knob.path.as_str(), &knob.values[*value]));
        let policy = template.with(settings)?;
        Ok(Candidate { values, policy })
    };
    all.map(candidate).collect()
}

fn digits(mut number: u128, knobs: &[Knob]) -> Vec<usize> {
    let mut values = vec![0; knobs.len()];
    for (value, knob) in values.iter_mut().zip(knobs).rev() {
        let base = knob.values.len() as u128;
        *value = usize::try_from(number % base).unwrap_or(0);
        number /= base;
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knobs() -> Vec<Knob> {
        let knobs = [
            "rules.definite.attempts=2..4",
            "rules.definite.duration=1m,2m",
        ];
        knobs.map(|knob| Knob::parse(knob).unwrap()).into()
    }

    #[test]
    fn a_grid_has_every_combination_once() {
        let all = grid(&Policy::default(), &knobs()).unwrap();
        let values: Vec<_> = all.iter().map(|each| each.values.clone()).collect();
        let expected = [[0, 0], [0, 1], [1, 0], [1, 1], [2, 0], [2, 1]];
        assert_eq!(values, expected);
        let first = &all[0]
            .policy
            .rules()
            .iter()
            .find(|rule| rule.name == "definite");
        assert_eq!(first.unwrap().attempts.get(), 2);
    }

    #[test]
    fn a_sample_has_as_many_as_were_asked_for_and_each_once() {
        let some = sample(&Policy::default(), &knobs(), 4).unwrap();
        let distinct: BTreeSet<_> = some.iter().map(|each| each.values.clone()).collect();
        assert_eq!((some.len(), distinct.len()), (4, 4));
        assert_eq!(sample(&Policy::default(), &knobs(), 100).unwrap().len(), 6);
    }
}
