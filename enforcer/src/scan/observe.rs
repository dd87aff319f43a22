//! Reads what a scan needs: pods, their Events, inherited annotations, and the active policies.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use pullstop_core::pod::Overrides;
use pullstop_core::time::Timestamp;
use pullstop_core::wire::WirePod;

use super::ended::End;
use super::policies::InForce;
use crate::api::{Api, ApiError, ApiPath, Call, Name, rights};
use crate::connect::ClusterArgs;
use crate::input;
use crate::metrics::Metrics;
use crate::overrides::{Kind, Source};
use crate::pods::history::Past;
use crate::pods::pages::Pages;
use crate::pods::wire;
use crate::stuck::is_stuck;

/// How long one request may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// Events of so many pods are read at the same time.
const READS_MAX: usize = 16;

/// Which pods are wanted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted<'a> {
    /// Those that have not ended, of this namespace or of all.
    Alive(Option<&'a str>),
    /// Those that have failed, of this namespace or of all.
    Failed(Option<&'a str>),
    /// One, whatever has become of it.
    One(&'a Name, &'a Name),
}

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct View {
    /// The pods that are wanted.
    pub(super) pods: Vec<WirePod>,
    /// How the one pod has ended, if one is wanted.
    pub(super) end: Option<End>,
    /// Overrides that stuck pods inherit.
    pub(super) inherited: BTreeMap<Source, Overrides>,
    /// What Events tell, by the pod's uid.
    pub(super) pasts: BTreeMap<String, Past>,
    /// The policies, if they were asked for.
    pub(super) policies: Option<InForce>,
    /// Pods that cannot be read, and why.
    pub(super) unreadable: Vec<String>,
    /// How many more there are.
    pub(super) unnamed: usize,
    /// What could not be found out.
    pub(super) remarks: Vec<String>,
}

impl Wanted<'_> {
    fn selector(self) -> String {
        match self {
            Self::Failed(_) => "status.phase=Failed".to_owned(),
            Self::Alive(_) | Self::One(..) => wire::field_selector(&[]),
        }
    }

    fn includes(self, pod: &WirePod) -> bool {
        let metadata = &pod.metadata;
        match self {
            Self::Alive(namespace) | Self::Failed(namespace) => {
                namespace.is_none_or(|namespace| metadata.namespace == namespace)
            }
            Self::One(namespace, name) => {
                metadata.namespace == namespace.as_str() && metadata.name == name.as_str()
            }
        }
    }
}

impl View {
    /// What a file tells that `kubectl get pods -o json` has written, or `kubectl get pods,events -o json`.
    ///
    /// # Errors
    /// Says what is wrong with it, and where.
    pub(super) fn of_file(file: &Path, wanted: Wanted<'_>, now: Timestamp) -> Result<Self, String> {
        let name = input::name(file);
        let bytes = input::read(file).map_err(|error| format!("{name}: {error}"))?;
        let mut view = Self::default();
        if let Ok(pod) = wire::one_pod(&bytes) {
            view.end = End::of_pod(&bytes);
            view.pods = vec![pod];
        } else {
            let page = wire::page(bytes.clone()).map_err(|_| not_pods(&name, &bytes))?;
            view.take(page);
            view.pasts = Past::of_all(&bytes, now).unwrap_or_default();
            if let Wanted::One(namespace, pod) = wanted {
                view.end = End::in_list(&bytes, namespace.as_str(), pod.as_str());
            }
        }
        view.pods.retain(|pod| wanted.includes(pod));
        Ok(view)
    }

