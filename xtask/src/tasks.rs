//! Tests, golden files, generated files, the browser, benchmarks.

use crate::{Error, cargo, output, run};

/// All tests.
pub(crate) fn test(arguments: &[String]) -> Result<(), Error> {
    if output(&mut cargo("nextest --version")).is_err() {
        return run(cargo("test --workspace --locked").args(arguments));
    }
    run(cargo("nextest run --workspace --locked").args(arguments))?;
    // It runs no examples of the documentation.
    run(&mut cargo("test --workspace --locked --doc"))
}

/// Rewrites the golden files. A test that finds something else wrong than one of these fails as ever, but stops no other.
pub(crate) fn bless() -> Result<(), Error> {
    let all = run(cargo("test --workspace --locked --no-fail-fast --test it").env("BLESS", "1"));
    let commands =
        run(cargo("test --workspace --locked --test e2e -- command::").env("BLESS", "1"));
    all.and(commands)
}

/// Rewrites what is generated. The tests of such files say that they are up to date: that is in their names.
pub(crate) fn generate() -> Result<(), Error> {
    run(cargo("test --workspace --locked --test it -- up_to_date").env("BLESS", "1"))
}

/// The page of a sweep in a real browser. It fails if there is none. One at a time, since it measures frames.
pub(crate) fn browser() -> Result<(), Error> {
    run(&mut cargo(
        "test --workspace --locked --test browser -- --test-threads=1 --nocapture",
    ))
}

/// The benchmarks.
pub(crate) fn bench(arguments: &[String]) -> Result<(), Error> {
    run(cargo("bench --package pullstop-benches --locked").args(arguments))
}
