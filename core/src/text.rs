//! Makes foreign text safe to print.
//!
//! Control characters move a terminal's cursor, colour it or type into it; characters for the direction of writing show
//! a text in another order than it has; invisible ones make two names look like one. Everything that is printed for
//! people, logged, or written into a comment goes through [`printable`].

use std::borrow::Cow;
use std::fmt::Write;

/// `text` on one line, with what cannot be seen, or changes how the rest is seen, as a visible escape such as
/// `\u{202e}`. Line breaks and tabs become spaces.
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, is_unprintable, |c, out| {
        if matches!(c, '\n' | '\r' | '\t') {
            out.push(' ');
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "{}", c.escape_unicode());
        }
    })
}

/// The same JSON text with such characters in its strings as JSON's own escapes: parsers get the same data.
pub fn printable_json(json: &str) -> Cow<'_, str> {
    // Outside of strings there are no others.
    let is_in_a_string = |c: char| is_unprintable(c) && !matches!(c, '\n' | '\r' | '\t');
    escaped(json, is_in_a_string, |c, out| {
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(out, "\\u{unit:04x}");
        }
    })
}

/// The same text in double quotes of YAML, which knows no pairs of surrogates, and refuses some such characters as they
/// are.
pub fn printable_yaml(quoted: &str) -> Cow<'_, str> {
    escaped(quoted, is_unprintable, |c, out| {
        let _ = write!(out, "\\U{:08x}", u32::from(c));
    })
}

/// Whether a character cannot be seen, or changes how others are.
pub fn is_unprintable(c: char) -> bool {
    c.is_control()
        || INVISIBLE
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&c))
}

/// Unicode's `Bidi_Control` characters, its line and paragraph separators, and those of `Default_Ignorable_Code_Point`
/// that have no glyph whatever stands beside them.
const INVISIBLE: [(char, char); 13] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180e}', '\u{180e}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{e0000}', '\u{e0fff}'),
];

fn escaped(
    text: &str,
    is_meant: impl Fn(char) -> bool + Copy,
    escape: impl Fn(char, &mut String),
) -> Cow<'_, str> {
    let Some(first) = text.find(is_meant) else {
        return Cow::Borrowed(text);
    };
    let mut out = String::with_capacity(text.len() + 16);
    out.push_str(&text[..first]);
    for c in text[first..].chars() {
        if is_meant(c) {
            escape(c, &mut out);
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_shown() {
        for (text, expected) in [
            ("plain, ä, образ, 図", "plain, ä, образ, 図"),
            ("a\nb\tc\r", "a b c "),
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("\u{9b}2J\u{7f}", "\\u{9b}2J\\u{7f}"),
            ("user\u{202e}gpj.exe", "user\\u{202e}gpj.exe"),
            (
                "a\u{2066}b\u{2069}\u{200e}",
                "a\\u{2066}b\\u{2069}\\u{200e}",
            ),
            (
                "a\u{200b}b\u{feff}\u{2028}",
                "a\\u{200b}b\\u{feff}\\u{2028}",
            ),
            ("\u{e0041}", "\\u{e0041}"),
        ] {
            assert_eq!(printable(text), expected);
            assert!(!printable(text).contains(is_unprintable));
        }
        assert!(matches!(printable("plain"), Cow::Borrowed(_)));
    }

    #[test]
    fn json_says_the_same() {
        let value = serde_json::json!({ "a": "\u{9b}\u{202e}\u{e0041}\n\u{1b}x" });
        let json = serde_json::to_string_pretty(&value).unwrap();
        let printed = printable_json(&json);
        assert!(
            !printed.contains(|c| is_unprintable(c) && c != '\n'),
            "{printed}"
        );
        let read: serde_json::Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(read, value);
    }
}
