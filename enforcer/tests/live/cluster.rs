//! The simulated API server behind kube's client, and in front of it what tests want to go wrong between the two.
//!
//! What is put into the cluster is stored as it is, as a kubelet or an administrator would have it stored. Time is tokio's,
//! which tests pause.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Bytes;
use hyper::{Request, Response};
use kube::Client;
use kube::client::Body;
use pullstop_apiserver::{Api, Auth, Body as Answer, Clock, Cut, Fault, Faults, Key, Rule, Store};
use pullstop_core::policy::document::{CLUSTER_KIND, NAMESPACED_KIND};
use pullstop_core::time::Timestamp;
use pullstop_enforcer::clock;
use pullstop_enforcer::crds::definition;
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// Who puts things into the cluster.
const ADMINISTRATOR: &str = "administrator";

/// The cluster. Copies are handles to the same one.
#[derive(Clone)]
pub(crate) struct Cluster {
    /// What goes wrong in the server itself.
    faults: Faults,
    state: Arc<Mutex<State>>,
}

/// What there is, and what was asked for.
pub(crate) struct State {
    store: Store,
    /// Method and path of every request.
    pub(crate) requests: Vec<(String, String)>,
    /// What goes wrong in front of the server.
    pub(crate) faults: Vec<FaultInFront>,
    /// Each page of a list leads to this one.
    pub(crate) next_page: Option<&'static str>,
    /// Lists say where the next page begins before they say what is on this one, as Go writes them.
    pub(crate) metadata_first: bool,
    /// Watches tell nothing at all until their timeout.
    pub(crate) is_mute: bool,
    /// What is told in place of what is stored: what no server stores, but another may tell.
    pub(crate) retold: Option<(&'static str, &'static str)>,
}

/// Something that goes wrong.
pub(crate) struct FaultInFront {
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
    /// A cluster whose time begins some day in 2026.
    pub(crate) fn new() -> Self {
        Self::since(Timestamp::from_millis(1_795_000_000_000))
    }

