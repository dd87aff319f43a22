//! The messages of containerd: 1.6.20 and 1.7.24 as recorded, 2.1.9 with its transfer service.
//!
//! Where no recording shows them they are those of the sources of these releases: `remotes/docker`, `remotes/errors`,
//! `pull.go`, the unpackers, and the image service of `pkg/cri`.

use super::image::Image;
use super::network::{self, Connection};
use super::{PullError, Runtime, UNHEARD_OF, kubelet};

/// What the kubelet hears when `error` happens to a pull of `image`.
pub(super) fn error(runtime: Runtime, error: PullError, image: &Image, noise: u64) -> String {
    let words = Words {
        runtime,
        image,
        scheme: scheme(error, image),
        noise,
    };
    match error {
        PullError::ManifestNotFound | PullError::RepositoryNotFound => words.not_found(),
        PullError::NoBasicAuth => words.denied("authorization failed: no basic auth credentials"),
        PullError::DeniedOrMissing => {
            words.denied("server message: insufficient_scope: authorization failed")
        }
        PullError::Unauthorized => words.no_token("401 Unauthorized"),
        PullError::Forbidden => words.no_token("403 Forbidden"),
        PullError::RateLimited => words.status("429 Too Many Requests"),
        PullError::InternalError => words.status("500 Internal Server Error"),
        PullError::BadGateway => words.status("502 Bad Gateway"),
        PullError::ServiceUnavailable => words.status("503 Service Unavailable"),
        PullError::GatewayTimeout => words.status("504 Gateway Timeout"),
        PullError::PolicyBlocked => words.status("412 Precondition Failed"),
        PullError::QuotaOrBilling => words.status("402 Payment Required"),
        PullError::Refused => words.request(&words.connection().refused()),
        PullError::NoSuchHost => words.request(&words.connection().no_such_host()),
        PullError::DnsServerFailure => words.request(&words.connection().name_server_timeout()),
        PullError::ConnectTimeout => coded(
            "DeadlineExceeded",
            &words.request(&words.connection().timeout()),
        ),
        PullError::Reset => words.request(&words.connection().reset()),
        PullError::CertificateUnknown => words.request(words.unknown_authority()),
        PullError::HttpToHttps => words.request(words.not_https()),
        PullError::BlockedByProxy => words.request(network::PROXY_FORBIDDEN),
        PullError::Hung => words.hung(),
        PullError::PlatformMismatch => words.platform_mismatch(),
        PullError::UnsupportedManifest => words.unsupported_manifest(),
        PullError::SignatureRejected => words.verifier_blocked(),
        PullError::CorruptContent => words.corrupt_content(),
        PullError::DiskFull => words.disk_full(),
        PullError::RuntimeFailure => words.snapshot_lost(),
        PullError::Unknown => words.pull(UNHEARD_OF),
        PullError::Throttled => kubelet::PULL_QPS_EXCEEDED.to_owned(),
    }
}

struct Words<'a> {
    runtime: Runtime,
    image: &'a Image,
    scheme: &'static str,
    noise: u64,
}

