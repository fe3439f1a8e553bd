//! `cargo xtask bench sync`: one synchronous JSON call. Every server runs at once; rounds are interleaved, so that a noisy
//! minute of the machine falls on all of them alike.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, ensure};

use super::contender::Contender;
use super::environment::Environment;
use super::report::{self, Figures, Row};
use super::wrk::{self, Case};
use super::{peers, proc_tree};
use crate::args::Args;
use crate::process::Step;
use crate::{Outcome, debian, time};

const ROUNDS: u32 = 5;
/// Length of one run of wrk.
const SECONDS: u32 = 2;
const CASES: &[Case] = &[
    Case {
        connections: 16,
        text_bytes: 100,
    },
    Case {
        connections: 64,
        text_bytes: 100,
    },
    Case {
        connections: 16,
        text_bytes: 10_000,
    },
    Case {
        connections: 64,
        text_bytes: 10_000,
    },
];

pub(crate) fn run(mut args: Args) -> Outcome {
    let rounds = args.number("--rounds", ROUNDS)?.max(1);
    let seconds = args.number("--seconds", SECONDS)?.max(1);
    args.finish()?;
    let needs = [debian::PYTHON3, debian::VENV, debian::GREENLET, debian::WRK];
    ensure!(debian::ensure(&needs)?, "the benchmark needs all of them");
    let scratch = crate::root::target().join("bench");
    std::fs::create_dir_all(&scratch)?;

    let cores = std::thread::available_parallelism()?.get();
    let environment = Environment::start(&format!(
        "[http]\nworkers = {cores}\n[python]\nworkers = {cores}"
    ))?;
    let mut contenders = vec![peers::bare(cores, &scratch)?];
    contenders.extend(environment.echoes()?);
    let python = peers::python(cores, &scratch)?;
    contenders.extend(python.contenders);

    let rows = measure(&contenders, rounds, seconds, &scratch)?;
    let about = about(cores, rounds, seconds, &python.versions)?;
    let page = report::page(&rows, CASES, &about);
    println!("{page}");
    let file = scratch.join(format!("sync-{}.md", time::date(time::unix_seconds())));
    std::fs::write(&file, page)?;
    println!("written to {}", file.display());
    Ok(ExitCode::SUCCESS)
}

fn measure(
    contenders: &[Contender],
    rounds: u32,
    seconds: u32,
    scratch: &Path,
) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for case in CASES {
        let mut figures = vec![Vec::new(); contenders.len()];
        // The first round warms up and is not counted.
        for round in 0..=rounds {
            println!("{}: round {round} of {rounds}", case.title());
            for (contender, figures) in contenders.iter().zip(&mut figures) {
                let measured = one_run(contender, *case, seconds, scratch)?;
                if round > 0 {
                    figures.push(measured);
                }
            }
        }
        let medians = contenders
            .iter()
            .zip(&figures)
            .map(|(contender, rounds)| Row {
                contender: contender.name,
                case: *case,
                figures: Figures::medians(rounds),
            });
        rows.extend(medians);
    }
    Ok(rows)
}

fn one_run(contender: &Contender, case: Case, seconds: u32, scratch: &Path) -> Result<Figures> {
    let before = proc_tree::cpu_us(contender.root_pid);
    let seen = wrk::run(contender, case, seconds, scratch)?;
    let used = proc_tree::cpu_us(contender.root_pid) - before;
    ensure!(seen.requests > 0.0, "{} answered nothing", contender.name);
    Ok(Figures {
        per_second: seen.per_second,
        p50_ms: seen.p50_ms,
        p99_ms: seen.p99_ms,
        cpu_us: used / seen.requests,
        memory_mib: proc_tree::memory_mib(contender.root_pid),
    })
}

/// What a reader needs to judge the figures.
fn about(cores: usize, rounds: u32, seconds: u32, versions: &[String]) -> Result<String> {
    let line = |program: &str| -> Result<String> {
        let answer = Step::new(program).args(["--version"]).capture()?;
        Ok(answer.stdout.lines().next().unwrap_or_default().to_owned())
    };
    let commit = Step::new("git")
        .args(["rev-parse", "--short", "HEAD"])
        .capture()?;
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let load = std::fs::read_to_string("/proc/loadavg")?;
    Ok(format!(
        "Medians of {rounds} interleaved rounds of {seconds} s each after one to warm up; every server has one worker per \
         core, and wrk shares the {cores} cores with them, so CPU per request says more than requests per second. Memory is \
         PSS of the process tree. The Rust and the Python service run in the same node.\n\n\
         {date}, commit {commit}, Linux {kernel}, load average at the end {load}; {rustc}; {python}; {peers}.\n",
        date = time::date(time::unix_seconds()),
        commit = commit.stdout.trim(),
        kernel = kernel.trim(),
        load = load.split(' ').next().unwrap_or_default(),
        rustc = line("rustc")?,
        python = line(debian::PYTHON)?,
        peers = versions.join(", "),
    ))
}
