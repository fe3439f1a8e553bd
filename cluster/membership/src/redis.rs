//! Redis as membership uses it: connections of its own, so that neither the bus nor a flood of invocations holds up a
//! sign of life.

use std::time::Duration;

use busker_model::{ErrorClass, Fault, Secret};
use deadpool_redis::redis::aio::{MultiplexedConnection, PubSub};
use deadpool_redis::redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionInfo, FromRedisValue, IntoConnectionInfo,
    RedisError, ScriptInvocation, TlsCertificates,
};
use parking_lot::Mutex;
use tokio::time::timeout;

use crate::limits::{COMMAND_TIMEOUT, CONNECT_TIMEOUT};

/// Where Redis is, and which cluster this is in it.
#[derive(Debug, Clone)]
pub struct RedisAddress {
    /// `redis://host:port/database`, or `rediss://` for TLS; without a password.
    pub url: String,
    /// PEM of the authority behind a server with TLS; `None` means the public ones.
    pub root_certificate: Option<Vec<u8>>,
    /// Password.
    pub password: Option<Secret>,
    /// Cluster; part of every key and channel.
    pub cluster: String,
}

/// The way to Redis: one connection for commands, made again when it broke.
pub(crate) struct Link {
    client: Client,
    prefix: String,
    connection: Mutex<Option<MultiplexedConnection>>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

impl Link {
    /// A link; nothing is connected yet.
    pub(crate) fn open(address: &RedisAddress) -> Result<Self, Fault> {
        // The error of the parser may quote the URL, and so a password.
        let wrong = || {
            Fault::invalid(
                "cluster.redis: must be redis://host:port/database, or rediss:// for TLS, without a password",
            )
        };
        let url = address.url.as_str();
        let info = url.into_connection_info().map_err(|_| wrong())?;
        if info.redis_settings().password().is_some() {
            return Err(wrong());
        }
        let info = match &address.password {
            None => info,
            Some(password) => {
                let settings = info.redis_settings().clone();
                info.set_redis_settings(settings.set_password(password.expose()))
            }
        };
        let client = match &address.root_certificate {
            None => Client::open(info).map_err(|_| wrong())?,
            Some(authority) => trusting(info, authority)?,
        };
        Ok(Self {
            client,
            prefix: format!("busker:{{{}}}:", address.cluster),
            connection: Mutex::default(),
        })
    }

    /// A key or channel of this cluster.
    pub(crate) fn name(&self, rest: &str) -> String {
        format!("{}{rest}", self.prefix)
    }

    /// Runs a command.
    pub(crate) async fn run<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Fault> {
        let mut connection = self.connection().await?;
        let asked = timeout(COMMAND_TIMEOUT, command.query_async(&mut connection));
        self.outcome(asked.await)
    }

    /// Runs a script.
    pub(crate) async fn script<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, Fault> {
        let mut connection = self.connection().await?;
        let asked = timeout(COMMAND_TIMEOUT, script.invoke_async(&mut connection));
        self.outcome(asked.await)
    }

    /// A subscription on a connection of its own.
    pub(crate) async fn subscribe(&self, channels: &[&str]) -> Result<PubSub, Fault> {
        let subscribed = async {
            let mut subscription = self.client.get_async_pubsub().await?;
            subscription.subscribe(channels).await?;
            Ok::<_, RedisError>(subscription)
        };
        timeout(CONNECT_TIMEOUT, subscribed)
            .await
            .map_err(|_| slow(CONNECT_TIMEOUT))?
            .map_err(|error| away(&error))
    }

    /// A connection of its own for a stream of commands that must not wait behind others.
    pub(crate) async fn dedicated(
        &self,
        answer_within: Duration,
    ) -> Result<MultiplexedConnection, Fault> {
        let settings = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(answer_within));
        let made = self
            .client
            .get_multiplexed_async_connection_with_config(&settings);
        timeout(CONNECT_TIMEOUT, made)
            .await
            .map_err(|_| slow(CONNECT_TIMEOUT))?
            .map_err(|error| away(&error))
    }

    async fn connection(&self) -> Result<MultiplexedConnection, Fault> {
        let open = self.connection.lock().clone();
        if let Some(connection) = open {
            return Ok(connection);
        }
        let made = self.dedicated(COMMAND_TIMEOUT).await?;
        *self.connection.lock() = Some(made.clone());
        Ok(made)
    }

    /// A connection that failed, or was silent too long, is not used again.
    fn outcome<T>(
        &self,
        asked: Result<Result<T, RedisError>, tokio::time::error::Elapsed>,
    ) -> Result<T, Fault> {
        match asked {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                self.connection.lock().take();
                Err(away(&error))
            }
            Err(_) => {
                self.connection.lock().take();
                Err(slow(COMMAND_TIMEOUT))
            }
        }
    }
}

/// A client that trusts that authority and no other.
fn trusting(info: ConnectionInfo, authority: &[u8]) -> Result<Client, Fault> {
    let trusted = TlsCertificates {
        client_tls: None,
        root_cert: Some(authority.to_vec()),
    };
    Client::build_with_tls(info, trusted).map_err(|error| {
        Fault::invalid(format!(
            "cluster.redis_root_certificate: {error}: name a PEM file with the certificate of the authority"
        ))
    })
}

fn away(error: &RedisError) -> Fault {
    Fault::remote(ErrorClass::Unavailable, "Redis is not available").operator(error.to_string())
}

fn slow(after: Duration) -> Fault {
    Fault::remote(
        ErrorClass::Timeout,
        format!("Redis did not answer within {after:?}"),
    )
}
