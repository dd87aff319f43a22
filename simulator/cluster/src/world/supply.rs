//! Registries and images at any time, with the faults of registries: how each pull goes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pullstop_core::image::ImageReference;
use pullstop_core::time::Timestamp;

use super::ZERO;
use super::ids::ImageId;
use super::random::RandomStream;
use crate::pull_errors::{self, PullError};
use crate::scenario::glob;
use crate::scenario::supply::{Image, Registry, RegistryFaultKind};
use crate::scenario::{Scenario, Secret};

/// All registries and all images that some container names.
#[derive(Debug)]
pub struct Supply {
    registries: Vec<Counter>,
    specs: Vec<Image>,
    secrets: Vec<Secret>,
    images: Vec<Known>,
    by_name: BTreeMap<Arc<str>, ImageId>,
}

/// A registry and how much of its quota is used.
#[derive(Debug)]
struct Counter {
    registry: Registry,
    period: u64,
    used: u32,
}

/// An image that some container names.
#[derive(Debug)]
struct Known {
    name: Arc<str>,
    /// As runtimes print it, taken apart once for all pulls that fail.
    printed: pull_errors::Image,
    parses: bool,
    registry: usize,
    spec: Option<usize>,
}

/// Who pulls what.
#[derive(Clone, Copy, Debug)]
pub struct Pull<'a> {
    /// The image.
    pub image: ImageId,
    /// The node's name.
    pub node: &'a str,
    /// From when the node's own credentials are good.
    pub identity_from: Timestamp,
    /// The pod's `imagePullSecrets`.
    pub secrets: &'a [String],
    /// Whether the node has the image's layers already.
    pub is_here: bool,
}

/// How a pull will go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// How long it takes.
    pub takes: Duration,
    /// What it ends in.
    pub error: Option<PullError>,
}

/// What an image weighs that no scenario speaks of.
const SIZE_USUAL_MIB: u64 = 100;

impl Supply {
    /// What the scenario describes.
    pub fn new(scenario: &Scenario) -> Self {
        let counter = |registry: &Registry| Counter {
            registry: registry.clone(),
            period: 0,
            used: 0,
        };
        Self {
            registries: scenario.registries.iter().map(counter).collect(),
            specs: scenario.images.clone(),
            secrets: scenario.secrets.clone(),
            images: Vec::new(),
            by_name: BTreeMap::new(),
        }
    }

    /// The image of this name.
    pub fn image(&mut self, name: &str) -> ImageId {
        if let Some(id) = self.by_name.get(name) {
            return *id;
        }
        let parsed = ImageReference::parse(name);
        let host = parsed.as_ref().map_or("", ImageReference::registry);
        let known = Known {
            name: name.into(),
            printed: pull_errors::Image::new(name),
            parses: parsed.is_ok(),
            registry: self.registry(host),
            spec: self
                .specs
                .iter()
                .position(|spec| glob::matches(&spec.reference, name)),
        };
        let id = ImageId::at(self.images.len());
        self.by_name.insert(Arc::clone(&known.name), id);
        self.images.push(known);
        id
    }

    /// The image of this name, if some container or edit names it.
    pub fn known(&self, name: &str) -> Option<ImageId> {
        self.by_name.get(name).copied()
    }

    /// The image's name.
    pub fn name(&self, image: ImageId) -> &Arc<str> {
        &self.images[image.index()].name
    }

    /// The image as runtimes print it.
    pub fn printed(&self, image: ImageId) -> &pull_errors::Image {
        &self.images[image.index()].printed
    }

    /// Whether the name can be parsed.
    pub fn parses(&self, image: ImageId) -> bool {
        self.images[image.index()].parses
    }

    /// The images whose names match.
    pub fn matching<'a>(&'a self, pattern: &'a str) -> impl Iterator<Item = ImageId> + 'a {
        let named = self.by_name.iter();
        named.filter_map(|(name, id)| glob::matches(pattern, name).then_some(*id))
    }

    /// Begins a pull: how it will go, chance and quota included.
    pub fn pull(&mut self, now: Timestamp, pull: &Pull<'_>, chance: &mut RandomStream) -> Plan {
        let at = now.since(ZERO);
        let known = &self.images[pull.image.index()];
        let counter = &mut self.registries[known.registry];
        let jitter = Duration::from_millis(chance.below(50));
        let latency = counter.registry.latency + jitter;
        let mut slow = 1;
        for fault in counter.registry.faults_at(at, &known.name, pull.node) {
            if !chance.chance(fault.percent) {
                continue;
            }
            match fault.what {
                RegistryFaultKind::Error { error, after } => {
                    return Plan::fails(after + jitter, error);
                }
                RegistryFaultKind::Slow { factor } => slow = slow.max(factor),
            }
        }
        if counter.is_spent(at) {
            return Plan::fails(latency, PullError::RateLimited);
        }
        if let Some(error) = self.refusal(at, pull) {
            return Plan::fails(latency * slow, error);
        }
        // What a node has already it does not fetch again: the manifest says so.
        let transfer = if pull.is_here {
            Duration::ZERO
        } else {
            self.transfer(pull.image)
        };
        let takes = (latency + transfer) * slow;
        self.broken_off(at, takes, pull)
            .unwrap_or(Plan { takes, error: None })
    }

