//! A cluster as `busker quickstart create --nodes` makes it, on a PostgreSQL and a Redis of its own.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use busker_bus::testing::RedisServer;
use busker_odb::OdbConfig;
use busker_odb::testing::PostgresServer;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::environment::{ADMIN_PORT, CHANNEL_PORT, Refusal, SESSION_PORT, busker, free_port_base};
use crate::wait::until;

/// Longest wait for something a node does at once.
const SOON: Duration = Duration::from_secs(20);

/// A running cluster; its nodes and servers are stopped and removed when dropped.
#[derive(Debug)]
pub struct ClusterEnvironment {
    /// Folder.
    pub dir: PathBuf,
    /// Client for everything.
    pub http: reqwest::Client,
    /// Its Redis.
    pub redis: RedisServer,
    /// Its PostgreSQL.
    pub postgres: PostgresServer,
    port_base: u16,
    nodes: u16,
    token: String,
    _folder: TempDir,
}

impl ClusterEnvironment {
    /// Makes a cluster of that many nodes and starts it; `lines` go into the section `[cluster]` of each.
    pub async fn start(nodes: u16, lines: &str) -> Self {
        let environment = Self::create(nodes).await;
        for node in 1..=nodes {
            environment.add_lines(node, "[cluster]", lines);
        }
        environment.start_again();
        environment.whole().await;
        environment
    }

    /// Puts lines below the head of a section of a node's `busker.toml`, which must have it.
    pub fn add_lines(&self, node: u16, section: &str, lines: &str) {
        self.edit(
            node,
            &format!("{section}\n"),
            &format!("{section}\n{lines}\n"),
        );
    }

    /// Writes `to` for each `from` in a node's `busker.toml`, which must have it.
    pub fn edit(&self, node: u16, from: &str, to: &str) {
        let file = self.folder(node).join("busker.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{from:?} is not in {text}");
        std::fs::write(&file, text.replace(from, to)).unwrap();
    }

    /// Makes a cluster.
    pub async fn create(nodes: u16) -> Self {
        Self::create_over(RedisServer::start().await.unwrap(), nodes, &[]).await
    }

