//! Lists: pages, versions, continue tokens.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::convert;
use super::go_json;
use super::query::Query;
use super::resources::Resource;
use super::selectors::Selector;
use super::status::Failure;
use super::store::{Key, Store};

/// How long a list waits for a version that is still to come, as the API server does.
const FUTURE_VERSION_WAIT: Duration = Duration::from_secs(3);

/// As Go reads it: without padding, and not minding bits that are left over.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// One page of objects.
#[derive(Debug)]
pub(super) struct Page {
    /// The members of the list's `metadata`.
    pub(super) metadata: Value,
    /// The objects, as the resource's version has them.
    pub(super) objects: Vec<Value>,
}

/// Lists the objects of a resource, in one namespace or, with an empty one, in all.
pub(super) async fn list(
    store: &Store,
    resource: &Resource,
    namespace: &str,
    query: &Query,
    stale_by: u64,
) -> Result<Page, Failure> {
    let selector = Selector::parse(resource, &query.label_selector, &query.field_selector)?;
    let (version, start) = start(store, query, stale_by).await?;
    let of = Key::of(resource.storage_group(), &resource.plural, "", "");
    let objects = store.objects_at(&of, version).map_err(|_| too_old(query))?;
    let mut matching = objects
        .into_iter()
        .filter(|(key, _)| namespace.is_empty() || key.namespace == namespace)
        .map(|(key, object)| (path(&key, namespace), object))
        .filter(|(path, object)| {
            path.trim_start_matches('/') >= start.trim_start_matches('/')
                && selector.matches(object)
        });
    // A list that may come from the watch cache is given whole.
    let limit = match query.limit {
        0 => usize::MAX,
        _ if query.resource_version == "0" => usize::MAX,
        limit => limit,
    };
    let page: Vec<(String, Arc<Value>)> = matching.by_ref().take(limit).collect();
    let remaining = matching.count();

    let mut metadata = json!({"resourceVersion": version.to_string()});
    if let Some((last, _)) = page.last().filter(|_| remaining > 0) {
        let token = Token::after(last, version);
        metadata["continue"] = token.encode().into();
        if selector.is_empty() {
            metadata["remainingItemCount"] = remaining.into();
        }
    }
    let objects = page
        .into_iter()
        .map(|(_, object)| convert::served(resource, &object))
        .collect();
    Ok(Page { metadata, objects })
}

/// At which version to list, and from where on.
async fn start(store: &Store, query: &Query, stale_by: u64) -> Result<(u64, String), Failure> {
    if !query.continued.is_empty() {
        let token = Token::decode(&query.continued)?;
        if !["", "0"].contains(&query.resource_version.as_str()) {
            let message = "specifying resource version is not allowed when using continue";
            return Err(Failure::bad_request(message));
        }
        // Below zero is the version of now.
        let version = u64::try_from(token.rv).unwrap_or_else(|_| store.version());
        return Ok((version, token.start));
    }
    let current = || store.version().saturating_sub(stale_by);
    let unread = |failure: Failure| {
        Failure::bad_request(format!("invalid resource version: {}", failure.message))
    };
    let version = match query.version().map_err(unread)? {
        None | Some(0) => current(),
        Some(asked) => {
            reached(store, asked, query.timeout).await?;
            // A version without a word on how to match is "not older", but exact for pages.
            let exact =
                query.version_match == "Exact" || query.version_match.is_empty() && query.limit > 0;
            if exact { asked } else { current().max(asked) }
        }
    };
    Ok((version, String::new()))
}

/// Waits a moment for a version that is still to come.
pub(super) async fn reached(
    store: &Store,
    asked: u64,
    timeout: Option<Duration>,
) -> Result<(), Failure> {
    let wait = timeout
        .unwrap_or(FUTURE_VERSION_WAIT)
        .min(FUTURE_VERSION_WAIT);
    tokio::time::timeout(wait, store.past(asked.saturating_sub(1)))
        .await
        .map_err(|_| Failure::version_too_large(asked, store.version()))
}

fn too_old(query: &Query) -> Failure {
    Failure::expired(if query.continued.is_empty() {
        "The resourceVersion for the provided list is too old."
    } else {
        "The provided continue parameter is too old to display a consistent list result. You can start a new list \
         without the continue parameter."
    })
}

/// Where an object is below what is listed: by this, pages are cut.
fn path(key: &Key, namespace: &str) -> String {
    if namespace.is_empty() && !key.namespace.is_empty() {
        format!("/{}/{}", key.namespace, key.name)
    } else {
        format!("/{}", key.name)
    }
}

const TOKEN_VERSION: &str = "meta.k8s.io/v1";

/// Go's words on text that is not base 64: where the first byte is that is not of the alphabet, or one is left over.
fn illegal(text: &str) -> String {
    let foreign = |byte: u8| !byte.is_ascii_alphanumeric() && !b"-_".contains(&byte);
    let last = text.len().saturating_sub(1);
    let at = text.bytes().position(foreign).unwrap_or(last);
    format!("illegal base64 data at input byte {at}")
}

/// From where on a list continues, and at which version.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Token {
    v: String,
    rv: i64,
    start: String,
}

impl Token {
    fn after(last: &str, version: u64) -> Self {
        Self {
            v: TOKEN_VERSION.to_owned(),
            rv: i64::try_from(version).unwrap_or(i64::MAX),
            start: format!("{last}\0"),
        }
    }

    fn encode(&self) -> String {
        BASE64.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    fn decode(text: &str) -> Result<Self, Failure> {
        let refused = |why: String| {
            let message = format!("invalid continue token: continue key is not valid: {why}");
            Failure::bad_request(message)
        };
        let bytes = BASE64.decode(text).map_err(|_| refused(illegal(text)))?;
        let value = go_json::parse(&bytes).map_err(refused)?;
        let token: Self =
            serde_json::from_value(value).map_err(|error| refused(error.to_string()))?;
        let why = match &token {
            Self { v, .. } if v != TOKEN_VERSION => {
                format!("server does not recognize this encoded version {v}")
            }
            Self { rv: 0, .. } => {
                format!("incorrect encoded start resourceVersion (version {TOKEN_VERSION})")
            }
            Self { start, .. } if start.is_empty() => {
                format!("empty start key (version {TOKEN_VERSION})")
            }
            Self { start, .. } if start.split('/').any(|part| part == "..") => start.clone(),
            _ => return Ok(token),
        };
        Err(refused(why))
    }
}

#[cfg(test)]
mod tests {
    use super::illegal;

    #[test]
    fn text_that_is_not_base_64_is_told_by_its_first_odd_byte() {
        for (text, at) in [("!!", 0), ("e30=", 3), ("ab c", 2), ("abcde", 4)] {
            assert!(illegal(text).ends_with(&format!(" {at}")), "{text}");
        }
    }
}
