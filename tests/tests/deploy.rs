//! What is deployed is what the programs are.

use clap::Parser;
use pullstop_tests::{enforcer, golden, root};

#[test]
fn the_definitions_of_policies_are_those_of_the_program() {
    let ran = enforcer(&["crds"]);
    assert_eq!(ran.code, 0);
    golden("deploy/base/crds.yaml", &ran.out);
}

#[test]
fn the_arguments_in_deploy_are_understood() {
    let manifest = read("deploy/base/deployment.yaml");
    let begin = manifest.split("args:\n").nth(1).unwrap();
    let args: Vec<&str> = begin
        .lines()
        .map_while(|line| line.trim().strip_prefix("- "))
        .collect();
    assert!(args.contains(&"--policy-objects"), "{args:?}");
    let all = std::iter::once("enforcer").chain(args.iter().copied());
    pullstop_enforcer::Args::try_parse_from(all).unwrap();
    let quoted: Vec<String> = args.iter().map(|arg| format!("\"{arg}\"")).collect();
    let command = format!("CMD [{}]", quoted.join(", "));
    assert!(read("deploy/Dockerfile").contains(&command), "{command}");
}

#[test]
fn the_image_is_built_with_the_compiler_of_the_repository() {
    let toolchain = read("rust-toolchain.toml");
    let version = toolchain.split("channel = \"").nth(1).unwrap();
    let version = version.split('"').next().unwrap();
    let dockerfile = read("deploy/Dockerfile");
    assert!(dockerfile.contains(&format!("FROM rust:{version}-alpine")));
    assert!(dockerfile.contains(&format!("RUSTUP_TOOLCHAIN={version}")));
}

fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap()
}
