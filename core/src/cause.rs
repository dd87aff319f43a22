//! Why a pull failed, and whether waiting can help.

use std::fmt;
use std::str::FromStr;

/// Why a pull failed, as far as its message tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The image name cannot be parsed, or cannot be resolved to a registry by the node.
    InvalidReference,
    /// `imagePullPolicy: Never`, and the node does not have the image.
    NeverPullMissing,
    /// The repository exists, this tag or digest does not.
    ManifestNotFound,
    /// The registry does not know the repository.
    RepositoryNotFound,
    /// The image exists for other platforms than the node's.
    PlatformMismatch,
    /// The registry served something that this runtime cannot use as an image.
    UnsupportedManifest,
    /// The node's policy asks for a signature that the image does not have.
    SignatureRejected,
    /// The registry refuses an image that exists, for instance for its vulnerabilities.
    RegistryPolicyBlocked,
    /// The registry says that the credentials, or their absence, do not allow the pull.
    AccessDenied,
    /// The registry does not say whether the image is missing or forbidden.
    AmbiguousNotFoundOrDenied,
    /// A quota of weeks or an unpaid bill, dressed as a denial or a rate limit.
    QuotaOrBilling,
    /// The registry asks for fewer requests.
    RateLimited,
    /// The registry cannot be reached or answers with a server error.
    RegistryUnavailable,
    /// No answer in time.
    Timeout,
    /// The registry's name was not resolved.
    DnsFailure,
    /// No TLS session with the registry.
    TlsFailure,
    /// A proxy or firewall on the way refused.
    ProxyOrFirewallBlocked,
    /// The node has no room for the image.
    NodeDiskFull,
    /// The node's runtime or its storage is broken or overloaded.
    NodeRuntime,
    /// What arrived is not what was announced.
    CorruptContent,
    /// The kubelet's own limiter: no pull was tried, so this is never a failure.
    KubeletThrottled,
    /// The message tells nothing that the table knows.
    Unknown,
}

impl Cause {
    /// Every cause, in the order of their definition.
    pub const ALL: [Self; 22] = [
        Self::InvalidReference,
        Self::NeverPullMissing,
        Self::ManifestNotFound,
        Self::RepositoryNotFound,
        Self::PlatformMismatch,
        Self::UnsupportedManifest,
        Self::SignatureRejected,
        Self::RegistryPolicyBlocked,
        Self::AccessDenied,
        Self::AmbiguousNotFoundOrDenied,
        Self::QuotaOrBilling,
        Self::RateLimited,
        Self::RegistryUnavailable,
        Self::Timeout,
        Self::DnsFailure,
        Self::TlsFailure,
        Self::ProxyOrFirewallBlocked,
        Self::NodeDiskFull,
        Self::NodeRuntime,
        Self::CorruptContent,
        Self::KubeletThrottled,
        Self::Unknown,
    ];

    /// The name used in policies, conditions, events and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidReference => "InvalidReference",
            Self::NeverPullMissing => "NeverPullMissing",
            Self::ManifestNotFound => "ManifestNotFound",
            Self::RepositoryNotFound => "RepositoryNotFound",
            Self::PlatformMismatch => "PlatformMismatch",
            Self::UnsupportedManifest => "UnsupportedManifest",
            Self::SignatureRejected => "SignatureRejected",
            Self::RegistryPolicyBlocked => "RegistryPolicyBlocked",
            Self::AccessDenied => "AccessDenied",
            Self::AmbiguousNotFoundOrDenied => "AmbiguousNotFoundOrDenied",
            Self::QuotaOrBilling => "QuotaOrBilling",
            Self::RateLimited => "RateLimited",
            Self::RegistryUnavailable => "RegistryUnavailable",
            Self::Timeout => "Timeout",
            Self::DnsFailure => "DnsFailure",
            Self::TlsFailure => "TlsFailure",
            Self::ProxyOrFirewallBlocked => "ProxyOrFirewallBlocked",
            Self::NodeDiskFull => "NodeDiskFull",
            Self::NodeRuntime => "NodeRuntime",
            Self::CorruptContent => "CorruptContent",
            Self::KubeletThrottled => "KubeletThrottled",
            Self::Unknown => "Unknown",
        }
    }

    /// Whether a failure of this cause says anything about the image.
    pub const fn is_failure(self) -> bool {
        !matches!(self, Self::KubeletThrottled)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// No cause has this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownCause;

impl fmt::Display for UnknownCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no such cause")
    }
}

impl std::error::Error for UnknownCause {}

impl FromStr for Cause {
    type Err = UnknownCause;

    fn from_str(name: &str) -> Result<Self, UnknownCause> {
        Self::ALL
            .into_iter()
            .find(|cause| cause.as_str() == name)
            .ok_or(UnknownCause)
    }
}

/// Whether an error heals by waiting, as far as its message tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permanence {
    /// It stays until the image, the pod, the registry or its permissions change.
    Permanent,
    /// It heals by itself.
    Transient,
    /// The message cannot tell: the same words were seen on both.
    Ambiguous,
}

impl Permanence {
    /// The name that commands print.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Permanent => "permanent",
            Self::Transient => "transient",
            Self::Ambiguous => "ambiguous",
        }
    }
}

impl fmt::Display for Permanence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A set of causes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CauseSet(u32);

impl CauseSet {
    /// All causes.
    pub const ALL: Self = Self(u32::MAX);

    /// Whether `cause` is in the set.
    pub const fn contains(self, cause: Cause) -> bool {
        self.0 & Self::bit(cause) != 0
    }

    const fn bit(cause: Cause) -> u32 {
        1 << cause as u32
    }
}

impl FromIterator<Cause> for CauseSet {
    fn from_iter<I: IntoIterator<Item = Cause>>(causes: I) -> Self {
        Self(
            causes
                .into_iter()
                .fold(0, |bits, cause| bits | Self::bit(cause)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_is_in_the_list() {
        assert_eq!(
            Cause::ALL.len(),
            Cause::Unknown as usize + 1,
            "Unknown comes last"
        );
        for (place, cause) in Cause::ALL.into_iter().enumerate() {
            assert_eq!(cause as usize, place, "{cause}");
        }
    }

    #[test]
    fn names_are_read_back() {
        for cause in Cause::ALL {
            assert_eq!(cause.as_str().parse(), Ok(cause));
        }
        assert_eq!("manifestNotFound".parse::<Cause>(), Err(UnknownCause));
    }
}
