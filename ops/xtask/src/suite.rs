//! `cargo xtask test`: every test there is, one sum at the end. It installs what is missing when it may, starts nothing
//! that it does not stop, and goes on after a failure, so that one run shows all.

mod count;
mod python;
mod rust;

use std::process::ExitCode;

use anyhow::Result;

use crate::Outcome;
use crate::args::{Args, Misunderstood};
use crate::debian;
use crate::process::Step;
use count::Tally;

/// What the person asked for.
#[derive(Debug)]
struct Plan {
    /// Heavy matrices too.
    all: bool,
    /// Only tests whose name contains one of these; empty: all.
    filters: Vec<String>,
}

impl Plan {
    /// Adds what every suite must know to the environment of a program that runs tests.
    fn tell(&self, step: Step) -> Step {
        let step = step.env("BUSKER_BIN", crate::root::busker(false));
        if self.all {
            step.env("BUSKER_TEST_ALL", "1")
        } else {
            step
        }
    }
}

/// One kind of tests.
struct Suite {
    /// For `--suite NAME`.
    name: &'static str,
    title: &'static str,
    run: fn(&Plan) -> Result<Tally>,
}

const SUITES: &[Suite] = &[
    Suite {
        name: "rust",
        title: "Rust tests",
        run: rust::tests,
    },
    Suite {
        name: "docs",
        title: "Rust examples in docs",
        run: rust::doc_tests,
    },
    Suite {
        name: "python",
        title: "Python package",
        run: python::unit_tests,
    },
    Suite {
        name: "types",
        title: "Python types",
        run: python::types,
    },
];

pub(crate) fn run(mut args: Args) -> Outcome {
    let all = args.flag("--all");
    let only = args.value("--suite")?;
    if let Some(name) = only
        .as_deref()
        .filter(|name| !SUITES.iter().any(|suite| suite.name == *name))
    {
        return Err(Misunderstood(format!("no such suite: {name}")).into());
    }
    let plan = Plan {
        all,
        filters: args.words()?,
    };
    let needs = [
        debian::PYTHON3,
        debian::LXML,
        debian::GREENLET,
        debian::VENV,
        debian::POSTGRES,
        debian::REDIS,
        debian::WRK,
    ];
    if !debian::ensure(&needs)? {
        println!("going on without them: tests that need them will fail and say so\n");
    }
    let mut results = Vec::new();
    for Suite { name, title, run } in SUITES {
        if only.as_deref().is_some_and(|only| only != *name) {
            continue;
        }
        println!("== {title}");
        let tally = run(&plan).unwrap_or_else(|error| {
            println!("{error:#}");
            Tally {
                failed: 1,
                ..Tally::default()
            }
        });
        results.push((*title, tally));
    }
    println!();
    for (title, tally) in &results {
        println!("{title:<24}{tally}");
    }
    let sum = results
        .iter()
        .fold(Tally::default(), |sum, (_, tally)| sum.plus(tally));
    println!("{} passed, {} failed", sum.passed, sum.failed);
    Ok(if sum.failed == 0 && sum.passed > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
