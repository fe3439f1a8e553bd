//! A Busker of its own for a benchmark: the release binary, moved ports, the echo deployed behind a channel.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::contender::Contender;
use crate::process::Step;
use crate::time;

/// Moves every port away from an environment that a person may have running.
const PORT_BASE: u16 = 3_000;
const CHANNEL_PORT: u16 = 17010 + PORT_BASE;
const DEPLOY_LIMIT: Duration = Duration::from_secs(30);

/// One service to measure, if this build has it.
struct Echo {
    contender: &'static str,
    service: &'static str,
    channel: &'static str,
    path: &'static str,
}

const ECHOES: &[Echo] = &[
    Echo {
        contender: "busker, Rust service",
        service: "samples.echo",
        channel: "bench-rust",
        path: "/bench/rust",
    },
    Echo {
        contender: "busker, Python service",
        service: "bench.echo",
        channel: "bench-python",
        path: "/bench/python",
    },
];

/// A running environment; stopped when dropped.
#[derive(Debug)]
pub(super) struct Environment {
    busker: PathBuf,
    dir: PathBuf,
}

impl Environment {
    /// A fresh one: what an earlier run left is stopped and removed.
    pub(super) fn start() -> Result<Self> {
        Step::cargo()
            .args(["build", "--quiet", "--release", "-p", "busker-cli"])
            .must()?;
        let dir = crate::root::target().join("bench/environment");
        let environment = Self {
            busker: crate::root::busker(true),
            dir,
        };
        if environment.dir.exists() {
            environment.command(&["stop"], &[]).capture()?;
            std::fs::remove_dir_all(&environment.dir)?;
        }
        let base = PORT_BASE.to_string();
        let created = environment
            .command(&["quickstart", "create"], &["--port-base", &base])
            .capture()?;
        ensure!(
            created.ok,
            "quickstart create: {}{}",
            created.stdout,
            created.stderr
        );
        environment.command(&["start"], &[]).must()?;
        Ok(environment)
    }

    /// Deploys the Python echo, makes the channels and proves that they answer.
    pub(super) fn contenders(&self) -> Result<Vec<Contender>> {
        let source = crate::root::path().join("ops/xtask/peers/echo_service.py");
        let partial = self.dir.join("node1/echo_service.partial");
        std::fs::copy(source, &partial)?;
        std::fs::rename(&partial, self.dir.join("node1/pickup/echo_service.py"))?;
        let deployed = time::wait_until(DEPLOY_LIMIT, || {
            self.services()
                .is_ok_and(|services| services.iter().any(|name| name == "bench.echo"))
        });
        ensure!(
            deployed,
            "bench.echo was not deployed; see {}/node1/logs/node.log",
            self.dir.display()
        );
        let services = self.services()?;
        let pid = self.pid()?;
        let mut contenders = Vec::new();
        for echo in ECHOES {
            if !services.iter().any(|name| name == echo.service) {
                println!(
                    "SKIPPED: {}, this build has no {}",
                    echo.contender, echo.service
                );
                continue;
            }
            let settings =
                json!({ "url_path": echo.path, "service": echo.service, "data_format": "json" });
            let channel = json!({ "name": echo.channel, "active": true, "settings": settings });
            self.invoke("busker.channel.http.create", &channel)?;
            contenders.push(Contender::running(
                echo.contender,
                CHANNEL_PORT,
                echo.path,
                pid,
            )?);
        }
        Ok(contenders)
    }

    fn services(&self) -> Result<Vec<String>> {
        let list = self.invoke("busker.service.list", &json!({}))?;
        let services = list["services"]
            .as_array()
            .context("no services in the answer")?;
        Ok(services
            .iter()
            .filter_map(|one| one["name"].as_str())
            .map(str::to_owned)
            .collect())
    }

    fn pid(&self) -> Result<u32> {
        let answer = self.command(&["info"], &["--format", "json"]).capture()?;
        let info: Value = serde_json::from_str(&answer.stdout).context("reading busker info")?;
        let pid = info["nodes"][0]["pid"]
            .as_u64()
            .context("no pid in busker info")?;
        Ok(u32::try_from(pid)?)
    }

    fn invoke(&self, service: &str, input: &Value) -> Result<Value> {
        let input = input.to_string();
        let answer = self
            .command(&["service", "invoke"], &[service, "--payload", &input])
            .capture()?;
        ensure!(answer.ok, "{service}: {}{}", answer.stdout, answer.stderr);
        Ok(serde_json::from_str(&answer.stdout)?)
    }

    fn command(&self, command: &[&str], rest: &[&str]) -> Step {
        Step::new(&self.busker)
            .args(command)
            .args([&self.dir])
            .args(rest)
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        drop(self.command(&["stop"], &[]).capture());
    }
}
