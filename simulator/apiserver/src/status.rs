//! Refusals, as `metav1.Status` bodies with the API server's own words.

use serde_json::{Map, Value, json};

use super::resources::Resource;

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// The HTTP status code.
    pub(super) code: u16,
    /// One word for programs; empty where the API server gives none.
    pub(super) reason: &'static str,
    /// A sentence for people.
    pub(super) message: String,
    /// What the refusal is about, and its causes.
    pub(super) details: Option<Value>,
    /// When it may be tried again, also sent as `Retry-After`.
    pub(super) retry_after_seconds: Option<u32>,
}

impl Failure {
    /// A refusal without details.
    pub(super) fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            details: None,
            retry_after_seconds: None,
        }
    }

    /// 400.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// 401, for a token that nobody has.
    pub(super) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    /// 404, for an object that is not there.
    pub(super) fn not_found(resource: &Resource, name: &str) -> Self {
        let message = format!("{} \"{name}\" not found", resource.qualified());
        Self::new(404, "NotFound", message).about(name, &resource.group, &resource.plural)
    }

    /// 404, for a path that leads nowhere.
    pub(super) fn unknown_resource() -> Self {
        let message = "the server could not find the requested resource";
        Self::new(404, "NotFound", message).with_details(json!({}))
    }

    /// 405, for a verb that a resource does not have.
    pub(super) fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self::new(405, "MethodNotAllowed", message).with_details(json!({}))
    }

    /// 406, for a form of answers that there is not.
    pub(super) fn not_acceptable(message: impl Into<String>) -> Self {
        Self::new(406, "NotAcceptable", message)
    }

    /// 409, for a name that is taken.
    pub(super) fn already_exists(resource: &Resource, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", resource.qualified());
        Self::new(409, "AlreadyExists", message).about(name, &resource.group, &resource.plural)
    }

    /// 409, for an object that is at another version.
    pub(super) fn conflict(resource: &Resource, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        let message = format!(
            "Operation cannot be fulfilled on {} \"{name}\": {why}",
            resource.qualified()
        );
        Self::new(409, "Conflict", message).about(name, &resource.group, &resource.plural)
    }

    /// 410, for a version that is forgotten.
    pub(super) fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    /// 403, for what is not done here; `why` says what to do instead.
    pub(super) fn forbidden(resource: &Resource, name: &str, why: &str) -> Self {
        let message = format!("{} \"{name}\" is forbidden: {why}", resource.qualified());
        Self::new(403, "Forbidden", message).about(name, &resource.group, &resource.plural)
    }

    /// 413.
    pub(super) fn too_large(what: &str) -> Self {
        let message = format!("Request entity too large: {what}");
        Self::new(413, "RequestEntityTooLarge", message).with_details(json!({}))
    }

    /// 422, for an object with errors in its fields. `kind` may be empty, as the API server has it in places.
    pub(super) fn invalid(kind: &str, group: &str, name: &str, errors: &[FieldError]) -> Self {
        let qualified = if group.is_empty() {
            kind.to_owned()
        } else {
            format!("{kind}.{group}")
        };
        let message = format!("{qualified} \"{name}\" is invalid: {}", joined(errors));
        let causes: Vec<Value> = errors.iter().map(FieldError::cause).collect();
        Self::new(422, "Invalid", message)
            .about(name, group, kind)
            .adding("causes", causes.into())
    }

    /// 504, for a version that is still to come.
    pub(super) fn version_too_large(asked: u64, current: u64) -> Self {
        let message = format!("Timeout: Too large resource version: {asked}, current: {current}");
        let cause =
            json!({"reason": "ResourceVersionTooLarge", "message": "Too large resource version"});
        Self {
            retry_after_seconds: Some(1),
            ..Self::new(504, "Timeout", message)
        }
        .with_details(json!({"causes": [cause]}))
    }

    /// Says what the refusal is about; what is empty is left out.
    #[must_use]
    pub(super) fn about(self, name: &str, group: &str, kind: &str) -> Self {
        let members = [("name", name), ("group", group), ("kind", kind)];
        let details: Map<String, Value> = members
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(member, value)| (member.to_owned(), value.into()))
            .collect();
        self.with_details(details.into())
    }

    #[must_use]
    pub(super) fn with_details(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }

    fn adding(mut self, member: &str, value: Value) -> Self {
        if let Some(Value::Object(details)) = &mut self.details {
            details.insert(member.to_owned(), value);
        }
        self
    }

    /// The body.
    pub(super) fn body(&self) -> Value {
        let mut body = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "code": self.code,
        });
        if !self.reason.is_empty() {
            body["reason"] = self.reason.into();
        }
        if let Some(details) = &self.details {
            body["details"] = details.clone();
        }
        if let Some(seconds) = self.retry_after_seconds {
            body["details"]["retryAfterSeconds"] = seconds.into();
        }
        body
    }
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FieldError {
    reason: &'static str,
    field: String,
    detail: String,
}

