//! Metrics of a whole run, and conditions on them such as `timeToFail.p95 < 150s`.

use std::fmt;
use std::time::Duration;

use pullstop_core::suggest::closest;

/// Something that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Count {
    /// Pods that were failed.
    Verdicts,
    /// Pods that were failed although their images could be pulled soon after.
    FalseFailures,
    /// Pods in scope whose images can never be pulled, and that were not failed.
    Missed,
    /// Pods that were warned of.
    Warnings,
    /// Times that a kubelet put a failed pod back.
    PutBack,
    /// Writes that were sent.
    Writes,
    /// Writes that were refused, since the pod had changed.
    Conflicts,
    /// Writes that failed for another reason.
    FailedWrites,
    /// Pulls that were begun.
    Pulls,
    /// Pods that were created.
    PodsCreated,
    /// Pods that ran.
    PodsRun,
    /// Jobs that completed.
    JobsCompleted,
    /// Jobs that failed.
    JobsFailed,
}

/// A time that is measured for each pod or Job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timing {
    /// From a pod's first failed pull until the write that fails it is stored.
    TimeToFail,
    /// How long Jobs waited in their queues.
    QueueWait,
    /// From a pod's creation until it runs.
    TimeToRun,
}

/// One number for many times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "named as in formulas")]
pub enum Statistic {
    Min,
    Mean,
    P50,
    P90,
    P95,
    P99,
    Max,
}

/// Something that pods held without any use, since a pull had failed (`Idle` in the simulated cluster).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "named after what was held")]
pub enum Waste {
    WastedCpuHours,
    WastedGpuHours,
    WastedPodHours,
}

/// What a condition speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the types say it")]
pub enum Figure {
    Count(Count),
    Timing(Timing, Statistic),
    Waste(Waste),
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the usual ones")]
pub enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    NotEqual,
    GreaterOrEqual,
    Greater,
}

/// A condition on a figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// As it was written.
    pub text: String,
    /// What it speaks of.
    pub figure: Figure,
    /// How it is compared.
    pub comparison: Comparison,
    /// With what: a count, milliseconds, or thousandths of an hour.
    pub value: u64,
}

/// All figures of a run, or of several runs together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// In the order of [`Count::ALL`].
    pub counts: [u64; Count::ALL.len()],
    /// In the order of [`Timing::ALL`], each in ascending order.
    pub timings: [Vec<Duration>; Timing::ALL.len()],
    /// In the order of [`Waste::ALL`], in thousandths of an hour.
    pub waste_millihours: [u64; Waste::ALL.len()],
}

/// What is wrong with a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadCondition(String);

impl Condition {
    /// Reads a condition such as `timeToFail.p95 < 150s`, `falseFailures == 0` or `wastedCpuHours <= 2.5`.
    ///
    /// # Errors
    /// If it is none, with what was meant perhaps.
    pub fn parse(text: &str) -> Result<Self, BadCondition> {
        let at = text.find(['<', '>', '=', '!']).ok_or_else(|| {
            BadCondition("expected a comparison, such as `falseFailures == 0`".to_owned())
        })?;
        let (name, rest) = text.split_at(at);
        let end = rest
            .find(|c| !matches!(c, '<' | '>' | '=' | '!'))
            .unwrap_or(rest.len());
        let (sign, value) = rest.split_at(end);
        let figure = Figure::parse(name.trim())?;
        let comparison = Comparison::parse(sign)?;
        let value = figure.value(value.trim())?;
        let text = text.trim().to_owned();
        Ok(Self {
            text,
            figure,
            comparison,
            value,
        })
    }

    /// Whether it holds. It does not if there is nothing to measure.
    pub fn holds(&self, figures: &Figures) -> bool {
        let Some(got) = figures.get(self.figure) else {
            return false;
        };
        match self.comparison {
            Comparison::Less => got < self.value,
            Comparison::LessOrEqual => got <= self.value,
            Comparison::Equal => got == self.value,
            Comparison::NotEqual => got != self.value,
            Comparison::GreaterOrEqual => got >= self.value,
            Comparison::Greater => got > self.value,
        }
    }
}

