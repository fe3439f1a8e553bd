//! A Busker of its own for a benchmark: the release binary, moved ports, echoes deployed behind channels.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::contender::Contender;
use super::link::Link;
use crate::process::{Running, Step};
use crate::time;

/// Moves every port away from an environment that a person may have running.
const PORT_BASE: u16 = 3_000;
pub(super) const CHANNEL_PORT: u16 = 17010 + PORT_BASE;
const ADMIN_PORT: u16 = 8183 + PORT_BASE;
const DEPLOY_LIMIT: Duration = Duration::from_secs(30);

/// Credentials of the channel with Basic Auth: `bench:bench`.
const AUTHORIZATION: &str = "Basic YmVuY2g6YmVuY2g=";

/// One service to measure.
struct Echo {
    contender: &'static str,
    service: &'static str,
    channel: &'static str,
    path: &'static str,
    authorization: Option<&'static str>,
}

const ECHOES: &[Echo] = &[
    Echo {
        contender: "busker, Rust service",
        service: "samples.echo",
        channel: "bench-rust",
        path: "/bench/rust",
        authorization: None,
    },
    Echo {
        contender: "busker, Rust service, Basic Auth",
        service: "samples.echo",
        channel: "bench-secured",
        path: "/bench/secured",
        authorization: Some(AUTHORIZATION),
    },
    Echo {
        contender: "busker, Python service",
        service: "bench.echo",
        channel: "bench-python",
        path: "/bench/python",
        authorization: None,
    },
    Echo {
        contender: "busker, Python -> outgoing HTTP",
        service: "bench.nested",
        channel: "bench-nested",
        path: "/bench/nested",
        authorization: None,
    },
];

/// A running environment; stopped when dropped.
#[derive(Debug)]
pub(super) struct Environment {
    busker: PathBuf,
    dir: PathBuf,
    /// A node that is another program than `busker`.
    program: Option<Running>,
}

impl Environment {
    /// A fresh one: what an earlier run left is stopped and removed. `sections` take the place of those of the same
    /// name in `busker.toml`.
    pub(super) fn start(sections: &str) -> Result<Self> {
        let environment = Self::made()?;
        environment.configure(sections)?;
        environment.command(&["start"], &[]).must()?;
        Ok(environment)
    }

    /// The same with a node of another program, and with sections that `busker.toml` does not have.
    pub(super) fn start_as(program: &Path, sections: &str) -> Result<Self> {
        let mut environment = Self::made()?;
        let node = environment.dir.join("node1");
        let file = node.join("busker.toml");
        let text = std::fs::read_to_string(&file)?;
        std::fs::write(&file, format!("{text}\n{sections}"))?;
        let log = environment.dir.join("program.log");
        environment.program = Some(Step::new(program).args([&node]).spawn(&log)?);
        let up = time::wait_until(DEPLOY_LIMIT, || environment.services().is_ok());
        ensure!(up, "the node does not answer; see {}", log.display());
        Ok(environment)
    }

