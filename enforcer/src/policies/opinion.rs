//! The status of one policy object: accepted, invalid or not selected.

use std::fmt::Write;

use pullstop_core::names::{ACCEPTED, INVALID_REASON, NOT_SELECTED_REASON};
use pullstop_core::text::printable;

use crate::api::shorten;

/// The name of the active policy.
pub const NAME: &str = "default";

/// Kubernetes allows a condition's message this many characters, and refuses the whole status if it has more.
pub const MESSAGE_BYTES_MAX: usize = 32_768;

/// The opinion on one policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opinion {
    /// Why it is active or not, in one word.
    pub reason: &'static str,
    /// The same for people; at most [`MESSAGE_BYTES_MAX`] bytes.
    pub message: String,
}

impl Opinion {
    pub(super) fn accepted() -> Self {
        Self {
            reason: ACCEPTED,
            message: "the policy is active".to_owned(),
        }
    }

    pub(super) fn not_selected() -> Self {
        let message =
            format!("only the policy named `{NAME}` is active: rename this one, or remove it");
        Self {
            reason: NOT_SELECTED_REASON,
            message,
        }
    }

    /// All that is wrong with it, as far as there is room.
    pub(super) fn invalid(errors: &[String]) -> Self {
        /// One error says no more than this; a name in it may be as long as an object.
        const ERROR_BYTES_MAX: usize = 1000;
        /// For how many more there are, and for what is in force instead.
        const REST_BYTES_MAX: usize = 100;
        let mut message = String::new();
        for (at, error) in errors.iter().enumerate() {
            let error = shorten(&printable(error), ERROR_BYTES_MAX);
            if message.len() + error.len() + REST_BYTES_MAX > MESSAGE_BYTES_MAX {
                // Writing to a string cannot fail.
                let _ = write!(message, "and {} more; ", errors.len() - at);
                break;
            }
            message.push_str(&error);
            message.push_str("; ");
        }
        message.push_str("the last valid policy stays active");
        Self {
            reason: INVALID_REASON,
            message,
        }
    }
}
