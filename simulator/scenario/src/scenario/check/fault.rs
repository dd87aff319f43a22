//! Checks faults of the cluster (`spec.faults`).

use super::Check;
use super::names::{Names, listed};
use super::supply::Used;
use crate::scenario::fault::{FaultKind, Write};
use crate::scenario::raw::Spec;
use crate::scenario::raw::fault::{EditImage, FaultSpec};
use crate::scenario::raw::read::Word;
use crate::scenario::raw::value::{At, Text, place};
use crate::scenario::{Fault, Place, Scenario};

impl Check {
    pub(super) fn faults(&mut self, spec: &Spec) -> Vec<Fault> {
        let mut faults = Vec::new();
        for fault in &spec.faults {
            self.one_of(fault, "what happens", &fault.kinds());
            let at = self.begins(Some(&fault.at));
            let what = self.fault(fault);
            faults.extend(at.zip(what).map(|(at, what)| Fault { at, what }));
        }
        faults
    }

    /// Whether what a fault concerns can be there.
    pub(super) fn fault_references(&mut self, spec: &Spec, scenario: &Scenario, names: &Names) {
        let used = Used::new(scenario);
        for fault in &spec.faults {
            for nodes in fault.nodes() {
                self.node_reference(Some(nodes), names);
            }
            for pods in fault.pods() {
                if let Err(message) = names.pod(&pods.text) {
                    self.error(pods, message);
                }
            }
            let images = fault.image_garbage.as_ref().map(|garbage| &garbage.images);
            self.image_reference(images, &used.images, "pulled by any pod");
            let loaded = fault.image_loaded.as_ref().map(|loaded| &loaded.image);
            self.image_reference(loaded, &used.images, "pulled by any pod");
            if let Some(edit) = &fault.edit_image {
                self.edited_container(edit, scenario, names);
            }
        }
    }

    fn fault(&mut self, fault: &FaultSpec) -> Option<FaultKind> {
        self.fault_of_nodes(fault)
            .or_else(|| self.fault_of_pods(fault))
            .or_else(|| self.fault_of_api(fault))
    }

    fn fault_of_nodes(&mut self, fault: &FaultSpec) -> Option<FaultKind> {
        if let Some(f) = &fault.kubelet_restart {
            return Some(FaultKind::KubeletRestart {
                nodes: self.name(&f.nodes),
                down_for: self.read(&f.down_for)?,
            });
        }
        if let Some(f) = &fault.sandbox_fault {
            return Some(FaultKind::SandboxFault {
                nodes: self.name(&f.nodes),
                lasts: self.read(&f.lasts)?,
            });
        }
        if let Some(f) = &fault.image_garbage {
            return Some(FaultKind::ImageGarbage {
                nodes: self.name(&f.nodes),
                images: self.name(&f.images),
            });
        }
        let f = fault.image_loaded.as_ref()?;
        self.no_pattern(&f.image);
        Some(FaultKind::ImageLoaded {
            nodes: self.name(&f.nodes),
            image: self.name(&f.image),
        })
    }

    fn fault_of_pods(&mut self, fault: &FaultSpec) -> Option<FaultKind> {
        if let Some(f) = &fault.edit_image {
            self.no_pattern(&f.image);
            return Some(FaultKind::EditImage {
                pods: self.name(&f.pods),
                container: f
                    .container
                    .as_ref()
                    .map_or_else(|| "main".to_owned(), |name| self.name(name)),
                image: self.name(&f.image),
            });
        }
        if let Some(f) = &fault.delete_pods {
            return Some(FaultKind::DeletePods {
                pods: self.name(&f.pods),
            });
        }
        let f = fault.fail_pods.as_ref()?;
        Some(FaultKind::FailPods {
            pods: self.name(&f.pods),
            how: self.or(f.how.as_ref(), Write::Durable),
        })
    }

