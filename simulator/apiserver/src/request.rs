//! From a method and a path to what is asked for, in RBAC's words.

use hyper::Method;

use super::query::percent_decoded;

/// What is asked for, and by whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Attributes {
    /// Who asks.
    pub(super) user: String,
    /// As in RBAC: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub(super) verb: &'static str,
    pub(super) group: String,
    pub(super) version: String,
    /// The resource; empty for a path that is none, such as `/version`.
    pub(super) resource: String,
    pub(super) subresource: String,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) path: String,
}

impl Attributes {
    /// Reads method and path. `None` for a method that the API does not have.
    pub(super) fn parse(method: &Method, path: &str, watch: bool) -> Option<Self> {
        let segments = path.split('/').filter(|part| !part.is_empty());
        let segments: Vec<String> = segments.map(percent_decoded).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let mut parsed = Self {
            path: path.to_owned(),
            ..Self::default()
        };
        let rest = match segments.as_slice() {
            ["api", version, rest @ ..] => {
                (*version).clone_into(&mut parsed.version);
                rest
            }
            ["apis", group, version, rest @ ..] => {
                (parsed.group, parsed.version) = ((*group).to_owned(), (*version).to_owned());
                rest
            }
            _ => &[],
        };
        parsed.take_resource(rest);
        parsed.verb = verb(method, !parsed.name.is_empty(), watch)?;
        Some(parsed)
    }

    fn take_resource(&mut self, segments: &[&str]) {
        let rest = match segments {
            // A namespace is an object too: what follows its name may belong to it.
            ["namespaces", name, "status" | "finalize"] | ["namespaces", name] => {
                (*name).clone_into(&mut self.namespace);
                segments
            }
            ["namespaces", namespace, rest @ ..] => {
                (*namespace).clone_into(&mut self.namespace);
                rest
            }
            rest => rest,
        };
        let part = |at: usize| rest.get(at).copied().unwrap_or_default().to_owned();
        (self.resource, self.name) = (part(0), part(1));
        self.subresource = rest.get(2..).unwrap_or_default().join("/");
    }

    /// `pods`, `pods/status`.
    pub(super) fn resource_path(&self) -> String {
        if self.subresource.is_empty() {
            self.resource.clone()
        } else {
            format!("{}/{}", self.resource, self.subresource)
        }
    }
}

fn verb(method: &Method, named: bool, watch: bool) -> Option<&'static str> {
    Some(match (method, named) {
        (&Method::GET | &Method::HEAD, false) if watch => "watch",
        (&Method::GET | &Method::HEAD, false) => "list",
        (&Method::GET | &Method::HEAD, true) => "get",
        (&Method::POST, _) => "create",
        (&Method::PUT, _) => "update",
        (&Method::PATCH, _) => "patch",
        (&Method::DELETE, true) => "delete",
        (&Method::DELETE, false) => "deletecollection",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(path: &str) -> Attributes {
        Attributes::parse(&Method::GET, path, false).unwrap()
    }

    #[test]
    fn paths_name_resources() {
        let status = parse("/api/v1/namespaces/demo/pods/p0/status");
        assert_eq!(status.resource_path(), "pods/status");
        assert_eq!((status.namespace.as_str(), status.verb), ("demo", "get"));

        let leases = parse("/apis/coordination.k8s.io/v1/leases");
        assert_eq!((leases.resource.as_str(), leases.verb), ("leases", "list"));

        let namespace = parse("/api/v1/namespaces/demo");
        assert_eq!(namespace.resource, "namespaces");
        assert_eq!(namespace.name, "demo");

        let role = parse("/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode");
        assert_eq!(role.name, "system:node");

        let pods = parse("/api/v1/namespaces/demo/pods");
        assert_eq!((pods.resource.as_str(), pods.name.as_str()), ("pods", ""));
        assert_eq!(parse("/version").resource, "");
        assert!(Attributes::parse(&Method::CONNECT, "/version", false).is_none());
    }
}
