//! The errors of pulls, and the messages of each container runtime for them.
//!
//! The words matter: the classifier reads them in the simulation as it does in a cluster. What the kubelet adds stands
//! in `kubelet`, each runtime's own words in a module of its name, and what they have in common, since all are
//! written in Go, in `network`.

mod containerd;
mod crio;
mod image;
mod kubelet;
mod network;

pub use image::Image;
pub use kubelet::{back_off, invalid_name, never_pull};
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
    RuntimeFailure,
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
        Self::RuntimeFailure,
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
            Self::RuntimeFailure => Cause::NodeRuntime,
            Self::BlockedByProxy => Cause::ProxyOrFirewallBlocked,
            Self::PolicyBlocked => Cause::RegistryPolicyBlocked,
            Self::QuotaOrBilling => Cause::QuotaOrBilling,
            Self::Unknown => Cause::Unknown,
            Self::Throttled => Cause::KubeletThrottled,
        }
    }
}

/// The message right after a pull of `image` failed, under [`PullError::waiting_reason`], as `runtime` and the kubelet
/// of Kubernetes 1.27 and newer say it.
///
/// `noise` decides what differs from one attempt to the next, such as ports of connections; any number is good.
pub fn pull_error(runtime: Runtime, error: PullError, image: &Image, noise: u64) -> String {
    match runtime {
        Runtime::Containerd16 | Runtime::Containerd17 | Runtime::Containerd2 => {
            containerd::error(runtime, error, image, noise)
        }
        Runtime::Crio => crio::error(error, image, noise),
    }
}

#[cfg(test)]
mod tests {
    use pullstop_core::cause::Cause;
    use pullstop_core::classify::Classifier;
    use pullstop_core::image::ImageReference;

    use super::*;

    const RUNTIMES: [Runtime; 4] = [
        Runtime::Containerd16,
        Runtime::Containerd17,
        Runtime::Containerd2,
        Runtime::Crio,
    ];
    const DIGEST: &str = "sha256:abababababababababababababababababababababababababababababababab";
    const NOISES: [u64; 5] = [0, 1, 5, 0x0123_4567_89ab_cdef, u64::MAX];

    fn images() -> Vec<String> {
        let fixed = [
            "nginx",
            "bitnami/redis:7.2",
            "localhost:7439/docker.io/app:v1",
            "127.0.0.1:5000/good/busybox:nope",
            "[::1]:5000/a:b",
            "registry.example.com/team/denied-500-x509:429",
            "registry.example.com:8443/team/app",
            "no-host/Not:::valid \"quoted\" образ",
            "",
        ];
        let pinned = [
            format!("nginx@{DIGEST}"),
            format!("registry.example.com:8443/team/app:v1@{DIGEST}"),
        ];
        fixed.into_iter().map(str::to_owned).chain(pinned).collect()
    }

    /// The cause that can be told from the text. containerd asks with HEAD: a 404 then says no more than that.
    fn readable(runtime: Runtime, error: PullError) -> Cause {
        match (runtime, error) {
            (Runtime::Crio, _) => error.cause(),
            (_, PullError::RepositoryNotFound) => Cause::ManifestNotFound,
            _ => error.cause(),
        }
    }

    #[test]
    fn the_classifier_understands_every_text() {
        let classifier = Classifier::new(&[]).unwrap();
        for (runtime, error) in pairs() {
            let cause = readable(runtime, error);
            let reason = error.waiting_reason(runtime);
            for (image, noise) in images().iter().flat_map(|i| NOISES.map(|n| (i, n))) {
                let text = pull_error(runtime, error, &Image::new(image), noise);
                let found = classifier.classify(reason, &text).cause;
                assert_eq!(found, cause, "{runtime:?} {error:?}: {text}");
                let text = back_off(image, reason, Some(&text));
                // The kubelet backs off only from names that it could parse.
                if ImageReference::parse(image).is_ok() {
                    let found = classifier.classify("ImagePullBackOff", &text).cause;
                    assert_eq!(found, cause, "{runtime:?} {error:?}: {text}");
                }
            }
        }
    }

    fn pairs() -> impl Iterator<Item = (Runtime, PullError)> {
        RUNTIMES
            .into_iter()
            .flat_map(|runtime| PullError::ALL.map(|error| (runtime, error)))
    }

