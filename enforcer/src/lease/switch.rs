//! The kill switch: an annotation on the Lease that stops all writes.

use std::fmt;

use pullstop_core::names::STOP_ANNOTATION;
use pullstop_core::text::printable;
use pullstop_core::time::Timestamp;
use pullstop_core::wire::timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::api::shorten;

/// Writes are stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// The Lease, with its namespace.
    pub lease: String,
    /// What the annotation says: `true`, or who stopped them and why.
    pub value: String,
    /// The program that set it, as the API server knows it, such as `kubectl-annotate`.
    pub by: Option<String>,
    /// When it was set, or, if the API server does not know, first seen.
    pub since: Timestamp,
}

impl Stop {
    /// What the annotations of a Lease ask for, if it is to stop. `before` is what they asked for when they were last seen.
    pub(super) fn read(
        lease: &str,
        value: Option<&str>,
        managed: &[Managed],
        before: Option<&Self>,
        now: Timestamp,
    ) -> Option<Self> {
        /// The text of others goes into logs and pages.
        const TEXT_BYTES_MAX: usize = 200;
        let text = |text: &str| shorten(&printable(text), TEXT_BYTES_MAX);
        let value = value.filter(|value| !value.eq_ignore_ascii_case("false"))?;
        let sets_it = |managed: &&Managed| {
            let annotations = &managed.fields_v1["f:metadata"]["f:annotations"];
            annotations.get(format!("f:{STOP_ANNOTATION}")).is_some()
        };
        let managed = managed.iter().find(sets_it);
        let set_at = managed.and_then(|managed| timestamp::parse(managed.time.as_deref()?));
        Some(Self {
            lease: lease.to_owned(),
            value: text(value),
            by: managed.map(|managed| text(&managed.manager)),
            since: set_at
                .or_else(|| before.map(|stop| stop.since))
                .unwrap_or(now),
        })
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            lease,
            value,
            by,
            since,
        } = self;
        let by = by.as_deref().unwrap_or("an unknown client");
        let since = timestamp::print_seconds(*since);
        write!(
            f,
            "all writes, by {by}, since {since}: the Lease {lease} has the annotation `{STOP_ANNOTATION}: {value}`"
        )
    }
}

/// Who manages which fields of an object.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Managed {
    manager: String,
    time: Option<String>,
    fields_v1: Value,
}
