//! What several nodes need beside what one needs: a database and a Redis that they share, and a secret.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;

use busker_model::Secret;
use busker_node::{ClusterTransport, NodeConfig};

use super::{password, template, write_private};
use crate::args::QuickstartArgs;
use crate::exit::{Exit, Failure};
use crate::prompt;

/// File with the secret of the cluster, in each node's folder.
const SECRET_FILE: &str = "cluster.secret";
/// File with the password of Redis, in each node's folder.
const REDIS_PASSWORD_FILE: &str = "redis.password";
/// File with the authority behind the certificate of Redis, in each node's folder.
const REDIS_AUTHORITY_FILE: &str = "redis-ca.pem";
/// Longest wait for Redis to be reached.
const REACH: Duration = Duration::from_secs(3);
/// Port of Redis when the URL names none.
const REDIS_PORT: u16 = 6379;

/// Refuses what cannot be a cluster, with the reason.
pub(super) fn check(args: &QuickstartArgs) -> Result<(), Failure> {
    let shares = args
        .odb
        .as_deref()
        .is_some_and(|url| !url.starts_with("sqlite:"));
    if args.nodes > 1 && !(shares && args.redis.is_some()) {
        return Err(Failure::usage(
            "more than one node needs PostgreSQL and Redis, since nodes share their database and hear each other \
             over Redis: give --odb postgresql://user@host:port/database and --redis redis://host:port/database",
        ));
    }
    let has_tls = args
        .redis
        .as_deref()
        .is_some_and(|url| url.starts_with("rediss://"));
    if args.redis_root_certificate.is_some() && !has_tls {
        return Err(Failure::usage(
            "--redis-root-certificate: means nothing without TLS: make --redis a rediss:// one, or leave this out",
        ));
    }
    let Some(redis) = &args.redis else {
        return Ok(());
    };
    if !shares {
        return Err(Failure::usage(
            "--redis: is for a cluster, which shares its database: give --odb postgresql://user@host:port/database as well",
        ));
    }
    if let Some(wrong) = busker_node::redis_url(redis) {
        return Err(Failure::usage(format!("--redis: {wrong}")));
    }
    reach(redis)
}

/// Whether somebody listens there; what a node does without Redis is wait, which would be found out late.
fn reach(url: &str) -> Result<(), Failure> {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = authority.split('/').next().unwrap_or_default();
    let address = if authority.contains(':') {
        authority.to_owned()
    } else {
        format!("{authority}:{REDIS_PORT}")
    };
    let failed = |error: &dyn std::fmt::Display| {
        let message = format!(
            "--redis: {address} cannot be reached ({error}): start Redis, or name another one"
        );
        Failure::new(Exit::Unavailable, message)
    };
    let mut found = address.to_socket_addrs().map_err(|error| failed(&error))?;
    let found = found.next().ok_or_else(|| failed(&"no such host"))?;
    TcpStream::connect_timeout(&found, REACH)
        .map(drop)
        .map_err(|error| failed(&error))
}

fn read(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|error| Failure::file(file, &error))
}

/// What all nodes of a cluster have alike.
pub(crate) struct Shared {
    pub(crate) redis: String,
    pub(crate) redis_password: Option<Secret>,
    /// PEM of the authority behind its certificate.
    pub(crate) redis_authority: Option<String>,
    pub(crate) secret: Secret,
    pub(crate) transport: ClusterTransport,
}

impl Shared {
    /// `None` for a node that is alone.
    pub(super) fn of(args: &QuickstartArgs) -> Result<Option<Self>, Failure> {
        let Some(redis) = &args.redis else {
            return Ok(None);
        };
        let file = args.redis_password_file.as_deref();
        Ok(Some(Self {
            redis: redis.clone(),
            redis_password: file.map(prompt::password_file).transpose()?,
            redis_authority: args
                .redis_root_certificate
                .as_deref()
                .map(read)
                .transpose()?,
            secret: password::secret()?,
            transport: ClusterTransport::Tcp,
        }))
    }

    /// What a node that exists has; `None` for one that is alone.
    pub(crate) fn of_node(node: &NodeConfig) -> Result<Option<Self>, Failure> {
        let Some(section) = &node.cluster else {
            return Ok(None);
        };
        Ok(Some(Self {
            redis: section.redis.clone(),
            redis_password: section.redis_password(node)?,
            redis_authority: section
                .redis_root_certificate
                .as_deref()
                .map(|file| read(&node.path(file)))
                .transpose()?,
            secret: section.secret(node)?,
            transport: section.transport,
        }))
    }

    /// Writes the files of one node.
    pub(crate) fn write(&self, node: &Path) -> Result<(), Failure> {
        let secret = format!("{}\n", self.secret.expose());
        write_private(&node.join(SECRET_FILE), &secret)?;
        if let Some(authority) = &self.redis_authority {
            write_private(&node.join(REDIS_AUTHORITY_FILE), authority)?;
        }
        match &self.redis_password {
            None => Ok(()),
            Some(password) => write_private(&node.join(REDIS_PASSWORD_FILE), password.expose()),
        }
    }

    /// The section of one node's `busker.toml`.
    pub(super) fn section(&self, listen: SocketAddr) -> String {
        let password = match &self.redis_password {
            None => String::new(),
            Some(_) => format!("redis_password_file = \"{REDIS_PASSWORD_FILE}\"\n"),
        };
        let authority = match &self.redis_authority {
            None => String::new(),
            Some(_) => format!("redis_root_certificate = \"{REDIS_AUTHORITY_FILE}\"\n"),
        };
        let transport = match self.transport {
            ClusterTransport::Tcp => {
                "# transport = \"redis\"   # where nodes reach Redis but not each other"
            }
            ClusterTransport::Redis => "transport = \"redis\"",
        };
        format!(
            "
# The other nodes: found over Redis, reached at `listen`.
[cluster]
redis = {redis}
{authority}{password}listen = \"{listen}\"
{transport}
",
            redis = template::quoted(&self.redis),
        )
    }
}
