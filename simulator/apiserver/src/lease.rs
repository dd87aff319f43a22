//! What is wrong with Leases, as `k8s.io/kubernetes/pkg/apis/coordination/validation` says it.

use serde_json::Value;

use super::status::FieldError;

/// What is wrong with a Lease.
pub(super) fn check(lease: &Value) -> Vec<FieldError> {
    let spec = &lease["spec"];
    let at_least = |field: &str, least: i64, why: &str| {
        let value = spec[field].as_i64().filter(|value| *value < least)?;
        let field = format!("spec.{field}");
        Some(FieldError::invalid(field, &value.to_string(), why))
    };
    let duration = at_least("leaseDurationSeconds", 1, "must be greater than 0");
    let transitions = at_least("leaseTransitions", 0, "must be greater than or equal to 0");
    duration.into_iter().chain(transitions).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn leases_last_and_count() {
        let errors = |spec: Value| check(&json!({"spec": spec})).len();
        assert_eq!(
            errors(json!({"leaseDurationSeconds": 15, "leaseTransitions": 0})),
            0
        );
        assert_eq!(
            errors(json!({"leaseDurationSeconds": 0, "leaseTransitions": -1})),
            2
        );
    }
}
