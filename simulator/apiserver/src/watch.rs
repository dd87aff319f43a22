//! Watches: what has changed since a version, and what changes from now on.

use std::time::Duration;

use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::body::Cut;
use super::convert;
use super::faults::StreamPlan;
use super::form::Form;
use super::query::Query;
use super::resources::Resource;
use super::selectors::Selector;
use super::status::Failure;
use super::stop::stopped;
use super::store::{Change, Compacted, Key, Store, at_version};

/// How long a watch lasts if the client does not say; the API server's `--min-request-timeout`.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(30 * 60);
/// How often a quiet watch says how far it is.
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);
/// The last bookmark comes so long before the end.
const LAST_BOOKMARK: Duration = Duration::from_secs(2);

/// How long what was said has to get out, before the connection is cut.
const CUT_AFTER: Duration = Duration::from_millis(20);

/// A watch that is about to begin.
pub(super) struct Watch {
    store: Store,
    resource: Resource,
    namespace: String,
    selector: Selector,
    form: Form,
    query: Query,
    plan: StreamPlan,
    /// Everything up to this version has been said.
    position: u64,
    /// Begin with all objects.
    initial: bool,
}

/// Why a watch ends before its time.
enum End {
    /// The client has gone, or the server goes.
    Gone,
    /// The connection is to be cut.
    Cut,
}

impl Watch {
    /// Prepares a watch of a resource, in one namespace or, with an empty one, in all.
    pub(super) fn new(
        store: &Store,
        resource: &Resource,
        namespace: &str,
        query: Query,
        form: Form,
        plan: StreamPlan,
    ) -> Result<Self, Failure> {
        let asked = query.version()?.filter(|version| *version > 0);
        let initial =
            asked.is_none() && !query.refuses_initial_events() || query.send_initial_events;
        let now = store.version();
        Ok(Self {
            selector: Selector::parse(resource, &query.label_selector, &query.field_selector)?,
            // All objects may be newer than what is asked for, changes may not.
            position: asked.map_or(now, |asked| if initial { asked.max(now) } else { asked }),
            initial,
            store: store.clone(),
            resource: resource.clone(),
            namespace: namespace.to_owned(),
            form,
            query,
            plan,
        })
    }

    /// Says what there is to say, until the timeout, or until nobody listens.
    pub(super) async fn run(
        mut self,
        lines: mpsc::Sender<Result<Bytes, Cut>>,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut out = Out {
            plan: self.plan,
            lines: lines.clone(),
            events: 0,
        };
        let ended = tokio::select! {
            biased;
            ended = self.follow(&mut out) => ended,
            () = stopped(&mut stop) => Err(End::Gone),
            () = lines.closed() => Err(End::Gone),
        };
        if matches!(ended, Err(End::Cut)) {
            // What was said is to get out before the line is cut.
            tokio::time::sleep(CUT_AFTER).await;
            // A client that has gone does not notice.
            let _ = lines.send(Err(Cut)).await;
        }
    }

