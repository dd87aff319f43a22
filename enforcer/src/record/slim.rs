//! Keeps of a recorded pod only what decisions need, and how it ended.

use pullstop_core::names::PREFIX;
use serde_json::{Map, Value};

/// A part of an object that is kept.
enum Keep {
    /// As it is.
    All,
    /// These fields of it, or of each of its items.
    Fields(&'static [(&'static str, Self)]),
    /// That it is there.
    Presence,
    /// The annotations of ours.
    OurAnnotations,
}

use Keep::{All, Fields, OurAnnotations, Presence};

const POD: Keep = Fields(&[
    ("kind", All),
    ("apiVersion", All),
    (
        "metadata",
        Fields(&[
            ("name", All),
            ("namespace", All),
            ("uid", All),
            ("resourceVersion", All),
            ("creationTimestamp", All),
            ("deletionTimestamp", All),
            ("annotations", OurAnnotations),
            (
                "ownerReferences",
                Fields(&[
                    ("apiVersion", All),
                    ("kind", All),
                    ("name", All),
                    ("uid", All),
                    ("controller", All),
                ]),
            ),
        ]),
    ),
    (
        "spec",
        Fields(&[
            ("nodeName", All),
            ("restartPolicy", All),
            ("activeDeadlineSeconds", All),
            ("initContainers", CONTAINERS),
            ("containers", CONTAINERS),
            ("ephemeralContainers", CONTAINERS),
            ("volumes", Fields(&[("name", All), ("image", All)])),
        ]),
    ),
    (
        "status",
        Fields(&[
            ("phase", All),
            ("reason", All),
            ("message", All),
            ("startTime", All),
            ("conditions", All),
            ("initContainerStatuses", STATUSES),
            ("containerStatuses", STATUSES),
            ("ephemeralContainerStatuses", STATUSES),
        ]),
    ),
]);

const CONTAINERS: Keep = Fields(&[
    ("name", All),
    ("image", All),
    ("imagePullPolicy", All),
    ("restartPolicy", All),
]);

const STATUSES: Keep = Fields(&[
    ("name", All),
    ("image", All),
    ("ready", All),
    ("restartCount", All),
    ("state", STATE),
    ("lastState", Fields(&[("terminated", Presence)])),
]);

const STATE: Keep = Fields(&[
    ("waiting", All),
    ("running", All),
    (
        "terminated",
        Fields(&[
            ("exitCode", All),
            ("reason", All),
            ("startedAt", All),
            ("finishedAt", All),
        ]),
    ),
]);

/// The pod without what is not needed: no environment, no commands, no labels, no annotations of others.
pub(super) fn pod(whole: &Value) -> Value {
    POD.of(whole).unwrap_or_default()
}

impl Keep {
    fn of(&self, value: &Value) -> Option<Value> {
        if value.is_null() {
            return None;
        }
        Some(match (self, value) {
            (All, _) => value.clone(),
            (Presence, _) => Map::new().into(),
            (Fields(_), Value::Array(items)) => {
                items.iter().filter_map(|item| self.of(item)).collect()
            }
            (Fields(fields), _) => {
                let kept = fields
                    .iter()
                    .filter_map(|(name, keep)| Some(((*name).to_owned(), keep.of(&value[*name])?)));
                kept.collect::<Map<String, Value>>().into()
            }
            (OurAnnotations, _) => {
                let all = value.as_object().into_iter().flatten();
                let ours = all.filter(|(name, _)| name.starts_with(PREFIX));
                ours.map(|(name, value)| (name.clone(), value.clone()))
                    .collect::<Map<String, Value>>()
                    .into()
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_private_and_not_needed_is_left_out() {
        let whole = json!({
            "kind": "Pod",
            "metadata": {"name": "p", "labels": {"team": "secret"}, "managedFields": [],
                "annotations": {"pullstop.dev/mode": "warn", "note": "secret"}},
            "spec": {"containers": [{"name": "c", "image": "i", "env": [{"name": "TOKEN", "value": "secret"}], "command": ["secret"]}],
                "volumes": [{"name": "v", "secret": {"secretName": "secret"}}, {"name": "w", "image": {"reference": "r"}}]},
            "status": {"phase": "Pending", "hostIP": "10.0.0.1", "containerStatuses": [
                {"name": "c", "state": {"waiting": {"reason": "ErrImagePull", "message": "m"}},
                 "lastState": {"terminated": {"exitCode": 1, "message": "secret"}}}]}
        });
        let kept = pod(&whole);
        assert!(!kept.to_string().contains("secret"), "{kept}");
        assert!(!kept.to_string().contains("10.0.0.1"), "{kept}");
        assert_eq!(
            kept["status"]["containerStatuses"][0]["state"]["waiting"]["message"],
            "m"
        );
        assert_eq!(
            kept["status"]["containerStatuses"][0]["lastState"]["terminated"],
            json!({})
        );
        assert_eq!(
            kept["metadata"]["annotations"],
            json!({"pullstop.dev/mode": "warn"})
        );
        assert_eq!(kept["spec"]["volumes"][1]["image"]["reference"], "r");
        assert!(kept["spec"].get("nodeName").is_none());
    }
}
