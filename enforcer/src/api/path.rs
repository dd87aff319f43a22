//! Paths of requests.
//!
//! What others have named gets into one only as a [`Name`], so no name leads a request elsewhere.

use std::fmt;
use std::str::FromStr;

use super::shorten::shorten;

/// Longer names Kubernetes does not allow (`DNS1123SubdomainMaxLength`).
const NAME_BYTES_MAX: usize = 253;

/// Path and query of a request: words from the source code, names, and encoded values of a query.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApiPath {
    text: String,
    has_query: bool,
}

impl ApiPath {
    /// A path that is known beforehand, such as `/api/v1/pods`.
    pub fn to(known: &'static str) -> Self {
        Self {
            text: known.to_owned(),
            has_query: false,
        }
    }

    /// What is in this namespace, of an API group's folder such as `/apis/batch/v1`.
    pub fn in_namespace(folder: &'static str, namespace: &Name, resource: &'static str) -> Self {
        Self::to(folder)
            .word("namespaces")
            .name(namespace)
            .word(resource)
    }

    /// One word further.
    #[must_use]
    pub fn word(mut self, word: &'static str) -> Self {
        self.text.push('/');
        self.text.push_str(word);
        self
    }

    /// One name further. It consists of letters, digits, `-` and `.`, none of which means anything in a path, so there is
    /// nothing in it to be encoded.
    #[must_use]
    pub fn name(mut self, Name(name): &Name) -> Self {
        self.text.push('/');
        self.text.push_str(name);
        self
    }

    /// One more parameter of the query.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        self.text.push(if self.has_query { '&' } else { '?' });
        self.has_query = true;
        self.text.push_str(key);
        self.text.push('=');
        self.text.push_str(&encode(&value.to_string()));
        self
    }

    /// As it is sent.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for ApiPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The name of an object as Kubernetes allows it for all that is asked for here: a DNS subdomain in small letters
/// (RFC 1123).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(String);

impl Name {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NoName;

    fn from_str(text: &str) -> Result<Self, NoName> {
        let fits = text.len() <= NAME_BYTES_MAX && text.split('.').all(is_label);
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(NoName(shorten(text, 80)))
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Not the name of any object, whatever was to be found under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoName(String);

impl fmt::Display for NoName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not a valid object name: names consist of lower-case letters, digits, `-` and `.`, and begin and end with a \
             letter or digit",
            self.0
        )
    }
}

impl std::error::Error for NoName {}

fn is_label(text: &str) -> bool {
    let inner = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
    let bytes = text.as_bytes();
    let edges = [bytes.first(), bytes.last()];
    bytes.iter().all(inner)
        && edges
            .iter()
            .all(|edge| edge.is_some_and(|byte| *byte != b'-'))
}

/// Percent-encodes a value of a query.
fn encode(value: &str) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_encoded() {
        let path = ApiPath::to("/api/v1/pods")
            .with("limit", 500)
            .with("fieldSelector", "status.phase!=Failed,ä&limit=1");
        assert_eq!(
            path.as_str(),
            "/api/v1/pods?limit=500&fieldSelector=status.phase%21%3DFailed%2C%C3%A4%26limit%3D1"
        );
    }

    #[test]
    fn names_are_put_together() {
        let (namespace, name) = ("team-a".parse().unwrap(), "p.0-x".parse().unwrap());
        let path = ApiPath::in_namespace("/api/v1", &namespace, "pods").name(&name);
        assert_eq!(
            path.word("status").as_str(),
            "/api/v1/namespaces/team-a/pods/p.0-x/status"
        );
    }

    #[test]
    fn what_is_no_name_leads_nowhere() {
        let long = "a".repeat(NAME_BYTES_MAX + 1);
        for text in [
            "", ".", "..", "../../..", "x/status", "%2e", "%2e%2e", "a?b", "a#b", "a b", "a\\b",
            "A", "ä", "-a", "a-", ".a", "a.", "a..b", "a\n", "a\0", &long,
        ] {
            assert!(text.parse::<Name>().is_err(), "{text:?}");
        }
        for text in ["a", "0", "a-b", "a.b", "kube-root-ca.crt", &long[1..]] {
            assert_eq!(text.parse::<Name>().unwrap().as_str(), text);
        }
    }
}
