//! Checks a scenario as it is written, and makes the valid one of it.

mod cluster;
mod container;
mod expect;
mod fault;
mod job;
mod names;
mod policy;
mod supply;
mod workload;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use pullstop_core::policy::{Policies, Policy};
use pullstop_core::suggest;
use pullstop_core::time::Human;
use pullstop_core::yaml;

use super::raw::read::{Read, Span, Time};
use super::raw::value::{At, Placed, Text};
use super::raw::{Document, Spec};
use super::{
    API_VERSION, DEFAULT_PATIENCE, DEFAULT_SEED, DURATION_MAX, Enforcer, KIND, Place, Places,
    Scenario,
};
use crate::input_error::InputError;

/// The policy in a file, or what is wrong with that file.
pub(crate) type ReadPolicy<'a> = dyn FnMut(&Path) -> Result<Policy, Vec<InputError>> + 'a;

/// The scenario that the document in `file` describes.
pub(crate) fn scenario(
    file: &Path,
    document: &Document,
    read_policy: &mut ReadPolicy<'_>,
) -> Result<Scenario, Vec<InputError>> {
    let spec = &document.spec;
    let mut check = Check::new(spec);
    check.head(document);
    let (policies, elsewhere) = check.policies(file, spec, read_policy);
    let scenario = check.spec(document, policies);
    let checked = check.yaml.finish(scenario);
    match (checked, elsewhere.is_empty()) {
        (Ok(scenario), true) => Ok(scenario),
        (Ok(_), false) => Err(elsewhere),
        (Err(errors), _) => {
            let located = |error| InputError::of_document(file, error);
            Err(errors.into_iter().map(located).chain(elsewhere).collect())
        }
    }
}

/// Goes through a document and collects what is wrong.
struct Check {
    yaml: yaml::Check,
    /// When the scenario is over.
    end: Duration,
}

impl Check {
    fn new(spec: &Spec) -> Self {
        let mut check = Self {
            yaml: yaml::Check::default(),
            end: DURATION_MAX,
        };
        if let Some(duration) = check.read(&spec.duration) {
            check.end = duration.min(DURATION_MAX);
            if duration > DURATION_MAX {
                check.error(
                    &spec.duration,
                    "a scenario lasts at most `8760h`, a year: shorten it",
                );
            }
        }
        check
    }

    fn error(&mut self, at: &impl Placed, message: impl Into<String>) {
        self.yaml.add(at.place(), message);
    }

    /// An error unless `fits`.
    fn ensure(&mut self, fits: bool, at: &impl Placed, message: impl Into<String>) {
        if !fits {
            self.error(at, message);
        }
    }

    fn read<T: Read>(&mut self, text: &Text<T>) -> Option<T::Value> {
        T::read(&text.text)
            .map_err(|error| self.error(text, error))
            .ok()
    }

    /// Nothing if nothing is written.
    fn maybe<T: Read>(&mut self, text: Option<&Text<T>>) -> Option<T::Value> {
        text.and_then(|text| self.read(text))
    }

    /// The usual value if nothing is written. Also after an error: then the scenario is refused anyway.
    fn or<T: Read>(&mut self, text: Option<&Text<T>>, usual: T::Value) -> T::Value {
        self.maybe(text).unwrap_or(usual)
    }

    /// A name that may not be missing.
    fn name<T: Read<Value = String>>(&mut self, text: &Text<T>) -> String {
        self.read(text).unwrap_or_default()
    }

    /// When something begins, which must be before the scenario is over.
    fn begins(&mut self, text: Option<&Text<Time>>) -> Option<Duration> {
        let (text, at) = (text?, self.maybe(text)?);
        if at >= self.end {
            self.never_reached(text);
        }
        Some(at)
    }

    /// When something ends, at the latest with the scenario.
    fn ends(&mut self, text: Option<&Text<Time>>) -> Option<Duration> {
        let (text, at) = (text?, self.maybe(text)?);
        if at > self.end {
            self.never_reached(text);
        }
        Some(at)
    }

    fn never_reached(&mut self, text: &Text<Time>) {
        let end = Human(self.end);
        let message = format!(
            "`{}` is never reached: the scenario is over after {end} (`spec.duration`)",
            text.text
        );
        self.error(text, message);
    }

    /// When something ends that lasts for a while or until a time.
    fn until(
        &mut self,
        from: Duration,
        lasts: Option<&Text<Span>>,
        until: Option<&Text<Time>>,
    ) -> Option<Duration> {
        if let (Some(_), Some(until)) = (lasts, until) {
            self.error(
                until,
                "`for` says already when it is over: remove `for` or `until`",
            );
        }
        let end = self.ends(until);
        if let (Some(text), true) = (until, end.is_some_and(|end| end <= from)) {
            let message = format!(
                "`{}` is not after {}, when it begins: write a later time",
                text.text,
                Human(from)
            );
            self.error(text, message);
        }
        end.or_else(|| self.maybe(lasts).map(|lasts| from.saturating_add(lasts)))
    }

