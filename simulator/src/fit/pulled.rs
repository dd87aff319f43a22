//! What the kubelet's Event about a pull tells: how long it took, and how large the image is.
//!
//! `Successfully pulled image "app" in 1.2s (1.5s including waiting). Image size: 1084828 bytes.`
//! (`pkg/kubelet/images/image_manager.go`; the size since 1.29).

use std::time::Duration;

/// What the message tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pulled {
    /// Without the time in which it waited for its turn.
    pub(super) took: Option<Duration>,
    pub(super) bytes: Option<u64>,
}

/// Reads the message of an Event `Pulled`.
pub(super) fn read(message: &str) -> Pulled {
    let after = |mark: &str| message.split_once(mark).map(|(_, rest)| rest);
    let word = |text: &str| text.split([' ', ')']).next().unwrap_or_default().to_owned();
    Pulled {
        took: after("\" in ").and_then(|rest| go_duration(&word(rest))),
        bytes: after("Image size: ").and_then(|rest| word(rest).parse().ok()),
    }
}

/// A duration as Go prints it: `1h2m3.5s`, `1.5s`, `96ms` or `12.5µs`, cut to the millisecond.
fn go_duration(text: &str) -> Option<Duration> {
    const UNITS: [(&str, u64); 6] = [
        ("ns", 1),
        ("µs", 1_000),
        ("ms", 1_000_000),
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
    ];
    let mut rest = text;
    let mut nanos: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, behind) = rest.split_at(digits);
        let (unit, scale) = UNITS.iter().find(|(unit, _)| behind.starts_with(unit))?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let mut part = whole.parse::<u64>().ok()?.checked_mul(*scale)?;
        let mut place = *scale;
        for digit in fraction.bytes() {
            place /= 10;
            part = part.checked_add(u64::from(digit.checked_sub(b'0')?) * place)?;
        }
        nanos = nanos.checked_add(part)?;
        rest = &behind[unit.len()..];
    }
    (!text.is_empty()).then(|| Duration::from_millis(nanos / 1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubelets_words_are_read() {
        let ms = Duration::from_millis;
        let text = "Successfully pulled image \"a:v1\" in 1m2.345s (1m3s including waiting). Image size: 1084828 bytes.";
        let expected = Pulled {
            took: Some(ms(62_345)),
            bytes: Some(1_084_828),
        };
        assert_eq!(read(text), expected);
        assert_eq!(
            read("Successfully pulled image \"a:v1\""),
            Pulled::default()
        );
        for (text, expected) in [
            ("96ms", Some(96)),
            ("1h0m0.5s", Some(3_600_500)),
            ("12.5µs", Some(0)),
            ("", None),
            ("5", None),
            ("1.x5s", None),
            ("99999999999999999h", None),
        ] {
            assert_eq!(go_duration(text), expected.map(ms), "{text}");
        }
    }
}
