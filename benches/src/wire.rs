//! Pods as an API server sends them: 16 kB of JSON each, of which the enforcer needs a thirtieth.

use hyper::body::Bytes;

use crate::server::LISTED_AT;
use crate::{NOT_FOUND, Pod};

/// A pod of a training Job: 40 environment variables, the fields that its managers claim, five conditions.
const TEMPLATE: &str = include_str!("pod.json");
/// What the kubelet says of a name that it cannot read.
const INVALID: &str = "Failed to apply default image tag \"registry.example.com/research/Trainer:v1\": couldn't parse \
    image name \"registry.example.com/research/Trainer:v1\": invalid reference format: repository name \
    (research/Trainer) must be lowercase";
/// Pods of a page: as many as the enforcer asks for.
const PAGE_PODS: usize = 500;
/// Environment variables of its first container.
const ENV_VARS: usize = 40;

/// Whether the image of the first container can be pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Image {
    /// It is being pulled.
    Pulling,
    /// It is missing: the last pull has failed.
    Missing,
    /// It is missing, and the kubelet waits before it tries again.
    BackingOff,
    /// It is none: nothing is pulled, and nothing holds a verdict.
    Invalid,
}

/// Writes pods.
#[derive(Debug)]
pub struct Printer {
    template: String,
}

impl Default for Printer {
    fn default() -> Self {
        let compact: String = TEMPLATE.lines().map(compact).collect();
        let template = compact
            .replace("{managed_env}", &env(managed_variable))
            .replace("{env}", &env(variable));
        Self { template }
    }
}

impl Printer {
    /// The pod at this version.
    pub fn print(&self, pod: &Pod, version: u64, image: Image) -> String {
        let creating = r#"{"waiting":{"reason":"ContainerCreating"}}"#;
        let running = r#"{"running":{"startedAt":"2026-11-22T15:05:03Z"}}"#;
        let (main, proxy) = match image {
            Image::Pulling => (creating.to_owned(), creating),
            Image::Missing => (waiting("ErrImagePull", NOT_FOUND), running),
            Image::BackingOff => (waiting("ImagePullBackOff", NOT_FOUND), running),
            Image::Invalid => (waiting("InvalidImageName", INVALID), running),
        };
        self.template
            .replace("{name}", &pod.name)
            .replace("{uid}", &pod.uid)
            .replace("{version}", &version.to_string())
            .replace("{image}", &pod.image)
            .replace("{main_state}", &main)
            .replace("{proxy_state}", proxy)
    }
}

/// All pages of a list of so many pods, of which one in ten has a missing image.
pub fn list_of(count: usize) -> Vec<Bytes> {
    let printer = Printer::default();
    let last = count.saturating_sub(1) / PAGE_PODS;
    (0..=last).map(|page| {
        let pods = (page * PAGE_PODS..count.min((page + 1) * PAGE_PODS)).map(|n| {
            let image = if n % 10 == 0 { Image::Missing } else { Image::Pulling };
            printer.print(&Pod::new(n as u64), LISTED_AT, image)
        });
        let next = if page < last { format!(r#","continue":"{}""#, page + 1) } else { String::new() };
        let pods: Vec<String> = pods.collect();
        format!(
            r#"{{"kind":"PodList","apiVersion":"v1","metadata":{{"resourceVersion":"{LISTED_AT}"{next}}},"items":[{}]}}"#,
            pods.join(",")
        ).into()
    }).collect()
}

/// So many lines of a watch of a thousand pods. One in ten has a missing image, which the kubelet tries to pull again and
/// again.
pub fn changes_of(count: usize) -> Vec<Bytes> {
    const PODS: usize = 1000;
    let printer = Printer::default();
    (0..count)
        .map(|at| {
            let (n, round) = (at % PODS, at / PODS);
            let image = match (n % 10, round % 2) {
                (0, 0) => Image::Missing,
                (0, _) => Image::BackingOff,
                _ => Image::Pulling,
            };
            // The enforcer's own writes take versions too.
            let version = LISTED_AT + 2 * (at as u64 + 1);
            let pod = printer.print(&Pod::new(n as u64), version, image);
            format!(
                "{{\"type\":\"MODIFIED\",\"object\":{{\"kind\":\"Pod\",\"apiVersion\":\"v1\",{}}}\n",
                &pod[1..]
            ).into()
        })
        .collect()
}

/// A line without the spaces that are there for people.
fn compact(line: &str) -> String {
    line.trim().replacen("\": ", "\":", 1)
}

fn env(print: fn(usize) -> String) -> String {
    let variables: Vec<String> = (0..ENV_VARS).map(print).collect();
    variables.join(",")
}

/// A variable; some take their value from elsewhere.
fn variable(n: usize) -> String {
    let name = format!("TRAINER_OPTION_{n:02}");
    match n % 8 {
        0 => format!(
            r#"{{"name":"{name}","valueFrom":{{"secretKeyRef":{{"name":"trainer-credentials","key":"option-{n}"}}}}}}"#
        ),
        1 => format!(
            r#"{{"name":"{name}","valueFrom":{{"fieldRef":{{"apiVersion":"v1","fieldPath":"metadata.namespace"}}}}}}"#
        ),
        _ => format!(
            r#"{{"name":"{name}","value":"s3://research-data/experiments/learning-rate-sweep/run-{n:04}/checkpoints/latest"}}"#
        ),
    }
}

fn managed_variable(n: usize) -> String {
    format!(
        r#""k:{{\"name\":\"TRAINER_OPTION_{n:02}\"}}":{{".":{{}},"f:name":{{}},"f:value":{{}}}}"#
    )
}

fn waiting(reason: &str, message: &str) -> String {
    let message = message.replace('"', "\\\"");
    format!(r#"{{"waiting":{{"reason":"{reason}","message":"{message}"}}}}"#)
}
