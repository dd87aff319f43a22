//! The JSON Schema of policies is the one of the code, and agrees with the reader.

use pullstop_core::policy::{Policy, document};
use pullstop_tests::golden;

#[test]
fn the_schema_is_up_to_date() {
    let schema = serde_json::to_string_pretty(&document::json_schema()).unwrap() + "\n";
    golden("docs/policy.schema.json", &schema);
}

#[test]
fn an_empty_policy_is_the_built_in_one() {
    let text = "apiVersion: pullstop.dev/v1alpha1\nkind: ClusterPullFailurePolicy\nmetadata: {name: default}\n";
    assert_eq!(document::parse(text), Ok(Policy::default()));
}
