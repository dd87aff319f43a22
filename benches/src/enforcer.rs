//! The enforcer without what does not matter for its speed: leases, policies in files, a page of metrics.

use std::sync::Arc;
use std::time::Duration;

use pullstop_core::policy::{Mode, Policies, Policy};
use pullstop_core::time::Timestamp;
use pullstop_enforcer::api::{Api, ApiPath, Call, rights};
use pullstop_enforcer::clock::Clock;
use pullstop_enforcer::drive::{Driver, Links, RunLimits, selector};
use pullstop_enforcer::lease::Claim;
use pullstop_enforcer::metrics::Metrics;
use pullstop_enforcer::pods::announce::Announcer;
use pullstop_enforcer::pods::feed::{FEED_EVENTS_MAX, Feed};
use pullstop_enforcer::pods::wire;
use pullstop_enforcer::pods::write::Writer;
use tokio::sync::{Notify, mpsc, watch};

/// Lists and watches pods, and judges them, until `done`. At the end everything that was seen has been taken in, and
/// what was to be written is written, if the replica `leads`.
///
/// # Panics
/// If the built-in policy is not valid, which a test rules out.
pub async fn enforce(
    api: Api,
    metrics: &Arc<Metrics>,
    leads: bool,
    done: impl Future<Output = ()>,
) {
    let policies = Policies::from(Policy::default().in_mode(Mode::Enforce));
    let claim = Claim {
        until: leads.then_some(Timestamp::NEVER),
        stopped: false,
    };
    let (_policies, policies_seen) = watch::channel(policies.clone());
    let (_claim, claim_seen) = watch::channel(claim);
    let (_stop, stop_seen) = watch::channel(false);
    let (_questions, asked) = mpsc::channel(1);
    let (selector, selector_seen) = watch::channel(selector(&policies));
    let (events, events_seen) = mpsc::channel(FEED_EVENTS_MAX);
    let relist = Arc::new(Notify::new());

    let identity = "bench".to_owned();
    let (announcer, announcements) = Announcer::new(api.clone(), Arc::clone(metrics), identity);
    let clock = Clock::start();
    let writer = Writer::new(
        api.clone(),
        clock,
        claim_seen.clone(),
        Arc::clone(metrics),
        announcements,
        Vec::new(),
    );
    let limits = RunLimits {
        ceiling: Mode::Enforce,
        namespaces: Vec::new(),
    };
    let driver = Driver::new(
        policies,
        limits,
        clock,
        Arc::new(writer),
        Arc::clone(metrics),
    )
    .expect("the built-in policy is valid");
    let feed = Feed {
        api,
        metrics: Arc::clone(metrics),
        selector: selector_seen,
        relist: Arc::clone(&relist),
        events,
    };
    let switch = watch::channel(None).1;
    let links = Links {
        switch,
        events: events_seen,
        policies: policies_seen,
        namespaces: watch::channel(None).1,
        claim: claim_seen,
        selector,
        relist,
        questions: asked,
        stop: stop_seen,
    };
    tokio::spawn(announcer.run());
    // First, as in `enforcer run`: what it asks for is in force before pods are listed.
    let driving = tokio::spawn(driver.run(links));
    let feeding = tokio::spawn(feed.run());
    done.await;
    // The driver takes in what has arrived, and ends for want of more.
    feeding.abort();
    driving.await.expect("the driver does not panic");
}

/// Reads the list of all pods that wait, page after page, as the enforcer asks for it, and throws it away.
///
/// Returns how many bytes it has.
///
/// # Panics
/// If the API server does not answer.
pub async fn read_all(api: &Api) -> usize {
    let list = ApiPath::to("/api/v1/pods")
        .with("limit", 500)
        .with("fieldSelector", "status.phase=Pending");
    let (mut path, mut bytes) = (list.clone(), 0);
    loop {
        let call = Call::get(&rights::LIST_PODS, path);
        let page = api.call(call, Duration::from_secs(60)).await;
        let page = page.expect("the page can be read");
        bytes += page.len();
        let next = wire::next_page(&page).expect("it stands in front of the pods");
        if next.is_empty() {
            return bytes;
        }
        path = list.clone().with("continue", next);
    }
}