    /// Not before and not after.
    fn interval(&mut self, bounds: Option<&At<Vec<Text<Time>>>>) -> Option<(Duration, Duration)> {
        let bounds = bounds?;
        let [from, to] = bounds.as_slice() else {
            self.error(bounds, "expected two times, as in `[2m, 4m]`");
            return None;
        };
        let (first, last) = (self.begins(Some(from))?, self.ends(Some(to))?);
        if first > last {
            let message = format!(
                "nothing is between {} and {}: swap them",
                from.text, to.text
            );
            self.error(bounds, message);
        }
        Some((first, last))
    }

    /// Exactly one of these must be written.
    fn one_of(&mut self, entry: &impl Placed, what: &str, given: &[(&str, Option<Place>)]) {
        let mut written = given.iter().filter_map(|(name, at)| Some((name, (*at)?)));
        match (written.next(), written.next()) {
            (None, _) => {
                let names: Vec<&str> = given.iter().map(|(name, _)| *name).collect();
                let message = format!("{what} is missing: {}", suggest::hint("", &names));
                self.error(entry, message);
            }
            (Some((first, _)), Some((second, place))) => {
                let message =
                    format!("`{first}` is written already: remove one of `{first}` and `{second}`");
                self.error(&place, message);
            }
            (Some(_), None) => {}
        }
    }

    /// A second of the same name is an error.
    fn unique<'a, T: 'a>(&mut self, what: &str, names: impl Iterator<Item = &'a Text<T>>) {
        let mut seen = BTreeMap::new();
        for name in names {
            if let Some(first) = seen.get(name.text.as_str()) {
                let message = format!(
                    "the {what} `{}` is there already, in line {first}: remove or rename one",
                    name.text
                );
                self.error(name, message);
            } else {
                seen.insert(name.text.as_str(), name.place().map_or(0, |(line, _)| line));
            }
        }
    }

    /// The name must be one of these.
    fn known<'a, T>(
        &mut self,
        what: &str,
        key: &str,
        name: &Text<T>,
        names: impl Iterator<Item = &'a str> + Clone,
    ) {
        if names.clone().any(|known| known == name.text) {
            return;
        }
        let hint = match suggest::closest(&name.text, names.clone()) {
            Some(close) => format!("did you mean `{close}`?"),
            None if names.clone().next().is_none() => format!("define it in `{key}`"),
            None => format!("there {}", names::listed(names)),
        };
        self.error(name, format!("no {what} is called `{}`: {hint}", name.text));
    }

    fn head(&mut self, document: &Document) {
        for (what, text, expected) in [
            ("apiVersion", &document.api_version, API_VERSION),
            ("kind", &document.kind, KIND),
        ] {
            if text.text != expected {
                let hint = suggest::hint(&text.text, &[expected]);
                self.error(text, format!("unknown {what} `{}`: {hint}", text.text));
            }
        }
    }

    fn spec(&mut self, document: &Document, policies: Policies) -> Scenario {
        let spec = &document.spec;
        let enforcer = self.enforcer(spec);
        let nodes = self.nodes(spec);
        let kubernetes_minor = self.release(spec);
        let queues = self.queues(spec);
        let secrets = self.secrets(spec);
        let around = workload::Around {
            nodes: &nodes,
            queues: &queues,
            secrets: &secrets,
            kubernetes_minor,
        };
        let workloads = self.workloads(spec, &around);
        let registries = self.registries(spec);
        let images = self.images(spec, &secrets);
        let faults = self.faults(spec);
        let expectations = self.expectations(spec);
        let scenario = Scenario {
            name: self.name(&document.metadata.name),
            seed: self.or(spec.seed.as_ref(), DEFAULT_SEED),
            duration: self.end,
            patience: self.or(spec.patience.as_ref(), DEFAULT_PATIENCE),
            policies,
            enforcer,
            kubernetes_minor,
            nodes,
            registries,
            images,
            secrets,
            queues,
            workloads,
            faults,
            expectations,
            places: Places::of(spec),
        };
        // What refers to names can only be judged once it is known what there is.
        if self.yaml.is_fine() {
            self.same_pods(spec, &scenario);
        }
        if self.yaml.is_fine() {
            self.references(spec, &scenario);
        }
        scenario
    }

    /// Whether every pattern can match something.
    fn references(&mut self, spec: &Spec, scenario: &Scenario) {
        let names = names::Names::new(&scenario.workloads, &scenario.nodes);
        self.namespaces_of_policies(&spec.namespace_policies, &scenario.workloads);
        self.image_references(spec, scenario, &names);
        self.fault_references(spec, scenario, &names);
        self.expectation_references(spec, &names);
    }

    fn enforcer(&mut self, spec: &Spec) -> Enforcer {
        let usual = Enforcer::default();
        let Some(enforcer) = &spec.enforcer else {
            return usual;
        };
        Enforcer {
            watch_delay: self.or(enforcer.watch_delay.as_ref(), usual.watch_delay),
            write_latency: self.or(enforcer.write_latency.as_ref(), usual.write_latency),
        }
    }
}
