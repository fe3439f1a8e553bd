//! The section `[cluster]`: what a node needs to be one of several. A node without it is alone.

use std::net::SocketAddr;
use std::path::PathBuf;

use busker_model::Secret;
use busker_model::object::Violation;
use serde::{Deserialize, Serialize};

use super::check::redis_rest;
use super::{ConfigError, NodeConfig, variable};

/// Environment variable with the password of Redis.
pub const REDIS_PASSWORD_VARIABLE: &str = "BUSKER_REDIS_PASSWORD";

/// How nodes reach each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClusterTransport {
    /// Directly, over TCP with TLS on both sides.
    #[default]
    Tcp,
    /// Over Redis, where nodes reach Redis but not each other; while Redis is away there are no sessions.
    Redis,
}

/// Who else there is, and how they are reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterSection {
    /// `redis://host:port/database`, or `rediss://` for TLS; without a password.
    pub redis: String,
    /// PEM file of the authority behind the certificate of a Redis with TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redis_root_certificate: Option<PathBuf>,
    /// File with the password of Redis, in place of the variable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redis_password_file: Option<PathBuf>,
    /// Where this node takes sessions of the others; needed for the transport `tcp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen: Option<SocketAddr>,
    /// `host:port` that the others are told in place of `listen`, as behind a port mapping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advertise: Option<String>,
    /// `tcp` or `redis`.
    #[serde(default)]
    pub transport: ClusterTransport,
    /// File with the secret that all nodes of the cluster share.
    #[serde(default = "secret_file")]
    pub secret_file: PathBuf,
    /// Certificate of this node, PEM.
    #[serde(default = "certificate")]
    pub certificate: PathBuf,
    /// Its private key, PEM.
    #[serde(default = "key")]
    pub key: PathBuf,
    /// Authority of the cluster, PEM.
    #[serde(default = "authority")]
    pub authority: PathBuf,
}

fn secret_file() -> PathBuf {
    "cluster.secret".into()
}

fn certificate() -> PathBuf {
    "certs/node.pem".into()
}

fn key() -> PathBuf {
    "certs/node.key".into()
}

fn authority() -> PathBuf {
    "certs/ca.pem".into()
}

impl ClusterSection {
    /// Faults of the values alone.
    pub(super) fn check(&self, config: &NodeConfig) -> Vec<Violation> {
        let mut faults = Vec::new();
        let mut fault = |field: &str, message: &str| faults.push(Violation::new(field, message));
        if let Some(message) = redis_url(&self.redis) {
            fault("cluster.redis", message);
        }
        if self.redis_root_certificate.is_some() && !self.redis.starts_with("rediss://") {
            fault(
                "cluster.redis_root_certificate",
                "means nothing without TLS: make cluster.redis a rediss:// one, or leave this out",
            );
        }
        match (self.transport, self.listen) {
            (ClusterTransport::Tcp, None) => fault(
                "cluster.listen",
                "is missing: give an address and port that the other nodes reach, or set transport = \"redis\"",
            ),
            (ClusterTransport::Tcp, Some(listen)) => {
                if listen.ip().is_unspecified() && self.advertise.is_none() {
                    fault(
                        "cluster.listen",
                        "is told to the other nodes: use one address of this machine, not all, or tell them another by advertise",
                    );
                }
                if [config.http.listen, config.admin.listen].contains(&listen) {
                    fault(
                        "cluster.listen",
                        "is the address of another listener: give each its own port",
                    );
                }
            }
            (ClusterTransport::Redis, _) => {}
        }
        if self
            .advertise
            .as_deref()
            .is_some_and(|told| !is_reachable(told))
        {
            fault(
                "cluster.advertise",
                "is where the other nodes reach this one: use host:port",
            );
        }
        if config.odb.sqlite_path().is_some() {
            fault(
                "odb.url",
                "is a file of this node, and a cluster shares its database: use postgresql://user@host:port/database",
            );
        }
        let bus = config.bus.url.as_deref();
        if bus.is_some_and(|url| url.starts_with("sqlite:")) {
            fault(
                "bus.url",
                "is a file of this node, and a cluster shares its bus: leave it out, and it is in the Redis of the cluster",
            );
        }
        faults
    }

    /// Files that must be there, by field; those of the second list must be private.
    pub(super) fn files(
        &self,
        config: &NodeConfig,
    ) -> (Vec<(&'static str, PathBuf)>, Vec<PathBuf>) {
        let mut needed = vec![("cluster.secret_file", config.path(&self.secret_file))];
        let mut private = vec![config.path(&self.secret_file)];
        if let Some(file) = &self.redis_password_file {
            needed.push(("cluster.redis_password_file", config.path(file)));
            private.push(config.path(file));
        }
        if let Some(file) = &self.redis_root_certificate {
            needed.push(("cluster.redis_root_certificate", config.path(file)));
        }
        if self.transport == ClusterTransport::Tcp {
            needed.extend([
                ("cluster.certificate", config.path(&self.certificate)),
                ("cluster.key", config.path(&self.key)),
                ("cluster.authority", config.path(&self.authority)),
            ]);
            private.push(config.path(&self.key));
        }
        (needed, private)
    }

    /// The password of Redis, from its file or [`REDIS_PASSWORD_VARIABLE`].
    ///
    /// # Errors
    /// [`ConfigError`] when the file cannot be read.
    pub fn redis_password(&self, config: &NodeConfig) -> Result<Option<Secret>, ConfigError> {
        match &self.redis_password_file {
            Some(file) => config
                .read_secret("cluster.redis_password_file", file)
                .map(Some),
            None => Ok(variable(REDIS_PASSWORD_VARIABLE).map(Secret::new)),
        }
    }

    /// The authority behind the certificate of Redis, PEM.
    ///
    /// # Errors
    /// [`ConfigError`] when the file cannot be read.
    pub fn redis_root_certificate(
        &self,
        config: &NodeConfig,
    ) -> Result<Option<Vec<u8>>, ConfigError> {
        let field = "cluster.redis_root_certificate";
        let file = self.redis_root_certificate.as_deref();
        file.map(|file| config.read_text(field, file).map(String::into_bytes))
            .transpose()
    }

    /// The secret of the cluster.
    ///
    /// # Errors
    /// [`ConfigError`] when the file cannot be read.
    pub fn secret(&self, config: &NodeConfig) -> Result<Secret, ConfigError> {
        config.read_secret("cluster.secret_file", &self.secret_file)
    }
}

/// Whether it has a host and a port that can be called.
fn is_reachable(told: &str) -> bool {
    told.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}

/// What is wrong with the URL of Redis.
#[must_use]
pub fn redis_url(url: &str) -> Option<&'static str> {
    let Some(rest) = redis_rest(url) else {
        return Some("use redis://host:port/database, or rediss:// for TLS");
    };
    if rest.contains('#') {
        return Some("holds a '#': the certificate of Redis is always checked");
    }
    rest.contains('@').then_some(
        "holds a user or a password: put the password in a file of mode 0600 and name it as redis_password_file",
    )
}
