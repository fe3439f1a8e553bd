//! `cargo xtask check`: everything that is not a test. All stages run even if one fails, so that one run shows all.

use std::process::ExitCode;

use anyhow::Result;

use crate::Outcome;
use crate::args::{Args, Misunderstood};
use crate::process::{Step, cargo_has};

/// How a stage ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Ok,
    Failed,
    Skipped(&'static str),
}

/// One thing to check.
struct Stage {
    name: &'static str,
    check: fn() -> Result<Verdict>,
}

/// Cheap stages first.
const STAGES: &[Stage] = &[
    Stage {
        name: "fmt",
        check: fmt,
    },
    Stage {
        name: "tidy",
        check: tidy,
    },
    Stage {
        name: "layers",
        check: layers,
    },
    Stage {
        name: "clippy",
        check: clippy,
    },
    Stage {
        name: "doc",
        check: doc,
    },
    Stage {
        name: "deny",
        check: deny,
    },
];

pub(crate) fn run(args: Args) -> Outcome {
    let chosen = args.words()?;
    let known = |word: &str| STAGES.iter().any(|stage| stage.name == word);
    if let Some(unknown) = chosen.iter().find(|word| !known(word)) {
        return Err(Misunderstood(format!("no such stage: {unknown}")).into());
    }
    let mut verdicts = Vec::new();
    for Stage { name, check } in STAGES {
        if !chosen.is_empty() && !chosen.iter().any(|word| word == name) {
            continue;
        }
        println!("== {name}");
        let verdict = check().unwrap_or_else(|error| {
            println!("{error:#}");
            Verdict::Failed
        });
        verdicts.push((name, verdict));
    }
    for (name, verdict) in &verdicts {
        match verdict {
            Verdict::Ok => println!("check {name}: ok"),
            Verdict::Failed => println!("check {name}: FAILED"),
            Verdict::Skipped(why) => println!("check {name}: SKIPPED, {why}"),
        }
    }
    let failed = verdicts
        .iter()
        .any(|(_, verdict)| *verdict == Verdict::Failed);
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

impl From<bool> for Verdict {
    fn from(ok: bool) -> Self {
        if ok { Self::Ok } else { Self::Failed }
    }
}

fn fmt() -> Result<Verdict> {
    Ok(Step::cargo()
        .args(["fmt", "--all", "--check"])
        .run()?
        .into())
}

fn tidy() -> Result<Verdict> {
    Ok(crate::tidy::is_tidy()?.into())
}

fn layers() -> Result<Verdict> {
    Ok(crate::layers::hold()?.into())
}

fn clippy() -> Result<Verdict> {
    let args = [
        "clippy",
        "--quiet",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ];
    Ok(Step::cargo().args(args).run()?.into())
}

fn doc() -> Result<Verdict> {
    let step = Step::cargo().args(["doc", "--quiet", "--workspace", "--no-deps"]);
    Ok(step.env("RUSTDOCFLAGS", "-D warnings").run()?.into())
}

fn deny() -> Result<Verdict> {
    if !cargo_has("deny") {
        return Ok(Verdict::Skipped(
            "cargo-deny is not installed (cargo install cargo-deny)",
        ));
    }
    Ok(Step::cargo().args(["deny", "check"]).run()?.into())
}
