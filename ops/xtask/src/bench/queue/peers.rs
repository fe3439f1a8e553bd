//! Task queues of Python, each with its own worker and its own way to hand over. An effect is a datagram with the time of its
//! hand-over, so that no peer pays for a counter of ours.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::half;
use super::page::{Delays, Row};
use crate::debian::PYTHON;
use crate::process::{Running, Step};
use crate::time;

/// Messages of one run at full speed.
const MESSAGES: u64 = 6_000;
/// Seconds of one paced run.
const PACED_S: u64 = 4;
/// Time a worker has to come up.
const WARM_UP: Duration = Duration::from_secs(30);
/// Longest silence of a worker under load.
const SILENCE: Duration = Duration::from_secs(30);

/// A queue: what pip installs, how its worker is started, and what hands tasks over.
struct Peer {
    name: &'static str,
    /// The first is the queue itself. Each has an environment of its own: they do not agree on a Redis client.
    packages: &'static [&'static str],
    worker: &'static [&'static str],
    load: &'static str,
}

const PEERS: &[Peer] = &[
    Peer {
        name: "Celery",
        packages: &["celery", "redis", "packaging"],
        worker: &[
            "celery",
            "-A",
            "celery_peer",
            "worker",
            "--concurrency",
            "2",
            "--without-gossip",
            "--without-mingle",
            "--loglevel",
            "WARNING",
        ],
        load: "celery_peer.py",
    },
    Peer {
        name: "arq",
        packages: &["arq"],
        worker: &["python", "arq_peer.py", "worker"],
        load: "arq_peer.py",
    },
    Peer {
        name: "taskiq-redis",
        packages: &["taskiq-redis", "taskiq"],
        worker: &[
            "taskiq",
            "worker",
            "taskiq_peer:broker",
            "--workers",
            "2",
            "--log-level",
            "WARNING",
        ],
        load: "taskiq_peer.py",
    },
    Peer {
        name: "Procrastinate",
        packages: &["procrastinate", "psycopg[binary]"],
        worker: &["python", "procrastinate_peer.py", "worker"],
        load: "procrastinate_peer.py",
    },
];

/// Peers as they did.
#[derive(Debug, Default)]
pub(super) struct Measured {
    pub(super) rows: Vec<Row>,
    pub(super) versions: Vec<String>,
}

/// What all of them share.
struct Ground<'a> {
    sink: UnixDatagram,
    path: PathBuf,
    servers: (&'a str, &'a str),
    scratch: &'a Path,
}

pub(super) fn measure(
    redis: &str,
    postgres: &str,
    rounds: u32,
    scratch: &Path,
) -> Result<Measured> {
    let path = scratch.join("async.sink");
    if path.exists() {
        std::fs::remove_file(&path)?;
    }
    let ground = Ground {
        sink: UnixDatagram::bind(&path)?,
        path,
        servers: (redis, postgres),
        scratch,
    };
    let mut measured = Measured::default();
    for peer in PEERS {
        let Some(venv) = venv(peer)? else {
            let name = peer.name;
            println!("SKIPPED: {name}, pip cannot install it (no package index?)");
            continue;
        };
        measured.rows.push(ground.measure(peer, &venv, rounds)?);
        measured.versions.push(version(peer, &venv)?);
    }
    Ok(measured)
}

impl Ground<'_> {
    fn measure(&self, peer: &Peer, venv: &Path, rounds: u32) -> Result<Row> {
        let log = self.scratch.join(format!("async-{}.log", peer.name));
        let [program, words @ ..] = peer.worker else {
            anyhow::bail!("{} has no worker", peer.name);
        };
        let _worker: Running = self.step(venv, program).args(words).spawn(&log)?;
        // The first tasks wait until the worker is up.
        self.sink.set_read_timeout(Some(WARM_UP))?;
        self.load(peer, venv, (10, 0))
            .with_context(|| format!("see {}", log.display()))?;
        self.sink.set_read_timeout(Some(SILENCE))?;
        let (mut full, mut paced) = (Vec::new(), Vec::new());
        for round in 0..=rounds {
            println!("{}: round {round} of {rounds}", peer.name);
            let (per_second, _) = self.load(peer, venv, (MESSAGES, 0))?;
            let rate = half(per_second);
            let (_, delays) = self.load(peer, venv, (rate * PACED_S, rate))?;
            if round > 0 {
                full.push(per_second);
                paced.push(delays);
            }
        }
        Ok(Row::medians(peer.name, full, paced))
    }

    /// Hands so many over and waits for their effects: how many a second, and how late.
    fn load(
        &self,
        peer: &Peer,
        venv: &Path,
        (messages, rate): (u64, u64),
    ) -> Result<(f64, Delays)> {
        let log = self.scratch.join(format!("async-{}-load.log", peer.name));
        let words = [peer.load.to_owned(), messages.to_string(), rate.to_string()];
        let _load = self.step(venv, "python").args(words).spawn(&log)?;
        let mut delays = Vec::new();
        let (mut first, mut last) = (f64::MAX, 0.0_f64);
        for _ in 0..messages {
            let mut packet = [0; 8];
            let read = self.sink.recv(&mut packet);
            let read = read.with_context(|| format!("{} fell silent", peer.name))?;
            ensure!(read == packet.len(), "a torn datagram");
            let (sent, now) = (f64::from_be_bytes(packet), time::unix_precisely());
            first = first.min(sent);
            last = now;
            delays.push((now - sent) * 1_000.0);
        }
        delays.sort_by(f64::total_cmp);
        let at = |part: usize| delays.get(delays.len() * part / 100).copied();
        Ok((
            delays.len() as f64 / (last - first),
            Delays {
                p50_ms: at(50).context("no effect")?,
                p99_ms: at(99).context("no effect")?,
            },
        ))
    }

    fn step(&self, venv: &Path, program: &str) -> Step {
        Step::new(venv.join("bin").join(program))
            .dir(&crate::root::path().join("ops/xtask/peers"))
            .env("BENCH_SINK", &self.path)
            .env("BENCH_REDIS", self.servers.0)
            .env("BENCH_POSTGRES", self.servers.1)
            .env("PYTHONDONTWRITEBYTECODE", "1")
    }
}

fn venv(peer: &Peer) -> Result<Option<PathBuf>> {
    let venv = crate::root::target().join(format!("venv-async-{}", peer.name));
    // Complete only when the last step of an earlier run was reached, with this list.
    let (mark, wanted) = (venv.join("packages"), peer.packages.join(" "));
    if std::fs::read_to_string(&mark).is_ok_and(|installed| installed == wanted) {
        return Ok(Some(venv));
    }
    let made = Step::new(PYTHON).args(["-m", "venv"]).args([&venv]).run()?;
    let pip = || {
        Step::new(venv.join("bin/pip"))
            .args(["install", "--quiet"])
            .args(peer.packages)
            .run()
    };
    if !(made && pip()?) {
        return Ok(None);
    }
    std::fs::write(&mark, wanted)?;
    Ok(Some(venv))
}

fn version(peer: &Peer, venv: &Path) -> Result<String> {
    let answer = Step::new(venv.join("bin/pip"))
        .args(["list", "--format", "freeze"])
        .capture()?;
    let name = peer.packages.first().copied().unwrap_or_default();
    let found = answer.stdout.lines().find(|line| {
        line.split_once("==")
            .is_some_and(|(known, _)| known == name)
    });
    Ok(found.unwrap_or(name).replace("==", " "))
}
