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
    let baseline = ["--policy", "tekton"];
    for more in [&[][..], &baseline] {
        let chart = chart(&page(more));
        let kinds: Vec<&str> = list(&chart["kinds"])
            .map(|kind| kind.as_str().unwrap())
            .collect();
        let marks = rows(&chart).into_iter().flat_map(|row| list(&row["marks"]));
        let drawn: Vec<&Value> = marks
            .filter(|mark| kinds[index(&mark[0])] == "verdict")
            .collect();
        for mark in &drawn {
            // Its text is of the form "failed for <cause> at <when>, …".
            let (text, label) = (
                &chart["texts"][index(&mark[2])],
                &chart["texts"][index(&mark[3])],
            );
            let cause = text.as_str().unwrap().split(' ').nth(2).unwrap();
            let expected = if cause == "Unknown" { "failed" } else { cause };
            assert_eq!(label, expected, "{text}");
        }
        let mut args = vec!["run", "--output", "json"];
        let scenario = scenario();
        args.extend(more);
        args.push(&scenario);
        let ran = simulator(&args);
        let report: Value = serde_json::from_str(ran.out.lines().next().unwrap()).unwrap();
        let verdicts = report["metrics"]["verdicts"].as_u64().unwrap();
        assert!(verdicts > 0, "{report}");
        assert_eq!(drawn.len() as u64, verdicts, "{more:?}");
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
fn the_chart_comes_before_the_words_about_it() {
    let text = page(&[]).out;
    let places = [
        "<h1>",
        "class=\"lead\">A little of everything",
        "<h2>Timeline",
        "<h2>Legend",
        "<h2>Expectations",
    ];
    let places = places.map(|said| {
        text.find(said)
            .unwrap_or_else(|| panic!("the page lacks `{said}`"))
    });
    assert!(places.is_sorted(), "{places:?}");
}

#[test]
fn queues_have_rows() {
    let chart = chart(&page(&[]));
    let rows = rows(&chart).into_iter();
    let queues: Vec<&Value> = rows.filter(|row| row["levels"].is_array()).collect();
    assert_eq!(queues.len(), 1);
    assert_eq!(queues[0]["name"], "queue team-a");
    let told: Vec<&Value> = list(&queues[0]["lines"])
        .map(|line| &chart["texts"][index(&line[1])])
        .collect();
    assert_eq!(
        told,
        ["1 of 1 Jobs; 2 Jobs wait", "1 of 1 Jobs; 1 Job waits"]
    );
}

#[test]
fn pods_with_the_same_story_are_one_band() {
    let scenario = path("scenarios/outage-with-typos.yaml");
    let ran = simulator(&["timeline", &scenario, "--out", "-"]);
    let chart = chart(&ran);
    let pods = list(&chart["groups"]).find(|group| group["head"]["name"] == "Pods without owner");
    let pods = pods.unwrap();
    let names: Vec<&str> = list(&pods["folds"])
        .map(|fold| fold["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["495 × default/good-*"]);
    for place in list(&pods["folds"][0]["of"]) {
        let name = &pods["rows"][index(place)]["name"];
        assert!(
            name.as_str().unwrap().starts_with("default/good-"),
            "{name}"
        );
    }

    let queued = simulator(&[
        "timeline",
        &path("scenarios/queues/many-teams.yaml"),
        "--out",
        "-",
    ]);
    let chart = self::chart(&queued);
    assert_eq!(chart["folds"][0]["name"], "53 × Job good-*");
}

/// WCAG 2.1, 1.4.11: three to one, for people who see all colours and for those who do not.
#[test]
fn to_wait_and_to_have_failed_look_different() {
    // Machado, Oliveira and Fernandes 2009: how a colour looks without red, green or blue cones.
    let eyes = [
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        [
            [0.152_286, 1.052_583, -0.204_868],
            [0.114_503, 0.786_281, 0.099_216],
            [-0.003_882, -0.048_116, 1.051_998],
        ],
        [
            [0.367_322, 0.860_646, -0.227_968],
            [0.280_085, 0.672_501, 0.047_413],
            [-0.011_820, 0.042_940, 0.968_881],
        ],
        [
            [1.255_528, -0.076_749, -0.178_779],
            [-0.078_411, 0.930_809, 0.147_602],
            [0.004_733, 0.691_367, 0.303_900],
        ],
    ];
    let text = page(&[]).out;
    let colours = |name: &str| -> Vec<[f64; 3]> {
        let definition = format!("--{name}: #");
        text.split(&*definition)
            .skip(1)
            .map(|rest| linear(&rest[..6]))
            .collect()
    };
    let others = ["failed", "image", "access", "registry", "node"];
    for (other, eye) in others
        .iter()
        .flat_map(|other| eyes.iter().map(move |eye| (other, eye)))
    {
        let pairs: Vec<_> = colours("back-off")
            .into_iter()
            .zip(colours(other))
            .collect();
        assert_eq!(pairs.len(), 2, "by day and by night");
        for (waits, other_colour) in pairs {
            let contrast = contrast(luminance(waits, eye), luminance(other_colour, eye));
            assert!(contrast >= 3.0, "{other}: {contrast:.2} in {eye:?}");
        }
    }
}

fn linear(hex: &str) -> [f64; 3] {
    [0, 2, 4].map(|at| {
        let part = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
        if part <= 0.040_45 {
            part / 12.92
        } else {
            ((part + 0.055) / 1.055).powf(2.4)
        }
    })
}

fn luminance(colour: [f64; 3], eye: &[[f64; 3]; 3]) -> f64 {
    let seen = eye.map(|row| {
        row.iter()
            .zip(colour)
            .map(|(a, b)| a * b)
            .sum::<f64>()
            .clamp(0.0, 1.0)
    });
    0.2126 * seen[0] + 0.7152 * seen[1] + 0.0722 * seen[2]
}

fn contrast(a: f64, b: f64) -> f64 {
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn what_is_expected_stands_in_the_page() {
    let text = page(&[]).out;
    for said in [
        "✗ failed",
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
    assert_eq!(none.err, "no pod matches `wbe-*`: wrote no page\n");
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
