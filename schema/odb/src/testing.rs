//! A private PostgreSQL for tests: its own folder, a free port on loopback, stopped when dropped.
//!
//! The server is a real one from Debian's package `postgresql`. Without the package a test fails and says so; nothing is
//! skipped.

use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use busker_model::Secret;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, chown, geteuid};
use tempfile::TempDir;
use tokio_postgres::NoTls;

use crate::config::OdbConfig;
use crate::random;

/// Superuser of the server.
const USER: &str = "busker";
/// Ports tried: another process may take a free one before the server does.
const PORTS: usize = 5;
/// How long the server may take to answer: 300 pauses of 100 ms.
const START: (u32, Duration) = (300, Duration::from_millis(100));

/// What may go wrong with the fixture, in words for whoever runs the test.
pub type Outcome<T> = Result<T, String>;

/// A running server.
#[derive(Debug)]
pub struct PostgresServer {
    folder: TempDir,
    binaries: PathBuf,
    owner: Option<User>,
    /// Of the superuser. Random, so that what answers on the port is this server and no other.
    password: Secret,
    port: u16,
    extra: Vec<String>,
    child: Option<Child>,
    databases: AtomicU32,
}

impl PostgresServer {
    /// Makes a new server and waits until it answers.
    ///
    /// # Errors
    /// What to install when the binaries are missing; else what the server said.
    pub async fn start() -> Outcome<Self> {
        Self::make()?.run_on_a_free_port().await
    }

    /// As [`PostgresServer::start`], with TLS from a certificate and a key in PEM.
    ///
    /// # Errors
    /// As [`PostgresServer::start`].
    pub async fn start_with_tls(certificate: &str, key: &str) -> Outcome<Self> {
        let mut server = Self::make()?;
        for (setting, name, text) in [
            ("ssl_cert_file", "server.crt", certificate),
            ("ssl_key_file", "server.key", key),
        ] {
            let path = server.folder.path().join(name);
            write_private(&path, text)?;
            server.give_away(&path)?;
            server
                .extra
                .extend(["-c".into(), format!("{setting}={}", path.display())]);
        }
        server.extra.extend(["-c".into(), "ssl=on".into()]);
        server.run_on_a_free_port().await
    }

    /// Port on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// A new empty database; answers its name.
    ///
    /// # Errors
    /// What `createdb` said.
    pub fn new_database(&self) -> Outcome<String> {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("odb{number}");
        self.client("createdb").arg(&name).output_or_error()?;
        Ok(name)
    }

    /// How to open a database of this server, with `parameters` such as `sslmode=require`.
    #[must_use]
    pub fn config(&self, database: &str, parameters: &str) -> OdbConfig {
        let url = format!(
            "postgresql://{USER}@localhost:{}/{database}?{parameters}",
            self.port
        );
        OdbConfig::postgres(url, Some(self.password.clone()))
    }

    /// Runs SQL in a database, outside of any pool; answers what `psql` prints.
    ///
    /// # Errors
    /// What `psql` said.
    pub fn sql(&self, database: &str, sql: &str) -> Outcome<String> {
        let mut command = self.client("psql");
        command.args(["-v", "ON_ERROR_STOP=1", "-At", "-d", database, "-c", sql]);
        command.output_or_error()
    }

    /// Stops the server, as when its machine goes away; [`PostgresServer::run`] brings it back on the same port.
    ///
    /// # Errors
    /// When it does not stop.
    pub fn stop(&mut self) -> Outcome<()> {
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        let pid = i32::try_from(child.id()).map_err(|error| error.to_string())?;
        // SIGINT is PostgreSQL's fast shutdown: it ends sessions instead of waiting for them.
        kill(Pid::from_raw(pid), Signal::SIGINT).map_err(|error| error.to_string())?;
        child.wait().map(drop).map_err(|error| error.to_string())
    }

