//! The fields that a pod has, as far as misspelt ones are looked for: metadata, specification, containers, status.

use serde_json::Value;

use super::value::members;

/// Members by path; `[]` stands for the elements of a list. What is not listed here is not looked into.
const FIELDS: [(&str, &str); 8] = [
    ("", "apiVersion kind metadata spec status"),
    (
        "metadata",
        "annotations creationTimestamp deletionGracePeriodSeconds deletionTimestamp finalizers generateName \
         generation labels managedFields name namespace ownerReferences resourceVersion selfLink uid",
    ),
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

/// Takes the fields out that a pod does not have, and names them.
pub(super) fn take_unknown(pod: &mut Value) -> Vec<String> {
    let mut unknown = Vec::new();
    take("", "", pod, &mut unknown);
    unknown
}

fn take(schema: &str, path: &str, value: &mut Value, unknown: &mut Vec<String>) {
    if let Value::Array(elements) = value {
        for (at, element) in elements.iter_mut().enumerate() {
            take(
                &format!("{schema}[]"),
                &format!("{path}[{at}]"),
                element,
                unknown,
            );
        }
        return;
    }
    let known = FIELDS.iter().find(|(at, _)| *at == schema);
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
            take(&below(schema), &below(path), value, unknown);
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
        let unknown = take_unknown(&mut pod);
        assert_eq!(unknown, ["spec.containers[1].comand", "status.nope"]);
        assert_eq!(pod["spec"]["containers"][1], json!({"image": "b"}));
        assert_eq!(pod["status"], json!({"phase": "Pending"}));
    }
}
