//! What is asked for on behalf of a pod by annotations of its Job and its namespace.

use std::time::Duration;

use pullstop_apiserver::{Fault, Key, Rule};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{Setup, World, pod};

/// A world whose pod belongs to a Job, with an enforcer that reads the annotations of both Jobs and namespaces.
fn world(annotations: Annotations<'_>) -> World {
    World::with(setup(annotations))
}

/// Of the pod, of its Job, of its namespace.
type Annotations<'a> = [&'a [(&'a str, &'a str)]; 3];

fn setup([of_pod, of_job, of_namespace]: Annotations<'_>) -> Setup {
    let mut pod = pod();
    let mut job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j", "namespace": "default", "uid": "ju"}});
    let mut namespace =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}});
    pod["metadata"]["ownerReferences"] = json!([{"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": "ju", "controller": true}]);
    let objects = [
        (&mut pod, of_pod),
        (&mut job, of_job),
        (&mut namespace, of_namespace),
    ];
    for (object, annotations) in objects {
        for (name, value) in annotations {
            object["metadata"]["annotations"][format!("pullstop.dev/{name}")] = json!(value);
        }
    }
    Setup {
        args: vec!["--annotations-of=jobs,namespaces"],
        overlays: vec!["annotations"],
        objects: vec![namespace, job, pod],
        ..Setup::default()
    }
}

impl World {
    fn phase(&self) -> String {
        self.pod()["status"]["phase"].as_str().unwrap().to_owned()
    }

    fn annotate(&self, key: &Key, annotations: Value) {
        let stored = self.store.update(key, "somebody", |object| {
            object["metadata"]["annotations"] = annotations;
        });
        assert!(stored.is_some());
    }

    /// The reasons of the events so far, on the pod and on the Job.
    fn told(&self) -> Vec<String> {
        let events = self.store.objects("", "events");
        let reason = |event: &Value| event["reason"].as_str().unwrap().to_owned();
        events.iter().map(|event| reason(event)).collect()
    }
}

fn job() -> Key {
    Key::of("batch", "jobs", "default", "j")
}

fn namespace() -> Key {
    Key::of("", "namespaces", "", "default")
}

