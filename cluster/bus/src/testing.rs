//! A private Redis for tests: its own folder, a free port on loopback, stopped when dropped.
//!
//! The server is a real one from Debian's package `redis-server`. Without the package a test fails and says so; nothing
//! is skipped.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

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

/// A running server.
#[derive(Debug)]
pub struct RedisServer {
    folder: TempDir,
    port: u16,
    child: Option<Child>,
}

impl RedisServer {
    /// Starts a server that writes nothing to the disk and waits until it answers.
    ///
    /// # Errors
    /// What to install when the program is missing; else what the server said.
    pub async fn start() -> Outcome<Self> {
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
        format!("redis://127.0.0.1:{}/0", self.port)
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

    /// Starts the ended server again on its port, empty.
    ///
    /// # Errors
    /// What the server said.
    pub async fn run(&mut self) -> Outcome<()> {
        let log = self.folder.path().join("log");
        let file = std::fs::File::create(&log).map_err(|error| error.to_string())?;
        let mut command = Command::new(PROGRAM);
        command
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .arg("--port")
            .arg(self.port.to_string())
            .arg("--dir")
            .arg(self.folder.path())
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
