//! The messages of CRI-O, as of 1.36: `internal/storage/image.go`, `internal/ociartifact/store.go`, and the library
//! `go.podman.io/image`, which does the pull.

use super::image::Image;
use super::network::{self, Connection};
use super::{PullError, UNHEARD_OF, kubelet};

/// What the kubelet hears when `error` happens to a pull of `image`.
pub(super) fn error(error: PullError, image: &Image, noise: u64) -> String {
    let words = Words { image, noise };
    let name = &image.given;
    match error {
        PullError::ManifestNotFound => words.manifest("manifest unknown"),
        PullError::RepositoryNotFound => words.manifest("name unknown: Repository not found."),
        PullError::NoBasicAuth => words.manifest("authentication required"),
        PullError::Unauthorized => words.source(
            "unable to retrieve auth token: invalid username/password: \
             unauthorized: incorrect username or password",
        ),
        PullError::Forbidden => words.manifest(NGINX_FORBIDDEN),
        PullError::DeniedOrMissing => words.manifest("requested access to the resource is denied"),
        PullError::RateLimited => words.manifest(
            "toomanyrequests: You have reached your unauthenticated pull rate limit. \
             https://www.docker.com/increase-rate-limit",
        ),
        PullError::InternalError => words.status("500 Internal Server Error"),
        PullError::BadGateway => words.status("502 Bad Gateway"),
        PullError::ServiceUnavailable => words.status("503 Service Unavailable"),
        PullError::GatewayTimeout => words.status("504 Gateway Timeout"),
        PullError::PolicyBlocked => words.manifest(HARBOR_BLOCKED),
        PullError::QuotaOrBilling => words.manifest("denied: Quota has been exceeded on namespace"),
        // The only error of the network that CRI-O tells the kubelet apart: `errors.Is(err, syscall.ECONNREFUSED)`.
        PullError::Refused => {
            kubelet::registry_unavailable(name, &words.ping(&words.connection().refused()))
        }
        PullError::NoSuchHost => words.ping(&words.connection().no_such_host()),
        PullError::DnsServerFailure => words.ping(&words.connection().name_server_timeout()),
        PullError::ConnectTimeout => words.connect_timeout(),
        PullError::Reset => words.ping(&words.connection().reset()),
        PullError::CertificateUnknown => words.ping(network::UNKNOWN_AUTHORITY),
        PullError::HttpToHttps => words.ping(network::HTTP_RESPONSE),
        PullError::BlockedByProxy => words.ping(network::PROXY_FORBIDDEN),
        PullError::Hung => words.ping(network::TLS_HANDSHAKE_TIMEOUT),
        PullError::PlatformMismatch => words.platform_mismatch(),
        PullError::UnsupportedManifest => words.unsupported_manifest(),
        PullError::SignatureRejected => kubelet::signature_validation_failed(
            name,
            &no_artifact(
                "Source image rejected: A signature was required, but no signature exists",
            ),
        ),
        PullError::CorruptContent => words.corrupt_content(),
        PullError::DiskFull => words.disk_full(),
        PullError::RuntimeFailure => words.layer_lost(),
        PullError::Unknown => words.source(UNHEARD_OF),
        PullError::Throttled => kubelet::PULL_QPS_EXCEEDED.to_owned(),
    }
}

/// The first 50 bytes of nginx's page for 403, which is no JSON.
const NGINX_FORBIDDEN: &str =
    r#"StatusCode: 403, "<html>\r\n<head><title>403 Forbidden</title></head>\r...""#;
const HARBOR_BLOCKED: &str = "unknown: current image with 268 vulnerabilities cannot be pulled due to configured \
     policy in 'Prevent images with vulnerability severity of \"High\" or higher from running.' To continue with pull, \
     please contact your project administrator to exempt matched vulnerabilities through configuring the CVE \
     allowlist.";

struct Words<'a> {
    image: &'a Image,
    noise: u64,
}

impl Words<'_> {
    fn connection(&self) -> Connection {
        Connection::new(self.image, 443, self.noise)
    }

    /// The registry cannot be reached, which is worth no second attempt as an artifact.
    fn ping(&self, why: &str) -> String {
        let Image { familiar, host, .. } = self.image;
        format!(
            "unable to pull image: initializing source docker://{familiar}: \
             pinging container registry {host}: Get \"https://{host}/v2/\": {why}"
        )
    }

    /// gRPC takes Go's timeouts for its own code.
    fn connect_timeout(&self) -> String {
        let text = self.ping(&self.connection().timeout());
        format!("rpc error: code = DeadlineExceeded desc = {text}")
    }

    /// The registry answered something else than a manifest.
    fn manifest(&self, why: &str) -> String {
        let Image { name, object, .. } = self.image;
        self.source(&format!("reading manifest {object} in {name}: {why}"))
    }

    fn status(&self, status: &str) -> String {
        self.manifest(&format!("received unexpected HTTP status: {status}"))
    }

    /// There is no manifest; a second attempt, as an artifact, fails the same way.
    fn source(&self, why: &str) -> String {
        both(
            &format!(
                "initializing source docker://{}: {why}",
                self.image.familiar
            ),
            &format!("get manifest from ref: create image source: {why}"),
        )
    }

    fn platform_mismatch(&self) -> String {
        let why =
            "no image found in image index for architecture \"amd64\", variant \"\", OS \"linux\"";
        let Image { familiar, .. } = self.image;
        both(
            &format!("choosing an image from manifest list docker://{familiar}: {why}"),
            &format!("choose manifest instance: {why}"),
        )
    }

    fn unsupported_manifest(&self) -> String {
        let why = "unsupported docker v2s2 media type: \"application/octet-stream\"";
        let Image { familiar, .. } = self.image;
        both(
            &format!("initializing image from source docker://{familiar}: {why}"),
            &format!("parse manifest: {why}"),
        )
    }

    fn corrupt_content(&self) -> String {
        no_artifact(&format!(
            "writing blob: storing blob to file \"{}\": happened during read: \
             Digest did not match, expected {}, got {}",
            self.blob_file(),
            self.image.digest_of("layer"),
            self.image.digest_of("what arrived")
        ))
    }

    fn disk_full(&self) -> String {
        let file = self.blob_file();
        no_artifact(&format!(
            "writing blob: storing blob to file \"{file}\": write {file}: no space left on device"
        ))
    }

    /// A layer that the image store has on record and the disk has not.
    fn layer_lost(&self) -> String {
        let layer = self.image.digest_of("layer");
        let difference = self.image.digest_of("chain");
        no_artifact(&format!(
            "writing blob: adding layer with blob \"{layer}\"/\"\"/\"{difference}\": layer not known"
        ))
    }

    /// In a folder with a name that `os.MkdirTemp` makes up.
    fn blob_file(&self) -> String {
        let random = self.noise & u64::from(u32::MAX);
        format!("/var/tmp/container_images_storage{random}/1")
    }
}

/// There is a manifest, and it is an image's.
fn no_artifact(why: &str) -> String {
    both(why, "reference is a container image, not an OCI artifact")
}

/// Both attempts, as an image and as an artifact, have failed.
fn both(image: &str, artifact: &str) -> String {
    format!(
        "unable to pull image or OCI artifact: pull image err: {image}; artifact err: image reference: {artifact}"
    )
}