impl FieldError {
    /// A value that will not do; `value` as Go prints it, strings in quotes.
    pub(super) fn invalid(field: impl Into<String>, value: &str, why: &str) -> Self {
        Self {
            reason: "FieldValueInvalid",
            field: field.into(),
            detail: format!("Invalid value: {value}: {why}"),
        }
    }

    /// A value that is none of those that may be there; `value` as Go prints it.
    pub(super) fn not_supported(field: impl Into<String>, value: &str, supported: &[&str]) -> Self {
        let supported: Vec<String> = supported.iter().map(|one| format!("\"{one}\"")).collect();
        let supported = supported.join(", ");
        Self {
            reason: "FieldValueNotSupported",
            field: field.into(),
            detail: format!("Unsupported value: {value}: supported values: {supported}"),
        }
    }

    /// A text that is too long.
    pub(super) fn too_long(field: impl Into<String>, bytes_max: usize) -> Self {
        Self {
            reason: "FieldValueTooLong",
            field: field.into(),
            detail: format!("Too long: may not be more than {bytes_max} bytes"),
        }
    }

    /// A value that is there already.
    pub(super) fn duplicate(field: impl Into<String>, value: &str) -> Self {
        Self {
            reason: "FieldValueDuplicate",
            field: field.into(),
            detail: format!("Duplicate value: \"{value}\""),
        }
    }

    /// A value that is missing.
    pub(super) fn required(field: impl Into<String>, why: &str) -> Self {
        Self {
            reason: "FieldValueRequired",
            field: field.into(),
            detail: labelled("Required value", why),
        }
    }

    /// A value that may not be there, or not be changed.
    pub(super) fn forbidden(field: impl Into<String>, why: &str) -> Self {
        Self {
            reason: "FieldValueForbidden",
            field: field.into(),
            detail: labelled("Forbidden", why),
        }
    }

    fn cause(&self) -> Value {
        json!({"reason": self.reason, "message": self.detail, "field": self.field})
    }
}

fn labelled(label: &str, why: &str) -> String {
    if why.is_empty() {
        label.to_owned()
    } else {
        format!("{label}: {why}")
    }
}

/// All errors in one line, each only once.
fn joined(errors: &[FieldError]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for error in errors {
        let line = format!("{}: {}", error.field, error.detail);
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    match lines.as_slice() {
        [line] => line.clone(),
        lines => format!("[{}]", lines.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_error_is_said_once_and_caused_twice() {
        let error = FieldError::required("spec.containers", "");
        let failure = Failure::invalid("Pod", "", "p", &[error.clone(), error]);
        assert_eq!(
            failure.message,
            "Pod \"p\" is invalid: spec.containers: Required value"
        );
        let body = failure.body();
        assert_eq!(body["details"]["causes"].as_array().map(Vec::len), Some(2));
        assert_eq!(body["details"]["name"], "p");
    }
}
