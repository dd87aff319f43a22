//! What is deployed is what the programs are.

use clap::Parser;
use pullstop_tests::{enforcer, golden, root, takes};

#[test]
fn the_definitions_of_policies_are_up_to_date() {
    let ran = enforcer(&["crds"]);
    assert_eq!(ran.code, 0);
    golden("deploy/base/crds.yaml", &ran.out);
}

#[test]
fn the_arguments_in_deploy_are_understood() {
    let manifest = read("deploy/base/deployment.yaml");
    let args = arguments(&manifest);
    assert!(args.contains(&"--policy-objects"), "{args:?}");
    let parse = |more: Option<&str>| {
        let all = std::iter::once("enforcer").chain(args.iter().copied());
        pullstop_enforcer::Args::try_parse_from(all.chain(more)).unwrap();
    };
    parse(None);
    for overlay in ["annotations", "history", "shard"] {
        let patch = read(&format!("deploy/overlays/{overlay}/kustomization.yaml"));
        assert!(patch.contains("path: /spec/template/spec/containers/0/args/-\n"));
        let added = patch.split("value: ").nth(1).unwrap().trim();
        assert!(added.starts_with("--"), "{added}");
        parse(Some(added));
    }
    let quoted: Vec<String> = args.iter().map(|arg| format!("\"{arg}\"")).collect();
    let command = format!("CMD [{}]", quoted.join(", "));
    assert!(read("deploy/Dockerfile").contains(&command), "{command}");
}

#[test]
fn the_arguments_of_a_sweep_in_parts_are_understood() {
    let manifest = read("deploy/sweep/job.yaml");
    let args: Vec<String> = arguments(&manifest)
        .into_iter()
        .map(|arg| arg.replace("$(JOB_COMPLETION_INDEX)", "3"))
        .collect();
    assert!(args.contains(&"--shard=3/16".to_owned()), "{args:?}");
    takes("simulator", &args).unwrap();
    assert!(manifest.contains("completions: 16\n"));
}

#[test]
fn ports_are_what_probes_and_network_policies_mean() {
    let manifest = read("deploy/base/deployment.yaml");
    let policy = read("deploy/base/networkpolicy.yaml");
    for (name, argument) in [("metrics", "--listen=:"), ("probes", "--probes-listen=:")] {
        let args = arguments(&manifest);
        let port = args.iter().find_map(|arg| arg.strip_prefix(argument));
        let declared = format!(
            "- name: {name}\n              containerPort: {}\n",
            port.unwrap()
        );
        assert!(manifest.contains(&declared), "{declared}");
        assert!(policy.contains(&format!("- port: {name}\n")), "{name}");
    }
    assert_eq!(manifest.matches("port: probes\n").count(), 2, "{manifest}");
    let scraped = manifest.split("prometheus.io/port: ").nth(1).unwrap();
    assert!(scraped.starts_with("\"8080\""), "{scraped}");
    assert!(
        !manifest.contains("debug"),
        "the state names all tenants' pods"
    );
    assert!(read("deploy/base/kustomization.yaml").contains("- networkpolicy.yaml\n"));
}

/// The arguments in the Deployment.
fn arguments(manifest: &str) -> Vec<&str> {
    let begin = manifest.split("args:\n").nth(1).unwrap();
    let lines = begin.lines();
    lines
        .map_while(|line| line.trim().strip_prefix("- "))
        .collect()
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
