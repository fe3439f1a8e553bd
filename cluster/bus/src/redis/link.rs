//! The connections: a pool for scripts, and one that listens.

use std::sync::Arc;
use std::time::Duration;

use busker_kit::Pump;
use busker_model::Fault;
use deadpool_redis::redis::{
    self, AsyncConnectionConfig, Client, ConnectionInfo, FromRedisValue, IntoConnectionInfo, Script,
};
use deadpool_redis::{Manager, Pool, Runtime, Timeouts};
use futures::StreamExt;
use tokio::sync::watch;

use super::RedisConfig;
use super::scripts::Scripts;
use crate::error::{BusError, Result};

/// Connections for scripts; each carries many at once.
const POOL_SIZE: usize = 4;
/// Longest time to connect, and to get a connection of the pool.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest time for one script. The driver's own 0.5 s is less than a fork of a large Redis takes.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);
/// First and longest pause before the next try to listen.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// The way to Redis.
pub(super) struct Link {
    pub(super) config: RedisConfig,
    pub(super) scripts: Scripts,
    pool: Pool,
    client: Client,
    prefix: String,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Link {
    pub(super) fn open(config: RedisConfig) -> Result<Self> {
        let info = connection_info(&config)?;
        let settings = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT));
        let manager =
            Manager::new_with_config(info.clone(), settings).map_err(|error| away(&error))?;
        let pool = Pool::builder(manager)
            .max_size(POOL_SIZE)
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts {
                wait: Some(RESPONSE_TIMEOUT),
                create: Some(CONNECT_TIMEOUT),
                recycle: Some(CONNECT_TIMEOUT),
            })
            .build()
            .map_err(BusError::unavailable)?;
        Ok(Self {
            client: Client::open(info).map_err(|error| away(&error))?,
            prefix: format!("busker:{{{}}}:", config.cluster),
            scripts: Scripts::new(),
            pool,
            config,
        })
    }

    /// Whether the server answers.
    pub(super) async fn ping(&self) -> Result<()> {
        let mut connection = self.pool.get().await.map_err(BusError::unavailable)?;
        redis::cmd("PING")
            .query_async(&mut *connection)
            .await
            .map_err(|error| away(&error))
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

fn connection_info(config: &RedisConfig) -> Result<ConnectionInfo> {
    // The error of the parser may quote the URL, and so a password.
    let wrong =
        || Fault::invalid("bus.url: must be redis://host:port/database, without a password");
    let info = config
        .url
        .as_str()
        .into_connection_info()
        .map_err(|_| wrong())?;
    if info.redis_settings().password().is_some() {
        return Err(wrong().into());
    }
    let Some(password) = &config.password else {
        return Ok(info);
    };
    let settings = info.redis_settings().clone();
    Ok(info.set_redis_settings(settings.set_password(password.expose())))
}

fn away(error: &redis::RedisError) -> BusError {
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