    /// When a pull would first succeed, if chance allows; `None` is never.
    pub fn pullable_from(&self, now: Timestamp, pull: &Pull<'_>) -> Option<Timestamp> {
        let at = now.since(ZERO);
        let known = &self.images[pull.image.index()];
        let registry = &self.registries[known.registry].registry;
        let mut moments = vec![at, pull.identity_from.since(ZERO)];
        moments.extend(registry.faults.iter().filter_map(|fault| fault.until));
        moments.extend(self.secrets.iter().map(|secret| secret.from));
        if let Some(limit) = registry.rate_limit {
            moments.push(limit.period_end(at));
        }
        if let Some(from) = known.spec.and_then(|spec| self.specs[spec].exists.from) {
            moments.push(from);
        }
        moments.retain(|moment| *moment >= at);
        moments.sort_unstable();
        let first = moments
            .into_iter()
            .find(|moment| self.would_succeed(*moment, at, pull))?;
        Some(ZERO.after(first))
    }

    fn would_succeed(&self, at: Duration, now: Duration, pull: &Pull<'_>) -> bool {
        let known = &self.images[pull.image.index()];
        let counter = &self.registries[known.registry];
        let fails = counter
            .registry
            .faults_at(at, &known.name, pull.node)
            .any(|t| t.percent == 100 && matches!(t.what, RegistryFaultKind::Error { .. }));
        let is_spent = counter.registry.rate_limit.is_some_and(|limit| {
            limit.period(at) == limit.period(now)
                && counter.period == limit.period(now)
                && counter.used >= limit.pulls
        });
        known.parses && !fails && !is_spent && self.refusal(at, pull).is_none()
    }

    /// Why the image itself cannot be had, faults of the registry left aside.
    fn refusal(&self, at: Duration, pull: &Pull<'_>) -> Option<PullError> {
        let known = &self.images[pull.image.index()];
        let spec = &self.specs[known.spec?];
        if spec.node_identity && at < pull.identity_from.since(ZERO) {
            return Some(PullError::Forbidden);
        }
        if let Some(secret) = &spec.secret {
            let is_there = |s: &Secret| {
                s.name == *secret && s.from <= at && s.until.is_none_or(|until| at < until)
            };
            if !pull.secrets.contains(secret) || !self.secrets.iter().any(is_there) {
                return Some(PullError::NoBasicAuth);
            }
        }
        let exists = spec.exists;
        let is_there = exists.from.is_some_and(|from| from <= at)
            && exists.until.is_none_or(|until| at < until);
        if is_there {
            spec.defect
        } else {
            Some(exists.missing)
        }
    }

    /// Whether a fault that begins meanwhile breaks the transfer off.
    fn broken_off(&self, at: Duration, takes: Duration, pull: &Pull<'_>) -> Option<Plan> {
        let known = &self.images[pull.image.index()];
        let registry = &self.registries[known.registry].registry;
        let begins = |t: &&crate::scenario::supply::RegistryFault| {
            at < t.from
                && t.from < at + takes
                && t.percent == 100
                && t.meets(&known.name, pull.node)
        };
        let errors = registry.faults.iter().filter(begins);
        errors
            .filter_map(|t| match t.what {
                RegistryFaultKind::Error { error, after } => Some((t.from, error, after)),
                RegistryFaultKind::Slow { .. } => None,
            })
            .min_by_key(|(from, ..)| *from)
            .map(|(from, error, after)| Plan::fails(from.saturating_sub(at) + after, error))
    }

    fn transfer(&self, image: ImageId) -> Duration {
        let known = &self.images[image.index()];
        let size_mib = known
            .spec
            .map_or(SIZE_USUAL_MIB, |spec| self.specs[spec].size_mib);
        let bandwidth = self.registries[known.registry]
            .registry
            .bandwidth_mib_per_s
            .max(1);
        Duration::from_millis(size_mib.saturating_mul(1000) / bandwidth)
    }

    fn registry(&mut self, host: &str) -> usize {
        let known = self
            .registries
            .iter()
            .position(|counter| counter.registry.host == host);
        known.unwrap_or_else(|| {
            self.registries.push(Counter {
                registry: Registry::usual(host),
                period: 0,
                used: 0,
            });
            self.registries.len() - 1
        })
    }
}

impl Counter {
    /// Takes one pull from the quota, if there is one; whether none was left.
    fn is_spent(&mut self, at: Duration) -> bool {
        let Some(limit) = self.registry.rate_limit else {
            return false;
        };
        let period = limit.period(at);
        if period != self.period {
            (self.period, self.used) = (period, 0);
        }
        let is_spent = self.used >= limit.pulls;
        self.used += u32::from(!is_spent);
        is_spent
    }
}

impl Plan {
    const fn fails(takes: Duration, error: PullError) -> Self {
        Self {
            takes,
            error: Some(error),
        }
    }
}
