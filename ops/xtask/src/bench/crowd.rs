//! `cargo xtask bench channels`: a node with 100,000 channels. What one costs, how long they take to start, and whether
//! the last is served as fast as the first.

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use serde_json::json;

use super::environment::{CHANNEL_PORT, Environment};
use super::link::Link;
use super::proc_tree;
use super::steady::{self, Load};
use crate::args::Args;
use crate::{Outcome, time};

const CHANNELS: u32 = 100_000;
/// Longest wait for all of them to be mounted.
const MOUNT_LIMIT: Duration = Duration::from_secs(120);
/// Connections that create them.
const LINKS: usize = 8;
const RUN: Duration = Duration::from_secs(5);

pub(crate) fn run(mut args: Args) -> Outcome {
    let channels = args.number("--channels", CHANNELS)?.max(2);
    args.finish()?;
    let environment = Environment::start("[http]\nworkers = 2")?;
    let empty = proc_tree::rss_kib(environment.pid()?);
    let began = time::now();
    fill(&environment, channels)?;
    println!(
        "{channels} channels created over the API in {:.1} s",
        began.elapsed().as_secs_f64()
    );

    environment.reconfigure("")?;
    let began = time::now();
    let last = channels - 1;
    let mounted = time::wait_until(MOUNT_LIMIT, || {
        crate::front::post(CHANNEL_PORT, &format!("/crowd/{last}"), r#"{"text":"x"}"#)
            .is_ok_and(|answer| answer.status == 200)
    });
    ensure!(mounted, "the last channel does not answer");
    let full = proc_tree::rss_kib(environment.pid()?);
    println!(
        "ready with all of them, {:.1} s after the start command returned",
        began.elapsed().as_secs_f64()
    );
    println!(
        "RSS {:.0} MiB, {:.0} MiB without them: {:.1} KiB for each",
        full / 1024.0,
        empty / 1024.0,
        (full - empty) / f64::from(channels)
    );
    println!("| channel | p50 ms | p99 ms | errors |\n|---|---|---|---|");
    for (name, path) in [
        ("first", "/crowd/0".to_owned()),
        ("last", format!("/crowd/{last}")),
    ] {
        let load = Load {
            port: CHANNEL_PORT,
            path: path.leak(),
            body: r#"{"text":"x"}"#,
            connections: 4,
            per_second: 1_000,
        };
        let seen = steady::run(&load, RUN)?;
        println!(
            "| {name} | {:.2} | {:.2} | {} |",
            seen.per_mille_ms(500),
            seen.per_mille_ms(990),
            seen.errors
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Several at once, as a person with an import would: each call waits until the node has its channel.
fn fill(environment: &Environment, channels: u32) -> Result<()> {
    let shares: Vec<_> = (0..u32::try_from(LINKS)?)
        .map(|share| {
            let mut link = environment.api()?;
            Ok(thread::spawn(move || {
                (share..channels)
                    .step_by(LINKS)
                    .try_for_each(|number| create(&mut link, number))
            }))
        })
        .collect::<Result<_>>()?;
    for share in shares {
        share.join().map_err(|_| anyhow!("a link panicked"))??;
    }
    Ok(())
}

fn create(link: &mut Link, number: u32) -> Result<()> {
    let settings = json!({ "url_path": format!("/crowd/{number}"), "service": "samples.echo" });
    let object = json!({ "name": format!("crowd-{number}"), "settings": settings }).to_string();
    let (status, body) = link.post("/api/v1/services/busker.channel.http.create", &object)?;
    ensure!(status == 200, "channel {number}: {status} {body}");
    Ok(())
}
