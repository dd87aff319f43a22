//! Image references, by the grammar that the kubelet uses.
//!
//! The kubelet parses image names with `ParseNormalizedNamed` of `github.com/distribution/reference`
//! (`pkg/util/parsers/parsers.go`); what that function refuses becomes `InvalidImageName`. The same rules
//! stand here, with its corner cases and the words of its errors (v0.6.0: `normalize.go`, `regexp.go`,
//! `reference.go`; digests as in `github.com/opencontainers/go-digest`).

use std::borrow::Cow;
use std::fmt;

use crate::hash::hash;

/// A parsed image name, borrowed from its text.
///
/// ```
/// use pullstop_core::image::ImageReference;
///
/// let image = ImageReference::parse("nginx:1.27").unwrap();
/// assert_eq!(image.registry(), "docker.io");
/// assert_eq!(image.repository(), "library/nginx");
/// assert_eq!(image.tag(), Some("1.27"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageReference<'a> {
    registry: &'a str,
    /// On Docker Hub, names of one component live below `library/`.
    official: bool,
    path: &'a str,
    tag: Option<&'a str>,
    digest: Option<&'a str>,
}

impl<'a> ImageReference<'a> {
    /// Parses `name` as the kubelet does.
    ///
    /// # Errors
    /// Says why the kubelet would call the name invalid, in its own words.
    pub fn parse(name: &'a str) -> Result<Self, ImageReferenceError> {
        if is_identifier(name) {
            return Err(ImageReferenceError::Identifier(name.to_owned()));
        }
        let (registry, official, remainder) = split_registry(name);
        let before_tag = remainder.split(':').next().unwrap_or(remainder);
        if before_tag.chars().any(|c| c.to_lowercase().ne([c])) {
            let prefix = if official { "library/" } else { "" };
            return Err(ImageReferenceError::Uppercase(format!(
                "{prefix}{before_tag}"
            )));
        }

        let (before_digest, digest) = split_at_first(remainder, '@');
        let (path, tag) = split_at_first(before_digest, ':');
        if !is_path(path) || !tag.is_none_or(is_tag) || !digest.is_none_or(is_digest_shaped) {
            return Err(ImageReferenceError::Format);
        }
        // A first component such as `my_host.example` is no host name, yet a valid path component: the
        // grammar then finds a path without a registry.
        let (registry, path) = if is_host_and_port(registry) {
            (registry, path)
        } else if is_path(registry) {
            ("", &name[..registry.len() + 1 + path.len()])
        } else {
            return Err(ImageReferenceError::Format);
        };
        let library = if official { LIBRARY.len() } else { 0 };
        if library + path.len() > PATH_LENGTH_MAX {
            return Err(ImageReferenceError::TooLong);
        }
        if let Some(digest) = digest {
            check_digest(digest)?;
        }
        Ok(Self {
            registry,
            official,
            path,
            tag,
            digest,
        })
    }

    /// The registry's host, with its port if the name has one: the unit of outages.
    ///
    /// Empty for the few names whose first component looks like a host but is none (`a_b.example/c`).
    pub fn registry(&self) -> &'a str {
        self.registry
    }

    /// The repository within the registry, such as `library/nginx`.
    pub fn repository(&self) -> Cow<'a, str> {
        if self.official {
            Cow::Owned(format!("{LIBRARY}{}", self.path))
        } else {
            Cow::Borrowed(self.path)
        }
    }

    /// The tag, if the name has one; without tag and digest, `latest` is pulled.
    pub fn tag(&self) -> Option<&'a str> {
        self.tag
    }

    /// The digest, if the name has one; it wins over the tag.
    pub fn digest(&self) -> Option<&'a str> {
        self.digest
    }
}

