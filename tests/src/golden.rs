//! Golden files: what is expected, as it was read and found right once.

use similar::TextDiff;

use crate::root;

/// A diff with more lines than this is cut: after a change of everything, read the file.
const DIFF_LINES_MAX: usize = 200;

/// Compares `actual` with the golden file of this name, or rewrites that with `BLESS=1`.
///
/// # Panics
/// If they differ, with the difference.
#[expect(clippy::unwrap_used, reason = "called by tests only")]
pub fn golden(name: &str, actual: &str) {
    let file = root().join(name);
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, actual).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        actual == expected,
        "{name} differs; if the new text is right, rewrite it with `cargo xtask bless`.\n{}",
        diff(&expected, actual)
    );
}

/// Compares `actual` with the part of a file that is generated, or rewrites that with `BLESS=1`. It stands between the
/// lines `<!-- begin: generated -->` and `<!-- end: generated -->`.
///
/// # Panics
/// If they differ, or if the file has no such part.
#[expect(clippy::unwrap_used, reason = "called by tests only")]
pub fn golden_part(name: &str, actual: &str) {
    let text = std::fs::read_to_string(root().join(name)).unwrap();
    let (begin, end) = ("<!-- begin: generated -->\n", "<!-- end: generated -->");
    let (head, rest) = text.split_once(begin).unwrap();
    let (_, tail) = rest.split_once(end).unwrap();
    golden(name, &format!("{head}{begin}{actual}{end}{tail}"));
}

/// What has to be done to `expected`, line by line, so that it becomes `actual`.
pub fn diff(expected: &str, actual: &str) -> String {
    let diff = TextDiff::from_lines(expected, actual);
    let mut unified = diff.unified_diff();
    let text = unified.header("expected", "actual").to_string();
    let mut lines: Vec<&str> = text.lines().collect();
    let more = lines.len().saturating_sub(DIFF_LINES_MAX);
    let rest = format!("… and {more} lines more");
    if more > 0 {
        lines.truncate(DIFF_LINES_MAX);
        lines.push(&rest);
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_shown() {
        let lines = |changed: &str| -> String {
            let line = |n: u32| {
                if n == 50 {
                    changed.to_owned()
                } else {
                    n.to_string()
                }
            };
            (0..100).map(|n| line(n) + "\n").collect()
        };
        let shown = diff(&lines("old"), &lines("new"));
        assert!(shown.contains("\n-old\n+new\n"), "{shown}");
        assert_eq!(shown.lines().count(), 11, "{shown}");
    }

    #[test]
    fn a_long_diff_is_cut() {
        let many = "line\n".repeat(1000);
        let shown = diff("", &many);
        assert!(shown.ends_with("… and 803 lines more"), "{shown}");
    }
}
