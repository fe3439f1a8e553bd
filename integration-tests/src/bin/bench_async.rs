//! What `cargo xtask bench async` measures, and what it stands on. Roles, by the first argument:
//! `servers` (a private Redis and PostgreSQL; prints their URLs, ends on SIGTERM), `bare URL MESSAGES RATE` (XADD, XREADGROUP
//! and XACK without a bus around them), `node DIR` (a node with a trivial service and one that hands invocations over to it).

#![expect(clippy::print_stdout, reason = "what it prints is what it measured")]

use std::process::ExitCode;
use std::sync::LazyLock;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail, ensure};
use busker_bus::testing::RedisServer;
use busker_integration_tests::run_node;
use busker_model::{ChannelKind, Cid, Delivery};
use busker_odb::OdbConfig;
use busker_odb::testing::PostgresServer;
use busker_service::Registry;
use busker_service::ports::AsyncOptions;
use busker_service::prelude::*;
use bytes::Bytes;
use deadpool_redis::redis::{self, AsyncConnectionConfig, Client};
use futures::{StreamExt, stream};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::Instant;

/// Bytes of a payload.
const PAYLOAD: usize = 1_024;
/// Messages of one step, of the bus and of the bare client alike.
const BATCH: usize = 256;
/// Publishers that wait for their cid at once.
const AT_ONCE: usize = 1_024;
/// Time between two steps of a paced load.
const TICK: Duration = Duration::from_millis(2);

