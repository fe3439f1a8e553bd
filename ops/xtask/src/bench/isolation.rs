//! `cargo xtask bench isolation`: what neighbours of a service that misbehaves feel. A Rust service and a Python service
//! of another pool are asked at a fixed low rate; the rows are two runs without trouble, whose difference is the noise,
//! and one run for each kind of trouble.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use serde_json::json;

use super::environment::{CHANNEL_PORT, Environment};
use super::link::Link;
use super::steady::{self, Load, Seen};
use crate::args::Args;
use crate::{Outcome, debian, time};

const SECONDS: u32 = 8;
/// Channels that are there while others are edited.
const CROWD: usize = 5_000;
/// Time between two calls of a service that misbehaves.
const TROUBLE_EVERY: Duration = Duration::from_millis(250);
/// Time between two edits of channels.
const EDIT_EVERY: Duration = Duration::from_millis(50);

/// Far below a fifth of what either service can do on two cores.
const RUST: Load = Load {
    port: CHANNEL_PORT,
    path: "/quiet/rust",
    body: r#"{"text":"quiet"}"#,
    connections: 4,
    per_second: 400,
};
const PYTHON: Load = Load {
    port: CHANNEL_PORT,
    path: "/quiet/python",
    body: r#"{"text":"quiet"}"#,
    connections: 4,
    per_second: 200,
};

/// What goes wrong while the neighbours are asked.
#[derive(Debug, Clone, Copy)]
enum Trouble {
    Nothing,
    /// Calls of `trouble.run`, which does what its input says.
    Service(&'static str),
    /// Channels are created, edited and deleted beside 5,000 others.
    Edits,
}

const ROWS: &[(&str, Trouble)] = &[
    ("nothing", Trouble::Nothing),
    ("nothing, again", Trouble::Nothing),
    ("raises", Trouble::Service("raise")),
    ("loops for ever", Trouble::Service("loop")),
    ("sleeps past its timeout", Trouble::Service("sleep")),
    ("allocates 64 GiB", Trouble::Service("allocate")),
    ("segfaults", Trouble::Service("segfault")),
    ("calls os._exit", Trouble::Service("exit")),
    ("waits for a peer that hangs", Trouble::Service("hang")),
    ("20 channel edits a second beside 5,000", Trouble::Edits),
];

pub(crate) fn run(mut args: Args) -> Outcome {
    let length = Duration::from_secs(args.number("--seconds", SECONDS)?.max(1).into());
    args.finish()?;
    debian::ensure(&[debian::PYTHON3, debian::GREENLET])?;
    let environment = Arc::new(Environment::start(
        "[http]\nworkers = 2\n[python]\nworkers = 1",
    )?);
    let _hanging = prepare(&environment)?;
    println!("| trouble | Rust p50 ms | p99 ms | errors | Python p50 ms | p99 ms | errors |");
    println!("|---|---|---|---|---|---|---|");
    for (name, trouble) in ROWS {
        if matches!(trouble, Trouble::Edits) {
            crowd(&environment)?;
        }
        let (rust, python) = measure(&environment, *trouble, length)?;
        println!("| {name} | {} | {} |", cells(&rust), cells(&python));
    }
    let (rust, python) = (RUST.per_second, PYTHON.per_second);
    println!(
        "\n{rust} and {python} requests/s for {} s each, times from when a request was due.",
        length.as_secs()
    );
    Ok(ExitCode::SUCCESS)
}

fn cells(seen: &Seen) -> String {
    let (p50, p99) = (seen.per_mille_ms(500), seen.per_mille_ms(990));
    format!(
        "{p50:.2} | {p99:.2} | {} of {}",
        seen.errors,
        seen.requests()
    )
}

/// Services, channels and a peer that takes connections and never answers; it hangs as long as the listener is kept.
fn prepare(environment: &Environment) -> Result<std::net::TcpListener> {
    let hanging = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = format!("http://{}", hanging.local_addr()?);
    let peer = json!({ "address": address, "timeout_ms": 400 });
    environment.create("busker.outgoing.http", "hanging", &peer)?;
    environment.deploy("echo_service.py", "bench.echo")?;
    environment.deploy("trouble_service.py", "trouble.run")?;
    environment.channel("quiet-rust", RUST.path, "samples.echo", false)?;
    environment.channel("quiet-python", PYTHON.path, "bench.echo", false)?;
    let trouble = json!({ "url_path": "/trouble", "service": "trouble.run", "timeout_ms": 500 });
    environment.create("busker.channel.http", "trouble", &trouble)?;
    for load in [RUST, PYTHON] {
        steady::run(&load, Duration::from_secs(1))?;
    }
    Ok(hanging)
}

fn crowd(environment: &Environment) -> Result<()> {
    let mut link = environment.api()?;
    for number in 0..CROWD {
        let settings = json!({ "url_path": format!("/crowd/{number}"), "service": "samples.echo" });
        let object = json!({ "name": format!("crowd-{number}"), "settings": settings });
        create(&mut link, &object.to_string())?;
    }
    Ok(())
}

fn create(link: &mut Link, object: &str) -> Result<()> {
    let (status, body) = link.post("/api/v1/services/busker.channel.http.create", object)?;
    if status == 200 {
        Ok(())
    } else {
        Err(anyhow!("{status}: {body}"))
    }
}

fn measure(
    environment: &Arc<Environment>,
    trouble: Trouble,
    length: Duration,
) -> Result<(Seen, Seen)> {
    let stop = Arc::new(AtomicBool::new(false));
    let maker = {
        let (stop, environment) = (Arc::clone(&stop), Arc::clone(environment));
        thread::spawn(move || make(trouble, &environment, &stop))
    };
    let python = thread::spawn(move || steady::run(&PYTHON, length));
    let rust = steady::run(&RUST, length);
    let python = python.join().map_err(|_| anyhow!("the load panicked"))?;
    stop.store(true, Ordering::Relaxed);
    maker
        .join()
        .map_err(|_| anyhow!("the trouble maker panicked"))??;
    Ok((rust?, python?))
}

fn make(trouble: Trouble, environment: &Environment, stop: &AtomicBool) -> Result<()> {
    match trouble {
        Trouble::Nothing => Ok(()),
        Trouble::Service(what) => {
            let body = json!({ "what": what }).to_string();
            while !stop.load(Ordering::Relaxed) {
                // Whatever it answers is its own affair.
                drop(Link::open(CHANNEL_PORT, None)?.post("/trouble", &body));
                time::sleep(TROUBLE_EVERY);
            }
            Ok(())
        }
        Trouble::Edits => edit(&mut environment.api().context("the API")?, stop),
    }
}

fn edit(link: &mut Link, stop: &AtomicBool) -> Result<()> {
    let settings = json!({ "url_path": "/edited", "service": "samples.echo" });
    let object = json!({ "name": "edited", "settings": settings }).to_string();
    let changed = json!({ "name": "edited", "settings": { "timeout_ms": 9_000 } }).to_string();
    let name = json!({ "name": "edited" }).to_string();
    let steps = [("create", &object), ("edit", &changed), ("delete", &name)];
    for (verb, input) in steps.iter().cycle() {
        // Only after a delete, so that nothing is left behind.
        if stop.load(Ordering::Relaxed) && *verb == "create" {
            break;
        }
        let (status, body) = link.post(
            &format!("/api/v1/services/busker.channel.http.{verb}"),
            input,
        )?;
        anyhow::ensure!(status == 200, "{verb}: {status} {body}");
        time::sleep(EDIT_EVERY);
    }
    Ok(())
}
