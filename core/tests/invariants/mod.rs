//! What must always hold, one file each; the numbers are those of ARCHITECTURE.md.

mod n01_both_limits_are_reached;
mod n02_what_is_no_failed_pull_is_not_counted;
mod n03_running_or_editing_starts_from_zero;
mod n04_repeats_and_gaps_change_nothing;
mod n05_one_write_and_none_while_pulling;
mod n07_higher_thresholds_are_never_earlier;
mod n08_restarts_change_no_verdict;
mod n11_state_for_failing_containers_only;
mod n12_same_inputs_same_effects;
mod n13_no_policy_reaches_beyond_its_namespace;
