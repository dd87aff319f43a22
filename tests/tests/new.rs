//! First scenarios run, pass and are well made.

use clap::{Parser, ValueEnum};
use pullstop_simulator::{Args, commands::new::args::Template};
use pullstop_tests::{root, simulator};

use crate::scratch::folder;

#[test]
fn every_template_runs_passes_and_is_well_made() {
    let folder = folder("templates");
    for template in Template::value_variants() {
        let name = template.to_possible_value().unwrap();
        let file = folder.join(format!("{}.yaml", name.get_name()));
        let file = file.to_str().unwrap();
        let new = [
            "new",
            "my-own-name",
            "--template",
            name.get_name(),
            "--out",
            file,
        ];
        let ran = simulator(&new);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert_eq!(
            ran.out,
            format!("wrote {file}; try `simulator run {file}`\n")
        );
        let text = std::fs::read_to_string(file).unwrap();
        assert!(text.contains("\nmetadata: {name: my-own-name}\n"), "{text}");
        let ran = simulator(&["run", "--seeds", "1..5", file]);
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        let ran = simulator(&["lint", file]);
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    }
}

#[test]
fn the_first_one_is_small() {
    let ran = simulator(&["new", "--out", "-"]);
    let is_comment = |line: &&str| line.trim_start().starts_with('#');
    assert!(ran.out.lines().filter(|line| !is_comment(line)).count() <= 15);
    assert!(ran.out.lines().any(|line| is_comment(&line)));
}

#[test]
fn no_file_is_overwritten_unless_told() {
    let file = folder("overwrite").join("mine.yaml");
    std::fs::write(&file, "precious").unwrap();
    let file = file.to_str().unwrap();
    let ran = simulator(&["new", "--out", file]);
    assert_eq!(
        (ran.err, ran.code),
        (
            format!(
                "error: {file}: this file exists: choose another with --out, or overwrite it with --force\n"
            ),
            2
        )
    );
    assert_eq!(std::fs::read_to_string(file).unwrap(), "precious");
    let ran = simulator(&["new", "--out", file, "--force"]);
    assert_eq!(ran.code, 0);
    assert_ne!(std::fs::read_to_string(file).unwrap(), "precious");
}

#[test]
fn a_name_must_be_one() {
    let refused = |args: &[&str]| Args::try_parse_from(args).unwrap_err().to_string();
    let said = refused(&["simulator", "new", "My Scenario"]);
    assert!(
        said.contains("use at most 63 of a–z, 0–9 and `-`, with no `-` at the ends"),
        "{said}"
    );
    let said = refused(&[
        "simulator",
        "lint",
        "--deny",
        "can-hardly-fall",
        "scenarios",
    ]);
    assert!(said.contains("did you mean `can-hardly-fail`?"), "{said}");
    refused(&["simulator", "lint"]);
    refused(&["simulator", "lint", "--explain", "S002", "scenarios"]);
}

#[test]
fn the_schema_is_the_one_that_is_shipped() {
    let ran = simulator(&["schema"]);
    let shipped = std::fs::read_to_string(root().join("docs/scenario.schema.json")).unwrap();
    assert_eq!((ran.out, ran.code), (shipped, 0));
}
