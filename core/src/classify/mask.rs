//! Masks names in messages, so that the names of images, hosts and nodes never decide a cause.

/// Stands for every masked byte; no pattern holds it.
const MASK: u8 = 0x01;
/// What stands between words.
const BOUNDARY_BYTES: &[u8] = b" \"'(),;<>`";
/// How digests begin.
const DIGEST: &[u8] = b"sha256:";
/// Logs escape a quote at most twice: three backslashes before it.
const ESCAPES_MAX: usize = 4;

/// A copy of `text` to search in: lower-case, with white space and escapes as blanks, and with image names, host
/// names, paths and URLs masked. Byte for byte as long as `text`, so that places in it are places in `text`.
pub(super) fn clean(text: &str) -> Vec<u8> {
    let mut clean = text.as_bytes().to_ascii_lowercase();
    if clean.iter().any(|b| *b == b'\\' || *b < b' ') {
        blank_escapes(&mut clean);
    }
    mask_names(&mut clean);
    clean
}

/// Line breaks, `\n` written out, and the backslashes before quotes become blanks.
fn blank_escapes(text: &mut [u8]) {
    let mut at = 0;
    while at < text.len() {
        match text[at] {
            b'\n' | b'\r' | b'\t' => text[at] = b' ',
            b'\\' => {
                text[at] = b' ';
                if let Some(b'n' | b'r' | b't') = text.get(at + 1) {
                    text[at + 1] = b' ';
                }
            }
            _ => {}
        }
        at += 1;
    }
}

fn mask_names(text: &mut [u8]) {
    let mut at = 0;
    let mut previous: (usize, usize) = (0, 0);
    let mut before_previous: (usize, usize) = (0, 0);
    while at < text.len() {
        if is_boundary(text[at]) {
            at += 1;
            continue;
        }
        let start = at;
        let mut may_be_name = false;
        while at < text.len() && !is_boundary(text[at]) {
            may_be_name |= matches!(text[at], b'/' | b':');
            at += 1;
        }
        let end = without_punctuation(text, start, at);
        let named = names_what_follows(
            &text[before_previous.0..before_previous.1],
            &text[previous.0..previous.1],
        );
        let quoted = start > 0 && text[start - 1] == b'"' && closes_quote(&text[at..]);
        before_previous = previous;
        previous = (start, end);
        if named || quoted || may_be_name && is_name(&text[start..end]) {
            mask_token(&mut text[start..end]);
        }
    }
}

/// Whether the next byte that is not a blank, which an escape may have become, is a quote.
fn closes_quote(text: &[u8]) -> bool {
    text.iter().take(ESCAPES_MAX).find(|b| **b != b' ') == Some(&b'"')
}

fn is_boundary(byte: u8) -> bool {
    static BOUNDARIES: [bool; 256] = {
        let mut boundaries = [false; 256];
        let mut at = 0;
        while at < BOUNDARY_BYTES.len() {
            boundaries[BOUNDARY_BYTES[at] as usize] = true;
            at += 1;
        }
        boundaries
    };
    BOUNDARIES[usize::from(byte)]
}

fn without_punctuation(text: &[u8], start: usize, end: usize) -> usize {
    let tail = text[start..end]
        .iter()
        .rev()
        .take_while(|b| matches!(b, b':' | b'.' | b',' | b']' | b'}' | b'!'))
        .count();
    end - tail
}

/// Whether the word behind these two is a name: `lookup HOST`, `manifest for IMAGE`, `denied for REPOSITORY`,
/// `reading manifest TAG`, `[manifests TAG]`.
fn names_what_follows(before: &[u8], last: &[u8]) -> bool {
    match last {
        b"lookup" | b"[manifests" => true,
        b"for" => matches!(before, b"manifest" | b"denied"),
        b"manifest" => before == b"reading",
        _ => false,
    }
}

/// URLs, paths, image names and digests; not the few words with a slash and not media types, which decide things.
fn is_name(token: &[u8]) -> bool {
    const WORDS: [&[u8]; 4] = [b"i/o", b"input/output", b"and/or", b"n/a"];
    const MEDIA_TYPES: [&[u8]; 3] = [b"text/", b"application/", b"[text/"];
    token.contains(&b'/')
        && !WORDS.contains(&token)
        && !MEDIA_TYPES.iter().any(|media| token.starts_with(media))
        || token.len() > DIGEST.len() && contains(token, DIGEST)
}

/// Masks a token but for a URL's `https://`.
fn mask_token(token: &mut [u8]) {
    let scheme = token
        .windows(3)
        .position(|w| w == b"://")
        .map_or(0, |at| at + 3);
    token[scheme..].fill(MASK);
}

fn contains(token: &[u8], part: &[u8]) -> bool {
    token.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(text: &str) -> String {
        let clean = clean(text);
        assert_eq!(clean.len(), text.len());
        String::from_utf8_lossy(&clean).replace(char::from(MASK), "*")
    }

    #[test]
    fn names_are_masked() {
        for (text, expected) in [
            ("a.b/denied:x509: Not Found", "***************: not found"),
            (
                "Get \"https://r.io/v2/\": EOF",
                "get \"https://********\": eof",
            ),
            ("Get https://r.io/v2/: EOF", "get https://********: eof"),
            (
                "dial tcp: lookup eof.io on 10.0.0.1:53: x",
                "dial tcp: lookup ****** on 10.0.0.1:53: x",
            ),
            (
                "manifest for redis:x509 not found",
                "manifest for ********** not found",
            ),
            (
                "i/o timeout; input/output error",
                "i/o timeout; input/output error",
            ),
            ("type text/html: no", "type text/html: no"),
            ("[manifests 500]: 404", "[manifests ***]: 404"),
            ("image \\\"a:b\\\": x", "image  \"*** \": x"),
            ("one\\ntwo\nthree", "one  two three"),
            ("", ""),
        ] {
            assert_eq!(cleaned(text), expected);
        }
    }

    #[test]
    fn other_scripts_keep_their_place() {
        assert_eq!(clean("образ: EOF").len(), "образ: EOF".len());
    }
}
