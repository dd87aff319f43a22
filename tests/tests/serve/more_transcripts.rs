//! More of what a real API server answered is answered here too: `tests/api/more-transcripts.jsonl`.
//!
//! Nobody else is in these clusters, so that all requests are simply asked again. Each `namespace create` begins with a
//! new server. Versions come out the same; times and uids differ.

use std::fmt::Write;

use pullstop_enforcer::crds;
use serde_json::{Value, json};

use super::client::{JSON, Stream, read};
use super::transcripts::{World, different_headers, recorded};

const BEGIN: &str = "namespace create";
const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

#[tokio::test(start_paused = true)]
async fn the_api_answers_more_as_a_real_one() {
    let all = recorded("more-transcripts.jsonl");
    assert_eq!(all.len(), 701);
    let mut found = String::new();
    for part in all.chunk_by(|_, next| next["name"] != BEGIN) {
        let mut world = World::new(part.to_vec());
        for kind in ["PullFailurePolicy", "ClusterPullFailurePolicy"] {
            let crd = crds::definition(kind);
            let made = world.client.ask("POST", CRDS, JSON, &crd).await;
            assert_eq!(made.status, 201, "{}", made.body);
        }
        for at in 0..part.len() {
            for difference in ask(&mut world, at).await {
                writeln!(found, "{}: {difference}", world.name(at)).unwrap();
            }
        }
    }
    assert!(found.is_empty(), "{found}");
}

/// Asks what was asked; where the answers differ.
async fn ask(world: &mut World, at: usize) -> Vec<String> {
    let transcript = world.transcripts[at].clone();
    let (request, recorded) = (&transcript["request"], &transcript["response"]);
    if let Some(version) = version_before(request, recorded) {
        world.version(version);
    }
    let (method, path, headers, body) = world.prepared(at);
    let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let answer = world.client.send(&method, &path, &headers, body).await;
    let answer = answer.unwrap();
    let status = answer.status().as_u16();
    if recorded["stream"].is_array() && status == 200 {
        let lines = Stream::new(answer.into_body()).lines().await;
        return compare(world, request, &lines_of(recorded), lines.into());
    }
    let answer = read(answer).await;
    let mut found = Vec::new();
    if recorded["status"] != status {
        found.push(format!("status {}, ours {status}", recorded["status"]));
    }
    found.extend(different_headers(&recorded["headers"], &answer.headers));
    let body = match &recorded["stream"] {
        Value::Null => recorded["body"].clone(),
        refused => refused[0]["line"].clone(),
    };
    // A HEAD request gets no body over a connection.
    if method != "HEAD" {
        found.extend(compare(world, request, &body, answer.body));
    }
    found
}

fn lines_of(recorded: &Value) -> Value {
    let lines = recorded["stream"].as_array().unwrap().iter();
    lines.map(|line| line["line"].clone()).collect()
}

fn compare(world: &mut World, request: &Value, recorded: &Value, mut ours: Value) -> Vec<String> {
    let mut recorded = recorded.clone();
    let path = request["path"].as_str().unwrap();
    for body in [&mut recorded, &mut ours] {
        soften(body);
        // What is not stored has a uid that nobody will ever see again.
        if path.contains("dryRun") && !body["metadata"]["uid"].is_null() {
            body["metadata"]["uid"] = json!("uid");
        }
    }
    world.differences(&recorded, ours)
}

/// Which version the cluster was at, so that this answer tells of the version that was recorded.
fn version_before(request: &Value, recorded: &Value) -> Option<u64> {
    let number = |value: &Value| value.as_str().and_then(|text| text.parse::<u64>().ok());
    let reads = request["method"] == "GET";
    if let Some(lines) = recorded["stream"].as_array() {
        let last = &lines.last()?["line"];
        let bookmark = last["type"] == "BOOKMARK";
        return number(&last["object"]["metadata"]["resourceVersion"]).filter(|_| bookmark);
    }
    let body = &recorded["body"];
    let message = body["message"].as_str().unwrap_or_default();
    if let Some((_, current)) = message.rsplit_once("current: ") {
        return current.parse().ok();
    }
    let version = number(&body["metadata"]["resourceVersion"]);
    let list = !body["items"].is_null() || (reads && !body["rows"].is_null());
    match (reads, list) {
        (true, false) => None,
        (_, true) => version,
        (false, false) => version.map(|version| version - 1),
    }
}

/// Takes out times, and the whole objects that some messages show.
fn soften(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for member in ["creationTimestamp", "deletionTimestamp"] {
                if members.get(member).is_some_and(Value::is_string) {
                    members.insert(member.to_owned(), "time".into());
                }
            }
            if let Some(cells) = members.get_mut("cells").and_then(Value::as_array_mut) {
                cells
                    .iter_mut()
                    .filter(|cell| is_age(cell))
                    .for_each(|cell| *cell = "age".into());
            }
            members.values_mut().for_each(soften);
        }
        Value::Array(items) => items.iter_mut().for_each(soften),
        Value::String(text) => {
            let (from, to) = ("Invalid value: \"{", "}\": ");
            if let (Some(from), Some(to)) = (text.find(from), text.rfind(to)) {
                text.replace_range(from..to, "Invalid value: \"{");
            }
        }
        _ => {}
    }
}

fn is_age(cell: &Value) -> bool {
    let text = cell.as_str().unwrap_or_default();
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.ends_with(['s', 'm', 'h', 'd'])
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || "smhd".contains(c))
}
