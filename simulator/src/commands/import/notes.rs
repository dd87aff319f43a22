//! Comments in the imported scenario: what was guessed, and from what.

use std::fmt::Write;

use pullstop_core::text::printable;

/// Remarks, each once, in the order in which they came up.
#[derive(Debug, Default)]
pub(super) struct Notes(Vec<String>);

/// Lines of comments are no longer than this.
const WIDTH: usize = 110;

impl Notes {
    /// Adds a remark.
    pub(super) fn add(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.0.contains(&note) {
            self.0.push(note);
        }
    }

    /// The remarks as comments.
    pub(super) fn comments(&self) -> String {
        let mut text = String::new();
        for note in &self.0 {
            let mut line = "# -".to_owned();
            // Recordings may hold anything; YAML refuses control characters in comments too.
            for word in printable(note).split_whitespace() {
                if line.chars().count() + 1 + word.chars().count() > WIDTH {
                    let _ = writeln!(text, "{line}");
                    "#  ".clone_into(&mut line);
                }
                let _ = write!(line, " {word}");
            }
            let _ = writeln!(text, "{line}");
        }
        text
    }
}
