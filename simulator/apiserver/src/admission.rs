//! Admission: what the cluster behind the API has to say about writes of clients, before they are stored.

use serde_json::Value;

use super::resources::Resource;
use super::status::Failure;
use super::value::text;

/// A kind of object, as paths name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupResource<'a> {
    /// The API group; empty for the core.
    pub group: &'a str,
    /// The resource, such as `pods`.
    pub resource: &'a str,
}

/// A cluster that acts on what clients write, and knows what would never come of it. It is asked about Kubernetes' own
/// resources, not about those of CRDs.
///
/// Each error is the reason that the client reads in a 403.
pub trait Admission: Send + Sync {
    /// Warnings about a new object.
    ///
    /// # Errors
    /// If nothing would ever come of it.
    fn create(&self, of: GroupResource<'_>, object: &Value) -> Result<Vec<String>, String>;

    /// Whether an object may be changed into this one.
    ///
    /// # Errors
    /// If the cluster cannot follow.
    fn update(&self, of: GroupResource<'_>, object: &Value) -> Result<(), String>;

    /// Whether an object may be deleted.
    ///
    /// # Errors
    /// If the cluster cannot be without it.
    fn delete(&self, of: GroupResource<'_>, name: &str) -> Result<(), String>;
}

/// Warnings about a new object, from the cluster if there is one.
///
/// # Errors
/// If the cluster refuses it.
pub(super) fn check_new(
    cluster: Option<&dyn Admission>,
    resource: &Resource,
    object: &Value,
) -> Result<Vec<String>, Failure> {
    let Some(cluster) = asked(cluster, resource) else {
        return Ok(Vec::new());
    };
    cluster
        .create(of(resource), object)
        .map_err(|why| Failure::forbidden(resource, text(object, "/metadata/name"), &why))
}

/// Whether an object may become this one.
///
/// # Errors
/// If the cluster refuses it.
pub(super) fn check_change(
    cluster: Option<&dyn Admission>,
    resource: &Resource,
    object: &Value,
) -> Result<(), Failure> {
    let Some(cluster) = asked(cluster, resource) else {
        return Ok(());
    };
    cluster
        .update(of(resource), object)
        .map_err(|why| Failure::forbidden(resource, text(object, "/metadata/name"), &why))
}

/// Whether an object may be deleted.
///
/// # Errors
/// If the cluster refuses it.
pub(super) fn check_deletion(
    cluster: Option<&dyn Admission>,
    resource: &Resource,
    name: &str,
) -> Result<(), Failure> {
    let Some(cluster) = asked(cluster, resource) else {
        return Ok(());
    };
    cluster
        .delete(of(resource), name)
        .map_err(|why| Failure::forbidden(resource, name, &why))
}

fn asked<'a>(cluster: Option<&'a dyn Admission>, resource: &Resource) -> Option<&'a dyn Admission> {
    cluster.filter(|_| !resource.custom)
}

fn of(resource: &Resource) -> GroupResource<'_> {
    GroupResource {
        group: &resource.group,
        resource: &resource.plural,
    }
}
