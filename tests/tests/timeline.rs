//! `simulator timeline`: a page that stands on its own, with every verdict in it.

use pullstop_tests::{Ran, golden, path, simulator};
use serde_json::Value;

use crate::scratch;

#[test]
fn the_page_is_the_same_every_time() {
    golden("tests/golden/timeline.html", &page(&[]).out);
}

#[test]
fn the_page_loads_nothing() {
    let text = page(&[]).out;
    let policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";
    assert!(text.contains(policy));
    for load in [
        "http://",
        "https://",
        "<img",
        "<script src",
        "<iframe",
        "<link",
        "@import",
        "url(",
        "fetch(",
        "import(",
    ] {
        assert!(!text.contains(load), "the page has `{load}`");
    }
}

#[test]
fn every_verdict_is_in_the_data() {
    let rival = ["--policy", "tekton"];
    for more in [&[][..], &rival] {
        let chart = chart(&page(more));
        let kinds: Vec<&str> = list(&chart["kinds"])
            .map(|kind| kind.as_str().unwrap())
            .collect();
        let marks = rows(&chart).into_iter().flat_map(|row| list(&row["marks"]));
        let drawn = marks
            .filter(|mark| kinds[index(&mark[0])] == "verdict")
            .count();
        let mut args = vec!["run", "--output", "json"];
        let scenario = scenario();
        args.extend(more);
        args.push(&scenario);
        let ran = simulator(&args);
        let report: Value = serde_json::from_str(ran.out.lines().next().unwrap()).unwrap();
        let verdicts = report["metrics"]["verdicts"].as_u64().unwrap();
        assert!(verdicts > 0, "{report}");
        assert_eq!(drawn as u64, verdicts, "{more:?}");
    }
}

#[test]
fn times_and_places_in_the_data_are_good() {
    let chart = chart(&page(&[]));
    let (end, texts) = (
        chart["durationMs"].as_u64().unwrap(),
        list(&chart["texts"]).count(),
    );
    for row in rows(&chart) {
        for span in list(&row["spans"]) {
            let (from, until) = (span[2].as_u64().unwrap(), span[3].as_u64().unwrap());
            assert!(from <= until && until <= end, "{row}");
            assert!(index(&span[1]) < index(&row["lanes"]), "{row}");
            assert!(index(&span[4]) < texts, "{row}");
        }
        let times: Vec<u64> = list(&row["lines"])
            .map(|l| l[0].as_u64().unwrap())
            .collect();
        assert!(times.is_sorted(), "{row}");
    }
}

#[test]
fn what_is_expected_stands_at_the_top() {
    let text = page(&[]).out;
    for said in [
        "✗ not as expected",
        "✓</b> pods typo-*: to be failed for ManifestNotFound",
        "✗</b> pods late: to be warned of, not failed<br><small>expected default/late to be warned of",
        "<dt>verdicts</dt><dd>2</dd>",
    ] {
        assert!(text.contains(said), "the page lacks `{said}`");
    }
}

#[test]
fn pods_can_be_chosen() {
    let names = |ran: &Ran| -> Vec<String> {
        let chart = chart(ran);
        let rows = rows(&chart).into_iter();
        let names = rows.map(|row| row["name"].as_str().unwrap().to_owned());
        names
            .filter(|name| name.contains('/') && name.starts_with("default"))
            .collect()
    };
    assert_eq!(
        names(&page(&["--pods", "web-*"])),
        ["default/web-0", "default/web-1", "default/web-2"]
    );
    let none = simulator(&["timeline", &scenario(), "--out", "-", "--pods", "wbe-*"]);
    assert_eq!((none.code, none.out.as_str()), (4, ""));
    assert_eq!(none.err, "no pod matches `wbe-*`: no page was written\n");
}

#[test]
fn of_many_pods_those_that_were_failed_come_first() {
    let text = "apiVersion: pullstop.dev/v1alpha1\nkind: Scenario\nmetadata: {name: many}\nspec:\n  \
                duration: 30m\n  cluster: {nodes: [{name: node, count: 40}]}\n  images: [{image: missing, missing: true}]\n  \
                workloads:\n  - {pod: good, image: app, count: 2500}\n  - {pod: bad, image: missing, at: 1m, count: 30}\n";
    let (file, out) = (
        scratch::file("many.yaml", text),
        scratch::file("many.html", ""),
    );
    let ran = simulator(&["timeline", &file, "--out", &out]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let said = "2000 of 2530 pods; 530 rows are left out";
    assert!(ran.out.contains(said), "{}", ran.out);
    let html = std::fs::read_to_string(&out).unwrap();
    assert!(html.contains(said));
    let chart = chart(&Ran { out: html, ..ran });
    let rows = rows(&chart);
    // Behind the headings of the cluster and of its missing image, and that of pods without owner.
    assert_eq!(rows[3]["name"], "default/bad-0");
    let bad = rows
        .iter()
        .filter(|row| row["name"].as_str().unwrap().contains("/bad-"));
    assert_eq!(bad.count(), 30);
}

fn scenario() -> String {
    path("tests/scenarios/timeline.yaml")
}

fn page(more: &[&str]) -> Ran {
    let scenario = scenario();
    let mut args = vec!["timeline", &scenario, "--out", "-"];
    args.extend(more);
    let ran = simulator(&args);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{args:?}");
    ran
}

/// The data in a page.
fn chart(ran: &Ran) -> Value {
    let (_, rest) = ran
        .out
        .split_once("<script id=\"chart\" type=\"application/json\">")
        .unwrap();
    serde_json::from_str(rest.split("</script>").next().unwrap()).unwrap()
}

fn rows(chart: &Value) -> Vec<&Value> {
    let mut rows = Vec::new();
    for group in list(&chart["groups"]) {
        rows.push(&group["head"]);
        rows.extend(list(&group["rows"]));
    }
    rows
}

fn list(value: &Value) -> std::slice::Iter<'_, Value> {
    value.as_array().unwrap().iter()
}

fn index(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}
