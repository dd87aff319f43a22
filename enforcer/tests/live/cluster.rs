//! A cluster made of functions: pods, Leases and events behind kube's client, with faults on demand.
//!
//! It answers like a real API server as far as the enforcer asks: pages, selectors, watches from a version, preconditions,
//! strategic merges by condition type. Time is tokio's, which tests pause.

mod answers;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, channel::Channel};
use hyper::body::Bytes;
use hyper::{Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::watch;

use self::answers::{failure, merge_conditions, ok, overload, query, selects, whole};

type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// The cluster.
#[derive(Clone)]
pub(crate) struct Cluster {
    state: Arc<Mutex<State>>,
    version: Arc<watch::Sender<u64>>,
}

/// What there is.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) pods: BTreeMap<(String, String), Value>,
    pub(crate) leases: BTreeMap<String, Value>,
    pub(crate) policies: Vec<Value>,
    /// Those of namespaces.
    pub(crate) own_policies: Vec<Value>,
    pub(crate) events: Vec<Value>,
    /// Objects of other kinds, by path.
    pub(crate) others: BTreeMap<&'static str, Value>,
    /// Method and path of every request.
    pub(crate) requests: Vec<(String, String)>,
    pub(crate) faults: Vec<Fault>,
    /// What time it is, if the server says so.
    pub(crate) clock: Option<pullstop_enforcer::clock::Clock>,
    /// Watches from an earlier version are too old.
    pub(crate) compacted: u64,
    /// Watches tell nothing at all.
    pub(crate) is_mute: bool,
    /// Each page of a list leads to this one.
    pub(crate) next_page: Option<&'static str>,
    /// How long requests about single pods take.
    pub(crate) latency: Duration,
    version: u64,
    history: Vec<Change>,
}

struct Change {
    version: u64,
    old: Option<Value>,
    new: Option<Value>,
}

/// Something that goes wrong.
pub(crate) struct Fault {
    pub(crate) method: &'static str,
    /// Part of the path.
    pub(crate) path: &'static str,
    /// How often.
    pub(crate) times: usize,
    pub(crate) how: How,
}

#[derive(Clone, Copy)]
pub(crate) enum How {
    /// This status, perhaps with `Retry-After`.
    Status(u16, Option<u64>),
    /// No answer, and nothing done.
    Silence,
    /// What is asked for is done, but nobody hears of it.
    LostAnswer,
    /// A body that is no JSON.
    Garbage,
    /// 429 from what is in front of all requests, with `Retry-After`.
    Overload(u64),
}

impl Cluster {
    pub(crate) fn new() -> Self {
        let state = State {
            version: 100,
            ..State::default()
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            version: Arc::new(watch::channel(100).0),
        }
    }