impl fmt::Display for ImageReference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.registry.is_empty() {
            write!(f, "{}/", self.registry)?;
        }
        f.write_str(&self.repository())?;
        if let Some(tag) = self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// Why an image name is invalid; prints what the kubelet prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageReferenceError {
    /// 64 hexadecimal digits are an image id, not a name.
    Identifier(String),
    /// The repository has a capital letter.
    Uppercase(String),
    /// The name does not follow the grammar.
    Format,
    /// The repository is longer than 255 characters.
    TooLong,
    /// The digest's algorithm is not sha256, sha384 or sha512.
    DigestAlgorithm,
    /// The digest's length is not its algorithm's.
    DigestLength,
    /// The digest has other characters than lower-case hexadecimal digits.
    DigestFormat,
}

impl fmt::Display for ImageReferenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identifier(name) => write!(
                f,
                "invalid repository name ({name}), cannot specify 64-byte hexadecimal strings"
            ),
            Self::Uppercase(name) => {
                write!(
                    f,
                    "invalid reference format: repository name ({name}) must be lowercase"
                )
            }
            Self::Format => f.write_str("invalid reference format"),
            Self::TooLong => f.write_str("repository name must not be more than 255 characters"),
            Self::DigestAlgorithm => f.write_str("unsupported digest algorithm"),
            Self::DigestLength => f.write_str("invalid checksum digest length"),
            Self::DigestFormat => f.write_str("invalid checksum digest format"),
        }
    }
}

impl std::error::Error for ImageReferenceError {}

/// No name longer than this can be pulled: a host has at most 253 characters, its port 6, a path 256 with its slash, a tag
/// 129 and a digest 136 with what stands before them.
pub const NAME_BYTES_MAX: usize = 1024;
/// What is kept of a longer one, for people.
const BEGINNING_BYTES_MAX: usize = 200;

/// The name itself, or in place of one that is longer than [`NAME_BYTES_MAX`] its beginning, a fingerprint and its length:
/// all that is kept of it, shown and compared.
pub fn bounded(name: &str) -> Cow<'_, str> {
    if name.len() <= NAME_BYTES_MAX {
        return Cow::Borrowed(name);
    }
    let ends_character = |at: &usize| name.is_char_boundary(*at);
    let end = (0..=BEGINNING_BYTES_MAX).rev().find(ends_character);
    let beginning = &name[..end.unwrap_or(0)];
    let (fingerprint, bytes) = (hash(name.as_bytes()), name.len());
    Cow::Owned(format!("{beginning}…#{fingerprint:016x}, {bytes} bytes"))
}

/// `normalize.go`: `defaultDomain`, `legacyDefaultDomain`, `officialRepoPrefix`.
const DOCKER_HUB: &str = "docker.io";
const DOCKER_HUB_LEGACY: &str = "index.docker.io";
const LIBRARY: &str = "library/";
/// `reference.go`: `RepositoryNameTotalLengthMax`.
const PATH_LENGTH_MAX: usize = 255;
/// `regexp.go`: the tag is one word character and up to 127 more, dots and hyphens among them.
const TAG_LENGTH_MAX: usize = 128;
/// `regexp.go`: what stands behind the colon of a digest has at least this many hexadecimal digits.
const DIGEST_LENGTH_MIN: usize = 32;

/// `splitDockerDomain`: registry, whether `library/` is implied, and the rest.
fn split_registry(name: &str) -> (&str, bool, &str) {
    let Some((first, rest)) = name.split_once('/') else {
        return (DOCKER_HUB, true, name);
    };
    let (registry, rest) = if first == DOCKER_HUB_LEGACY {
        (DOCKER_HUB, rest)
    } else if first == "localhost"
        || first.contains(['.', ':'])
        || first.chars().any(|c| c.to_lowercase().ne([c]))
    {
        (first, rest)
    } else {
        (DOCKER_HUB, name)
    };
    (
        registry,
        registry == DOCKER_HUB && !rest.contains('/'),
        rest,
    )
}

