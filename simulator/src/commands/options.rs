//! Values that several commands take: output formats and ranges of seeds.

use clap::ValueEnum;

/// Output formats of commands that print one result after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Text for people
    Human,
    /// One JSON object per line
    Json,
}

/// All results stay in memory until they are reported.
const SEEDS_MAX: u64 = 100_000;

/// Parses `A..B`, both ends included.
///
/// # Errors
/// Unless both are numbers, in order, and no more than 100,000 seeds apart.
pub(super) fn parse_seeds(text: &str) -> Result<(u64, u64), String> {
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
