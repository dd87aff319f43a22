//! What is read of a scenario is all that stands there: written and read again it is the same, and without any one of its
//! fields it is another.

use std::path::Path;

use pullstop_cluster::scenario::{self, Places, Scenario, write};
use pullstop_core::policy::{Policies, Policy, document};
use pullstop_tests::{diff, files, root};
use serde_json::Value;

const EVERY_FIELD: &str = "tests/scenarios/every-field.yaml";

#[test]
fn every_scenario_is_the_same_when_written_and_read_again() {
    let mut compared = 0;
    for file in scenarios() {
        let Ok(scenario) = parse(&text(&file)) else {
            panic!("{file} cannot be read");
        };
        let written = write::to_yaml(&scenario);
        let again = parse(&written).unwrap_or_else(|error| panic!("{file}: {error}\n{written}"));
        let (once, again) = (what_is_written(scenario), what_is_written(again));
        assert!(once == again, "{file}\n{}", diff(&once, &again));
        compared += 1;
    }
    assert!(compared > 90, "only {compared} scenarios");
}

/// Each field is taken out of the scenario that has them all.
#[test]
fn every_field_makes_a_difference() {
    let whole: Value = serde_saphyr::from_str(&text(EVERY_FIELD)).unwrap();
    let meant = without_places(parse(&whole.to_string()).unwrap());
    let mut fields = Vec::new();
    collect(&whole, "", &mut fields);
    assert!(fields.len() > 200, "only {} fields", fields.len());
    let mut unread = Vec::new();
    for field in fields {
        let mut without = whole.clone();
        let (parent, name) = field.rsplit_once('/').unwrap();
        let object = without.pointer_mut(parent).unwrap().as_object_mut();
        let name = name.replace("~1", "/").replace("~0", "~");
        object.unwrap().remove(&name).unwrap();
        // If it cannot be left out, it was read.
        let is_same = |read| without_places(read) == meant;
        if parse(&without.to_string()).is_ok_and(is_same) {
            unread.push(field);
        }
    }
    assert!(
        unread.is_empty(),
        "not read, or with their defaults: {unread:#?}"
    );
}

/// The fields of a document and of what is in it, as JSON pointers.
fn collect(value: &Value, at: &str, found: &mut Vec<String>) {
    let fields = value.as_object().into_iter().flatten();
    for (name, value) in fields {
        let field = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        collect(value, &field, found);
        found.push(field);
    }
    for (n, value) in value.as_array().into_iter().flatten().enumerate() {
        collect(value, &format!("{at}/{n}"), found);
    }
}

/// All scenarios of the repository.
fn scenarios() -> Vec<String> {
    let is_scenario = |file: &String| {
        let (in_a_folder, name) = (file.starts_with("scenarios/"), file.as_str());
        in_a_folder || name.starts_with("tests/scenarios/") || name.starts_with("tests/worlds/")
    };
    files(&["yaml"]).into_iter().filter(is_scenario).collect()
}

/// All of a scenario but the policy and the expectations, which are not written.
fn what_is_written(scenario: Scenario) -> String {
    let cluster = Policy::default();
    without_places(Scenario {
        policies: Policies {
            cluster,
            ..scenario.policies
        },
        expectations: Vec::new(),
        ..scenario
    })
}

/// All of a scenario, but not where it stands in a file.
fn without_places(scenario: Scenario) -> String {
    let places = Places::default();
    format!("{:#?}", Scenario { places, ..scenario })
}

fn parse(text: &str) -> Result<Scenario, String> {
    let mut read = |path: &Path| Ok(document::parse(&text_of(path)).unwrap_or_default());
    scenario::parse("scenarios/scenario.yaml", text, &mut read)
        .map_err(|errors| errors[0].to_string())
}

fn text(file: &str) -> String {
    text_of(&root().join(file))
}

fn text_of(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