    #[test]
    fn only_what_varies_in_reality_varies() {
        for (runtime, error) in pairs() {
            let image = Image::new("r.test/a:b");
            let texts = [0, 1, 2, 3, 4].map(|noise| pull_error(runtime, error, &image, noise));
            let varies = texts.iter().any(|text| *text != texts[0]);
            let expected = match error {
                PullError::Refused
                | PullError::ConnectTimeout
                | PullError::Reset
                | PullError::DnsServerFailure
                | PullError::DiskFull => true,
                PullError::RuntimeFailure => runtime != Runtime::Crio,
                PullError::CorruptContent => runtime == Runtime::Crio,
                _ => false,
            };
            assert_eq!(varies, expected, "{runtime:?} {error:?}: {texts:?}");
        }
    }

    /// What was recorded of real pods, in `tests/traces`.
    const RECORDED: [(Runtime, PullError, &str, &str); 15] = [
        (
            Runtime::Containerd17,
            PullError::NoBasicAuth,
            "127.0.0.1:5001/priv/app:v1",
            "failed to pull and unpack image \"127.0.0.1:5001/priv/app:v1\": failed to resolve reference \"127.0.0.1:5001/priv/app:v1\": pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials",
        ),
        (
            Runtime::Containerd17,
            PullError::ManifestNotFound,
            "127.0.0.1:5000/good/busybox:nope",
            "rpc error: code = NotFound desc = failed to pull and unpack image \"127.0.0.1:5000/good/busybox:nope\": failed to resolve reference \"127.0.0.1:5000/good/busybox:nope\": 127.0.0.1:5000/good/busybox:nope: not found",
        ),
        (
            Runtime::Containerd17,
            PullError::RepositoryNotFound,
            "127.0.0.1:5000/nobody/nothing:v1",
            "rpc error: code = NotFound desc = failed to pull and unpack image \"127.0.0.1:5000/nobody/nothing:v1\": failed to resolve reference \"127.0.0.1:5000/nobody/nothing:v1\": 127.0.0.1:5000/nobody/nothing:v1: not found",
        ),
        (
            Runtime::Containerd17,
            PullError::ManifestNotFound,
            "127.0.0.1:5000/good/busybox@sha256:abababababababababababababababababababababababababababababababab",
            "rpc error: code = NotFound desc = failed to pull and unpack image \"127.0.0.1:5000/good/busybox@sha256:abababababababababababababababababababababababababababababababab\": failed to resolve reference \"127.0.0.1:5000/good/busybox@sha256:abababababababababababababababababababababababababababababababab\": 127.0.0.1:5000/good/busybox@sha256:abababababababababababababababababababababababababababababababab: not found",
        ),
        (
            Runtime::Containerd17,
            PullError::NoSuchHost,
            "registry.invalid:5000/any/app:v1",
            "failed to pull and unpack image \"registry.invalid:5000/any/app:v1\": failed to resolve reference \"registry.invalid:5000/any/app:v1\": failed to do request: Head \"https://registry.invalid:5000/v2/any/app/manifests/v1\": dial tcp: lookup registry.invalid on 10.0.0.53:53: no such host",
        ),
        (
            Runtime::Containerd17,
            PullError::HttpToHttps,
            "registry.test:5080/good/busybox:v1",
            "failed to pull and unpack image \"registry.test:5080/good/busybox:v1\": failed to resolve reference \"registry.test:5080/good/busybox:v1\": failed to do request: Head \"https://registry.test:5080/v2/good/busybox/manifests/v1\": tls: first record does not look like a TLS handshake",
        ),
        (
            Runtime::Containerd17,
            PullError::PlatformMismatch,
            "127.0.0.1:5000/good/armonly:index",
            "rpc error: code = NotFound desc = failed to pull and unpack image \"127.0.0.1:5000/good/armonly:index\": no match for platform in manifest: not found",
        ),
        (
            Runtime::Containerd17,
            PullError::Refused,
            "127.0.0.1:5005/any/app:v1",
            "failed to pull and unpack image \"127.0.0.1:5005/any/app:v1\": failed to resolve reference \"127.0.0.1:5005/any/app:v1\": failed to do request: Head \"http://127.0.0.1:5005/v2/any/app/manifests/v1\": dial tcp 127.0.0.1:5005: connect: connection refused",
        ),
        (
            Runtime::Containerd17,
            PullError::ServiceUnavailable,
            "127.0.0.1:5003/any/app:v1",
            "failed to pull and unpack image \"127.0.0.1:5003/any/app:v1\": failed to resolve reference \"127.0.0.1:5003/any/app:v1\": unexpected status from HEAD request to http://127.0.0.1:5003/v2/any/app/manifests/v1: 503 Service Unavailable",
        ),
        (
            Runtime::Containerd16,
            PullError::RateLimited,
            "127.0.0.1:5021/good/thr0:v1",
            "failed to pull and unpack image \"127.0.0.1:5021/good/thr0:v1\": failed to resolve reference \"127.0.0.1:5021/good/thr0:v1\": pulling from host 127.0.0.1:5021 failed with status code [manifests v1]: 429 Too Many Requests",
        ),
        (
            Runtime::Containerd16,
            PullError::Throttled,
            "127.0.0.1:5000/good/behind:v1",
            "pull QPS exceeded",
        ),
        (
            Runtime::Containerd2,
            PullError::ManifestNotFound,
            "127.0.0.1:5000/good/busybox:nope",
            "rpc error: code = NotFound desc = failed to pull and unpack image \"127.0.0.1:5000/good/busybox:nope\": failed to resolve image: 127.0.0.1:5000/good/busybox:nope: not found",
        ),
        (
            Runtime::Containerd2,
            PullError::DeniedOrMissing,
            "127.0.0.1:5008/priv/app:v1",
            "failed to pull and unpack image \"127.0.0.1:5008/priv/app:v1\": failed to resolve image: pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed",
        ),
        (
            Runtime::Containerd2,
            PullError::PlatformMismatch,
            "127.0.0.1:5000/good/armonly:index",
            "rpc error: code = NotFound desc = get image config descriptor: no match for platform in manifest sha256:502219f6a5b340965742ff9fd8825feb6cd09da207b92c64b308b2a08791a7be: not found",
        ),
        (
            Runtime::Containerd2,
            PullError::RateLimited,
            "127.0.0.1:5002/any/app:v1",
            "failed to pull and unpack image \"127.0.0.1:5002/any/app:v1\": failed to resolve image: unexpected status from HEAD request to http://127.0.0.1:5002/v2/any/app/manifests/v1: 429 Too Many Requests",
        ),
    ];

