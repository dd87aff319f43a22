//! The JSON Schema of values that are checked by hand.

use schemars::JsonSchema;

use super::{WISHES, countable_causes};
use crate::cause::Cause;

/// A mode that a pod can ask for.
pub(super) struct OverrideName;

impl JsonSchema for OverrideName {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Wish".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let names: Vec<&str> = WISHES.iter().map(|(name, _)| *name).collect();
        schemars::json_schema!({ "type": "string", "description": "A mode that a pod can ask for.", "enum": names })
    }
}

/// What may be anything.
pub(super) struct Anything;

impl JsonSchema for Anything {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Anything".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({})
    }
}

/// The name of a cause.
pub(super) struct CauseName;

impl JsonSchema for CauseName {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Cause".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let names: Vec<&str> = countable_causes().map(Cause::as_str).collect();
        schemars::json_schema!({ "type": "string", "description": "Why a pull failed.", "enum": names })
    }
}
