//! Who may do what: bearer tokens, and rules like those of RBAC.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::request::Attributes;
use super::status::{Failure, FieldError};
use super::value::{default, set};

/// The user without a token.
pub const ANONYMOUS: &str = "system:anonymous";

/// The users, by their tokens.
#[derive(Clone, Debug, Default)]
pub struct Auth {
    users: BTreeMap<String, User>,
    anonymous: Vec<Permission>,
}

#[derive(Clone, Debug)]
struct User {
    name: String,
    permissions: Vec<Permission>,
}

/// What a user may do, as a rule of RBAC says it; `*` is everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permission {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub verbs: Vec<String>,
    /// API groups; empty text for the core.
    pub groups: Vec<String>,
    /// `pods`, `pods/status`.
    pub resources: Vec<String>,
    /// Only in this namespace; in all, and outside of namespaces, if left out.
    pub namespace: Option<String>,
}

impl Permission {
    /// May do everything.
    pub fn all() -> Self {
        Self::to(&["*"], "*", &["*"])
    }

    /// May do this to these resources of one group, everywhere.
    pub fn to(verbs: &[&str], group: &str, resources: &[&str]) -> Self {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Self {
            verbs: owned(verbs),
            groups: vec![group.to_owned()],
            resources: owned(resources),
            namespace: None,
        }
    }

    /// The same, in one namespace only.
    #[must_use]
    pub fn within(mut self, namespace: &str) -> Self {
        self.namespace = Some(namespace.to_owned());
        self
    }

    fn allows(&self, request: &Attributes) -> bool {
        let has =
            |allowed: &[String], asked: &str| allowed.iter().any(|one| one == "*" || one == asked);
        has(&self.verbs, request.verb)
            && has(&self.groups, &request.group)
            && has(&self.resources, &request.resource_path())
            && self
                .namespace
                .as_ref()
                .is_none_or(|only| *only == request.namespace)
    }
}

impl Auth {
    /// Everybody may do everything, without a token.
    pub fn open() -> Self {
        Self {
            users: BTreeMap::new(),
            anonymous: vec![Permission::all()],
        }
    }

    /// Nobody may do anything, until users are added.
    pub fn closed() -> Self {
        Self::default()
    }

    /// Adds a user who is known by this token.
    #[must_use]
    pub fn with_user(mut self, token: &str, name: &str, permissions: Vec<Permission>) -> Self {
        let name = name.to_owned();
        self.users
            .insert(token.to_owned(), User { name, permissions });
        self
    }

    /// The user of an `Authorization` header.
    pub(super) fn user(&self, header: Option<&str>) -> Result<String, Failure> {
        let Some(header) = header else {
            return Ok(ANONYMOUS.to_owned());
        };
        let token = header.strip_prefix("Bearer ").unwrap_or_default().trim();
        match self.users.get(token) {
            Some(user) => Ok(user.name.clone()),
            // A server that lets everybody in does not look at tokens.
            None if !self.anonymous.is_empty() => Ok(ANONYMOUS.to_owned()),
            None => Err(Failure::unauthorized()),
        }
    }

    /// Whether the user may do what is asked for.
    pub(super) fn check(&self, request: &Attributes) -> Result<(), Failure> {
        if self.allows(request) {
            return Ok(());
        }
        let (user, verb) = (&request.user, request.verb);
        if request.resource.is_empty() {
            let (path, verb) = (&request.path, path_verb(verb));
            let message = format!("forbidden: User \"{user}\" cannot {verb} path \"{path}\"");
            return Err(Failure::new(403, "Forbidden", message).with_details(json!({})));
        }
        let (group, resource) = (&request.group, request.resource_path());
        let place = match request.namespace.as_str() {
            "" => "at the cluster scope".to_owned(),
            namespace => format!("in the namespace \"{namespace}\""),
        };
        let what = match group.as_str() {
            "" => request.resource.clone(),
            group => format!("{}.{group}", request.resource),
        };
        let named = match request.name.as_str() {
            "" => String::new(),
            name => format!(" \"{name}\""),
        };
        let message = format!(
            "{what}{named} is forbidden: User \"{user}\" cannot {verb} resource \"{resource}\" in API group \"{group}\" {place}"
        );
        let failure = Failure::new(403, "Forbidden", message);
        Err(failure.about(&request.name, group, &request.resource))
    }

    /// Answers `kubectl auth can-i`: a `SelfSubjectAccessReview` with its status.
    pub(super) fn review(&self, user: &str, mut review: Value) -> Result<Value, Failure> {
        let spec = &review["spec"];
        let (resource, path) = (&spec["resourceAttributes"], &spec["nonResourceAttributes"]);
        let asked = if path.is_null() { resource } else { path };
        check_review(resource, path)?;
        let part = |member: &str| asked[member].as_str().unwrap_or_default().to_owned();
        let verb = part("verb");
        let known = |known: &&&str| **known == verb;
        let request = Attributes {
            user: user.to_owned(),
            verb: ALL_VERBS.iter().find(known).map_or("", |known| known),
            group: part("group"),
            resource: part("resource"),
            subresource: part("subresource"),
            namespace: part("namespace"),
            name: part("name"),
            path: part("path"),
            ..Attributes::default()
        };
        let allowed = self.allows(&request);
        default(&mut review, "metadata", json!({}));
        set(&mut review, "status", Some(json!({"allowed": allowed})));
        Ok(review)
    }

    /// Answers `kubectl auth whoami`: a `SelfSubjectReview` with its status.
    pub(super) fn who_am_i(user: &str, mut review: Value) -> Value {
        let info = json!({"username": user, "groups": groups(user)});
        default(&mut review, "metadata", json!({}));
        set(&mut review, "status", Some(json!({"userInfo": info})));
        review
    }

