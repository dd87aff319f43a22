//! The built-in table of message patterns of runtimes and registries, and the cause of each.
//!
//! Order decides: of the patterns found in a message the first one here wins. It follows three ideas. What only the
//! kubelet or the node can say comes before what registries say. A decisive statement comes before the ambiguous
//! wrapper it stands in (`… may require authorization: … no basic auth credentials`). A statement about the image
//! comes before the transport's remarks, unless these explain it (`lookup`, `x509`).
//!
//! Texts are lower-case and are looked for in a copy of the message in which names are masked, so they can only
//! match what a program said, never what an image is called. Single words carry punctuation for the same purpose.

use std::borrow::Cow;

use crate::cause::Cause::{
    AccessDenied, AmbiguousNotFoundOrDenied, CorruptContent, DnsFailure, InvalidReference,
    KubeletThrottled, ManifestNotFound, NeverPullMissing, NodeDiskFull, NodeRuntime,
    PlatformMismatch, ProxyOrFirewallBlocked, QuotaOrBilling, RateLimited, RegistryPolicyBlocked,
    RegistryUnavailable, RepositoryNotFound, SignatureRejected, Timeout, TlsFailure,
    UnsupportedManifest,
};
use crate::cause::Permanence::{Ambiguous, Permanent, Transient};
use crate::cause::{Cause, Permanence};

/// A text, or two in this order, that means a cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// Lower-case text to find.
    pub text: Cow<'static, str>,
    /// A second lower-case text, to find somewhere behind the first.
    pub then: Option<Cow<'static, str>>,
    /// Whether the text must be the whole error, the kubelet's envelopes aside: what a registry says stands in a
    /// runtime's words and never is.
    pub whole: bool,
    /// What it means.
    pub cause: Cause,
    /// Whether waiting can help.
    pub permanence: Permanence,
    /// The runtimes or registries whose words these are.
    pub seen_on: &'static str,
}

impl Pattern {
    /// A user's own pattern; letter case does not matter.
    pub fn new(text: &str, then: Option<&str>, cause: Cause, permanence: Permanence) -> Self {
        Self {
            text: Cow::Owned(text.to_ascii_lowercase()),
            then: then.map(|t| Cow::Owned(t.to_ascii_lowercase())),
            whole: false,
            cause,
            permanence,
            seen_on: "the policy",
        }
    }

    /// Bytes of its texts.
    pub fn bytes(&self) -> usize {
        self.text.len() + self.then.as_ref().map_or(0, |then| then.len())
    }
}

const fn one(
    text: &'static str,
    cause: Cause,
    permanence: Permanence,
    seen_on: &'static str,
) -> Pattern {
    Pattern {
        text: Cow::Borrowed(text),
        then: None,
        whole: false,
        cause,
        permanence,
        seen_on,
    }
}

const fn whole(
    text: &'static str,
    cause: Cause,
    permanence: Permanence,
    seen_on: &'static str,
) -> Pattern {
    let mut pattern = one(text, cause, permanence, seen_on);
    pattern.whole = true;
    pattern
}

const fn two(
    text: &'static str,
    then: &'static str,
    cause: Cause,
    permanence: Permanence,
    seen_on: &'static str,
) -> Pattern {
    Pattern {
        text: Cow::Borrowed(text),
        then: Some(Cow::Borrowed(then)),
        whole: false,
        cause,
        permanence,
        seen_on,
    }
}

