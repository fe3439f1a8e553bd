//! An environment of one node, as `busker quickstart create` makes it.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::wait::until;

/// Ports of the first node when nothing is added.
pub(crate) const CHANNEL_PORT: u16 = 17_010;
pub(crate) const ADMIN_PORT: u16 = 8_183;
pub(crate) const SESSION_PORT: u16 = 18_010;
/// What is added stays below the ports that systems give to clients.
const PORT_BASES: std::ops::Range<u16> = 1_000..15_000;
/// Longest wait for something a node does at once.
const SOON: Duration = Duration::from_secs(20);

/// What a command of the binary did.
#[derive(Debug, Clone)]
pub struct Ran {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// An answer of a channel.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: String,
}

impl Answer {
    /// A header; empty when it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    async fn of(response: reqwest::Response) -> Self {
        Self::try_of(response).await.unwrap()
    }

    pub(crate) async fn try_of(response: reqwest::Response) -> reqwest::Result<Self> {
        let status = response.status().as_u16();
        let headers = response.headers().iter();
        let headers = headers.map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        });
        let headers = headers.collect();
        let body = response.text().await?;
        Ok(Self {
            status,
            headers,
            body,
        })
    }
}

/// A refusal of the API.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// Status.
    pub status: u16,
    /// Body, problem+json.
    pub problem: Value,
}

/// One environment with a running node; it is stopped and removed when dropped.
#[derive(Debug)]
pub struct Environment {
    /// Folder.
    pub dir: PathBuf,
    /// Client for everything.
    pub http: reqwest::Client,
    port_base: u16,
    token: String,
    /// A node that is another program than `busker`.
    program: Option<Child>,
    _folder: TempDir,
}

impl Environment {
    /// Makes an environment and starts its node.
    pub async fn start() -> Self {
        Self::start_with("").await
    }

    /// The same, with lines added at the end of `busker.toml`. A section that is there already is taken out first, so
    /// that the lines may bring it.
    pub async fn start_with(lines: &str) -> Self {
        let environment = Self::create();
        environment.configure(lines);
        environment.must(&["start"], &[]);
        environment
    }

