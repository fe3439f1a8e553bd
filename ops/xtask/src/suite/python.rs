//! The Python package that services import: its own tests, and its types under `mypy --strict`.

use std::path::PathBuf;

use anyhow::Result;

use super::Plan;
use super::count::Tally;
use crate::debian::PYTHON;
use crate::process::Step;

const PACKAGE: &str = "runtime/python/package";

/// Standard library only, like the package itself.
pub(super) fn unit_tests(plan: &Plan) -> Result<Tally> {
    let args = ["-m", "unittest", "discover", "-s", "tests", "-t", "."];
    let mut step = plan
        .tell(Step::new(PYTHON))
        .dir(&crate::root::path().join(PACKAGE))
        .args(args);
    for filter in &plan.filters {
        step = step.args(["-k", filter.as_str()]);
    }
    let mut tally = Tally::default();
    let ok = step.watch(|line| tally.unittest(line))?;
    // With a filter, no test of this suite may be left: since 3.12 that exits with 5.
    let nothing_matched = !plan.filters.is_empty() && tally == Tally::default();
    Ok(tally.ended(ok || nothing_matched))
}

/// One check that counts as one test.
pub(super) fn types(plan: &Plan) -> Result<Tally> {
    if !plan.filters.is_empty() {
        return Ok(Tally::not_run("a filter was given"));
    }
    let Some(mypy) = mypy()? else {
        println!("SKIPPED: mypy cannot be installed (no package index?)");
        return Ok(Tally::not_run(
            "mypy cannot be installed (no package index?)",
        ));
    };
    let cache = crate::root::target().join("mypy-cache");
    let step = Step::new(mypy)
        .dir(&crate::root::path().join(PACKAGE))
        .args(["--strict", "--python-executable", PYTHON, "--cache-dir"])
        .args([cache])
        .args(["busker"]);
    let ok = step.run()?;
    Ok(Tally {
        passed: u32::from(ok),
        failed: u32::from(!ok),
        ..Tally::default()
    })
}

/// mypy in a virtual environment of its own under `target/`; `None` if pip cannot get it.
fn mypy() -> Result<Option<PathBuf>> {
    let venv = crate::root::target().join("venv-mypy");
    let mypy = venv.join("bin/mypy");
    if mypy.is_file() {
        return Ok(Some(mypy));
    }
    let made = Step::new(PYTHON)
        .args(["-m", "venv"])
        .args([&venv])
        .capture()?;
    if !made.ok {
        println!("{}{}", made.stdout, made.stderr);
        return Ok(None);
    }
    let pip = Step::new(venv.join("bin/pip"))
        .args(["install", "--quiet", "mypy"])
        .capture()?;
    if !pip.ok {
        println!("{}{}", pip.stdout, pip.stderr);
    }
    Ok(pip.ok.then_some(mypy))
}
