//! `busker.toml`: what a node needs to join its cluster. Everything else is in the ODB.
//!
//! Relative paths start at the node's folder. The process environment is read here and nowhere else in a node.

use std::fmt;
use std::path::{Path, PathBuf};

use busker_model::Secret;
use busker_odb::vault::is_sealed;
use busker_odb::{OdbConfig, Vault};
use serde::{Deserialize, Serialize};

mod check;
mod cluster;
mod sections;
#[cfg(test)]
mod tests;

pub use check::wrong_name;
pub use cluster::{ClusterSection, ClusterTransport, REDIS_PASSWORD_VARIABLE, redis_url};
pub use sections::{
    BusSection, LimitsSection, Listener, NodeSection, OdbSection, PythonSection, ServicesSection,
    TelemetrySection, TlsFiles, ZatoFace,
};

/// Name of the file in a node's folder.
pub const CONFIG_FILE: &str = "busker.toml";
/// Environment variable with the password of a PostgreSQL ODB.
pub const ODB_PASSWORD_VARIABLE: &str = "BUSKER_ODB_PASSWORD";
/// Environment variable with the password of a Redis that keeps asynchronous invocations.
pub const BUS_PASSWORD_VARIABLE: &str = "BUSKER_BUS_PASSWORD";
/// Environment variable with the interpreter for Python services.
pub const PYTHON_VARIABLE: &str = "BUSKER_PYTHON";

/// Place for which `busker encrypt` seals what a file that holds a secret may hold in its stead.
pub const SEALED_FILE_PLACE: &str = "environment/file";

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// `[node]`
    pub node: NodeSection,
    /// `[odb]`
    #[serde(default)]
    pub odb: OdbSection,
    /// `[bus]`
    #[serde(default)]
    pub bus: BusSection,
    /// `[http]`: the listener of channels.
    pub http: Listener,
    /// `[admin]`: the listener of the API.
    pub admin: Listener,
    /// `[python]`
    #[serde(default)]
    pub python: PythonSection,
    /// `[services]`
    #[serde(default)]
    pub services: ServicesSection,
    /// `[telemetry]`
    #[serde(default)]
    pub telemetry: TelemetrySection,
    /// `[limits]`
    #[serde(default)]
    pub limits: LimitsSection,
    /// `[cluster]`: missing on a node that is alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterSection>,
    /// Folder of the node; relative paths start here.
    #[serde(skip)]
    pub dir: PathBuf,
}

/// Everything wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong, at least one.
    pub faults: Vec<ConfigFault>,
}

