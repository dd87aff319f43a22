//! The page of a sweep in a real browser, without network.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod many;

#[test]
fn write_pages() {
    for n in [1_000, 10_000] {
        let html = pullstop_simulator::sweep::page::render(&many::summary(n));
        let file = format!("{}/sweep-{n}.html", env!("CARGO_TARGET_TMPDIR"));
        std::fs::write(&file, html).unwrap();
        println!("{file}");
    }
}
