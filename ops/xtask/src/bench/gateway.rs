//! `cargo xtask bench gateway`: what a question from node to node costs, beside a bare echo with the same TLS.

use std::process::ExitCode;

use anyhow::ensure;

use crate::args::Args;
use crate::process::Step;
use crate::{Outcome, debian, time};

pub(crate) fn run(args: Args) -> Outcome {
    args.finish()?;
    let needs = [debian::REDIS, debian::POSTGRES];
    ensure!(debian::ensure(&needs)?, "the benchmark needs both");
    let build = |package: &str, bin: &str| {
        let args = ["build", "--quiet", "--release", "-p", package, "--bin", bin];
        Step::cargo().args(args).must()
    };
    build("busker-cli", "busker")?;
    build("busker-integration-tests", "bench_gateway")?;
    let target = crate::root::target();
    let measured = Step::new(target.join("release/bench_gateway"))
        .env("BUSKER_BINARY", target.join("release/busker"))
        .capture()?;
    ensure!(measured.ok, "bench_gateway failed: {}", measured.stderr);
    let page = format!(
        "{}, two nodes, 128 B there and back over mutual TLS 1.3; microseconds\n\n| | p50 | p99 |\n|---|---|---|\n{}",
        time::date(time::unix_seconds()),
        measured.stdout
    );
    println!("{page}");
    let scratch = target.join("bench");
    std::fs::create_dir_all(&scratch)?;
    let file = scratch.join(format!("gateway-{}.md", time::date(time::unix_seconds())));
    std::fs::write(&file, page)?;
    println!("written to {}", file.display());
    Ok(ExitCode::SUCCESS)
}
