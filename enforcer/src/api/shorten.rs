//! Shortens foreign text for logs and statuses.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_at_characters() {
        assert_eq!(shorten("äöü", 6), "äöü");
        assert_eq!(shorten("äöü", 5), "ä…");
        assert_eq!(shorten(" a\n b\u{1b}[31m ", 9), "a b [31m");
        assert_eq!(shorten("ab", 1), "…");
    }
}
