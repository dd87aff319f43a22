//! The modules of every crate form a directed graph: no two siblings need each other, be it over others.
//!
//! The graph is drawn from the sources. A path such as `crate::a::b::Item` in the module `crate::a::c` is an edge from `b`
//! to its sibling `c`, the two children of the closest module that holds both. What a module re-exports counts as what it
//! stands for, and a module may always use what its ancestors declare themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use pullstop_tests::root;

type Segments = Vec<String>;

#[test]
fn no_circle_between_modules() {
    let crates = packages(&root());
    assert!(crates.len() >= 4, "{crates:?}");
    let mut circles = Vec::new();
    for package in crates {
        let sources = sources(&package.join("src"));
        assert!(!sources.is_empty(), "{}", package.display());
        let found = Graph::of(&sources).circles();
        let name = package.file_name().unwrap().to_string_lossy();
        circles.extend(found.iter().map(|circle| format!("{name}: {circle}")));
    }
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

#[test]
fn a_planted_circle_is_found() {
    let module = |path: &str, text: &str| (split(path), text.to_owned());
    let directed = vec![
        module("", "pub mod a; pub mod b;"),
        module(
            "a",
            "mod one; mod two; pub use self::two::Two; pub struct A;",
        ),
        module(
            "a::one",
            "use super::{A, two::Two as Other}; // super::super::b::B",
        ),
        module("a::two", "pub struct Two;"),
        module("b", "use crate::{a::{self, A}}; fn f() -> crate::a::A {}"),
    ];
    assert_eq!(Graph::of(&directed).circles(), Vec::<String>::new());
    for (at, text, expected) in [
        (3, "fn f() { crate::b::g() }", "a → b → a"),
        (3, "use super::one::One;", "a::one → a::two → a::one"),
        (1, "use crate::{b::{B, C}};", "a → b → a"),
        (0, "pub use self::b::B; mod a; mod b;", ""),
    ] {
        let mut planted = directed.clone();
        planted[at].1 = text.to_owned();
        let found = Graph::of(&planted).circles();
        assert_eq!(found.join(", "), expected, "{text}");
    }
    let mut re_exported = directed;
    re_exported[0].1 = "pub use self::b::B;".to_owned();
    re_exported[3].1 = "use crate::B;".to_owned();
    assert_eq!(Graph::of(&re_exported).circles(), ["a → b → a"]);
}

/// The edges between siblings, by the module that holds both.
#[derive(Default)]
struct Graph {
    edges: BTreeMap<Segments, BTreeMap<String, BTreeSet<String>>>,
}

impl Graph {
    fn of(sources: &[(Segments, String)]) -> Self {
        let crates = Names::of(sources);
        let mut graph = Self::default();
        for (module, text) in sources {
            for path in paths(module, text) {
                graph.add(module, &crates.module_of(&path, 0));
            }
        }
        graph
    }

    fn add(&mut self, from: &[String], to: &[String]) {
        let shared = from.iter().zip(to).take_while(|(a, b)| a == b).count();
        if let (Some(a), Some(b)) = (from.get(shared), to.get(shared)) {
            let siblings = self.edges.entry(from[..shared].to_vec()).or_default();
            siblings.entry(a.clone()).or_default().insert(b.clone());
        }
    }

    /// One circle through every module that is on one, told once.
    fn circles(&self) -> Vec<String> {
        let mut told = BTreeSet::new();
        let mut circles = Vec::new();
        for (parent, edges) in &self.edges {
            for start in edges.keys() {
                let Some(circle) = way_back(edges, start) else {
                    continue;
                };
                let key: BTreeSet<(&Segments, String)> =
                    circle.iter().map(|name| (parent, name.clone())).collect();
                if told.insert(key) {
                    let named = circle.iter().chain([start]);
                    let named = named.map(|name| {
                        [&parent[..], std::slice::from_ref(name)]
                            .concat()
                            .join("::")
                    });
                    circles.push(named.collect::<Vec<_>>().join(" → "));
                }
            }
        }
        circles
    }
}

/// The shortest way from a module back to itself.
fn way_back(edges: &BTreeMap<String, BTreeSet<String>>, start: &str) -> Option<Vec<String>> {
    let mut ways = vec![vec![start.to_owned()]];
    let mut seen = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            for next in way
                .last()
                .and_then(|last| edges.get(last))
                .into_iter()
                .flatten()
            {
                if next == start {
                    return Some(way);
                }
                if seen.insert(next) {
                    longer.push([&way[..], std::slice::from_ref(next)].concat());
                }
            }
        }
        ways = longer;
    }
    None
}

