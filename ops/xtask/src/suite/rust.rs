//! The Rust tests: unit tests of each crate and the promises in `integration-tests/`, which run the real binary.

use anyhow::Result;

use super::Plan;
use super::count::Tally;
use crate::process::{Step, cargo_has};

/// With cargo-nextest each test has a process of its own and a time limit; `cargo test` is the way without it.
pub(super) fn tests(plan: &Plan) -> Result<Tally> {
    // The promises run the real binary.
    Step::cargo()
        .args(["build", "--quiet", "-p", "busker-cli"])
        .must()?;
    if cargo_has("nextest") {
        return nextest(plan);
    }
    println!("cargo-nextest is not installed: using cargo test, without time limits");
    // All targets but the examples in docs, which are a suite of their own.
    let step =
        plan.tell(Step::cargo().args(["test", "--workspace", "--all-targets", "--no-fail-fast"]));
    let step = step.args(["--"]);
    // Heavy tests are those marked `#[ignore]`.
    let step = if plan.all {
        step.args(["--include-ignored"])
    } else {
        step
    };
    libtest(step, plan)
}

/// The examples in doc comments, which nextest does not run.
pub(super) fn doc_tests(plan: &Plan) -> Result<Tally> {
    let step = plan.tell(Step::cargo().args([
        "test",
        "--quiet",
        "--workspace",
        "--doc",
        "--no-fail-fast",
        "--",
    ]));
    libtest(step, plan)
}

fn nextest(plan: &Plan) -> Result<Tally> {
    // A filter may match tests of another suite only; nothing at all is noticed at the end.
    let mut step = Step::cargo().args(["nextest", "run", "--workspace", "--no-tests=pass"]);
    if plan.all {
        // Heavy tests are those marked `#[ignore]`.
        step = step.args(["--run-ignored", "all"]);
    }
    let mut tally = Tally::default();
    let ok = plan
        .tell(step)
        .args(&plan.filters)
        .watch(|line| tally.nextest(line))?;
    Ok(tally.ended(ok))
}

/// `step` ends behind its `--`: libtest takes one filter before it and any number after it.
fn libtest(step: Step, plan: &Plan) -> Result<Tally> {
    let mut tally = Tally::default();
    let ok = step.args(&plan.filters).watch(|line| tally.libtest(line))?;
    Ok(tally.ended(ok))
}
