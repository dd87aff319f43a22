//! What the API server fills in of Jobs (`pkg/apis/batch/v1/defaults.go`, `pkg/registry/batch/job/strategy.go`).

use serde_json::{Value, json};

use super::pod;
use super::status::FieldError;
use super::value::{default, members, text};

/// The label by which Kueue knows a Job's queue.
pub const QUEUE_LABEL: &str = "kueue.x-k8s.io/queue-name";

/// Labels by which the Job controller finds its pods (`batch/v1`, `well_known_labels.go`): the older name and the newer.
const NAME_LABELS: [&str; 2] = ["job-name", "batch.kubernetes.io/job-name"];
const UID_LABELS: [&str; 2] = ["controller-uid", "batch.kubernetes.io/controller-uid"];

/// Makes what a client posted a Job.
pub(super) fn prepare_new(job: &mut Value) {
    set_defaults(job);
    // Kueue's webhook suspends what is to wait in a queue.
    if !job["metadata"]["labels"][QUEUE_LABEL].is_null() {
        job["spec"]["suspend"] = true.into();
    }
}

/// Fills in what a Job leaves out.
pub(super) fn set_defaults(job: &mut Value) {
    let spec = &mut job["spec"];
    members(spec).retain(|_, value| !value.is_null());
    if spec["completions"].is_null() && spec["parallelism"].is_null() {
        default(spec, "completions", 1);
    }
    default(spec, "parallelism", 1);
    default(
        spec,
        "backoffLimit",
        if spec["backoffLimitPerIndex"].is_null() {
            6
        } else {
            i32::MAX
        },
    );
    default(spec, "completionMode", "NonIndexed");
    default(spec, "suspend", false);
    default(spec, "manualSelector", false);
    let replacement = if spec["podFailurePolicy"].is_null() {
        "TerminatingOrFailed"
    } else {
        "Failed"
    };
    default(spec, "podReplacementPolicy", replacement);
    // What is no object becomes one here, without containers, and is refused for that.
    let template = members(&mut spec["template"]);
    for member in ["metadata", "spec"] {
        members(template.entry(member).or_insert_with(|| json!({})));
    }
    pod::set_template_defaults(&mut spec["template"]["spec"]);
}

/// Selector and labels, as soon as the uid is known.
pub(super) fn select_pods(job: &mut Value, uid: &str) {
    if job["spec"]["manualSelector"] == true {
        return;
    }
    let name = text(job, "/metadata/name").to_owned();
    let labels = &mut job["spec"]["template"]["metadata"]["labels"];
    for label in NAME_LABELS {
        default(labels, label, name.as_str());
    }
    for label in UID_LABELS {
        default(labels, label, uid);
    }
    let selector = json!({"matchLabels": {UID_LABELS[1]: uid}});
    default(&mut job["spec"], "selector", selector);
}

/// What is wrong with a new Job.
pub(super) fn check(job: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let spec = &job["spec"];
    for count in [
        "parallelism",
        "completions",
        "backoffLimit",
        "ttlSecondsAfterFinished",
    ] {
        if let Some(below) = spec[count].as_i64().filter(|count| *count < 0) {
            let why = "must be greater than or equal to 0";
            errors.push(FieldError::invalid(
                format!("spec.{count}"),
                &below.to_string(),
                why,
            ));
        }
    }
    let pod = &spec["template"]["spec"];
    if pod["containers"].as_array().is_none_or(Vec::is_empty) {
        errors.push(FieldError::required("spec.template.spec.containers", ""));
    }
    for (place, container) in pod["containers"]
        .as_array()
        .into_iter()
        .flatten()
        .enumerate()
    {
        for member in ["name", "image"] {
            if text(container, &format!("/{member}")).is_empty() {
                let field = format!("spec.template.spec.containers[{place}].{member}");
                errors.push(FieldError::required(field, ""));
            }
        }
    }
    let policy = text(pod, "/restartPolicy");
    if !["Never", "OnFailure"].contains(&policy) {
        let why = "valid values: \"OnFailure\", \"Never\"";
        errors.push(FieldError::required(
            "spec.template.spec.restartPolicy",
            why,
        ));
    }
    errors
}

/// What may never change of a Job (`ValidateJobSpecUpdate` in `pkg/apis/batch/validation`).
const IMMUTABLE: [&str; 7] = [
    "completions",
    "selector",
    "template",
    "completionMode",
    "podFailurePolicy",
    "backoffLimitPerIndex",
    "successPolicy",
];

/// What is wrong with a change of a Job.
pub(super) fn check_change(old: &Value, new: &Value) -> Vec<FieldError> {
    let changed = IMMUTABLE
        .iter()
        .filter(|field| old["spec"][**field] != new["spec"][**field]);
    changed
        .map(|field| {
            let value = new["spec"][*field].to_string();
            FieldError::invalid(format!("spec.{field}"), &value, "field is immutable")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(spec: &Value) -> Value {
        json!({"metadata": {"name": "j"}, "spec": spec})
    }

    #[test]
    fn a_job_has_the_defaults_of_kubernetes() {
        let pod = json!({"containers": [{"name": "c", "image": "a"}], "restartPolicy": "Never"});
        let mut new = job(&json!({"template": {"spec": pod}}));
        set_defaults(&mut new);
        select_pods(&mut new, "u");
        assert!(check(&new).is_empty());
        let spec = &new["spec"];
        assert_eq!(
            (&spec["completions"], &spec["backoffLimit"]),
            (&json!(1), &json!(6))
        );
        assert_eq!(spec["selector"]["matchLabels"][UID_LABELS[1]], "u");
        assert_eq!(spec["template"]["metadata"]["labels"]["job-name"], "j");
        assert_eq!(
            spec["template"]["spec"]["containers"][0]["imagePullPolicy"],
            "Always"
        );
    }

    #[test]
    fn what_no_job_can_be_is_refused() {
        for odd in [
            json!({"template": "x"}),
            json!({"template": {"spec": 1, "metadata": []}}),
        ] {
            let mut new = job(&odd);
            prepare_new(&mut new);
            select_pods(&mut new, "u");
            assert_eq!(check(&new).len(), 2, "{odd}");
        }
        let mut new = job(&json!({"parallelism": -1, "template": {"spec": {"containers": []}}}));
        set_defaults(&mut new);
        assert_eq!(check(&new).len(), 3);
        let other = job(&json!({"parallelism": 2, "template": {"spec": {}}}));
        assert_eq!(check_change(&new, &other).len(), 2);
    }
}
