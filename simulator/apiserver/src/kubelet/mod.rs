//! A small kubelet: what a real one does when others write to its pods.
//!
//! It runs no containers and pulls no images. It agrees to a durable write, puts a bare status back, shuts down what is
//! deleted, and fails what has passed its active deadline. The times are those that were seen on a kubelet of
//! Kubernetes 1.36.2.

mod publish;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::task::{AbortHandle, JoinError, JoinHandle, JoinSet};

use crate::clock::{self, moment};
use crate::store::{Change, Key, Store};
use crate::value::{items, set, text};
use publish::{agree, forget_pulls, observe, sandbox_gone, terminate};

/// The user name under which it writes.
const WRITER: &str = "system:node:simulated";

/// How quickly the kubelet reacts, in the cluster's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// From a durable write until the kubelet agrees. Measured: 0.02 s mostly, at most 0.9 s.
    pub agree: Duration,
    /// From then until reason and message are back. Measured: 0.3 to 0.5 s.
    pub restore: Duration,
    /// From then until containers that never ran are terminated. Measured: 0.4 to 1 s.
    pub terminate: Duration,
    /// From a bare status until it is put back: the status manager's next round, at most 10 s, 4 s on average.
    pub put_back: Duration,
    /// From a bare status until the pod's next sync, which agrees to it if it comes before it is put back. Up to 16 s
    /// for a pod in back-off; never, if left out.
    pub sync: Option<Duration>,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            agree: Duration::from_millis(20),
            restore: Duration::from_millis(300),
            terminate: Duration::from_millis(400),
            put_back: Duration::from_secs(4),
            sync: None,
        }
    }
}

/// A kubelet at work. It stops when this is dropped.
#[derive(Debug)]
pub struct Kubelet {
    task: JoinHandle<()>,
}

impl Kubelet {
    /// Takes care of all pods of the store from now on.
    pub fn start(store: Store, timing: Timing) -> Self {
        let position = store.version();
        let follower = Follower {
            store,
            timing,
            position,
            work: JoinSet::new(),
            at_work: BTreeMap::new(),
        };
        Self {
            task: tokio::spawn(follower.run()),
        }
    }

    /// Whether it is no longer at work, which can only be for a fault of its own.
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What a write of somebody else asks of the kubelet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    /// The pod has ended; make it so.
    End,
    /// The phase was written, and nothing that wakes the pod's worker.
    PutBack,
    /// The pod is to be shut down.
    ShutDown,
    /// The pod may be active for so long.
    Deadline,
}

struct Follower {
    store: Store,
    timing: Timing,
    position: u64,
    work: JoinSet<()>,
    /// What is being done for each pod; another write may ask for something else.
    at_work: BTreeMap<Key, (Task, AbortHandle)>,
}

impl Follower {
    async fn run(mut self) {
        loop {
            self.store.past(self.position).await;
            // If changes were compacted before they were seen, they are lost on this kubelet, as on a real one that
            // was down.
            let changes = self.store.changes_since(self.position).unwrap_or_default();
            self.position = changes
                .last()
                .map_or_else(|| self.store.version(), |c| c.version);
            for change in changes {
                self.take(&change);
            }
            while let Some(done) = self.work.try_join_next() {
                if let Err(Ok(panic)) = done.map_err(JoinError::try_into_panic) {
                    // A fault of ours is to be seen, not to look like a slow kubelet.
                    std::panic::resume_unwind(panic);
                }
            }
        }
    }

    fn take(&mut self, change: &Change) {
        if change.key.resource != "pods" || !change.key.group.is_empty() {
            return;
        }
        let Some(after) = &change.after else {
            self.at_work.remove(&change.key);
            return;
        };
        if *change.by == *WRITER {
            return;
        }
        let Some(task) = asked(change.before.as_deref(), after) else {
            return;
        };
        if let Some((before, handle)) = self.at_work.get(&change.key) {
            // What has begun to end ends; only a deletion may still come in between.
            let ending = match before {
                Task::ShutDown => true,
                Task::End => task != Task::ShutDown,
                Task::PutBack | Task::Deadline => false,
            };
            if ending && !handle.is_finished() {
                return;
            }
            handle.abort();
        }
        let pod = Pod {
            store: self.store.clone(),
            timing: self.timing,
            key: change.key.clone(),
            told: Arc::clone(after),
        };
        let handle = self.work.spawn(pod.carry_out(task));
        self.at_work.insert(change.key.clone(), (task, handle));
    }
}

