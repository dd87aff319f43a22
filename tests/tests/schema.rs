//! The JSON Schemas of policies and scenarios are those of the code, and agree with the readers.

use pullstop_cluster::scenario;
use pullstop_core::policy::{Policy, document};
use pullstop_tests::golden;

#[test]
fn the_schemas_are_up_to_date() {
    let schema = serde_json::to_string_pretty(&document::json_schema()).unwrap() + "\n";
    golden("docs/policy.schema.json", &schema);
    let schema = serde_json::to_string_pretty(&scenario::json_schema()).unwrap() + "\n";
    golden("docs/scenario.schema.json", &schema);
}

#[test]
fn an_empty_policy_is_the_built_in_one() {
    let text = "apiVersion: pullstop.dev/v1alpha1\nkind: ClusterPullFailurePolicy\nmetadata: {name: default}\n";
    assert_eq!(document::parse(text), Ok(Policy::default()));
}
