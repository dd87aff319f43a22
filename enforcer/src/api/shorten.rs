//! Texts of others, cut to what a log or a status has room for.

/// `text` on one line, without control characters, in at most `bytes_max` bytes.
pub fn shorten(text: &str, bytes_max: usize) -> String {
    /// Says that there was more.
    const MORE: char = '…';
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let line = words
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    if line.len() <= bytes_max {
        return line;
    }
    let room = bytes_max.saturating_sub(MORE.len_utf8());
    let mut kept = String::with_capacity(bytes_max);
    for next in line.chars() {
        if kept.len() + next.len_utf8() > room {
            break;
        }
        kept.push(next);
    }
    kept.push(MORE);
    kept
}
