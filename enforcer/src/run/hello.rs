//! The first line of the log: version, cluster, namespaces, policy, addresses and Lease.

use std::time::Duration;

use serde::Deserialize;

use super::args::RunArgs;
use super::parts::Parts;
use crate::api::{Api, ApiPath, Call, rights};
use crate::connect::Cluster;
use crate::policies::opinion::NAME;

/// The start does not wait longer for the server's version.
const VERSION_TIMEOUT: Duration = Duration::from_secs(3);

/// Logs it.
pub(super) async fn say(args: &RunArgs, parts: &Parts, cluster: &Cluster) {
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        server = cluster.server,
        server_version = server_version(&parts.api).await,
        cluster = %cluster.found,
        namespaces = namespaces(args),
        policy = policy(args),
        mode = if args.dry_run { "dry run by --dry-run" } else { "set by the policy" },
        listening = %parts.listeners,
        identity = parts.identity,
        lease = lease(args, &parts.namespace),
        "started"
    );
}

fn namespaces(args: &RunArgs) -> String {
    match &args.namespace_selector {
        Some(selector) => format!("with labels {selector}"),
        None if args.namespaces.is_empty() => "all".to_owned(),
        None => args.namespaces.join(", "),
    }
}

fn policy(args: &RunArgs) -> String {
    match &args.policy {
        Some(file) => format!("file {}", file.display()),
        None if args.policy_objects => format!("objects named `{NAME}`"),
        None => "built-in, dry run".to_owned(),
    }
}

fn lease(args: &RunArgs, namespace: &str) -> String {
    if args.no_lease || args.dry_run {
        "none".to_owned()
    } else {
        format!("{namespace}/{}", args.lease)
    }
}

/// The version of the API server, or why it is not known.
async fn server_version(api: &Api) -> String {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Version {
        git_version: String,
    }
    let call = Call::get(&rights::SERVER_VERSION, ApiPath::to("/version"));
    match api.call(call, VERSION_TIMEOUT).await {
        Ok(bytes) => match serde_json::from_slice::<Version>(&bytes) {
            Ok(version) => version.git_version,
            Err(_) => "unknown: the response has no version".to_owned(),
        },
        Err(error) => format!("unknown: {error}"),
    }
}
