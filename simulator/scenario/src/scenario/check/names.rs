//! Names of pods and nodes in the simulation, and whether a pattern can match one.

use pullstop_core::suggest;

use crate::scenario::workload::{Kind, Workload};
use crate::scenario::{NodeGroup, glob};

/// The names that there will be. In a name of a pod, `#` stands for a number that is not known beforehand.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pods: Vec<Family>,
    jobs: Vec<Family>,
    nodes: Vec<Family>,
}

/// Things of one origin.
#[derive(Debug)]
struct Family {
    namespace: String,
    name: String,
    /// Whether one number follows the name, below this.
    instances: Option<u32>,
    /// Whether an index follows, below this.
    indexes: Option<u32>,
    /// Whether the number of a pod follows.
    numbered: bool,
}

impl Names {
    /// The names of what runs, and of where it runs.
    pub(crate) fn new(workloads: &[Workload], nodes: &[NodeGroup]) -> Self {
        let is_job = |workload: &&Workload| matches!(workload.kind, Kind::Job(_));
        Self {
            pods: workloads.iter().map(Family::of_pods).collect(),
            jobs: workloads
                .iter()
                .filter(is_job)
                .map(Family::of_objects)
                .collect(),
            nodes: nodes.iter().map(Family::of_nodes).collect(),
        }
    }

    /// Whether a node of this name can be; otherwise what to write instead.
    pub(crate) fn node(&self, pattern: &str) -> Result<(), String> {
        find(&self.nodes, pattern, "node")
    }

    /// Whether a Job of this name can be; otherwise what to write instead.
    pub(crate) fn job(&self, pattern: &str) -> Result<(), String> {
        find(&self.jobs, pattern, "Job")
    }

    /// Whether a pod of this name can be; otherwise what to write instead.
    pub(crate) fn pod(&self, pattern: &str) -> Result<(), String> {
        find(&self.pods, pattern, "pod")
    }

    /// The places of the workloads that may have a pod of this name.
    pub(crate) fn workloads_of<'a>(&'a self, pattern: &'a str) -> impl Iterator<Item = usize> + 'a {
        let pods = self.pods.iter().enumerate();
        pods.filter(|(_, family)| family.can_be(pattern))
            .map(|(place, _)| place)
    }

    /// Another workload, of those before the one at `place`, whose pods may get the same names.
    pub(crate) fn same_pods(&self, place: usize) -> Option<usize> {
        let family = &self.pods[place];
        let shape = family.shape();
        let same = |other: &Family| {
            let related =
                family.name.starts_with(&other.name) || other.name.starts_with(&family.name);
            related && other.namespace == family.namespace && overlap(&other.shape(), &shape)
        };
        self.pods[..place].iter().position(same)
    }
}

fn find(families: &[Family], pattern: &str, what: &str) -> Result<(), String> {
    if families.iter().any(|family| family.can_be(pattern)) {
        return Ok(());
    }
    let shown = |family: &Family| {
        let counted = pattern.ends_with(|c: char| c.is_ascii_digit());
        let name = if counted {
            family.last()
        } else {
            family.shown()
        };
        if pattern.contains('/') {
            format!("{}/{name}", family.namespace)
        } else {
            name
        }
    };
    let shown: Vec<String> = families.iter().map(shown).collect();
    let names = || shown.iter().map(String::as_str);
    let hint = match suggest::closest(pattern, names()) {
        Some(name) => format!("did you mean `{name}`?"),
        None if shown.is_empty() => "there is none at all".to_owned(),
        None => format!("there {}", listed(names())),
    };
    Err(format!("no {what} will ever be called `{pattern}`: {hint}"))
}

/// `are a, b and 7 more`, so that long lists stay readable.
pub(crate) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const SHOWN_MAX: usize = 5;
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [only] => format!("is only {only}"),
        many if many.len() <= SHOWN_MAX => format!("are {}", many.join(", ")),
        many => format!(
            "are {} and {} more",
            many[..SHOWN_MAX].join(", "),
            many.len() - SHOWN_MAX
        ),
    }
}

impl Family {
    fn of_objects(workload: &Workload) -> Self {
        let count = workload.arrival.count;
        Self {
            namespace: workload.namespace.clone(),
            name: workload.name.clone(),
            instances: (count > 1).then_some(count),
            indexes: None,
            numbered: false,
        }
    }

    fn of_pods(workload: &Workload) -> Self {
        let (indexes, numbered) = match &workload.kind {
            Kind::Pod => (None, false),
            Kind::Job(job) => (job.indexed.then_some(job.completions), true),
            Kind::Deployment { .. } => (None, true),
        };
        Self {
            indexes,
            numbered,
            ..Self::of_objects(workload)
        }
    }

    fn of_nodes(group: &NodeGroup) -> Self {
        Self {
            namespace: String::new(),
            name: group.name.clone(),
            instances: Some(group.count),
            indexes: None,
            numbered: false,
        }
    }