    /// Makes a cluster over a Redis of the caller's; `more` are words for quickstart.
    pub async fn create_over(redis: RedisServer, nodes: u16, more: &[&str]) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let folder = tempfile::tempdir().unwrap();
        let postgres = PostgresServer::start().await.unwrap();
        let database = postgres.new_database().unwrap();
        let OdbConfig::Postgres { url, password, .. } = postgres.config(&database, "") else {
            panic!("a PostgreSQL has a URL");
        };
        let password_file = folder.path().join("odb-password");
        std::fs::write(&password_file, password.unwrap().expose()).unwrap();
        let dir = folder.path().join("env");
        // One more than it has: a test may add a node.
        let port_base = free_port_base(nodes + 1);
        let (nodes_word, base, redis_url) = (nodes.to_string(), port_base.to_string(), redis.url());
        let words = [
            "quickstart",
            "create",
            dir.to_str().unwrap(),
            "--nodes",
            &nodes_word,
            "--odb",
            url.trim_end_matches('?'),
            "--odb-password-file",
            password_file.to_str().unwrap(),
            "--redis",
            &redis_url,
            "--port-base",
            &base,
        ];
        let made = busker(&[&words, more].concat());
        assert_eq!(made.code, 0, "{made:?}");
        let token = std::fs::read_to_string(dir.join("cli.token")).unwrap();
        let http = reqwest::Client::builder().no_proxy();
        let environment = Self {
            http: http.timeout(Duration::from_secs(30)).build().unwrap(),
            token: token.trim().to_owned(),
            dir,
            redis,
            postgres,
            port_base,
            nodes,
            _folder: folder,
        };
        // One each: there are as many nodes as a machine of two cores can bear.
        for node in 1..=nodes {
            environment.edit(node, "# workers = 2", "workers = 1");
        }
        environment
    }

    /// Waits until each node lists all of them as running, and has a session with each.
    pub async fn whole(&self) {
        for node in 1..=self.nodes {
            until(&format!("node{node} to see all"), SOON, || async {
                let roster = self.roster(node).await;
                let is_well = |row: &Value| row["state"] == "running" && row["connected"] == true;
                let well = roster.iter().filter(|row| is_well(row)).count();
                (well == usize::from(self.nodes)).then_some(())
            })
            .await;
        }
    }

    /// Folder of a node.
    #[must_use]
    pub fn folder(&self, node: u16) -> PathBuf {
        self.dir.join(format!("node{node}"))
    }

    /// Runs `busker <command> DIR <rest>`: exit code, and all that was printed.
    #[must_use]
    pub fn run(&self, command: &[&str], rest: &[&str]) -> (i32, String) {
        let dir = self.dir.to_str().unwrap();
        let words: Vec<&str> = [command, &[dir], rest].concat();
        let ran = busker(&words);
        (ran.code, ran.stdout + &ran.stderr)
    }

    /// URL of a channel on a node.
    #[must_use]
    pub fn channel(&self, node: u16, path: &str) -> String {
        let port = CHANNEL_PORT + self.port_base + node - 1;
        format!("http://127.0.0.1:{port}{path}")
    }

    /// File with the password of the database.
    #[must_use]
    pub fn odb_password_file(&self) -> PathBuf {
        self.dir.with_file_name("odb-password")
    }

    /// What `--port-base` gives a node the ports at which [`ClusterEnvironment::channel`] looks for it.
    #[must_use]
    pub const fn port_base_of(&self, node: u16) -> u16 {
        self.port_base + node - 1
    }

    /// Where a node takes sessions of the others.
    #[must_use]
    pub const fn session_address(&self, node: u16) -> (&'static str, u16) {
        ("127.0.0.1", SESSION_PORT + self.port_base + node - 1)
    }

    /// Deploys a file, and waits until each node has its service.
    pub async fn deploy(&self, file: &str, source: &str, service: &str) {
        let file = json!({"name": file, "payload_base64": STANDARD.encode(source)});
        self.ok(1, "busker.service.deploy", file).await;
        for node in 1..=self.nodes {
            until(&format!("{service} on node{node}"), SOON, || async {
                let asked = self.call(node, "busker.service.get", json!({"name": service}));
                asked.await.ok()
            })
            .await;
        }
    }

    /// Makes an object of a kind, such as `outgoing.http`.
    pub async fn create_object(&self, kind: &str, name: &str, settings: Value) {
        let object = json!({"name": name, "active": true, "settings": settings});
        self.ok(1, &format!("busker.{kind}.create"), object).await;
    }

    /// Invokes a service over the API of a node.
    ///
    /// # Errors
    /// What the API refused it with; status 0 when the node did not answer.
    pub async fn call(&self, node: u16, service: &str, input: Value) -> Result<Value, Refusal> {
        let port = ADMIN_PORT + self.port_base + node - 1;
        let url = format!("http://127.0.0.1:{port}/api/v1/services/{service}");
        let request = self.http.post(url).bearer_auth(&self.token);
        let refused = |status, problem| Refusal { status, problem };
        let response = request.body(input.to_string()).send().await;
        let response = response.map_err(|error| refused(0, json!(error.to_string())))?;
        let status = response.status().as_u16();
        let text = response.text().await.unwrap_or_default();
        let value = serde_json::from_str(&text).unwrap_or(Value::String(text));
        if status == 200 {
            Ok(value)
        } else {
            Err(refused(status, value))
        }
    }

    /// The same, which must succeed.
    pub async fn ok(&self, node: u16, service: &str, input: Value) -> Value {
        let answer = self.call(node, service, input.clone()).await;
        answer.unwrap_or_else(|refusal| panic!("{service} {input}: {refusal:?}\n{}", self.logs()))
    }

    /// The roster as a node sees it; empty while it does not answer.
    pub async fn roster(&self, node: u16) -> Vec<Value> {
        let answer = self
            .call(node, "busker.cluster.get-roster", json!({}))
            .await;
        let nodes = answer
            .ok()
            .and_then(|answer| answer["nodes"].as_array().cloned());
        nodes.unwrap_or_default()
    }

    /// The holder of the role, as a node sees it: its number.
    pub async fn holder(&self, node: u16) -> Option<u16> {
        let roster = self.roster(node).await;
        let holder = roster.iter().find(|row| row["role_holder"] == true)?;
        holder["name"].as_str()?.strip_prefix("node")?.parse().ok()
    }

    /// Process of a node.
    #[must_use]
    pub fn pid(&self, node: u16) -> Pid {
        let text = std::fs::read_to_string(self.folder(node).join("data/node.pid")).unwrap();
        Pid::from_raw(text.trim().parse().unwrap())
    }

    /// Sends a signal to a node; after SIGKILL, waits until its process is gone.
    pub fn signal(&self, node: u16, signal: Signal) {
        let pid = self.pid(node);
        kill(pid, signal).unwrap();
        // A zombie is gone when it is the last of its threads.
        let is_there = || {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let state = stat
                .rsplit_once(')')
                .map_or("", |(_, rest)| rest.trim_start());
            let threads = std::fs::read_dir(format!("/proc/{pid}/task"));
            let threads = threads.map_or(0, Iterator::count);
            threads > 1 || !(state.is_empty() || state.starts_with('Z'))
        };
        while signal == Signal::SIGKILL && is_there() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Starts what does not run.
    pub fn start_again(&self) {
        let started = self.run(&["start"], &[]);
        assert_eq!(started.0, 0, "{}\n{}", started.1, self.logs());
    }

    /// The ends of all logs.
    #[must_use]
    pub fn logs(&self) -> String {
        let log = |node: u16| {
            let file = self.folder(node).join("logs/node.log");
            let text = std::fs::read_to_string(file).unwrap_or_default();
            let start = text.len().saturating_sub(4_000);
            let end = text.get(start..).unwrap_or(&text).to_owned();
            format!("--- node{node}\n{end}")
        };
        (1..=self.nodes).map(log).collect()
    }

    /// Sockets on which a node listens, as the system lists them.
    #[must_use]
    pub fn listens(&self, node: u16) -> Vec<String> {
        let output = Command::new("ss").args(["-Htlnp"]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mark = format!("pid={},", self.pid(node));
        let lines = text.lines().filter(|line| line.contains(&mark));
        let address = |line: &str| {
            line.split_whitespace()
                .nth(3)
                .unwrap_or_default()
                .to_owned()
        };
        lines.map(address).collect()
    }
}

impl Drop for ClusterEnvironment {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.logs());
        }
        let stopped = self.run(&["stop"], &[]);
        if stopped.0 != 0 {
            eprintln!("the cluster could not be stopped: {}", stopped.1);
        }
    }
}
