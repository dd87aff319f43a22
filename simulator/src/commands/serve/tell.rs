//! The live log of `serve`: one line for each change in the life of a pod or a Job.

use std::io::{self, Write};

use pullstop_apiserver::{Change, Store};
use pullstop_core::time::{Human, Timestamp};
use serde_json::Value;

use super::whole;
use crate::style::{self, BAD, BOLD, DIM, GOOD};

/// Prints the changes in a store, each once.
#[derive(Debug)]
pub(super) struct Teller {
    store: Store,
    began: Timestamp,
    position: u64,
}

impl Teller {
    /// Prints changes of this store; times count from now.
    pub(super) fn new(store: Store) -> Self {
        Self {
            began: store.clock().now(),
            store,
            position: 0,
        }
    }

    /// Prints until `out` fails; returns the error.
    pub(super) async fn follow(&mut self, out: &mut dyn Write) -> io::Error {
        loop {
            if let Err(error) = self.tell_new(out) {
                return error;
            }
            self.store.past(self.position).await;
        }
    }

    /// Prints what has changed since the last call.
    pub(super) fn tell_new(&mut self, out: &mut dyn Write) -> io::Result<()> {
        // What is forgotten before it is read is not told.
        let changes = self.store.changes_since(self.position).unwrap_or_default();
        self.position = self.store.version();
        let elapsed = self.store.clock().now().since(self.began);
        for change in &changes {
            tell(change, Human(whole(elapsed)), out)?;
        }
        Ok(())
    }
}

fn tell(change: &Change, elapsed: Human, out: &mut dyn Write) -> io::Result<()> {
    let (kind, says): (_, fn(&Value) -> String) = match change.key.resource.as_str() {
        "pods" => ("pod", pod),
        "jobs" => ("job", job),
        _ => return Ok(()),
    };
    let before = change.before.as_deref().map(says).unwrap_or_default();
    let after = change.after.as_deref();
    let after = after.map_or_else(|| "deleted".to_owned(), says);
    if before == after {
        return Ok(());
    }
    let elapsed = elapsed.to_string();
    let style = match after.as_str() {
        text if text.starts_with("Failed") => BAD,
        text if text.starts_with("Complete") || text.starts_with("Succeeded") => GOOD,
        _ => DIM,
    };
    let name = format!("{}/{}", change.key.namespace, change.key.name);
    let (name, after) = (style::one_line(&name), style::one_line(&after));
    writeln!(
        out,
        "{DIM}{elapsed:>9}{DIM:#}  {kind} {BOLD}{name}{BOLD:#}  {style}{after}{style:#}"
    )?;
    out.flush()
}

/// The phase, and for what it waits.
fn pod(pod: &Value) -> String {
    let text = |pointer: &str| pod.pointer(pointer).and_then(Value::as_str);
    let phase = text("/status/phase").unwrap_or("Pending");
    let why = match phase {
        "Pending" => waiting(pod),
        _ => text("/status/reason"),
    };
    why.map_or_else(|| phase.to_owned(), |why| format!("{phase} ({why})"))
}

fn waiting(pod: &Value) -> Option<&str> {
    ["initContainerStatuses", "containerStatuses"]
        .iter()
        .filter_map(|list| pod["status"][list].as_array())
        .flatten()
        .find_map(|status| status["state"]["waiting"]["reason"].as_str())
}

/// The last of its conditions that is true, or what it is at.
fn job(job: &Value) -> String {
    let conditions = job["status"]["conditions"].as_array();
    let mut on = conditions
        .into_iter()
        .flatten()
        .filter(|one| one["status"] == "True");
    match on.next_back() {
        Some(condition) => {
            let kind = condition["type"].as_str().unwrap_or_default();
            match condition["reason"].as_str() {
                Some(reason) if kind != "Suspended" => format!("{kind} ({reason})"),
                _ => kind.to_owned(),
            }
        }
        None if job["spec"]["suspend"] == true => "Suspended".to_owned(),
        None => "Active".to_owned(),
    }
}
