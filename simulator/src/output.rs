//! Output streams that cannot harm a terminal: text from recordings and scenarios loses its control characters.

use std::io::{self, Write};

use pullstop_core::text::{is_unprintable, printable, printable_json};
use serde::Serialize;

/// A stream without control characters, those for the direction of writing, and invisible ones; line breaks and the colours
/// of [`crate::style`] pass.
pub(crate) struct Clean<'a>(pub(crate) &'a mut dyn Write);

impl Write for Clean<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // All of this program writes whole characters.
        let text = String::from_utf8_lossy(bytes);
        let mut rest = &*text;
        while let Some(at) = rest.find(is_unprintable) {
            let (plain, odd) = rest.split_at(at);
            self.0.write_all(plain.as_bytes())?;
            let passes = if odd.starts_with('\n') {
                Some(1)
            } else {
                colour(odd)
            };
            let (odd, behind) = odd.split_at(passes.unwrap_or_else(|| first_char(odd)));
            let shown = if passes.is_some() {
                odd.into()
            } else {
                printable(odd)
            };
            self.0.write_all(shown.as_bytes())?;
            rest = behind;
        }
        self.0.write_all(rest.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Writes a value as one line of JSON, with JSON's own escapes for what a terminal would not show.
pub(crate) fn json_line(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    let json = serde_json::to_string(value)?;
    writeln!(out, "{}", printable_json(&json))
}

/// The length of a sequence that sets a colour, such as `ESC[1;31m`, if the text begins with one.
fn colour(text: &str) -> Option<usize> {
    let codes = text.strip_prefix("\u{1b}[")?;
    let end = codes.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    codes[end..].starts_with('m').then_some(end + 3)
}

fn first_char(text: &str) -> usize {
    text.chars().next().map_or(0, char::len_utf8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::style::{BAD, BOLD, UNSURE};

    #[test]
    fn colours_and_lines_pass_and_nothing_else() {
        let mut out = Vec::new();
        let mut clean = Clean(&mut out);
        writeln!(clean, "{BAD}no{BAD:#} {BOLD}{UNSURE}é{UNSURE:#}").unwrap();
        write!(
            clean,
            "\u{1b}[2J\u{1b}]0;x\u{7}\u{9b}1m\u{202e}\u{e0041}\t.\u{1b}"
        )
        .unwrap();
        let expected = format!(
            "{BAD}no{BAD:#} {BOLD}{UNSURE}é{UNSURE:#}\n\\u{{1b}}[2J\\u{{1b}}]0;x\\u{{7}}\\u{{9b}}1m\\u{{202e}}\\u{{e0041}} .\\u{{1b}}"
        );
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