    /// Makes an environment.
    #[must_use]
    pub fn create() -> Self {
        // Only this process may have installed it before.
        drop(rustls::crypto::ring::default_provider().install_default());
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("env");
        let port_base = free_port_base(1);
        let base = port_base.to_string();
        let made = busker(&[
            "quickstart",
            "create",
            dir.to_str().unwrap(),
            "--port-base",
            &base,
        ]);
        assert_eq!(made.code, 0, "{made:?}");
        let token = std::fs::read_to_string(dir.join("cli.token"))
            .unwrap()
            .trim()
            .to_owned();
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(100))
            .build()
            .unwrap();
        Self {
            dir,
            http,
            port_base,
            token,
            program: None,
            _folder: folder,
        }
    }

    /// Runs the node by another program, whose only argument is the node's folder; returns when it is ready.
    pub async fn start_by(&mut self, program: &str) {
        let child = Command::new(program).arg(self.node()).spawn().unwrap();
        self.program = Some(child);
        let url = self.api("/readyz");
        until("the node to be ready", SOON, || async {
            let ready = self.http.get(&url).send().await.ok()?;
            (ready.status() == 200).then_some(())
        })
        .await;
    }

    /// Whether the program of [`Environment::start_by`] still runs.
    pub fn runs_by_program(&mut self) -> bool {
        let program = self.program.as_mut();
        program.is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    /// Folder of the node.
    #[must_use]
    pub fn node(&self) -> PathBuf {
        self.dir.join("node1")
    }

    /// Adds lines to `busker.toml`.
    pub fn configure(&self, lines: &str) {
        if lines.is_empty() {
            return;
        }
        let file = self.node().join("busker.toml");
        let mut kept = String::new();
        let mut skip = false;
        for line in std::fs::read_to_string(&file).unwrap().lines() {
            if line.starts_with('[') {
                skip = lines.lines().any(|added| added.trim() == line.trim());
            }
            if !skip {
                kept.push_str(line);
                kept.push('\n');
            }
        }
        std::fs::write(&file, format!("{kept}\n{lines}\n")).unwrap();
    }

    /// Runs `busker <command> DIR <rest>`.
    #[must_use]
    pub fn run(&self, command: &[&str], rest: &[&str]) -> Ran {
        let words: Vec<&str> = command
            .iter()
            .copied()
            .chain([self.dir.to_str().unwrap()])
            .chain(rest.iter().copied())
            .collect();
        busker(&words)
    }

    /// The same, which must succeed; answers standard output.
    pub fn must(&self, command: &[&str], rest: &[&str]) -> String {
        let ran = self.run(command, rest);
        let log = || std::fs::read_to_string(self.node().join("logs/node.log")).unwrap_or_default();
        assert_eq!(ran.code, 0, "{command:?} {rest:?}: {ran:?}\n{}", log());
        ran.stdout
    }

    /// The log of the node so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.node().join("logs/node.log")).unwrap_or_default()
    }

    /// What `busker info` says of the node.
    #[must_use]
    pub fn info(&self) -> Value {
        let text = self.must(&["info"], &["--format", "json"]);
        let info: Value = serde_json::from_str(&text).unwrap();
        info["nodes"][0].clone()
    }

    /// Process of the node.
    #[must_use]
    pub fn pid(&self) -> Option<i32> {
        self.info()["pid"]
            .as_i64()
            .and_then(|pid| i32::try_from(pid).ok())
    }

    /// Process ids of the Python workers, of one pool or all.
    pub async fn workers(&self, pool: Option<&str>) -> Vec<i32> {
        let info = self.call("busker.node.get-info", json!({})).await.unwrap();
        let workers = info["python_workers"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let workers = workers
            .iter()
            .filter(|worker| pool.is_none_or(|pool| worker["pool"] == pool));
        workers
            .filter_map(|worker| {
                worker["pid"]
                    .as_i64()
                    .and_then(|pid| i32::try_from(pid).ok())
            })
            .collect()
    }

    /// URL of the API.
    #[must_use]
    pub fn api(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", ADMIN_PORT + self.port_base)
    }

    /// Port of the channels.
    #[must_use]
    pub fn channel_port(&self) -> u16 {
        CHANNEL_PORT + self.port_base
    }

    /// URL of a channel.
    #[must_use]
    pub fn channel(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.channel_port())
    }

    /// Bearer token of the command line.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Invokes a service over the API.
    ///
    /// # Errors
    /// What the API refused it with.
    pub async fn call(&self, service: &str, input: Value) -> Result<Value, Refusal> {
        let url = self.api(&format!("/api/v1/services/{service}"));
        let request = self
            .http
            .post(url)
            .bearer_auth(&self.token)
            .body(input.to_string());
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        let value = serde_json::from_str(&text).unwrap_or(Value::String(text));
        if status == 200 {
            Ok(value)
        } else {
            Err(Refusal {
                status,
                problem: value,
            })
        }
    }

    /// The same, which must succeed.
    pub async fn ok(&self, service: &str, input: Value) -> Value {
        let answer = self.call(service, input.clone()).await;
        answer.unwrap_or_else(|refusal| panic!("{service} {input}: {refusal:?}\n{}", self.log()))
    }

    /// Makes a channel; it is mounted when this returns.
    pub async fn add_channel(&self, name: &str, settings: Value) {
        self.ok(
            "busker.channel.http.create",
            json!({"name": name, "active": true, "settings": settings}),
        )
        .await;
    }

    /// Makes an outgoing connection; it is up when this returns.
    pub async fn add_outgoing(&self, name: &str, settings: Value) {
        self.ok(
            "busker.outgoing.http.create",
            json!({"name": name, "active": true, "settings": settings}),
        )
        .await;
    }

    /// Makes a Basic Auth definition.
    pub async fn add_basic_auth(&self, name: &str, username: &str, password: &str) {
        let settings = json!({"username": username, "realm": "test", "password": password});
        self.ok(
            "busker.security.basic-auth.create",
            json!({"name": name, "active": true, "settings": settings}),
        )
        .await;
    }

    /// Deploys a Python file over the API; returns when it serves.
    pub async fn deploy(&self, name: &str, source: &str) -> Value {
        self.try_deploy(name, source)
            .await
            .unwrap_or_else(|refusal| panic!("{name}: {refusal:?}\n{}", self.log()))
    }

    /// The same, which may be refused.
    ///
    /// # Errors
    /// What the API refused it with.
    pub async fn try_deploy(&self, name: &str, source: &str) -> Result<Value, Refusal> {
        use base64::Engine;
        let payload = base64::engine::general_purpose::STANDARD.encode(source);
        self.call(
            "busker.service.deploy",
            json!({"name": name, "payload_base64": payload}),
        )
        .await
    }

    /// Drops a file into the pickup folder, as a person would.
    pub fn drop_file(&self, name: &str, source: &[u8]) {
        std::fs::write(self.node().join("pickup").join(name), source).unwrap();
    }

    /// Waits until a service is there.
    pub async fn service(&self, name: &str) {
        until(&format!("service {name}"), SOON, || async {
            self.call("busker.service.get", json!({"name": name}))
                .await
                .ok()
        })
        .await;
    }

    /// Waits until an actor is running or degraded.
    pub async fn up(&self, path: &str) {
        until(&format!("actor {path}"), SOON, || async {
            let actor = self.actor(path).await?;
            (actor["state"] == "running" || actor["state"] == "degraded").then_some(())
        })
        .await;
    }

    /// One actor of the tree.
    pub async fn actor(&self, path: &str) -> Option<Value> {
        let tree = self
            .ok("busker.tree.get", json!({"prefix": path, "limit": 1000}))
            .await;
        tree["actors"]
            .as_array()?
            .iter()
            .find(|actor| actor["path"] == path)
            .cloned()
    }

    /// Supervision reports about a path so far, oldest first.
    pub async fn reports(&self, path: &str) -> Vec<Value> {
        let list = self.ok("busker.event.list", json!({"limit": 1000})).await;
        let reports = list["reports"].as_array().cloned().unwrap_or_default();
        reports
            .into_iter()
            .filter(|report| report["path"] == path)
            .collect()
    }

    /// Posts to a channel.
    pub async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        let response = self.http.post(self.channel(path)).body(body).send().await;
        Answer::of(response.unwrap_or_else(|error| panic!("{path}: {error:?}"))).await
    }

    /// Sends a request that the test made.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        Answer::of(request.send().await.unwrap()).await
    }

    /// Ends the node without a word, as a power cut would; returns when it is gone.
    pub fn kill(&self) {
        let pid = self.pid().expect("the node runs");
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
        let end = Instant::now() + SOON;
        while self.pid().is_some() {
            assert!(Instant::now() < end, "{pid} was killed and goes on");
        }
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        if let Some(mut program) = self.program.take() {
            let pid = i32::try_from(program.id()).unwrap();
            kill(Pid::from_raw(pid), Signal::SIGTERM).unwrap();
            program.wait().unwrap();
        }
        let ran = self.run(&["stop"], &[]);
        if ran.code != 0 {
            eprintln!("the node could not be stopped: {ran:?}");
        }
        if std::thread::panicking() {
            let log = self.log();
            let start = log.len().saturating_sub(8_000);
            eprintln!("--- end of node.log\n{}", log.get(start..).unwrap_or(&log));
        }
    }
}

/// The binary that `cargo xtask test` builds first, or that `BUSKER_BINARY` names: benchmarks run one that is optimised.
#[must_use]
pub fn binary() -> PathBuf {
    if let Some(binary) = std::env::var_os("BUSKER_BINARY") {
        return binary.into();
    }
    target().join("debug/busker")
}

/// The target folder.
pub(crate) fn target() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir))
}

/// Runs the binary with these words.
///
/// # Panics
/// When it is not built.
#[must_use]
pub fn busker(words: &[&str]) -> Ran {
    let output = Command::new(binary())
        .args(words)
        .stdin(Stdio::null())
        .output();
    let output = output.expect("busker is built: cargo build -p busker-cli");
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// What is to be added so that the ports of that many nodes are free.
///
/// # Panics
/// When there are none.
#[must_use]
pub fn free_port_base(nodes: u16) -> u16 {
    let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let ports = [CHANNEL_PORT, ADMIN_PORT, SESSION_PORT];
    let all_free =
        |base: &u16| (0..nodes).all(|node| ports.iter().all(|port| free(port + base + node)));
    (0..200)
        .map(|_| fastrand::u16(PORT_BASES))
        .find(all_free)
        .expect("free ports")
}
