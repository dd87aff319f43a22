//! Checks registries, their faults, images and secrets.

use std::time::Duration;

use pullstop_core::image::ImageReference;
use pullstop_core::suggest;

use super::Check;
use super::names::{Names, listed};
use crate::pull_errors::PullError;
use crate::scenario::raw::Spec;
use crate::scenario::raw::supply::{ImageSpec, RegistryFaultSpec, RegistrySpec};
use crate::scenario::raw::value::{At, Text, place};
use crate::scenario::supply::{Exists, RateLimit, RegistryFault, RegistryFaultKind};
use crate::scenario::{Image, Registry, Scenario, Secret, glob};

/// What an image weighs that says nothing of it.
const SIZE_USUAL_MIB: u64 = 100;
/// When containerd's dialler gives up (`core/remotes/docker/config/hosts.go`).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// When containerd cancels a pull: "no progress in 1m0s".
const PROGRESS_TIMEOUT: Duration = Duration::from_secs(60);

impl Check {
    pub(super) fn secrets(&mut self, spec: &Spec) -> Vec<Secret> {
        self.unique("secret", spec.secrets.iter().map(|secret| &secret.name));
        let mut secrets = Vec::new();
        for secret in &spec.secrets {
            let from = self.begins(secret.appears_at.as_ref()).unwrap_or_default();
            secrets.push(Secret {
                name: self.name(&secret.name),
                from,
                until: self.until(from, None, secret.disappears_at.as_ref()),
            });
        }
        secrets
    }

    pub(super) fn registries(&mut self, spec: &Spec) -> Vec<Registry> {
        self.unique(
            "registry",
            spec.registries.iter().map(|registry| &registry.host),
        );
        spec.registries
            .iter()
            .map(|registry| self.registry(registry))
            .collect()
    }

    pub(super) fn images(&mut self, spec: &Spec, secrets: &[Secret]) -> Vec<Image> {
        self.unique("image", spec.images.iter().map(|image| &image.image));
        spec.images
            .iter()
            .map(|image| self.image(image, secrets))
            .collect()
    }

    /// Whether registries and images are those of some pod, so that no mistyped name goes unnoticed.
    pub(super) fn image_references(&mut self, spec: &Spec, scenario: &Scenario, names: &Names) {
        let used = Used::new(scenario);
        for registry in &spec.registries {
            let hosts = used.hosts();
            if !hosts.contains(&registry.host.text.as_str()) {
                let hint = hint(&registry.host.text, &hosts);
                self.error(
                    &registry.host,
                    format!("no pod pulls from `{}`: {hint}", registry.host.text),
                );
            }
            let here = used.from(&registry.host.text);
            for fault in &registry.faults {
                self.image_reference(fault.images.as_ref(), &here, "pulled from this registry");
                self.node_reference(fault.nodes.as_ref(), names);
            }
        }
        for (place, image) in spec.images.iter().enumerate() {
            self.image_reference(Some(&image.image), &used.images, "pulled by any pod");
            self.image_is_reached(spec, place, &used);
        }
        for group in spec
            .cluster
            .iter()
            .filter_map(|cluster| cluster.nodes.as_ref())
            .flat_map(|groups| groups.iter())
        {
            for image in &group.images {
                self.image_reference(Some(image), &used.images, "pulled by any pod");
            }
        }
    }

    /// The image, or the pattern, must be one of these.
    pub(super) fn image_reference<T>(
        &mut self,
        pattern: Option<&Text<T>>,
        images: &[&str],
        how: &str,
    ) {
        let Some(pattern) = pattern else { return };
        if !images
            .iter()
            .any(|image| glob::matches(&pattern.text, image))
        {
            let hint = hint(&pattern.text, images);
            self.error(
                pattern,
                format!("no image `{}` is {how}: {hint}", pattern.text),
            );
        }
    }

    pub(super) fn node_reference<T>(&mut self, pattern: Option<&Text<T>>, names: &Names) {
        let Some(pattern) = pattern else { return };
        if let Err(message) = names.node(&pattern.text) {
            self.error(pattern, message);
        }
    }

    /// The first that matches counts: an entry behind a wider one may never be looked at.
    fn image_is_reached(&mut self, spec: &Spec, place: usize, used: &Used<'_>) {
        let pattern = &spec.images[place].image;
        let mine: Vec<&&str> = used
            .images
            .iter()
            .filter(|image| glob::matches(&pattern.text, image))
            .collect();
        let earlier = |image: &str| {
            spec.images[..place]
                .iter()
                .find(|other| glob::matches(&other.image.text, image))
        };
        let hidden_by: Option<Vec<_>> = mine.iter().map(|image| earlier(image)).collect();
        if let Some(first) = hidden_by.as_ref().and_then(|hidden| hidden.first()) {
            let message = format!(
                "this is never looked at, since `{}` comes first and matches as well: move it up",
                first.image.text
            );
            self.error(pattern, message);
        }
    }

