//! How lists are merged.

/// What a list is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    /// One value; it is replaced as a whole.
    Atomic,
    /// Things that are told apart by this member.
    Map(&'static str),
    /// Values, each of which is there or not.
    Set,
}

/// What the list at this path is made of: member names joined with dots, without the lists' elements.
///
/// From the `patchMergeKey` marks in Kubernetes' API types; `tolerations` and `containerStatuses` have none.
pub(super) fn list_at(path: &str) -> List {
    // A template of pods is merged as a pod is.
    let path = path
        .rsplit_once("template.")
        .map_or(path, |(_, within)| within);
    match path {
        "metadata.finalizers" => List::Set,
        "metadata.ownerReferences" => List::Map("uid"),
        "status.conditions" | "status.addresses" => List::Map("type"),
        "status.podIPs" | "status.hostIPs" | "spec.hostAliases" => List::Map("ip"),
        "spec.topologySpreadConstraints" => List::Map("topologyKey"),
        "spec.taints" => List::Map("key"),
        "spec.containers"
        | "spec.initContainers"
        | "spec.ephemeralContainers"
        | "spec.volumes"
        | "spec.imagePullSecrets"
        | "spec.schedulingGates"
        | "spec.resourceClaims"
        | "status.resourceClaimStatuses" => List::Map("name"),
        _ => in_container(path),
    }
}

fn in_container(path: &str) -> List {
    let container = ["containers", "initContainers", "ephemeralContainers"];
    match path.split('.').collect::<Vec<_>>().as_slice() {
        ["spec", within, list] if container.contains(within) => match *list {
            "ports" => List::Map("containerPort"),
            "env" => List::Map("name"),
            "volumeMounts" => List::Map("mountPath"),
            "volumeDevices" => List::Map("devicePath"),
            _ => List::Atomic,
        },
        _ => List::Atomic,
    }
}

/// A member's path below `path`.
pub(super) fn below(path: &str, member: &str) -> String {
    if path.is_empty() {
        member.to_owned()
    } else {
        format!("{path}.{member}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_merged_as_pods_are() {
        assert_eq!(list_at("spec.template.spec.containers"), List::Map("name"));
        assert_eq!(list_at("spec.containers.ports"), List::Map("containerPort"));
        assert_eq!(list_at("spec.tolerations"), List::Atomic);
        assert_eq!(list_at("status.containerStatuses"), List::Atomic);
    }
}
