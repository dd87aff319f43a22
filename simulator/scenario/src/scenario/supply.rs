//! Where images come from: registries and their faults, images, and pull secrets.

use std::time::Duration;

use super::glob;
use crate::pull_errors::PullError;

/// A registry and its faults.
#[derive(Clone, Debug)]
pub struct Registry {
    /// Host and port, as in image names.
    pub host: String,
    /// From a request until its answer: what it takes to learn that an image is missing.
    pub latency: Duration,
    /// How fast one pull gets its bytes.
    pub bandwidth_mib_per_s: u64,
    /// How many pulls the registry allows the whole cluster.
    pub rate_limit: Option<RateLimit>,
    /// Times when it is not itself.
    pub faults: Vec<RegistryFault>,
}

/// So many pulls in each period, as Docker Hub counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Pulls.
    pub pulls: u32,
    /// The period; it starts anew when it is over.
    pub per: Duration,
}

/// A time when a registry does not do what it should.
#[derive(Clone, Debug)]
pub struct RegistryFault {
    /// When it begins.
    pub from: Duration,
    /// When it is over; `None` is never.
    pub until: Option<Duration>,
    /// What pulls meet.
    pub what: RegistryFaultKind,
    /// How many pulls in a hundred meet it.
    pub percent: u8,
    /// Only these images: a name, or a pattern with `*`.
    pub images: Option<String>,
    /// Only pulls from these nodes: a name, or a pattern with `*`.
    pub nodes: Option<String>,
}

/// What can be wrong with a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistryFaultKind {
    /// Pulls end in this error, after this time.
    Error {
        /// The error.
        error: PullError,
        /// How long a pull takes to end in it.
        after: Duration,
    },
    /// Pulls take so many times as long.
    Slow {
        /// At least 1.
        factor: u32,
    },
}

/// An image, or all whose names match.
#[derive(Clone, Debug)]
pub struct Image {
    /// The reference as pods write it, or a pattern with `*`; the first that matches counts.
    pub reference: String,
    /// What a pull transfers.
    pub size_mib: u64,
    /// From when to when it exists; `None` never begins or never ends.
    pub exists: Exists,
    /// Something wrong with it that no waiting cures.
    pub defect: Option<PullError>,
    /// The secret without which it cannot be pulled.
    pub secret: Option<String>,
    /// Whether it needs the node's own credentials, as a cloud's registry does.
    pub node_identity: bool,
}

/// When an image exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exists {
    /// `None`: never.
    pub from: Option<Duration>,
    /// `None`: forever.
    pub until: Option<Duration>,
    /// What a pull is told while it does not.
    pub missing: PullError,
}

/// A pull secret.
#[derive(Clone, Debug)]
pub struct Secret {
    /// Its name.
    pub name: String,
    /// From when it is there.
    pub from: Duration,
    /// Until when.
    pub until: Option<Duration>,
}

impl RegistryFaultKind {
    /// The largest factor: a pull of a minute then takes most of a day.
    pub const FACTOR_MAX: u32 = 1000;
}

impl Default for Exists {
    fn default() -> Self {
        Self {
            from: Some(Duration::ZERO),
            until: None,
            missing: PullError::ManifestNotFound,
        }
    }
}

impl Registry {
    /// A registry without a word in the scenario: 400 ms and 50 MiB/s, the middle of the recorded pulls.
    pub fn usual(host: &str) -> Self {
        Self {
            host: host.to_owned(),
            latency: Duration::from_millis(400),
            bandwidth_mib_per_s: 50,
            rate_limit: None,
            faults: Vec::new(),
        }
    }
}

impl Registry {
    /// What is wrong at `at` for pulls of `image` from `node`.
    pub fn faults_at<'a>(
        &'a self,
        at: Duration,
        image: &'a str,
        node: &'a str,
    ) -> impl Iterator<Item = &'a RegistryFault> {
        self.faults
            .iter()
            .filter(move |t| t.from <= at && t.until.is_none_or(|until| at < until))
            .filter(move |t| t.meets(image, node))
    }
}

impl RegistryFault {
    /// Whether it concerns pulls of `image` from `node`.
    pub fn meets(&self, image: &str, node: &str) -> bool {
        let fits = |pattern: &Option<String>, name| {
            pattern.as_ref().is_none_or(|p| glob::matches(p, name))
        };
        fits(&self.images, image) && fits(&self.nodes, node)
    }
}

impl RateLimit {
    /// The number of the period in which `at` is.
    pub fn period(&self, at: Duration) -> u64 {
        let per_ms = self.per.as_millis().max(1);
        u64::try_from(at.as_millis() / per_ms).unwrap_or(u64::MAX)
    }

    /// When the period is over in which `at` is.
    pub fn period_end(&self, at: Duration) -> Duration {
        let periods = u32::try_from(self.period(at).saturating_add(1)).unwrap_or(u32::MAX);
        self.per.saturating_mul(periods)
    }
}
