//! Replaces private names with pseudonyms, consistently.
//!
//! Names of containers stay: they are words such as `main` or `image`, which messages use for other things.

use std::collections::BTreeMap;

use serde_json::Value;

/// Names that were given so far.
#[derive(Debug, Default)]
pub(super) struct Pseudonyms {
    /// By what is replaced. Longer names come first when they are looked for.
    given: BTreeMap<String, String>,
    /// How many there are of each kind.
    counts: BTreeMap<&'static str, usize>,
}

/// Parts of image names that say nothing about anybody.
const PUBLIC: &[&str] = &[
    "",
    "default",
    "latest",
    "library",
    "docker.io",
    "index.docker.io",
    "registry-1.docker.io",
    "quay.io",
    "ghcr.io",
    "gcr.io",
    "registry.k8s.io",
    "mcr.microsoft.com",
    "public.ecr.aws",
];

impl Pseudonyms {
    /// Replaces the names in a pod, and wherever they occur in its messages.
    pub(super) fn apply(&mut self, pod: &mut Value) {
        self.learn(pod);
        // Hosts and addresses are found in messages only.
        let mut texts = Vec::new();
        messages(pod, &mut texts);
        for text in &texts {
            self.learn_hosts(text);
        }
        let mut names: Vec<(&str, &str)> = self
            .given
            .iter()
            .map(|(own, other)| (own.as_str(), other.as_str()))
            .collect();
        names.sort_by_key(|(own, _)| std::cmp::Reverse(own.len()));
        replace(pod, &names);
    }

    /// Gives names to what the pod names.
    fn learn(&mut self, pod: &Value) {
        let text = |path: &str| {
            pod.pointer(path)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        self.give("namespace", &text("/metadata/namespace"));
        self.give("pod", &text("/metadata/name"));
        self.give("node", &text("/spec/nodeName"));
        for owner in items(pod, "/metadata/ownerReferences") {
            self.give("owner", owner["name"].as_str().unwrap_or_default());
        }
        for list in [
            "/spec/initContainers",
            "/spec/containers",
            "/spec/ephemeralContainers",
        ] {
            for container in items(pod, list) {
                self.learn_image(container["image"].as_str().unwrap_or_default());
            }
        }
        for volume in items(pod, "/spec/volumes") {
            self.learn_image(volume["image"]["reference"].as_str().unwrap_or_default());
        }
    }

    /// Registry, path and tag are replaced each by itself: messages name them apart, too.
    fn learn_image(&mut self, image: &str) {
        let name = image.split('@').next().unwrap_or(image);
        let (name, tag) = match name.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, tag),
            _ => (name, ""),
        };
        let (host, path) = match name.split_once('/') {
            Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (host, path),
            _ => ("", name),
        };
        self.give("registry", host);
        for part in path.split('/') {
            self.give("image", part);
        }
        self.give("tag", tag);
    }

    /// Hosts in URLs, and IP addresses.
    fn learn_hosts(&mut self, text: &str) {
        for (_, rest) in text
            .match_indices("://")
            .map(|(at, mark)| text.split_at(at + mark.len()))
        {
            let end = rest
                .find(|c: char| !c.is_ascii_alphanumeric() && !".-:[]".contains(c))
                .unwrap_or(rest.len());
            let host = rest[..end].trim_end_matches([':', '.']);
            self.give("host", host);
            self.give("host", host.split(':').next().unwrap_or_default());
        }
        for word in text.split(|c: char| !c.is_ascii_digit() && c != '.') {
            if word.split('.').count() == 4
                && word.split('.').all(|part| part.parse::<u8>().is_ok())
            {
                self.give("address", word);
            }
        }
    }

    fn give(&mut self, kind: &'static str, name: &str) {
        if PUBLIC.contains(&name)
            || self.given.contains_key(name)
            || self.given.values().any(|given| given == name)
        {
            return;
        }
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        let other = match kind {
            // What looks like a host, an address or a version is still to look so.
            "registry" | "host" => format!("{kind}-{count}.example"),
            "address" => format!("192.0.2.{count}"),
            "tag" => format!("v0.{count}"),
            _ => format!("{kind}-{count}"),
        };
        self.given.insert(name.to_owned(), other);
    }
}

fn items<'a>(pod: &'a Value, path: &str) -> impl Iterator<Item = &'a Value> {
    pod.pointer(path)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// All texts under the name `message`.
fn messages(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match field.as_str() {
                    Some(text) if name == "message" => texts.push(text.to_owned()),
                    _ => messages(field, texts),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| messages(item, texts)),
        _ => {}
    }
}

/// Replaces whole names in the texts where names stand.
fn replace(value: &mut Value, names: &[(&str, &str)]) {
    /// Fields that hold names, or texts with names in them; `type`, `reason` and the like are Kubernetes' own words.
    const FIELDS: [&str; 6] = [
        "name",
        "namespace",
        "nodeName",
        "image",
        "reference",
        "message",
    ];
    match value {
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                match field {
                    Value::String(text) if FIELDS.contains(&name.as_str()) => {
                        *text = renamed(text, names);
                    }
                    _ => replace(field, names),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, names)),
        _ => {}
    }
}