    /// A cluster whose time begins at this moment.
    pub(crate) fn since(began: Timestamp) -> Self {
        let state = State {
            store: Store::new(Clock::from(began)),
            requests: Vec::new(),
            faults: Vec::new(),
            next_page: None,
            metadata_first: false,
            is_mute: false,
            retold: None,
        };
        let cluster = Self {
            faults: Faults::default(),
            state: Arc::new(Mutex::new(state)),
        };
        for kind in [CLUSTER_KIND, NAMESPACED_KIND] {
            cluster.put_object(definition(kind));
        }
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "pullstop"}});
        cluster.put_object(namespace);
        cluster
    }

    /// A clock that shows the cluster's time.
    pub(crate) fn clock(&self) -> clock::Clock {
        clock::Clock::starting_at(self.store().clock().now())
    }

    pub(crate) fn client(&self) -> Client {
        let cluster = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let cluster = cluster.clone();
            async move { cluster.answer(request).await }
        });
        Client::new(service, "pullstop")
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn store(&self) -> Store {
        self.state().store.clone()
    }

    pub(crate) fn faults(&self) -> Faults {
        self.faults.clone()
    }

    pub(crate) fn get(&self, key: &Key) -> Option<Value> {
        Some(Value::clone(&*self.store().get(key)?))
    }

    /// Puts an object of any kind, in place of what has its name.
    pub(crate) fn put_object(&self, object: Value) {
        self.store().put(object, ADMINISTRATOR).unwrap();
    }

    pub(crate) fn pod(&self, name: &str) -> Option<Value> {
        self.get(&Key::pod("default", name))
    }

    /// All pods of a namespace.
    pub(crate) fn pods_in(&self, namespace: &str) -> Vec<Arc<Value>> {
        let mut pods = self.store().objects("", "pods");
        pods.retain(|pod| pod["metadata"]["namespace"] == namespace);
        pods
    }

    /// Puts a pod.
    pub(crate) fn put(&self, name: &str, pod: Value) {
        self.put_in("default", name, pod);
    }

    /// The same in another namespace. Another uid is that of a namesake, which comes when the old pod is gone.
    pub(crate) fn put_in(&self, namespace: &str, name: &str, mut pod: Value) {
        let (key, store) = (Key::pod(namespace, name), self.store());
        let uid = |pod: &Value| pod["metadata"]["uid"].clone();
        if store.get(&key).is_some_and(|old| uid(&old) != uid(&pod)) {
            store.delete(&key, ADMINISTRATOR);
        }
        for (member, value) in [("apiVersion", "v1"), ("kind", "Pod")] {
            pod[member] = value.into();
        }
        for (member, value) in [("name", name), ("namespace", namespace)] {
            pod["metadata"][member] = value.into();
        }
        self.put_object(pod);
    }

    /// Changes a pod.
    pub(crate) fn edit(&self, name: &str, edit: impl FnOnce(&mut Value)) {
        let mut pod = self.pod(name).unwrap();
        edit(&mut pod);
        self.put(name, pod);
    }

    /// What the Lease holds; null if there is none.
    pub(crate) fn lease(&self) -> Value {
        self.get(&lease()).unwrap_or_default()
    }

    pub(crate) fn edit_lease(&self, edit: impl FnOnce(&mut Value)) {
        self.store().update(&lease(), ADMINISTRATOR, edit).unwrap();
    }

    /// Puts a policy: of its namespace, if it has one, else of the cluster.
    pub(crate) fn put_policy(&self, mut policy: Value) {
        let kind = if policy["metadata"]["namespace"].is_string() {
            NAMESPACED_KIND
        } else {
            CLUSTER_KIND
        };
        policy["apiVersion"] = "pullstop.dev/v1alpha1".into();
        policy["kind"] = kind.into();
        self.put_object(policy);
    }

    /// A policy of the cluster.
    pub(crate) fn policy(&self, name: &str) -> Option<Value> {
        let plural = "clusterpullfailurepolicies";
        self.get(&Key::of("pullstop.dev", plural, "", name))
    }

    /// All events, oldest first, as clients read them.
    pub(crate) async fn events(&self) -> Vec<Value> {
        let request = Request::get("/apis/events.k8s.io/v1/events");
        let answer = self
            .api()
            .answer(request.body(Body::empty()).unwrap())
            .await;
        let mut list: Value = serde_json::from_slice(&whole_body(answer.unwrap()).await).unwrap();
        let mut events = std::mem::take(list["items"].as_array_mut().unwrap());
        let version = |event: &Value| {
            let version = event["metadata"]["resourceVersion"].as_str();
            version.unwrap().parse::<u64>().unwrap()
        };
        events.sort_by_key(version);
        events
    }

    /// Restores a state of another time: the same objects, from this version on. Watches go on in silence.
    pub(crate) fn restore(&self, version: u64) {
        let old = self.store();
        let new = Store::new(old.clock());
        new.advance(version);
        for namespace in ["", "default", "pullstop"] {
            for key in old.keys_in(namespace) {
                new.put(Value::clone(&old.get(&key).unwrap()), ADMINISTRATOR)
                    .unwrap();
            }
        }
        self.state().store = new;
    }

    /// Forgets all changes so far.
    pub(crate) fn compact(&self) {
        let store = self.store();
        store.compact(store.version());
    }

    /// Requests about single pods take so long.
    pub(crate) fn slow_down(&self, millis: u64) {
        for (verb, resource) in [("get", "pods"), ("patch", "pods"), ("patch", "pods/status")] {
            self.faults
                .add(Rule::on(verb, resource, Fault::Delay { millis }));
        }
    }

    /// From now on, so many such requests go wrong in this way.
    pub(crate) fn fault(&self, method: &'static str, path: &'static str, times: usize, how: How) {
        self.state().faults.push(FaultInFront {
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

    fn api(&self) -> Api {
        Api::new(self.store(), Auth::open(), self.faults())
    }

    /// Answers one request, unless something goes wrong with it on the way.
    async fn answer(&self, mut request: Request<Body>) -> Result<Response<Answer>, Cut> {
        let (method, path) = (request.method().to_string(), request.uri().to_string());
        let how = {
            let mut state = self.state();
            state.requests.push((method.clone(), path.clone()));
            let hit =
                |f: &&mut FaultInFront| f.times > 0 && f.method == method && path.contains(f.path);
            state.faults.iter_mut().find(hit).map(|fault| {
                fault.times -= 1;
                fault.how
            })
        };
        match how {
            Some(How::Status(code, retry_after)) => return Ok(refusal(code, retry_after)),
            Some(How::Silence) => std::future::pending().await,
            Some(How::Garbage) => return Ok(whole(200, "{\"items\": <html>")),
            Some(How::Overload(seconds)) => return Ok(overload(seconds)),
            Some(How::LostAnswer) | None => {}
        }
        let is_page = path.contains("limit=");
        if self.state().is_mute && path.contains("watch=1") {
            return Ok(Response::new(mute(&path)));
        }
        if is_page && self.state().next_page.is_some() {
            let first = path.split("&continue=").next().unwrap();
            *request.uri_mut() = first.parse().unwrap();
        }
        let answer = self.api().answer(request).await?;
        if matches!(how, Some(How::LostAnswer)) {
            std::future::pending::<()>().await;
        }
        let answer = if is_page {
            self.page(answer).await
        } else {
            answer
        };
        let retold = self.state().retold;
        Ok(match retold {
            Some(words) => answer.map(|body| retell(body, words)),
            None => answer,
        })
    }

    /// A page of a list as it is to be told.
    async fn page(&self, page: Response<Answer>) -> Response<Answer> {
        let (next_page, metadata_first) = {
            let state = self.state();
            (state.next_page, state.metadata_first)
        };
        if next_page.is_none() && !metadata_first {
            return page;
        }
        let mut list: Value = serde_json::from_slice(&whole_body(page).await).unwrap();
        if let Some(next) = next_page {
            list["metadata"]["continue"] = next.into();
        }
        let text = if metadata_first {
            let (metadata, items) = (&list["metadata"], &list["items"]);
            format!(r#"{{"kind":"PodList","metadata":{metadata},"items":{items}}}"#)
        } else {
            list.to_string()
        };
        whole(200, &text)
    }
}

fn lease() -> Key {
    Key::of("coordination.k8s.io", "leases", "pullstop", "pullstop")
}

/// A watch that tells nothing until its timeout.
fn mute(path: &str) -> Answer {
    let mut pairs = path.split(['?', '&']);
    let timeout = pairs.find_map(|pair| pair.strip_prefix("timeoutSeconds="));
    let lasts = Duration::from_secs(timeout.unwrap().parse().unwrap());
    let (sender, lines) = mpsc::channel(1);
    tokio::spawn(async move {
        let _ = tokio::time::timeout(lasts, sender.closed()).await;
    });
    Answer::Lines(lines)
}

/// The same with other words in it.
fn retell(body: Answer, (stored, told): (&'static str, &'static str)) -> Answer {
    let other = move |bytes: Bytes| -> Bytes {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        text.replace(stored, told).into()
    };
    match body {
        Answer::Whole(bytes) => Answer::Whole(other(bytes)),
        Answer::Lines(mut lines) => {
            let (sender, retold) = mpsc::channel(1);
            tokio::spawn(async move {
                while let Some(line) = lines.recv().await {
                    if sender.send(line.map(other)).await.is_err() {
                        return;
                    }
                }
            });
            Answer::Lines(retold)
        }
        Answer::Silent => Answer::Silent,
    }
}

async fn whole_body(answer: Response<Answer>) -> Bytes {
    answer.into_body().collect().await.unwrap().to_bytes()
}

fn refusal(code: u16, retry_after: Option<u64>) -> Response<Answer> {
    let status = json!({"kind": "Status", "message": format!("fault {code}"), "code": code});
    let mut answer = whole(code, &status.to_string());
    if let Some(seconds) = retry_after {
        answer.headers_mut().insert("retry-after", seconds.into());
    }
    answer
}

/// 429 from what is in front of all requests.
fn overload(seconds: u64) -> Response<Answer> {
    let mut answer = whole(429, "Too many requests, please try again later.\n");
    answer.headers_mut().insert("retry-after", seconds.into());
    answer
}

fn whole(code: u16, text: &str) -> Response<Answer> {
    let mut answer = Response::new(Answer::Whole(Bytes::from(text.to_owned())));
    *answer.status_mut() = code.try_into().unwrap();
    answer
}
