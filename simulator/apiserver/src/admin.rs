//! What scripts may ask of the simulator itself, beside the Kubernetes API.

use serde_json::{Value, json};

use super::faults::{Faults, Rule};
use super::go_json;
use super::status::Failure;
use super::store::Store;

/// Below this path; only users who may do everything get there.
pub(super) const ROOT: &str = "/simulator/";

/// Answers what is not Kubernetes' own.
///
/// | request | effect |
/// |---|---|
/// | `GET /simulator/faults` | the rules that may still hit |
/// | `POST /simulator/faults` | adds a rule, or a list of them |
/// | `DELETE /simulator/faults` | nothing goes wrong any more |
/// | `POST /simulator/compact` | forgets all changes so far |
/// | `POST /simulator/cut` | closes all connections |
/// | `GET /simulator/clock` | what time it is, and how many times as fast as other clocks this one is |
pub(super) fn answer(
    store: &Store,
    faults: &Faults,
    verb: &str,
    path: &str,
    body: &[u8],
) -> Result<Value, Failure> {
    match (verb, path.trim_start_matches(ROOT)) {
        ("list", "faults") => {}
        ("create", "faults") => rules(body)?.into_iter().for_each(|rule| faults.add(rule)),
        ("deletecollection", "faults") => faults.clear(),
        ("create", "compact") => {
            let version = store.version();
            store.compact(version);
            return Ok(json!({"compacted": version}));
        }
        ("create", "cut") => {
            faults.cut_connections();
            return Ok(json!({}));
        }
        ("list", "clock") => {
            let clock = store.clock();
            let millis = clock.now().as_millis();
            return Ok(json!({"unixMillis": millis, "speed": clock.speed()}));
        }
        _ => return Err(Failure::unknown_resource()),
    }
    Ok(json!({"faults": faults.rules()}))
}

fn rules(body: &[u8]) -> Result<Vec<Rule>, Failure> {
    let body = match go_json::parse(body).map_err(Failure::bad_request)? {
        Value::Array(rules) => rules,
        rule => vec![rule],
    };
    body.into_iter()
        .map(|rule| {
            serde_path_to_error::deserialize(rule)
                .map_err(|error| Failure::bad_request(format!("no rule: {error}")))
        })
        .collect()
}
