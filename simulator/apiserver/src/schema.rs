//! The fields that pods, Leases and events have, as far as misspelt ones are looked for: not below the containers and
//! statuses of a pod.

use serde_json::Value;

use super::resources::Resource;
use super::value::members;

/// Members by path; `[]` stands for the elements of a list. What is not listed here is not looked into.
type Fields = &'static [(&'static str, &'static str)];

const METADATA: &str = "annotations creationTimestamp deletionGracePeriodSeconds deletionTimestamp finalizers \
                        generateName generation labels managedFields name namespace ownerReferences \
                        resourceVersion selfLink uid";

const LEASE: Fields = &[
    ("", "apiVersion kind metadata spec"),
    ("metadata", METADATA),
    (
        "spec",
        "acquireTime holderIdentity leaseDurationSeconds leaseTransitions preferredHolder renewTime strategy",
    ),
];

const EVENT: Fields = &[
    (
        "",
        "action apiVersion count eventTime firstTimestamp involvedObject kind lastTimestamp message metadata reason \
         related reportingComponent reportingInstance series source type",
    ),
    ("metadata", METADATA),
];

const NEWER_EVENT: Fields = &[
    (
        "",
        "action apiVersion deprecatedCount deprecatedFirstTimestamp deprecatedLastTimestamp deprecatedSource \
         eventTime kind metadata note reason regarding related reportingController reportingInstance series type",
    ),
    ("metadata", METADATA),
];

const POD: Fields = &[
    ("", "apiVersion kind metadata spec status"),
    ("metadata", METADATA),
    (
        "spec",
        "activeDeadlineSeconds affinity automountServiceAccountToken containers dnsConfig dnsPolicy \
         enableServiceLinks ephemeralContainers hostAliases hostIPC hostNetwork hostPID hostUsers hostname \
         hostnameOverride imagePullSecrets initContainers nodeName nodeSelector os overhead preemptionPolicy priority \
         priorityClassName readinessGates resourceClaims resources restartPolicy runtimeClassName schedulerName \
         schedulingGates securityContext serviceAccount serviceAccountName setHostnameAsFQDN \
         shareProcessNamespace subdomain terminationGracePeriodSeconds tolerations topologySpreadConstraints \
         volumes workloadRef schedulingGroup",
    ),
    ("spec.containers[]", CONTAINER),
    ("spec.initContainers[]", CONTAINER),
    (
        "status",
        "allocatedResources conditions containerStatuses ephemeralContainerStatuses extendedResourceClaimStatus \
         hostIP hostIPs initContainerStatuses message nominatedNodeName observedGeneration phase podIP podIPs \
         qosClass reason resize resourceClaimStatuses resources startTime nodeAllocatableResourceClaimStatuses",
    ),
    (
        "status.conditions[]",
        "lastProbeTime lastTransitionTime message observedGeneration reason status type",
    ),
    (
        "status.containerStatuses[]",
        "allocatedResources allocatedResourcesStatus containerID image imageID lastState name ready resources \
         restartCount started state stopSignal user volumeMounts",
    ),
];

const CONTAINER: &str = "args command env envFrom image imagePullPolicy lifecycle livenessProbe name ports \
                         readinessProbe resizePolicy resources restartPolicy restartPolicyRules securityContext \
                         startupProbe stdin stdinOnce terminationMessagePath terminationMessagePolicy tty \
                         volumeDevices volumeMounts workingDir";

/// Takes the fields out that there are not, and names them.
pub(super) fn take_unknown(resource: &Resource, object: &mut Value) -> Vec<String> {
    let fields = match resource.plural.as_str() {
        "pods" if resource.is_core("pods") => POD,
        "leases" => LEASE,
        "events" if resource.group.is_empty() => EVENT,
        "events" => NEWER_EVENT,
        _ => return Vec::new(),
    };
    let mut unknown = Vec::new();
    take(fields, "", "", object, &mut unknown);
    unknown
}

fn take(fields: Fields, schema: &str, path: &str, value: &mut Value, unknown: &mut Vec<String>) {
    if let Value::Array(elements) = value {
        for (at, element) in elements.iter_mut().enumerate() {
            take(
                fields,
                &format!("{schema}[]"),
                &format!("{path}[{at}]"),
                element,
                unknown,
            );
        }
        return;
    }
    let known = fields.iter().find(|(at, _)| *at == schema);
    let (Some((_, known)), true) = (known, value.is_object()) else {
        return;
    };
    let is_known = |member: &str| {
        // A patch's directives are no fields.
        member.starts_with('$') || known.split_ascii_whitespace().any(|one| one == member)
    };
    members(value).retain(|member, value| {
        let below = |parent: &str| match parent {
            "" => member.clone(),
            parent => format!("{parent}.{member}"),
        };
        if is_known(member) {
            take(fields, &below(schema), &below(path), value, unknown);
            return true;
        }
        unknown.push(below(path));
        false
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn misspelt_fields_are_taken_out_and_named() {
        let mut pod = json!({
            "spec": {"containers": [{"name": "a"}, {"image": "b", "comand": []}], "$patch": "merge"},
            "status": {"nope": 1, "phase": "Pending"}, "metadata": {"labels": {"any": "thing"}},
        });
        let pods = Resource {
            plural: "pods".to_owned(),
            ..Resource::default()
        };
        let unknown = take_unknown(&pods, &mut pod);
        assert_eq!(unknown, ["spec.containers[1].comand", "status.nope"]);
        assert_eq!(pod["spec"]["containers"][1], json!({"image": "b"}));
        assert_eq!(pod["status"], json!({"phase": "Pending"}));
    }
}
