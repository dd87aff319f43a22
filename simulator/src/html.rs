//! Pages that stand on their own: their frame, and foreign text and data in them.

use std::fmt::{self, Write};

use serde::Serialize;

/// The frame of a page, up to its body. The policy forbids what such a page does not need: it loads nothing, from
/// nowhere.
pub(crate) fn open(title: &str, style: &str, html: &mut String) -> fmt::Result {
    write!(
        html,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n\
         <title>{}</title>\n<style>\n{style}</style>\n</head>\n<body>\n",
        escaped(title)
    )
}

/// The end of a page: its data, as JSON in an element of this name, and the script that reads them.
pub(crate) fn close(
    name: &str,
    data: &impl Serialize,
    script: &str,
    html: &mut String,
) -> fmt::Result {
    write!(
        html,
        "<script id=\"{name}\" type=\"application/json\">{}</script>\n<script>\n{script}</script>\n</body>\n</html>\n",
        json(data)
    )
}

/// Text as HTML shows it.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// Text whose parts between backticks are code.
pub(crate) fn prose(text: &str) -> String {
    let mut parts = text.split('`').map(escaped);
    let mut html = parts.next().unwrap_or_default();
    while let Some(code) = parts.next() {
        match parts.next() {
            Some(after) => html.extend(["<code>", &code, "</code>", &after]),
            None => html.extend(["`", &code]),
        }
    }
    html
}

/// JSON, such that nothing in it can end the script that holds it.
fn json(data: &impl Serialize) -> String {
    let text = serde_json::to_string(data).unwrap_or_default();
    text.replace('&', "\\u0026")
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "</script><script>alert('1') & <!-- \" \u{2028}";

    #[test]
    fn no_name_ends_the_script() {
        let text = json(&[HOSTILE]);
        assert!(!text.contains(['<', '>', '&', '\u{2028}']), "{text}");
        let read: [String; 1] = serde_json::from_str(&text).unwrap();
        assert_eq!(read[0], HOSTILE);
    }

    #[test]
    fn no_name_becomes_markup() {
        for text in [escaped(HOSTILE), prose(HOSTILE)] {
            assert!(!text.contains(['<', '>', '"']), "{text}");
        }
    }

    #[test]
    fn backticks_come_in_pairs() {
        assert_eq!(prose("a `b<c` d"), "a <code>b&lt;c</code> d");
        assert_eq!(prose("a ` b"), "a ` b");
        assert_eq!(prose("`a` `b"), "<code>a</code> `b");
    }
}
