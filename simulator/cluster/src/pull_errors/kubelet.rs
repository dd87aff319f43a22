//! What the kubelet publishes of an error: reason and message of a waiting container (`pkg/kubelet/images`).

use pullstop_core::image::ImageReference;

use super::image::Image;
use super::{PullError, Runtime, containerd, crio};

impl PullError {
    /// The container's waiting reason right after the pull failed, before `ImagePullBackOff`.
    ///
    /// The kubelet tells two errors apart by what they begin with (`evalCRIPullErr`), and only CRI-O begins so.
    pub const fn waiting_reason(self, runtime: Runtime) -> &'static str {
        match (self, runtime) {
            (Self::Refused, Runtime::Crio) => "RegistryUnavailable",
            (Self::SignatureRejected, Runtime::Crio) => "SignatureValidationFailed",
            _ => "ErrImagePull",
        }
    }
}

/// The message right after a pull of `image` failed, under [`PullError::waiting_reason`], as `runtime` and the kubelet
/// of Kubernetes 1.27 and newer say it.
///
/// `noise` decides what differs from one attempt to the next, such as ports of connections; any number is good.
pub fn pull_error(runtime: Runtime, error: PullError, image: &str, noise: u64) -> String {
    let parts = Image::new(image);
    match runtime {
        Runtime::Containerd16 | Runtime::Containerd17 | Runtime::Containerd2 => {
            containerd::error(runtime, error, &parts, noise)
        }
        Runtime::Crio => crio::error(error, image, &parts, noise),
    }
}

/// The message of `ImagePullBackOff`. `last` is the message of the last failure and `reason` its reason, which the
/// kubelet repeats since Kubernetes 1.32; older ones do not (`None`).
pub fn back_off(image: &str, reason: &str, last: Option<&str>) -> String {
    match last {
        Some(last) => format!("Back-off pulling image {image:?}: {reason}: {last}"),
        None => format!("Back-off pulling image {image:?}"),
    }
}

/// The message of `InvalidImageName`, with what is wrong with `image`.
pub fn invalid_name(image: &str) -> String {
    // A name that is valid has no such message; the grammar's general complaint stands in for it.
    let why = ImageReference::parse(image).map_or_else(
        |error| error.to_string(),
        |_| "invalid reference format".to_owned(),
    );
    format!(
        "Failed to apply default image tag {image:?}: couldn't parse image name {image:?}: {why}"
    )
}

/// The message of `ErrImageNeverPull`.
pub fn never_pull(image: &str) -> String {
    format!("Container image {image:?} is not present with pull policy of Never")
}

/// The node's own limiter refused to begin (`pkg/kubelet/images/helpers.go`).
pub(super) const PULL_QPS_EXCEEDED: &str = "pull QPS exceeded";

/// `evalCRIPullErr`, of an error that began with `RegistryUnavailable: `.
pub(super) fn registry_unavailable(image: &str, why: &str) -> String {
    format!("image pull failed for {image} because the registry is unavailable: {why}")
}

/// `evalCRIPullErr`, of an error that began with `SignatureValidationFailed: `.
pub(super) fn signature_validation_failed(image: &str, why: &str) -> String {
    format!("image pull failed for {image} because the signature validation failed: {why}")
}

#[cfg(test)]
mod tests {
    use pullstop_core::cause::Cause;
    use pullstop_core::classify::Classifier;

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
                let text = pull_error(runtime, error, image, noise);
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
            let texts =
                [0, 1, 2, 3, 4].map(|noise| pull_error(runtime, error, "r.test/a:b", noise));
            let varies = texts.iter().any(|text| *text != texts[0]);
            let expected = match error {
                PullError::Refused
                | PullError::ConnectTimeout
                | PullError::Reset
                | PullError::DnsServerFailure
                | PullError::DiskFull => true,
                PullError::RuntimeTrouble => runtime != Runtime::Crio,
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
            let ours = pull_error(runtime, error, image, 7);
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
            "quay.io/a/b:v1",
            0,
        );
        let reason = PullError::SignatureRejected.waiting_reason(Runtime::Crio);
        assert_eq!(
            back_off("quay.io/a/b:v1", reason, Some(&text)),
            "Back-off pulling image \"quay.io/a/b:v1\": SignatureValidationFailed: image pull failed for quay.io/a/b:v1 because the signature validation failed: unable to pull image or OCI artifact: pull image err: Source image rejected: A signature was required, but no signature exists; artifact err: image reference: reference is a container image, not an OCI artifact"
        );
    }
}