    /// Starts the stopped server and waits until it answers.
    ///
    /// # Errors
    /// What the server said.
    pub async fn run(&mut self) -> Outcome<()> {
        let data = self.data();
        let mut command = self.as_owner("postgres");
        command
            .arg("-D")
            .arg(&data)
            .args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"])
            .args(["-c", "max_connections=60"])
            .arg("-c")
            .arg(format!("port={}", self.port))
            .arg("-c")
            .arg(format!(
                "unix_socket_directories={}",
                self.folder.path().display()
            ))
            .args(&self.extra)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(self.log()).map_err(|error| error.to_string())?);
        self.child = Some(
            command
                .spawn()
                .map_err(|error| format!("postgres: {error}"))?,
        );
        for _ in 0..START.0 {
            if self.answers().await {
                return Ok(());
            }
            let child = self.child.as_mut().ok_or("postgres is not running")?;
            if child
                .try_wait()
                .map_err(|error| error.to_string())?
                .is_some()
            {
                self.child = None;
                break;
            }
            tokio::time::sleep(START.1).await;
        }
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        Err(format!(
            "postgres does not answer on port {}: {log}",
            self.port
        ))
    }

    async fn run_on_a_free_port(mut self) -> Outcome<Self> {
        let mut outcome = Err("no port was tried".to_owned());
        for _ in 0..PORTS {
            self.port = free_port()?;
            outcome = self.run().await;
            if outcome.is_ok() || self.child.is_some() {
                break;
            }
        }
        outcome.map(|()| self)
    }

    fn make() -> Outcome<Self> {
        let folder = tempfile::Builder::new()
            .prefix("busker-pg-")
            .tempdir()
            .map_err(|error| error.to_string())?;
        let server = Self {
            binaries: find_binaries()?,
            owner: unprivileged_owner()?,
            password: Secret::new(random::hex::<16>().map_err(|error| error.to_string())?),
            port: 0,
            extra: Vec::new(),
            child: None,
            databases: AtomicU32::new(0),
            folder,
        };
        let password = server.folder.path().join("password");
        write_private(&password, server.password.expose())?;
        server.give_away(&password)?;
        server.give_away(server.folder.path())?;
        let mut command = server.as_owner("initdb");
        command
            .arg("-D")
            .arg(server.data())
            .args(["-U", USER, "-A", "scram-sha-256", "--pwfile"])
            .arg(&password)
            .args(["--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"]);
        command.output_or_error()?;
        Ok(server)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    async fn answers(&self) -> bool {
        let mut config = tokio_postgres::Config::new();
        config
            .host("127.0.0.1")
            .port(self.port)
            .user(USER)
            .password(self.password.expose())
            .dbname("postgres")
            .connect_timeout(START.1);
        config.connect(NoTls).await.is_ok()
    }

    /// A client program of the server's version.
    fn client(&self, name: &str) -> Command {
        let mut command = Command::new(self.binaries.join(name));
        command
            .args(["-h", "127.0.0.1", "-U", USER, "-p"])
            .arg(self.port.to_string())
            .env("PGPASSWORD", self.password.expose());
        command
    }

    /// A server program; PostgreSQL refuses to run as root, so root runs it as the package's user.
    fn as_owner(&self, name: &str) -> Command {
        let mut command = Command::new(self.binaries.join(name));
        command.current_dir(self.folder.path());
        if let Some(owner) = &self.owner {
            command.uid(owner.uid.as_raw()).gid(owner.gid.as_raw());
        }
        command
    }

    fn give_away(&self, path: &Path) -> Outcome<()> {
        match &self.owner {
            Some(owner) => chown(path, Some(owner.uid), Some(owner.gid))
                .map_err(|error| format!("{}: {error}", path.display())),
            None => Ok(()),
        }
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::warn!(error, "A PostgreSQL that a test started did not stop");
        }
    }
}

/// Runs a program to its end; what it printed is the error when it fails.
trait OutputOrError {
    fn output_or_error(&mut self) -> Outcome<String>;
}

impl OutputOrError for Command {
    fn output_or_error(&mut self) -> Outcome<String> {
        let program = self.get_program().to_owned();
        let output = self
            .output()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(printed);
        }
        let complaint = String::from_utf8_lossy(&output.stderr);
        Err(format!(
            "{} failed: {printed}{complaint}",
            program.display()
        ))
    }
}

/// The newest `/usr/lib/postgresql/<version>/bin` of Debian's package.
fn find_binaries() -> Outcome<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    versions
        .filter_map(|entry| {
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            let binaries = entry.path().join("bin");
            binaries
                .join("postgres")
                .is_file()
                .then_some((version, binaries))
        })
        .max()
        .map(|(_, binaries)| binaries)
        .ok_or_else(|| {
            "this test needs a real PostgreSQL: install Debian's package `postgresql` \
             (apt-get install -y postgresql)"
                .into()
        })
}

fn unprivileged_owner() -> Outcome<Option<User>> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    match User::from_name("postgres") {
        Ok(Some(user)) => Ok(Some(user)),
        Ok(None) => {
            Err("there is no user `postgres`: install Debian's package `postgresql`".into())
        }
        Err(error) => Err(error.to_string()),
    }
}

fn free_port() -> Outcome<u16> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| error.to_string())
}

fn write_private(path: &Path, text: &str) -> Outcome<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| format!("{}: {error}", path.display()))
}
