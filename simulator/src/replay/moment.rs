//! Moments as text.

use jiff::Timestamp as Calendar;
use pullstop_core::time::Timestamp;

/// Reads RFC 3339, such as `2026-11-22T15:04:29.598418Z`; cut to the millisecond.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let moment: Calendar = text.parse().ok()?;
    u64::try_from(moment.as_millisecond())
        .ok()
        .map(Timestamp::from_millis)
}

/// Prints RFC 3339 in UTC.
pub(crate) fn print(moment: Timestamp) -> String {
    let millis = i64::try_from(moment.as_millis()).unwrap_or(i64::MAX);
    Calendar::from_millisecond(millis).map_or_else(|_| millis.to_string(), |m| format!("{m:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_print_back() {
        let moment = parse("2026-11-22T15:04:29.598418Z").unwrap();
        assert_eq!(print(moment), "2026-11-22T15:04:29.598Z");
        assert_eq!(parse("2026-11-22T16:04:29.598+01:00"), Some(moment));
        assert_eq!(parse("yesterday"), None);
        assert_eq!(parse("1960-01-01T00:00:00Z"), None);
    }
}
