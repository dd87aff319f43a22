//! Whatever a client sends, it gets an answer, and objects stay objects.

use proptest::prelude::*;
use pullstop_apiserver::{Kubelet, Timing};
use serde_json::{Map, Value, json};

use super::client::{APPLY, Client, JSON, JSON_PATCH, MERGE, STRATEGIC};

const PODS: &str = "/api/v1/namespaces/demo/pods";
const MEMBERS: [&str; 22] = [
    "metadata",
    "name",
    "labels",
    "finalizers",
    "managedFields",
    "fieldsV1",
    "ownerReferences",
    "deletionTimestamp",
    "spec",
    "containers",
    "tolerations",
    "activeDeadlineSeconds",
    "status",
    "conditions",
    "containerStatuses",
    "phase",
    "type",
    "state",
    "$patch",
    "$retainKeys",
    "$setElementOrder/conditions",
    "$deleteFromPrimitiveList/finalizers",
];

/// Any JSON, with members that mean something somewhere.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop::sample::select(vec!["", "a", "Failed", "replace", "delete", "x"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        let member = prop::sample::select(MEMBERS.to_vec()).prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec((member, inner), 0..5)
                .prop_map(|members| Value::from(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Something that may pass for an object.
fn object() -> impl Strategy<Value = Value> {
    let part = || prop::option::of(value());
    prop_oneof![
        1 => value(),
        3 => (part(), part(), part()).prop_map(|parts| {
            let members = [("metadata", parts.0), ("spec", parts.1), ("status", parts.2)];
            let members = members.into_iter().filter_map(|(name, part)| Some((name, part?)));
            members.map(|(name, part)| (name.to_owned(), part)).collect::<Map<_, _>>().into()
        }),
    ]
}

fn operation() -> impl Strategy<Value = Value> {
    let verb = prop::sample::select(vec!["add", "remove", "replace", "test", "copy", "move"]);
    let path = prop::collection::vec(
        prop_oneof![
            prop::sample::select(MEMBERS.to_vec()),
            Just("0"),
            Just("-"),
            Just("~1")
        ],
        0..4,
    );
    let pointer = path.prop_map(|parts| {
        parts
            .iter()
            .map(|part| format!("/{part}"))
            .collect::<String>()
    });
    (verb, pointer.clone(), pointer, value()).prop_map(
        |(op, path, from, value)| json!({"op": op, "path": path, "from": from, "value": value}),
    )
}

#[derive(Clone, Debug)]
enum Body {
    Object(&'static str, Value),
    Patch(Vec<Value>),
}

fn body() -> impl Strategy<Value = Body> {
    let kind = prop::sample::select(vec!["POST", "PUT", MERGE, STRATEGIC, APPLY]);
    prop_oneof![
        4 => (kind, object()).prop_map(|(kind, value)| Body::Object(kind, value)),
        1 => prop::collection::vec(operation(), 0..4).prop_map(Body::Patch),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn there_is_always_an_answer(bodies in prop::collection::vec((body(), any::<bool>()), 1..8)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(run(bodies));
    }
}

async fn run(bodies: Vec<(Body, bool)>) {
    let client = Client::new();
    client.put("a", "Pending");
    let kubelet = Kubelet::start(client.store.clone(), Timing::default());
    for (body, status) in bodies {
        let below = if status { "/status" } else { "" };
        let path = format!("{PODS}/a{below}?fieldManager=m&force=true");
        let answer = match body {
            Body::Object("POST", value) => client.ask("POST", PODS, JSON, &text(&value)).await,
            Body::Object("PUT", value) => client.ask("PUT", &path, JSON, &text(&value)).await,
            Body::Object(kind, value) => client.ask("PATCH", &path, kind, &text(&value)).await,
            Body::Patch(operations) => {
                client
                    .ask("PATCH", &path, JSON_PATCH, &text(&operations.into()))
                    .await
            }
        };
        assert!(
            answer.status >= 200 && answer.body.is_object(),
            "{answer:?}"
        );
        // The kubelet has looked at it, too.
        tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    }
    assert!(!kubelet.is_finished());
    for pod in client.store.objects("", "pods") {
        assert!(pod["metadata"]["uid"].is_string(), "{pod}");
        assert!(pod["spec"].is_object() || pod["spec"].is_null(), "{pod}");
    }
    let table = [
        ("authorization", "Bearer admin"),
        ("accept", "application/json;as=Table;v=v1"),
    ];
    let shown = client
        .send("GET", "/api/v1/pods", &table, Vec::new())
        .await
        .unwrap();
    assert_eq!(shown.status(), 200);
}

/// The body as text, so that a value that is text is sent as JSON.
fn text(value: &Value) -> Value {
    value.to_string().into()
}
