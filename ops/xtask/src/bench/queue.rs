//! `cargo xtask bench async`: from handed over to done, asynchronously. Busker's two delivery classes beside a bare client of
//! Redis Streams with steps of the same size, and the task queues a Python service could have had instead. One after
//! another on one Redis and one PostgreSQL, because each takes all cores there are.

mod page;
mod peers;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use self::page::Row;
use super::environment::Environment;
use crate::args::Args;
use crate::process::{Running, Step};
use crate::{Outcome, debian, time};

/// Rounds; each figure is the median of them.
const ROUNDS: u32 = 3;
/// Messages of one run of Busker and of the bare client.
const MESSAGES: u64 = 60_000;
/// Longest wait for the servers.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Redis and PostgreSQL of this run; they end with it.
#[derive(Debug)]
struct Servers {
    redis: String,
    postgres: String,
    _process: Running,
}

pub(crate) fn run(mut args: Args) -> Outcome {
    let rounds = args.number("--rounds", ROUNDS)?.max(1);
    let only_busker = args.flag("--no-peers");
    args.finish()?;
    let needs = [
        debian::PYTHON3,
        debian::VENV,
        debian::REDIS,
        debian::POSTGRES,
    ];
    ensure!(debian::ensure(&needs)?, "the benchmark needs all of them");
    let scratch = crate::root::target().join("bench");
    std::fs::create_dir_all(&scratch)?;
    let program = build()?;
    let servers = servers(&program, &scratch)?;
    let mut rows = vec![bare(&program, &servers, rounds)?];
    rows.extend(busker(&program, &servers, rounds)?);
    let mut versions = Vec::new();
    if !only_busker {
        let measured = peers::measure(&servers.redis, &servers.postgres, rounds, &scratch)?;
        rows.extend(measured.rows);
        versions = measured.versions;
    }
    let page = page::page(&rows, &about(rounds, &versions)?);
    println!("{page}");
    let file = scratch.join(format!("async-{}.md", time::date(time::unix_seconds())));
    std::fs::write(&file, page)?;
    println!("written to {}", file.display());
    Ok(ExitCode::SUCCESS)
}

fn build() -> Result<PathBuf> {
    let args = [
        "build",
        "--quiet",
        "--release",
        "-p",
        "busker-integration-tests",
        "--bin",
        "bench_async",
    ];
    Step::cargo().args(args).must()?;
    Ok(crate::root::target().join("release/bench_async"))
}

fn servers(program: &Path, scratch: &Path) -> Result<Servers> {
    let log = scratch.join("async-servers.log");
    let process = Step::new(program).args(["servers"]).spawn(&log)?;
    let mut printed = String::new();
    time::wait_until(START_LIMIT, || {
        printed = std::fs::read_to_string(&log).unwrap_or_default();
        printed.contains("postgresql ")
    });
    let url = |name: &str| {
        let line = printed.lines().find_map(|line| line.strip_prefix(name));
        line.map(|url| url.trim().to_owned())
            .with_context(|| format!("no {name}: see {}", log.display()))
    };
    Ok(Servers {
        redis: url("redis ")?,
        postgres: url("postgresql ")?,
        _process: process,
    })
}

/// Runs at full speed and then, paced, at half of it.
fn rounds(
    name: &'static str,
    count: u32,
    mut once: impl FnMut(u64, u64) -> Result<Value>,
) -> Result<Row> {
    let mut full = Vec::new();
    let mut paced = Vec::new();
    // The first round warms up and is not counted.
    for round in 0..=count {
        println!("{name}: round {round} of {count}");
        let fast = once(MESSAGES, 0)?;
        let per_second = fast["per_second"].as_f64().context("no figure")?;
        let rate = half(per_second);
        let slow = once(rate * 3, rate)?;
        if round > 0 {
            full.push(per_second);
            paced.push(page::Delays::read(&slow)?);
        }
    }
    Ok(Row::medians(name, full, paced))
}

/// Messages per second of the load at which delays are measured.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is a small positive number"
)]
fn half(per_second: f64) -> u64 {
    ((per_second / 2.0) as u64).max(10)
}

fn bare(program: &Path, servers: &Servers, count: u32) -> Result<Row> {
    rounds(page::BARE, count, |messages, rate| {
        let step = Step::new(program)
            .args(["bare", &servers.redis])
            .args([messages.to_string(), rate.to_string()]);
        let ran = step.capture()?;
        ensure!(ran.ok, "bare client: {}{}", ran.stdout, ran.stderr);
        Ok(serde_json::from_str(&ran.stdout)?)
    })
}

fn busker(program: &Path, servers: &Servers, count: u32) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (bus, names) in [
        (
            servers.redis.as_str(),
            [
                ("busker fast, Redis", "fast"),
                ("busker durable, Redis + SQLite ODB", "durable"),
            ],
        ),
        (
            "sqlite:data/bus.db",
            [
                ("busker fast, single node", "fast"),
                ("busker durable, single node", "durable"),
            ],
        ),
    ] {
        let environment = Environment::start_as(program, &format!("[bus]\nurl = \"{bus}\"\n"))?;
        for (name, delivery) in names {
            rows.push(rounds(name, count, |messages, rate| {
                let load = json!({"messages": messages, "rate": rate, "delivery": delivery});
                environment.invoke("bench.load", &load)
            })?);
        }
    }
    Ok(rows)
}

/// What a reader needs to judge the figures.
fn about(rounds: u32, versions: &[String]) -> Result<String> {
    let commit = Step::new("git")
        .args(["rev-parse", "--short", "HEAD"])
        .capture()?;
    let cores = std::thread::available_parallelism()?.get();
    let load = std::fs::read_to_string("/proc/loadavg")?;
    Ok(format!(
        "Medians of {rounds} rounds after one to warm up, one contender after another, each with all {cores} cores, which it \
         shares with its Redis or PostgreSQL. Payloads of 1 KiB; steps of 256 for the bare client and at most 256 for the bus. \
         Delays are from before the hand-over to the effect, at half the rate of the same round. Redis writes nothing to the \
         disk; PostgreSQL and SQLite are on this machine's disk, PostgreSQL with fsync off as in tests.\n\n\
         {date}, commit {commit}, load average at the end {load}; {peers}.\n",
        date = time::date(time::unix_seconds()),
        commit = commit.stdout.trim(),
        load = load.split(' ').next().unwrap_or_default(),
        peers = versions.join(", "),
    ))
}