    /// With `#` for each number.
    fn shape(&self) -> String {
        let numbers = [
            self.instances.is_some(),
            self.indexes.is_some(),
            self.numbered,
        ];
        let mut shape = self.name.clone();
        for _ in numbers.into_iter().filter(|follows| *follows) {
            shape.push_str("-#");
        }
        shape
    }

    /// As a pattern that people write.
    fn shown(&self) -> String {
        if self.instances.or(self.indexes).is_some() || self.numbered {
            format!("{}-*", self.name)
        } else {
            self.name.clone()
        }
    }

    /// The last name, if the numbers are known; else as a pattern.
    fn last(&self) -> String {
        match self.instances {
            Some(count) if !self.numbered => format!("{}-{}", self.name, count.saturating_sub(1)),
            _ => self.shown(),
        }
    }

    fn can_be(&self, pattern: &str) -> bool {
        let pattern = match pattern.split_once('/') {
            Some((namespace, _)) if !glob::matches(namespace, &self.namespace) => return false,
            Some((_, name)) => name,
            None => pattern,
        };
        // Most patterns are decided by the shape; only then are the numbers tried.
        overlap(pattern, &self.shape()) && self.each().any(|name| overlap(pattern, &name))
    }

    /// With `#` only for the number of a pod.
    fn each(&self) -> impl Iterator<Item = String> {
        let numbers = |below: Option<u32>| -> Box<dyn Iterator<Item = String>> {
            match below {
                None => Box::new(std::iter::once(String::new())),
                Some(below) => Box::new((0..below).map(|n| format!("-{n}"))),
            }
        };
        let end = if self.numbered { "-#" } else { "" };
        numbers(self.instances).flat_map(move |instance| {
            let name = format!("{}{instance}", self.name);
            numbers(self.indexes).map(move |index| format!("{name}{index}{end}"))
        })
    }
}

/// Whether some text matches both patterns; `*` stands for anything and `#` for a number.
fn overlap(a: &str, b: &str) -> bool {
    let (a, b) = (steps(a), steps(b));
    let mut seen = vec![false; (a.len() + 1) * (b.len() + 1)];
    let mut todo = vec![(0, 0)];
    while let Some((i, j)) = todo.pop() {
        let place = i * (b.len() + 1) + j;
        if std::mem::replace(&mut seen[place], true) {
            continue;
        }
        if (i, j) == (a.len(), b.len()) {
            return true;
        }
        let (left, right) = (a.get(i), b.get(j));
        if left.is_some_and(|step| step.repeats) {
            todo.push((i + 1, j));
        }
        if right.is_some_and(|step| step.repeats) {
            todo.push((i, j + 1));
        }
        if let (Some(left), Some(right)) = (left, right)
            && left.class.meets(right.class)
        {
            todo.push((
                i + usize::from(!left.repeats),
                j + usize::from(!right.repeats),
            ));
        }
    }
    false
}

/// One character of a pattern, or any number of them.
struct Step {
    class: Class,
    repeats: bool,
}

#[derive(Clone, Copy)]
enum Class {
    Is(char),
    Digit,
    Any,
}

impl Class {
    fn meets(self, other: Self) -> bool {
        match (self, other) {
            (Self::Any, _) | (_, Self::Any) | (Self::Digit, Self::Digit) => true,
            (Self::Is(c), Self::Digit) | (Self::Digit, Self::Is(c)) => c.is_ascii_digit(),
            (Self::Is(a), Self::Is(b)) => a == b,
        }
    }
}

fn steps(pattern: &str) -> Vec<Step> {
    let once = |class| Step {
        class,
        repeats: false,
    };
    let often = |class| Step {
        class,
        repeats: true,
    };
    let mut steps = Vec::new();
    for c in pattern.chars() {
        match c {
            '*' => steps.push(often(Class::Any)),
            '#' => steps.extend([once(Class::Digit), often(Class::Digit)]),
            c => steps.push(once(Class::Is(c))),
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_overlap_where_a_text_matches_both() {
        for (a, b, expected) in [
            ("train-*", "train-#", true),
            ("train", "train-#", false),
            ("train-12", "train-#", true),
            ("train-1x", "train-#", false),
            ("*-3", "train-#-#", true),
            ("t*n-*-7", "train-#-#", true),
            ("web-0-#", "web-#", false),
            ("web-#-#", "web-0-#", true),
            ("*", "a", true),
            ("", "a", false),
            ("*a*b*", "xxb-#", false),
        ] {
            assert_eq!(overlap(a, b), expected, "{a} and {b}");
            assert_eq!(overlap(b, a), expected, "{b} and {a}");
        }
    }

    #[test]
    fn numbers_are_bounded() {
        let nodes = [Family {
            namespace: String::new(),
            name: "gpu".to_owned(),
            instances: Some(3),
            indexes: None,
            numbered: false,
        }];
        for (pattern, expected) in [
            ("gpu-2", true),
            ("gpu-3", false),
            ("*3", false),
            ("g*", true),
        ] {
            assert_eq!(find(&nodes, pattern, "node").is_ok(), expected, "{pattern}");
        }
    }
}
