//! What can go wrong with a pull, and the words in which each container runtime says so.
//!
//! The words matter: the classifier reads them in the simulation as it does in a cluster. What the kubelet adds stands
//! in `kubelet`, each runtime's own words in a module of its name, and what they have in common, since all are
//! written in Go, in `network`.

mod containerd;
mod crio;
mod image;
mod kubelet;
mod network;

pub use kubelet::{back_off, invalid_name, never_pull, pull_error};
use pullstop_core::cause::Cause;

/// What a plugin of tomorrow might say: neither sources nor recordings have it, and so no classifier knows it.
const UNHEARD_OF: &str = "plugin lazy-layers: state 17 was not foreseen";

/// What can go wrong with a pull. Scenarios use these names.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub enum PullError {
    /// 404: the repository has no such tag or digest.
    ManifestNotFound,
    /// 404: the registry has no such repository.
    RepositoryNotFound,
    /// 401, since no credentials were sent.
    NoBasicAuth,
    /// 401: the credentials are wrong.
    Unauthorized,
    /// 403 from the registry or its token server.
    Forbidden,
    /// `pull access denied, repository does not exist or may require authorization`.
    DeniedOrMissing,
    /// 429.
    RateLimited,
    /// 500.
    InternalError,
    /// 502.
    BadGateway,
    /// 503.
    ServiceUnavailable,
    /// 504.
    GatewayTimeout,
    /// Nobody listens on the port.
    Refused,
    /// The registry's name does not exist.
    NoSuchHost,
    /// The name server does not answer.
    DnsServerFailure,
    /// The certificate is signed by nobody the node knows.
    CertificateUnknown,
    /// HTTPS was tried with a server that speaks HTTP.
    HttpToHttps,
    /// No connection in time.
    ConnectTimeout,
    /// Connected, but no answer in time.
    Hung,
    /// The connection was cut.
    Reset,
    /// Not built for the node's platform.
    PlatformMismatch,
    /// A manifest that the runtime cannot use.
    UnsupportedManifest,
    /// The signature that the node's policy asks for is missing.
    SignatureRejected,
    /// A layer is not what its digest says.
    CorruptContent,
    /// The node's disk is full.
    DiskFull,
    /// The node's runtime is out of order.
    RuntimeTrouble,
    /// A proxy on the way refuses.
    BlockedByProxy,
    /// The registry refuses the image, for instance for its vulnerabilities.
    PolicyBlocked,
    /// A bill is not paid, or a quota used up.
    QuotaOrBilling,
    /// Something that nobody has ever heard of.
    Unknown,
    /// The kubelet's own limiter.
    Throttled,
}

/// What pulls images on a node. Releases whose words differ are told apart.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
)]
pub enum Runtime {
    /// containerd 1.6.
    #[serde(rename = "containerd-1.6")]
    Containerd16,
    /// containerd 1.7.
    #[serde(rename = "containerd-1.7")]
    Containerd17,
    /// containerd 2.
    #[default]
    #[serde(rename = "containerd-2")]
    Containerd2,
    /// CRI-O.
    #[serde(rename = "cri-o")]
    Crio,
}

impl PullError {
    /// Every error, in the order of their definition.
    pub const ALL: [Self; 30] = [
        Self::ManifestNotFound,
        Self::RepositoryNotFound,
        Self::NoBasicAuth,
        Self::Unauthorized,
        Self::Forbidden,
        Self::DeniedOrMissing,
        Self::RateLimited,
        Self::InternalError,
        Self::BadGateway,
        Self::ServiceUnavailable,
        Self::GatewayTimeout,
        Self::Refused,
        Self::NoSuchHost,
        Self::DnsServerFailure,
        Self::CertificateUnknown,
        Self::HttpToHttps,
        Self::ConnectTimeout,
        Self::Hung,
        Self::Reset,
        Self::PlatformMismatch,
        Self::UnsupportedManifest,
        Self::SignatureRejected,
        Self::CorruptContent,
        Self::DiskFull,
        Self::RuntimeTrouble,
        Self::BlockedByProxy,
        Self::PolicyBlocked,
        Self::QuotaOrBilling,
        Self::Unknown,
        Self::Throttled,
    ];

    /// The cause that a perfect classifier finds.
    pub const fn cause(self) -> Cause {
        match self {
            Self::ManifestNotFound => Cause::ManifestNotFound,
            Self::RepositoryNotFound => Cause::RepositoryNotFound,
            Self::NoBasicAuth | Self::Unauthorized | Self::Forbidden => Cause::AccessDenied,
            Self::DeniedOrMissing => Cause::AmbiguousNotFoundOrDenied,
            Self::RateLimited => Cause::RateLimited,
            Self::InternalError
            | Self::BadGateway
            | Self::ServiceUnavailable
            | Self::GatewayTimeout
            | Self::Refused
            | Self::Reset => Cause::RegistryUnavailable,
            Self::NoSuchHost | Self::DnsServerFailure => Cause::DnsFailure,
            Self::CertificateUnknown | Self::HttpToHttps => Cause::TlsFailure,
            Self::ConnectTimeout | Self::Hung => Cause::Timeout,
            Self::PlatformMismatch => Cause::PlatformMismatch,
            Self::UnsupportedManifest => Cause::UnsupportedManifest,
            Self::SignatureRejected => Cause::SignatureRejected,
            Self::CorruptContent => Cause::CorruptContent,
            Self::DiskFull => Cause::NodeDiskFull,
            Self::RuntimeTrouble => Cause::NodeRuntime,
            Self::BlockedByProxy => Cause::ProxyOrFirewallBlocked,
            Self::PolicyBlocked => Cause::RegistryPolicyBlocked,
            Self::QuotaOrBilling => Cause::QuotaOrBilling,
            Self::Unknown => Cause::Unknown,
            Self::Throttled => Cause::KubeletThrottled,
        }
    }
}
