//! Strips what the kubelet and the runtimes wrap around an error.

/// The error itself: `message` without the kubelet's envelopes.
///
/// During back-off the message is `Back-off pulling image "x": ErrImagePull: <error>`
/// (`pkg/kubelet/images/image_manager.go`), on older kubelets without the error: then the result is empty.
/// Events put `Failed to pull image "x": ` in front, and their aggregation `(combined from similar events): `.
pub fn error_text(message: &str) -> &str {
    let mut text = message.trim();
    loop {
        let peeled = peel(text);
        if peeled.len() == text.len() {
            return text;
        }
        text = peeled;
    }
}

/// The errors that make up `text`: one per credential the kubelet tried, joined as `[first, second]`, and of an
/// error that CRI-O prints twice (`pull image err: …; artifact err: …`) the half about the image.
pub(super) fn elements(text: &str) -> Vec<&str> {
    let Some(open) = aggregate_start(text) else {
        return vec![image_half(text)];
    };
    let body = text[open + 1..].trim_end().trim_end_matches(']');
    let mut elements = Vec::new();
    let mut start = 0;
    for (comma, _) in body.match_indices(", ") {
        if elements.len() + 1 < ELEMENTS_MAX && starts_element(&body[comma + 2..]) {
            elements.push(image_half(&body[start..comma]));
            start = comma + 2;
        }
    }
    elements.push(image_half(&body[start..]));
    elements
}

/// Whether the kubelet was looking for the image on the node, not pulling it.
pub(super) fn is_inspection(message: &str) -> bool {
    message.trim_start().starts_with("Failed to inspect image ")
}

/// A kubelet tries a handful of credentials; more than that is foreign text.
const ELEMENTS_MAX: usize = 16;
const COMBINED: &str = "(combined from similar events): ";
const FAILED: &str = "Failed to pull image ";
const BACK_OFF: &str = "Back-off pulling image ";
/// What the kubelet puts between `Back-off pulling image "x"` and the last error, and `Error: ` alone in events
/// (`pkg/kubelet/images/types.go`, `cri-api/pkg/errors`).
const REASONS: [&str; 6] = [
    "ErrImagePull",
    "ImagePullBackOff",
    "RegistryUnavailable",
    "SignatureValidationFailed",
    "ErrImageNeverPull",
    "ImageInspectError",
];
/// How the errors of pulls begin: behind `, ` they start the next of several.
const ELEMENT_STARTS: [&str; 12] = [
    "failed to pull",
    "failed to resolve",
    "failed to copy",
    "rpc error:",
    "unable to pull",
    "Error response from daemon",
    "initializing source",
    "copying system image",
    "reading manifest",
    "pinging container registry",
    "no match for platform",
    "pull QPS exceeded",
];

fn peel(text: &str) -> &str {
    if let Some(rest) = text.strip_prefix(COMBINED) {
        return rest;
    }
    if let Some(rest) = text
        .strip_prefix(BACK_OFF)
        .or_else(|| text.strip_prefix(FAILED))
    {
        return behind_quoted(rest).unwrap_or(text);
    }
    if let Some(error) = logged(text).or_else(|| failed_sync(text)) {
        return error;
    }
    let bare = text.strip_prefix("Error: ").unwrap_or(text);
    if REASONS.contains(&bare) {
        return "";
    }
    // `ErrImagePull: <error>` is the kubelet's; a runtime's own `RegistryUnavailable: ` prefix decides something.
    ["ErrImagePull: ", "ImagePullBackOff: "]
        .iter()
        .find_map(|reason| text.strip_prefix(reason))
        .unwrap_or(text)
}

/// What stands behind `"x": `, or nothing behind `"x"` alone.
fn behind_quoted(text: &str) -> Option<&str> {
    // Logs escape the quotes.
    let text = text.trim_start_matches('\\');
    let (_, rest) = text.strip_prefix('"')?.split_once('"')?;
    let rest = rest.trim_start();
    if rest.is_empty() {
        Some("")
    } else {
        Some(rest.strip_prefix(':')?.trim_start())
    }
}

