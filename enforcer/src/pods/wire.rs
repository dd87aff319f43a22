//! Decodes lists and watch events of pods, so that one damaged pod does not affect the others.

use memchr::memmem;
use pullstop_core::pod::Phase;
use pullstop_core::wire::{WireError, WirePod};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::cut::cut;
use crate::api::ApiError;

/// One page of a list.
#[derive(Debug)]
pub struct Page {
    /// The pods that can be read.
    pub pods: Vec<WirePod>,
    /// Pods that cannot.
    pub damaged: usize,
    /// Which those are, and what is wrong with them; of many, the first ones.
    pub complaints: Vec<String>,
    /// The version of the list.
    pub version: String,
    /// Where the next page begins; empty on the last.
    pub next: String,
}

/// What a line of a watch says.
#[derive(Debug)]
pub enum Line {
    /// A pod has come into the view.
    Added(Box<WirePod>),
    /// A pod has changed.
    Modified(Box<WirePod>),
    /// A pod has left the view, by being deleted or by its phase. What is shown of it may be old.
    Deleted(Box<WirePod>),
    /// Everything up to this version has been told.
    Bookmark(String),
    /// The watch ends.
    Ended(ApiError),
    /// A pod that cannot be read, at this version.
    Damaged {
        /// The version, if at least that can be read.
        version: Option<String>,
        /// What is wrong.
        why: String,
    },
}

/// Where the page behind this one begins, if the text says so in front of the pods, as an API server's does; empty for the
/// last. Takes no time, so that the next page can be on its way while this one is read.
pub fn next_page(bytes: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Head {
        metadata: ListMeta,
    }
    let end = memmem::find(bytes, ITEMS)?;
    let head: Head = serde_json::from_slice(&[&bytes[..end], b"}"].concat()).ok()?;
    Some(head.metadata.r#continue.unwrap_or_default())
}

/// The page that begins so, with one pod that cannot be read instead of those that are in it.
pub(super) fn without_pods(beginning: &[u8]) -> Option<Vec<u8>> {
    let end = memmem::find(beginning, ITEMS)? + ITEMS.len();
    Some([&beginning[..end], b"null]}"].concat())
}

/// Where the pods of a list begin, in the order in which Go writes it.
const ITEMS: &[u8] = br#","items":["#;

/// Reads one page of a list of pods. The text is needed for nothing else any more, and is read without a second one.
///
/// # Errors
/// If it is no list.
pub fn page(mut bytes: Vec<u8>) -> Result<Page, ApiError> {
    cut(&mut bytes);
    let text = std::str::from_utf8(&bytes)
        .map_err(|error| ApiError::InvalidResponse(error.to_string()))?;
    // If a pod is not as it should be, only reading each by itself can tell which one.
    in_one_go(text)
        .or_else(|_| each_by_itself(text))
        .map_err(|error| ApiError::InvalidResponse(error.to_string()))
}

/// Reads one line of a watch.
pub fn line(mut bytes: Vec<u8>) -> Line {
    cut(&mut bytes);
    match std::str::from_utf8(&bytes) {
        Ok(text) => event(text),
        Err(error) => Line::Damaged {
            version: None,
            why: error.to_string(),
        },
    }
}

fn event(text: &str) -> Line {
    let unreadable = |why| Line::Damaged { version: None, why };
    let event: RawEvent<'_> = match serde_json::from_str(text) {
        Ok(event) => event,
        Err(error) => return unreadable(error.to_string()),
    };
    match event.r#type {
        "BOOKMARK" => match version(event.object) {
            Some(version) => Line::Bookmark(version),
            None => unreadable("a bookmark without version".to_owned()),
        },
        "ERROR" => Line::Ended(error(event.object)),
        kind => match pod(event.object.get()) {
            Ok(pod) if kind == "ADDED" => Line::Added(Box::new(pod)),
            Ok(pod) if kind == "MODIFIED" => Line::Modified(Box::new(pod)),
            Ok(pod) if kind == "DELETED" => Line::Deleted(Box::new(pod)),
            Ok(_) => Line::Damaged {
                version: version(event.object),
                why: "an event of an unknown type".to_owned(),
            },
            Err(why) => Line::Damaged {
                version: version(event.object),
                why,
            },
        },
    }
}

/// What selects the pods in these phases. Selectors know no "or", so for more than one phase all are selected that have
/// not ended, and the engine does the rest.
pub fn field_selector(phases: &[Phase]) -> String {
    match phases {
        [phase] => format!("status.phase={}", phase.as_str()),
        _ => "status.phase!=Succeeded,status.phase!=Failed".to_owned(),
    }
}

