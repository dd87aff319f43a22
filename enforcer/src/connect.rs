//! Finds the cluster from the kubeconfig file, as `kubectl` does, or from inside a pod.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig};
use pullstop_core::text::printable;

use crate::api::{Api, Name};
use crate::input;
use crate::metrics::Metrics;

/// Which cluster, and as whom.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct ClusterArgs {
    /// The kubeconfig file; by default those that KUBECONFIG names, then ~/.kube/config, then the cluster that the
    /// program runs in
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig file to use instead of its current one
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
}

/// Which cluster, and which of its namespaces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct ConnectArgs {
    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Only this namespace
    #[arg(
        long,
        short,
        value_name = "NAMESPACE",
        conflicts_with = "all_namespaces"
    )]
    pub namespace: Option<Name>,
    /// All namespaces, which is the default
    #[arg(long, short = 'A')]
    pub all_namespaces: bool,
}

/// The cluster that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// The API server's URL.
    pub server: String,
    /// What led there.
    pub found: Found,
    /// The namespace that the program runs in, or that the context names.
    pub namespace: Option<String>,
}

/// What led to a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The program runs in it.
    Inside,
    /// A context of a kubeconfig file.
    Context {
        /// Its name.
        name: String,
        /// What it calls the cluster.
        cluster: String,
    },
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inside => f.write_str("in-cluster"),
            Self::Context { name, cluster } => write!(
                f,
                "`{}` by context `{}`",
                printable(cluster),
                printable(name)
            ),
        }
    }
}

impl ClusterArgs {
    /// Finds the cluster, and prepares to ask it.
    ///
    /// # Errors
    /// Says why there is none.
    pub async fn connect(&self, metrics: Arc<Metrics>) -> Result<(Api, Cluster), String> {
        let (mut config, cluster) = self.find().await?;
        config.apply_debug_overrides();
        Ok((Api::connect(config, metrics)?, cluster))
    }

    async fn find(&self) -> Result<(Config, Cluster), String> {
        let Some(kubeconfig) = self.kubeconfig()? else {
            return self.inside();
        };
        let chosen = self.context.as_ref();
        let Some(name) = chosen.or(kubeconfig.current_context.as_ref()).cloned() else {
            return Err(
                "no cluster: the kubeconfig file has no current context; name one with --context"
                    .to_owned(),
            );
        };
        let contexts = kubeconfig.contexts.iter();
        let names: Vec<String> = contexts.clone().map(|c| c.name.clone()).collect();
        let context = contexts
            .filter(|context| context.name == name)
            .find_map(|context| context.context.clone())
            .ok_or_else(|| no_context(&name, &names))?;
        let options = KubeConfigOptions {
            context: Some(name.clone()),
            ..KubeConfigOptions::default()
        };
        let config = Config::from_custom_kubeconfig(kubeconfig, &options)
            .await
            .map_err(|error| format!("no cluster: context `{}`: {error}", printable(&name)))?;
        let cluster = Cluster {
            server: config.cluster_url.to_string(),
            found: Found::Context {
                name,
                cluster: context.cluster,
            },
            namespace: context.namespace.filter(|name| !name.is_empty()),
        };
        Ok((config, cluster))
    }

    /// The kubeconfig to use, if there is one: an unusable one is never skipped, since what comes after it
    /// is another cluster.
    fn kubeconfig(&self) -> Result<Option<Kubeconfig>, String> {
        if let Some(file) = &self.kubeconfig {
            return read(file).map(Some);
        }
        let named = std::env::var_os("KUBECONFIG").unwrap_or_default();
        let named: Vec<PathBuf> = std::env::split_paths(&named)
            .filter(|path| !path.as_os_str().is_empty())
            .collect();
        if named.is_empty() {
            let usual = std::env::home_dir().map(|home| home.join(".kube/config"));
            return usual
                .filter(|file| file.exists())
                .map(|file| read(&file))
                .transpose();
        }
        let mut all = Kubeconfig::default();
        for file in &named {
            all = all
                .merge(read(file)?)
                .map_err(|error| format!("no cluster: {}: {error}", file.display()))?;
        }
        Ok(Some(all))
    }

