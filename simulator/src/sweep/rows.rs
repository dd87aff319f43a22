//! The rows of a sweep's results: one for each policy, scenario and seed, as CSV.
//!
//! CSV since every tool reads it, and since a file that was cut off anywhere is still good up to its last whole line:
//! that is what makes a sweep go on after it was killed. Times are whole seconds, rounded up, each with how often it
//! came: `122x50 130x2`. Rows of one scenario and seed with the same `run` share one simulated run.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::time::Duration;

use pullstop_cluster::scenario::metric::{Count, Figures, Timing, Waste};

/// The first line.
pub const HEADER: &str = "policy,scenario,seed,run,verdicts,falseFailures,missed,warnings,writes,pulls,\
wastedCpuMillihours,wastedGpuMillihours,wastedPodMillihours,timeToFailSeconds,queueWaitSeconds\n";

/// The counts of a row, in the order of its columns.
pub const COUNTS: [Count; 6] = [
    Count::Verdicts,
    Count::FalseFailures,
    Count::Missed,
    Count::Warnings,
    Count::Writes,
    Count::Pulls,
];
/// The waste of a row, in thousandths of an hour, in the order of its columns.
pub const WASTE: [Waste; 3] = [
    Waste::WastedCpuHours,
    Waste::WastedGpuHours,
    Waste::WastedPodHours,
];
/// The times of a row, in the order of its columns.
pub const TIMINGS: [Timing; 2] = [Timing::TimeToFail, Timing::QueueWait];

/// Times in whole seconds, and how often each came.
pub type Seconds = BTreeMap<u32, u64>;

/// What one run, or several together, came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// In the order of [`COUNTS`].
    pub counts: [u64; COUNTS.len()],
    /// In the order of [`WASTE`].
    pub waste_millihours: [u64; WASTE.len()],
    /// In the order of [`TIMINGS`].
    pub times: [Seconds; TIMINGS.len()],
}

/// A row that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// The policy's number, or a baseline's name.
    pub policy: &'a str,
    /// The scenario's name, in quotes if CSV wants them.
    pub scenario: &'a str,
    /// The seed.
    pub seed: u64,
    /// The number of the simulated run among those of this scenario and seed.
    pub run: u64,
    /// The rest.
    pub measured: Measured,
}

impl Measured {
    /// What a run came to.
    pub fn of(figures: &Figures) -> Self {
        Self {
            counts: COUNTS.map(|count| figures.counts[count as usize]),
            waste_millihours: WASTE.map(|waste| figures.waste_millihours[waste as usize]),
            times: TIMINGS.map(|timing| seconds(&figures.timings[timing as usize])),
        }
    }

    /// Adds another run.
    pub fn add(&mut self, other: &Self) {
        for (sum, more) in self.counts.iter_mut().zip(other.counts) {
            *sum += more;
        }
        for (sum, more) in self.waste_millihours.iter_mut().zip(other.waste_millihours) {
            *sum += more;
        }
        for (all, more) in self.times.iter_mut().zip(&other.times) {
            for (second, count) in more {
                *all.entry(*second).or_default() += count;
            }
        }
    }

    /// A count.
    pub fn count(&self, count: Count) -> u64 {
        let place = COUNTS.iter().position(|known| *known == count);
        place.map_or(0, |place| self.counts[place])
    }
}

/// The columns behind the policy's, with the end of the line.
pub fn columns(scenario: &str, seed: u64, run: usize, measured: &Measured) -> String {
    let mut text = format!(",{},{seed},{run}", field(scenario));
    for number in measured.counts.iter().chain(&measured.waste_millihours) {
        let _ = write!(text, ",{number}");
    }
    for times in &measured.times {
        let _ = write!(text, ",{}", Times(times));
    }
    text.push('\n');
    text
}

/// Reads a line without its end.
pub fn read(line: &str) -> Option<Row<'_>> {
    let (policy, rest) = line.split_once(',')?;
    let (scenario, rest) = split_field(rest)?;
    let mut columns = rest.split(',');
    let mut number = || columns.next()?.parse::<u64>().ok();
    let (seed, run) = (number()?, number()?);
    let mut measured = Measured::default();
    for value in measured
        .counts
        .iter_mut()
        .chain(&mut measured.waste_millihours)
    {
        *value = number()?;
    }
    for times in &mut measured.times {
        *times = read_times(columns.next()?)?;
    }
    columns.next().is_none().then_some(Row {
        policy,
        scenario,
        seed,
        run,
        measured,
    })
}

/// A field of CSV (RFC 4180): in quotes if it has a comma, a quote or a line break.
pub fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!(
            "\"{}\"",
            text.replace('"', "\"\"").replace(['\n', '\r'], " ")
        )
    } else {
        text.to_owned()
    }
}

/// What a field says.
pub fn text(field: &str) -> String {
    let quoted = field
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    quoted.map_or_else(|| field.to_owned(), |text| text.replace("\"\"", "\""))
}

/// The first field, as it stands there, and what follows its comma.
fn split_field(text: &str) -> Option<(&str, &str)> {
    if !text.starts_with('"') {
        return text.split_once(',');
    }
    let mut quotes = text.match_indices('"').map(|(at, _)| at).skip(1).peekable();
    while let Some(at) = quotes.next() {
        if quotes.next_if_eq(&(at + 1)).is_none() {
            let rest = text[at + 1..].strip_prefix(',')?;
            return Some((&text[..=at], rest));
        }
    }
    None
}

fn seconds(times: &[Duration]) -> Seconds {
    let mut all = Seconds::new();
    for time in times {
        let second = time.as_millis().div_ceil(1000);
        *all.entry(u32::try_from(second).unwrap_or(u32::MAX))
            .or_default() += 1;
    }
    all
}

struct Times<'a>(&'a Seconds);

impl fmt::Display for Times<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (second, count)) in self.0.iter().enumerate() {
            let space = if place == 0 { "" } else { " " };
            write!(f, "{space}{second}x{count}")?;
        }
        Ok(())
    }
}

fn read_times(text: &str) -> Option<Seconds> {
    let entry = |entry: &str| {
        let (second, count) = entry.split_once('x')?;
        Some((second.parse().ok()?, count.parse().ok()?))
    };
    text.split_ascii_whitespace().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let measured = Measured {
            counts: [1, 2, 3, 4, 5, 6],
            waste_millihours: [7, 8, 9],
            times: [Seconds::from([(2, 1), (120, 50)]), Seconds::new()],
        };
        for name in ["plain", "a, b", "so \"called\""] {
            let line = format!("12{}", columns(name, 3, 7, &measured));
            let row = read(line.trim_end_matches('\n')).unwrap();
            assert_eq!((row.policy, row.seed, row.run), ("12", 3, 7));
            assert_eq!(row.scenario, field(name));
            assert_eq!(text(row.scenario), name);
            assert_eq!(row.measured, measured);
        }
        let header = HEADER.trim_end().split(',').count();
        assert_eq!(columns("a", 1, 0, &measured).split(',').count(), header);
    }

    #[test]
    fn what_is_cut_off_is_no_row() {
        let line = format!("1{}", columns("a", 1, 0, &Measured::default()));
        for end in 0..line.len() - 3 {
            assert_eq!(read(&line[..end]), None, "{}", &line[..end]);
        }
    }

    #[test]
    fn times_are_rounded_up() {
        let times = [
            Duration::from_millis(1),
            Duration::from_secs(1),
            Duration::from_millis(1001),
        ];
        assert_eq!(seconds(&times), Seconds::from([(1, 2), (2, 1)]));
    }
}
