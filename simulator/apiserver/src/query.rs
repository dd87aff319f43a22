//! What a request asks for in its query.

use std::time::Duration;

use super::status::{Failure, FieldError};

/// The parameters of all kinds of requests; each request looks at its own.
#[derive(Clone, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent switches of the query string"
)]
pub(super) struct Query {
    /// Answer with a stream of changes.
    pub(super) watch: bool,
    /// Start the stream with all objects, and mark their end.
    pub(super) send_initial_events: bool,
    /// Whether the query says anything on initial events.
    initial_events_said: bool,
    pub(super) allow_bookmarks: bool,
    pub(super) resource_version: String,
    pub(super) version_match: String,
    /// Objects per page; zero for all.
    pub(super) limit: usize,
    pub(super) continued: String,
    pub(super) label_selector: String,
    pub(super) field_selector: String,
    pub(super) timeout: Option<Duration>,
    /// Do everything but store; `All` is the only stage that there is.
    dry_run: Vec<String>,
    pub(super) field_validation: String,
    pub(super) field_manager: String,
    pub(super) force: bool,
    /// What a table's rows carry: `None`, `Metadata` or `Object`.
    pub(super) include_object: String,
    pub(super) grace_period_seconds: Option<i64>,
    pub(super) propagation_policy: String,
    /// Whose logs are asked for.
    pub(super) container: String,
    /// Say more of one's health.
    pub(super) verbose: bool,
}

impl Query {
    /// Reads a query string.
    pub(super) fn parse(query: &str) -> Result<Self, Failure> {
        let mut parsed = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            parsed.take(&decoded(name), decoded(value))?;
        }
        Ok(parsed)
    }

    fn take(&mut self, name: &str, value: String) -> Result<(), Failure> {
        match name {
            "container" => self.container = value,
            "verbose" => self.verbose = true,
            "watch" => self.watch = flag(&value),
            "sendInitialEvents" => {
                (self.send_initial_events, self.initial_events_said) = (flag(&value), true);
            }
            "allowWatchBookmarks" => self.allow_bookmarks = flag(&value),
            "force" => self.force = flag(&value),
            "resourceVersion" => self.resource_version = value,
            "resourceVersionMatch" => self.version_match = value,
            // Less than nothing is as good as no limit.
            "limit" => self.limit = usize::try_from(number(&value)?).unwrap_or(0),
            "continue" => self.continued = value,
            "labelSelector" => self.label_selector = value,
            "fieldSelector" => self.field_selector = value,
            "timeoutSeconds" => {
                // Zero is as good as nothing.
                let seconds = u64::try_from(number(&value)?).ok();
                let seconds = seconds.filter(|seconds| *seconds > 0);
                self.timeout = seconds.map(Duration::from_secs);
            }
            "gracePeriodSeconds" => self.grace_period_seconds = Some(number(&value)?),
            "propagationPolicy" => self.propagation_policy = value,
            "dryRun" => self.dry_run.push(value),
            "fieldValidation" => self.field_validation = value,
            "fieldManager" => self.field_manager = value,
            "includeObject" => self.include_object = value,
            _ => {}
        }
        Ok(())
    }

    /// The version that is asked for, if any; zero is any version.
    pub(super) fn version(&self) -> Result<Option<u64>, Failure> {
        let text = self.resource_version.as_str();
        if text.is_empty() {
            return Ok(None);
        }
        let unread = |_| {
            let message = format!(
                "resourceVersion: Invalid value: \"{text}\": {}",
                no_version(text)
            );
            Failure::new(500, "", message)
        };
        text.parse().map(Some).map_err(unread)
    }

    /// Whether a watch is not to begin with what is there.
    pub(super) fn refuses_initial_events(&self) -> bool {
        self.initial_events_said && !self.send_initial_events
    }

    /// Whether nothing is to be stored.
    pub(super) fn is_dry_run(&self) -> bool {
        !self.dry_run.is_empty()
    }

    /// Whether the options of a write are right.
    pub(super) fn check_write(&self, verb: &str, applies: bool) -> Result<(), Failure> {
        let mut errors = Vec::new();
        if applies && self.field_manager.is_empty() {
            errors.push(FieldError::required(
                "fieldManager",
                "is required for apply patch",
            ));
        }
        if verb == "patch" && self.force && !applies {
            let why = "may not be specified for non-apply patch";
            errors.push(FieldError::forbidden("force", why));
        }
        errors.extend(self.check_manager());
        if self.dry_run.iter().any(|stage| stage != "All") {
            let shown = format!("{:?}", self.dry_run);
            errors.push(FieldError::not_supported("dryRun", &shown, &["All"]));
        }
        let known = ["", "Ignore", "Strict", "Warn"];
        if !known.contains(&self.field_validation.as_str()) {
            let shown = format!("{:?}", self.field_validation);
            errors.push(FieldError::not_supported("fieldValidation", &shown, &known));
        }
        let kind = match verb {
            "create" => "CreateOptions",
            "update" => "UpdateOptions",
            "patch" => "PatchOptions",
            _ => "DeleteOptions",
        };
        refuse_options(kind, &errors)
    }

    fn check_manager(&self) -> Option<FieldError> {
        let manager = self.field_manager.as_str();
        if manager.len() > MANAGER_MAX_BYTES {
            return Some(FieldError::too_long("fieldManager", MANAGER_MAX_BYTES));
        }
        let (at, odd) = manager.char_indices().find(|(_, c)| c.is_control())?;
        let shown = manager.escape_default().to_string();
        let shown = shown.replace("\\u{0}", "\\x00");
        let why = format!(
            "invalid character U+{:04X} (at position {at})",
            u32::from(odd)
        );
        Some(FieldError::invalid(
            "fieldManager",
            &format!("\"{shown}\""),
            &why,
        ))
    }

    /// Whether the options of a list or a watch go together.
    pub(super) fn check_list(&self) -> Result<(), Failure> {
        let errors = if self.initial_events_said {
            self.check_initial_events()
        } else {
            self.check_match()
        };
        refuse_options("ListOptions", &errors)
    }

    fn check_initial_events(&self) -> Vec<FieldError> {
        if !self.watch {
            let why = "sendInitialEvents is forbidden for list";
            return vec![FieldError::forbidden("sendInitialEvents", why)];
        }
        let matching = self.version_match.as_str();
        if matching == "NotOlderThan" {
            return Vec::new();
        }
        let why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
        let mut errors = vec![FieldError::forbidden(MATCH, why)];
        if !matching.is_empty() {
            let shown = format!("{matching:?}");
            errors.push(FieldError::not_supported(MATCH, &shown, &["NotOlderThan"]));
        }
        errors
    }

    fn check_match(&self) -> Vec<FieldError> {
        let matching = self.version_match.as_str();
        let forbidden = |why: &str| FieldError::forbidden(MATCH, why);
        if matching.is_empty() && self.watch && !self.continued.is_empty() {
            return vec![forbidden(
                "resourceVersionMatch is forbidden when continue is provided",
            )];
        }
        if matching.is_empty() {
            return Vec::new();
        }
        let mut errors = Vec::new();
        if self.watch {
            let why =
                "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
            errors.push(forbidden(why));
        }
        if self.resource_version.is_empty() {
            let why = "resourceVersionMatch is forbidden unless resourceVersion is provided";
            errors.push(forbidden(why));
        }
        if !self.continued.is_empty() {
            let why = "resourceVersionMatch is forbidden when continue is provided";
            errors.push(forbidden(why));
        }
        if !["Exact", "NotOlderThan"].contains(&matching) {
            let shown = format!("{matching:?}");
            let supported = ["Exact", "NotOlderThan", ""];
            errors.push(FieldError::not_supported(MATCH, &shown, &supported));
        }
        if matching == "Exact" && self.resource_version == "0" {
            let why = "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"";
            errors.push(forbidden(why));
        }
        errors
    }
}

