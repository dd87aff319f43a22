//! What is wrong with pods and with their changes.

use serde_json::Value;

use crate::names;
use crate::status::FieldError;
use crate::value::{items, items_mut, members, text};

/// `activeDeadlineSeconds` is a positive `int32`.
const DEADLINE_MAX: i64 = 2_147_483_647;

/// What is wrong with a pod on its own.
pub(crate) fn check(pod: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if items(pod, "/spec/containers").is_empty() {
        errors.push(FieldError::required("spec.containers", ""));
    }
    for list in ["containers", "initContainers"] {
        errors.extend(check_containers(pod, list));
    }
    let policy = text(pod, "/spec/restartPolicy");
    let known = ["Always", "OnFailure", "Never"];
    if !policy.is_empty() && !known.contains(&policy) {
        let shown = format!("\"{policy}\"");
        errors.push(FieldError::not_supported(
            "spec.restartPolicy",
            &shown,
            &known,
        ));
    }
    errors.extend(check_tolerations(pod));
    if let Some(seconds) = pod["spec"]["activeDeadlineSeconds"].as_i64() {
        errors.extend(deadline_between(1, seconds));
    }
    errors
}

fn check_containers(pod: &Value, list: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let containers = items(pod, &format!("/spec/{list}"));
    for (at, container) in containers.iter().enumerate() {
        let field = |member: &str| format!("spec.{list}[{at}].{member}");
        let name = text(container, "/name");
        let taken = containers[..at]
            .iter()
            .any(|one| text(one, "/name") == name);
        if name.is_empty() {
            errors.push(FieldError::required(field("name"), ""));
        } else if let Some(why) = names::label(name) {
            errors.push(FieldError::invalid(
                field("name"),
                &format!("\"{name}\""),
                why,
            ));
        } else if taken {
            errors.push(FieldError::duplicate(field("name"), name));
        }
        errors.extend(check_image(container, field("image")));
        let policy = text(container, "/imagePullPolicy");
        let known = ["Always", "IfNotPresent", "Never"];
        if !policy.is_empty() && !known.contains(&policy) {
            let shown = format!("\"{policy}\"");
            errors.push(FieldError::not_supported(
                field("imagePullPolicy"),
                &shown,
                &known,
            ));
        }
    }
    errors
}

fn check_image(container: &Value, field: String) -> Option<FieldError> {
    let image = text(container, "/image");
    let why = "must not have leading or trailing whitespace";
    match image.trim() {
        "" if image.is_empty() => Some(FieldError::required(field, "")),
        trimmed if trimmed == image => None,
        _ => Some(FieldError::invalid(field, &format!("\"{image}\""), why)),
    }
}

fn check_tolerations(pod: &Value) -> Vec<FieldError> {
    let tolerations = items(pod, "/spec/tolerations").iter().enumerate();
    let odd = tolerations.filter(|(_, one)| {
        !one["tolerationSeconds"].is_null() && text(one, "/effect") != "NoExecute"
    });
    let why = "effect must be 'NoExecute' when `tolerationSeconds` is set";
    odd.map(|(at, one)| {
        let effect = format!("\"{}\"", text(one, "/effect"));
        FieldError::invalid(format!("spec.tolerations[{at}].effect"), &effect, why)
    })
    .collect()
}

/// What is wrong with a change of a pod's specification.
pub(crate) fn check_change(old: &Value, new: &Value) -> Vec<FieldError> {
    let mut errors = check(new);
    for list in ["containers", "initContainers"] {
        let of = |pod: &Value| items(pod, &format!("/spec/{list}")).len();
        if of(old) != of(new) {
            let why = "pod updates may not add or remove containers";
            errors.push(FieldError::forbidden(format!("spec.{list}"), why));
            return errors;
        }
    }
    for list in ["containers", "initContainers"] {
        // Images are looked at once more.
        let containers = items(new, &format!("/spec/{list}")).iter().enumerate();
        let again = containers.filter_map(|(at, container)| {
            check_image(container, format!("spec.{list}[{at}].image"))
        });
        errors.extend(again);
    }
    errors.extend(check_tolerations(new));
    errors.extend(check_deadline(old, new));
    errors.extend(new_gates(old, new));
    if !keeps_tolerations(old, new) {
        let why = "existing toleration can not be modified except its tolerationSeconds";
        errors.push(FieldError::forbidden("spec.tolerations", why));
    } else if fixed_part(old, old) != fixed_part(new, old) {
        errors.push(FieldError::forbidden("spec", FIXED));
    }
    errors
}

/// Scheduling gates may only be taken away (`validateOnlyDeletedSchedulingGates`).
fn new_gates(old: &Value, new: &Value) -> Vec<FieldError> {
    let gates = |pod| items(pod, "/spec/schedulingGates");
    let is_new =
        |(_, gate): &(usize, &Value)| gates(old).iter().all(|one| one["name"] != gate["name"]);
    let new = gates(new).iter().enumerate().filter(is_new);
    new.map(|(at, gate)| {
        let name = text(gate, "/name");
        let why = format!("only deletion is allowed, but found new scheduling gate '{name}'");
        FieldError::forbidden(format!("spec.schedulingGates[{at}].name"), &why)
    })
    .collect()
}

