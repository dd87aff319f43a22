//! Registries, images and secrets as they are written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::read::{Bytes, Count, Factor, Flag, Label, Missing, Percent, Span, Time, Word};
use super::value::{At, Text};
use crate::pull_errors::PullError;

/// A registry and its faults.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RegistrySpec {
    /// Host and port, as in image names; `docker.io` for names without one.
    pub(crate) host: Text<Word>,
    /// From a request until its answer; `400ms` by default.
    pub(crate) latency: Option<Text<Time>>,
    /// Bytes a second of one pull; `50Mi` by default.
    pub(crate) bandwidth: Option<Text<Bytes>>,
    /// How many pulls the registry allows the whole cluster.
    pub(crate) rate_limit: Option<RateLimitSpec>,
    /// Times when it is not itself.
    #[serde(default, alias = "troubles")]
    pub(crate) faults: Vec<At<RegistryFaultSpec>>,
}

/// So many pulls in each period.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RateLimitSpec {
    /// Pulls.
    pub(crate) pulls: Text<Count>,
    /// The period.
    pub(crate) per: Text<Span>,
}

/// A time when a registry does not do what it should: `error` or `slow`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegistryFaultSpec {
    /// When it begins; `0s` by default.
    pub(crate) from: Option<Text<Time>>,
    /// For how long; to the end by default.
    #[serde(rename = "for")]
    pub(crate) lasts: Option<Text<Span>>,
    /// Instead of `for`: when it is over.
    pub(crate) until: Option<Text<Time>>,
    /// Pulls end in this error.
    pub(crate) error: Option<Text<PullError>>,
    /// How long a pull takes to end in the error; by default the registry's latency, `30s` for `ConnectTimeout` and
    /// `1m` for `Hung`.
    pub(crate) after: Option<Text<Time>>,
    /// Pulls take so many times as long.
    pub(crate) slow: Option<Text<Factor>>,
    /// How many pulls in a hundred meet it; all by default.
    pub(crate) percent: Option<Text<Percent>>,
    /// Only these images, as pods write them: a name, or a pattern with `*`.
    pub(crate) images: Option<Text<Word>>,
    /// Only pulls from these nodes: a name, or a pattern with `*`.
    pub(crate) nodes: Option<Text<Word>>,
}

/// An image, or all whose names match.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ImageSpec {
    /// The name as pods write it, or a pattern with `*`.
    pub(crate) image: Text<Word>,
    /// What a pull transfers; `100Mi` by default.
    pub(crate) size: Option<Text<Bytes>>,
    /// The image does not exist: `true` for `ManifestNotFound`, or the name of the error. With `appearsAt`, what
    /// pulls are told until then.
    pub(crate) missing: Option<Text<Missing>>,
    /// From when it exists; from the start by default.
    pub(crate) appears_at: Option<Text<Time>>,
    /// Until when it exists; forever by default.
    pub(crate) disappears_at: Option<Text<Time>>,
    /// The secret without which it cannot be pulled.
    pub(crate) secret: Option<Text<Label>>,
    /// Something wrong with it that no waiting cures.
    pub(crate) defect: Option<Text<PullError>>,
    /// Whether it needs the node's own credentials.
    pub(crate) node_identity: Option<Text<Flag>>,
}

/// A pull secret.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SecretSpec {
    /// Its name.
    pub(crate) name: Text<Label>,
    /// From when it is there; from the start by default.
    pub(crate) appears_at: Option<Text<Time>>,
    /// Until when; forever by default.
    pub(crate) disappears_at: Option<Text<Time>>,
}