#[tokio::test(start_paused = true)]
async fn a_pod_whose_job_is_off_is_left_alone_until_it_no_longer_is() {
    for switch in [job(), namespace()] {
        let world = world([&[]; 3]);
        world.annotate(&switch, json!({"pullstop.dev/mode": "off"}));
        sleep(Duration::from_secs(1800)).await;
        assert_eq!(world.phase(), "Pending", "{switch:?}");
        assert!(world.pod()["status"]["conditions"].is_null(), "{switch:?}");
        assert_eq!(world.told(), [""; 0], "{switch:?}");
        assert_eq!(world.metric("pullstop_tracked_pods"), "0", "{switch:?}");
        let text = world.metrics.text();
        assert!(!text.contains("forbidden"), "{text}");
        // The pod itself does not change any more, so nothing else tells.
        world.annotate(&switch, json!({}));
        sleep(Duration::from_secs(100)).await;
        assert_eq!(world.phase(), "Failed", "{switch:?}\n{text}");
        world.stop.send_replace(true);
    }
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_warns_warns_until_it_no_longer_does() {
    let world = world([&[], &[], &[("mode", "warn")]]);
    sleep(Duration::from_secs(300)).await;
    assert_eq!(world.phase(), "Pending");
    assert_eq!(world.told(), ["ImagePullFailing", "ImagePullFailing"]);
    world.annotate(&namespace(), json!({}));
    sleep(Duration::from_secs(100)).await;
    assert_eq!(world.phase(), "Failed");
}

#[tokio::test(start_paused = true)]
async fn the_most_specific_annotation_counts_within_the_bounds() {
    const NONE: &[(&str, &str)] = &[];
    let (fails, warns, nothing) = (
        &["ImagePullFailed"; 2][..],
        &["ImagePullFailing"; 2][..],
        &[][..],
    );
    let cases: [(Annotations<'_>, &[&str]); 10] = [
        ([NONE, NONE, NONE], fails),
        ([&[("mode", "warn")], &[("mode", "off")], NONE], warns),
        ([NONE, &[("mode", "warn")], &[("mode", "off")]], warns),
        ([NONE, &[("mode", "off")], &[("mode", "warn")]], nothing),
        // Unreadable is caution.
        ([NONE, &[("mode", "of")], NONE], warns),
        ([NONE, NONE, &[("patience", "soon")]], nothing),
        // Nobody may ask for `enforce`: such an annotation is ignored, and hides no other.
        ([NONE, NONE, &[("mode", "enforce")]], fails),
        ([&[("mode", "enforce")], NONE, &[("mode", "warn")]], warns),
        // Each annotation by itself.
        (
            [
                &[("mode", "warn")],
                &[("patience", "1s")],
                &[("patience", "5h")],
            ],
            warns,
        ),
        (
            [NONE, &[("patience", "1h")], &[("patience", "1s")]],
            nothing,
        ),
    ];
    for (annotations, expected) in cases {
        let world = world(annotations);
        sleep(Duration::from_secs(600)).await;
        assert_eq!(world.told(), expected, "{annotations:?}");
        world.stop.send_replace(true);
    }
}

#[tokio::test(start_paused = true)]
async fn who_may_not_ask_for_enforcement_does_not_get_it() {
    for (modes, phase) in [(json!(["Warn"]), "Pending"), (json!(["Enforce"]), "Failed")] {
        let world = World::with(Setup {
            spec: json!({"mode": "Warn", "overrides": {"modes": modes}}),
            ..setup([&[], &[("mode", "enforce")], &[]])
        });
        sleep(Duration::from_secs(300)).await;
        assert_eq!(world.phase(), phase);
        world.stop.send_replace(true);
    }
}

#[tokio::test(start_paused = true)]
async fn a_namespace_may_ask_for_patience() {
    let world = world([&[], &[], &[("patience", "10m")]]);
    sleep(Duration::from_secs(595)).await;
    assert_eq!(world.phase(), "Pending");
    sleep(Duration::from_secs(20)).await;
    assert_eq!(world.phase(), "Failed");
}

#[tokio::test(start_paused = true)]
async fn what_is_written_after_the_judgement_counts() {
    for switch in [job(), namespace()] {
        let world = world([&[]; 3]);
        // The first read of the pod is that before the write.
        let slow = Fault::Delay { millis: 3000 };
        world.faults.add(Rule::on("get", "pods", slow).times(1));
        while world.metric(
            "pullstop_verdicts_total{action=\"fail\",dry_run=\"false\",cause=\"InvalidReference\"}",
        ) != "1"
        {
            sleep(Duration::from_millis(100)).await;
        }
        world.annotate(&switch, json!({"pullstop.dev/mode": "off"}));
        sleep(Duration::from_secs(600)).await;
        assert_eq!(world.phase(), "Pending", "{switch:?}");
        let changed = "pullstop_writes_total{kind=\"fail\",result=\"overrides_changed\"}";
        assert_eq!(world.metric(changed), "1", "{}", world.metrics.text());
        assert_eq!(world.told(), [""; 0]);
        world.stop.send_replace(true);
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_rights_nobody_is_failed() {
    let world = World::with(Setup {
        overlays: Vec::new(),
        ..setup([&[]; 3])
    });
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(world.phase(), "Pending");
    assert!(world.pod()["status"]["conditions"].is_null());
    for (metric, most) in [
        (
            "pullstop_api_requests_total{call=\"get_job\",result=\"forbidden\"}",
            60,
        ),
        (
            "pullstop_api_requests_total{call=\"get_namespace\",result=\"forbidden\"}",
            60,
        ),
        (
            "pullstop_writes_total{kind=\"fail\",result=\"overrides_unknown\"}",
            30,
        ),
    ] {
        let count: u32 = world.metric(metric).parse().unwrap();
        assert!((3..most).contains(&count), "{metric} {count}");
    }
}

#[tokio::test(start_paused = true)]
async fn while_they_cannot_be_read_verdicts_wait() {
    let down = Fault::Status {
        code: 500,
        retry_after_seconds: None,
    };
    for (resource, fault) in [
        ("jobs", down),
        ("namespaces", down),
        ("jobs", Fault::Silent),
        ("namespaces", Fault::Drop),
    ] {
        let world = world([&[]; 3]);
        // They are read once, when the pod begins to fail; the verdict finds them unreadable.
        world.faults.add(Rule {
            skip: 1,
            ..Rule::on("get", resource, fault)
        });
        sleep(Duration::from_secs(600)).await;
        let what = format!("{resource} {fault:?}\n{}", world.metrics.text());
        assert_eq!(world.phase(), "Pending", "{what}");
        let unknown = "pullstop_writes_total{kind=\"fail\",result=\"overrides_unknown\"}";
        let count: u32 = world.metric(unknown).parse().unwrap();
        assert!((3..20).contains(&count), "{what}");
        world.faults.clear();
        sleep(Duration::from_secs(400)).await;
        assert_eq!(world.phase(), "Failed", "{what}");
        world.stop.send_replace(true);
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_gone_asks_for_nothing() {
    let off: &[(&str, &str)] = &[("mode", "off")];
    let gone = world([&[], off, &[]]);
    gone.store.delete(&job(), "somebody");
    let replaced = world([&[], off, &[]]);
    let mut another = Value::clone(&replaced.store.get(&job()).unwrap());
    another["metadata"]["uid"] = json!("another");
    replaced.store.delete(&job(), "somebody");
    replaced.store.put(another, "somebody").unwrap();
    sleep(Duration::from_secs(100)).await;
    assert_eq!(
        (gone.phase(), replaced.phase()),
        ("Failed".into(), "Failed".into())
    );
}

#[tokio::test(start_paused = true)]
async fn only_with_the_option_more_than_pods_is_read() {
    let world = World::with(Setup {
        args: Vec::new(),
        ..setup([&[], &[("mode", "off")], &[]])
    });
    sleep(Duration::from_secs(100)).await;
    assert_eq!(world.phase(), "Failed");
    let text = world.metrics.text();
    assert!(
        !text.contains("get_job") && !text.contains("get_namespace"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_rehearsal_knows_them_too() {
    for (mode, reported) in [("off", ""), ("enforce", "1")] {
        let mut setup = setup([&[], &[("mode", mode)], &[]]);
        setup.args.push("--dry-run");
        let world = World::with(setup);
        sleep(Duration::from_secs(300)).await;
        let metric =
            "pullstop_verdicts_total{action=\"fail\",dry_run=\"true\",cause=\"InvalidReference\"}";
        assert_eq!(world.metric(metric), reported, "{mode}");
        world.stop.send_replace(true);
    }
}
