//! A private Redis for tests: its own folder, a free port on loopback, stopped when dropped.
//!
//! The server is a real one from Debian's package `redis-server`. Without the package a test fails and says so; nothing
//! is skipped.

use std::ffi::OsString;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use deadpool_redis::redis;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// The program.
const PROGRAM: &str = "/usr/bin/redis-server";
/// Ports tried: another process may take a free one before the server does.
const PORTS: usize = 5;
/// How long the server may take to answer: 200 pauses of 50 ms.
const START: (u32, Duration) = (200, Duration::from_millis(50));

/// What may go wrong with the fixture, in words for whoever runs the test.
pub type Outcome<T> = Result<T, String>;

/// Certificate and key of a server with TLS, PEM.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// Certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// A running server.
#[derive(Debug)]
pub struct RedisServer {
    folder: TempDir,
    port: u16,
    /// More words for its command line.
    more: Vec<String>,
    tls: Option<TlsFiles>,
    child: Option<Child>,
}

impl RedisServer {
    /// Starts a server that writes nothing to the disk and waits until it answers.
    ///
    /// # Errors
    /// What to install when the program is missing; else what the server said.
    pub async fn start() -> Outcome<Self> {
        Self::start_with(&[]).await
    }

    /// Starts one with more words on its command line, such as `--appendonly yes`; the last word on a setting counts.
    ///
    /// # Errors
    /// As [`RedisServer::start`].
    pub async fn start_with(more: &[&str]) -> Outcome<Self> {
        Self::start_as(more, None).await
    }

    /// Starts one that speaks TLS and nothing else.
    ///
    /// # Errors
    /// As [`RedisServer::start`].
    pub async fn start_tls(more: &[&str], tls: TlsFiles) -> Outcome<Self> {
        Self::start_as(more, Some(tls)).await
    }

    async fn start_as(more: &[&str], tls: Option<TlsFiles>) -> Outcome<Self> {
        if !Path::new(PROGRAM).is_file() {
            return Err("this test needs a real Redis: install Debian's package `redis-server` (apt-get install -y redis-server)".into());
        }
        let folder = tempfile::Builder::new()
            .prefix("busker-redis-")
            .tempdir()
            .map_err(|error| error.to_string())?;
        let mut server = Self {
            folder,
            port: 0,
            more: more.iter().map(|&word| word.to_owned()).collect(),
            tls,
            child: None,
        };
        let mut outcome = Err("no port was tried".to_owned());
        for _ in 0..PORTS {
            server.port = free_port()?;
            outcome = server.run().await;
            if outcome.is_ok() {
                break;
            }
        }
        outcome.map(|()| server)
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = self.tls.as_ref().map_or("redis", |_| "rediss");
        format!("{scheme}://127.0.0.1:{}/0", self.port)
    }

    fn listen(&self) -> Vec<OsString> {
        let port = self.port.to_string();
        let Some(tls) = &self.tls else {
            return vec!["--port".into(), port.into()];
        };
        let mut words: Vec<OsString> = ["--port", "0", "--tls-port", &port].map(Into::into).into();
        words.extend(["--tls-auth-clients", "no"].map(OsString::from));
        for (word, file) in [
            ("--tls-cert-file", &tls.certificate),
            ("--tls-key-file", &tls.key),
            ("--tls-ca-cert-file", &tls.certificate),
        ] {
            words.extend([word.into(), file.into()]);
        }
        words
    }

    /// Its port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Runs one command, such as `FLUSHALL`.
    ///
    /// # Errors
    /// What the client or the server said.
    pub async fn run_command(&self, command: &str) -> Outcome<()> {
        let client = redis::Client::open(self.url()).map_err(|error| error.to_string())?;
        let mut connection = client
            .get_multiplexed_async_connection()
            .await
            .map_err(|error| error.to_string())?;
        redis::cmd(command)
            .exec_async(&mut connection)
            .await
            .map_err(|error| error.to_string())
    }

    /// Ends the server as a power cut would; what it held is gone.
    ///
    /// # Errors
    /// When it does not end.
    pub fn kill(&mut self) -> Outcome<()> {
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        let pid = i32::try_from(child.id()).map_err(|error| error.to_string())?;
        kill(Pid::from_raw(pid), Signal::SIGKILL).map_err(|error| error.to_string())?;
        child.wait().map(drop).map_err(|error| error.to_string())
    }

    /// Starts the ended server again on its port, empty unless it was told to keep what it has.
    ///
    /// # Errors
    /// What the server said.
    pub async fn run(&mut self) -> Outcome<()> {
        let log = self.folder.path().join("log");
        let file = std::fs::File::create(&log).map_err(|error| error.to_string())?;
        let mut command = Command::new(PROGRAM);
        command
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(self.listen())
            .arg("--dir")
            .arg(self.folder.path())
            .args(&self.more)
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(Stdio::null());
        let child = command
            .spawn()
            .map_err(|error| format!("{PROGRAM}: {error}"))?;
        let child = self.child.insert(child);
        for _ in 0..START.0 {
            if child
                .try_wait()
                .map_err(|error| error.to_string())?
                .is_some()
            {
                break;
            }
            if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
                return Ok(());
            }
            tokio::time::sleep(START.1).await;
        }
        let said = std::fs::read_to_string(log).unwrap_or_default();
        self.kill()?;
        Err(format!(
            "redis-server does not answer on port {}: {said}",
            self.port
        ))
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            tracing::warn!(error, "A Redis that a test started did not stop");
        }
    }
}

fn free_port() -> Outcome<u16> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| error.to_string())
}
