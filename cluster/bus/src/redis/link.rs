//! The connections: a pool for scripts, and one that listens.

use std::sync::Arc;
use std::time::Duration;

use busker_kit::Pump;
use busker_model::{ErrorClass, Fault};
use deadpool_redis::redis::{
    self, AsyncConnectionConfig, Client, ConnectionInfo, ErrorKind, FromRedisValue,
    IntoConnectionInfo, Script, TlsCertificates,
};
use deadpool_redis::{Hook, HookError, Manager, Pool, PoolError, Runtime, Timeouts};
use futures::StreamExt;
use tokio::sync::watch;

use super::RedisConfig;
use super::lives::Memory;
use super::scripts::Scripts;
use crate::error::{BusError, Result};

/// Connections for scripts; each carries many at once.
const POOL_SIZE: usize = 4;
/// Longest time to connect, and to get a connection of the pool.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest time for one script. The driver's own 0.5 s is less than a fork of a large Redis takes.
pub(super) const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);
/// First and longest pause before the next try to listen.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// The way to Redis.
pub(super) struct Link {
    pub(super) config: RedisConfig,
    pub(super) scripts: Scripts,
    pool: Pool,
    client: Client,
    prefix: String,
    /// What this node did in it.
    pub(super) memory: Memory,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Link {
    pub(super) async fn open(config: RedisConfig) -> Result<Self> {
        let info = connection_info(&config)?;
        let settings = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT));
        let manager =
            Manager::new_with_config(info.clone(), settings).map_err(|error| away(&error))?;
        let prefix = format!("busker:{{{}}}:", config.cluster);
        let scripts = Scripts::new();
        let pool = Pool::builder(manager)
            .max_size(POOL_SIZE)
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts {
                wait: Some(RESPONSE_TIMEOUT),
                create: Some(CONNECT_TIMEOUT),
                recycle: Some(CONNECT_TIMEOUT),
            })
            .post_create(greeting(&scripts.greet, &prefix))
            .build()
            .map_err(BusError::unavailable)?;
        let client = Client::open(info).map_err(|error| away(&error))?;
        let link = Self {
            client,
            prefix,
            scripts,
            pool,
            memory: Memory::default(),
            config,
        };
        link.first_words().await?;
        Ok(link)
    }

    /// Whether the server answers, and says yes to who we are.
    async fn first_words(&self) -> Result<()> {
        let refused = match self.pool.get().await {
            Ok(_) => return Ok(()),
            Err(refused) => refused,
        };
        let address = self.client.get_connection_info().addr();
        let (field, remedy) = if is_about_us(&refused) {
            (
                "bus.password_file",
                "give the password of this Redis, in the file, the URL or the variable",
            )
        } else {
            (
                "bus.url",
                "see that it runs there, that this machine reaches it, and that redis:// or rediss:// is right",
            )
        };
        let message = format!("{field}: Redis at {address} cannot be used ({refused}): {remedy}");
        Err(Fault::new(ErrorClass::Unavailable, message)
            .code("bus-unavailable")
            .into())
    }

    /// Runs a script with what `fill` adds to its arguments.
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        fill: impl FnOnce(&mut redis::ScriptInvocation<'_>) + Send,
    ) -> Result<T> {
        let mut connection = self.pool.get().await.map_err(BusError::unavailable)?;
        let mut invocation = script.prepare_invoke();
        invocation.key(&self.prefix);
        fill(&mut invocation);
        invocation
            .invoke_async(&mut *connection)
            .await
            .map_err(|error| away(&error))
    }

    /// One command on a key of ours.
    pub(super) async fn command<T: FromRedisValue>(
        &self,
        command: &str,
        key: &str,
        rest: &[&str],
    ) -> Result<T> {
        let mut connection = self.pool.get().await.map_err(BusError::unavailable)?;
        redis::cmd(command)
            .arg(format!("{}{key}", self.prefix))
            .arg(rest)
            .query_async(&mut *connection)
            .await
            .map_err(|error| away(&error))
    }
}