    /// The cluster that the program runs in.
    fn inside(&self) -> Result<(Config, Cluster), String> {
        if let Some(context) = &self.context {
            return Err(format!(
                "no cluster: there is no kubeconfig file with a context `{}`: name one with --kubeconfig",
                printable(context)
            ));
        }
        let config = Config::incluster().map_err(|_| {
            "no cluster: there is no kubeconfig file, and this does not run in a cluster: set KUBECONFIG or give \
             --kubeconfig"
                .to_owned()
        })?;
        let cluster = Cluster {
            server: config.cluster_url.to_string(),
            found: Found::Inside,
            namespace: Some(config.default_namespace.clone()),
        };
        Ok((config, cluster))
    }
}

fn no_context(name: &str, names: &[String]) -> String {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let hint = pullstop_core::suggest::hint(name, &names);
    printable(&format!("no cluster: there is no context `{name}`: {hint}")).into_owned()
}

/// Reads one kubeconfig file; of a pipe the text, of a file also the places of what it refers to.
fn read(file: &Path) -> Result<Kubeconfig, String> {
    let name = input::name(file);
    let located = |error: String| format!("no cluster: {name}: {error}");
    let read = if input::check_regular(file).is_ok() {
        Kubeconfig::read_from(file)
    } else {
        Kubeconfig::from_yaml(&input::read_text(file).map_err(located)?)
    };
    read.map_err(|error| located(printable(&error.to_string()).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    /// A kubeconfig file with two clusters.
    fn two_clusters(name: &str) -> PathBuf {
        let file =
            std::env::temp_dir().join(format!("pullstop-kubeconfig-{name}-{}", std::process::id()));
        let text = "
apiVersion: v1
kind: Config
current-context: test
clusters:
- {name: east, cluster: {server: 'http://127.0.0.1:1'}}
- {name: west, cluster: {server: 'http://127.0.0.1:2'}}
contexts:
- {name: test, context: {cluster: east, user: me, namespace: team}}
- {name: production, context: {cluster: west, user: me}}
users:
- {name: me, user: {}}
";
        std::fs::write(&file, text).unwrap();
        file
    }

    fn args(file: &Path, context: Option<&str>) -> ClusterArgs {
        let (kubeconfig, context) = (Some(file.to_owned()), context.map(str::to_owned));
        ClusterArgs {
            kubeconfig,
            context,
        }
    }

    #[tokio::test]
    async fn the_context_chooses_the_cluster() {
        let file = two_clusters("choice");
        for (context, server, found, namespace) in [
            (
                None,
                "http://127.0.0.1:1/",
                "`east` by context `test`",
                Some("team"),
            ),
            (
                Some("production"),
                "http://127.0.0.1:2/",
                "`west` by context `production`",
                None,
            ),
        ] {
            let (_, cluster) = args(&file, context).find().await.unwrap();
            assert_eq!(cluster.server, server);
            assert_eq!(cluster.found.to_string(), found);
            assert_eq!(cluster.namespace.as_deref(), namespace);
        }
    }

    #[tokio::test]
    async fn what_is_wrong_is_said_and_no_other_cluster_is_taken() {
        let file = two_clusters("wrong");
        let absent = std::env::temp_dir().join("pullstop-no-such-kubeconfig");
        for (args, expected) in [
            (
                args(&file, Some("prodution")),
                "no cluster: there is no context `prodution`: did you mean `production`?"
                    .to_owned(),
            ),
            (
                args(&absent, None),
                format!("no cluster: {}: no such file", absent.display()),
            ),
            (
                args(Path::new("/dev/zero"), None),
                "no cluster: /dev/zero: this is a device: name a file".to_owned(),
            ),
        ] {
            assert_eq!(args.find().await.unwrap_err(), expected);
        }
    }

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        connect: ConnectArgs,
    }

    #[test]
    fn flags_are_those_of_kubectl() {
        let parse =
            |args: &str| Command::try_parse_from(std::iter::once("x").chain(args.split(' ')));
        let connect = parse("-n team --context c --kubeconfig f").unwrap().connect;
        assert_eq!(connect.namespace.as_ref().map(Name::as_str), Some("team"));
        assert_eq!(connect.cluster.context.as_deref(), Some("c"));
        assert_eq!(connect.cluster.kubeconfig.as_deref(), Some(Path::new("f")));
        assert!(parse("-A").unwrap().connect.all_namespaces);
        assert!(parse("-A -n team").is_err());
    }
}
