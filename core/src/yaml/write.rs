//! Values as YAML has them.

use std::time::Duration;

use crate::text::printable_yaml;
use crate::time::Human;

/// The text as a value, in quotes where it needs them.
pub fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    let is_safe = text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(is_plain);
    let is_word = matches!(
        text.to_ascii_lowercase().as_str(),
        "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
    );
    if is_safe && !is_word {
        return text.to_owned();
    }
    let mut escaped = String::with_capacity(text.len() + 2);
    for c in text.chars() {
        match c {
            '\\' => escaped.push_str("\\\\"),
            '"' => escaped.push_str("\\\""),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            c => escaped.push(c),
        }
    }
    format!("\"{}\"", printable_yaml(&escaped))
}

/// A list of texts on one line.
pub fn list<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let texts: Vec<String> = texts.into_iter().map(quoted).collect();
    format!("[{}]", texts.join(", "))
}

/// A duration as documents write it.
pub fn duration(duration: Duration) -> String {
    // `2.4s` is for people only.
    if duration.subsec_millis() == 0 {
        Human(duration).to_string()
    } else {
        format!("{}ms", duration.as_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::parse_duration;

    #[test]
    fn texts_are_read_as_they_were() {
        for text in [
            "plain",
            "registry.example/team/app",
            "",
            "no",
            "5m",
            "a: b",
            "# c",
            "say \"when\" \\ or not",
            "lines\r\n\tand\u{0}\u{1b}[31m",
            "\u{202e}\u{e0001} образ",
        ] {
            let read: String = serde_saphyr::from_str(&quoted(text)).unwrap();
            assert_eq!(read, text, "{}", quoted(text));
            assert!(!quoted(text).chars().any(crate::text::is_unprintable));
        }
        let all: Vec<String> = serde_saphyr::from_str(&list(["a", "b, c", "]"])).unwrap();
        assert_eq!(all, ["a", "b, c", "]"]);
    }

    #[test]
    fn durations_are_read_as_they_were() {
        for ms in [0, 1, 2400, 60_000, 5_400_000, 86_400_001] {
            let written = Duration::from_millis(ms);
            assert_eq!(parse_duration(&duration(written)), Ok(written));
        }
    }
}
