//! `cargo xtask up`: from a fresh clone to a running node with a sample service behind an HTTP channel. Each step looks
//! before it acts, so a second run is quick and changes nothing.
//!
//! It uses the binary as a person would: nothing here knows more about a node than its command line does. The development
//! profile is built unless `--release` is given: it takes a third of the time and is fast enough to look around.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::args::{Args, Misunderstood};
use crate::process::Step;
use crate::servers::Servers;
use crate::{Outcome, debian, front, time};

/// Where the environment goes unless `--dir` says otherwise, relative to the root of the repository.
const DIR: &str = "var/up";
/// Where one of several nodes goes.
const CLUSTER_DIR: &str = "var/cluster";
/// Most nodes that this command starts on one machine.
const NODES_MOST: u32 = 9;
/// Listeners of the first node of an environment.
const CHANNEL_PORT: u16 = 17010;
const ADMIN_PORT: u16 = 8183;
/// The sample: a file to drop, the module it makes, and the channel in front of it.
const SAMPLE: &str = "runtime/samples/python/hello.py";
const MODULE: &str = "hello.";
const CHANNEL: &str = "hello";
const URL_PATH: &str = "/hello";
const PAYLOAD: &str = r#"{"name":"World"}"#;
/// From a copied file to an answer: the quiet time of the pickup folder, a verification, a deploy, a reconcile pass.
const DEPLOY_LIMIT: Duration = Duration::from_secs(30);

pub(crate) fn run(mut args: Args) -> Outcome {
    let nodes = args.number("--nodes", 1)?;
    let release = args.flag("--release");
    let stop = args.flag("--stop");
    let usual = if nodes > 1 { CLUSTER_DIR } else { DIR };
    let dir = args
        .value("--dir")?
        .map_or_else(|| crate::root::path().join(usual), PathBuf::from);
    args.finish()?;
    if !(1..=NODES_MOST).contains(&nodes) {
        let message = format!("--nodes needs a number from 1 to {NODES_MOST}");
        return Err(Misunderstood(message).into());
    }
    // Its own working folder is not ours, so the path must not depend on it.
    let dir = std::path::absolute(dir)?;
    let environment = Environment {
        busker: crate::root::busker(release),
        servers: Servers::beside(&dir)?,
        nodes,
        dir,
    };
    if stop {
        environment.stop()?;
    } else {
        prepare(release)?;
        environment.start()?;
        environment.deploy_sample()?;
        environment.report()?;
    }
    Ok(ExitCode::SUCCESS)
}

fn prepare(release: bool) -> Result<()> {
    if !debian::ensure(&[debian::PYTHON3, debian::LXML, debian::GREENLET])? {
        println!("going on without them: some Python services will not deploy");
    }
    println!("building busker (the first time takes some minutes)");
    let profile: &[&str] = if release { &["--release"] } else { &[] };
    Step::cargo()
        .args(["build", "-p", "busker-cli"])
        .args(profile)
        .must()
}

/// One environment on this machine, reached through the command line.
struct Environment {
    busker: PathBuf,
    dir: PathBuf,
    /// Its database and its Redis, when it has more than one node.
    servers: Servers,
    nodes: u32,
}

impl Environment {
    fn start(&self) -> Result<()> {
        if let Some(parent) = self.dir.parent() {
            std::fs::create_dir_all(parent)?;
        }
        if self.nodes > 1 {
            self.servers.start()?;
        }
        if !self.dir.join("node1").is_dir() {
            let create = self.busker(&["quickstart", "create"], &[]);
            if self.nodes > 1 {
                let nodes = self.nodes.to_string();
                let create = create.args(["--nodes", &nodes]);
                create.args(self.servers.options()).must()?;
            } else {
                create.must()?;
            }
        }
        self.busker(&["start"], &[]).must()
    }

    fn stop(&self) -> Result<()> {
        ensure!(
            self.busker.is_file(),
            "{} is not built",
            self.busker.display()
        );
        self.busker(&["stop"], &[]).must()?;
        if self.servers.exist() {
            self.servers.stop()?;
        }
        Ok(())
    }

    /// Drops the sample into the pickup folder, waits for its service, and puts a channel in front of it.
    fn deploy_sample(&self) -> Result<()> {
        let pickup = self.dir.join("node1/pickup/hello.py");
        drop_file(&crate::root::path().join(SAMPLE), &pickup)?;
        let mut service = None;
        time::wait_until(DEPLOY_LIMIT, || {
            service = self.sample_service();
            service.is_some()
        });
        let service = service.with_context(|| {
            let log = self.dir.join("node1/logs/node.log");
            format!(
                "{} was not deployed; see {}",
                pickup.display(),
                log.display()
            )
        })?;
        let existing = self.invoke("busker.channel.http.get", &json!({ "name": CHANNEL }))?;
        if existing.is_err() {
            let channel = json!({
                "name": CHANNEL,
                "active": true,
                "settings": { "url_path": URL_PATH, "service": service, "data_format": "json" },
            });
            if let Err(refusal) = self.invoke("busker.channel.http.create", &channel)? {
                bail!("the channel {CHANNEL} was refused: {refusal}");
            }
        }
        Ok(())
    }

