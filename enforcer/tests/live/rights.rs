//! What `deploy/` allows is what the enforcer asks for: nothing less, and nothing more.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{recorded, start};

/// Verb, group, resource.
type Right = (String, String, String);

#[tokio::test(start_paused = true)]
async fn the_rights_in_deploy_are_those_that_are_used() {
    let used = used().await;
    let base = granted("base/rbac.yaml");
    let mut all = base.clone();
    for (overlay, only) in [
        ("deadline", rights(&[("patch", "", "pods")])),
        (
            "annotations",
            rights(&[("get", "batch", "jobs"), ("get", "", "namespaces")]),
        ),
        ("shard", rights(&[("list", "", "namespaces")])),
    ] {
        let more = granted(&format!("overlays/{overlay}/rbac.yaml"));
        assert_eq!(more, only, "{overlay}");
        assert!(base.is_disjoint(&more), "{overlay}");
        all.extend(more);
    }
    assert_eq!(used, all);
}

fn rights(all: &[(&str, &str, &str)]) -> BTreeSet<Right> {
    let owned = |(verb, group, resource): &(&str, &str, &str)| {
        (
            (*verb).to_owned(),
            (*group).to_owned(),
            (*resource).to_owned(),
        )
    };
    all.iter().map(owned).collect()
}

/// All that a replica asks for while a Job's pod fails, is put back, and is failed by its deadline.
async fn used() -> BTreeSet<Right> {
    let (recording, cluster) = recorded("job-plain");
    let (clock, name) = (recording.clock(), recording.name.clone());
    let object = |name: &str, namespace: Value| {
        let spec = json!({"mode": "Enforce", "putBack": {"maxWrites": 1, "fallback": "ActiveDeadlineSeconds"}});
        json!({"metadata": {"name": name, "namespace": namespace}, "spec": spec})
    };
    cluster.put_policy(object("default", Value::Null));
    cluster.put_policy(object("default", json!("default")));
    let metadata = json!({"name": "default", "labels": {"shard": "a"}});
    cluster.put_object(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}));
    let policies = pullstop_enforcer::policies::built_in();
    let args = [
        "--policy-objects",
        "--annotations-of=jobs,namespaces",
        "--namespace-selector=shard=a",
    ];
    let replica = start(&cluster, clock, "a", policies, &args);
    tokio::spawn(recording.play(cluster.clone(), clock));
    loop {
        sleep(Duration::from_millis(700)).await;
        let Some(pod) = cluster.pod(&name) else {
            continue;
        };
        if pod["status"]["phase"] == "Failed" {
            cluster.edit(&name, |pod| pod["status"]["phase"] = json!("Pending"));
        }
        if pod["spec"]["activeDeadlineSeconds"] == 1 {
            break;
        }
    }
    replica.stop().await;
    let requests = cluster.state().requests.clone();
    requests
        .iter()
        .map(|(method, path)| right(method, path))
        .collect()
}

/// The right that a request needs, as the API server's authorizer sees it.
fn right(method: &str, path: &str) -> Right {
    let (folders, query) = path.split_once('?').unwrap_or((path, ""));
    let mut folders = folders
        .trim_matches('/')
        .split('/')
        .skip_while(|folder| *folder != "api" && *folder != "apis");
    let group = if folders.next() == Some("apis") {
        folders.next().unwrap()
    } else {
        ""
    };
    let mut rest: Vec<&str> = folders.skip(1).collect();
    if rest[0] == "namespaces" && rest.len() > 2 {
        rest.drain(..2);
    }
    let resource = match rest.as_slice() {
        [resource, _, subresource] => format!("{resource}/{subresource}"),
        _ => rest[0].to_owned(),
    };
    let verb = match method {
        "GET" if query.contains("watch=1") => "watch",
        "GET" if rest.len() == 1 => "list",
        "GET" => "get",
        "PATCH" => "patch",
        "POST" => "create",
        other => panic!("{other} {path}"),
    };
    (verb.to_owned(), group.to_owned(), resource)
}

/// The rights that a file of `deploy/` grants.
fn granted(file: &str) -> BTreeSet<Right> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../deploy")
        .join(file);
    let text = std::fs::read_to_string(file).unwrap();
    let objects: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
    let rules = objects
        .iter()
        .flat_map(|object| object["rules"].as_array().into_iter().flatten());
    let strings = |list: &Value| -> Vec<String> {
        list.as_array()
            .unwrap()
            .iter()
            .map(|text| text.as_str().unwrap().to_owned())
            .collect()
    };
    let mut all = BTreeSet::new();
    for rule in rules {
        for group in strings(&rule["apiGroups"]) {
            for resource in strings(&rule["resources"]) {
                all.extend(
                    strings(&rule["verbs"])
                        .into_iter()
                        .map(|verb| (verb, group.clone(), resource.clone())),
                );
            }
        }
    }
    all
}
