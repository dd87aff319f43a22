//! What is served now: Kubernetes' own resources, and those that CRDs in the store define.

use std::sync::Arc;

use super::Store;
use crate::resources::{GroupVersion, Resource, built_in, defined_by};

impl Store {
    /// Everything that is served now.
    pub(crate) fn served(&self) -> Vec<Arc<GroupVersion>> {
        let mut all = built_in().to_vec();
        for resource in self.custom_resources() {
            let found = all
                .iter_mut()
                .find(|gv| gv.group == resource.group && gv.version == resource.version);
            if let Some(version) = found {
                Arc::make_mut(version).resources.push(resource);
            } else {
                all.push(Arc::new(GroupVersion {
                    group: resource.group.clone(),
                    version: resource.version.clone(),
                    resources: vec![resource],
                }));
            }
        }
        all
    }

    /// The resource at a path.
    pub(crate) fn resource_at(
        &self,
        group: &str,
        version: &str,
        plural: &str,
    ) -> Option<Arc<Resource>> {
        self.find_resource(group, version, |resource| resource.plural == plural)
    }

    /// The resource of an object.
    pub(crate) fn resource_of(&self, api_version: &str, kind: &str) -> Option<Arc<Resource>> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        self.find_resource(group, version, |resource| resource.kind == kind)
    }

    fn find_resource(
        &self,
        group: &str,
        version: &str,
        is_it: impl Fn(&Resource) -> bool,
    ) -> Option<Arc<Resource>> {
        let built_in = built_in()
            .iter()
            .filter(|gv| gv.group == group && gv.version == version)
            .flat_map(|gv| &gv.resources)
            .find(|resource| is_it(resource));
        if let Some(resource) = built_in {
            return Some(Arc::new(resource.clone()));
        }
        self.custom_resources()
            .find(|resource| {
                resource.group == group && resource.version == version && is_it(resource)
            })
            .map(Arc::new)
    }

    /// What the CRDs in the store define.
    fn custom_resources(&self) -> impl Iterator<Item = Resource> {
        let crds = self.objects("apiextensions.k8s.io", "customresourcedefinitions");
        crds.into_iter().flat_map(|crd| defined_by(&crd))
    }
}
