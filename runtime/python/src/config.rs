//! What the node tells the host: interpreter, size, limits, folders.

use std::path::PathBuf;

use serde::Serialize;

/// Limits of each worker process, set by the worker itself before it runs any service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Address space in bytes; beyond it a service gets `MemoryError` and the worker lives.
    pub as_bytes: u64,
    /// Open files.
    pub nofile: u64,
    /// Longest file it may write, in bytes.
    pub fsize_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            as_bytes: 4 << 30,
            nofile: 4096,
            fsize_bytes: 1 << 30,
        }
    }
}

/// Settings of the Python host.
#[derive(Debug, Clone)]
pub struct PythonConfig {
    /// Interpreter from the configuration.
    pub interpreter: Option<PathBuf>,
    /// Interpreter from `BUSKER_PYTHON`.
    pub interpreter_from_env: Option<PathBuf>,
    /// The node's own environment: `PATH` is searched for an interpreter, and the variables that `env_allow` names are
    /// passed on; workers see nothing else of it.
    pub environment: Vec<(String, String)>,
    /// Variables that workers see.
    pub env_allow: Vec<String>,
    /// Worker processes of the pool `default`.
    pub workers: usize,
    /// Most requests in flight at one worker.
    pub window: u32,
    /// Limits of each process.
    pub limits: Limits,
    /// A worker whose resident memory, in bytes, is above this is drained and replaced.
    pub rss_soft_bytes: u64,
    /// Longest time one thread of a worker keeps the interpreter while others wait, in milliseconds.
    pub switch_interval_ms: u32,
    /// Folder the package is unpacked under, such as `DIR/node1/data/python`.
    pub data_dir: PathBuf,
    /// Name of the node.
    pub node: String,
    /// Level of the workers' loggers: `debug`, `info`, `warning`, `error`.
    pub log_level: String,
}

/// Worker processes of the pool `default` when nobody says: one per core.
#[must_use]
pub fn default_workers() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl PythonConfig {
    /// Defaults for everything but the data folder and the node's name.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>, node: impl Into<String>) -> Self {
        let allow = [
            "PATH",
            "HOME",
            "LANG",
            "LC_ALL",
            "LC_CTYPE",
            "TZ",
            "TMPDIR",
            "SSL_CERT_FILE",
        ];
        Self {
            interpreter: None,
            interpreter_from_env: None,
            environment: Vec::new(),
            env_allow: allow.map(str::to_owned).to_vec(),
            workers: default_workers(),
            window: 64,
            limits: Limits::default(),
            rss_soft_bytes: 1 << 30,
            switch_interval_ms: 1,
            data_dir: data_dir.into(),
            node: node.into(),
            log_level: "info".to_owned(),
        }
    }

    /// The environment of the zygote and its workers.
    pub(crate) fn worker_environment(&self) -> impl Iterator<Item = (&str, &str)> {
        let allowed = |name: &str| self.env_allow.iter().any(|allowed| allowed == name);
        self.environment
            .iter()
            .filter(move |(name, _)| allowed(name))
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}
