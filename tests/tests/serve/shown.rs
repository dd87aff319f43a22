//! What kubectl asks besides objects: who one is, what may be done, what fields there are, which columns to show.

use serde_json::{Value, json};

use super::client::{Client, JSON};

const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";
const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io";

async fn table(client: &Client, path: &str) -> Value {
    let headers = [("authorization", "Bearer admin"), ("accept", TABLE)];
    let sent = client.send("GET", path, &headers, Vec::new()).await;
    super::client::read(sent.unwrap()).await.body
}

/// The names of a table's columns, those of `-o wide` in parentheses, and the cells of its first row.
fn first_row(table: &Value) -> Vec<(String, Value)> {
    let columns = table["columnDefinitions"].as_array().unwrap().iter();
    let names = columns.map(|column| {
        let name = column["name"].as_str().unwrap();
        match column["priority"].as_u64() {
            Some(0) => name.to_owned(),
            _ => format!("({name})"),
        }
    });
    let cells = table["rows"][0]["cells"].as_array().unwrap().clone();
    names.zip(cells).collect()
}

/// A message in protobuf, as kubectl's typed clients send it: the kind, and an object that has a name.
fn protobuf(api_version: &str, kind: &str, name: &str) -> Vec<u8> {
    let field = |number: u8, bytes: &[u8]| {
        let mut field = vec![number << 3 | 2, u8::try_from(bytes.len()).unwrap()];
        field.extend(bytes);
        field
    };
    let mut types = field(1, api_version.as_bytes());
    types.extend(field(2, kind.as_bytes()));
    let metadata = field(1, name.as_bytes());
    let mut body = b"k8s\0".to_vec();
    body.extend(field(1, &types));
    body.extend(field(2, &field(1, &metadata)));
    body
}

async fn post(client: &Client, path: &str, body: Vec<u8>) -> super::client::Answer {
    let headers = [
        ("authorization", "Bearer admin"),
        ("content-type", PROTOBUF),
        (
            "accept",
            "application/vnd.kubernetes.protobuf,application/json",
        ),
    ];
    super::client::read(client.send("POST", path, &headers, body).await.unwrap()).await
}

#[tokio::test]
async fn bodies_in_protobuf_are_read() {
    let client = Client::new();
    let created = post(
        &client,
        "/api/v1/namespaces",
        protobuf("v1", "Namespace", "foo"),
    )
    .await;
    assert_eq!(
        (created.status, &created.body["metadata"]["name"]),
        (201, &json!("foo"))
    );
    let unknown = protobuf("example.com/v9", "Wagon", "w");
    let refused = post(&client, "/api/v1/namespaces", unknown).await;
    assert_eq!(refused.status, 400);
    let said = refused.body["message"].as_str().unwrap();
    assert!(
        said.contains("does not read Wagon of example.com/v9 in protobuf"),
        "{said}"
    );
    let broken = post(&client, "/api/v1/namespaces", b"k8s\0\x0a\x7f".to_vec()).await;
    assert_eq!(broken.status, 400);
}

#[tokio::test]
async fn one_may_ask_who_one_is_and_what_one_may_do() {
    let client = Client::new();
    let whoami = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let review = protobuf("authentication.k8s.io/v1", "SelfSubjectReview", "");
    let answer = post(&client, whoami, review).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.body["status"]["userInfo"]["username"], "admin");

    let rules = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
    let answer = client
        .ask(
            "POST",
            rules,
            JSON,
            &json!({"spec": {"namespace": "default"}}),
        )
        .await;
    assert_eq!(
        answer.body["status"]["resourceRules"][0]["verbs"],
        json!(["*"])
    );
    let headers = [("authorization", "Bearer limited"), ("content-type", JSON)];
    let body = json!({"spec": {"namespace": "default"}})
        .to_string()
        .into_bytes();
    let sent = client.send("POST", rules, &headers, body).await.unwrap();
    let limited = super::client::read(sent).await;
    assert_eq!(limited.body["status"]["resourceRules"], json!([]));
    assert_eq!(
        client.ask("POST", rules, JSON, &json!({})).await.status,
        400
    );
}

fn crd() -> Value {
    let column =
        |name: &str, kind: &str, path: &str| json!({"name": name, "type": kind, "jsonPath": path});
    let mode = json!({"type": "string", "description": "How far verdicts go."});
    let spec = json!({"type": "object", "properties": {"mode": mode}});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"plural": "things", "kind": "Thing"},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}},
                "additionalPrinterColumns": [
                    column("Mode", "string", ".spec.mode"),
                    column("Ready", "string", ".status.conditions[?(@.type==\"Ready\")].status"),
                    column("Age", "date", ".metadata.creationTimestamp"),
                ],
            }],
        },
    })
}