static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Microseconds since this process began to measure.
fn micros() -> u64 {
    u64::try_from(BEGAN.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// Effects of one run.
#[derive(Default)]
struct Effects {
    delays: Mutex<Vec<u64>>,
    all: Notify,
}

static EFFECTS: LazyLock<Effects> = LazyLock::new(Effects::default);

#[expect(clippy::cast_precision_loss, reason = "figures that are printed")]
fn figures(messages: usize, took: Duration, mut delays: Vec<u64>) -> Value {
    delays.sort_unstable();
    let at = |part: usize| {
        let place = (delays.len() * part / 100).min(delays.len().saturating_sub(1));
        delays.get(place).copied().unwrap_or_default() as f64 / 1_000.0
    };
    json!({
        "per_second": messages as f64 / took.as_secs_f64(),
        "p50_ms": at(50),
        "p99_ms": at(99),
    })
}

/// Sizes of the steps of a load: full ones as fast as they go, or those of a rate.
fn steps(messages: usize, rate: u64) -> impl Iterator<Item = usize> {
    let per_tick = usize::try_from(rate * 2).unwrap_or(usize::MAX);
    let step = match rate {
        0 => BATCH,
        _ => (per_tick / 1_000).max(1),
    };
    (0..messages.div_ceil(step)).map(move |number| step.min(messages - number * step))
}

/// Waits for its turn when the load is paced.
async fn pace(number: usize, began: Instant, rate: u64) {
    if rate > 0 {
        let due = began + TICK * u32::try_from(number).unwrap_or(u32::MAX);
        tokio::time::sleep_until(due).await;
    }
}

#[derive(Deserialize)]
struct Sent {
    at: u64,
}

/// The trivial service: notes how late it runs.
struct Effect;

impl Service for Effect {
    const NAME: &'static str = "bench.effect";
    type Input = Value;
    type Output = ();

    async fn handle(&self, _ctx: &Context, input: Value) -> Result<(), Fault> {
        let sent: Sent =
            serde_json::from_value(input).map_err(|error| Fault::invalid(error.to_string()))?;
        let mut delays = EFFECTS.delays.lock();
        delays.push(micros().saturating_sub(sent.at));
        if delays.len() == delays.capacity() {
            EFFECTS.all.notify_one();
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Load {
    messages: usize,
    rate: u64,
    delivery: Delivery,
}

/// Hands invocations over and waits until all had their effect.
struct Loads;

impl Service for Loads {
    const NAME: &'static str = "bench.load";
    type Input = Value;
    type Output = Value;

    async fn handle(&self, ctx: &Context, input: Value) -> Result<Value, Fault> {
        let load: Load =
            serde_json::from_value(input).map_err(|error| Fault::invalid(error.to_string()))?;
        *EFFECTS.delays.lock() = Vec::with_capacity(load.messages);
        let began = Instant::now();
        let fill = "x".repeat(PAYLOAD - 32);
        let sizes = stream::iter(steps(load.messages, load.rate).enumerate());
        let turns = sizes.then(|(number, size)| async move {
            pace(number, began, load.rate).await;
            stream::iter(0..size)
        });
        let sent = turns.flatten().map(|_| publish(ctx, load.delivery, &fill));
        let kept: Vec<Result<Cid, Fault>> = sent.buffer_unordered(AT_ONCE).collect().await;
        for kept in kept {
            kept?;
        }
        let accepted = began.elapsed();
        EFFECTS.all.notified().await;
        let took = began.elapsed();
        let delays = std::mem::take(&mut *EFFECTS.delays.lock());
        let mut answer = figures(load.messages, took, delays);
        answer["accepted_per_second"] =
            figures(load.messages, accepted, Vec::new())["per_second"].clone();
        Ok(answer)
    }

    fn options() -> Options {
        let mut options = Options::default();
        options.limits.timeout_ms = Some(120_000);
        options
    }
}

async fn publish(ctx: &Context, delivery: Delivery, fill: &str) -> Result<Cid, Fault> {
    let service = busker_model::ServiceName::new(Effect::NAME)
        .map_err(|error| Fault::internal(error.to_string()))?;
    let payload = format!("{{\"at\":{},\"fill\":\"{fill}\"}}", micros());
    let mut request = ctx.derive(service, Bytes::from(payload), ChannelKind::InvokeAsync);
    request.cid = Cid::mint();
    let how = AsyncOptions {
        delivery: Some(delivery),
        ..AsyncOptions::default()
    };
    ctx.ports().invoker.invoke_async(request, how).await
}

/// A bare client: one connection that adds, one that reads and acknowledges, both in full steps.
async fn bare(url: &str, messages: usize, rate: u64) -> anyhow::Result<Value> {
    let client = Client::open(url)?;
    let patient = AsyncConnectionConfig::new().set_response_timeout(None);
    let mut adding = client
        .get_multiplexed_async_connection_with_config(&patient)
        .await?;
    let mut reading = client
        .get_multiplexed_async_connection_with_config(&patient)
        .await?;
    let mut setup = redis::pipe();
    setup.cmd("DEL").arg("bare").ignore();
    setup
        .cmd("XGROUP")
        .arg(&["CREATE", "bare", "g", "0", "MKSTREAM"])
        .ignore();
    setup.exec_async(&mut adding).await?;
    let began = Instant::now();
    let add = async {
        let fill = vec![b'x'; PAYLOAD - 8];
        for (number, size) in steps(messages, rate).enumerate() {
            pace(number, began, rate).await;
            let mut pipe = redis::pipe();
            for _ in 0..size {
                let mut body = micros().to_be_bytes().to_vec();
                body.extend_from_slice(&fill);
                pipe.cmd("XADD").arg(&["bare", "*", "m"]).arg(body).ignore();
            }
            pipe.exec_async(&mut adding).await?;
        }
        anyhow::Ok(())
    };
    let read = read_all(&mut reading, messages);
    let ((), delays) = tokio::try_join!(add, read)?;
    let took = began.elapsed();
    redis::cmd("DEL")
        .arg("bare")
        .exec_async(&mut reading)
        .await?;
    Ok(figures(messages, took, delays))
}

type Entry = (String, Vec<(String, Vec<u8>)>);

async fn read_all(
    reading: &mut redis::aio::MultiplexedConnection,
    messages: usize,
) -> anyhow::Result<Vec<u64>> {
    let mut delays = Vec::with_capacity(messages);
    while delays.len() < messages {
        let read: Option<Vec<(String, Vec<Entry>)>> = redis::cmd("XREADGROUP")
            .arg(&["GROUP", "g", "c", "COUNT"])
            .arg(BATCH)
            .arg(&["BLOCK", "5000", "STREAMS", "bare", ">"])
            .query_async(reading)
            .await?;
        let mut done = redis::cmd("XACK");
        done.arg(&["bare", "g"]);
        for (id, fields) in read.into_iter().flatten().flat_map(|(_, entries)| entries) {
            let body = fields.first().context("an entry without a body")?;
            let sent = body.1.first_chunk::<8>().context("a short body")?;
            delays.push(micros().saturating_sub(u64::from_be_bytes(*sent)));
            done.arg(id);
        }
        ensure!(!delays.is_empty(), "nothing came in 5 s");
        done.exec_async(reading).await?;
    }
    Ok(delays)
}

async fn servers() -> anyhow::Result<()> {
    let mut over = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let redis = RedisServer::start().await.map_err(|error| anyhow!(error))?;
    let postgres = PostgresServer::start()
        .await
        .map_err(|error| anyhow!(error))?;
    let database = postgres.new_database().map_err(|error| anyhow!(error))?;
    let OdbConfig::Postgres { url, password, .. } = postgres.config(&database, "") else {
        bail!("a PostgreSQL that is none");
    };
    let password = password.context("a PostgreSQL without a password")?;
    let login = format!(":{}@", password.expose());
    println!("redis {}", redis.url());
    println!("postgresql {}", url.replacen('@', &login, 1));
    over.recv().await;
    Ok(())
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["servers"] => servers().await.map(|()| ExitCode::SUCCESS),
        ["bare", url, messages, rate] => {
            println!("{}", bare(url, messages.parse()?, rate.parse()?).await?);
            Ok(ExitCode::SUCCESS)
        }
        [_folder] => {
            let mut services = Registry::default();
            services.add(Effect)?;
            services.add(Loads)?;
            run_node("bench-node", services).await
        }
        _ => bail!("servers, bare URL MESSAGES RATE, or the folder of a node"),
    }
}
