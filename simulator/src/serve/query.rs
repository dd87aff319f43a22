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
    pub(super) allow_bookmarks: bool,
    pub(super) resource_version: String,
    pub(super) version_match: String,
    /// Objects per page; zero for all.
    pub(super) limit: usize,
    pub(super) continued: String,
    pub(super) label_selector: String,
    pub(super) field_selector: String,
    pub(super) timeout: Option<Duration>,
    /// Do everything but store.
    pub(super) dry_run: bool,
    pub(super) field_validation: String,
    pub(super) field_manager: String,
    pub(super) force: bool,
    /// What a table's rows carry: `None`, `Metadata` or `Object`.
    pub(super) include_object: String,
    pub(super) grace_period_seconds: Option<u64>,
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
            "watch" => self.watch = flag(&value),
            "sendInitialEvents" => self.send_initial_events = flag(&value),
            "allowWatchBookmarks" => self.allow_bookmarks = flag(&value),
            "force" => self.force = flag(&value),
            "resourceVersion" => self.resource_version = value,
            "resourceVersionMatch" => self.version_match = value,
            "limit" => self.limit = usize::try_from(number(name, &value)?).unwrap_or(usize::MAX),
            "continue" => self.continued = value,
            "labelSelector" => self.label_selector = value,
            "fieldSelector" => self.field_selector = value,
            "timeoutSeconds" => {
                // Zero is as good as nothing.
                let seconds = Some(number(name, &value)?).filter(|seconds| *seconds > 0);
                self.timeout = seconds.map(Duration::from_secs);
            }
            "gracePeriodSeconds" => self.grace_period_seconds = Some(number(name, &value)?),
            "dryRun" if value == "All" => self.dry_run = true,
            "dryRun" => return Err(bad_dry_run(&value)),
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
            let why = format!("strconv.ParseUint: parsing \"{text}\": invalid syntax");
            let message = format!("resourceVersion: Invalid value: \"{text}\": {why}");
            Failure::new(500, "", message)
        };
        text.parse().map(Some).map_err(unread)
    }

    /// Whether the options of a list or a watch go together.
    pub(super) fn check_list(&self) -> Result<(), Failure> {
        let forbidden = |why: &str| {
            let error = FieldError::forbidden("resourceVersionMatch", why);
            Err(Failure::invalid("ListOptions", "meta.k8s.io", "", &[error]))
        };
        let matching = self.version_match.as_str();
        if self.watch && self.send_initial_events && matching != "NotOlderThan" {
            return forbidden(
                "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
            );
        }
        if self.watch {
            return if matching.is_empty() || self.send_initial_events {
                Ok(())
            } else {
                forbidden(
                    "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
                )
            };
        }
        match matching {
            "" => Ok(()),
            _ if !self.continued.is_empty() => {
                forbidden("resourceVersionMatch is forbidden when continue is provided")
            }
            _ if self.resource_version.is_empty() => {
                forbidden("resourceVersionMatch is forbidden unless resourceVersion is provided")
            }
            "Exact" if self.resource_version == "0" => {
                forbidden("resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"")
            }
            "Exact" | "NotOlderThan" => Ok(()),
            _ => forbidden("supported values: \"Exact\", \"NotOlderThan\""),
        }
    }
}

fn flag(value: &str) -> bool {
    !matches!(value, "0" | "false")
}

fn number(name: &str, value: &str) -> Result<u64, Failure> {
    let why = |_| {
        Failure::bad_request(format!(
            "strconv.ParseInt: parsing \"{value}\": invalid syntax (parameter {name})"
        ))
    };
    value.parse().map_err(why)
}

fn bad_dry_run(value: &str) -> Failure {
    let error = FieldError::invalid(
        "dryRun",
        &format!("[\"{value}\"]"),
        "supported values: \"All\"",
    );
    Failure::invalid("PatchOptions", "meta.k8s.io", "", &[error])
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
        for query in ["limit=x", "timeoutSeconds=-1"] {
            assert_eq!(Query::parse(query).unwrap_err().code, 400, "{query}");
        }
        assert_eq!(Query::parse("dryRun=Some").unwrap_err().code, 422);
    }
}