/// The API server adds the difference of the two specifications.
const FIXED: &str = "pod updates may not change fields other than `spec.containers[*].image`,\
                     `spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions \
                     to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it \
                     was previously negative)";

fn check_deadline(old: &Value, new: &Value) -> Option<FieldError> {
    let of = |pod: &Value| pod["spec"]["activeDeadlineSeconds"].as_i64();
    let field = "spec.activeDeadlineSeconds";
    match (of(old), of(new)) {
        (_, Some(new)) if !(0..=DEADLINE_MAX).contains(&new) => deadline_between(0, new),
        (Some(old), Some(new)) if new > old => {
            let why = "must be less than or equal to previous value";
            Some(FieldError::invalid(field, &new.to_string(), why))
        }
        (Some(_), None) => {
            let why = "must not update from a positive integer to nil value";
            Some(FieldError::invalid(field, "null", why))
        }
        _ => None,
    }
}

fn deadline_between(least: i64, seconds: i64) -> Option<FieldError> {
    let why = format!("must be between {least} and {DEADLINE_MAX}, inclusive");
    let field = "spec.activeDeadlineSeconds";
    (!(least..=DEADLINE_MAX).contains(&seconds))
        .then(|| FieldError::invalid(field, &seconds.to_string(), &why))
}

/// Tolerations may be added, and last longer or shorter.
fn keeps_tolerations(old: &Value, new: &Value) -> bool {
    let lasting = |pod: &Value| {
        let mut tolerations = items(pod, "/spec/tolerations").to_vec();
        for toleration in &mut tolerations {
            members(toleration).remove("tolerationSeconds");
        }
        tolerations
    };
    let new = lasting(new);
    lasting(old).iter().all(|one| new.contains(one))
}

/// What is wrong with a change of a pod's status.
pub(crate) fn check_status(old: &Value, new: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (at, condition) in items(new, "/status/conditions").iter().enumerate() {
        let kind = text(condition, "/type");
        let field = format!("status.conditions[{at}].Type");
        let wrong = names::key(kind).into_iter();
        errors.extend(wrong.map(|why| FieldError::invalid(&field, &format!("\"{kind}\""), &why)));
    }
    for list in ["containerStatuses", "initContainerStatuses"] {
        errors.extend(check_ends(old, new, list));
    }
    errors
}

/// A container that has ended does not come back, unless the pod restarts it.
fn check_ends(old: &Value, new: &Value, list: &str) -> Vec<FieldError> {
    let policy = text(new, "/spec/restartPolicy");
    let pointer = format!("/status/{list}");
    let statuses = items(old, &pointer).iter().enumerate();
    let ended = statuses.filter(|(_, status)| {
        let exit = status.pointer("/state/terminated/exitCode");
        match policy {
            "Never" => status.pointer("/state/terminated").is_some(),
            "OnFailure" => exit.and_then(Value::as_i64) == Some(0),
            _ => false,
        }
    });
    let back = ended.filter(|(_, status)| {
        let mut now = items(new, &pointer).iter();
        now.any(|one| one["name"] == status["name"] && one.pointer("/state/terminated").is_none())
    });
    let why = "may not be transitioned to non-terminated state";
    back.map(|(at, _)| FieldError::forbidden(format!("status.{list}[{at}].state"), why))
        .collect()
}

/// The specification without what may change.
fn fixed_part(pod: &Value, old: &Value) -> Value {
    let mut spec = pod["spec"].clone();
    for list in ["containers", "initContainers"] {
        for container in items_mut(&mut spec, &format!("/{list}")) {
            members(container).remove("image");
        }
    }
    let fixed = members(&mut spec);
    fixed.remove("tolerations");
    fixed.remove("activeDeadlineSeconds");
    fixed.remove("schedulingGates");
    if pod["spec"]["terminationGracePeriodSeconds"] == 1
        && old["spec"]["terminationGracePeriodSeconds"].as_i64() < Some(0)
    {
        let before = old["spec"]["terminationGracePeriodSeconds"].clone();
        fixed.insert("terminationGracePeriodSeconds".to_owned(), before);
    }
    spec
}

#[cfg(test)]
mod tests {
    use super::super::tests::pod;
    use super::*;
    use serde_json::json;

    #[test]
    fn images_deadlines_and_more_tolerations_may_change_and_nothing_else() {
        let old = pod(&json!({"containers": [{"name": "a", "image": "a:1"}]}));
        let errors = |change: &dyn Fn(&mut Value)| {
            let mut new = old.clone();
            change(&mut new["spec"]);
            check_change(&old, &new).len()
        };
        assert_eq!(
            errors(&|spec| spec["containers"][0]["image"] = "b:1".into()),
            0
        );
        assert_eq!(errors(&|spec| spec["activeDeadlineSeconds"] = 1.into()), 0);
        assert_eq!(errors(&|spec| spec["activeDeadlineSeconds"] = 0.into()), 1);
        assert_eq!(errors(&|spec| spec["nodeName"] = "n".into()), 1);
        assert_eq!(errors(&|spec| spec["tolerations"] = json!([])), 1);
        let more = |spec: &mut Value| {
            if let Some(all) = spec["tolerations"].as_array_mut() {
                all.push(json!({"key": "x"}));
            }
        };
        assert_eq!(errors(&more), 0);
    }
}
