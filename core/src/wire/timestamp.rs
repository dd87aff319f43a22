//! Timestamps as text: RFC 3339, as in Kubernetes objects, and the `Date` of HTTP.
//!
//! Precisions are Kubernetes' own: `metav1.Time` has seconds, `metav1.MicroTime` microseconds. What is finer than a
//! [`Timestamp`] is cut off, never rounded.

use jiff::Timestamp as Calendar;
use jiff::fmt::rfc2822::{DateTimeParser, DateTimePrinter};

use crate::time::Timestamp;

/// Reads RFC 3339 with any offset, such as `2026-11-22T15:04:29.598418Z`, cut to the millisecond. Nothing if it is no such
/// text, or a moment before 1970 or after the year 9999.
///
/// A leap second counts as the second before it. `t`, `z` and a blank in place of `T` are understood as well.
pub fn parse(text: &str) -> Option<Timestamp> {
    from_calendar(text.parse().ok()?)
}

/// Reads what HTTP writes into `Date`.
pub fn parse_http_date(text: &str) -> Option<Timestamp> {
    from_calendar(DateTimeParser::new().parse_timestamp(text).ok()?)
}

/// Prints RFC 3339 in UTC, to the millisecond.
///
/// Here and below, a moment after the year 9999 is printed as its milliseconds.
pub fn print(moment: Timestamp) -> String {
    calendar(moment).map_or_else(|| moment.as_millis().to_string(), |m| format!("{m:.3}"))
}

/// Prints RFC 3339 in UTC, to the second: `metav1.Time`.
pub fn print_seconds(moment: Timestamp) -> String {
    calendar(moment).map_or_else(|| moment.as_millis().to_string(), |m| format!("{m:.0}"))
}

/// Prints RFC 3339 in UTC, to the microsecond: `metav1.MicroTime`.
pub fn print_micros(moment: Timestamp) -> String {
    calendar(moment).map_or_else(|| moment.as_millis().to_string(), |m| format!("{m:.6}"))
}

/// Prints what HTTP writes into `Date` (RFC 9110), to the second; nothing for a moment after the year 9999.
pub fn print_http_date(moment: Timestamp) -> Option<String> {
    let printer = DateTimePrinter::new();
    printer.timestamp_to_rfc9110_string(&calendar(moment)?).ok()
}

fn calendar(moment: Timestamp) -> Option<Calendar> {
    let millis = i64::try_from(moment.as_millis()).ok()?;
    Calendar::from_millisecond(millis).ok()
}

fn from_calendar(moment: Calendar) -> Option<Timestamp> {
    let millis = u64::try_from(moment.as_millisecond()).ok()?;
    Some(Timestamp::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reprinted(text: &str) -> Option<String> {
        parse(text).map(print)
    }

    #[test]
    fn moments_are_written_as_kubernetes_writes_them() {
        let moment = parse("2026-11-22T15:04:29.598418Z").unwrap();
        assert_eq!(print(moment), "2026-11-22T15:04:29.598Z");
        assert_eq!(print_seconds(moment), "2026-11-22T15:04:29Z");
        assert_eq!(print_micros(moment), "2026-11-22T15:04:29.598000Z");
        let date = print_http_date(moment).unwrap();
        assert_eq!(date, "Sun, 22 Nov 2026 15:04:29 GMT");
        assert_eq!(parse_http_date(&date), parse("2026-11-22T15:04:29Z"));
        assert_eq!(parse_http_date("2026-11-22T15:04:29Z"), None);
    }

    #[test]
    fn odd_but_valid_texts_are_read() {
        for (text, as_utc) in [
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"),
            ("9999-12-30T22:00:00Z", "9999-12-30T22:00:00.000Z"),
            // Offsets, also across the end of a year.
            ("2026-11-22T16:04:29.598+01:00", "2026-11-22T15:04:29.598Z"),
            ("2026-12-31T23:30:00-05:30", "2027-01-01T05:00:00.000Z"),
            ("2026-11-22T15:04:29-00:00", "2026-11-22T15:04:29.000Z"),
            // Fractions of all lengths, cut and not rounded.
            ("2026-11-22T15:04:29.5Z", "2026-11-22T15:04:29.500Z"),
            ("2026-11-22T15:04:29.9999Z", "2026-11-22T15:04:29.999Z"),
            ("2026-11-22T15:04:29.123456789Z", "2026-11-22T15:04:29.123Z"),
            // RFC 3339 allows small letters and a blank.
            ("2026-11-22t15:04:29z", "2026-11-22T15:04:29.000Z"),
            ("2026-11-22 15:04:29Z", "2026-11-22T15:04:29.000Z"),
            // A leap second, which computers do not count.
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.000Z"),
            ("2016-12-31T23:59:60.7Z", "2016-12-31T23:59:59.700Z"),
            // The last day of February in a leap year.
            ("2024-02-29T12:00:00Z", "2024-02-29T12:00:00.000Z"),
        ] {
            assert_eq!(reprinted(text).as_deref(), Some(as_utc), "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_is_not_guessed_at() {
        for text in [
            "",
            "yesterday",
            "1960-01-01T00:00:00Z",
            "1969-12-31T23:59:59.999Z",
            // No offset: it names no moment.
            "2026-11-22T15:04:29",
            "2026-11-22",
            "2026-02-29T12:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-22T24:00:00Z",
            "2026-11-22T15:04:61Z",
            "2026-11-22T15:04:29.Z",
            "2026-11-22T15:04:29.1234567890Z",
            "10000-01-01T00:00:00Z",
            "+010000-01-01T00:00:00Z",
            "2026-11-22T15:04:29Z ",
            " 2026-11-22T15:04:29Z",
            "2026-11-22T15:04:29Zulu",
            "٢٠٢٦-11-22T15:04:29Z",
        ] {
            assert_eq!(reprinted(text), None, "{text}");
        }
    }

    #[test]
    fn moments_beyond_the_calendar_are_numbers() {
        assert_eq!(print(Timestamp::NEVER), u64::MAX.to_string());
        assert_eq!(print_seconds(Timestamp::NEVER), u64::MAX.to_string());
        assert_eq!(print_micros(Timestamp::NEVER), u64::MAX.to_string());
        assert_eq!(print_http_date(Timestamp::NEVER), None);
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(millis in 0..253_402_200_000_000_u64) {
            let moment = Timestamp::from_millis(millis);
            prop_assert_eq!(parse(&print(moment)), Some(moment));
            prop_assert_eq!(parse(&print_micros(moment)), Some(moment));
            let second = Timestamp::from_millis(millis / 1000 * 1000);
            prop_assert_eq!(parse(&print_seconds(moment)), Some(second));
            prop_assert_eq!(parse_http_date(&print_http_date(moment).unwrap()), Some(second));
        }

        #[test]
        fn no_text_is_too_odd(text in ".{0,40}") {
            let _ = (parse(&text), parse_http_date(&text));
        }
    }
}
