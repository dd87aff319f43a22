//! A Kubernetes API for tests and demonstrations: HTTP in front of objects in memory.
//!
//! ```text
//!            ┌──────── api ────────┐
//!  client ──▶│ auth ▸ faults ▸ ... │──▶ list, watch ──▶ store ◀── kubelet, or a world
//!            └─────────────────────┘──▶ write, patch ─▶
//! ```
//!
//! `docs/serve.md` says what it does and what it does not do.

mod admin;
mod answer;
pub mod api;
pub mod auth;
pub mod body;
pub mod clock;
mod convert;
mod discovery;
pub mod faults;
mod form;
mod go_json;
mod kubeconfig;
pub mod kubelet;
mod list;
mod openapi;
mod patch;
mod pod;
mod query;
mod request;
pub mod resources;
mod rules;
mod schema;
mod selectors;
mod server;
pub mod status;
pub mod store;
mod table;
mod value;
mod watch;
mod write;

pub use self::api::Api;
pub use self::auth::{Auth, Permission};
pub use self::clock::Clock;
pub use self::faults::{Fault, Faults, Rule};
pub use self::kubeconfig::kubeconfig;
pub use self::kubelet::{Kubelet, Timing};
pub use self::server::{Options, Running, Server};
pub use self::store::{Change, Key, Store};
