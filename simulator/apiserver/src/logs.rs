//! `kubectl logs`: simulated containers say nothing, and those that wait are why people ask.

use serde_json::Value;

use super::status::Failure;
use super::value::{items, text};

/// What a container of the pod has said; `asked` is its name, which may be left out if there is only one.
///
/// # Errors
/// As the API server and the kubelet refuse (`validateContainerLogStatus` in `pkg/kubelet/kubelet_pods.go`).
pub(super) fn of(pod: &Value, asked: &str) -> Result<String, Failure> {
    let pod_name = text(pod, "/metadata/name");
    let lists = ["containers", "initContainers"];
    let all = || {
        lists
            .iter()
            .flat_map(|list| items(pod, &format!("/spec/{list}")))
    };
    let name = match (asked, items(pod, "/spec/containers")) {
        ("", [only]) => text(only, "/name"),
        ("", several) => {
            let names: Vec<&str> = several.iter().map(|one| text(one, "/name")).collect();
            return Err(Failure::bad_request(format!(
                "a container name must be specified for pod {pod_name}, choose one of: [{}]",
                names.join(" ")
            )));
        }
        (name, _) => name,
    };
    if !all().any(|one| text(one, "/name") == name) {
        let message = format!("container {name} is not valid for pod {pod_name}");
        return Err(Failure::bad_request(message));
    }
    if text(pod, "/spec/nodeName").is_empty() {
        return Ok(String::new());
    }
    let mut statuses = lists.iter().flat_map(|list| {
        items(
            pod,
            &format!("/status/{}Statuses", list.trim_end_matches('s')),
        )
    });
    let status = statuses.find(|one| text(one, "/name") == name);
    let Some(waiting) = status.map_or(Some("ContainerCreating"), waiting_for) else {
        return Ok(String::new());
    };
    let why = match waiting {
        "ErrImagePull" => "image can't be pulled",
        "ImagePullBackOff" => "trying and failing to pull image",
        reason => reason,
    };
    let message = format!("container \"{name}\" in pod \"{pod_name}\" is waiting to start: {why}");
    Err(Failure::bad_request(message))
}

/// The reason for which a container waits that has not run before.
fn waiting_for(status: &Value) -> Option<&str> {
    let reason = status.pointer("/state/waiting/reason")?.as_str()?;
    let ran = !status["lastState"]["terminated"].is_null();
    (!ran).then_some(reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(state: &Value) -> Value {
        json!({
            "metadata": {"name": "x"},
            "spec": {"nodeName": "n", "containers": [{"name": "main"}]},
            "status": {"containerStatuses": [{"name": "main", "state": state}]},
        })
    }

    #[test]
    fn a_container_that_waits_has_said_nothing() {
        for (reason, why) in [
            ("ImagePullBackOff", "trying and failing to pull image"),
            ("ErrImagePull", "image can't be pulled"),
            ("ContainerCreating", "ContainerCreating"),
        ] {
            let refused = of(&pod(&json!({"waiting": {"reason": reason}})), "").unwrap_err();
            assert_eq!((refused.code, refused.reason), (400, "BadRequest"));
            let said = format!("container \"main\" in pod \"x\" is waiting to start: {why}");
            assert_eq!(refused.message, said);
        }
        assert_eq!(of(&pod(&json!({"running": {}})), "main"), Ok(String::new()));
    }

    #[test]
    fn the_container_has_to_be_known() {
        let mut two = pod(&json!({}));
        assert!(
            of(&two, "other")
                .unwrap_err()
                .message
                .contains("is not valid for pod x")
        );
        two["spec"]["containers"] = json!([{"name": "a"}, {"name": "b"}]);
        let refused = of(&two, "").unwrap_err().message;
        assert!(refused.ends_with("choose one of: [a b]"), "{refused}");
    }
}
