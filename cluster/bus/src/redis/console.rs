//! Single commands of an operator. Each has a connection of its own: it must hold up no invocation, and one whose answer is
//! longer than may be ends with its connection, before the answer is in memory.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use busker_model::redis::RedisReply;
use busker_model::{ErrorClass, Fault};
use busker_service::BoxFuture;
use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{
    AsyncConnectionConfig, ConnectionInfo, RedisError, RedisResult, Value, cmd,
};
use futures::future::{Either, select};

use self::socket::{Metered, Way};
use super::RedisConfig;
use super::link::{connection_info, lets_us_not_in};
use crate::error::Result;

mod socket;

/// Longest answer, in bytes.
const REPLY_BYTES: usize = 4 * 1024 * 1024;
/// Longest time for one command, connecting included.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);

/// A Redis that an operator may speak to. Cheap to clone.
#[derive(Clone)]
pub struct RedisConsole {
    info: Arc<ConnectionInfo>,
    way: Way,
}

impl std::fmt::Debug for RedisConsole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisConsole")
            .field("way", &self.way)
            .finish_non_exhaustive()
    }
}

impl RedisConsole {
    /// A console of the Redis that keeps asynchronous invocations; nothing is connected yet.
    ///
    /// # Errors
    /// `Refused` for a URL or a certificate that is none.
    pub fn new(config: &RedisConfig) -> Result<Self> {
        let info = connection_info(config)?;
        let way = Way::to(info.addr(), config.root_certificate.as_deref())?;
        Ok(Self {
            info: Arc::new(info),
            way,
        })
    }

    /// Runs one command.
    ///
    /// Errors: `Invalid` with what Redis says against it, `TooLarge` for an answer that is too long, `Timeout` after ten
    /// seconds, `Unavailable` when Redis is away or does not let us in.
    #[must_use]
    pub fn run(&self, words: Vec<String>) -> BoxFuture<'static, Result<RedisReply, Fault>> {
        let console = self.clone();
        Box::pin(async move {
            let ran = tokio::time::timeout(COMMAND_TIMEOUT, console.exchange(words)).await;
            ran.unwrap_or_else(|_| {
                let message = format!("Redis did not answer within {COMMAND_TIMEOUT:?}");
                Err(Fault::remote(ErrorClass::Timeout, message))
            })
        })
    }

    async fn exchange(&self, words: Vec<String>) -> Result<RedisReply, Fault> {
        let overrun = Arc::new(AtomicBool::new(false));
        let socket = self.way.connect().await?;
        let socket = Metered::new(socket, REPLY_BYTES, Arc::clone(&overrun));
        match ask(self.info.redis_settings(), socket, &words).await {
            Ok(value) => Ok(reply(value)),
            Err(_) if overrun.load(Ordering::Relaxed) => Err(Fault::new(
                ErrorClass::TooLarge,
                format!("the answer is longer than {REPLY_BYTES} bytes: ask for a part of it"),
            )),
            Err(error) => Err(refused(&error)),
        }
    }
}

async fn ask(
    settings: &deadpool_redis::redis::RedisConnectionInfo,
    socket: Metered,
    words: &[String],
) -> RedisResult<Value> {
    let patient = AsyncConnectionConfig::new().set_response_timeout(None);
    let made = MultiplexedConnection::new_with_config(settings, socket, patient).await?;
    let (mut connection, driver) = made;
    let mut command = cmd(words.first().map_or("", String::as_str));
    for word in words.iter().skip(1) {
        command.arg(word);
    }
    let asked = pin!(command.query_async::<Value>(&mut connection));
    match select(asked, pin!(driver)).await {
        Either::Left((answer, _)) => answer,
        // The connection has ended; what was asked knows why.
        Either::Right(((), asked)) => asked.await,
    }
}

fn refused(error: &RedisError) -> Fault {
    if lets_us_not_in(error) {
        let message = "Redis does not let this node in: see bus.password_file and cluster.redis_password_file";
        return Fault::new(ErrorClass::Unavailable, message).operator(error.to_string());
    }
    match error.code() {
        Some(code) => {
            let detail = error.detail().unwrap_or_default();
            Fault::invalid(format!("command: Redis says {code} {detail}"))
        }
        None => Fault::remote(ErrorClass::Unavailable, "Redis is not available")
            .operator(error.to_string()),
    }
}

fn reply(value: Value) -> RedisReply {
    let text = |bytes: &[u8]| RedisReply::Text(String::from_utf8_lossy(bytes).into_owned());
    match value {
        Value::Nil => RedisReply::Nil,
        Value::Int(number) => RedisReply::Integer(number),
        Value::Boolean(yes) => RedisReply::Integer(i64::from(yes)),
        Value::BulkString(bytes) | Value::BigNumber(bytes) => text(&bytes),
        Value::SimpleString(word) | Value::VerbatimString { text: word, .. } => {
            RedisReply::Text(word)
        }
        Value::Okay => RedisReply::Text("OK".to_owned()),
        Value::Double(number) => RedisReply::Text(number.to_string()),
        Value::Array(values) | Value::Set(values) | Value::Push { data: values, .. } => {
            RedisReply::List(values.into_iter().map(reply).collect())
        }
        Value::Map(pairs) => {
            let flat = pairs.into_iter().flat_map(|(key, value)| [key, value]);
            RedisReply::List(flat.map(reply).collect())
        }
        Value::Attribute { data, .. } => reply(*data),
        Value::ServerError(error) => RedisReply::Text(error.to_string()),
        other => RedisReply::Text(format!("{other:?}")),
    }
}
