//! What recordings hold besides what verdicts need, for the commands that learn from them.

pub(crate) mod objects;
pub(crate) mod words;

use pullstop_core::yaml::is_label;

/// The nearest name that scenarios allow.
pub(crate) fn label(text: &str) -> String {
    if is_label(text) {
        return text.to_owned();
    }
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let replaced: String = text
        .to_ascii_lowercase()
        .chars()
        .map(|c| if allowed(c) { c } else { '-' })
        // Room for what is appended.
        .take(50)
        .collect();
    let trimmed = replaced.trim_matches('-');
    if trimmed.is_empty() {
        "unnamed"
    } else {
        trimmed
    }
    .to_owned()
}