    async fn follow(&mut self, out: &mut Out) -> Result<(), End> {
        let started = Instant::now();
        let end = started + self.query.timeout.unwrap_or(TIMEOUT_DEFAULT);
        let last = end
            .checked_sub(LAST_BOOKMARK)
            .filter(|last| *last > started);
        let mut bookmark = next_bookmark(started, last);
        if self.initial
            && let Err(compacted) = self.say_all(out).await?
        {
            return self.say_expired(compacted, out).await;
        }
        loop {
            out.between_events().await?;
            if let Err(compacted) = self.say_changes(out).await? {
                return self.say_expired(compacted, out).await;
            }
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(end) => return Ok(()),
                () = self.store.past(self.position) => {}
                () = tokio::time::sleep_until(bookmark), if self.query.allow_bookmarks => {
                    self.say_bookmark(false, out).await?;
                    bookmark = next_bookmark(Instant::now(), last);
                }
            }
        }
    }

    /// All objects as they are when the watch begins; an error if that is not known any more.
    async fn say_all(&mut self, out: &mut Out) -> Result<Result<(), Compacted>, End> {
        self.store.past(self.position.saturating_sub(1)).await;
        let of = Key::of(self.resource.storage_group(), &self.resource.plural, "", "");
        let objects = match self.store.objects_at(&of, self.position) {
            Ok(objects) => objects,
            Err(compacted) => return Ok(Err(compacted)),
        };
        for (key, object) in objects {
            if self.is_here(&key) && self.selector.matches(&object) {
                self.say("ADDED", &object, out).await?;
            }
        }
        if self.query.send_initial_events && self.query.allow_bookmarks {
            self.say_bookmark(true, out).await?;
        }
        Ok(Ok(()))
    }

    /// What has happened since the last time; an error if that is not known.
    async fn say_changes(&mut self, out: &mut Out) -> Result<Result<(), Compacted>, End> {
        let seen = self.store.version();
        let changes = match self.store.changes_since(self.position) {
            Ok(changes) => changes,
            Err(compacted) => return Ok(Err(compacted)),
        };
        for change in changes {
            self.say_change(&change, out).await?;
            self.position = change.version;
        }
        self.position = self.position.max(seen);
        Ok(Ok(()))
    }

    async fn say_change(&mut self, change: &Change, out: &mut Out) -> Result<(), End> {
        if !self.is_here(&change.key) {
            return Ok(());
        }
        let selected = |object: &&std::sync::Arc<Value>| self.selector.matches(object);
        let before = change.before.as_ref().filter(selected);
        match (before, change.after.as_ref().filter(selected)) {
            (None, Some(after)) => self.say("ADDED", after, out).await,
            (Some(_), Some(after)) => self.say("MODIFIED", after, out).await,
            // What leaves the selection is told as deleted, in its old state.
            (Some(before), None) => {
                let gone = at_version(before, change.version);
                self.say("DELETED", &gone, out).await
            }
            (None, None) => Ok(()),
        }
    }

    fn is_here(&self, key: &Key) -> bool {
        key.group == self.resource.storage_group()
            && key.resource == self.resource.plural
            && (self.namespace.is_empty() || key.namespace == self.namespace)
    }

    async fn say(&mut self, kind: &str, object: &Value, out: &mut Out) -> Result<(), End> {
        let served = convert::served(&self.resource, object);
        let shown = self
            .form
            .event(&self.resource, served, self.store.clock().now());
        out.event(kind, &shown).await
    }

    async fn say_bookmark(&mut self, initial_end: bool, out: &mut Out) -> Result<(), End> {
        let version = self.position.min(self.store.version());
        let mut object = json!({
            "kind": self.resource.kind, "apiVersion": self.resource.api_version(),
            "metadata": {"resourceVersion": version.to_string()},
        });
        if initial_end {
            object["metadata"]["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        for member in ["spec", "status"] {
            complete_bookmark(&self.resource, member, &mut object);
        }
        let object = if self.resource.is_core("events") {
            convert::served(&self.resource, &object)
        } else {
            object
        };
        let now = self.store.clock().now();
        let shown = self.form.bookmark(&self.resource, object, now);
        out.line("BOOKMARK", &shown).await
    }

    async fn say_expired(&self, compacted: Compacted, out: &mut Out) -> Result<(), End> {
        let (from, oldest) = (self.position, compacted.oldest);
        let message = format!("too old resource version: {from} ({oldest})");
        out.line("ERROR", &Failure::expired(message).body()).await
    }
}

/// An empty object of some kinds, as Go prints it.
fn complete_bookmark(resource: &Resource, member: &str, object: &mut Value) {
    let shown = match (resource.plural.as_str(), member) {
        ("pods", "spec") => json!({"containers": null}),
        ("jobs", "spec") => json!({"template": {"metadata": {}, "spec": {"containers": null}}}),
        ("leases", "spec") | ("nodes" | "namespaces", _) | ("pods" | "jobs", "status") => json!({}),
        _ => return,
    };
    if !resource.custom {
        object[member] = shown;
    }
}

fn next_bookmark(now: Instant, last: Option<Instant>) -> Instant {
    let regular = now + BOOKMARK_EVERY;
    match last {
        Some(last) if last > now => regular.min(last),
        _ => regular,
    }
}

/// Where lines go, with what is to go wrong on the way.
struct Out {
    lines: mpsc::Sender<Result<Bytes, Cut>>,
    plan: StreamPlan,
    events: u32,
}

impl Out {
    async fn event(&mut self, kind: &str, object: &Value) -> Result<(), End> {
        self.between_events().await?;
        if self.is_due(self.plan.truncate_after) {
            let line = line(kind, object);
            self.send(line.slice(..line.len() / 2)).await?;
            return Err(End::Cut);
        }
        self.events += 1;
        if self.plan.duplicate {
            self.line(kind, object).await?;
        }
        self.line(kind, object).await
    }

    /// What may go wrong without another event.
    async fn between_events(&self) -> Result<(), End> {
        if self.is_due(self.plan.mute_after) {
            std::future::pending::<()>().await;
        }
        if self.is_due(self.plan.gone_after) {
            let gone = Failure::expired("too old resource version");
            self.line("ERROR", &gone.body()).await?;
            return Err(End::Gone);
        }
        Ok(())
    }

    fn is_due(&self, after: Option<u32>) -> bool {
        after.is_some_and(|after| self.events >= after)
    }

    async fn line(&self, kind: &str, object: &Value) -> Result<(), End> {
        self.send(line(kind, object)).await
    }

    async fn send(&self, bytes: Bytes) -> Result<(), End> {
        self.lines.send(Ok(bytes)).await.map_err(|_| End::Gone)
    }
}

/// One event; its type comes first, so that clients know it before they read the object.
fn line(kind: &str, object: &Value) -> Bytes {
    format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n").into()
}
