//! Values of objectives in words, rounded to what can be told apart at a glance.

use std::time::Duration;

use pullstop_core::time::Human;

use crate::sweep::summary::Unit;

/// A value, such as `2m30s`, `8.13 h` or `1,234`; a dash if nothing was measured.
pub(super) fn words(value: Option<u64>, unit: Unit) -> String {
    match (value, unit) {
        (None, _) => "–".to_owned(),
        (Some(count), Unit::Count) => grouped(count),
        (Some(ms), Unit::Milliseconds) => time(ms),
        (Some(millihours), Unit::Millihours) => hours(millihours) + " h",
    }
}

/// How far a value is from another, with its sign; none unless both were measured.
pub(super) fn difference(from: Option<u64>, to: Option<u64>, unit: Unit) -> Option<String> {
    let (from, to) = (from?, to?);
    let sign = match to.cmp(&from) {
        std::cmp::Ordering::Less => "−",
        std::cmp::Ordering::Equal => return Some("±0".to_owned()),
        std::cmp::Ordering::Greater => "+",
    };
    Some(format!("{sign}{}", words(Some(from.abs_diff(to)), unit)))
}

/// By how many percent a value is more or less than another: ` (−42 %)`; nothing if that cannot be said.
pub(super) fn relative(from: Option<u64>, to: Option<u64>) -> String {
    let (Some(from @ 1..), Some(to)) = (from, to) else {
        return String::new();
    };
    let sign = if to < from { "−" } else { "+" };
    let percent = (u128::from(from.abs_diff(to)) * 100 + u128::from(from / 2)) / u128::from(from);
    match percent {
        0 => String::new(),
        percent => format!(" ({sign}{percent} %)"),
    }
}

/// Millionths as percent: `0.31 %`.
pub(super) fn percent(ppm: u64) -> String {
    // Two digits tell rates apart, wherever they begin.
    let (digits, unit) = match ppm {
        0..100 => (4, 1),
        100..1000 => (3, 10),
        1000..10_000 => (2, 100),
        _ => (1, 1000),
    };
    format!("{} %", decimal(ppm, unit, digits, 10_000))
}

fn time(ms: u64) -> String {
    let to_ms = match ms {
        0..10_000 => 1,
        10_000..36_000_000 => 1000,
        _ => 60_000,
    };
    let rounded = ms.saturating_add(to_ms / 2) / to_ms * to_ms;
    Human(Duration::from_millis(rounded)).to_string()
}

fn hours(millihours: u64) -> String {
    let (digits, unit) = match millihours {
        0..1000 => (3, 1),
        1000..10_000 => (2, 10),
        10_000..100_000 => (1, 100),
        _ => (0, 1000),
    };
    decimal(millihours, unit, digits, 1000)
}

/// `number` parts of one, of which one has `parts`: rounded to whole `unit`s, which is so many digits behind the point.
fn decimal(number: u64, unit: u64, digits: usize, parts: u64) -> String {
    let rounded = number.saturating_add(unit / 2) / unit;
    let per_one = parts / unit;
    let part = format!("{:0digits$}", rounded % per_one);
    let part = if digits == 0 {
        ""
    } else {
        part.trim_end_matches('0')
    };
    let point = if part.is_empty() { "" } else { "." };
    format!("{}{point}{part}", grouped(rounded / per_one))
}

/// A number with commas between thousands.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_rounded_to_what_matters() {
        for (value, unit, expected) in [
            (1_234_567, Unit::Count, "1,234,567"),
            (7, Unit::Count, "7"),
            (0, Unit::Milliseconds, "0s"),
            (2_400, Unit::Milliseconds, "2.4s"),
            (150_400, Unit::Milliseconds, "2m30s"),
            (36_031_000, Unit::Milliseconds, "10h1m"),
            (0, Unit::Millihours, "0 h"),
            (120, Unit::Millihours, "0.12 h"),
            (8_126, Unit::Millihours, "8.13 h"),
            (99_960, Unit::Millihours, "100 h"),
            (1_234_567, Unit::Millihours, "1,235 h"),
        ] {
            assert_eq!(words(Some(value), unit), expected, "{value}");
        }
        assert_eq!(words(None, Unit::Count), "–");
    }

    #[test]
    fn nothing_overflows() {
        for unit in [Unit::Count, Unit::Milliseconds, Unit::Millihours] {
            assert!(!words(Some(u64::MAX), unit).is_empty());
            assert!(difference(Some(0), Some(u64::MAX), unit).is_some());
        }
        assert!(!relative(Some(1), Some(u64::MAX)).is_empty());
        assert!(!percent(u64::MAX).is_empty());
    }

    #[test]
    fn differences_have_a_sign() {
        let between = |from, to| difference(Some(from), Some(to), Unit::Milliseconds);
        assert_eq!(between(1000, 3000).as_deref(), Some("+2s"));
        assert_eq!(between(3000, 1000).as_deref(), Some("−2s"));
        assert_eq!(between(3000, 3000).as_deref(), Some("±0"));
        assert_eq!(difference(None, Some(1), Unit::Count), None);
        assert_eq!(relative(Some(330), Some(190)), " (−42 %)");
        assert_eq!(relative(Some(0), Some(190)), "");
        assert_eq!(relative(Some(1000), Some(1001)), "");
    }

    #[test]
    fn small_rates_keep_their_digits() {
        for (ppm, expected) in [
            (0, "0 %"),
            (31, "0.0031 %"),
            (3_100, "0.31 %"),
            (3_123, "0.31 %"),
            (3_150, "0.32 %"),
            (9_960, "1 %"),
            (45_670, "4.6 %"),
            (999_960, "100 %"),
            (1_000_000, "100 %"),
        ] {
            assert_eq!(percent(ppm), expected, "{ppm}");
        }
    }
}
