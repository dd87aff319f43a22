//! The two annotations that people set, on pods and on their Jobs and namespaces.

use std::time::Duration;

use super::Metadata;
use crate::names::{MODE_ANNOTATION, PATIENCE_ANNOTATION};
use crate::overrides::{Mode, Overrides};
use crate::time::parse_duration;

impl Metadata {
    /// What the annotations ask for. A value that cannot be read is taken for caution: its author did not want pods to be
    /// failed fast.
    pub fn overrides(&self) -> Overrides {
        let annotation = |name| self.annotations.get(name).map(|value| value.trim());
        Overrides {
            mode: annotation(MODE_ANNOTATION).map(mode),
            patience: annotation(PATIENCE_ANNOTATION)
                .map(|patience| parse_duration(patience).unwrap_or(Duration::MAX)),
        }
    }
}

fn mode(text: &str) -> Mode {
    if text.eq_ignore_ascii_case("enforce") {
        Mode::Enforce
    } else if text.eq_ignore_ascii_case("off") {
        Mode::Off
    } else {
        Mode::Warn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_caution() {
        let metadata: Metadata = serde_json::from_str(
            r#"{"annotations": {"pullstop.dev/mode": "of", "pullstop.dev/patience": "a day"}}"#,
        )
        .unwrap();
        assert_eq!(
            metadata.overrides(),
            Overrides {
                mode: Some(Mode::Warn),
                patience: Some(Duration::MAX)
            }
        );
    }
}
