//! What a Redis says of itself, as far as the bus depends on it. Looks and changes nothing.

use deadpool_redis::redis::{self, AsyncConnectionConfig, Client};

use super::RedisConfig;
use super::link::{CONNECT_TIMEOUT, RESPONSE_TIMEOUT, away, connection_info};
use crate::error::Result;

/// It.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisFacts {
    /// `host:port`.
    pub address: String,
    /// Version, such as `7.0.15`.
    pub version: String,
    /// What it does when its memory is full; anything but `noeviction` loses invocations then.
    pub eviction: String,
    /// Whether it writes what it has to disk; `None` when it does not say.
    pub keeps: Option<bool>,
}

impl RedisFacts {
    /// Asks it.
    ///
    /// # Errors
    /// `Unavailable` when it does not answer, or does not let us in; `Invalid` for a URL that is none.
    pub async fn ask(config: &RedisConfig) -> Result<Self> {
        let client = Client::open(connection_info(config)?).map_err(|error| away(&error))?;
        let address = client.get_connection_info().addr().to_string();
        let settings = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT));
        let connection = client.get_multiplexed_async_connection_with_config(&settings);
        let mut connection = connection.await.map_err(|error| away(&error))?;
        let info = redis::cmd("INFO");
        let info = info.query_async::<String>(&mut connection).await;
        let info = info.map_err(|error| away(&error))?;
        // Some who rent Redis out forbid CONFIG.
        let mut save = redis::cmd("CONFIG");
        let save = save.arg("GET").arg("save");
        let save = save.query_async::<Vec<String>>(&mut connection).await;
        let snapshots = save.ok().and_then(|pair| pair.into_iter().nth(1));
        let appends = field(&info, "aof_enabled") == "1";
        let keeps = snapshots.map(|save| appends || !save.is_empty());
        Ok(Self {
            address,
            version: field(&info, "redis_version").to_owned(),
            eviction: field(&info, "maxmemory_policy").to_owned(),
            keeps: keeps.or_else(|| appends.then_some(true)),
        })
    }
}

/// A line of INFO, `name:value`; empty when there is none.
fn field<'i>(info: &'i str, name: &str) -> &'i str {
    let mut lines = info.lines();
    let found = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    found.unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_the_one_of_that_name() {
        let info = "# Memory\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n";
        assert_eq!(field(info, "maxmemory_policy"), "noeviction");
        assert_eq!(field(info, "maxmemory"), "0");
        assert_eq!(field(info, "aof_enabled"), "");
    }
}
