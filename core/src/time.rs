//! Time as an argument: the core never asks a clock.

use std::fmt;
use std::time::Duration;

/// A moment, in milliseconds since 1970-01-01T00:00:00Z.
///
/// Drivers choose where it comes from: the wall clock, a recording, or virtual time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// A moment that never comes.
    pub const NEVER: Self = Self(u64::MAX);

    /// The moment `millis` milliseconds after 1970-01-01T00:00:00Z.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The moment `duration` later, at most [`Timestamp::NEVER`].
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }

    /// The time from `earlier` until this moment, zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// A duration as people read it: `90s` prints as `1m30s`, `2400ms` as `2.4s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Human(
    /// What is printed, to the millisecond.
    pub Duration,
);

impl fmt::Display for Human {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total_ms = millis(self.0);
        let (hours, minutes) = (total_ms / 3_600_000, total_ms / 60_000 % 60);
        let (seconds, ms) = (total_ms / 1000 % 60, total_ms % 1000);
        if hours > 0 {
            write!(f, "{hours}h")?;
        }
        if minutes > 0 {
            write!(f, "{minutes}m")?;
        }
        match (seconds, ms) {
            (0, 0) if total_ms > 0 => Ok(()),
            (_, 0) => write!(f, "{seconds}s"),
            (_, ms) => {
                let fraction = format!("{ms:03}");
                write!(f, "{seconds}.{}s", fraction.trim_end_matches('0'))
            }
        }
    }
}

/// Reads a duration such as `90s`, `15m`, `2h`, `1h30m` or `500ms`.
///
/// # Errors
/// Says what is wrong with `text` and, where it can be guessed, how to write it.
pub fn parse_duration(text: &str) -> Result<Duration, ParseDurationError> {
    let error = |problem| ParseDurationError {
        text: text.to_owned(),
        problem,
    };
    let mut rest = text;
    let mut total_ms: u64 = 0;
    let mut smallest_yet = u64::MAX;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number = &rest[..digits];
        let after = &rest[digits..];
        let letters = after.len()
            - after
                .trim_start_matches(|c: char| c.is_ascii_alphabetic())
                .len();
        let Some(unit_ms) = unit_ms(&after[..letters]).filter(|_| digits > 0) else {
            return Err(error(DurationProblem::Malformed(guess(text))));
        };
        if unit_ms >= smallest_yet {
            return Err(error(DurationProblem::Order));
        }
        smallest_yet = unit_ms;
        total_ms = number
            .parse::<u64>()
            .ok()
            .and_then(|n| n.checked_mul(unit_ms))
            .and_then(|ms| ms.checked_add(total_ms))
            .filter(|ms| *ms <= LONGEST_MS)
            .ok_or_else(|| error(DurationProblem::TooLong))?;
        rest = &after[letters..];
    }
    if text.is_empty() {
        return Err(error(DurationProblem::Malformed(None)));
    }
    Ok(Duration::from_millis(total_ms))
}

/// Why a text is not a duration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseDurationError {
    text: String,
    problem: DurationProblem,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum DurationProblem {
    Malformed(Option<String>),
    Order,
    TooLong,
}

impl fmt::Display for ParseDurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a duration: ", self.text)?;
        match &self.problem {
            DurationProblem::Malformed(Some(guess)) => write!(f, "write `{guess}`"),
            DurationProblem::Malformed(None) => {
                f.write_str("write whole numbers with a unit, such as `90s`, `15m` or `1h30m`")
            }
            DurationProblem::Order => {
                f.write_str("units go from large to small, each once, as in `1h30m`")
            }
            DurationProblem::TooLong => f.write_str("the longest is `87600h` (ten years)"),
        }
    }
}

impl std::error::Error for ParseDurationError {}

/// Ten years: longer than any pod lives, short enough that no sum overflows.
const LONGEST_MS: u64 = 10 * 365 * 24 * 3_600_000;

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn unit_ms(unit: &str) -> Option<u64> {
    match unit {
        "ms" => Some(1),
        "s" => Some(1000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    }
}

/// The duration that was probably meant by `5 minutes`, `90 sec`, `1d` or `30`.
fn guess(text: &str) -> Option<String> {
    let text = text.trim();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let number: u64 = text[..digits].parse().ok()?;
    let unit = text[digits..].trim().to_ascii_lowercase();
    let unit = match unit.as_str() {
        "" | "sec" | "secs" | "second" | "seconds" | "s" => "s",
        "min" | "mins" | "minute" | "minutes" | "m" => "m",
        "hr" | "hrs" | "hour" | "hours" | "h" => "h",
        "milliseconds" | "millis" | "msec" | "ms" => "ms",
        "d" | "day" | "days" => return Some(format!("{}h", number.checked_mul(24)?)),
        _ => return None,
    };
    Some(format!("{number}{unit}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        for (text, seconds) in [
            ("90s", 90),
            ("15m", 900),
            ("2h", 7200),
            ("1h30m", 5400),
            ("0s", 0),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_secs(seconds)),
                "{text}"
            );
        }
        assert_eq!(parse_duration("1s500ms"), Ok(Duration::from_millis(1500)));
    }

    #[test]
    fn what_is_not_a_duration_is_explained() {
        for (text, says) in [
            ("5 minutes", "write `5m`"),
            ("30", "write `30s`"),
            ("1d", "write `24h`"),
            ("", "such as `90s`"),
            ("-5s", "such as `90s`"),
            ("1.5h", "such as `90s`"),
            ("5m2h", "large to small"),
            ("5s5s", "large to small"),
            ("99999999999999999999h", "ten years"),
            ("5µs", "such as `90s`"),
        ] {
            let error = parse_duration(text).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn durations_are_printed() {
        for (ms, printed) in [
            (0, "0s"),
            (2440, "2.44s"),
            (90_000, "1m30s"),
            (120_000, "2m"),
            (3_600_000, "1h"),
            (3_661_005, "1h1m1.005s"),
        ] {
            assert_eq!(Human(Duration::from_millis(ms)).to_string(), printed);
        }
    }

    #[test]
    fn moments_do_not_overflow() {
        assert_eq!(Timestamp::NEVER.after(Duration::MAX), Timestamp::NEVER);
        assert_eq!(
            Timestamp::from_millis(1).since(Timestamp::from_millis(5)),
            Duration::ZERO
        );
    }
}