fn split_at_first(text: &str, separator: char) -> (&str, Option<&str>) {
    match text.split_once(separator) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

fn is_identifier(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(is_lower_hex)
}

fn is_lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

fn is_path(path: &str) -> bool {
    path.split('/').all(is_path_component)
}

/// `alphanumeric (separator alphanumeric)*`, where a separator is `.`, `_`, `__` or hyphens.
fn is_path_component(component: &str) -> bool {
    let mut rest = component.as_bytes();
    loop {
        let word = rest
            .iter()
            .take_while(|b| b.is_ascii_digit() || b.is_ascii_lowercase())
            .count();
        if word == 0 {
            return false;
        }
        rest = &rest[word..];
        let separator = match rest {
            [] => return true,
            [b'_', b'_', ..] => 2,
            [b'.' | b'_', ..] => 1,
            _ => rest.iter().take_while(|b| **b == b'-').count(),
        };
        if separator == 0 {
            return false;
        }
        rest = &rest[separator..];
    }
}

fn is_host_and_port(host: &str) -> bool {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split_once(']').is_some_and(|(address, port)| {
            !address.is_empty()
                && address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':')
                && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
        });
    }
    let (name, port) = split_at_first(host, ':');
    name.split('.').all(is_host_component) && port.is_none_or(is_port)
}

fn is_host_component(component: &str) -> bool {
    !component.is_empty()
        && component
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !component.starts_with('-')
        && !component.ends_with('-')
}

fn is_port(port: &str) -> bool {
    !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit())
}

fn is_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    tag.len() <= TAG_LENGTH_MAX
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|b| word(b) || b == b'.' || b == b'-')
}

