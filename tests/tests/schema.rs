//! The JSON Schemas of policies, scenarios and sweeps are those of the code, and agree with the readers.

use pullstop_cluster::scenario;
use pullstop_core::policy::{Policy, document};
use pullstop_simulator::sweep::spec;
use pullstop_tests::{golden, root};
use serde_json::Value;

#[test]
fn the_schemas_are_up_to_date() {
    let schema = serde_json::to_string_pretty(&document::json_schema()).unwrap() + "\n";
    golden("docs/policy.schema.json", &schema);
    let schema = serde_json::to_string_pretty(&scenario::json_schema()).unwrap() + "\n";
    golden("docs/scenario.schema.json", &schema);
    let schema = serde_json::to_string_pretty(&spec::schema()).unwrap() + "\n";
    golden("docs/sweep.schema.json", &schema);
}

/// As far as a schema's own words go: what it requires and forbids is there and is not there.
#[test]
fn the_example_has_the_fields_of_its_schema() {
    let text = std::fs::read_to_string(root().join("docs/examples/sweep.yaml")).unwrap();
    let example: Value = serde_saphyr::from_str(&text).unwrap();
    let schema = spec::schema();
    let known = &schema["$defs"]["SweepSpec"]["properties"];
    for field in example["spec"].as_object().unwrap().keys() {
        assert!(known[field].is_object(), "{field}: {schema:#}");
    }
    for field in ["apiVersion", "kind"] {
        assert_eq!(schema["properties"][field]["const"], example[field]);
    }
}

#[test]
fn an_empty_policy_is_the_built_in_one() {
    let text = "apiVersion: pullstop.dev/v1alpha1\nkind: ClusterPullFailurePolicy\nmetadata: {name: default}\n";
    assert_eq!(document::parse(text), Ok(Policy::default()));
}
