//! Colours of the output. `NO_COLOR` and pipes switch them off (anstream does that).

use std::borrow::Cow;

use anstyle::{AnsiColor, Style};

/// A verdict that fails a pod, and what went wrong.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// A warning, and what is uncertain.
pub const UNSURE: Style = AnsiColor::Yellow.on_default();
/// What went well.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// What matters less.
pub const DIM: Style = Style::new().dimmed();
/// Headings.
pub const BOLD: Style = Style::new().bold();

/// `text` on one line, without what would spoil a terminal.
pub fn one_line(text: &str) -> Cow<'_, str> {
    pullstop_core::text::printable(text)
}