/// `algorithm:hex`, where the algorithm's words are joined by `-`, `_`, `+` or `.`.
fn is_digest_shaped(digest: &str) -> bool {
    let Some((algorithm, hex)) = digest.split_once(':') else {
        return false;
    };
    let word = |w: &str| {
        w.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
            && w.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    algorithm.split(['-', '_', '+', '.']).all(word)
        && hex.len() >= DIGEST_LENGTH_MIN
        && hex.bytes().all(|b| b.is_ascii_hexdigit())
}

fn check_digest(digest: &str) -> Result<(), ImageReferenceError> {
    let (algorithm, hex) = digest.split_once(':').unwrap_or((digest, ""));
    let digits = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return Err(ImageReferenceError::DigestAlgorithm),
    };
    if hex.len() != digits {
        Err(ImageReferenceError::DigestLength)
    } else if !hex.bytes().all(is_lower_hex) {
        Err(ImageReferenceError::DigestFormat)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn valid_names() {
        let digest = format!("sha256:{HEX}");
        let with_digest = format!("reg.example:5000/a/b@{digest}");
        let with_both = format!("a/b:v1@{digest}");
        for (name, registry, repository, tag, has_digest) in [
            ("nginx", "docker.io", "library/nginx", None, false),
            (
                "nginx:1.27",
                "docker.io",
                "library/nginx",
                Some("1.27"),
                false,
            ),
            ("library/nginx", "docker.io", "library/nginx", None, false),
            (
                "team/app:V_1.0-rc",
                "docker.io",
                "team/app",
                Some("V_1.0-rc"),
                false,
            ),
            ("docker.io/nginx", "docker.io", "library/nginx", None, false),
            (
                "index.docker.io/nginx",
                "docker.io",
                "library/nginx",
                None,
                false,
            ),
            (
                "index.docker.io/team/app",
                "docker.io",
                "team/app",
                None,
                false,
            ),
            ("localhost/app", "localhost", "app", None, false),
            ("localhost:5000/app", "localhost:5000", "app", None, false),
            ("LOCALHOST/app", "LOCALHOST", "app", None, false),
            ("Upper/app", "Upper", "app", None, false),
            (
                "host:5000",
                "docker.io",
                "library/host",
                Some("5000"),
                false,
            ),
            (
                "127.0.0.1:5000/a/b:nope",
                "127.0.0.1:5000",
                "a/b",
                Some("nope"),
                false,
            ),
            ("[::1]:5000/r:t", "[::1]:5000", "r", Some("t"), false),
            ("[fd00:1:2::3]/r", "[fd00:1:2::3]", "r", None, false),
            (
                "a.b/c__d/e-----f/g.h",
                "a.b",
                "c__d/e-----f/g.h",
                None,
                false,
            ),
            ("xn--n3h.com/app", "xn--n3h.com", "app", None, false),
            ("a_b.example/c", "", "a_b.example/c", None, false),
            (&with_digest, "reg.example:5000", "a/b", None, true),
            (&with_both, "docker.io", "a/b", Some("v1"), true),
        ] {
            let image = ImageReference::parse(name).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(image.registry(), registry, "{name}");
            assert_eq!(image.repository(), repository, "{name}");
            assert_eq!(image.tag(), tag, "{name}");
            assert_eq!(image.digest().is_some(), has_digest, "{name}");
        }
    }

    #[test]
    fn invalid_names() {
        let long_path = "a/".repeat(127) + "abc";
        let long_tag = "a:".to_owned() + &"t".repeat(129);
        let upper_digest = format!("a@sha256:{}", HEX.to_uppercase());
        let short_digest = format!("a@sha256:{}", &HEX[..40]);
        let strange_digest = format!("a@md5+x:{}", &HEX[..32]);
        for (name, why) in [
            ("", "invalid reference format"),
            (HEX, "cannot specify 64-byte hexadecimal strings"),
            ("Nginx", "repository name (library/Nginx) must be lowercase"),
            (
                "Not/A/Valid:::Image!!",
                "repository name (A/Valid) must be lowercase",
            ),
            ("team/App", "repository name (team/App) must be lowercase"),
            ("/leading", "invalid reference format"),
            ("trailing/", "invalid reference format"),
            ("a//b", "invalid reference format"),
            ("a:", "invalid reference format"),
            ("a:-tag", "invalid reference format"),
            ("repo:тег", "invalid reference format"),
            ("a@", "invalid reference format"),
            ("a@sha256", "invalid reference format"),
            ("a@sha256:abcd", "invalid reference format"),
            ("a b", "invalid reference format"),
            ("-host.com/a", "invalid reference format"),
            ("host.com-/a", "invalid reference format"),
            ("host:port/a", "invalid reference format"),
            ("[::1/a", "invalid reference format"),
            ("a___b", "invalid reference format"),
            ("a._b", "invalid reference format"),
            ("_a", "invalid reference format"),
            ("https://host.com/a", "invalid reference format"),
            (&long_tag, "invalid reference format"),
            (&long_path, "must not be more than 255 characters"),
            (&upper_digest, "invalid checksum digest format"),
            (&short_digest, "invalid checksum digest length"),
            (&strange_digest, "unsupported digest algorithm"),
        ] {
            let error = ImageReference::parse(name).expect_err(name).to_string();
            assert!(error.contains(why), "{name}: {error}");
        }
    }

    #[test]
    fn names_that_nobody_can_pull_are_cut() {
        let host = format!("{}.example:65535", "a".repeat(245));
        let longest = format!(
            "{host}/{}:{}@sha512:{HEX}{HEX}",
            "a".repeat(255),
            "t".repeat(128)
        );
        assert!(ImageReference::parse(&longest).is_ok());
        assert_eq!(bounded(&longest), longest);
        let long = "ä".repeat(600_000);
        let cut = bounded(&long);
        assert!(cut.len() <= 256, "{cut}");
        assert_eq!(bounded(&cut), cut);
        assert_ne!(bounded(&format!("{long}b")), bounded(&format!("{long}c")));
    }

    #[test]
    fn what_is_printed_parses_to_the_same() {
        for name in ["nginx", "a.b:5/c/d:e", "localhost/x", "[::1]/r:t"] {
            let printed = ImageReference::parse(name).unwrap().to_string();
            let again = ImageReference::parse(&printed).unwrap();
            assert_eq!(again.to_string(), printed);
        }
    }
}
