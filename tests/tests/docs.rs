//! Examples in the documentation are tried: every `console` block is run, and prints what stands there.

use pullstop_tests::{Ran, enforcer, root, simulator};

#[test]
fn console_examples_print_what_they_say() {
    let mut tried = 0;
    for file in [
        "README.md",
        "docs/policy.md",
        "docs/design.md",
        "docs/simulator.md",
        "docs/enforcer.md",
        "CONTRIBUTING.md",
    ] {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        for block in text.split("```console\n").skip(1) {
            let block = block.split("```").next().unwrap();
            let (command, expected) = block.split_once('\n').unwrap();
            let command = command
                .strip_prefix("$ ")
                .unwrap_or_else(|| panic!("{file}: {command}"));
            let ran = run(command);
            assert_eq!(ran.out, expected, "{file}: {command}\n{}", ran.err);
            tried += 1;
        }
    }
    assert!(tried >= 5, "only {tried} examples were found");
}

#[test]
fn example_policies_are_valid() {
    for entry in std::fs::read_dir(root().join("docs/examples")).unwrap() {
        let file = entry.unwrap().path();
        if file
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            let ran = enforcer(&["policy", "check", file.to_str().unwrap()]);
            assert_eq!(ran.code, 0, "{}", ran.err);
        }
    }
}

/// Runs one command line from the repository's root: words, and file names that are there.
fn run(command: &str) -> Ran {
    let words = command.split_whitespace().map(|word| {
        let file = root().join(word);
        if word.contains(['/', '.']) && file.exists() {
            file.display().to_string()
        } else {
            word.to_owned()
        }
    });
    let words: Vec<String> = words.collect();
    let args: Vec<&str> = words[1..].iter().map(String::as_str).collect();
    match words[0].as_str() {
        "simulator" => simulator(&args),
        "enforcer" => enforcer(&args),
        other => panic!("`{other}` is not tried: use a `sh` block"),
    }
}