    /// What the cluster tells, with its policies if they are asked for.
    ///
    /// # Errors
    /// If it cannot be asked, or not for pods.
    pub(super) fn of_cluster(
        cluster: &ClusterArgs,
        wanted: Wanted<'_>,
        kinds: &[Kind],
        with_policies: bool,
        now: Timestamp,
    ) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.map_err(|error| error.to_string())?.block_on(async {
            let (api, _) = cluster.connect(Arc::new(Metrics::default())).await?;
            let mut view = Self::default();
            if with_policies {
                view.policies = Some(InForce::of_cluster(&api).await?);
            }
            view.read_pods(&api, wanted).await?;
            let stuck: BTreeSet<usize> = (0..view.pods.len())
                .filter(|at| shows_stuck(&view.pods[*at]))
                .collect();
            view.inherit(&api, &stuck, kinds).await?;
            view.recall(&api, &stuck, now).await;
            Ok(view)
        })
    }

    async fn read_pods(&mut self, api: &Api, wanted: Wanted<'_>) -> Result<(), String> {
        if let Wanted::One(namespace, name) = wanted {
            return self.read_one(api, namespace, name).await;
        }
        let selector = wanted.selector();
        let mut pages = Pages::new(api, &selector);
        while let Some(page) = pages
            .next()
            .await
            .map_err(|error| format!("cannot list pods: {error}"))?
        {
            self.take(page);
            self.pods.retain(|pod| wanted.includes(pod));
        }
        Ok(())
    }

    async fn read_one(&mut self, api: &Api, namespace: &Name, name: &Name) -> Result<(), String> {
        let path = ApiPath::in_namespace("/api/v1", namespace, "pods").name(name);
        let bytes = match api
            .call(Call::get(&rights::GET_POD, path), CALL_TIMEOUT)
            .await
        {
            Ok(bytes) => bytes,
            Err(ApiError::NotFound) => return Ok(()),
            Err(error) => {
                return Err(format!("cannot read the pod {namespace}/{name}: {error}"));
            }
        };
        self.end = End::of_pod(&bytes);
        match wire::one_pod(&bytes) {
            Ok(pod) => self.pods.push(pod),
            Err(error) => self.unreadable.push(format!("{namespace}/{name}: {error}")),
        }
        Ok(())
    }

    fn take(&mut self, page: wire::Page) {
        self.unnamed += page.damaged - page.complaints.len();
        self.unreadable.extend(page.complaints);
        self.pods.extend(page.pods);
    }

    /// Overrides that stuck pods inherit.
    async fn inherit(
        &mut self,
        api: &Api,
        stuck: &BTreeSet<usize>,
        kinds: &[Kind],
    ) -> Result<(), String> {
        let pods = stuck.iter().map(|at| &self.pods[*at]);
        let sources: BTreeSet<Source> = pods.flat_map(|pod| Source::of(pod, kinds)).collect();
        for source in sources {
            let overrides = source
                .ask(api, CALL_TIMEOUT)
                .await
                .map_err(|error| format!("cannot read the annotations of {source}: {error}"))?;
            self.inherited.insert(source, overrides);
        }
        Ok(())
    }

    /// What Events tell of stuck pods, as far as they may be read.
    async fn recall(&mut self, api: &Api, stuck: &BTreeSet<usize>, now: Timestamp) {
        let read = async |at: &usize| {
            let metadata = &self.pods[*at].metadata;
            let (namespace, uid) = (&metadata.namespace, &metadata.uid);
            (uid.clone(), Past::read(api, namespace, uid, || now).await)
        };
        let mut reads = stream::iter(stuck).map(read).buffer_unordered(READS_MAX);
        let mut pasts = BTreeMap::new();
        let mut refused = None;
        while let Some((uid, past)) = reads.next().await {
            match past {
                Ok(past) => {
                    pasts.insert(uid, past);
                }
                Err(error) => {
                    let is_final = matches!(error, ApiError::Forbidden(_));
                    refused = refused.or(Some(error));
                    if is_final {
                        break;
                    }
                }
            }
        }
        drop(reads);
        self.pasts = pasts;
        self.remarks.extend(refused.map(|error| {
            format!(
                "cannot read Events: {error}; failures and times come from the pods alone, and may be far too low"
            )
        }));
    }
}

fn shows_stuck(pod: &WirePod) -> bool {
    let shown = pod.snapshot(None, |pod| {
        !pod.phase.is_terminal() && pod.containers.iter().any(is_stuck)
    });
    shown.unwrap_or_default()
}

/// Why there are no pods in these bytes.
fn not_pods(name: &str, bytes: &[u8]) -> String {
    match serde_json::from_slice::<serde_json::Value>(bytes) {
        Err(error) => format!(
            "{name}:{}:{}: this is not JSON: {error}",
            error.line(),
            error.column()
        ),
        Ok(_) => {
            format!("{name}: it contains no pods: give the output of `kubectl get pods -A -o json`")
        }
    }
}
