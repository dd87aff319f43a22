//! What `enforcer run` is told on its command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use pullstop_core::names::LEASE;

use crate::connect::ClusterArgs;
use crate::http::{ListenAddress, Listeners};
use crate::overrides::Kind;
use crate::pods::history;

/// What `enforcer run` is told.
#[derive(Clone, Debug, Parser)]
#[command(
    after_help = "The cluster is the one that KUBECONFIG names, or the one that the program runs in. RUST_LOG sets what \
    is logged, such as `info` or `pullstop_enforcer=debug`.\n\nExit codes: 0 ended by a signal, 2 invalid input, 3 internal error."
)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of its own on the command line"
)]
pub struct RunArgs {
    /// Which cluster
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Policy to judge by; it may change while the program runs
    #[arg(long, value_name = "FILE", conflicts_with = "policy_objects")]
    pub policy: Option<PathBuf>,
    /// Judge by the policy objects called `default` in the cluster; without any, the built-in rules in a dry run
    #[arg(long)]
    pub policy_objects: bool,
    /// Write nothing, whatever the policy says
    #[arg(long)]
    pub dry_run: bool,
    /// Only pods of these namespaces: names, or beginnings of names followed by `*`. Several enforcers can share a
    /// cluster so; each needs a Lease of its own
    #[arg(long, value_name = "NAMESPACE", value_delimiter = ',')]
    pub namespaces: Vec<String>,
    /// Pods of all namespaces, which is the default
    #[arg(long, short = 'A', conflicts_with_all = ["namespaces", "namespace_selector"])]
    pub all_namespaces: bool,
    /// Only pods of namespaces with such labels, such as `shard=a` or `shard in (a, b)`. Takes the rights of
    /// deploy/overlays/shard
    #[arg(long, value_name = "SELECTOR")]
    pub namespace_selector: Option<String>,
    /// Read `pullstop.dev/` annotations of these too, and not of pods only. Takes the rights of
    /// deploy/overlays/annotations
    #[arg(long, value_name = "KIND", value_enum, value_delimiter = ',')]
    pub annotations_of: Vec<Kind>,
    /// Read what was before a pod was first seen failing, so that pods that were stuck before this runs are judged by that
    /// too. Takes the rights of deploy/overlays/history
    #[arg(long, value_name = "SOURCE", value_enum)]
    pub history: Option<history::Source>,
    /// Where `/metrics` is served: `:8080` is on all addresses of the machine, port 0 any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub listen: ListenAddress,
    /// Where `/livez` and `/readyz` are served; by default one port behind that of `--listen`
    #[arg(long, value_name = "ADDRESS")]
    pub probes_listen: Option<ListenAddress>,
    /// Where `/debug/state` is served, to anybody who asks: it names pods and images of all namespaces
    #[arg(long, value_name = "ADDRESS")]
    pub debug_listen: Option<ListenAddress>,
    /// Name of the Lease that replicas agree by
    #[arg(long, value_name = "NAME", default_value = LEASE)]
    pub lease: String,
    /// Namespace of the Lease; by default the one that the program runs in
    #[arg(long, value_name = "NAMESPACE")]
    pub lease_namespace: Option<String>,
    /// Run without a Lease: there must be no other replica
    #[arg(long)]
    pub no_lease: bool,
    /// The cluster is one of `simulator serve`: its clock counts, which may be fast. Refused by any other cluster
    #[arg(long, requires = "no_lease")]
    pub simulated: bool,
    /// How to log
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

/// How logs look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// For programs: one JSON object a line
    Json,
}
