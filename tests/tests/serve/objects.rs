//! Writes of all kinds, lists and what a CRD brings.

use pullstop_apiserver::Key;
use serde_json::{Value, json};

use super::client::{APPLY, Answer, Client, JSON, JSON_PATCH, MERGE, STRATEGIC};

const PODS: &str = "/api/v1/namespaces/demo/pods";
const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/demo/leases";
const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

async fn patch(client: &Client, kind: &str, patch: Value) -> Answer {
    client
        .ask("PATCH", &format!("{PODS}/a/status"), kind, &patch)
        .await
}

#[tokio::test(start_paused = true)]
async fn each_kind_of_patch_reaches_the_status() {
    let client = Client::new();
    client.put("a", "Pending");
    let merged = patch(&client, MERGE, json!({"status": {"message": "m"}})).await;
    assert_eq!(
        (merged.status, &merged.body["status"]["message"]),
        (200, &json!("m"))
    );
    let conditions = json!({"status": {"conditions": [{"type": "A", "status": "True"}]}});
    patch(&client, STRATEGIC, conditions).await;
    let conditions = json!({"status": {"conditions": [{"type": "B", "status": "True"}]}});
    let strategic = patch(&client, STRATEGIC, conditions.clone()).await;
    assert_eq!(
        strategic.body["status"]["conditions"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    // A merge patch replaces lists, which is why nobody should use one for conditions.
    let merged = patch(&client, MERGE, conditions).await;
    assert_eq!(
        merged.body["status"]["conditions"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let operations = json!([{"op": "replace", "path": "/status/phase", "value": "Failed"}]);
    let json = patch(&client, JSON_PATCH, operations).await;
    assert_eq!(json.body["status"]["phase"], "Failed");
    let path = format!("{PODS}/a/status?fieldManager=m");
    let yaml = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nstatus: {reason: R}\n";
    let applied = client.ask("PATCH", &path, APPLY, &yaml.into()).await;
    assert_eq!(
        (applied.status, &applied.body["status"]["reason"]),
        (200, &json!("R"))
    );
    let manager = &applied.body["metadata"]["managedFields"][0];
    assert_eq!(
        (&manager["manager"], &manager["subresource"]),
        (&json!("m"), &json!("status"))
    );
}

#[tokio::test(start_paused = true)]
async fn uid_and_version_are_preconditions() {
    let client = Client::new();
    client.put("a", "Pending");
    let pod = client.get(&format!("{PODS}/a")).await.body;
    let told = |message: &str| json!({"metadata": pod["metadata"], "status": {"message": message}});
    assert_eq!(patch(&client, STRATEGIC, told("first")).await.status, 200);
    assert_eq!(patch(&client, STRATEGIC, told("late")).await.status, 409);
    client.store.delete(&Key::pod("demo", "a"), "test");
    client.put("a", "Pending");
    let uid = json!({"metadata": {"uid": pod["metadata"]["uid"]}, "status": {"message": "x"}});
    assert_eq!(patch(&client, STRATEGIC, uid).await.status, 422);
    let untouched = client.get(&format!("{PODS}/a")).await.body;
    assert!(untouched["status"]["message"].is_null());
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_replaced_at_its_version_only() {
    let client = Client::new();
    client.put("a", "Pending");
    let lease = json!({"metadata": {"name": "l"}, "spec": {"holderIdentity": "me"}});
    let made = client.ask("POST", LEASES, JSON, &lease).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let path = format!("{LEASES}/l");
    let replaced = client.ask("PUT", &path, JSON, &made.body).await;
    assert_eq!(replaced.status, 200);
    let mut other = made.body.clone();
    other["spec"]["holderIdentity"] = "you".into();
    // Nothing had changed, so the version is still the one that was made.
    assert_eq!(client.ask("PUT", &path, JSON, &other).await.status, 200);
    assert_eq!(client.ask("PUT", &path, JSON, &other).await.status, 409);
    assert_eq!(client.ask("PUT", &path, JSON, &lease).await.status, 422);
    let renamed = client
        .ask("PUT", &format!("{LEASES}/m"), JSON, &other)
        .await;
    assert_eq!(renamed.status, 400);
    let gone = client.ask("DELETE", &path, JSON, &Value::Null).await;
    assert_eq!(
        (gone.status, &gone.body["status"]),
        (200, &json!("Success"))
    );
    assert_eq!(client.get(&path).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn events_are_the_same_in_both_groups() {
    let client = Client::new();
    client.put("a", "Pending");
    let path = "/apis/events.k8s.io/v1/namespaces/demo/events";
    let event = json!({
        "metadata": {"generateName": "a."}, "eventTime": "2026-11-22T16:00:00.000000Z",
        "reportingController": "c", "reportingInstance": "i", "action": "Fail", "reason": "R",
        "type": "Warning", "note": "n", "regarding": {"kind": "Pod", "name": "a", "namespace": "demo"},
    });
    assert_eq!(client.ask("POST", path, JSON, &event).await.status, 201);
    let selected = "fieldSelector=involvedObject.name%3Da,type%3DWarning";
    let core = client
        .get(&format!("/api/v1/namespaces/demo/events?{selected}"))
        .await
        .body;
    assert_eq!(core["items"][0]["message"], "n");
    assert_eq!(core["items"][0]["involvedObject"]["name"], "a");
    let newer = client
        .get(&format!("{path}?fieldSelector=regarding.name%3Da"))
        .await
        .body;
    assert_eq!(newer["items"][0]["note"], "n");
    let series = json!({"series": {"count": 2, "lastObservedTime": "2026-11-22T16:01:00.000000Z"}});
    let name = newer["items"][0]["metadata"]["name"].as_str().unwrap();
    let patched = client
        .ask("PATCH", &format!("{path}/{name}"), MERGE, &series)
        .await;
    assert_eq!(
        (patched.status, &patched.body["series"]["count"]),
        (200, &json!(2))
    );
    assert_eq!(patched.body["note"], "n");
}

#[tokio::test(start_paused = true)]
async fn a_crd_brings_its_resource() {
    let client = Client::new();
    let path = "/apis/pullstop.dev/v1alpha1/namespaces/default/pullfailurepolicies";
    assert_eq!(client.get(path).await.status, 404);
    let crd = json!({
        "metadata": {"name": "pullfailurepolicies.pullstop.dev"},
        "spec": {
            "group": "pullstop.dev", "scope": "Namespaced",
            "names": {"plural": "pullfailurepolicies", "kind": "PullFailurePolicy"},
            "versions": [{"name": "v1alpha1", "served": true, "storage": true, "subresources": {"status": {}}}],
        },
    });
    assert_eq!(client.ask("POST", CRDS, JSON, &crd).await.status, 201);
    let established = client
        .get(&format!("{CRDS}/pullfailurepolicies.pullstop.dev"))
        .await
        .body;
    assert_eq!(
        established["status"]["conditions"][1]["type"],
        "Established"
    );

    let policy = json!({"kind": "PullFailurePolicy", "metadata": {"name": "p"}, "spec": {"a": 1}, "status": {"ignored": true}});
    let made = client.ask("POST", path, JSON, &policy).await;
    assert_eq!(
        (made.status, &made.body["metadata"]["generation"]),
        (201, &json!(1))
    );
    assert!(made.body["status"].is_null());
    let spec = json!({"spec": {"a": 2}});
    let changed = client
        .ask("PATCH", &format!("{path}/p"), MERGE, &spec)
        .await
        .body;
    assert_eq!(changed["metadata"]["generation"], 2);
    let status = json!({"status": {"ok": true}, "spec": {"a": 3}});
    let told = client
        .ask("PATCH", &format!("{path}/p/status"), MERGE, &status)
        .await
        .body;
    assert_eq!(
        (&told["spec"]["a"], &told["status"]["ok"]),
        (&json!(2), &json!(true))
    );
    let strategic = client
        .ask("PATCH", &format!("{path}/p"), STRATEGIC, &spec)
        .await;
    assert_eq!(strategic.status, 415);
    let list = client
        .get("/apis/pullstop.dev/v1alpha1/pullfailurepolicies")
        .await
        .body;
    assert_eq!(list["kind"], "PullFailurePolicyList");
    assert_eq!(list["items"][0]["kind"], "PullFailurePolicy");
    let groups = client.get("/apis").await.body.to_string();
    assert!(groups.contains("pullstop.dev/v1alpha1"));
}

#[tokio::test(start_paused = true)]
async fn pages_show_one_moment_whatever_happens_meanwhile() {
    let client = Client::new();
    for name in ["a", "b", "c", "d", "e"] {
        client.put(name, "Pending");
    }
    let mut names = Vec::new();
    let mut next = String::new();
    loop {
        let page = client.get(&format!("{PODS}?limit=2&continue={next}")).await;
        assert_eq!(page.status, 200, "{}", page.body);
        let items = page.body["items"].as_array().unwrap().clone();
        names.extend(items.iter().map(|pod| pod["metadata"]["name"].clone()));
        match page.body["metadata"]["continue"].as_str() {
            Some(token) => token.clone_into(&mut next),
            None => break,
        }
        client.store.delete(&Key::pod("demo", "d"), "test");
        client.put("f", "Pending");
    }
    assert_eq!(names, ["a", "b", "c", "d", "e"]);

    let first = client.get(&format!("{PODS}?limit=2")).await.body;
    client.put("g", "Pending");
    client.store.compact(client.store.version());
    let token = first["metadata"]["continue"].as_str().unwrap();
    let late = client
        .get(&format!("{PODS}?limit=2&continue={token}"))
        .await;
    assert_eq!(
        (late.status, &late.body["reason"]),
        (410, &json!("Expired"))
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_scheduled_shuts_down_first_and_what_has_finalizers_stays() {
    let client = Client::new();
    client.put("a", "Running");
    client.put("b", "Failed");
    let deleted = client
        .ask("DELETE", &format!("{PODS}/a"), JSON, &Value::Null)
        .await
        .body;
    assert_eq!(deleted["metadata"]["deletionGracePeriodSeconds"], 30);
    assert_eq!(client.get(&format!("{PODS}/a")).await.status, 200);
    let now = json!({"gracePeriodSeconds": 0});
    client.ask("DELETE", &format!("{PODS}/a"), JSON, &now).await;
    assert_eq!(client.get(&format!("{PODS}/a")).await.status, 404);

    let map = json!({"metadata": {"name": "m", "finalizers": ["x/y"]}});
    let path = "/api/v1/namespaces/demo/configmaps";
    client.ask("POST", path, JSON, &map).await;
    client
        .ask("DELETE", &format!("{path}/m"), JSON, &Value::Null)
        .await;
    assert_eq!(client.get(&format!("{path}/m")).await.status, 200);
    let free = json!({"metadata": {"finalizers": null}});
    client
        .ask("PATCH", &format!("{path}/m"), MERGE, &free)
        .await;
    assert_eq!(client.get(&format!("{path}/m")).await.status, 404);

    let all = client.ask("DELETE", PODS, JSON, &Value::Null).await;
    assert_eq!(
        (all.status, all.body["items"].as_array().unwrap().len()),
        (200, 1)
    );
    assert!(client.store.objects("", "pods").is_empty());
}

/// Whatever stands where an object is expected, the answer is a refusal.
#[tokio::test(start_paused = true)]
async fn what_is_no_object_is_refused() {
    let client = Client::new();
    client.put("a", "Pending");
    let path = format!("{PODS}/a?fieldManager=m");
    let things = [
        json!([]),
        json!(1),
        json!("\"text\""),
        json!([{}]),
        json!(true),
    ];
    for thing in &things {
        assert_eq!(
            client.ask("POST", PODS, JSON, thing).await.status,
            400,
            "{thing}"
        );
        assert_eq!(
            client.ask("PUT", &path, JSON, thing).await.status,
            400,
            "{thing}"
        );
        // An empty list of operations is a patch, and nothing to do.
        let kinds = [MERGE, STRATEGIC, APPLY, JSON_PATCH];
        let kinds = if *thing == json!([]) {
            &kinds[..3]
        } else {
            &kinds
        };
        for kind in kinds {
            let refused = client.ask("PATCH", &path, kind, thing).await;
            // An operation that says nothing can be read, but not be carried out.
            let readable = kind == &JSON_PATCH && *thing == json!([{}]);
            let code = if readable { 422 } else { 400 };
            assert_eq!(refused.status, code, "{kind} {thing}: {}", refused.body);
        }
        for member in ["metadata", "spec", "status"] {
            let object = json!({member: thing});
            client.ask("POST", PODS, JSON, &object).await;
            let operations =
                json!([{"op": "replace", "path": format!("/{member}"), "value": thing}]);
            let refused = client.ask("PATCH", &path, JSON_PATCH, &operations).await;
            assert_eq!(refused.status, 422, "{member} {thing}: {}", refused.body);
            for (kind, code) in [(MERGE, 422), (STRATEGIC, 422), (APPLY, 400)] {
                let refused = client.ask("PATCH", &path, kind, &object).await;
                assert_eq!(refused.status, code, "{kind} {object}: {}", refused.body);
            }
        }
    }
    let unchanged = client.get(&format!("{PODS}/a")).await.body;
    assert_eq!(unchanged["spec"]["nodeName"], "node-a");
}

#[tokio::test(start_paused = true)]
async fn requests_that_make_no_sense_are_refused_with_a_reason() {
    let client = Client::new();
    client.put("a", "Pending");
    let pod = |name: &str| json!({"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    for (method, path, kind, body, code) in [
        (
            "POST",
            "/api/v1/namespaces/nowhere/pods".to_owned(),
            JSON,
            pod("b"),
            404,
        ),
        (
            "POST",
            PODS.to_owned(),
            JSON,
            json!({"kind": "Job", "apiVersion": "batch/v1"}),
            400,
        ),
        (
            "POST",
            PODS.to_owned(),
            JSON,
            json!({"metadata": {"namespace": "other"}}),
            400,
        ),
        ("POST", PODS.to_owned(), JSON, pod(""), 422),
        (
            "POST",
            format!("{PODS}?fieldValidation=Strict"),
            JSON,
            json!({"spce": {}}),
            400,
        ),
        ("PATCH", format!("{PODS}/a"), MERGE, json!("\"text\""), 400),
        (
            "PATCH",
            format!("{PODS}/a"),
            JSON_PATCH,
            json!({"op": "add"}),
            400,
        ),
        (
            "PATCH",
            format!("{PODS}/a"),
            MERGE,
            json!({"metadata": {"name": "b"}}),
            400,
        ),
        ("PUT", format!("{PODS}/none"), JSON, pod("none"), 404),
        ("DELETE", format!("{PODS}/none"), JSON, Value::Null, 404),
        ("POST", "/api/v1/pods".to_owned(), JSON, pod("b"), 405),
        (
            "POST",
            "/api/v1/componentstatuses".to_owned(),
            JSON,
            json!({}),
            405,
        ),
        ("GET", format!("{PODS}/a/nope"), JSON, Value::Null, 404),
    ] {
        let refused = client.ask(method, &path, kind, &body).await;
        assert_eq!(
            refused.status, code,
            "{method} {path} {body}: {}",
            refused.body
        );
        assert_eq!(refused.body["kind"], "Status", "{method} {path}");
        assert_ne!(refused.body["message"], "", "{method} {path}");
    }
}
