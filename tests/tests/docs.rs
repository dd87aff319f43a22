//! The documentation is tried: `console` blocks print what they show, commands in `sh` blocks have the flags they name, and
//! the picture of the README has the simulator's times.

use std::path::Path;

use clap::CommandFactory;
use pullstop_tests::{Ran, enforcer, root, simulator, takes};

#[test]
fn console_examples_print_what_they_say() {
    let mut tried = 0;
    for (file, text) in pages() {
        for block in blocks(&text, "console") {
            let (command, expected) = block.split_once('\n').unwrap();
            let command = command
                .strip_prefix("$ ")
                .unwrap_or_else(|| panic!("{file}: {command}"));
            let ran = run(command);
            let (got, expected) = (without_wall_time(&ran.out), without_wall_time(expected));
            assert_eq!(got, expected, "{file}: {command}\n{}", ran.err);
            tried += 1;
        }
    }
    assert!(tried >= 15, "only {tried} examples were found");
}

/// Their files are the reader's, so they cannot run here; but the programs take their flags.
#[test]
fn shell_examples_have_flags_that_exist() {
    let mut tried = 0;
    for (file, text) in pages() {
        for line in blocks(&text, "sh").into_iter().flat_map(str::lines) {
            let command = line.replace(" \\", "");
            let Some((program @ ("simulator" | "enforcer"), args)) = command.split_once(' ') else {
                continue;
            };
            let args: Vec<String> = args
                .split_whitespace()
                .take_while(|word| !matches!(*word, "#" | ">" | "|" | "&"))
                .map(|word| word.trim_matches('\'').to_owned())
                .collect();
            if let Err(error) = takes(program, &args) {
                panic!("{file}: {line}\n{error}");
            }
            tried += 1;
        }
    }
    assert!(tried >= 20, "only {tried} commands were found");
}

#[test]
fn the_picture_has_the_times_of_the_simulator() {
    let picture = std::fs::read_to_string(root().join("docs/pictures/at-work.svg")).unwrap();
    let mut told = String::new();
    for pod in ["typo-0", "next-0", "tool"] {
        told += &run(&format!(
            "simulator run scenarios/demo.yaml --explain {pod}"
        ))
        .out;
    }
    let told: Vec<&str> = told.split_whitespace().collect();
    let times: Vec<&str> = picture
        .lines()
        .filter(|line| line.contains("<text") && line.contains("class=\"at"))
        .map(|line| line.split(['<', '>']).nth(2).unwrap())
        .collect();
    assert_eq!(times.len(), 11, "{times:?}");
    for time in times {
        assert!(told.contains(&time), "nothing happens at {time}");
    }
}

#[test]
fn the_list_of_commands_has_them_all() {
    let page = std::fs::read_to_string(root().join("docs/commands.md")).unwrap();
    let program = pullstop_simulator::Args::command();
    for command in program.get_subcommands() {
        let row = format!("| `simulator {}` |", command.get_name());
        assert!(page.contains(&row), "{row}");
    }
}

#[test]
fn the_readme_is_short() {
    let lines = std::fs::read_to_string(root().join("README.md"))
        .unwrap()
        .lines()
        .count();
    assert!(lines <= 200, "README.md has {lines} lines");
}

#[test]
fn example_policies_are_valid() {
    for entry in std::fs::read_dir(root().join("docs/examples")).unwrap() {
        let file = entry.unwrap().path();
        // Sweeps are read when their examples are run.
        let is_policy = !file.ends_with("sweep.yaml");
        if is(&file, "yaml") && is_policy {
            let ran = enforcer(&["policy", "check", file.to_str().unwrap()]);
            assert_eq!(ran.code, 0, "{}", ran.err);
        }
    }
}

/// All pages, as name and text: those at the top of the repository and those in `docs/`.
fn pages() -> Vec<(String, String)> {
    let mut pages = Vec::new();
    for folder in ["", "docs", "scenarios"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let file = entry.unwrap().path();
            if is(&file, "md") {
                let text = std::fs::read_to_string(&file).unwrap();
                let name = file.file_name().unwrap().to_str().unwrap();
                pages.push((Path::new(folder).join(name).display().to_string(), text));
            }
        }
    }
    pages.sort();
    pages
}

fn is(file: &Path, extension: &str) -> bool {
    file.extension().is_some_and(|found| found == extension)
}

/// The blocks of code in this language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    text.split(&format!("```{language}\n"))
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect()
}

/// How long a run took on this machine stands at the end of its line.
fn without_wall_time(text: &str) -> String {
    let lines = text.lines().map(|line| match line.rsplit_once(" in ") {
        Some((start, end)) if end.ends_with(" ms") => format!("{start} in N ms\n"),
        _ => format!("{line}\n"),
    });
    lines.collect()
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