/// Reads one pod, and makes sure that a snapshot can be taken of it.
///
/// # Errors
/// Says what is wrong with it.
pub fn one_pod(bytes: &[u8]) -> Result<WirePod, String> {
    let mut bytes = bytes.to_vec();
    cut(&mut bytes);
    pod(std::str::from_utf8(&bytes).map_err(|error| error.to_string())?)
}

fn pod(text: &str) -> Result<WirePod, String> {
    let pod: WirePod = serde_json::from_str(text).map_err(|error| error.to_string())?;
    check(&pod).map_err(|error| error.to_string())?;
    Ok(pod)
}

/// Whether a snapshot can be taken of the pod.
fn check(pod: &WirePod) -> Result<(), WireError> {
    pod.snapshot(None, |_| ())
}

/// Reads a page whose pods are all as they should be, as nearly all pages are.
fn in_one_go(text: &str) -> serde_json::Result<Page> {
    #[derive(Deserialize)]
    struct List {
        #[serde(default)]
        metadata: ListMeta,
        items: Vec<WirePod>,
    }
    let List { metadata, items } = serde_json::from_str(text)?;
    let (all, mut pods, mut complaints) = (items.len(), items, Complaints::default());
    pods.retain(|pod| match check(pod) {
        Ok(()) => true,
        Err(error) => complaints.add(&pod.metadata.namespace, &pod.metadata.name, &error),
    });
    Ok(Page::new(metadata, all - pods.len(), pods, complaints))
}

/// Reads a page so that a damaged pod spoils no other. Takes twice as long: first is found out where each pod ends.
fn each_by_itself(text: &str) -> serde_json::Result<Page> {
    #[derive(Deserialize)]
    struct RawList<'a> {
        #[serde(default)]
        metadata: ListMeta,
        #[serde(borrow)]
        items: Vec<&'a RawValue>,
    }
    let list: RawList<'_> = serde_json::from_str(text)?;
    let all = list.items.len();
    let (mut pods, mut complaints) = (Vec::with_capacity(all), Complaints::default());
    for item in list.items {
        match pod(item.get()) {
            Ok(pod) => pods.push(pod),
            Err(error) => {
                let name = |pointer| text_at(item, pointer);
                complaints.add(
                    &name("/metadata/namespace"),
                    &name("/metadata/name"),
                    &error,
                );
            }
        }
    }
    Ok(Page::new(list.metadata, all - pods.len(), pods, complaints))
}

/// A text in JSON of any form; empty if there is none.
fn text_at(raw: &RawValue, pointer: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(raw.get()).unwrap_or_default();
    let found = value.pointer(pointer).and_then(serde_json::Value::as_str);
    found.unwrap_or_default().to_owned()
}

/// What is wrong with which pods.
#[derive(Default)]
struct Complaints(Vec<String>);

impl Complaints {
    /// So many of a page are named.
    const MAX: usize = 20;

    /// Adds one about a pod, which is so not to be kept.
    fn add(&mut self, namespace: &str, name: &str, error: &dyn std::fmt::Display) -> bool {
        if self.0.len() < Self::MAX {
            let name = if name.is_empty() {
                "(without a name)"
            } else {
                name
            };
            self.0.push(format!("{namespace}/{name}: {error}"));
        }
        false
    }
}

