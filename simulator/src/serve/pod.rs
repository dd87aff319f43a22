//! What the API server does to pods that are written: defaults, and what may not be.

use pullstop_core::image::ImageReference;
use serde_json::{Value, json};

use super::status::FieldError;
use super::value::{default, items, items_mut, members, text};

/// `activeDeadlineSeconds` is a positive `int32`.
const DEADLINE_MAX: i64 = 2_147_483_647;

/// Fills in what a new pod leaves out.
pub(super) fn set_defaults(pod: &mut Value) {
    let spec = &mut pod["spec"];
    for list in ["containers", "initContainers"] {
        for container in items_mut(spec, &format!("/{list}")) {
            container_defaults(container);
        }
    }
    members(spec).retain(|_, value| !value.is_null());
    default(spec, "restartPolicy", "Always");
    default(spec, "terminationGracePeriodSeconds", 30);
    default(spec, "dnsPolicy", "ClusterFirst");
    default(spec, "securityContext", json!({}));
    default(spec, "schedulerName", "default-scheduler");
    default(spec, "priority", 0);
    default(spec, "enableServiceLinks", true);
    default(spec, "preemptionPolicy", "PreemptLowerPriority");
    tolerate_trouble(spec);
    let qos = qos_class(&pod["spec"]);
    pod["status"] = json!({"phase": "Pending", "qosClass": qos});
}

fn container_defaults(container: &mut Value) {
    let image = text(container, "/image");
    let latest = ImageReference::parse(image).is_ok_and(|image| match image.tag() {
        Some(tag) => tag == "latest",
        None => image.digest().is_none(),
    });
    let policy = if latest { "Always" } else { "IfNotPresent" };
    default(container, "resources", json!({}));
    default(container, "terminationMessagePath", "/dev/termination-log");
    default(container, "terminationMessagePolicy", "File");
    default(container, "imagePullPolicy", policy);
}

/// The admission plugin `DefaultTolerationSeconds`: five minutes on a node in trouble.
fn tolerate_trouble(spec: &mut Value) {
    let mut tolerations = items(spec, "/tolerations").to_vec();
    for key in [
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
    ] {
        if tolerations.iter().all(|one| text(one, "/key") != key) {
            tolerations.push(json!({
                "key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300,
            }));
        }
    }
    spec["tolerations"] = tolerations.into();
}

fn qos_class(spec: &Value) -> &'static str {
    let containers = || {
        items(spec, "/containers")
            .iter()
            .chain(items(spec, "/initContainers"))
    };
    let amount = |container: &Value, of: &str, what: &str| container["resources"][of][what].clone();
    let asks = |container: &Value| {
        ["requests", "limits"].iter().any(|of| {
            container["resources"][of]
                .as_object()
                .is_some_and(|all| !all.is_empty())
        })
    };
    let guaranteed = |container: &Value| {
        ["cpu", "memory"].iter().all(|what| {
            let limit = amount(container, "limits", what);
            let request = amount(container, "requests", what);
            !limit.is_null() && (request.is_null() || request == limit)
        })
    };
    match () {
        () if !containers().any(asks) => "BestEffort",
        () if containers().all(guaranteed) => "Guaranteed",
        () => "Burstable",
    }
}

/// Fields that a stored pod always shows, since Go has no empty times.
pub(super) fn complete(pod: &mut Value) {
    for condition in items_mut(pod, "/status/conditions") {
        default(condition, "lastProbeTime", Value::Null);
        default(condition, "lastTransitionTime", Value::Null);
    }
    if pod["status"].is_null() {
        pod["status"] = json!({});
    }
}

/// What is wrong with a pod on its own.
pub(super) fn check(pod: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if items(pod, "/spec/containers").is_empty() {
        errors.push(FieldError::required("spec.containers", ""));
    }
    for list in ["containers", "initContainers"] {
        for (at, container) in items(pod, &format!("/spec/{list}")).iter().enumerate() {
            if text(container, "/name").is_empty() {
                errors.push(FieldError::required(format!("spec.{list}[{at}].name"), ""));
            }
            if text(container, "/image").is_empty() {
                errors.push(FieldError::required(format!("spec.{list}[{at}].image"), ""));
            }
        }
    }
    if let Some(seconds) = pod["spec"]["activeDeadlineSeconds"].as_i64() {
        errors.extend(deadline_between(1, seconds));
    }
    errors
}

/// What is wrong with a change of a pod's specification.
pub(super) fn check_change(old: &Value, new: &Value) -> Vec<FieldError> {
    let mut errors = check(new);
    errors.extend(check_deadline(old, new));
    if fixed_part(old, old) != fixed_part(new, old) {
        errors.push(FieldError::forbidden("spec", FIXED));
    }
    errors
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

/// The specification without what may change: tolerations that `old` does not have are additions.
fn fixed_part(pod: &Value, old: &Value) -> Value {
    let mut spec = pod["spec"].clone();
    for list in ["containers", "initContainers"] {
        for container in items_mut(&mut spec, &format!("/{list}")) {
            members(container).remove("image");
        }
    }
    let had = items(old, "/spec/tolerations");
    let kept: Vec<Value> = items(&spec, "/tolerations")
        .iter()
        .filter(|one| had.contains(one))
        .cloned()
        .collect();
    let fixed = members(&mut spec);
    fixed.insert("tolerations".to_owned(), kept.into());
    fixed.remove("activeDeadlineSeconds");
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
    use super::*;

    fn pod(spec: &Value) -> Value {
        let mut pod = json!({"spec": spec});
        set_defaults(&mut pod);
        pod
    }

    #[test]
    fn the_pull_policy_follows_the_tag() {
        let policy = |image: &str| {
            let pod = pod(&json!({"containers": [{"name": "a", "image": image}]}));
            text(&pod, "/spec/containers/0/imagePullPolicy").to_owned()
        };
        assert_eq!(policy("a"), "Always");
        assert_eq!(policy("a:latest"), "Always");
        assert_eq!(policy("a:1"), "IfNotPresent");
        assert_eq!(policy("not an image"), "IfNotPresent");
    }

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

    #[test]
    fn quality_of_service_follows_resources() {
        let class = |resources: Value| {
            let spec = json!({"containers": [{"name": "a", "image": "a", "resources": resources}]});
            text(&pod(&spec), "/status/qosClass").to_owned()
        };
        assert_eq!(class(json!({})), "BestEffort");
        assert_eq!(class(json!({"requests": {"cpu": "1"}})), "Burstable");
        assert_eq!(
            class(json!({"limits": {"cpu": "1", "memory": "1Gi"}})),
            "Guaranteed"
        );
    }
}