impl Figures {
    /// The value of a figure: a count, milliseconds, or thousandths of an hour; `None` if nothing was measured.
    pub fn get(&self, figure: Figure) -> Option<u64> {
        match figure {
            Figure::Count(count) => Some(self.counts[count as usize]),
            Figure::Waste(waste) => Some(self.waste_millihours[waste as usize]),
            Figure::Timing(timing, statistic) => {
                let time = statistic.of(&self.timings[timing as usize])?;
                Some(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
            }
        }
    }

    /// The value of a figure, as people write it.
    pub fn in_words(&self, figure: Figure) -> String {
        match (self.get(figure), figure) {
            (None, _) => "nothing measured".to_owned(),
            (Some(value), Figure::Count(_)) => value.to_string(),
            (Some(value), Figure::Waste(_)) => format!("{}.{:03}", value / 1000, value % 1000),
            (Some(value), Figure::Timing(..)) => {
                pullstop_core::time::Human(Duration::from_millis(value)).to_string()
            }
        }
    }

    /// Adds what another run measured.
    pub fn add(&mut self, other: &Self) {
        for (sum, more) in self.counts.iter_mut().zip(other.counts) {
            *sum += more;
        }
        for (sum, more) in self.waste_millihours.iter_mut().zip(other.waste_millihours) {
            *sum += more;
        }
        for (all, more) in self.timings.iter_mut().zip(&other.timings) {
            all.extend(more);
            all.sort_unstable();
        }
    }
}

impl Statistic {
    /// All of them, with their names in conditions.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::Min, "min"),
        (Self::Mean, "mean"),
        (Self::P50, "p50"),
        (Self::P90, "p90"),
        (Self::P95, "p95"),
        (Self::P99, "p99"),
        (Self::Max, "max"),
    ];

    /// The statistic of times in ascending order; percentiles by nearest rank.
    fn of(self, sorted: &[Duration]) -> Option<Duration> {
        let rank = |percent: usize| {
            sorted
                .get((sorted.len() * percent).div_ceil(100).max(1) - 1)
                .copied()
        };
        match self {
            Self::Min => sorted.first().copied(),
            Self::Mean => {
                let total: Duration = sorted.iter().sum();
                total.checked_div(u32::try_from(sorted.len()).ok()?)
            }
            Self::P50 => rank(50),
            Self::P90 => rank(90),
            Self::P95 => rank(95),
            Self::P99 => rank(99),
            Self::Max => sorted.last().copied(),
        }
    }
}

macro_rules! names {
    ($type:ident, $($variant:ident = $name:literal),+ $(,)?) => {
        impl $type {
            /// All of them, in the order of their definition.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$variant),+];

            /// Its name in conditions and reports.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

names!(
    Count,
    Verdicts = "verdicts",
    FalseFailures = "falseFailures",
    Missed = "missed",
    Warnings = "warnings",
    PutBack = "putBack",
    Writes = "writes",
    Conflicts = "conflicts",
    FailedWrites = "failedWrites",
    Pulls = "pulls",
    PodsCreated = "podsCreated",
    PodsRun = "podsRun",
    JobsCompleted = "jobsCompleted",
    JobsFailed = "jobsFailed",
);
names!(
    Timing,
    TimeToFail = "timeToFail",
    QueueWait = "queueWait",
    TimeToRun = "timeToRun",
);
names!(
    Waste,
    WastedCpuHours = "wastedCpuHours",
    WastedGpuHours = "wastedGpuHours",
    WastedPodHours = "wastedPodHours",
);

/// As in conditions, such as `timeToFail.p95`.
impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => f.write_str(count.as_str()),
            Self::Waste(waste) => f.write_str(waste.as_str()),
            Self::Timing(timing, statistic) => {
                let mut names = Statistic::ALL.into_iter();
                let name = names.find(|(known, _)| known == statistic);
                let name = name.map_or("", |(_, name)| name);
                write!(f, "{}.{name}", timing.as_str())
            }
        }
    }
}

impl Figure {
    /// Reads its name, such as `falseFailures` or `timeToFail.p95`.
    ///
    /// # Errors
    /// If there is none with this name.
    pub fn parse(name: &str) -> Result<Self, BadCondition> {
        let (base, statistic) = name
            .split_once('.')
            .map_or((name, None), |(b, s)| (b, Some(s)));
        if let Some(timing) = Timing::ALL.into_iter().find(|t| t.as_str() == base) {
            let known = || Statistic::ALL.into_iter();
            let Some(given) = statistic else {
                return Err(BadCondition(format!(
                    "`{base}` has many values: say which, such as `{base}.p95`"
                )));
            };
            let found = known().find(|(_, s)| *s == given);
            let (statistic, _) =
                found.ok_or_else(|| unknown("statistic", given, known().map(|(_, s)| s)))?;
            return Ok(Self::Timing(timing, statistic));
        }
        let count = Count::ALL
            .into_iter()
            .find(|c| c.as_str() == base)
            .map(Self::Count);
        let waste = || {
            Waste::ALL
                .into_iter()
                .find(|w| w.as_str() == base)
                .map(Self::Waste)
        };
        let names = Count::ALL.map(Count::as_str).into_iter();
        let names = names
            .chain(Timing::ALL.map(Timing::as_str))
            .chain(Waste::ALL.map(Waste::as_str));
        let figure = count
            .or_else(waste)
            .ok_or_else(|| unknown("metric", base, names))?;
        match statistic {
            Some(statistic) => Err(BadCondition(format!(
                "`{base}` is one number: remove `.{statistic}`"
            ))),
            None => Ok(figure),
        }
    }