    /// Answers `kubectl auth can-i --list`: a `SelfSubjectRulesReview` with its status.
    pub(super) fn rules(&self, user: &str, mut review: Value) -> Result<Value, Failure> {
        let namespace = review["spec"]["namespace"].as_str().unwrap_or_default();
        if namespace.is_empty() {
            let message = "no namespace on request";
            return Err(Failure::bad_request(message));
        }
        let here = |permission: &&Permission| {
            let only = permission.namespace.as_ref();
            only.is_none_or(|only| only == namespace)
        };
        let rule = |permission: &Permission| {
            json!({
                "verbs": permission.verbs, "apiGroups": permission.groups,
                "resources": permission.resources,
            })
        };
        let permissions = self.permissions(user).iter();
        let resources: Vec<Value> = permissions.filter(here).map(rule).collect();
        let paths = ["/healthz", "/livez", "/readyz", "/version"];
        let status = json!({
            "resourceRules": resources, "incomplete": false,
            "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": paths}],
        });
        default(&mut review, "metadata", json!({}));
        set(&mut review, "status", Some(status));
        Ok(review)
    }

    fn allows(&self, request: &Attributes) -> bool {
        let public = request.resource.is_empty() && is_public(&request.path);
        let known = request.user != ANONYMOUS && is_discovery(&request.path);
        let review = request.user != ANONYMOUS && SELF_REVIEWS.contains(&request.resource.as_str());
        let mut permissions = self.permissions(&request.user).iter();
        public
            || request.resource.is_empty() && known
            || review
            || permissions.any(|permission| permission.allows(request))
    }

    fn permissions(&self, user: &str) -> &[Permission] {
        let found = self.users.values().find(|one| one.name == user);
        match found {
            Some(user) => &user.permissions,
            None if user == ANONYMOUS => &self.anonymous,
            None => &[],
        }
    }
}

/// What every user may ask about themselves.
const SELF_REVIEWS: [&str; 3] = [
    "selfsubjectaccessreviews",
    "selfsubjectreviews",
    "selfsubjectrulesreviews",
];

fn groups(user: &str) -> [&'static str; 1] {
    if user == ANONYMOUS {
        ["system:unauthenticated"]
    } else {
        ["system:authenticated"]
    }
}

/// A review asks either for a resource or for a path.
fn check_review(resource: &Value, path: &Value) -> Result<(), Failure> {
    let error = match (resource.is_null(), path.is_null()) {
        (true, true) => FieldError::invalid(
            "spec.resourceAttributes",
            "null",
            "exactly one of nonResourceAttributes or resourceAttributes must be specified",
        ),
        (false, false) => {
            let part = |member: &str| path[member].as_str().unwrap_or_default().to_owned();
            let shown = format!(
                "{{\"Path\":{:?},\"Verb\":{:?}}}",
                part("path"),
                part("verb")
            );
            let why = "cannot be specified in combination with resourceAttributes";
            FieldError::invalid("spec.nonResourceAttributes", &shown, why)
        }
        _ => return Ok(()),
    };
    Err(Failure::invalid("", "authorization.k8s.io", "", &[error]))
}

const ALL_VERBS: [&str; 9] = [
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
    "*",
];

/// For paths that are no resources, RBAC has the HTTP methods as verbs.
fn path_verb(verb: &str) -> &str {
    match verb {
        "list" | "watch" => "get",
        "create" => "post",
        "update" => "put",
        "deletecollection" => "delete",
        other => other,
    }
}

/// What everybody may read.
fn is_public(path: &str) -> bool {
    let health = ["/healthz", "/livez", "/readyz"];
    path.trim_end_matches('/') == "/version" || health.iter().any(|root| path.starts_with(root))
}

/// What every user may read.
fn is_discovery(path: &str) -> bool {
    ["/api", "/apis", "/openapi"].iter().any(|root| {
        path.strip_prefix(root)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(user: &str, verb: &'static str, path: &str) -> Attributes {
        let parsed = Attributes::parse(&hyper::Method::GET, path, false).unwrap();
        Attributes {
            user: user.to_owned(),
            verb,
            ..parsed
        }
    }

    #[test]
    fn a_user_may_do_what_the_rules_say() {
        let auth = Auth::closed().with_user(
            "t",
            "enforcer",
            vec![
                Permission::to(&["list", "watch"], "", &["pods"]),
                Permission::to(&["patch"], "", &["pods/status"]).within("demo"),
            ],
        );
        assert_eq!(auth.user(Some("Bearer t")).unwrap(), "enforcer");
        assert_eq!(auth.user(Some("Bearer u")).unwrap_err().code, 401);
        let allowed = |verb, path| auth.check(&asks("enforcer", verb, path)).is_ok();
        assert!(allowed("list", "/api/v1/pods"));
        assert!(allowed("patch", "/api/v1/namespaces/demo/pods/p/status"));
        assert!(!allowed("patch", "/api/v1/namespaces/other/pods/p/status"));
        assert!(!allowed("patch", "/api/v1/namespaces/demo/pods/p"));
        assert!(!allowed("list", "/apis/apps/v1/pods"));
        assert!(allowed("get", "/apis"));
        assert!(auth.check(&asks(ANONYMOUS, "list", "/apis")).is_err());
        assert!(auth.check(&asks(ANONYMOUS, "list", "/version")).is_ok());
    }

    #[test]
    fn an_open_server_asks_for_nothing() {
        let auth = Auth::open();
        let user = auth.user(Some("Bearer whatever")).unwrap();
        assert!(
            auth.check(&asks(&user, "delete", "/api/v1/namespaces/a/pods/p"))
                .is_ok()
        );
    }
}
