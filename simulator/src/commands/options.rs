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
