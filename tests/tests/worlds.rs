//! Small scenarios, each about one thing that the simulated cluster must do as a real one does.

use pullstop_tests::{path, simulator};

#[test]
fn each_passes() {
    let ran = simulator(&["run", "--check-determinism", &path("tests/worlds")]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
}