impl Page {
    fn new(
        metadata: ListMeta,
        damaged: usize,
        pods: Vec<WirePod>,
        Complaints(complaints): Complaints,
    ) -> Self {
        Self {
            pods,
            damaged,
            complaints,
            version: metadata.resource_version,
            next: metadata.r#continue.unwrap_or_default(),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ListMeta {
    resource_version: String,
    r#continue: Option<String>,
}

#[derive(Deserialize)]
struct RawEvent<'a> {
    r#type: &'a str,
    #[serde(borrow)]
    object: &'a RawValue,
}

fn version(raw: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Object {
        metadata: ListMeta,
    }
    let object: Object = serde_json::from_str(raw.get()).ok()?;
    Some(object.metadata.resource_version).filter(|version| !version.is_empty())
}

/// The `metav1.Status` with which a watch ends.
fn error(raw: &RawValue) -> ApiError {
    #[derive(Deserialize)]
    struct Status {
        code: u16,
    }
    let status: Result<Status, _> = serde_json::from_str(raw.get());
    let code = status.map_or(500, |status| status.code);
    match crate::api::classify(code, None, raw.get().as_bytes()) {
        Err(error) => error,
        Ok(()) => ApiError::InvalidResponse("the watch ended without saying why".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POD: &str =
        r#"{"metadata": {"name": "p", "namespace": "n", "uid": "u", "resourceVersion": "7"}}"#;

    #[test]
    fn a_damaged_pod_spoils_no_other() {
        let list = format!(
            r#"{{"kind": "PodList", "metadata": {{"resourceVersion": "9", "continue": "c"}}, "items": [
                {POD}, {{"metadata": {{"name": 5}}}}, {{}}, {POD}]}}"#
        );
        let page = page(list.into_bytes()).unwrap();
        assert_eq!((page.pods.len(), page.damaged), (2, 2));
        assert_eq!((page.version.as_str(), page.next.as_str()), ("9", "c"));
        let none = super::page(br#"{"metadata": {"resourceVersion": "9"}, "items": []}"#.to_vec())
            .unwrap();
        assert!(none.pods.is_empty() && none.next.is_empty());
        for no_list in ["<html>", "{}", "{\"items\": 5}", "{\"items\": []} x", "[]"] {
            assert!(super::page(no_list.into()).is_err(), "{no_list}");
        }
    }

    #[test]
    fn the_next_page_is_known_before_the_pods_are_read() {
        for (text, next) in [
            (r#"{"metadata":{"continue":"c"},"items":[{"met"#, Some("c")),
            (
                r#"{"metadata":{"resourceVersion":"9"},"items":[]}"#,
                Some(""),
            ),
            (
                r#"{"items":[{"spec":{"x":{},"items":[]}}],"metadata":{"continue":"c"}}"#,
                None,
            ),
            ("<html>", None),
        ] {
            assert_eq!(next_page(text.as_bytes()).as_deref(), next, "{text}");
        }
    }

    #[test]
    fn lines_of_a_watch() {
        let told = |kind: &str, object: &str| {
            line(format!(r#"{{"type": "{kind}", "object": {object}}}"#).into_bytes())
        };
        assert!(matches!(told("ADDED", POD), Line::Added(_)));
        assert!(matches!(told("MODIFIED", POD), Line::Modified(_)));
        assert!(matches!(told("DELETED", POD), Line::Deleted(_)));
        let bookmark = told(
            "BOOKMARK",
            r#"{"kind": "Pod", "metadata": {"resourceVersion": "12"}}"#,
        );
        assert!(matches!(bookmark, Line::Bookmark(version) if version == "12"));
        let expired = told(
            "ERROR",
            r#"{"kind": "Status", "message": "too old", "code": 410}"#,
        );
        assert!(matches!(expired, Line::Ended(ApiError::Gone)));
        assert!(matches!(
            told("ERROR", "{}"),
            Line::Ended(ApiError::Server { .. })
        ));
    }

    #[test]
    fn damaged_lines_say_what_can_be_read() {
        for (text, expected) in [
            ("{\"type\": \"ADD", None),
            (
                r#"{"type": "ADDED", "object": {"metadata": {"name": 5, "resourceVersion": "3"}}}"#,
                Some("3"),
            ),
            (
                r#"{"type": "ADDED", "object": {"metadata": {"name": "x"}}}"#,
                None,
            ),
            (
                r#"{"type": "INVENTED", "object": {"metadata": {"name": "p", "uid": "u", "resourceVersion": "4"}}}"#,
                Some("4"),
            ),
            (r#"{"type": "BOOKMARK", "object": {}}"#, None),
        ] {
            match line(text.into()) {
                Line::Damaged { version, .. } => assert_eq!(version.as_deref(), expected, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn one_phase_is_selected_by_the_server() {
        assert_eq!(field_selector(&[Phase::Pending]), "status.phase=Pending");
        assert_eq!(
            field_selector(&[Phase::Pending, Phase::Running]),
            "status.phase!=Succeeded,status.phase!=Failed"
        );
    }

    #[test]
    fn every_recorded_pod_is_read() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/traces");
        let mut pods = 0;
        for file in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            for event in text
                .lines()
                .filter(|event| event.contains("\"object\":{\"kind\":\"Pod\""))
            {
                let read = line(event.into());
                assert!(
                    matches!(read, Line::Added(_) | Line::Modified(_) | Line::Deleted(_)),
                    "{read:?}"
                );
                pods += 1;
            }
        }
        assert!(pods > 800, "{pods}");
    }
}
