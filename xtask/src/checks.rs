//! Everything that can be said of a change without running it.

use crate::{Error, cargo, output, run};

/// What `pullstop-core` may depend on.
const CORE_DEPENDENCIES: [&str; 2] = ["aho-corasick", "hashbrown"];

/// All checks, the quick ones first; stops at the first that fails.
pub(crate) fn check() -> Result<(), Error> {
    run(&mut cargo("fmt --all --check"))?;
    core_dependencies()?;
    run(&mut cargo(
        "clippy --workspace --all-targets --locked -- -D warnings",
    ))?;
    let mut doc = cargo("doc --workspace --no-deps --locked");
    run(doc.env("RUSTDOCFLAGS", "-D warnings"))?;
    // A crate may compile only because another one in the workspace enables a feature for it.
    for package in packages()? {
        run(&mut cargo(&format!("check --package {package} --locked")))?;
    }
    Ok(())
}

fn core_dependencies() -> Result<(), Error> {
    let mut tree =
        cargo("tree --package pullstop-core --edges normal --no-default-features --locked");
    tree.args(["--depth", "1", "--prefix", "none"]);
    let tree = output(&mut tree)?;
    let mut found: Vec<&str> = first_words(&tree).skip(1).collect();
    found.sort_unstable();
    if found != CORE_DEPENDENCIES {
        let (may, does) = (CORE_DEPENDENCIES.join(", "), found.join(", "));
        return Err(format!(
            "pullstop-core may depend on {may}, and depends on {does}"
        ));
    }
    Ok(())
}

/// The packages of the workspace.
fn packages() -> Result<Vec<String>, Error> {
    let mut tree = cargo("tree --workspace --depth 0 --prefix none --locked");
    let tree = output(&mut tree)?;
    Ok(first_words(&tree).map(str::to_owned).collect())
}

fn first_words(lines: &str) -> impl Iterator<Item = &str> {
    lines
        .lines()
        .filter_map(|line| line.split_whitespace().next())
}
