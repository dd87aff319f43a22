//! Scenario files: what is read, and what is said of those that are wrong.

use std::fmt::Write;
use std::path::Path;

use pullstop_core::policy::Policy;
use pullstop_simulator::input::InputError;
use pullstop_simulator::scenario::{self, Scenario};
use pullstop_tests::{golden, root};

#[test]
fn every_field_is_read() {
    let text = file("tests/scenarios/every-field.yaml");
    let scenario = parse(&text).unwrap_or_else(|errors| panic!("{}", lines(&errors)));
    golden("tests/golden/every-field.txt", &format!("{scenario:#?}\n"));
}

fn parse(text: &str) -> Result<Scenario, Vec<InputError>> {
    scenario::parse("scenario.yaml", text, &mut |_: &Path| Ok(Policy::default()))
}

fn lines(errors: &[InputError]) -> String {
    let mut lines = String::new();
    for error in errors {
        writeln!(lines, "{error}").unwrap();
    }
    lines
}

fn file(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}
