//! The page of a sweep: what it says, and that it stands on its own.

use pullstop_simulator::sweep::page;
use pullstop_simulator::sweep::summary::{
    Detail, Knob, Objective, Point, PointKind, SameRuns, Slice, Summary, Unit,
};
use pullstop_tests::golden;

#[test]
fn the_page_is_as_it_was_read() {
    golden("tests/golden/sweep.html", &page::render(&small()));
}

#[test]
fn the_page_loads_nothing() {
    let text = page::render(&small());
    let policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";
    assert!(text.contains(policy));
    // The name of an element's language, which loads nothing.
    let text = text.replace("http://www.w3.org/2000/svg", "");
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
fn the_page_says_what_was_found() {
    says(
        &small(),
        &[
            "<b>Recommended: policy 2.</b> Against the built-in policy: time to fail, median <b>1m42s</b> instead of \
             3m10s (−46 %); wasted GPU-hours <b>8.13 h</b> instead of 12 h (−32 %).",
            "<li><code>rules.definite.attempts: <b>3</b></code> <small>same runs from 3 to 4</small></li>",
            "<tr><th>wasted GPU-hours</th><td class=\"number\">8.13 h<small>+6.93 h</small></td><td \
             class=\"number\">12 h<small>+10.8 h</small></td><td class=\"number\">1.2 h</td></tr>",
            "Of the 1,200 verdicts of the recommended policy, 0 hit a pod that would have run: a rate of 0 %, with a 95 % interval from 0 % to \
             0.31 %.",
            "<li>It is the knee of the front: <code>attempts: 2</code> wastes more.</li>",
            "at these times after the first failure: 2s, 28s, 5m57s. Between two of them there is no new evidence",
            "<code>simulator sweep scenarios</code>",
            "84 runs. 12 of them were simulated",
        ],
    );
}

#[test]
fn scenarios_that_differ_most_come_first() {
    let text = page::render(&small());
    let places = [
        "<th>slow</th>",
        "<th>quick</th>",
        "end alike under both policies: 1<",
    ];
    let places = places.map(|said| {
        text.find(said)
            .unwrap_or_else(|| panic!("the page lacks `{said}`"))
    });
    assert!(places.is_sorted(), "{places:?}");
    assert!(text.contains("<td>false failures 1 → 0</td>"));
}

#[test]
fn the_built_in_policy_may_be_the_best() {
    let summary = Summary {
        recommended: Some(3),
        ..small()
    };
    says(
        &summary,
        &["<b>The built-in policy is the recommended one.</b>"],
    );
    let text = page::render(&summary);
    assert!(!text.contains("id=\"scenarios\""), "nothing to compare");
}

#[test]
fn without_a_recommendation_the_constraint_is_named() {
    let summary = Summary {
        recommended: None,
        constraint: "falseFailures < 1".to_owned(),
        ..small()
    };
    says(&summary, &["none meets <code>falseFailures &lt; 1</code>"]);
}

#[test]
fn no_text_becomes_markup() {
    let hostile = "</script><script>alert(1)</script>";
    let mut summary = small();
    let mut knob = summary.knobs[0].clone();
    knob.values[2] = hostile.to_owned();
    summary.knobs.push(knob);
    for text in [
        &mut summary.command,
        &mut summary.version,
        &mut summary.constraint,
        &mut summary.reasons[0],
        &mut summary.objectives[1].title,
        &mut summary.knobs[0].path,
        &mut summary.points[2].name,
        &mut summary.details[0].scenario,
    ] {
        *text = hostile.to_owned();
    }
    let text = page::render(&summary);
    assert!(!text.contains("alert(1)</script>"), "{text}");
    assert_eq!(text.matches("</script>").count(), 2);
}

fn says(summary: &Summary, all: &[&str]) {
    let text = page::render(summary);
    for said in all {
        assert!(text.contains(said), "the page lacks `{said}`");
    }
}

/// Three policies of one knob, the built-in one, a baseline, one that fails nothing, and the oracle.
fn small() -> Summary {
    let objective = |name: &str, title: &str, unit| Objective {
        name: name.to_owned(),
        title: title.to_owned(),
        unit,
    };
    let policy = |number: usize, objectives| Point {
        values: vec![number],
        ..point(&number.to_string(), PointKind::Policy, objectives)
    };
    let none = [Some(0), None, Some(90_000)];
    let details = [
        ("quick", [0, 60_000, 200], [0, 70_000, 300]),
        ("same", [0, 54_000, 100], [0, 54_000, 100]),
        ("slow", [1, 900_000, 9_000], [0, 300_000, 2_000]),
    ];
    Summary {
        command: "simulator sweep scenarios".to_owned(),
        version: "0.1.0".to_owned(),
        scenarios: 3,
        seeds: Some((1, 4)),
        runs: 84,
        simulated: 12,
        objectives: vec![
            objective("falseFailures", "false failures", Unit::Count),
            objective("timeToFail.p50", "time to fail, median", Unit::Milliseconds),
            objective("wastedGpuHours", "wasted GPU-hours", Unit::Millihours),
        ],
        constraint: "falseFailures == 0".to_owned(),
        axes: (1, 2),
        knobs: vec![Knob {
            path: "rules.definite.attempts".to_owned(),
            values: ["1", "2", "3"].map(str::to_owned).to_vec(),
            slices: (0..3)
                .map(|n| Slice {
                    points: 1,
                    medians: vec![Some(n), Some(28_000 * n + 2_000), None],
                    best: vec![Some(n), Some(28_000 * n + 2_000), Some(8_126)],
                })
                .collect(),
            importance_permille: vec![12, 1000, 345],
        }],
        points: vec![
            policy(0, [Some(7), Some(2_500), Some(30_000)]),
            policy(1, [Some(0), Some(54_000), Some(9_000)]),
            policy(2, [Some(0), Some(102_000), Some(8_126)]),
            point(
                "built-in",
                PointKind::BuiltIn,
                [Some(0), Some(190_000), Some(12_000)],
            ),
            point(
                "tekton",
                PointKind::Baseline,
                [Some(9), Some(2_600), Some(40_000)],
            ),
            point("nothing", PointKind::Baseline, none),
            point(
                "oracle",
                PointKind::Oracle,
                [Some(0), Some(2_400), Some(1_200)],
            ),
        ],
        front: vec![1, 2],
        recommended: Some(2),
        same_runs: vec![Some(SameRuns {
            from: "3".to_owned(),
            to: Some("4".to_owned()),
        })],
        reasons: vec!["It is the knee of the front: `attempts: 2` wastes more.".to_owned()],
        steps_seconds: vec![2, 28, 357],
        details: details
            .map(|(scenario, old, new)| Detail {
                scenario: scenario.to_owned(),
                points: vec![(2, new.map(Some).to_vec()), (3, old.map(Some).to_vec())],
            })
            .to_vec(),
    }
}

fn point(name: &str, kind: PointKind, objectives: [Option<u64>; 3]) -> Point {
    let wrong = objectives[0].unwrap_or(0);
    Point {
        name: name.to_owned(),
        kind,
        values: Vec::new(),
        objectives: objectives.to_vec(),
        verdicts: 1_200,
        false_failures: wrong,
        false_rate_ppm: Some((wrong * 833, wrong * 400, wrong * 1_500 + 3_100)),
        is_feasible: wrong == 0,
    }
}
