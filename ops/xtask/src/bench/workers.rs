//! `cargo xtask bench workers`: what a second HTTP worker and a second Python worker bring.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use super::contender::Contender;
use super::environment::Environment;
use super::peers;
use super::wrk::{self, Case};
use crate::args::Args;
use crate::{Outcome, debian};

const SECONDS: u32 = 5;
const ROUNDS: usize = 3;
const CASE: Case = Case {
    connections: 64,
    text_bytes: 100,
};

pub(crate) fn run(mut args: Args) -> Outcome {
    let seconds = args.number("--seconds", SECONDS)?.max(1);
    args.finish()?;
    debian::ensure(&[debian::PYTHON3, debian::GREENLET, debian::WRK])?;
    let scratch = crate::root::target().join("bench");
    std::fs::create_dir_all(&scratch)?;
    let environment = Environment::start("[http]\nworkers = 1\n[python]\nworkers = 1")?;
    // The nested echo calls out to it.
    let _peer = peers::bare(1, &scratch)?;
    let contenders = environment.echoes()?;
    println!("| HTTP workers | Python workers | Rust req/s | Python req/s |\n|---|---|---|---|");
    for (http, python) in [(1, 1), (2, 1), (1, 2), (2, 2)] {
        environment.reconfigure(&format!(
            "[http]\nworkers = {http}\n[python]\nworkers = {python}"
        ))?;
        let rust = best(&contenders, "busker, Rust service", seconds, &scratch)?;
        let slow = best(&contenders, "busker, Python service", seconds, &scratch)?;
        println!("| {http} | {python} | {rust:.0} | {slow:.0} |");
    }
    println!("\nBest of {ROUNDS} runs of {seconds} s; wrk shares the cores with the node.");
    Ok(ExitCode::SUCCESS)
}

fn best(contenders: &[Contender], name: &str, seconds: u32, scratch: &Path) -> Result<f64> {
    let mut best = 0.0_f64;
    for contender in contenders.iter().filter(|contender| contender.name == name) {
        for _ in 0..ROUNDS {
            best = best.max(wrk::run(contender, CASE, seconds, scratch)?.per_second);
        }
    }
    Ok(best)
}