/// What this change asks of the kubelet, if anything.
fn asked(before: Option<&Value>, after: &Value) -> Option<Task> {
    if text(after, "/spec/nodeName").is_empty() {
        return None;
    }
    if !after["metadata"]["deletionTimestamp"].is_null() {
        return Some(Task::ShutDown);
    }
    if ["Failed", "Succeeded"].contains(&text(after, "/status/phase")) {
        let agreed = ready_reason(after).is_some_and(|reason| reason.starts_with("Pod"));
        let worker_wakes = before.is_none_or(|before| {
            let differs = |pointer: &str| before.pointer(pointer) != after.pointer(pointer);
            differs("/spec") || differs("/metadata/annotations") || differs("/metadata/labels")
        });
        return match (agreed, worker_wakes) {
            (true, _) => None,
            (false, true) => Some(Task::End),
            (false, false) => Some(Task::PutBack),
        };
    }
    let deadline = &after["spec"]["activeDeadlineSeconds"];
    let changed = before.is_none_or(|before| before["spec"]["activeDeadlineSeconds"] != *deadline);
    (deadline.is_u64() && changed).then_some(Task::Deadline)
}

fn ready_reason(pod: &Value) -> Option<&str> {
    let mut conditions = items(pod, "/status/conditions").iter();
    let ready = conditions.find(|condition| text(condition, "/type") == "Ready")?;
    Some(text(ready, "/reason"))
}

/// One pod that is taken care of.
struct Pod {
    store: Store,
    timing: Timing,
    key: Key,
    /// The pod as the kubelet was told of it.
    told: Arc<Value>,
}

impl Pod {
    async fn carry_out(self, task: Task) {
        match task {
            Task::End => self.end(self.timing.agree).await,
            Task::PutBack => self.put_back().await,
            Task::ShutDown => self.shut_down().await,
            Task::Deadline => self.deadline().await,
        }
    }

    /// Agrees that the pod has ended, in three steps, as a real kubelet publishes them.
    async fn end(&self, after: Duration) {
        self.wait(after).await;
        let (reason, message) = (
            text(&self.told, "/status/reason"),
            text(&self.told, "/status/message"),
        );
        self.update(|pod| {
            let status = &mut pod["status"];
            // Put back by nobody: once the worker knows, the phase stays.
            status["phase"] = self.told["status"]["phase"].clone();
            set(status, "reason", None);
            set(status, "message", None);
            agree(pod);
        });
        self.wait(self.timing.restore).await;
        let now = self.now();
        self.update(|pod| {
            for (member, value) in [("reason", reason), ("message", message)] {
                let value = Some(value)
                    .filter(|value| !value.is_empty())
                    .map(Value::from);
                set(&mut pod["status"], member, value);
            }
            sandbox_gone(pod, &now);
        });
        self.wait(self.timing.terminate).await;
        self.update(terminate);
    }

    /// The status manager finds that the status is not its own, unless the worker wakes before.
    async fn put_back(&self) {
        if let Some(sync) = self
            .timing
            .sync
            .filter(|sync| *sync <= self.timing.put_back)
        {
            return self.end(sync).await;
        }
        self.wait(self.timing.put_back).await;
        self.update(|pod| {
            let status = &mut pod["status"];
            status["phase"] = "Pending".into();
            set(status, "reason", None);
            set(status, "message", None);
        });
    }

    async fn shut_down(&self) {
        self.wait(self.timing.agree).await;
        self.update(|pod| {
            observe(pod);
            forget_pulls(pod);
        });
        self.wait(self.timing.restore).await;
        let now = self.now();
        self.update(|pod| sandbox_gone(pod, &now));
        self.wait(self.timing.terminate).await;
        self.update(|pod| {
            pod["status"]["phase"] = "Failed".into();
            terminate(pod);
        });
        self.update(|pod| pod["metadata"]["deletionGracePeriodSeconds"] = 0.into());
        self.store.delete(&self.key, WRITER);
    }

    async fn deadline(&self) {
        let seconds = self.told["spec"]["activeDeadlineSeconds"]
            .as_u64()
            .unwrap_or(0);
        let active = moment(text(&self.told, "/status/startTime"))
            .map_or(Duration::ZERO, |started| {
                self.store.clock().now().since(started)
            });
        let left = Duration::from_secs(seconds).saturating_sub(active);
        self.wait(left.max(self.timing.agree)).await;
        let message = "Pod was active on the node longer than the specified deadline";
        self.update(|pod| {
            pod["status"]["phase"] = "Failed".into();
            pod["status"]["reason"] = "DeadlineExceeded".into();
            pod["status"]["message"] = message.into();
            agree(pod);
        });
        self.wait(self.timing.terminate).await;
        self.update(terminate);
    }