/// The error in a line of the kubelet's log, with or without its head: `E0220 10:12:44.905551 1711 pod_workers.go:1301]
/// "Error syncing pod, skipping" err="…" pod="…`.
fn logged(text: &str) -> Option<&str> {
    const HEADLESS: &str = "\"Error syncing pod, skipping\"";
    let is_head =
        |head: &[u8]| b"IWEF".contains(&head[0]) && head[1..].iter().all(u8::is_ascii_digit);
    let has_head = text.as_bytes().get(..5).is_some_and(is_head);
    // What begins otherwise need not be searched.
    if !has_head && !text.starts_with(HEADLESS) {
        return None;
    }
    let (before, error) = text.split_once(" err=\"")?;
    if !has_head && before != HEADLESS {
        return None;
    }
    Some(
        error
            .split_once("\" pod=")
            .map_or(error, |(error, _)| error),
    )
}

/// The error in `failed to "StartContainer" for "x" with ErrImagePull: "…"`, which logs and Events about syncs have
/// (`pkg/kubelet/container/sync_result.go`); the quotes may be escaped.
fn failed_sync(text: &str) -> Option<&str> {
    let action = text.strip_prefix("failed to ")?.trim_start_matches(QUOTES);
    let rest = action.strip_prefix("StartContainer")?;
    let (_, error) = [" with ErrImagePull: ", " with ImagePullBackOff: "]
        .iter()
        .find_map(|reason| rest.split_once(reason))?;
    Some(error.trim_matches(QUOTES))
}

const QUOTES: [char; 2] = ['\\', '"'];

fn aggregate_start(text: &str) -> Option<usize> {
    text.match_indices('[').map(|(at, _)| at).find(|&at| {
        (at == 0 || text[..at].ends_with(": ") || text[..at].ends_with('"'))
            && starts_element(&text[at + 1..])
    })
}

fn starts_element(text: &str) -> bool {
    ELEMENT_STARTS.iter().any(|start| text.starts_with(start))
}

fn image_half(text: &str) -> &str {
    const IMAGE: &str = "pull image err: ";
    match text.find(IMAGE) {
        Some(at) => {
            let half = &text[at + IMAGE.len()..];
            half.find("; artifact err: ")
                .map_or(half, |end| &half[..end])
        }
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envelopes_are_peeled() {
        for (message, inside) in [
            ("boom", "boom"),
            ("Back-off pulling image \"a:b\"", ""),
            (
                "Back-off pulling image \"a:b\": ErrImagePull: boom: bang",
                "boom: bang",
            ),
            (
                "Failed to pull image \"a\": rpc error: boom",
                "rpc error: boom",
            ),
            (
                "(combined from similar events): Failed to pull image \"a\": boom",
                "boom",
            ),
            (
                "failed to \"StartContainer\" for \"c\" with ErrImagePull: \"pull QPS exceeded\"",
                "pull QPS exceeded",
            ),
            (
                "E0220 10:12:44.9 1711 pod_workers.go:1301] \"Error syncing pod, skipping\" err=\"failed to \\\"StartContainer\\\" \
                 for \\\"c\\\" with ErrImagePull: \\\"pull QPS exceeded\\\"\" pod=\"a/b\"",
                "pull QPS exceeded",
            ),
            ("Error: ErrImagePull", ""),
            ("ImagePullBackOff", ""),
            (
                "Back-off pulling image \"unclosed",
                "Back-off pulling image \"unclosed",
            ),
            (
                "Back-off pulling image \"a\": SignatureValidationFailed: image pull failed for a",
                "SignatureValidationFailed: image pull failed for a",
            ),
        ] {
            assert_eq!(error_text(message), inside, "{message}");
        }
    }

    #[test]
    fn aggregates_are_split() {
        assert_eq!(
            elements("[failed to pull a, and b: x, rpc error: code = NotFound desc = y]"),
            [
                "failed to pull a, and b: x",
                "rpc error: code = NotFound desc = y"
            ]
        );
        assert_eq!(
            elements("dial tcp [::1]:53: refused, sadly"),
            ["dial tcp [::1]:53: refused, sadly"]
        );
        assert_eq!(
            elements("failed with status code [manifests v1]: 404"),
            ["failed with status code [manifests v1]: 404"]
        );
        assert_eq!(elements("["), ["["]);
    }

    #[test]
    fn the_half_about_the_image_counts() {
        let twice = "unable to pull image or OCI artifact: pull image err: E1; artifact err: E2";
        assert_eq!(elements(twice), ["E1"]);
    }
}