/// The table, most telling first.
#[rustfmt::skip]
pub static PATTERNS: &[Pattern] = &[
    // The kubelet itself.
    whole("pull qps exceeded", KubeletThrottled, Transient, "kubelet"),
    one("is not present with pull policy of never", NeverPullMissing, Permanent, "kubelet"),

    // The name.
    one("couldn't parse image", InvalidReference, Permanent, "kubelet"),
    one("failed to apply default image tag", InvalidReference, Permanent, "kubelet"),
    one("invalid reference format", InvalidReference, Permanent, "kubelet, docker, containerd, CRI-O"),
    one("repository name must be lowercase", InvalidReference, Permanent, "kubelet, docker"),
    one("repository name must not be more than", InvalidReference, Permanent, "kubelet, docker"),
    one("cannot specify 64-byte hexadecimal strings", InvalidReference, Permanent, "kubelet, docker"),
    one("invalid checksum digest", InvalidReference, Permanent, "kubelet, docker"),
    one("unsupported digest algorithm", InvalidReference, Permanent, "kubelet, docker"),
    two("short-name", "did not resolve to an alias", InvalidReference, Permanent, "CRI-O, podman"),
    one("unqualified-search registries", InvalidReference, Permanent, "CRI-O, podman"),
    two("short name mode is enforcing", "returns ambiguous list", InvalidReference, Permanent, "CRI-O"),
    one("while trying to pull an unqualified image", InvalidReference, Permanent, "CRI-O"),
    one("cannot prompt without a tty", InvalidReference, Permanent, "CRI-O, podman"),
    one("short-name resolution enforced", InvalidReference, Permanent, "CRI-O, podman"),

    // Signatures. A broken policy file is the node's fault, not the image's.
    one("invalid policy in", NodeRuntime, Ambiguous, "CRI-O, podman"),
    one("source image rejected", SignatureRejected, Permanent, "CRI-O, podman"),
    one("a signature was required, but no signature exists", SignatureRejected, Permanent, "CRI-O, podman"),
    one("none of the signatures were accepted", SignatureRejected, Permanent, "CRI-O, podman"),
    two("required email", "not found", SignatureRejected, Permanent, "CRI-O with sigstore"),
    two("image verifier", "blocked pull", SignatureRejected, Permanent, "containerd 2.x"),
    one("because the signature validation failed", SignatureRejected, Permanent, "kubelet with CRI-O"),
    one("signaturevalidationfailed", SignatureRejected, Permanent, "CRI-O"),

    // The node's runtime cannot be reached.
    one("dial unix", NodeRuntime, Transient, "containerd, CRI-O, cri-dockerd"),
    one("cannot connect to the docker daemon", NodeRuntime, Transient, "docker, cri-dockerd"),

    // The node's disk.
    one("no space left on device", NodeDiskFull, Transient, "all runtimes"),
    one("disk quota exceeded", NodeDiskFull, Transient, "all runtimes"),
    one("not enough space", NodeDiskFull, Transient, "containerd on Windows"),

    // The node's image storage. `not found` is about the node here, so it comes before the registry's.
    one("failed to prepare extraction", NodeRuntime, Ambiguous, "containerd"),
    one("missing parent", NodeRuntime, Ambiguous, "containerd"),
    two("parent snapshot", "does not exist", NodeRuntime, Ambiguous, "containerd"),
    two("snapshot", "already exists", NodeRuntime, Ambiguous, "containerd"),
    two("snapshot", "does not exist", NodeRuntime, Ambiguous, "containerd"),
    two("failed to get reader from content store", "not found", NodeRuntime, Ambiguous, "containerd"),
    two("content digest", "not found", NodeRuntime, Ambiguous, "containerd"),
    one("snapshotter not loaded", NodeRuntime, Ambiguous, "containerd"),
    two("locked for", "unavailable", NodeRuntime, Transient, "containerd"),
    two("ref ", " locked", NodeRuntime, Transient, "containerd"),
    one("nil pointer to a runtime api image", NodeRuntime, Ambiguous, "kubelet with CRI-O"),
    one("image not known", NodeRuntime, Ambiguous, "CRI-O, podman"),
    one("does not resolve to an image id", NodeRuntime, Ambiguous, "CRI-O"),
    one("error locating item named", NodeRuntime, Ambiguous, "CRI-O"),
    one("layer not known", NodeRuntime, Ambiguous, "CRI-O, podman"),
    one("read-only file system", NodeRuntime, Ambiguous, "all runtimes"),
    one("input/output error", NodeRuntime, Ambiguous, "all runtimes"),
    one("too many open files", NodeRuntime, Transient, "all runtimes"),
    one("cannot allocate memory", NodeRuntime, Transient, "all runtimes"),
    one("operation not permitted", NodeRuntime, Ambiguous, "rootless and nested runtimes"),
    one("operation not supported", NodeRuntime, Ambiguous, "rootless and nested runtimes"),
    two("lchown", "invalid argument", NodeRuntime, Ambiguous, "rootless docker, podman"),
    one("insufficient uids or gids", NodeRuntime, Ambiguous, "rootless podman"),

    // Name resolution, told by `lookup`: its refusals and timeouts are the name server's.
    two("lookup ", "no such host", DnsFailure, Ambiguous, "Go runtimes"),
    two("tcp: lookup ", "server misbehaving", DnsFailure, Transient, "Go runtimes"),
    two("tcp: lookup ", "temporary failure in name resolution", DnsFailure, Transient, "Go runtimes"),
    two("tcp: lookup ", "try again", DnsFailure, Transient, "Go runtimes on musl"),
    one("tcp: lookup ", DnsFailure, Transient, "Go runtimes"),
    one("no such host", DnsFailure, Ambiguous, "Go runtimes"),
    one("server misbehaving", DnsFailure, Transient, "Go runtimes"),
    one("temporary failure in name resolution", DnsFailure, Transient, "glibc"),
    one("could not resolve host", DnsFailure, Transient, "curl"),
    one("name or service not known", DnsFailure, Ambiguous, "glibc"),

    // A proxy on the way: it answers a CONNECT, so there is no number in front of its words.
    one("proxyconnect tcp", ProxyOrFirewallBlocked, Ambiguous, "Go runtimes"),
    one("\": forbidden", ProxyOrFirewallBlocked, Ambiguous, "Go runtimes"),
    two("://", ": forbidden", ProxyOrFirewallBlocked, Ambiguous, "Go runtimes before 1.14"),
    one("proxy authentication required", ProxyOrFirewallBlocked, Ambiguous, "Go runtimes"),
    two("<html", "web proxy", ProxyOrFirewallBlocked, Ambiguous, "web front ends"),
    two("<html", "firewall", ProxyOrFirewallBlocked, Ambiguous, "web front ends"),
    one("socks connect", ProxyOrFirewallBlocked, Ambiguous, "Go runtimes"),

    // TLS. `TLS handshake timeout` is a timeout and stands below.
    one("certificate has expired", TlsFailure, Ambiguous, "Go runtimes"),
    one("is not yet valid", TlsFailure, Ambiguous, "Go runtimes"),
    one("x509: ", TlsFailure, Permanent, "Go runtimes"),
    one("failed to verify certificate", TlsFailure, Permanent, "Go runtimes from 1.20"),
    one("certificate signed by unknown authority", TlsFailure, Permanent, "Go runtimes"),
    one("gave http response to https client", TlsFailure, Permanent, "Go runtimes"),
    one("malformed http response", TlsFailure, Permanent, "Go runtimes"),
    one("sent an http request to an https server", TlsFailure, Permanent, "Go registries"),
    one("does not look like a tls handshake", TlsFailure, Permanent, "Go runtimes"),
    one("remote error: tls", TlsFailure, Ambiguous, "Go runtimes"),
    one("tls: handshake failure", TlsFailure, Ambiguous, "Go runtimes"),
    one("tls: protocol version not supported", TlsFailure, Ambiguous, "Go runtimes"),
    one("tls: ", TlsFailure, Ambiguous, "Go runtimes"),

    // The image is for another platform. These end in `not found` too.
    one("no match for platform", PlatformMismatch, Permanent, "containerd"),
    one("no matching manifest for", PlatformMismatch, Permanent, "docker, cri-dockerd"),
    one("no image found in manifest list for", PlatformMismatch, Permanent, "CRI-O, podman"),
    one("no image found in image index for", PlatformMismatch, Permanent, "CRI-O, podman"),
    one("cannot be used on this platform", PlatformMismatch, Permanent, "docker, CRI-O"),
    one("does not match the specified platform", PlatformMismatch, Permanent, "docker"),
    one("operating system is not supported", PlatformMismatch, Permanent, "docker, cri-dockerd"),

    // Something that is no image for this runtime. An HTML page is a mirror's fault and may pass.
    one("unexpected media type text/html", UnsupportedManifest, Ambiguous, "containerd behind a mirror"),
    one("is no longer supported since containerd", UnsupportedManifest, Permanent, "containerd 2.x"),
    one("prettyjws", UnsupportedManifest, Permanent, "containerd, go-containerregistry"),
    one("unsupported mediatype", UnsupportedManifest, Permanent, "go-containerregistry"),
    one("mediatype in manifest should be", UnsupportedManifest, Permanent, "docker"),
    one("unsupported docker v2s2 media type", UnsupportedManifest, Permanent, "CRI-O"),
    one("unexpected media type", UnsupportedManifest, Permanent, "containerd"),
    one("unsupported media type", UnsupportedManifest, Permanent, "containerd, docker"),
    one("unsupported manifest media type", UnsupportedManifest, Permanent, "CRI-O, podman"),
    one("unimplemented manifest mime type", UnsupportedManifest, Permanent, "CRI-O"),
    one("unsupported ociv1 media type", UnsupportedManifest, Permanent, "CRI-O"),
    one("unsupported manifest format", UnsupportedManifest, Permanent, "docker"),
    one("unsupported layer media type", UnsupportedManifest, Permanent, "containerd"),
    one("unknown layer media", UnsupportedManifest, Permanent, "containerd"),
    one("reference for unknown type", UnsupportedManifest, Permanent, "containerd"),
    one("mismatched image rootfs and manifest layers", UnsupportedManifest, Permanent, "containerd"),
    one("unsupported schema version", UnsupportedManifest, Permanent, "docker, CRI-O"),
    one("schema 1", UnsupportedManifest, Permanent, "containerd, docker"),
    one("schema1", UnsupportedManifest, Permanent, "containerd, CRI-O"),
    one("no signatures", UnsupportedManifest, Permanent, "containerd 1.3"),
    one("manifest invalid", UnsupportedManifest, Permanent, "distribution"),

    // What arrived is not what was announced. Between a registry and its client EOF means the line was cut.
    two("get \"http", "\": unexpected eof", RegistryUnavailable, Transient, "Go runtimes"),
    two("head \"http", "\": unexpected eof", RegistryUnavailable, Transient, "Go runtimes"),
    one("unexpected commit digest", CorruptContent, Transient, "containerd"),
    one("unexpected commit size", CorruptContent, Transient, "containerd"),
    one("failed size validation", CorruptContent, Transient, "containerd"),
    one("unexpected eof", CorruptContent, Transient, "all runtimes"),
    one("invalid tar header", CorruptContent, Ambiguous, "docker, CRI-O"),
    one("gzip: invalid", CorruptContent, Ambiguous, "all runtimes"),
    one("flate: corrupt input", CorruptContent, Ambiguous, "all runtimes"),
    one("layer verification failed", CorruptContent, Ambiguous, "docker"),
    one("verification failed for digest", CorruptContent, Ambiguous, "docker"),
    one("wrong diff id", CorruptContent, Ambiguous, "containerd"),
    one("digest mismatch", CorruptContent, Ambiguous, "CRI-O, podman"),
    one("digest did not match", CorruptContent, Ambiguous, "CRI-O, podman"),
    one("does not match expected digest", CorruptContent, Ambiguous, "CRI-O, podman"),
    one("directory not empty", CorruptContent, Ambiguous, "docker"),
    two("mount callback failed", "no such file or directory", CorruptContent, Ambiguous, "containerd"),
    one("code = failedprecondition", CorruptContent, Transient, "containerd"),

    // Weeks, not minutes.
    one("quota has been exceeded", QuotaOrBilling, Ambiguous, "Quay"),
    one("remaining traffic quota", QuotaOrBilling, Ambiguous, "registries with a monthly quota"),
    one("billing", QuotaOrBilling, Ambiguous, "GitHub Packages"),
    one("payment required", QuotaOrBilling, Ambiguous, "HTTP 402"),
    one("invalid license", QuotaOrBilling, Ambiguous, "Nexus"),
    one(": 402 ", QuotaOrBilling, Ambiguous, "HTTP 402"),
    one("over the account limit", QuotaOrBilling, Ambiguous, "registries with an egress quota"),

    // Fewer requests, please.
    one("too many requests", RateLimited, Transient, "HTTP 429"),
    one("toomanyrequests:", RateLimited, Transient, "Docker Hub, ECR, ACR"),
    one("pull rate limit", RateLimited, Transient, "Docker Hub"),
    one("rate exceeded", RateLimited, Transient, "ECR"),
    one("rate limit", RateLimited, Transient, "GitLab, Quay, Cloudflare"),
    one("exceeded for quota metric", RateLimited, Transient, "Artifact Registry"),
    one(": 429 ", RateLimited, Transient, "HTTP 429"),
    one("status 429", RateLimited, Transient, "HTTP 429"),
    one("throttlingexception", RateLimited, Transient, "ECR"),
    one(": throttled", RateLimited, Transient, "ECR, ACR"),
    one("slow down", RateLimited, Transient, "S3"),

    // The registry has the image and does not hand it out.
    one("status of vulnerability scanning cannot be pulled", RegistryPolicyBlocked, Transient, "Harbor"),
    one("cannot be pulled due to configured policy", RegistryPolicyBlocked, Permanent, "Harbor"),
    one("not in the allowlist", RegistryPolicyBlocked, Permanent, "registry mirrors"),
    one("10412(", RegistryPolicyBlocked, Ambiguous, "Harbor"),
    one("is not signed", RegistryPolicyBlocked, Permanent, "Harbor"),
    one("quarantine", RegistryPolicyBlocked, Ambiguous, "ACR"),
    one("blocked by policy", RegistryPolicyBlocked, Permanent, "Artifactory, mirrors"),
    one("download was blocked", RegistryPolicyBlocked, Permanent, "Artifactory Xray"),
    one("registry is deprecated and shutting down", RepositoryNotFound, Permanent, "GCR"),
    one("precondition failed", RegistryPolicyBlocked, Ambiguous, "Harbor"),

    // The decisive word about rights, which may stand at the end of the ambiguous wrapper.
    two("is not authorized to perform", "no resource-based policy allows", AmbiguousNotFoundOrDenied, Ambiguous, "ECR"),
    one("is not authorized to perform", AccessDenied, Permanent, "ECR"),
    one("accessdeniedexception", AccessDenied, Ambiguous, "ECR"),
    one("is not allowed access", AccessDenied, Permanent, "ACR"),
    one("incorrect username or password", AccessDenied, Permanent, "Docker Hub"),
    one("invalid username", AccessDenied, Permanent, "CRI-O, podman, Harbor"),
    one("no basic auth credentials", AccessDenied, Ambiguous, "docker, containerd"),
    one("authorization token has expired", AccessDenied, Ambiguous, "ECR"),
    one("does not have permission", AccessDenied, Ambiguous, "Artifactory"),
    one("you don't have the needed permissions", AccessDenied, Ambiguous, "GCR"),
    one("is not enabled for consumer", AccessDenied, Permanent, "GCR"),
    one("api has not been used in project", AccessDenied, Permanent, "Artifact Registry"),
    one("permission_denied:", AccessDenied, Ambiguous, "GHCR"),
    two("failed to fetch oauth token", ": 401", AccessDenied, Ambiguous, "containerd"),
    two("failed to fetch oauth token", ": 403", AccessDenied, Ambiguous, "containerd"),
    two("failed to fetch anonymous token", ": 401", AccessDenied, Ambiguous, "containerd"),
    two("failed to fetch anonymous token", ": 403", AmbiguousNotFoundOrDenied, Ambiguous, "containerd"),
    one("verify that it exists", AmbiguousNotFoundOrDenied, Ambiguous, "GCR"),
    one("error parsing http 401 response body", AccessDenied, Ambiguous, "docker"),
    one("error parsing http 403 response body", AccessDenied, Ambiguous, "docker"),
    one("statuscode: 403", AccessDenied, Ambiguous, "CRI-O, podman"),
    one("status 401 trying to pull", AccessDenied, Ambiguous, "docker"),
    one("status 403 trying to pull", AccessDenied, Ambiguous, "docker"),
    two("name invalid", "bearer token resource", RegistryUnavailable, Transient, "GCR"),

    // Missing or forbidden: the registry does not say.
    one("(or it may not exist)", AmbiguousNotFoundOrDenied, Ambiguous, "Artifact Registry"),
    one("may not exist in the upstream registry", AmbiguousNotFoundOrDenied, Ambiguous, "Quay"),
    one("insufficient_scope", AmbiguousNotFoundOrDenied, Ambiguous, "Docker Hub"),
    one("requested access to the resource is denied", AmbiguousNotFoundOrDenied, Ambiguous, "Docker Hub"),
    one("access to the requested resource is not authorized", AmbiguousNotFoundOrDenied, Ambiguous, "Quay"),
    one("unauthorized to access repository", AmbiguousNotFoundOrDenied, Ambiguous, "Harbor"),
    one("access forbidden", AmbiguousNotFoundOrDenied, Ambiguous, "GitLab"),
    one("does not exist or no pull access", AmbiguousNotFoundOrDenied, Ambiguous, "docker"),
    one("authentication required", AccessDenied, Ambiguous, "docker, distribution, ACR"),
    one("does not exist or may require", AmbiguousNotFoundOrDenied, Ambiguous, "docker, containerd"),
    one("errors occurred while pulling", AmbiguousNotFoundOrDenied, Ambiguous, "podman"),

    // The repository, then the tag or digest. A proxy says this also of an upstream it cannot ask.
    one("name unknown", RepositoryNotFound, Permanent, "distribution, ECR"),
    one("name_unknown", RepositoryNotFound, Permanent, "go-containerregistry"),
    one("repository name not known to registry", RepositoryNotFound, Permanent, "CRI-O"),
    one("does not exist in the registry with id", RepositoryNotFound, Permanent, "ECR"),
    one("repo not found", RepositoryNotFound, Permanent, "Artifactory"),
    two("unknown: repository", "not found", RepositoryNotFound, Ambiguous, "Harbor"),
    two("unknown: project", "not found", RepositoryNotFound, Ambiguous, "Harbor"),
    one("repository not found", RepositoryNotFound, Permanent, "Docker Hub, Gitea"),
    two("repository", "not found", RepositoryNotFound, Permanent, "docker"),
    two("unknown: artifact", "not found", ManifestNotFound, Ambiguous, "Harbor"),
    one("manifest unknown", ManifestNotFound, Permanent, "distribution, Docker Hub, Quay, ECR"),
    one("manifest_unknown", ManifestNotFound, Permanent, "go-containerregistry"),
    two("manifest for", "not found", ManifestNotFound, Permanent, "docker"),
    two("no available registry endpoint", "not found", ManifestNotFound, Permanent, "containerd 1.2"),
    two("could not fetch content descriptor", "not found", ManifestNotFound, Ambiguous, "containerd"),
    two("content at", "not found", ManifestNotFound, Ambiguous, "containerd behind a mirror"),
    one("unknown blob", ManifestNotFound, Ambiguous, "distribution, Artifactory"),
    one("blob unknown", ManifestNotFound, Ambiguous, "distribution"),
    one(": 404 ", ManifestNotFound, Ambiguous, "HTTP 404"),
    one("404 (not found)", ManifestNotFound, Ambiguous, "CRI-O, podman"),
    two("failed to resolve", ": not found", ManifestNotFound, Permanent, "containerd"),

    // The rest of what is denied.
    one("401 unauthorized", AccessDenied, Ambiguous, "HTTP 401"),
    one("401 (unauthorized)", AccessDenied, Ambiguous, "CRI-O, podman"),
    one(": 401", AccessDenied, Ambiguous, "HTTP 401"),
    one("unauthorized:", AccessDenied, Ambiguous, "all registries"),
    one("403 forbidden", AmbiguousNotFoundOrDenied, Ambiguous, "ECR, GHCR, GCR"),
    one("403 (forbidden)", AmbiguousNotFoundOrDenied, Ambiguous, "CRI-O, podman"),
    one(": 403", AmbiguousNotFoundOrDenied, Ambiguous, "HTTP 403"),
    one("pull access denied", AmbiguousNotFoundOrDenied, Ambiguous, "docker, containerd"),
    one("access denied", AmbiguousNotFoundOrDenied, Ambiguous, "all registries"),
    one("denied:", AmbiguousNotFoundOrDenied, Ambiguous, "GHCR, GitLab"),
    one("authorization failed", AmbiguousNotFoundOrDenied, Ambiguous, "containerd"),

    // The registry or the way to it.
    one("internal server error", RegistryUnavailable, Transient, "HTTP 500"),
    one("bad gateway", RegistryUnavailable, Transient, "HTTP 502"),
    one("service unavailable", RegistryUnavailable, Transient, "HTTP 503"),
    one("gateway timeout", RegistryUnavailable, Transient, "HTTP 504"),
    one("gateway time-out", RegistryUnavailable, Transient, "HTTP 504"),
    one("unexpected http status: 5", RegistryUnavailable, Transient, "docker, CRI-O"),
    one("invalid status code from registry 5", RegistryUnavailable, Transient, "CRI-O, podman"),
    one("status code 5", RegistryUnavailable, Transient, "all runtimes"),
    one(": 500 ", RegistryUnavailable, Transient, "HTTP 500"),
    one(": 502", RegistryUnavailable, Transient, "HTTP 502"),
    one(": 503", RegistryUnavailable, Transient, "HTTP 503"),
    one(": 504", RegistryUnavailable, Transient, "HTTP 504"),
    one("connection refused", RegistryUnavailable, Transient, "all runtimes"),
    one("connection reset by peer", RegistryUnavailable, Transient, "all runtimes"),
    one("broken pipe", RegistryUnavailable, Transient, "all runtimes"),
    one("no route to host", RegistryUnavailable, Transient, "all runtimes"),
    one("host is down", RegistryUnavailable, Transient, "all runtimes"),
    one("host is unreachable", RegistryUnavailable, Transient, "all runtimes"),
    one("network is unreachable", RegistryUnavailable, Transient, "all runtimes"),
    one("use of closed network connection", RegistryUnavailable, Transient, "Go runtimes"),
    one("server closed idle connection", RegistryUnavailable, Transient, "Go runtimes"),
    one("server sent goaway", RegistryUnavailable, Transient, "Go runtimes"),
    one("stream error: stream id", RegistryUnavailable, Transient, "Go runtimes"),
    one("upstream connect error", RegistryUnavailable, Transient, "Envoy"),
    one("temporarily unavailable", RegistryUnavailable, Transient, "all registries"),
    one("because the registry is unavailable", RegistryUnavailable, Transient, "kubelet with CRI-O"),
    one("\": eof", RegistryUnavailable, Transient, "Go runtimes"),
    one(": eof", RegistryUnavailable, Transient, "Go runtimes before 1.14"),

    // No answer in time. A cancelled pull is what the pod sees of containerd's progress timeout.
    one("i/o timeout", Timeout, Transient, "Go runtimes"),
    one("tls handshake timeout", Timeout, Transient, "Go runtimes"),
    one("client.timeout exceeded", Timeout, Transient, "docker"),
    one("timeout exceeded while awaiting headers", Timeout, Transient, "docker"),
    one("timeout awaiting response headers", Timeout, Transient, "Go runtimes"),
    one("connection timed out", Timeout, Transient, "all runtimes"),
    one("operation timed out", Timeout, Transient, "all runtimes"),
    one("timed out", Timeout, Transient, "all runtimes"),
    one("context deadline exceeded", Timeout, Transient, "all runtimes"),
    one("code = deadlineexceeded", Timeout, Transient, "all runtimes"),
    one("request canceled", Timeout, Transient, "docker"),
    one("context canceled", Timeout, Transient, "containerd"),
    one("code = canceled", Timeout, Transient, "containerd"),
    one("no progress in", Timeout, Transient, "containerd, CRI-O"),

    // Wrappers whose inside says nothing that the table knows.
    one("registryunavailable:", RegistryUnavailable, Transient, "CRI-O"),
    one("unable to ping registry endpoint", RegistryUnavailable, Transient, "docker"),
    one("looking for beginning of value", ProxyOrFirewallBlocked, Ambiguous, "docker, CRI-O behind a web front end"),
    one("no available registry endpoint", RegistryUnavailable, Ambiguous, "containerd 1.2"),
    one("failed to fetch oauth token", AccessDenied, Ambiguous, "containerd"),
    one("failed to fetch anonymous token", AmbiguousNotFoundOrDenied, Ambiguous, "containerd"),
    one("failed to extract layer", NodeRuntime, Ambiguous, "containerd"),
    one("failed to register layer", NodeRuntime, Ambiguous, "docker"),
    one("failed to unpack image", NodeRuntime, Ambiguous, "containerd"),
    one("error processing tar file", NodeRuntime, Ambiguous, "docker, CRI-O"),
    one("code = unavailable", NodeRuntime, Transient, "all runtimes"),
    one("no such file or directory", NodeRuntime, Ambiguous, "all runtimes"),
    one("code = notfound", ManifestNotFound, Ambiguous, "containerd"),
    one(": not found", ManifestNotFound, Ambiguous, "containerd"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_can_be_found_in_a_cleaned_message() {
        for pattern in PATTERNS {
            for text in [Some(&pattern.text), pattern.then.as_ref()]
                .into_iter()
                .flatten()
            {
                assert_eq!(text.to_lowercase(), **text);
                assert!(
                    text.is_ascii() && text.len() >= 4 || text.contains(['/', ':']),
                    "{text}"
                );
            }
            assert!(!pattern.seen_on.is_empty());
        }
    }

    #[test]
    fn no_pattern_stands_behind_one_that_always_wins() {
        for (at, later) in PATTERNS.iter().enumerate() {
            for earlier in PATTERNS[..at].iter().filter(|p| p.then.is_none()) {
                let hidden = later.text.contains(&*earlier.text)
                    || later
                        .then
                        .as_ref()
                        .is_some_and(|then| then.contains(&*earlier.text));
                assert!(
                    !hidden,
                    "`{}` can never win: `{}` comes first",
                    later.text, earlier.text
                );
            }
        }
    }

    #[test]
    fn every_cause_has_a_pattern() {
        for cause in Cause::ALL.into_iter().filter(|c| *c != Cause::Unknown) {
            assert!(PATTERNS.iter().any(|p| p.cause == cause), "{cause}");
        }
    }
}
