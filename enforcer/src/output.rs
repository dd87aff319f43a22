//! Escapes control and bidirectional characters in everything that goes to a terminal.

use std::borrow::Cow;
use std::io::{self, Write};

use pullstop_core::text::{printable, printable_json};

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Text in lines.
    Text,
    /// JSON: escapes are JSON's own, so that it says the same.
    Json,
    /// Logs as text: each write is one line.
    Log,
}

/// A stream without control characters, those for the direction of writing, and invisible ones. Colours are such.
#[derive(Debug)]
pub struct Clean<W> {
    to: W,
    form: Form,
    /// The beginning of a character whose end comes with the next write.
    begun: Vec<u8>,
}

impl<W: Write> Clean<W> {
    /// Cleans what is written, and passes it on.
    pub fn new(to: W, form: Form) -> Self {
        let begun = Vec::new();
        Self { to, form, begun }
    }

    fn pass_on(&mut self, text: &str) -> io::Result<()> {
        match self.form {
            Form::Json => self.to.write_all(printable_json(text).as_bytes()),
            Form::Text => text
                .split_inclusive('\n')
                .try_for_each(|line| self.line(line)),
            Form::Log => self.line(text),
        }
    }

    fn line(&mut self, text: &str) -> io::Result<()> {
        let line = text.strip_suffix('\n');
        self.to
            .write_all(printable(line.unwrap_or(text)).as_bytes())?;
        if line.is_some() {
            self.to.write_all(b"\n")?;
        }
        Ok(())
    }
}

impl<W: Write> Write for Clean<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let all = if self.begun.is_empty() {
            Cow::Borrowed(bytes)
        } else {
            self.begun.extend_from_slice(bytes);
            Cow::Owned(std::mem::take(&mut self.begun))
        };
        let whole = all.len() - unfinished(&all);
        self.pass_on(&String::from_utf8_lossy(&all[..whole]))?;
        self.begun = all[whole..].to_vec();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// How many bytes at the end are the beginning of a character.
fn unfinished(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => bytes.len() - error.valid_up_to(),
        // What is wrong further ahead hides the end; it is no text anyway.
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(form: Form, writes: &[&[u8]]) -> String {
        let mut to = Vec::new();
        let mut clean = Clean::new(&mut to, form);
        for bytes in writes {
            clean.write_all(bytes).unwrap();
        }
        String::from_utf8(to).unwrap()
    }

    #[test]
    fn each_form_is_cleaned_in_its_own_way() {
        let hostile = "a\u{1b}[2J\u{202e}\nb\n".as_bytes();
        for (form, expected) in [
            (Form::Text, "a\\u{1b}[2J\\u{202e}\nb\n"),
            (Form::Log, "a\\u{1b}[2J\\u{202e} b\n"),
            (Form::Json, "a\\u001b[2J\\u202e\nb\n"),
        ] {
            assert_eq!(cleaned(form, &[hostile]), expected);
        }
    }

    #[test]
    fn a_character_may_come_in_pieces() {
        let text = "ä\u{202e}図";
        for cut in 0..=text.len() {
            let (a, b) = text.as_bytes().split_at(cut);
            assert_eq!(cleaned(Form::Text, &[a, b]), "ä\\u{202e}図");
        }
        assert_eq!(cleaned(Form::Text, &[b"\xffa"]), "\u{fffd}a");
    }
}
