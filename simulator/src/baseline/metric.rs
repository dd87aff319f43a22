//! What the gate measures.
//!
//! Wall time is not among it: it is another one on another machine, and on the same machine at another time, so that a limit
//! on it is either too wide to find anything or fails without a reason. The number of simulated events says how much work
//! a simulation is, and is the same everywhere.

use std::time::Duration;

use pullstop_cluster::scenario::metric::{Condition, Count, Figure, Statistic, Timing, Waste};
use pullstop_core::time::Human;

use super::Sums;

/// Something that is measured.
#[derive(Debug)]
pub struct Metric {
    /// Its name in files.
    pub name: &'static str,
    /// Its name in sentences.
    pub title: &'static str,
    what: What,
    /// Whether less is better. More of some things is neither better nor worse.
    pub less_is_better: bool,
    /// Whether it may not become worse at all, in no scenario.
    pub is_exact: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Figure(Figure),
    BrokenInvariants,
    Events,
}

/// All that is measured, the most important first.
pub static METRICS: [Metric; 12] = [
    Metric::exact(
        "falseFailures",
        "false failures",
        What::Figure(Figure::Count(Count::FalseFailures)),
    ),
    Metric::exact(
        "missed",
        "missed pods",
        What::Figure(Figure::Count(Count::Missed)),
    ),
    Metric::exact(
        "brokenInvariants",
        "broken invariants",
        What::BrokenInvariants,
    ),
    Metric {
        less_is_better: false,
        ..Metric::less(
            "verdicts",
            "verdicts",
            What::Figure(Figure::Count(Count::Verdicts)),
        )
    },
    Metric::less(
        "timeToFail.p50",
        "time to fail, p50",
        What::Figure(Figure::Timing(Timing::TimeToFail, Statistic::P50)),
    ),
    Metric::less(
        "timeToFail.p95",
        "time to fail, p95",
        What::Figure(Figure::Timing(Timing::TimeToFail, Statistic::P95)),
    ),
    Metric::less(
        "wastedCpuHours",
        "wasted CPU-hours",
        What::Figure(Figure::Waste(Waste::WastedCpuHours)),
    ),
    Metric::less(
        "wastedGpuHours",
        "wasted GPU-hours",
        What::Figure(Figure::Waste(Waste::WastedGpuHours)),
    ),
    Metric::less(
        "queueWait.p95",
        "queue wait, p95",
        What::Figure(Figure::Timing(Timing::QueueWait, Statistic::P95)),
    ),
    Metric::less(
        "writes",
        "writes to the API",
        What::Figure(Figure::Count(Count::Writes)),
    ),
    Metric::less("pulls", "pulls", What::Figure(Figure::Count(Count::Pulls))),
    Metric::less("events", "simulated events", What::Events),
];

impl Metric {
    const fn less(name: &'static str, title: &'static str, what: What) -> Self {
        Self {
            name,
            title,
            what,
            less_is_better: true,
            is_exact: false,
        }
    }

    const fn exact(name: &'static str, title: &'static str, what: What) -> Self {
        Self {
            is_exact: true,
            ..Self::less(name, title, what)
        }
    }

    /// Its place in [`METRICS`].
    pub fn place(&self) -> usize {
        let mut all = METRICS.iter();
        all.position(|metric| metric.name == self.name).unwrap_or(0)
    }

    /// Its value; none if nothing was measured.
    pub fn of(&self, sums: &Sums) -> Option<u64> {
        match self.what {
            What::Figure(figure) => sums.figures.get(figure),
            What::BrokenInvariants => Some(sums.broken),
            What::Events => Some(sums.events),
        }
    }

    /// Whether the values of several runs add up.
    pub const fn is_sum(&self) -> bool {
        !matches!(self.what, What::Figure(Figure::Timing(..)))
    }

    /// A value as files have it: it can be read again.
    pub fn written(&self, value: u64) -> String {
        match self.what {
            What::Figure(Figure::Timing(..)) => {
                let whole = Human(Duration::from_secs(value / 1000));
                match (value / 1000, value % 1000) {
                    (_, 0) => whole.to_string(),
                    (0, ms) => format!("{ms}ms"),
                    (_, ms) => format!("{whole}{ms}ms"),
                }
            }
            What::Figure(Figure::Waste(_)) => format!("{}.{:03}", value / 1000, value % 1000),
            What::Figure(Figure::Count(_)) | What::BrokenInvariants | What::Events => {
                value.to_string()
            }
        }
    }

    /// A value as people read it.
    pub fn shown(&self, value: Option<u64>) -> String {
        match (value, self.what) {
            (None, _) => "–".to_owned(),
            (Some(ms), What::Figure(Figure::Timing(..))) => {
                Human(Duration::from_millis(ms)).to_string()
            }
            (Some(value), _) => self.written(value),
        }
    }

    /// Reads a value.
    ///
    /// # Errors
    /// If it is none of this metric, with what is expected.
    pub fn read(&self, text: &str) -> Result<u64, String> {
        match self.what {
            What::Figure(_) => Condition::parse(&format!("{} == {text}", self.name))
                .map(|condition| condition.value)
                .map_err(|error| error.to_string()),
            What::BrokenInvariants | What::Events => text
                .parse()
                .map_err(|_| format!("`{text}` is no number: expected one such as 0")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_the_same_when_written_and_read_again() {
        for metric in &METRICS {
            for value in [0, 1, 999, 1000, 61_000, 61_001, 3_600_000, 7_384_056] {
                let text = metric.written(value);
                assert_eq!(metric.read(&text), Ok(value), "{}: {text}", metric.name);
            }
            assert!(metric.read("soon").is_err(), "{}", metric.name);
        }
    }

    #[test]
    fn each_has_its_place() {
        for (place, metric) in METRICS.iter().enumerate() {
            assert_eq!(metric.place(), place);
        }
    }
}