/// A new connection may be to another server: that one begins a data set of its own.
fn greeting(greet: &Script, prefix: &str) -> Hook {
    let (greet, prefix) = (greet.clone(), prefix.to_owned());
    Hook::async_fn(move |connection, _| {
        let (greet, prefix) = (greet.clone(), prefix.clone());
        Box::pin(async move {
            let greeted = greet.key(prefix).invoke_async::<i64>(connection).await;
            greeted.map(drop).map_err(HookError::Backend)
        })
    })
}

/// Whether the server answers, and does not let us in.
fn is_about_us(refused: &PoolError) -> bool {
    match refused {
        PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => {
            lets_us_not_in(error)
        }
        PoolError::PostCreateHook(HookError::Message(_))
        | PoolError::Timeout(_)
        | PoolError::Closed
        | PoolError::NoRuntimeSpecified => false,
    }
}

/// Whether it is about who we are.
pub(super) fn lets_us_not_in(error: &redis::RedisError) -> bool {
    error.kind() == ErrorKind::AuthenticationFailed
        || matches!(error.code(), Some("NOAUTH" | "WRONGPASS" | "NOPERM"))
}

/// Where Redis is and who we are there.
pub(super) fn connection_info(config: &RedisConfig) -> Result<ConnectionInfo> {
    // The error of the parser may quote the URL, and so a password.
    let wrong = |what: &str| {
        Fault::invalid(format!(
            "bus.url: {what}: use redis://host:port/database, or rediss:// for TLS"
        ))
    };
    let url = config.url.expose();
    if url.contains('#') {
        return Err(wrong("certificates are always checked").into());
    }
    let info = url
        .into_connection_info()
        .map_err(|_| wrong("is no URL of a Redis"))?;
    let info = match &config.password {
        None => info,
        Some(_) if info.redis_settings().password().is_some() => {
            let message =
                "bus.url: has a password, and there is another one: leave one of them out";
            return Err(Fault::invalid(message).into());
        }
        Some(password) => {
            let settings = info.redis_settings().clone();
            info.set_redis_settings(settings.set_password(password.expose()))
        }
    };
    let Some(authority) = &config.root_certificate else {
        return Ok(info);
    };
    let trusted = TlsCertificates {
        client_tls: None,
        root_cert: Some(authority.clone()),
    };
    let client = Client::build_with_tls(info, trusted).map_err(|error| {
        Fault::invalid(format!(
            "bus.root_certificate: {error}: name a PEM file with the certificate of the authority"
        ))
    })?;
    Ok(client.get_connection_info().clone())
}

pub(super) fn away(error: &redis::RedisError) -> BusError {
    BusError::unavailable(format!("Redis: {error}"))
}

/// Hears that there may be work: a subscription that is made again whenever it is lost.
#[derive(Debug)]
pub(super) struct Bell {
    rung: Arc<watch::Sender<u64>>,
    _pump: Pump,
}

impl Bell {
    pub(super) fn start(link: &Arc<Link>) -> Self {
        let rung = Arc::new(watch::Sender::new(0));
        let (hearing, link) = (Arc::clone(&rung), Arc::clone(link));
        let pump = Pump::spawn("bus-bell", async move {
            let mut pause = RETRY.0;
            loop {
                let ended = listen(&link, &hearing, &mut pause).await;
                let reason = ended
                    .err()
                    .map_or_else(|| "closed".to_owned(), |error| error.to_string());
                tracing::warn!(
                    "the bus does not hear Redis ({reason}); it looks for work by itself meanwhile"
                );
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(RETRY.1);
            }
        });
        Self { rung, _pump: pump }
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.rung.subscribe()
    }
}

async fn listen(
    link: &Link,
    rung: &watch::Sender<u64>,
    pause: &mut Duration,
) -> redis::RedisResult<()> {
    let mut subscription = link.client.get_async_pubsub().await?;
    subscription
        .subscribe(format!("{}bell", link.prefix))
        .await?;
    *pause = RETRY.0;
    let ring = || rung.send_modify(|rung| *rung = rung.wrapping_add(1));
    // What rang while we did not listen is lost, so look once.
    ring();
    let mut heard = subscription.into_on_message();
    while heard.next().await.is_some() {
        ring();
    }
    Ok(())
}
