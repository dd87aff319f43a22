//! Colours of the output. `NO_COLOR` and pipes switch them off (anstream does that).

use std::borrow::Cow;

use anstyle::{AnsiColor, Style};

/// Failed pods, and errors.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// Warnings, and uncertain results.
pub const UNSURE: Style = AnsiColor::Yellow.on_default();
/// Success.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// Secondary text.
pub const DIM: Style = Style::new().dimmed();
/// Headings.
pub const BOLD: Style = Style::new().bold();

/// `text` on one line, without control characters.
pub fn one_line(text: &str) -> Cow<'_, str> {
    pullstop_core::text::printable(text)
}
