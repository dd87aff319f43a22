//! A Kubernetes API for tests and demonstrations: HTTP in front of objects in memory.
//!
//! ```text
//!            ┌──────── api ────────┐
//!  client ──▶│ auth ▸ faults ▸ ... │──▶ list, watch ──▶ store ◀── kubelet, or a cluster
//!            └─────────────────────┘──▶ write, patch ─▶
//! ```
//!
//! `docs/serve.md` says what it does and what it does not do. A test begins like this:
//!
//! ```
//! use pullstop_apiserver::{Clock, Key, Kubelet, Options, Server, Store, Timing};
//! use serde_json::json;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = Store::new(Clock::wall());
//! let pod = json!({
//!     "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "typo", "namespace": "demo"},
//!     "status": {"phase": "Pending"},
//! });
//! store.put(pod, "test")?;
//! let kubelet = Kubelet::start(store.clone(), Timing::default());
//! let server = Server::start(store.clone(), Options::default()).await?;
//! // A client of `server.url()` does its work; what it wrote is found in the store.
//! let pod = store.get(&Key::pod("demo", "typo")).expect("nobody has deleted it");
//! assert_eq!(pod["status"]["phase"], "Pending");
//! server.stop().await;
//! # Ok(())
//! # }
//! ```

mod admin;
mod admission;
mod answer;
mod api;
mod asked;
mod auth;
mod below;
mod body;
pub mod clock;
mod convert;
mod discovery;
pub mod disruption;
mod event;
mod faults;
mod fields;
mod form;
mod gate;
mod go_json;
mod job;
mod kinds;
mod kubeconfig;
mod kubelet;
mod lease;
mod list;
mod logs;
mod metadata;
mod names;
mod openapi;
mod patch;
pub mod pod;
mod query;
mod request;
mod resources;
mod rules;
mod schema;
mod selectors;
mod server;
mod status;
mod stop;
mod store;
mod table;
mod types;
pub mod value;
mod watch;
mod write;

pub use self::admission::{Admission, GroupResource};
pub use self::api::Api;
pub use self::auth::{ANONYMOUS, Auth, Permission};
pub use self::body::{Body, Cut};
pub use self::clock::Clock;
pub use self::faults::{Fault, Faults, Rule};
pub use self::job::QUEUE_LABEL;
pub use self::kubeconfig::kubeconfig;
pub use self::kubelet::{Kubelet, Timing};
pub use self::server::{Options, Running, Server};
pub use self::store::{Change, Compacted, Key, Store, UnknownObject};
