//! The page of a sweep in a real browser: `cargo xtask browser`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod devtools;
mod many;

use std::time::Instant;

use devtools::Browser;
use pullstop_simulator::sweep::page;
use serde_json::{Value, json};

/// The middle of a mark, in pixels of the window.
const RECOMMENDED: &str = "(() => { \
    document.getElementById('front').scrollIntoView({block: 'center'}); \
    const box = document.querySelector('#front path.recommended').getBoundingClientRect(); \
    return [box.x + box.width / 2, box.y + box.height / 2]; })()";
/// The lengths of frames, in milliseconds, while the page is busy.
const FRAMES: &str = "window.frames_ = []; (() => { let last = performance.now(); \
    const next = now => { window.frames_.push(now - last); last = now; requestAnimationFrame(next); }; \
    requestAnimationFrame(next); })()";

#[test]
fn nothing_is_loaded_and_nothing_is_wrong() {
    let mut browser = page_of(1_000, "quiet");
    for theme in ["light", "dark"] {
        let feature = json!({"features": [{"name": "prefers-color-scheme", "value": theme}]});
        browser.call("Emulation.setEmulatedMedia", &feature);
        browser.frames();
    }
    let pdf = browser.call("Page.printToPDF", &json!({"printBackground": true}));
    assert!(pdf["data"].as_str().unwrap().len() > 50_000);
    assert_eq!(
        browser.heard("Network.requestWillBeSent").count(),
        1,
        "only the page itself"
    );
    for said in [
        "Runtime.exceptionThrown",
        "Runtime.consoleAPICalled",
        "Log.entryAdded",
    ] {
        let heard: Vec<&Value> = browser.heard(said).collect();
        assert!(heard.is_empty(), "{heard:?}");
    }
}

#[test]
fn the_front_is_drawn() {
    let mut browser = page_of(1_000, "front");
    let drawn = browser.evaluate(
        "(() => { const {data} = cloud.getContext('2d').getImageData(0, 0, cloud.width, cloud.height); \
         return data.filter((part, at) => at % 4 === 3 && part > 0).length; })()",
    );
    assert!(
        drawn.as_u64().unwrap() > 5_000,
        "{drawn} pixels are not empty"
    );
    let corners = browser
        .evaluate("document.querySelector('#front .frontier').getAttribute('d').split('H').length");
    let front = many::summary(1_000).front.len();
    assert_eq!(corners, front);
    // The recommended and the built-in policy, the oracle and five rules; one has no place.
    let signs = browser.evaluate("document.querySelectorAll('#front .sign').length");
    assert_eq!(signs, 8);
    let slices = browser.evaluate("document.querySelectorAll('#slices svg').length");
    assert_eq!(slices, 12);
}

#[test]
fn labels_do_not_overlap() {
    for width in [1280, 390] {
        let mut browser = page_of(1_000, &format!("labels-{width}"));
        resize(&mut browser, width);
        let labels = browser.evaluate(
            "[...document.querySelectorAll('#front .label')].map(label => { const box = label.getBoundingClientRect(); \
             return [box.left, box.right, box.top, box.bottom]; })",
        );
        let labels: Vec<[f64; 4]> = serde_json::from_value(labels).unwrap();
        assert_eq!(labels.len(), 8, "at {width}");
        for (place, a) in labels.iter().enumerate() {
            for b in &labels[..place] {
                let apart =
                    a[1] <= b[0] || b[1] <= a[0] || a[3] - 2.0 <= b[2] || b[3] - 2.0 <= a[2];
                assert!(apart, "{a:?} and {b:?} at {width}");
            }
        }
    }
}

#[test]
fn the_pointer_shows_what_is_under_it() {
    let mut browser = page_of(1_000, "hover");
    let at = browser.evaluate(RECOMMENDED);
    mouse(&mut browser, "mouseMoved", &at);
    let tip = browser.evaluate("tip.hidden ? '' : tip.textContent");
    assert!(tip.as_str().unwrap().contains("recommended"), "{tip}");
    // The table of scenarios comes when the pointer rests.
    browser.evaluate("new Promise(done => setTimeout(() => done(0), 2 * REST_MS))");
    let story = browser.evaluate("story.textContent");
    for said in [
        "rules.definite.attempts",
        "95 % interval",
        "outages/registry-001",
    ] {
        assert!(story.as_str().unwrap().contains(said), "{said}: {story}");
    }
    mouse(&mut browser, "mousePressed", &at);
    mouse(&mut browser, "mouseReleased", &at);
    let story = browser.evaluate("story.textContent");
    assert!(story.as_str().unwrap().contains("pinned"), "{story}");
}

#[test]
fn the_keyboard_goes_through_the_points() {
    let mut browser = page_of(1_000, "keys");
    browser.evaluate("front.focus()");
    let mut seen = Vec::new();
    for key in [
        "Home",
        "ArrowRight",
        "ArrowRight",
        "ArrowDown",
        "PageDown",
        "End",
    ] {
        press(&mut browser, key);
        let said = browser.evaluate("said.textContent");
        assert!(!seen.contains(&said), "{key}: {said}");
        seen.push(said);
    }
    press(&mut browser, "Enter");
    let pinned = "document.querySelector('#front .pinned').getAttribute('visibility')";
    assert_eq!(browser.evaluate(pinned), "visible");
    press(&mut browser, "Home");
    let story = browser.evaluate("story.textContent");
    assert!(story.as_str().unwrap().contains("pinned"), "{story}");
    press(&mut browser, "Escape");
    assert_eq!(browser.evaluate(pinned), "hidden");
}