/// The modules of a crate, and what else is called by a name in them since they use it.
struct Names {
    modules: BTreeSet<Segments>,
    used: BTreeMap<Segments, Segments>,
}

impl Names {
    fn of(sources: &[(Segments, String)]) -> Self {
        let modules: BTreeSet<Segments> =
            sources.iter().map(|(module, _)| module.clone()).collect();
        let mut used = BTreeMap::new();
        for (module, text) in sources {
            for path in paths(module, text) {
                if let Some(name) = path.last() {
                    let called = [&module[..], std::slice::from_ref(name)].concat();
                    if called != path && !modules.contains(&called) {
                        used.entry(called).or_insert(path);
                    }
                }
            }
        }
        Self { modules, used }
    }

    /// The module in which what the path names is declared.
    fn module_of(&self, path: &[String], depth: usize) -> Segments {
        let within = (0..=path.len())
            .rev()
            .find(|len| self.modules.contains(&path[..*len]));
        let within = within.unwrap_or_default();
        let declared = path.get(..=within).and_then(|name| self.used.get(name));
        match declared {
            Some(path) if depth < 8 => self.module_of(path, depth + 1),
            _ => path[..within].to_vec(),
        }
    }
}

/// All paths of a module that begin at the crate, in full.
fn paths(module: &[String], text: &str) -> Vec<Segments> {
    let text = code(text);
    let mut all = Vec::new();
    let begins = text.match_indices(['c', 's']);
    for (at, _) in begins {
        let is_first =
            !text[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | ':' | '$'));
        let mut rest = &text[at..];
        if !is_first
            || !["crate::", "super::", "self::"]
                .iter()
                .any(|word| rest.starts_with(word))
        {
            continue;
        }
        let mut begin = module.to_vec();
        loop {
            if let Some(inner) = rest.strip_prefix("crate::") {
                (begin, rest) = (Vec::new(), inner);
            } else if let Some(inner) = rest.strip_prefix("super::") {
                begin.pop();
                rest = inner;
            } else if let Some(inner) = rest.strip_prefix("self::") {
                rest = inner;
            } else {
                break;
            }
        }
        tree(&begin, rest, &mut all);
    }
    all
}

/// The paths of `a::{b, c::d}` behind `begin`. Returns what follows them.
fn tree<'a>(begin: &[String], text: &'a str, all: &mut Vec<Segments>) -> &'a str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
            if let Some(rest) = rest.strip_prefix('}') {
                return rest;
            }
            let after = tree(begin, rest, all);
            let alias_ends = after.find([',', '}']).unwrap_or(after.len());
            if rest.is_empty() {
                return rest;
            }
            rest = &after[alias_ends..];
        }
    }
    let ends = text
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(ends);
    let path = match name {
        "" | "self" => begin.to_vec(),
        name => [begin, &[name.to_owned()]].concat(),
    };
    match rest.strip_prefix("::") {
        Some(rest) if rest.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '{')) => {
            tree(&path, rest, all)
        }
        _ => {
            all.push(path);
            rest
        }
    }
}

/// The text without comments and without the tests at its end.
fn code(text: &str) -> String {
    let text = text
        .split("#[cfg(test)]\nmod tests")
        .next()
        .unwrap_or_default();
    let lines = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// The folders of the workspace's packages.
fn packages(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_hidden = path.file_name().unwrap().to_string_lossy().starts_with('.');
        if !path.is_dir() || is_hidden || path.ends_with("target") || path.ends_with("src") {
            continue;
        }
        if path.join("Cargo.toml").is_file() && path.join("src").is_dir() {
            all.push(path.clone());
        }
        all.extend(packages(&path));
    }
    all.sort();
    all
}

/// Every module of a crate with its text.
fn sources(folder: &Path) -> Vec<(Segments, String)> {
    let mut all = Vec::new();
    let mut folders = vec![(folder.to_owned(), Segments::new())];
    while let Some((folder, module)) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let child = [&module[..], std::slice::from_ref(&name)].concat();
            if path.is_dir() {
                folders.push((path, child));
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let is_root = matches!(&*name, "mod" | "lib");
                let module = if is_root { module.clone() } else { child };
                all.push((module, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    all.sort();
    all
}

fn split(path: &str) -> Segments {
    path.split("::")
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}
