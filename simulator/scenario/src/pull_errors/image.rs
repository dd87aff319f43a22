//! The parts of an image name that runtimes print.

use pullstop_core::hash::Fnv1a;
use pullstop_core::image::ImageReference;

/// An image name as runtimes see it: with a registry, and with a tag or a digest.
#[derive(Clone, Debug)]
pub struct Image {
    /// As the kubelet knows it.
    pub(super) given: String,
    /// Registry, repository, and the digest or else the tag: `docker.io/library/nginx:1.27`.
    pub(super) reference: String,
    /// As `reference`, without what Docker Hub lets one leave out: `nginx:1.27`.
    pub(super) familiar: String,
    /// Registry and repository: `docker.io/library/nginx`.
    pub(super) name: String,
    /// The repository alone: `library/nginx`.
    pub(super) repository: String,
    /// The digest, or else the tag, of which the default is `latest`.
    pub(super) object: String,
    /// Whom requests go to, with the port if the name has one: `registry-1.docker.io`.
    pub(super) host: String,
}

impl Image {
    /// Takes `name` apart. Of a name that is none, which the kubelet lets nobody pull, all is the repository.
    pub fn new(name: &str) -> Self {
        let given = name.to_owned();
        let parsed = ImageReference::parse(name).ok();
        let (registry, repository) = match &parsed {
            Some(image) => (image.registry(), image.repository().into_owned()),
            None => (DOCKER_HUB, name.to_owned()),
        };
        // Both runtimes drop the tag of a name that has a digest too.
        let object = parsed
            .and_then(|image| image.digest().or_else(|| image.tag()))
            .unwrap_or("latest")
            .to_owned();
        let separator = if object.contains(':') { '@' } else { ':' };
        let name = match registry {
            "" => repository.clone(),
            _ => format!("{registry}/{repository}"),
        };
        let reference = format!("{name}{separator}{object}");
        Self {
            given,
            familiar: familiar(&reference).to_owned(),
            host: host(&name).to_owned(),
            reference,
            name,
            repository,
            object,
        }
    }

    /// A digest that belongs to this image: always the same for the same `part` of it.
    pub(super) fn digest_of(&self, part: &str) -> String {
        let words = (0..4u8).map(|word| {
            let bytes = [word].into_iter().chain(part.bytes());
            let hash = Fnv1a::of(bytes.chain(self.reference.bytes()));
            format!("{:016x}", hash.value())
        });
        format!("sha256:{}", words.collect::<String>())
    }
}

const DOCKER_HUB: &str = "docker.io";
/// Where Docker Hub's registry really is (containerd: `remotes/docker/registry.go`).
const DOCKER_HUB_HOST: &str = "registry-1.docker.io";

/// `FamiliarString` of `github.com/distribution/reference`.
fn familiar(reference: &str) -> &str {
    let Some(path) = reference.strip_prefix("docker.io/") else {
        return reference;
    };
    match path.strip_prefix("library/") {
        Some(official) if !official.contains('/') => official,
        _ => path,
    }
}

fn host(name: &str) -> &str {
    match name.split('/').next() {
        None | Some(DOCKER_HUB) => DOCKER_HUB_HOST,
        Some(registry) => registry,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_completed() {
        let digest = "sha256:abababababababababababababababababababababababababababababababab";
        for (name, reference, familiar, host) in [
            (
                "nginx",
                "docker.io/library/nginx:latest",
                "nginx:latest",
                "registry-1.docker.io",
            ),
            (
                "bitnami/redis:7",
                "docker.io/bitnami/redis:7",
                "bitnami/redis:7",
                "registry-1.docker.io",
            ),
            (
                "r.test:5000/a/b:c",
                "r.test:5000/a/b:c",
                "r.test:5000/a/b:c",
                "r.test:5000",
            ),
            (
                "Not/A/Valid:::Image!!",
                "docker.io/Not/A/Valid:::Image!!:latest",
                "Not/A/Valid:::Image!!:latest",
                "registry-1.docker.io",
            ),
            (
                "a_b.example/c",
                "a_b.example/c:latest",
                "a_b.example/c:latest",
                "a_b.example",
            ),
        ] {
            let image = Image::new(name);
            assert_eq!(
                (&*image.reference, &*image.familiar, &*image.host),
                (reference, familiar, host),
                "{name}"
            );
        }
        let both = Image::new(&format!("r.test/a:v1@{digest}"));
        assert_eq!(both.reference, format!("r.test/a@{digest}"));
        assert_eq!(both.object, digest);
    }

    #[test]
    fn digests_belong_to_images() {
        let (a, b) = (Image::new("a"), Image::new("b"));
        assert_eq!(a.digest_of("layer").len(), "sha256:".len() + 64);
        assert_eq!(a.digest_of("layer"), Image::new("a").digest_of("layer"));
        assert_ne!(a.digest_of("layer"), a.digest_of("manifest"));
        assert_ne!(a.digest_of("layer"), b.digest_of("layer"));
    }
}