    fn registry(&mut self, registry: &RegistrySpec) -> Registry {
        let usual = Registry::usual(&self.name(&registry.host));
        let latency = self.or(registry.latency.as_ref(), usual.latency);
        let bandwidth = self.or(registry.bandwidth.as_ref(), usual.bandwidth_mib_per_s);
        if let (Some(text), 0) = (&registry.bandwidth, bandwidth) {
            self.error(
                text,
                "nothing is ever pulled without bandwidth: write `1Mi` or more",
            );
        }
        let rate_limit = registry.rate_limit.as_ref().and_then(|limit| {
            let (pulls, per) = (self.read(&limit.pulls), self.read(&limit.per));
            Some(RateLimit {
                pulls: pulls?,
                per: per?,
            })
        });
        Registry {
            latency,
            bandwidth_mib_per_s: bandwidth,
            rate_limit,
            faults: registry
                .faults
                .iter()
                .filter_map(|fault| self.registry_fault(fault, latency))
                .collect(),
            ..usual
        }
    }

    fn registry_fault(
        &mut self,
        fault: &At<RegistryFaultSpec>,
        latency: Duration,
    ) -> Option<RegistryFault> {
        let given = [
            ("error", place(fault.error.as_ref())),
            ("slow", place(fault.slow.as_ref())),
        ];
        self.one_of(fault, "what pulls meet", &given);
        if let (Some(after), None) = (&fault.after, &fault.error) {
            self.error(
                after,
                "`after` says when an error comes: name the `error` too",
            );
        }
        let from = self.begins(fault.from.as_ref()).unwrap_or_default();
        let until = self.until(from, fault.lasts.as_ref(), fault.until.as_ref());
        let after = self.maybe(fault.after.as_ref());
        let percent = self.or(fault.percent.as_ref(), 100);
        let images = self.maybe(fault.images.as_ref());
        let nodes = self.maybe(fault.nodes.as_ref());
        let slow = self.maybe(fault.slow.as_ref());
        let what = match (self.maybe(fault.error.as_ref()), slow) {
            (Some(error), _) => RegistryFaultKind::Error {
                error,
                after: after.unwrap_or(match error {
                    PullError::ConnectTimeout => CONNECT_TIMEOUT,
                    PullError::Hung => PROGRESS_TIMEOUT,
                    _ => latency,
                }),
            },
            (None, Some(factor)) => RegistryFaultKind::Slow { factor },
            (None, None) => return None,
        };
        Some(RegistryFault {
            from,
            until,
            what,
            percent,
            images,
            nodes,
        })
    }

    fn image(&mut self, image: &At<ImageSpec>, secrets: &[Secret]) -> Image {
        if let Some(secret) = &image.secret {
            self.known(
                "secret",
                "spec.secrets",
                secret,
                secrets.iter().map(|secret| secret.name.as_str()),
            );
        }
        Image {
            reference: self.name(&image.image),
            size_mib: self.or(image.size.as_ref(), SIZE_USUAL_MIB),
            exists: self.exists(image),
            defect: self.maybe(image.defect.as_ref()),
            secret: self.maybe(image.secret.as_ref()),
            node_identity: self.or(image.node_identity.as_ref(), false),
        }
    }

    fn exists(&mut self, image: &ImageSpec) -> Exists {
        let missing = self.maybe(image.missing.as_ref());
        let appears = self.begins(image.appears_at.as_ref());
        let until = self.until(
            appears.unwrap_or_default(),
            None,
            image.disappears_at.as_ref(),
        );
        if let (Some(text), Some(_), None) =
            (&image.disappears_at, &image.missing, &image.appears_at)
        {
            self.error(
                text,
                "an image that is `missing` cannot disappear: say `appearsAt` too",
            );
        }
        let from = match (missing, appears) {
            (Some(_), None) => None,
            (_, appears) => Some(appears.unwrap_or_default()),
        };
        let usual = Exists::default();
        Exists {
            from,
            until,
            missing: missing.unwrap_or(usual.missing),
        }
    }
}

/// The images that pods have, or get by hand.
pub(super) struct Used<'a> {
    pub(super) images: Vec<&'a str>,
}

impl<'a> Used<'a> {
    pub(super) fn new(scenario: &'a Scenario) -> Self {
        let mut images: Vec<&str> = scenario.image_names().collect();
        images.sort_unstable();
        images.dedup();
        Self { images }
    }

    fn hosts(&self) -> Vec<&'a str> {
        let mut hosts: Vec<&str> = self.images.iter().filter_map(|image| host(image)).collect();
        hosts.sort_unstable();
        hosts.dedup();
        hosts
    }

    fn from(&self, registry: &str) -> Vec<&'a str> {
        let here = self
            .images
            .iter()
            .filter(|image| host(image) == Some(registry));
        here.copied().collect()
    }
}

fn host(image: &str) -> Option<&str> {
    ImageReference::parse(image)
        .ok()
        .map(|image| image.registry())
}

fn hint(pattern: &str, known: &[&str]) -> String {
    match suggest::closest(pattern, known.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None if known.is_empty() => "there is none at all".to_owned(),
        None => format!("there {}", listed(known.iter().copied())),
    }
}