    fn value(self, text: &str) -> Result<u64, BadCondition> {
        match self {
            Self::Count(_) => text
                .parse()
                .map_err(|_| bad_value(text, "a whole number, such as 0")),
            Self::Waste(_) => {
                thousandths(text).ok_or_else(|| bad_value(text, "hours, such as 2 or 0.5"))
            }
            Self::Timing(..) => pullstop_core::time::parse_duration(text)
                .ok()
                .and_then(|time| u64::try_from(time.as_millis()).ok())
                .ok_or_else(|| bad_value(text, "a duration, such as 150s or 15m")),
        }
    }
}

impl Comparison {
    fn parse(sign: &str) -> Result<Self, BadCondition> {
        match sign {
            "<" => Ok(Self::Less),
            "<=" => Ok(Self::LessOrEqual),
            "==" => Ok(Self::Equal),
            "!=" => Ok(Self::NotEqual),
            ">=" => Ok(Self::GreaterOrEqual),
            ">" => Ok(Self::Greater),
            "=" => Err(BadCondition(
                "`=` is no comparison: did you mean `==`?".to_owned(),
            )),
            _ => Err(BadCondition(format!(
                "`{sign}` is none of <, <=, ==, !=, >=, >"
            ))),
        }
    }
}

/// A decimal number with at most three places, in thousandths.
pub(super) fn thousandths(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !is_number(part) || part.len() > 3 {
        return None;
    }
    let part: u64 = format!("{part:0<3}").parse().ok()?;
    whole
        .parse::<u64>()
        .ok()?
        .checked_mul(1000)?
        .checked_add(part)
}

fn bad_value(text: &str, expected: &str) -> BadCondition {
    BadCondition(format!(
        "`{text}` cannot be compared with this: expected {expected}"
    ))
}

fn unknown<'a>(
    what: &str,
    given: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> BadCondition {
    let hint = closest(given, known.clone()).map_or_else(
        || format!("one of {}", known.collect::<Vec<_>>().join(", ")),
        |name| format!("did you mean `{name}`?"),
    );
    BadCondition(format!("`{given}` is no {what}: {hint}"))
}

impl fmt::Display for BadCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadCondition {}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> Figures {
        let mut figures = Figures::default();
        figures.counts[Count::Missed as usize] = 2;
        figures.waste_millihours[Waste::WastedCpuHours as usize] = 1500;
        figures.timings[Timing::TimeToFail as usize] = (1..=100).map(Duration::from_secs).collect();
        figures
    }

    #[test]
    fn conditions_hold_or_do_not() {
        for (text, expected) in [
            ("missed == 2", true),
            ("missed!=2", false),
            ("wastedCpuHours <= 1.5", true),
            ("wastedCpuHours < 1.5", false),
            ("wastedCpuHours > 1.499", true),
            ("timeToFail.p95 == 95s", true),
            ("timeToFail.p99 >= 99s", true),
            ("timeToFail.mean == 50500ms", true),
            ("timeToFail.min < 2s", true),
            ("timeToFail.max < 100s", false),
            // Nothing was measured.
            ("queueWait.p50 < 1h", false),
            ("queueWait.p50 >= 0s", false),
        ] {
            let condition = Condition::parse(text).expect(text);
            assert_eq!(condition.holds(&figures()), expected, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_condition_is_said() {
        for (text, expected) in [
            (
                "missed",
                "expected a comparison, such as `falseFailures == 0`",
            ),
            ("mised == 0", "`mised` is no metric: did you mean `missed`?"),
            ("missed = 0", "`=` is no comparison: did you mean `==`?"),
            (
                "missed == soon",
                "`soon` cannot be compared with this: expected a whole number, such as 0",
            ),
            ("missed.p50 == 0", "`missed` is one number: remove `.p50`"),
            (
                "timeToFail < 1s",
                "`timeToFail` has many values: say which, such as `timeToFail.p95`",
            ),
            (
                "timeToFail.p59 < 1s",
                "`p59` is no statistic: did you mean `p50`?",
            ),
            (
                "wastedCpuHours < 1.2345",
                "`1.2345` cannot be compared with this: expected hours, such as 2 or 0.5",
            ),
        ] {
            let error = Condition::parse(text).expect_err(text);
            assert_eq!(error.to_string(), expected);
        }
    }
}