    fn made() -> Result<Self> {
        Step::cargo()
            .args(["build", "--quiet", "--release", "-p", "busker-cli"])
            .must()?;
        let dir = crate::root::target().join("bench/environment");
        let environment = Self {
            busker: crate::root::busker(true),
            dir,
            program: None,
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
        Ok(environment)
    }

    /// Adds keys to the sections of `busker.toml`, and starts the node again with them if it runs.
    pub(super) fn reconfigure(&self, sections: &str) -> Result<()> {
        self.command(&["stop"], &[]).must()?;
        self.configure(sections)?;
        self.command(&["start"], &[]).must()
    }

    /// Each key goes right below the head of its section, in place of a line that sets it.
    fn configure(&self, sections: &str) -> Result<()> {
        let file = self.dir.join("node1/busker.toml");
        let mut text = std::fs::read_to_string(&file)?;
        let mut head = "";
        for line in sections.lines() {
            if line.starts_with('[') {
                head = line;
                continue;
            }
            let key = line.split('=').next().unwrap_or_default();
            let kept: Vec<&str> = text
                .split_inclusive('\n')
                .scan("", |section, line| {
                    if line.starts_with('[') {
                        *section = line.trim_end();
                    }
                    Some((*section, line))
                })
                .filter(|(section, line)| *section != head || !line.starts_with(key))
                .map(|(_, line)| line)
                .collect();
            text = kept
                .concat()
                .replacen(&format!("{head}\n"), &format!("{head}\n{line}\n"), 1);
        }
        Ok(std::fs::write(file, text)?)
    }

    /// Deploys the Python echoes, makes the channels and proves that they answer.
    pub(super) fn echoes(&self) -> Result<Vec<Contender>> {
        self.deploy("echo_service.py", "bench.echo")?;
        self.deploy("nested_service.py", "bench.nested")?;
        let peer = json!({ "address": format!("http://127.0.0.1:{}", super::peers::PORT_BARE), "url_path": "/echo" });
        self.create("busker.outgoing.http", "bench peer", &peer)?;
        let security = json!({ "username": "bench", "password": "bench", "realm": "bench" });
        self.create("busker.security.basic-auth", "bench", &security)?;
        let pid = self.pid()?;
        let mut contenders = Vec::new();
        for echo in ECHOES {
            self.channel(
                echo.channel,
                echo.path,
                echo.service,
                echo.authorization.is_some(),
            )?;
            let reached = (echo.path, echo.authorization);
            contenders.push(Contender::running(
                echo.contender,
                CHANNEL_PORT,
                reached,
                pid,
            )?);
        }
        Ok(contenders)
    }

    /// A connection to the API, with the token of the command line.
    pub(super) fn api(&self) -> Result<Link> {
        let token = std::fs::read_to_string(self.dir.join("cli.token"))?;
        Link::open(ADMIN_PORT, Some(&format!("Bearer {}", token.trim())))
    }

    /// Puts a channel in front of a service.
    pub(super) fn channel(
        &self,
        name: &str,
        path: &str,
        service: &str,
        secured: bool,
    ) -> Result<()> {
        let mut settings = json!({ "url_path": path, "service": service, "data_format": "json" });
        if secured {
            settings["security"] = json!("bench");
        }
        self.create("busker.channel.http", name, &settings)
    }

    /// Creates an object.
    pub(super) fn create(&self, kind: &str, name: &str, settings: &Value) -> Result<()> {
        let object = json!({ "name": name, "active": true, "settings": settings });
        self.invoke(&format!("{kind}.create"), &object).map(drop)
    }

    /// Drops a file of `ops/xtask/peers` into the pickup folder and waits for its service.
    pub(super) fn deploy(&self, file: &str, service: &str) -> Result<()> {
        let source = crate::root::path().join("ops/xtask/peers").join(file);
        let partial = self.dir.join("node1").join(file).with_extension("partial");
        std::fs::copy(source, &partial)?;
        std::fs::rename(&partial, self.dir.join("node1/pickup").join(file))?;
        let deployed = time::wait_until(DEPLOY_LIMIT, || {
            self.services()
                .is_ok_and(|services| services.iter().any(|name| name == service))
        });
        let node = self.dir.display();
        ensure!(
            deployed,
            "{service} was not deployed; see {node}/node1/logs/node.log"
        );
        Ok(())
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

    pub(super) fn pid(&self) -> Result<u32> {
        let answer = self.command(&["info"], &["--format", "json"]).capture()?;
        let info: Value = serde_json::from_str(&answer.stdout).context("reading busker info")?;
        let pid = info["nodes"][0]["pid"]
            .as_u64()
            .context("no pid in busker info")?;
        Ok(u32::try_from(pid)?)
    }

    pub(super) fn invoke(&self, service: &str, input: &Value) -> Result<Value> {
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
        if self.program.take().is_none() {
            drop(self.command(&["stop"], &[]).capture());
        }
    }
}