/// `text` with every whole name replaced; a name within a longer word stays.
fn renamed(text: &str, names: &[(&str, &str)]) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = None;
    while let Some(next) = rest.chars().next() {
        let fits = |(own, _): &&(&str, &str)| {
            rest.strip_prefix(own)
                .is_some_and(|after| stands_as_name(own, before, after))
        };
        let taken = if let Some((own, other)) = names.iter().find(fits) {
            result.push_str(other);
            own.len()
        } else {
            result.push(next);
            next.len_utf8()
        };
        before = rest[..taken].chars().next_back();
        rest = &rest[taken..];
    }
    result
}

/// Whether `own` is a name where it stands. One that is an ordinary word, such as a pod called `platform`, is only taken
/// for a name where names stand: alone, in quotes, or as a part of an image reference. Elsewhere it may be what decides
/// the cause.
fn stands_as_name(own: &str, before: Option<char>, after: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let next = after.chars().next();
    if before.is_some_and(is_word) || next.is_some_and(is_word) {
        return false;
    }
    let ordinary = own.chars().all(|c| c.is_ascii_alphabetic());
    let tagged = after
        .strip_prefix(':')
        .is_some_and(|tag| tag.starts_with(is_word));
    let joined = |c: char| "/\"@".contains(c);
    !ordinary
        || before.is_none_or(joined) && next.is_none_or(|c| joined(c) || tagged)
        || before == Some('/')
        || next == Some('/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_are_replaced_everywhere_and_always_by_the_same() {
        let mut pseudonyms = Pseudonyms::default();
        let mut pod = json!({
            "metadata": {"name": "payroll-7", "namespace": "finance"},
            "spec": {"nodeName": "node-a.corp", "containers": [{"name": "main", "image": "reg.corp:5000/finance/payroll:2026-11"}]},
            "status": {"conditions": [{"type": "Ready", "reason": "ContainersNotReady", "message": "containers with unready status: [main]"}],
                "containerStatuses": [{"name": "main", "state": {"waiting": {"reason": "ErrImagePull", "message":
                "failed to pull \"reg.corp:5000/finance/payroll:2026-11\": Get \"https://reg.corp:5000/v2/\": dial tcp 10.1.2.3:5000: connection refused"}}}]}
        });
        pseudonyms.apply(&mut pod);
        let text = pod.to_string();
        for private in ["payroll", "finance", "corp", "2026-11", "10.1.2.3"] {
            assert!(!text.contains(private), "{private} is in {text}");
        }
        let message = pod["status"]["containerStatuses"][0]["state"]["waiting"]["message"]
            .as_str()
            .unwrap();
        let image = pod["spec"]["containers"][0]["image"].as_str().unwrap();
        assert!(message.contains(image), "{message} / {image}");
        assert!(
            message.ends_with(": connection refused")
                && message.contains("dial tcp 192.0.2.1:5000"),
            "{message}"
        );
        assert_eq!(
            pod["status"]["conditions"][0]["reason"],
            "ContainersNotReady"
        );
        let mut again = json!({"metadata": {"name": "payroll-8", "namespace": "finance"}});
        pseudonyms.apply(&mut again);
        assert_eq!(again["metadata"]["namespace"], pod["metadata"]["namespace"]);
        assert_ne!(again["metadata"]["name"], pod["metadata"]["name"]);
    }

    #[test]
    fn public_names_and_parts_of_words_stay() {
        let names = [("main", "pod-1")];
        let text = "domain main a/main main-2 \"main\" x/main:v1 main: main";
        let expected = "domain main a/pod-1 main-2 \"pod-1\" x/pod-1:v1 main: main";
        assert_eq!(renamed(text, &names), expected);
        assert_eq!(renamed("main", &names), "pod-1");
        let mut pod =
            json!({"spec": {"containers": [{"name": "c", "image": "docker.io/library/x:latest"}]}});
        Pseudonyms::default().apply(&mut pod);
        assert_eq!(
            pod["spec"]["containers"][0]["image"],
            "docker.io/library/image-1:latest"
        );
    }

    /// Every waiting reason and message in a pod.
    fn waiting(value: &Value, all: &mut Vec<(String, String)>) {
        if let (Some(reason), Some(message)) = (value["reason"].as_str(), value["message"].as_str())
        {
            all.push((reason.to_owned(), message.to_owned()));
        }
        match value {
            Value::Object(fields) => fields.values().for_each(|field| waiting(field, all)),
            Value::Array(items) => items.iter().for_each(|item| waiting(item, all)),
            _ => {}
        }
    }

    #[test]
    fn recorded_errors_keep_their_causes() {
        let classifier = pullstop_core::classify::Classifier::new(&[]).unwrap();
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/traces");
        let mut compared = 0;
        for file in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            let mut pseudonyms = Pseudonyms::default();
            for line in text.lines() {
                let event: Value = serde_json::from_str(line).unwrap();
                if event["object"]["kind"] != "Pod" {
                    continue;
                }
                let mut pod = super::super::slim::pod(&event["object"]);
                let (mut before, mut after) = (Vec::new(), Vec::new());
                waiting(&pod, &mut before);
                pseudonyms.apply(&mut pod);
                waiting(&pod, &mut after);
                for ((reason, message), (_, renamed)) in before.iter().zip(&after) {
                    let cause = classifier.classify(reason, message).cause;
                    assert_eq!(
                        classifier.classify(reason, renamed).cause,
                        cause,
                        "{message}\n{renamed}"
                    );
                    compared += 1;
                }
            }
        }
        assert!(compared > 500, "{compared}");
    }
}
