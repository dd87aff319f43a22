//! The decisions of Pullstop: pod snapshots in, effects out.
//!
//! Pods whose image can never be pulled are to be failed, pods that would have run never. This crate decides which
//! is which. It has no clock, no randomness, no I/O and no threads: a driver feeds [`engine::Input`]s with the time
//! at which they came, and after each drains the [`engine::Effect`]s. The same inputs give the same effects.
//!
//! Here a pod's image does not exist. Three pulls fail, and when the first of them is two minutes ago, the built-in rule
//! for a missing tag fires:
//!
//! ```
//! use std::time::Duration;
//!
//! use pullstop_core::engine::{Effect, Engine, Input, Outcome, Source};
//! use pullstop_core::plugin::Profile;
//! use pullstop_core::pod::{
//!     ContainerKind, ContainerSnapshot, ContainerState, Overrides, Owner, Phase, PodSnapshot, ResourceVersion,
//!     RestartPolicy,
//! };
//! use pullstop_core::policy::{Mode, Policy};
//! use pullstop_core::time::Timestamp;
//!
//! /// The pod as a watch shows it in this version, with this error.
//! fn show(engine: &mut Engine, now: Timestamp, version: u64, message: &str) {
//!     let container = ContainerSnapshot {
//!         kind: ContainerKind::Main,
//!         name: "main",
//!         image: "registry.example/app:v9",
//!         state: ContainerState::Waiting { reason: "ErrImagePull", message },
//!         restart_count: 0,
//!         ran: false,
//!         memory: None,
//!     };
//!     let pod = PodSnapshot {
//!         uid: "25211a4d-4d58-4a9b-a33e-9a4ba10994e2",
//!         namespace: "demo",
//!         name: "app",
//!         resource_version: ResourceVersion(version),
//!         created_at: None,
//!         deleting: false,
//!         owner: Some(Owner { kind: "Job", name: "app" }),
//!         restart_policy: RestartPolicy::Never,
//!         node: Some("node-a"),
//!         phase: Phase::Pending,
//!         kubelet_agreed: false,
//!         overrides: Overrides::default(),
//!         containers: &[container],
//!         image_volumes: &[],
//!     };
//!     engine.handle(now, Input::Pod { pod: &pod, source: Source::Watch });
//! }
//!
//! /// Carries out what the engine asks for: every write succeeds. The causes for which pods were failed.
//! fn drain(engine: &mut Engine, now: Timestamp) -> Vec<String> {
//!     let mut failed = Vec::new();
//!     while let Some(effect) = engine.poll() {
//!         let (pod, version) = match effect {
//!             Effect::Fail(decision) => {
//!                 failed.push(decision.cause.to_string());
//!                 (decision.pod, decision.resource_version)
//!             }
//!             Effect::Remember { pod, resource_version, .. } => (pod, resource_version),
//!             _ => continue,
//!         };
//!         let outcome = Outcome::Accepted(version);
//!         engine.handle(now, Input::Outcome { uid: &pod.uid(), outcome });
//!     }
//!     failed
//! }
//!
//! let policy = Policy::default().in_mode(Mode::Enforce);
//! let mut engine = Engine::new(Profile::standard(policy).unwrap());
//! let begin = Timestamp::from_millis(1_767_225_600_000);
//! let at = |seconds| begin.after(Duration::from_secs(seconds));
//!
//! for (version, seconds) in [(1, 0), (2, 30), (3, 70)] {
//!     let message = format!("registry.example/app:v9: not found (attempt {version})");
//!     show(&mut engine, at(seconds), version, &message);
//!     assert!(drain(&mut engine, at(seconds)).is_empty(), "too early");
//! }
//! let mut failed = Vec::new();
//! while let (true, Some((due, _))) = (failed.is_empty(), engine.next_deadline()) {
//!     engine.handle(due, Input::Time);
//!     failed = drain(&mut engine, due);
//! }
//! assert_eq!(failed, ["ManifestNotFound"]);
//! ```

pub mod cause;
pub mod classify;
pub mod container;
pub mod engine;
pub mod hash;
pub mod history;
pub mod image;
pub mod names;
pub mod overrides;
pub mod plugin;
pub mod pod;
pub mod policy;
pub mod rehearsal;
#[cfg(feature = "document")]
pub mod suggest;
pub mod text;
pub mod time;
#[cfg(feature = "wire")]
pub mod wire;
#[cfg(feature = "document")]
pub mod yaml;
