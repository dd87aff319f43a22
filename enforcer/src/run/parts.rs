//! The parts of a running enforcer, and how they are connected.

use std::collections::BTreeSet;
use std::sync::Arc;

use pullstop_core::time::Timestamp;
use tokio::sync::{Notify, mpsc, watch};

use super::args::RunArgs;
use crate::api::Api;
use crate::clock::Clock;
use crate::drive::{Driver, Question, RunLimits};
use crate::http::{self, Listeners, Pages};
use crate::lease::{Candidate, Claim, Stop};
use crate::metrics::Metrics;
use crate::namespaces::Namespaces;
use crate::pods::announce::{Announcements, Announcer};
use crate::pods::feed::{Feed, FeedEvent};
use crate::pods::history::{self, Historian};
use crate::pods::write::Writer;
use crate::policies::{self, objects::Objects};
use pullstop_core::policy::Policies;

/// What the parts need.
#[derive(Debug)]
pub struct Parts {
    /// The API server.
    pub api: Api,
    /// The namespace that the program runs in.
    pub namespace: String,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The present moment.
    pub clock: Clock,
    /// What this replica calls itself: no other process may have the same name.
    pub identity: String,
    /// Where to serve metrics, probes and the state, if anywhere.
    pub listeners: Listeners,
}

impl Parts {
    pub(super) fn driver(
        &self,
        args: &RunArgs,
        first: Policies,
        limits: RunLimits,
        claim: watch::Receiver<Claim>,
        announcements: Announcements,
    ) -> Result<Driver, String> {
        let (api, metrics) = (self.api.clone(), Arc::clone(&self.metrics));
        let writer = Writer::new(
            api,
            self.clock,
            claim,
            Arc::clone(&metrics),
            announcements,
            args.annotations_of.clone(),
        );
        let historian = args
            .history
            .map(|history::Source::Events| Historian::new(self.api.clone(), self.clock));
        let driver = Driver::new(first, limits, self.clock, Arc::new(writer), metrics)?;
        Ok(driver.with_historian(historian))
    }

    pub(super) fn announcer(&self) -> (Announcer, Announcements) {
        let (api, metrics) = (self.api.clone(), Arc::clone(&self.metrics));
        Announcer::new(api, metrics, self.identity.clone())
    }

    pub(super) fn feed(
        &self,
        selector: watch::Receiver<String>,
        relist: Arc<Notify>,
        events: mpsc::Sender<FeedEvent>,
    ) -> Feed {
        let (api, metrics) = (self.api.clone(), Arc::clone(&self.metrics));
        Feed {
            api,
            metrics,
            selector,
            relist,
            events,
        }
    }

    /// Serves metrics, probes and the state, where there are listeners for them.
    pub(super) async fn show(&self, listeners: Listeners, questions: mpsc::Sender<Question>) {
        let pages = Pages {
            metrics: Arc::clone(&self.metrics),
            refusals: self.api.refusals(),
            questions,
        };
        http::serve(listeners, pages).await;
    }

    /// Follows the policies where they come from, if they can change.
    pub(super) async fn follow_policies(
        &self,
        args: &RunArgs,
        policies: watch::Sender<Policies>,
        claim: watch::Receiver<Claim>,
    ) {
        if let Some(file) = args.policy.clone() {
            policies::file::follow(file, policies, Arc::clone(&self.metrics)).await;
        } else if args.policy_objects {
            self.objects(claim).follow(policies).await;
        }
    }

    /// Follows the namespaces that are selected by their labels, if any are.
    pub(super) async fn follow_namespaces(
        &self,
        args: &RunArgs,
        selected: watch::Sender<Option<BTreeSet<String>>>,
    ) {
        if let Some(selector) = args.namespace_selector.clone() {
            let api = self.api.clone();
            let namespaces = Namespaces {
                api,
                selector,
                selected,
            };
            namespaces.follow().await;
        }
    }

    /// Takes part in the election until it is to retire; without an election, it leads forever.
    pub(super) async fn lead(
        &self,
        args: &RunArgs,
        claim: &watch::Sender<Claim>,
        switch: watch::Sender<Option<Stop>>,
        retire: watch::Receiver<bool>,
    ) {
        if args.no_lease || args.dry_run {
            claim.send_replace(Claim {
                until: Some(Timestamp::NEVER),
                stopped: false,
            });
        } else {
            self.candidate(args, switch)
                .run(claim.clone(), retire)
                .await;
        }
    }

    fn objects(&self, claim: watch::Receiver<Claim>) -> Objects {
        let (api, metrics) = (self.api.clone(), Arc::clone(&self.metrics));
        Objects {
            api,
            clock: self.clock,
            claim,
            metrics,
        }
    }

    fn candidate(&self, args: &RunArgs, switch: watch::Sender<Option<Stop>>) -> Candidate {
        Candidate {
            api: self.api.clone(),
            namespace: args
                .lease_namespace
                .clone()
                .unwrap_or_else(|| self.namespace.clone()),
            name: args.lease.clone(),
            identity: self.identity.clone(),
            clock: self.clock,
            metrics: Arc::clone(&self.metrics),
            switch,
        }
    }
}