impl Words<'_> {
    fn connection(&self) -> Connection {
        let port = if self.scheme == "http" { 80 } else { 443 };
        Connection::new(self.image, port, self.noise)
    }

    fn pull(&self, why: &str) -> String {
        let Image { reference, .. } = self.image;
        format!("failed to pull and unpack image \"{reference}\": {why}")
    }

    fn resolve(&self, why: &str) -> String {
        let Image { reference, .. } = self.image;
        self.pull(&match self.runtime {
            Runtime::Containerd2 => format!("failed to resolve image: {why}"),
            _ => format!("failed to resolve reference \"{reference}\": {why}"),
        })
    }

    fn url(&self) -> String {
        let Image {
            host,
            repository,
            object,
            ..
        } = self.image;
        format!(
            "{}://{host}/v2/{repository}/manifests/{object}",
            self.scheme
        )
    }

    /// There was no answer.
    fn request(&self, why: &str) -> String {
        self.resolve(&format!(
            "failed to do request: Head \"{}\": {why}",
            self.url()
        ))
    }

    /// There was one, of which containerd tells only the status: an answer to HEAD has no body.
    fn status(&self, status: &str) -> String {
        let Image { host, object, .. } = self.image;
        self.resolve(&match self.runtime {
            Runtime::Containerd16 => {
                format!(
                    "pulling from host {host} failed with status code [manifests {object}]: {status}"
                )
            }
            _ => format!("unexpected status from HEAD request to {}: {status}", self.url()),
        })
    }

    fn not_found(&self) -> String {
        let why = format!("{}: not found", self.image.reference);
        coded("NotFound", &self.resolve(&why))
    }

    fn denied(&self, why: &str) -> String {
        self.resolve(&format!(
            "pull access denied, repository does not exist or may require authorization: {why}"
        ))
    }

    /// The token server refused the credentials.
    fn no_token(&self, status: &str) -> String {
        let why = match self.runtime {
            Runtime::Containerd16 => format!("unexpected status: {status}"),
            _ => format!(
                "unexpected status from GET request to {}: {status}",
                token_url(self.image)
            ),
        };
        self.resolve(&format!(
            "failed to authorize: failed to fetch oauth token: {why}"
        ))
    }

    fn unknown_authority(&self) -> &'static str {
        match self.runtime {
            Runtime::Containerd16 => network::UNKNOWN_AUTHORITY_GO_1_19,
            _ => network::UNKNOWN_AUTHORITY,
        }
    }

    fn not_https(&self) -> &'static str {
        match self.runtime {
            // As recorded.
            Runtime::Containerd17 => network::NO_TLS_RECORD,
            _ => network::HTTP_RESPONSE,
        }
    }

    /// Since 1.7 a pull without progress is cancelled (`image_pull_progress_timeout`).
    fn hung(&self) -> String {
        match self.runtime {
            Runtime::Containerd16 => self.request(network::TLS_HANDSHAKE_TIMEOUT),
            _ => coded("Canceled", &self.pull(network::CANCELED)),
        }
    }

    fn platform_mismatch(&self) -> String {
        let why = match self.runtime {
            Runtime::Containerd2 => format!(
                "get image config descriptor: no match for platform in manifest {}: not found",
                self.image.digest_of("manifest")
            ),
            _ => self.pull("no match for platform in manifest: not found"),
        };
        coded("NotFound", &why)
    }

    /// 2 has given up schema 1, which 1 still converts; what is no image at all, a chart say, 1 finds out last.
    fn unsupported_manifest(&self) -> String {
        match self.runtime {
            Runtime::Containerd2 => coded(
                "Unimplemented",
                &self.resolve(
                    "not implemented: media type \"application/vnd.docker.distribution.manifest.v1+prettyjws\" \
                     is no longer supported since containerd v2.0, please rebuild the image as \
                     \"application/vnd.docker.distribution.manifest.v2+json\" or \
                     \"application/vnd.oci.image.manifest.v1+json\"",
                ),
            ),
            _ => self.pull(
                "failed to unpack image on snapshotter overlayfs: mismatched image rootfs and manifest layers",
            ),
        }
    }

    /// Only 2 asks verifiers when the kubelet pulls. Who lets a scenario's 1 do so gets 2's words.
    fn verifier_blocked(&self) -> String {
        let Image { reference, .. } = self.image;
        let digest = self.image.digest_of("manifest");
        self.pull(&format!(
            "image verifier bindir blocked pull of {reference} with digest {digest} for reason: \
             verifier cosign rejected image (exit code 1): no matching signatures"
        ))
    }

    fn corrupt_content(&self) -> String {
        let expected = self.image.digest_of("layer");
        let found = self.image.digest_of("what arrived");
        let why = format!(
            "failed commit on ref \"layer-{expected}\": unexpected commit digest {found}, \
             expected {expected}: failed precondition"
        );
        coded("FailedPrecondition", &self.pull(&why))
    }

    fn disk_full(&self) -> String {
        let layer = match self.runtime {
            Runtime::Containerd2 => format!(
                "(application/vnd.oci.image.layer.v1.tar+gzip {}) to overlayfs as \"{}\"",
                self.image.digest_of("layer"),
                self.extraction()
            ),
            _ => self.image.digest_of("layer"),
        };
        // A name that `os.MkdirTemp` makes up.
        let folder = format!(
            "/var/lib/containerd/tmpmounts/containerd-mount{}",
            self.noise & u64::from(u32::MAX)
        );
        self.pull(&format!(
            "failed to extract layer {layer}: mount callback failed on {folder}: \
             write {folder}/usr/lib/x86_64-linux-gnu/libc.so.6: no space left on device: unknown"
        ))
    }

    /// A layer that the image store has on record and the disk has not.
    fn snapshot_lost(&self) -> String {
        self.pull(&format!(
            "failed to prepare extraction snapshot \"{}\": failed to stat parent: stat \
             /var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/112/fs: no such file or directory",
            self.extraction()
        ))
    }

    /// The key of a snapshot that is being made: nanoseconds and four random characters, then the chain of layers.
    fn extraction(&self) -> String {
        const CHARACTERS: [char; 16] = [
            'A', 'b', 'C', 'd', 'E', 'f', 'G', 'h', 'J', 'k', 'L', 'm', '2', '4', '6', '8',
        ];
        let random: String = (0..4u32)
            .map(|at| CHARACTERS[(self.noise >> (4 * at) & 15) as usize])
            .collect();
        format!(
            "extract-{}-{random} {}",
            self.noise % 1_000_000_000,
            self.image.digest_of("chain")
        )
    }
}

/// The kubelet cuts `Unknown`, the code of most errors, away again
/// (`staging/src/k8s.io/cri-client/pkg/remote_image.go`).
fn coded(code: &str, text: &str) -> String {
    format!("rpc error: code = {code} desc = {text}")
}

/// containerd speaks HTTP with registries on the node itself (`MatchLocalhost`); errors of TLS need TLS.
fn scheme(error: PullError, image: &Image) -> &'static str {
    let tls = matches!(
        error,
        PullError::CertificateUnknown
            | PullError::HttpToHttps
            | PullError::BlockedByProxy
            | PullError::Hung
    );
    let local = ["localhost", "127.", "[::1]"]
        .iter()
        .any(|local| image.host.starts_with(local));
    if local && !tls { "http" } else { "https" }
}

/// Where a token is asked for, by Docker Hub's and GHCR's example; the scope as `net/url` encodes it.
fn token_url(image: &Image) -> String {
    let scope = format!(
        "repository%3A{}%3Apull",
        image.repository.replace('/', "%2F")
    );
    let (server, service) = if image.name.starts_with("docker.io/") {
        ("auth.docker.io", "registry.docker.io".to_owned())
    } else {
        (&*image.host, image.host.replace(':', "%3A"))
    };
    format!("https://{server}/token?scope={scope}&service={service}")
}
