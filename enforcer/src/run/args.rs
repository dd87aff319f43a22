//! Arguments of `enforcer run`.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use pullstop_core::names::LEASE;

use crate::connect::ClusterArgs;
use crate::http::{ListenAddress, Listeners};
use crate::overrides::Kind;
use crate::pods::history;

/// Arguments of `enforcer run`.
#[derive(Clone, Debug, Parser)]
#[command(
    after_help = "The cluster comes from KUBECONFIG, or is the one that the program runs in. RUST_LOG sets the log level, \
    such as `info` or `pullstop_enforcer=debug`.\n\nExit codes: 0 ended by a signal, 2 invalid input, 3 internal error."
)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of its own on the command line"
)]
pub struct RunArgs {
    /// Which cluster
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Policy file; the enforcer follows its changes
    #[arg(long, value_name = "FILE", conflicts_with = "policy_objects")]
    pub policy: Option<PathBuf>,
    /// Use the policy objects named `default` in the cluster; without one, the built-in policy in a dry run
    #[arg(long)]
    pub policy_objects: bool,
    /// Write nothing, even if the policy enforces
    #[arg(long)]
    pub dry_run: bool,
    /// Only pods of these namespaces: names, or prefixes followed by `*`. Several enforcers can share a cluster this way;
    /// each needs its own Lease
    #[arg(long, value_name = "NAMESPACE", value_delimiter = ',')]
    pub namespaces: Vec<String>,
    /// Pods of all namespaces (the default)
    #[arg(long, short = 'A', conflicts_with_all = ["namespaces", "namespace_selector"])]
    pub all_namespaces: bool,
    /// Only pods of namespaces that match this label selector, such as `shard=a` or `shard in (a, b)`. Needs the
    /// permissions of deploy/overlays/shard
    #[arg(long, value_name = "SELECTOR")]
    pub namespace_selector: Option<String>,
    /// Also read `pullstop.dev/` annotations of these. Needs the permissions of deploy/overlays/annotations
    #[arg(long, value_name = "KIND", value_enum, value_delimiter = ',')]
    pub annotations_of: Vec<Kind>,
    /// Also count failures from before the enforcer first saw the pod. Needs the permissions of deploy/overlays/history
    #[arg(long, value_name = "SOURCE", value_enum)]
    pub history: Option<history::Source>,
    /// Address for `/metrics`; `:8080` means all addresses of the machine, port 0 any free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub listen: ListenAddress,
    /// Address for `/livez` and `/readyz`; by default the port after that of `--listen`
    #[arg(long, value_name = "ADDRESS")]
    pub probes_listen: Option<ListenAddress>,
    /// Address for `/debug/state`, which shows pods and images of all namespaces without authentication
    #[arg(long, value_name = "ADDRESS")]
    pub debug_listen: Option<ListenAddress>,
    /// Name of the Lease for leader election
    #[arg(long, value_name = "NAME", default_value = LEASE)]
    pub lease: String,
    /// Namespace of the Lease; by default the namespace that the program runs in
    #[arg(long, value_name = "NAMESPACE")]
    pub lease_namespace: Option<String>,
    /// Run without leader election; there must be no other replica
    #[arg(long)]
    pub no_lease: bool,
    /// Use the clock of a cluster of `simulator serve`, which may be fast; no other cluster works
    #[arg(long, requires = "no_lease")]
    pub simulated: bool,
    /// Log format
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

impl RunArgs {
    /// Opens all addresses.
    pub(super) async fn listeners(&self) -> Result<Listeners, String> {
        let probes = self.probes_listen.clone();
        let probes = probes.unwrap_or_else(|| self.listen.next_port());
        Ok(Listeners {
            metrics: Some(self.listen.listen().await?),
            probes: Some(probes.listen().await?),
            debug: match &self.debug_listen {
                Some(address) => Some(address.listen().await?),
                None => None,
            },
        })
    }
}

/// The log format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Plain text
    Text,
    /// One JSON object per line
    Json,
}