    #[test]
    fn texts_are_those_of_the_recordings() {
        for (runtime, error, image, recorded) in RECORDED {
            let ours = pull_error(runtime, error, &Image::new(image), 7);
            if error == PullError::PlatformMismatch {
                assert_eq!(masked(&ours), masked(recorded));
            } else {
                assert_eq!(ours, recorded);
            }
        }
    }

    /// Without the digests of manifests that only the recorded registry had.
    fn masked(text: &str) -> String {
        let word = |word: &str| match word.strip_prefix("sha256:") {
            Some(digest) => format!("sha256:{} digits", digest.trim_end_matches(':').len()),
            None => word.to_owned(),
        };
        text.split(' ').map(word).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn envelopes_are_those_of_the_recordings() {
        assert_eq!(
            back_off(
                "127.0.0.1:5000/good/burst0:v1",
                "ErrImagePull",
                Some("pull QPS exceeded")
            ),
            "Back-off pulling image \"127.0.0.1:5000/good/burst0:v1\": ErrImagePull: pull QPS exceeded"
        );
        assert_eq!(
            back_off("a:b", "ErrImagePull", None),
            "Back-off pulling image \"a:b\""
        );
        assert_eq!(
            invalid_name("Not/A/Valid:::Image!!"),
            "Failed to apply default image tag \"Not/A/Valid:::Image!!\": couldn't parse image name \"Not/A/Valid:::Image!!\": invalid reference format: repository name (A/Valid) must be lowercase"
        );
        assert_eq!(
            never_pull("127.0.0.1:5000/good/absent:v9"),
            "Container image \"127.0.0.1:5000/good/absent:v9\" is not present with pull policy of Never"
        );
    }

    /// As seen on a cluster with CRI-O, with the name shortened.
    #[test]
    fn rejected_signatures_have_a_reason_of_their_own() {
        let text = pull_error(
            Runtime::Crio,
            PullError::SignatureRejected,
            &Image::new("quay.io/a/b:v1"),
            0,
        );
        let reason = PullError::SignatureRejected.waiting_reason(Runtime::Crio);
        assert_eq!(
            back_off("quay.io/a/b:v1", reason, Some(&text)),
            "Back-off pulling image \"quay.io/a/b:v1\": SignatureValidationFailed: image pull failed for quay.io/a/b:v1 because the signature validation failed: unable to pull image or OCI artifact: pull image err: Source image rejected: A signature was required, but no signature exists; artifact err: image reference: reference is a container image, not an OCI artifact"
        );
    }
}