    /// Writes, if the pod is still the one that the kubelet was told of.
    fn update(&self, how: impl FnOnce(&mut Value)) {
        self.store.update(&self.key, WRITER, |pod| {
            if pod["metadata"]["uid"] == self.told["metadata"]["uid"] {
                how(pod);
            }
        });
    }

    async fn wait(&self, time: Duration) {
        self.store.clock().sleep(time).await;
    }

    fn now(&self) -> String {
        clock::text(self.store.clock().now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use pullstop_core::time::Timestamp;
    use serde_json::json;

    fn start(timing: Timing) -> (Store, Key, Kubelet) {
        let store = Store::new(Clock::from(Timestamp::from_millis(0)));
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"nodeName": "n"},
            "status": {
                "phase": "Pending", "startTime": "1970-01-01T00:00:00Z",
                "conditions": [{"type": "Ready", "status": "False", "reason": "ContainersNotReady"}],
                "containerStatuses": [{"name": "a", "state": {"waiting": {"reason": "ImagePullBackOff"}}}],
            },
        });
        store.put(pod, "test").unwrap();
        let kubelet = Kubelet::start(store.clone(), timing);
        (store, Key::pod("default", "p"), kubelet)
    }

    fn fail(store: &Store, key: &Key, durable: bool) {
        store.update(key, "test", |pod| {
            pod["status"]["phase"] = "Failed".into();
            pod["status"]["reason"] = "ImagePullFailed".into();
            if durable {
                pod["metadata"]["annotations"] = json!({"a": "b"});
            }
        });
    }

    async fn after(store: &Store, key: &Key, millis: u64) -> Value {
        tokio::time::sleep(Duration::from_millis(millis)).await;
        Value::clone(&store.get(key).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_durable_write_is_agreed_to_and_then_made_so() {
        let (store, key, _kubelet) = start(Timing::default());
        fail(&store, &key, true);
        let agreed = after(&store, &key, 100).await;
        assert_eq!(ready_reason(&agreed), Some("PodFailed"));
        assert_eq!(text(&agreed, "/status/reason"), "");
        let done = after(&store, &key, 1000).await;
        assert_eq!(text(&done, "/status/reason"), "ImagePullFailed");
        let code = &done["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"];
        assert_eq!(*code, 137);
    }

    #[tokio::test(start_paused = true)]
    async fn a_bare_status_is_put_back_unless_a_sync_comes_first() {
        let (store, key, _kubelet) = start(Timing::default());
        fail(&store, &key, false);
        assert_eq!(
            text(&after(&store, &key, 3000).await, "/status/phase"),
            "Failed"
        );
        let back = after(&store, &key, 2000).await;
        assert_eq!(text(&back, "/status/phase"), "Pending");
        assert_eq!(text(&back, "/status/reason"), "");

        let sync = Some(Duration::from_secs(1));
        let (store, key, _kubelet) = start(Timing {
            sync,
            ..Timing::default()
        });
        fail(&store, &key, false);
        let agreed = after(&store, &key, 1500).await;
        assert_eq!(ready_reason(&agreed), Some("PodFailed"));
        assert_eq!(
            text(&after(&store, &key, 9000).await, "/status/phase"),
            "Failed"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_durable_write_wakes_the_worker_after_a_bare_one() {
        let (store, key, _kubelet) = start(Timing::default());
        fail(&store, &key, false);
        tokio::time::sleep(Duration::from_secs(1)).await;
        fail(&store, &key, true);
        assert_eq!(
            ready_reason(&after(&store, &key, 100).await),
            Some("PodFailed")
        );
        assert_eq!(
            text(&after(&store, &key, 9000).await, "/status/phase"),
            "Failed"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_fails_the_pod_in_its_own_name() {
        let (store, key, _kubelet) = start(Timing::default());
        store.update(&key, "test", |pod| {
            pod["spec"]["activeDeadlineSeconds"] = 5.into();
        });
        assert_eq!(
            text(&after(&store, &key, 4000).await, "/status/phase"),
            "Pending"
        );
        let failed = after(&store, &key, 2000).await;
        assert_eq!(text(&failed, "/status/reason"), "DeadlineExceeded");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_deleted_is_gone_after_a_while() {
        let (store, key, _kubelet) = start(Timing::default());
        store.update(&key, "test", |pod| {
            pod["metadata"]["deletionTimestamp"] = "1970-01-01T00:00:30Z".into();
        });
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(store.get(&key).is_none());
    }
}