    /// The name of a service that came out of the sample, once there is one.
    fn sample_service(&self) -> Option<String> {
        let list = self.invoke("busker.service.list", &json!({})).ok()?.ok()?;
        let services = list["services"].as_array()?;
        let mut names = services
            .iter()
            .filter_map(|service| service["name"].as_str());
        names
            .find(|name| name.starts_with(MODULE))
            .map(str::to_owned)
    }

    /// Proves that the channel answers, then says what a person needs to go on.
    fn report(&self) -> Result<()> {
        let ports = (CHANNEL_PORT..).take(usize::try_from(self.nodes)?);
        let answers: Vec<(u16, String)> = ports
            .map(|port| Ok((port, answered(port)?)))
            .collect::<Result<_>>()?;
        println!("\nBusker is ready: {}", self.dir.display());
        println!("  admin API  http://127.0.0.1:{ADMIN_PORT}/api/v1/openapi.json");
        println!(
            "  admin      user admin; its password was printed when the environment was created"
        );
        println!(
            "  services   cp your_service.py {}/",
            self.dir.join("node1/pickup").display()
        );
        println!("  stop       {}", self.stop_command());
        for (port, body) in answers {
            println!("\n  curl http://127.0.0.1:{port}{URL_PATH} -d '{PAYLOAD}'");
            println!("  {body}");
        }
        Ok(())
    }

    /// The words that stop what was started, from the same folder.
    fn stop_command(&self) -> String {
        let (nodes, usual) = match self.nodes {
            1 => (String::new(), DIR),
            more => (format!(" --nodes {more}"), CLUSTER_DIR),
        };
        let dir = if self.dir == crate::root::path().join(usual) {
            String::new()
        } else {
            format!(" --dir {}", self.dir.display())
        };
        format!("cargo xtask up{nodes}{dir} --stop")
    }

    /// Invokes an admin service. Outer error: the command line could not run; inner: what the node said.
    fn invoke(&self, service: &str, input: &Value) -> Result<Result<Value, String>> {
        let input = input.to_string();
        let answer = self
            .busker(&["service", "invoke"], &[service, "--payload", &input])
            .capture()?;
        if !answer.ok {
            return Ok(Err(format!("{}{}", answer.stdout, answer.stderr)));
        }
        Ok(serde_json::from_str(&answer.stdout).map_err(|error| error.to_string()))
    }

    /// `busker <command> DIR <rest>`.
    fn busker(&self, command: &[&str], rest: &[&str]) -> Step {
        Step::new(&self.busker)
            .args(command)
            .args([&self.dir])
            .args(rest)
    }
}

/// What the sample says on a port, once it does.
fn answered(port: u16) -> Result<String> {
    let mut answer = None;
    let there = time::wait_until(DEPLOY_LIMIT, || {
        answer = front::post(port, URL_PATH, PAYLOAD).ok();
        answer.as_ref().is_some_and(|answer| answer.status == 200)
    });
    ensure!(
        there,
        "http://127.0.0.1:{port}{URL_PATH} does not answer: {answer:?}"
    );
    Ok(answer.map(|answer| answer.body).unwrap_or_default())
}

/// Copies only what differs, and by a rename: a pickup folder must never see half a file.
fn drop_file(from: &Path, to: &Path) -> Result<()> {
    let text = std::fs::read(from).with_context(|| format!("reading {}", from.display()))?;
    if std::fs::read(to).is_ok_and(|there| there == text) {
        return Ok(());
    }
    let partial = to.with_extension("partial");
    std::fs::write(&partial, text).with_context(|| format!("writing {}", partial.display()))?;
    Ok(std::fs::rename(&partial, to)?)
}

#[cfg(test)]
mod tests {
    use super::drop_file;

    #[test]
    fn a_file_that_is_there_already_is_left_alone() {
        let dir = std::env::temp_dir().join(format!("xtask-drop-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let (from, to) = (dir.join("a.py"), dir.join("b.py"));
        std::fs::write(&from, "one").unwrap();
        drop_file(&from, &to).unwrap();
        let first = std::fs::metadata(&to).unwrap().modified().unwrap();
        drop_file(&from, &to).unwrap();
        assert_eq!(std::fs::metadata(&to).unwrap().modified().unwrap(), first);
        std::fs::write(&from, "two").unwrap();
        drop_file(&from, &to).unwrap();
        assert_eq!(std::fs::read_to_string(&to).unwrap(), "two");
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