#[test]
fn filters_and_headings_work() {
    let mut browser = page_of(1_000, "filters");
    browser.evaluate(
        "(() => { const one = document.querySelector('#filters select'); one.value = 1; one.onchange(); })()",
    );
    let count = browser.evaluate("document.getElementById('count').textContent");
    assert_eq!(count, "200 of 1,000 policies shown");
    browser.evaluate("document.querySelector('#filters button').click()");
    let count = browser.evaluate("document.getElementById('count').textContent");
    assert_eq!(count, "1,000 of 1,000 policies shown");
    browser.evaluate("document.querySelectorAll('.sorted th button')[1].click()");
    let keys = browser.evaluate(
        "[...document.querySelectorAll('.sorted tbody tr')].map(row => Number(row.cells[1].dataset.key))",
    );
    let keys: Vec<u64> = serde_json::from_value(keys).unwrap();
    assert!(
        keys.len() > 50 && keys.is_sorted_by(|a, b| a >= b),
        "{keys:?}"
    );
}

#[test]
fn a_telephone_is_wide_enough() {
    let mut browser = page_of(1_000, "narrow");
    resize(&mut browser, 390);
    let is_wide = browser.evaluate("document.scrollingElement.scrollWidth > window.innerWidth");
    assert_eq!(is_wide, false);
}

#[test]
fn ten_thousand_points_are_smooth() {
    let mut browser = page_of(10_000, "many");
    let drawing = browser.evaluate(
        "(() => { const start = performance.now(); drawAll(); return performance.now() - start; })()",
    );
    println!("drawing everything: {drawing} ms");
    browser.evaluate(FRAMES);
    for step in 0..60 {
        let delta = if step < 30 { 120 } else { -120 };
        let wheel = json!({"type": "mouseWheel", "x": 600, "y": 400, "deltaX": 0, "deltaY": delta});
        browser.call("Input.dispatchMouseEvent", &wheel);
    }
    let scrolled = slowest(&mut browser, "scrolling");
    let at = browser.evaluate(RECOMMENDED);
    let (x, y) = (at[0].as_f64().unwrap(), at[1].as_f64().unwrap());
    browser.evaluate(FRAMES);
    let start = Instant::now();
    for step in 0..200 {
        let to = json!([
            x - 100.0 + f64::from(step) * 3.0,
            y - f64::from(step % 40) * 4.0
        ]);
        mouse(&mut browser, "mouseMoved", &to);
    }
    println!("200 moves: {} ms", start.elapsed().as_millis());
    let moved = slowest(&mut browser, "pointing");
    // People see what takes more than a tenth of a second; a busy machine may cost much of that.
    assert!(
        scrolled < 100.0 && moved < 100.0,
        "{scrolled} ms, {moved} ms"
    );
}

/// The 95th percentile of the frames since they are measured.
fn slowest(browser: &mut Browser, what: &str) -> f64 {
    let frames = browser.evaluate("window.frames_");
    let mut frames: Vec<f64> = serde_json::from_value(frames).unwrap();
    frames.sort_by(f64::total_cmp);
    let of = |percent: usize| frames[(frames.len() - 1) * percent / 100];
    println!(
        "{what}: {} frames; median {:.1} ms, 95th percentile {:.1} ms, longest {:.1} ms",
        frames.len(),
        of(50),
        of(95),
        of(100)
    );
    of(95)
}

/// A browser with the page of a sweep of so many policies.
fn page_of(policies: usize, name: &str) -> Browser {
    let file = format!("{}/sweep-{name}.html", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&file, page::render(&many::summary(policies))).unwrap();
    let mut browser = Browser::start(name);
    resize(&mut browser, 1280);
    browser.open(&file);
    browser
}

fn resize(browser: &mut Browser, width: u32) {
    let size = json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false});
    browser.call("Emulation.setDeviceMetricsOverride", &size);
    browser.frames();
}

fn mouse(browser: &mut Browser, kind: &str, at: &Value) {
    let button = if kind == "mouseMoved" { "none" } else { "left" };
    let event = json!({"type": kind, "x": at[0], "y": at[1], "button": button, "clickCount": 1});
    browser.call("Input.dispatchMouseEvent", &event);
}

fn press(browser: &mut Browser, key: &str) {
    let code = [
        "End",
        "Home",
        "ArrowLeft",
        "ArrowUp",
        "ArrowRight",
        "ArrowDown",
    ]
    .iter()
    .position(|it| *it == key);
    let code = code.map_or_else(
        || {
            if key == "Enter" {
                13
            } else if key == "Escape" {
                27
            } else {
                34
            }
        },
        |at| 35 + at,
    );
    for kind in ["keyDown", "keyUp"] {
        let event = json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code});
        browser.call("Input.dispatchKeyEvent", &event);
    }
}