/// One thing wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFault {
    /// Line, from 1; `None` when it is about what is not there.
    pub line: Option<usize>,
    /// Field, such as `http.listen`; empty when the file is not TOML at all.
    pub field: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for ConfigError {
    /// One line per fault: `file:line: field: what is wrong and what to do`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}:", self.file.display())?;
            if let Some(line) = fault.line {
                write!(f, "{line}:")?;
            }
            if !fault.field.is_empty() {
                write!(f, " {}:", fault.field)?;
            }
            write!(f, " {}", fault.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

impl NodeConfig {
    /// Where asynchronous invocations are kept.
    #[must_use]
    pub fn bus_url(&self) -> &str {
        let of_cluster = self.cluster.as_ref().map(|cluster| cluster.redis.as_str());
        let given = self.bus.url.as_deref();
        given.or(of_cluster).unwrap_or("sqlite:data/bus.db")
    }

    /// Reads and checks `dir/busker.toml`.
    ///
    /// # Errors
    /// [`ConfigError`], naming file, line, field and what is accepted.
    pub fn load(dir: &Path) -> Result<Self, ConfigError> {
        // Whoever is given a path of the node may work in another folder.
        let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
        let file = dir.join(CONFIG_FILE);
        let text = std::fs::read_to_string(&file).map_err(|error| ConfigError {
            file: file.clone(),
            faults: vec![ConfigFault {
                line: None,
                field: String::new(),
                message: format!("cannot be read ({error}): is this the folder of a node?"),
            }],
        })?;
        let mut config = Self::parse(&text, &file)?;
        config.dir = dir;
        Ok(config)
    }

    /// Reads and checks a text.
    fn parse(text: &str, file: &Path) -> Result<Self, ConfigError> {
        let failed = |faults| ConfigError {
            file: file.to_owned(),
            faults,
        };
        let wrong = |field: &str, error: &toml::de::Error| ConfigFault {
            line: error
                .span()
                .and_then(|span| text.get(..span.start))
                .map(|before| before.matches('\n').count() + 1),
            field: field.to_owned(),
            message: error.message().to_owned(),
        };
        let reader =
            toml::Deserializer::parse(text).map_err(|error| failed(vec![wrong("", &error)]))?;
        let config: Self = serde_path_to_error::deserialize(reader).map_err(|error| {
            let path = error.path().to_string();
            let field = if path == "." { "" } else { path.as_str() };
            failed(vec![wrong(field, error.inner())])
        })?;
        let faults = config.check();
        if faults.is_empty() {
            return Ok(config);
        }
        let placed = faults.into_iter().map(|fault| ConfigFault {
            line: line_of(text, &fault.field),
            field: fault.field,
            message: fault.message,
        });
        Err(failed(placed.collect()))
    }

    /// Worker processes of the Python pool `default`.
    #[must_use]
    pub fn python_workers(&self) -> usize {
        let configured = self.python.workers;
        configured.unwrap_or_else(busker_python::default_workers)
    }

    /// The text of the file.
    ///
    /// # Errors
    /// When a value has no form in TOML.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string_pretty(self)
    }

    /// A path of the file, made absolute.
    #[must_use]
    pub fn path(&self, path: &Path) -> PathBuf {
        self.dir.join(path)
    }

    /// The file of an embedded ODB; [`NodeConfig::odb`] knows PostgreSQL as well.
    #[must_use]
    pub fn odb_path(&self) -> PathBuf {
        let path = self.odb.sqlite_path();
        self.path(path.unwrap_or_else(|| Path::new("data/odb.db")))
    }

    /// The key that seals secrets.
    #[must_use]
    pub fn key_path(&self) -> PathBuf {
        self.dir.join("busker.key")
    }

    /// The folder that is watched for services.
    #[must_use]
    pub fn pickup_path(&self) -> PathBuf {
        self.dir.join("pickup")
    }

    /// The log.
    #[must_use]
    pub fn log_path(&self) -> PathBuf {
        self.dir.join("logs").join("node.log")
    }

    /// The folder for what the node keeps: databases, unpacked packages, its pid.
    #[must_use]
    pub fn data_path(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// Where the operational database is, with its password from `odb.password_file` or [`ODB_PASSWORD_VARIABLE`].
    ///
    /// # Errors
    /// [`ConfigError`] when the password file cannot be read.
    pub fn odb(&self) -> Result<OdbConfig, ConfigError> {
        if let Some(path) = self.odb.sqlite_path() {
            return Ok(OdbConfig::sqlite(self.path(path)));
        }
        let password = match &self.odb.password_file {
            Some(file) => Some(self.read_secret("odb.password_file", file)?),
            None => variable(ODB_PASSWORD_VARIABLE).map(Secret::new),
        };
        Ok(OdbConfig::Postgres {
            url: self.odb.url.clone(),
            pool_size: self.odb.pool_size,
            password,
            root_certificate: self
                .odb
                .root_certificate
                .as_ref()
                .map(|file| self.path(file)),
        })
    }

    /// A secret in a file of its own, as it is or sealed with the key of this node.
    pub(crate) fn read_secret(&self, field: &str, file: &Path) -> Result<Secret, ConfigError> {
        let text = self.read_text(field, file)?;
        let text = text.trim_end_matches(['\r', '\n']);
        if !is_sealed(text) {
            return Ok(Secret::new(text));
        }
        let vault = Vault::open(&self.key_path());
        let opened = vault.and_then(|vault| vault.open_sealed(SEALED_FILE_PLACE, text));
        opened.map_err(|error| {
            self.unreadable(field, format!("{}: {error}", self.path(file).display()))
        })
    }

    fn read_text(&self, field: &str, file: &Path) -> Result<String, ConfigError> {
        let path = self.path(file);
        std::fs::read_to_string(&path)
            .map_err(|error| self.unreadable(field, format!("{}: {error}", path.display())))
    }

    fn unreadable(&self, field: &str, message: String) -> ConfigError {
        ConfigError {
            file: self.dir.join(CONFIG_FILE),
            faults: vec![ConfigFault {
                line: None,
                field: field.to_owned(),
                message,
            }],
        }
    }
}

/// Variables of this process, for what starts programs of its own; those that are not UTF-8 are left out.
#[must_use]
pub fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// One variable of this process.
#[must_use]
pub fn variable(name: &str) -> Option<String> {
    std::env::var_os(name)?
        .into_string()
        .ok()
        .filter(|value| !value.is_empty())
}

/// The line a field such as `http.listen` is set in, or that of its section.
fn line_of(text: &str, field: &str) -> Option<usize> {
    let (section, key) = field.split_once('.').unwrap_or((field, ""));
    let mut inside = false;
    let mut found = None;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[') {
            inside = name.trim_end().trim_end_matches(']') == section;
            found = if inside { Some(index + 1) } else { found };
        } else if inside
            && line
                .split('=')
                .next()
                .is_some_and(|name| name.trim() == key)
        {
            return Some(index + 1);
        }
    }
    found
}