    fn fault_of_api(&mut self, fault: &FaultSpec) -> Option<FaultKind> {
        if let Some(f) = &fault.watch_gap {
            return Some(FaultKind::WatchGap {
                lasts: self.read(&f.lasts)?,
            });
        }
        if let Some(f) = &fault.enforcer_restart {
            return Some(FaultKind::EnforcerRestart {
                down_for: self.read(&f.down_for)?,
            });
        }
        if let Some(f) = &fault.api_slow {
            let (lasts, by) = (self.read(&f.lasts), self.read(&f.by));
            return Some(FaultKind::ApiSlow {
                lasts: lasts?,
                by: by?,
            });
        }
        if let Some(f) = &fault.duplicate_events {
            return Some(FaultKind::DuplicateEvents {
                lasts: self.read(&f.lasts)?,
            });
        }
        let f = fault.write_fault.as_ref()?;
        let (lasts, how) = (self.read(&f.lasts), self.read(&f.how));
        let percent = self.or(f.percent.as_ref(), 100);
        Some(FaultKind::WriteFault {
            lasts: lasts?,
            how: how?,
            percent,
        })
    }

    fn no_pattern<T>(&mut self, image: &Text<T>) {
        if image.text.contains('*') {
            self.error(
                image,
                format!("`{}` is a pattern: name one image", image.text),
            );
        }
    }

    /// The container must be one of those of some pod that is meant.
    fn edited_container(&mut self, edit: &At<EditImage>, scenario: &Scenario, names: &Names) {
        let workloads: Vec<usize> = names.workloads_of(&edit.pods.text).collect();
        let containers = workloads
            .iter()
            .flat_map(|place| &scenario.workloads[*place].template.containers);
        let mut known: Vec<&str> = containers
            .map(|container| container.name.as_str())
            .collect();
        known.sort_unstable();
        known.dedup();
        let Some(container) = &edit.container else {
            if !known.is_empty() && !known.contains(&"main") {
                let known = listed(known.into_iter());
                self.error(
                    edit,
                    format!(
                        "these pods have no container `main`: name the `container`; there {known}"
                    ),
                );
            }
            return;
        };
        if !known.is_empty() {
            self.known(
                "container of these pods",
                "containers",
                container,
                known.into_iter(),
            );
        }
    }
}

impl FaultSpec {
    fn kinds(&self) -> [(&'static str, Option<Place>); 12] {
        [
            ("kubeletRestart", place(self.kubelet_restart.as_ref())),
            ("sandboxFault", place(self.sandbox_fault.as_ref())),
            ("imageGarbage", place(self.image_garbage.as_ref())),
            ("imageLoaded", place(self.image_loaded.as_ref())),
            ("editImage", place(self.edit_image.as_ref())),
            ("deletePods", place(self.delete_pods.as_ref())),
            ("failPods", place(self.fail_pods.as_ref())),
            ("watchGap", place(self.watch_gap.as_ref())),
            ("enforcerRestart", place(self.enforcer_restart.as_ref())),
            ("apiSlow", place(self.api_slow.as_ref())),
            ("writeFault", place(self.write_fault.as_ref())),
            ("duplicateEvents", place(self.duplicate_events.as_ref())),
        ]
    }

    fn nodes(&self) -> impl Iterator<Item = &Text<Word>> {
        let all = [
            self.kubelet_restart.as_ref().map(|fault| &fault.nodes),
            self.sandbox_fault.as_ref().map(|fault| &fault.nodes),
            self.image_garbage.as_ref().map(|fault| &fault.nodes),
            self.image_loaded.as_ref().map(|fault| &fault.nodes),
        ];
        all.into_iter().flatten()
    }

    fn pods(&self) -> impl Iterator<Item = &Text<Word>> {
        let all = [
            self.edit_image.as_ref().map(|fault| &fault.pods),
            self.delete_pods.as_ref().map(|fault| &fault.pods),
            self.fail_pods.as_ref().map(|fault| &fault.pods),
        ];
        all.into_iter().flatten()
    }
}