#[tokio::test(start_paused = true)]
async fn crds_choose_their_columns() {
    let client = Client::new();
    client.store.put(crd(), "test").unwrap();
    let thing = json!({
        "apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "t"},
        "spec": {"mode": "Enforce"},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    });
    client.store.put(thing, "test").unwrap();
    let row = first_row(&table(&client, "/apis/example.com/v1/things").await);
    let wanted = [
        ("Name", "t"),
        ("Mode", "Enforce"),
        ("Ready", "True"),
        ("Age", "0s"),
    ];
    assert_eq!(
        row,
        wanted.map(|(name, cell)| (name.to_owned(), json!(cell)))
    );
}

#[tokio::test(start_paused = true)]
async fn workloads_have_the_columns_of_kubectl() {
    let client = Client::new();
    let spec = json!({"containers": [{"name": "c", "image": "a:1"}]});
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"},
        "spec": {
            "replicas": 3, "selector": {"matchLabels": {"app": "d"}}, "template": {"spec": spec},
        },
        "status": {"readyReplicas": 1, "updatedReplicas": 2, "availableReplicas": 1},
    });
    client.store.put(deployment, "test").unwrap();
    let row = first_row(&table(&client, "/apis/apps/v1/deployments").await);
    let wanted = [
        ("Name", json!("d")),
        ("Ready", json!("1/3")),
        ("Up-to-date", json!(2)),
        ("Available", json!(1)),
        ("Age", json!("0s")),
        ("(Containers)", json!("c")),
        ("(Images)", json!("a:1")),
        ("(Selector)", json!("app=d")),
    ];
    assert_eq!(row, wanted.map(|(name, cell)| (name.to_owned(), cell)));

    let event = json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": "e"},
        "involvedObject": {"kind": "Pod", "name": "p", "fieldPath": "spec.containers{c}"},
        "reason": "Failed", "message": "m", "type": "Warning", "count": 3,
        "firstTimestamp": "2026-11-22T16:00:21Z", "lastTimestamp": "2026-11-22T16:01:11Z",
        "source": {"component": "kubelet", "host": "n"},
    });
    client.store.put(event, "test").unwrap();
    let row = first_row(&table(&client, "/api/v1/events").await);
    let wanted = [
        ("Last Seen", "10s"),
        ("Type", "Warning"),
        ("Reason", "Failed"),
        ("Object", "pod/p"),
        ("(Subobject)", "spec.containers{c}"),
        ("(Source)", "kubelet, n"),
        ("Message", "m"),
        ("(First Seen)", "60s"),
        ("(Count)", "3"),
        ("(Name)", "e"),
    ];
    assert_eq!(
        row,
        wanted.map(|(name, cell)| (name.to_owned(), json!(cell)))
    );
}

/// What `kubectl explain` looks up: the schema of a kind, by its version and name, and those that it refers to.
#[tokio::test]
async fn fields_are_explained() {
    let client = Client::new();
    client.store.put(crd(), "test").unwrap();
    let core = client.get("/openapi/v3/api/v1").await.body;
    let schemas = &core["components"]["schemas"];
    let pod = &schemas["io.k8s.api.core.v1.Pod"];
    assert_eq!(
        pod["x-kubernetes-group-version-kind"],
        json!([{"group": "", "version": "v1", "kind": "Pod"}])
    );
    let spec = &pod["properties"]["spec"]["allOf"][0]["$ref"];
    assert_eq!(spec, "#/components/schemas/io.k8s.api.core.v1.PodSpec");
    let containers = &schemas["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"];
    assert_eq!(containers["type"], "array");
    assert!(
        containers["description"]
            .as_str()
            .unwrap()
            .starts_with("List of containers")
    );
    // What stands beside it in JSON stands beside it here.
    let volume = &schemas["io.k8s.api.core.v1.Volume"]["properties"];
    assert!(volume["emptyDir"].is_object() && volume["name"].is_object());

    let custom = client.get("/openapi/v3/apis/example.com/v1").await.body;
    let thing = &custom["components"]["schemas"]["com.example.v1.Thing"];
    let mode = &thing["properties"]["spec"]["properties"]["mode"];
    assert_eq!(mode["description"], "How far verdicts go.");
    assert_eq!(thing["x-kubernetes-group-version-kind"][0]["kind"], "Thing");
}
