//! The lint rules, one file each. A new rule is a new file and a line here.

mod s001_no_expectation;
mod s002_can_hardly_fail;
mod s003_nothing_goes_wrong;
mod s004_window_is_everything;
mod s005_ends_before_verdict;
mod s006_fault_not_met;
mod s007_contradicts_policy;
mod s008_unused_secret;
mod s009_image_never_pulled;
mod s010_unused_queue;
mod s011_never_starts;
mod s012_decided_by_chance;
mod s013_rate_limit_not_reached;
mod s014_nothing_to_measure;
mod s015_policy_is_built_in;
mod s016_hidden_image;
mod s017_cause_never_fails;
mod s018_not_judged;
mod s019_fault_meets_nothing;
pub(super) mod s020_old_name;

use super::Rule;

/// All rules, in the order of their codes.
pub const RULES: [&Rule; 20] = [
    &s001_no_expectation::RULE,
    &s002_can_hardly_fail::RULE,
    &s003_nothing_goes_wrong::RULE,
    &s004_window_is_everything::RULE,
    &s005_ends_before_verdict::RULE,
    &s006_fault_not_met::RULE,
    &s007_contradicts_policy::RULE,
    &s008_unused_secret::RULE,
    &s009_image_never_pulled::RULE,
    &s010_unused_queue::RULE,
    &s011_never_starts::RULE,
    &s012_decided_by_chance::RULE,
    &s013_rate_limit_not_reached::RULE,
    &s014_nothing_to_measure::RULE,
    &s015_policy_is_built_in::RULE,
    &s016_hidden_image::RULE,
    &s017_cause_never_fails::RULE,
    &s018_not_judged::RULE,
    &s019_fault_meets_nothing::RULE,
    &s020_old_name::RULE,
];
