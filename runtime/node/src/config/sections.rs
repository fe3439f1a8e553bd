//! The sections of `busker.toml`, with their defaults.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use busker_model::secret::REDACTED;
use serde::{Deserialize, Serialize};

/// Who the node is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeSection {
    /// Name of the node.
    pub name: String,
    /// Name of its cluster.
    pub cluster: String,
    /// Where the endpoints are that clients of Zato know.
    #[serde(default)]
    pub zato_face: ZatoFace,
    /// Whether who comes by them may bring code in.
    #[serde(default)]
    pub zato_face_deploys: bool,
}

/// Where the Zato-compatible endpoints (`/zato/...`) are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ZatoFace {
    /// On the listener of channels, as in Zato.
    Channels,
    /// On the listener of the API.
    Admin,
    /// Nowhere.
    #[default]
    Off,
}

/// Where the operational database is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OdbSection {
    /// `sqlite:data/odb.db` or `postgresql://user@host:port/database`, without a password.
    pub url: String,
    /// File with the password, in place of the variable.
    pub password_file: Option<PathBuf>,
    /// PEM file of the authority behind the server's certificate.
    pub root_certificate: Option<PathBuf>,
    /// Connections to PostgreSQL.
    pub pool_size: usize,
}

impl Default for OdbSection {
    fn default() -> Self {
        Self {
            url: "sqlite:data/odb.db".to_owned(),
            password_file: None,
            root_certificate: None,
            pool_size: busker_odb::POSTGRES_POOL_SIZE,
        }
    }
}

impl OdbSection {
    /// The file of an embedded database; `None` for a server.
    #[must_use]
    pub fn sqlite_path(&self) -> Option<&Path> {
        self.url.strip_prefix("sqlite:").map(Path::new)
    }
}

/// Where asynchronous invocations are kept.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BusSection {
    /// `sqlite:data/bus.db` for a single node, or `redis://host:port/database`, `rediss://` for TLS. It may hold a user
    /// and a password, and is not printed. Unless it is given, a node of a cluster keeps its bus in the Redis of the
    /// cluster, and any other in that file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// File with the password, in place of the variable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// PEM file of the authority behind the certificate of a Redis with TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_certificate: Option<PathBuf>,
}

impl fmt::Debug for BusSection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.url.as_deref().and_then(|url| url.split(':').next());
        f.debug_struct("BusSection")
            .field("url", &scheme.map(|scheme| format!("{scheme}:{REDACTED}")))
            .field("password_file", &self.password_file)
            .field("root_certificate", &self.root_certificate)
            .finish()
    }
}

impl BusSection {
    /// Whether the URL itself holds a password.
    #[must_use]
    pub fn holds_password(&self) -> bool {
        let url = self.url.as_deref().unwrap_or_default();
        let login = url.split_once("://").map_or("", |(_, rest)| rest);
        let login = login.rsplit_once('@').map_or("", |(login, _)| login);
        login.contains(':')
    }
}

/// One HTTP listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// Address and port.
    pub listen: SocketAddr,
    /// Threads that serve it.
    #[serde(default = "one_worker")]
    pub workers: usize,
    /// Most connections of one thread; more wait in the kernel.
    #[serde(default = "max_connections")]
    pub max_connections: usize,
    /// Certificate and key; plain HTTP without them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsFiles>,
}

/// Files of a TLS listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// Certificate chain, PEM.
    pub certificate: PathBuf,
    /// Private key, PEM, readable by its owner only.
    pub key: PathBuf,
    /// Authorities whose clients may show a certificate, PEM; for channels with security of kind mutual-tls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_authority: Option<PathBuf>,
}

fn one_worker() -> usize {
    1
}

fn max_connections() -> usize {
    25_000
}

/// How Python services run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PythonSection {
    /// Interpreter; a virtual environment gives services their libraries. Otherwise `BUSKER_PYTHON`,
    /// `/usr/bin/python3`, then the PATH.
    pub interpreter: Option<PathBuf>,
    /// Worker processes of the pool `default`; one per core when missing.
    pub workers: Option<usize>,
    /// Most requests in flight at one worker; 64 when missing.
    pub window: Option<u32>,
}

/// Services that are there without a deploy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServicesSection {
    /// Python files or folders this node loads at boot.
    pub static_sources: Vec<PathBuf>,
}

/// What the node tells about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetrySection {
    /// OpenTelemetry collector, such as `http://127.0.0.1:4318`; traces are exported only when it is set.
    pub otlp_endpoint: Option<String>,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub log_level: String,
}

impl Default for TelemetrySection {
    fn default() -> Self {
        Self {
            otlp_endpoint: None,
            log_level: "info".to_owned(),
        }
    }
}

/// Bounds of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsSection {
    /// Longest body of a request to a channel that sets no limit, in bytes.
    pub body_bytes: u64,
    /// Longest time for the head of a request, in milliseconds.
    pub head_timeout_ms: u64,
    /// Longest time for the body of a request, in milliseconds.
    pub body_timeout_ms: u64,
    /// Longest time a client may take nothing of its answer, in milliseconds; its connection is then closed.
    pub write_timeout_ms: u32,
    /// Time requests in flight have when the node stops, in milliseconds.
    pub drain_timeout_ms: u64,
}

impl Default for LimitsSection {
    fn default() -> Self {
        Self {
            body_bytes: 16 * 1024 * 1024,
            head_timeout_ms: 5_000,
            body_timeout_ms: 30_000,
            write_timeout_ms: 30_000,
            drain_timeout_ms: 10_000,
        }
    }
}