    /// A client; `cut_off` makes it a client that reaches nothing while that is true.
    pub(crate) fn client(&self, cut_off: &watch::Sender<bool>) -> Client {
        let (cluster, cut_off) = (self.clone(), cut_off.subscribe());
        let service = tower::service_fn(move |request: Request<Body>| {
            let (cluster, mut cut_off) = (cluster.clone(), cut_off.clone());
            async move {
                if cut_off.wait_for(|cut| !cut).await.is_err() {
                    std::future::pending::<()>().await;
                }
                Ok::<_, Infallible>(cluster.answer(request).await)
            }
        });
        Client::new(service, "pullstop")
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn pod(&self, name: &str) -> Option<Value> {
        self.state()
            .pods
            .get(&("default".to_owned(), name.to_owned()))
            .cloned()
    }

    /// Puts a pod, or takes it away.
    pub(crate) fn put(&self, name: &str, pod: Option<Value>) {
        self.put_in("default", name, pod);
    }

    /// The same in another namespace.
    pub(crate) fn put_in(&self, namespace: &str, name: &str, pod: Option<Value>) {
        self.state()
            .put((namespace.to_owned(), name.to_owned()), pod);
        self.publish();
    }

    /// Restores a state of another time: the same pods, at this version. Watches go on in silence.
    pub(crate) fn restore(&self, version: u64) {
        let mut state = self.state();
        state.version = version;
        state.history.clear();
        for pod in state.pods.values_mut() {
            pod["metadata"]["resourceVersion"] = json!(version.to_string());
        }
    }

    /// Changes a pod.
    pub(crate) fn edit(&self, name: &str, edit: impl FnOnce(&mut Value)) {
        let mut pod = self.pod(name).unwrap();
        edit(&mut pod);
        self.put(name, Some(pod));
    }

    pub(crate) fn fault(&self, method: &'static str, path: &'static str, times: usize, how: How) {
        self.state().faults.push(Fault {
            method,
            path,
            times,
            how,
        });
    }

    /// How many requests there were of this kind.
    pub(crate) fn requests(&self, method: &str, path: &str) -> usize {
        self.state()
            .requests
            .iter()
            .filter(|(m, p)| m == method && p.contains(path))
            .count()
    }

    fn publish(&self) {
        let version = self.state().version;
        self.version.send_replace(version);
    }

    /// Answers one request.
    pub(crate) async fn answer<B>(&self, request: Request<B>) -> Answer
    where
        B: hyper::body::Body<Data = Bytes>,
        B::Error: std::fmt::Debug,
    {
        let (method, path) = (request.method().to_string(), request.uri().to_string());
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let how = {
            let mut state = self.state();
            state.requests.push((method.clone(), path.clone()));
            let hit = |f: &&mut Fault| f.times > 0 && f.method == method && path.contains(f.path);
            state.faults.iter_mut().find(hit).map(|fault| {
                fault.times -= 1;
                fault.how
            })
        };
        match how {
            Some(How::Status(code, retry_after)) => return failure(code, retry_after),
            Some(How::Silence) => std::future::pending().await,
            Some(How::Garbage) => return whole(200, "{\"items\": <html>"),
            Some(How::Overload(seconds)) => return overload(seconds),
            Some(How::LostAnswer) | None => {}
        }
        let latency = self.state().latency;
        if path.contains("/pods/") && !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let mut answer = if path.contains("watch=1") {
            self.watch(&path)
        } else {
            self.state().request(&method, &path, &body)
        };
        super::date(&mut answer, self.state().clock);
        self.publish();
        if matches!(how, Some(How::LostAnswer)) {
            std::future::pending::<()>().await;
        }
        answer
    }

    fn watch(&self, path: &str) -> Answer {
        let selector = query(path, "fieldSelector");
        let mut from: u64 = query(path, "resourceVersion").parse().unwrap();
        let lasts = Duration::from_secs(query(path, "timeoutSeconds").parse().unwrap());
        let (mut sender, body) = Channel::<Bytes, Infallible>::new(16);
        let (cluster, mut version) = (self.clone(), self.version.subscribe());
        let until = tokio::time::Instant::now() + lasts;
        tokio::spawn(async move {
            loop {
                version.borrow_and_update();
                if cluster.state().is_mute {
                    tokio::time::sleep_until(until).await;
                    return;
                }
                let lines = cluster.state().since(&mut from, &selector);
                for line in lines {
                    let ends = line["type"] == "ERROR";
                    if sender
                        .send_data(Bytes::from(format!("{line}\n")))
                        .await
                        .is_err()
                        || ends
                    {
                        return;
                    }
                }
                if tokio::time::timeout_at(until, version.changed())
                    .await
                    .is_err()
                {
                    let bookmark = json!({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": cluster.state().version.to_string()}}});
                    let _ = sender.send_data(Bytes::from(format!("{bookmark}\n"))).await;
                    return;
                }
            }
        });
        Response::new(body.boxed_unsync())
    }
}

impl State {
    fn put(&mut self, key: (String, String), pod: Option<Value>) -> u64 {
        self.version += 1;
        let version = self.version;
        let pod = pod.map(|mut pod| {
            pod["metadata"]["resourceVersion"] = json!(version.to_string());
            pod
        });
        let old = match &pod {
            Some(pod) => self.pods.insert(key, pod.clone()),
            None => self.pods.remove(&key),
        };
        self.history.push(Change {
            version,
            old,
            new: pod,
        });
        version
    }

    /// What a watch says of the changes after `from`.
    fn since(&self, from: &mut u64, selector: &str) -> Vec<Value> {
        if *from < self.compacted {
            let status =
                json!({"kind": "Status", "message": "too old resource version", "code": 410});
            return vec![json!({"type": "ERROR", "object": status})];
        }
        let mut lines = Vec::new();
        for change in self.history.iter().filter(|change| change.version > *from) {
            let matching = |pod: &&Value| selects(selector, pod);
            let (old, new) = (
                change.old.as_ref().filter(matching),
                change.new.as_ref().filter(matching),
            );
            let (kind, object) = match (old, new) {
                (None, None) => continue,
                (None, Some(new)) => ("ADDED", new.clone()),
                (Some(_), Some(new)) => ("MODIFIED", new.clone()),
                (Some(old), None) => {
                    let mut gone = old.clone();
                    gone["metadata"]["resourceVersion"] = json!(change.version.to_string());
                    ("DELETED", gone)
                }
            };
            lines.push(json!({"type": kind, "object": object}));
        }
        *from = (*from).max(self.version);
        lines
    }

    fn request(&mut self, method: &str, path: &str, body: &Value) -> Answer {
        let place = path.split('?').next().unwrap();
        let parts: Vec<&str> = place.trim_matches('/').split('/').collect();
        match (method, parts.as_slice()) {
            ("GET", ["api", "v1", "pods"]) => self.list(path),
            ("GET", ["api", "v1", "namespaces", namespace, "pods", name]) => {
                match self
                    .pods
                    .get(&((*namespace).to_owned(), (*name).to_owned()))
                {
                    Some(pod) => ok(pod),
                    None => failure(404, None),
                }
            }
            (
                "PATCH",
                [
                    "api",
                    "v1",
                    "namespaces",
                    namespace,
                    "pods",
                    name,
                    rest @ ..,
                ],
            ) => self.patch(
                &((*namespace).to_owned(), (*name).to_owned()),
                rest == ["status"],
                body,
            ),
            ("POST", ["apis", "events.k8s.io", "v1", "namespaces", _, "events"]) => {
                self.events.push(body.clone());
                ok(body)
            }
            (
                _,
                [
                    "apis",
                    "coordination.k8s.io",
                    "v1",
                    "namespaces",
                    _,
                    "leases",
                    name @ ..,
                ],
            ) => {
                let own = body["metadata"]["name"].as_str().unwrap_or_default();
                let name = name.first().unwrap_or(&own);
                self.lease(method, (*name).to_owned(), body)
            }
            (
                "GET",
                [
                    "apis",
                    "pullstop.dev",
                    "v1alpha1",
                    "clusterpullfailurepolicies",
                ],
            ) => ok(&json!({"items": self.policies})),
            ("GET", ["apis", "pullstop.dev", "v1alpha1", "pullfailurepolicies"]) => {
                ok(&json!({"items": self.own_policies}))
            }
            (
                "PATCH",
                [
                    "apis",
                    "pullstop.dev",
                    "v1alpha1",
                    place @ ..,
                    name,
                    "status",
                ],
            ) => {
                let own = place.first() == Some(&"namespaces");
                let policies = if own {
                    &mut self.own_policies
                } else {
                    &mut self.policies
                };
                let is_it = |policy: &&mut Value| policy["metadata"]["name"] == *name;
                let policy = policies.iter_mut().find(is_it).unwrap();
                policy["status"] = body["status"].clone();
                ok(policy)
            }
            _ => match self.others.get(place) {
                Some(object) => ok(object),
                None => failure(404, None),
            },
        }
    }

    fn list(&self, path: &str) -> Answer {
        let selector = query(path, "fieldSelector");
        let limit: usize = query(path, "limit").parse().unwrap();
        let skip: usize = query(path, "continue").parse().unwrap_or_default();
        let next_page = self.next_page;
        let all: Vec<&Value> = self
            .pods
            .values()
            .filter(|pod| selects(&selector, pod))
            .collect();
        let page: Vec<&Value> = all.iter().skip(skip).take(limit).copied().collect();
        let mut metadata = json!({"resourceVersion": self.version.to_string()});
        if skip + page.len() < all.len() {
            metadata["continue"] = json!((skip + page.len()).to_string());
        }
        if let Some(next) = next_page {
            metadata["continue"] = json!(next);
        }
        ok(&json!({"kind": "PodList", "metadata": metadata, "items": page}))
    }

    fn patch(&mut self, key: &(String, String), on_status: bool, patch: &Value) -> Answer {
        let Some(mut pod) = self.pods.get(key).cloned() else {
            return failure(404, None);
        };
        if patch["metadata"]["uid"] != pod["metadata"]["uid"] {
            return failure(422, None);
        }
        if patch["metadata"]["resourceVersion"] != pod["metadata"]["resourceVersion"] {
            return failure(409, None);
        }
        if on_status {
            if let Some(annotations) = patch["metadata"]["annotations"].as_object() {
                for (name, value) in annotations {
                    pod["metadata"]["annotations"][name] = value.clone();
                }
            }
            for (name, value) in patch["status"].as_object().unwrap() {
                if name == "conditions" {
                    merge_conditions(&mut pod, value.as_array().unwrap());
                } else {
                    pod["status"][name] = value.clone();
                }
            }
        } else {
            pod["spec"]["activeDeadlineSeconds"] = patch["spec"]["activeDeadlineSeconds"].clone();
        }
        self.put(key.clone(), Some(pod));
        ok(&self.pods[key])
    }

    fn lease(&mut self, method: &str, name: String, body: &Value) -> Answer {
        self.version += 1;
        let version = json!(self.version.to_string());
        match (method, self.leases.get_mut(&name)) {
            ("GET", Some(lease)) => ok(lease),
            ("POST", None) => {
                let mut lease = body.clone();
                lease["metadata"]["resourceVersion"] = version;
                ok(self.leases.entry(name).or_insert(lease))
            }
            ("PATCH", Some(lease))
                if body["metadata"]["resourceVersion"] == lease["metadata"]["resourceVersion"] =>
            {
                for (field, value) in body["spec"].as_object().unwrap() {
                    lease["spec"][field] = value.clone();
                }
                lease["metadata"]["resourceVersion"] = version;
                ok(lease)
            }
            ("POST" | "PATCH", Some(_)) => failure(409, None),
            _ => failure(404, None),
        }
    }
}
