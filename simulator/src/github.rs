//! Escaping for GitHub's workflow commands, such as `::warning file=…,line=…::text`.
//!
//! As in `toolkit/packages/core/src/command.ts` of github.com/actions/toolkit.

/// What stands behind the second `::`.
pub(crate) fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// What stands behind a `=`.
pub(crate) fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