const MATCH: &str = "resourceVersionMatch";

/// How long the name of a field manager may be.
const MANAGER_MAX_BYTES: usize = 128;

fn refuse_options(kind: &str, errors: &[FieldError]) -> Result<(), Failure> {
    if errors.is_empty() {
        return Ok(());
    }
    Err(Failure::invalid(kind, "meta.k8s.io", "", errors))
}

/// Why this is no version, in Go's words.
pub(super) fn no_version(text: &str) -> String {
    format!("strconv.ParseUint: parsing \"{text}\": invalid syntax")
}

fn flag(value: &str) -> bool {
    !matches!(value, "0" | "false")
}

fn number(value: &str) -> Result<i64, Failure> {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    value.parse().map_err(|error: std::num::ParseIntError| {
        let why = match error.kind() {
            PosOverflow | NegOverflow => "value out of range",
            _ => "invalid syntax",
        };
        Failure::bad_request(format!("strconv.ParseInt: parsing \"{value}\": {why}"))
    })
}

/// A word of a query: besides percent-encoding, a plus is a space.
fn decoded(word: &str) -> String {
    percent_decoded(&word.replace('+', " "))
}

/// Undoes percent-encoding.
pub(super) fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let encoded = match (first, tail) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        if let Some((high, low)) = encoded {
            bytes.push(high << 4 | low);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_decoded() {
        let query =
            Query::parse("watch=1&limit=7&fieldSelector=a%3Db%2Cc&labelSelector=x+in+(y)&x");
        let query = query.unwrap();
        assert!(query.watch);
        assert_eq!((query.limit, query.field_selector.as_str()), (7, "a=b,c"));
        assert_eq!(query.label_selector, "x in (y)");
        assert_eq!(decoded("100%&%zz%4"), "100%&%zz%4");
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for query in [
            "watch=1&sendInitialEvents=1",
            "watch=1&resourceVersionMatch=NotOlderThan",
            "resourceVersionMatch=Exact",
            "resourceVersionMatch=Exact&resourceVersion=0",
            "resourceVersionMatch=Newest&resourceVersion=1",
        ] {
            let refused = Query::parse(query).unwrap().check_list().unwrap_err();
            assert_eq!(refused.code, 422, "{query}");
        }
        for query in ["limit=x", "timeoutSeconds="] {
            assert_eq!(Query::parse(query).unwrap_err().code, 400, "{query}");
        }
        for query in [
            "dryRun=Some",
            "fieldValidation=Maybe",
            "force=1",
            "fieldManager=%00",
        ] {
            let refused = Query::parse(query).unwrap().check_write("patch", false);
            assert_eq!(refused.unwrap_err().code, 422, "{query}");
        }
    }
}
