//! Fetches the keys that an issuer publishes, into the slot that requests read.

use std::time::Duration;

use busker_connector::{Failure, Outbound};
use busker_connector_http::HttpOutbound;
use busker_kit::{Pump, clock};
use busker_model::{Cid, Fault};
use busker_security::jwt::{KeySlot, MAX_JWKS_BYTES};
use busker_service::HttpCall;
use bytes::Bytes;
use serde_json::json;

/// Longest time for one fetch, in milliseconds.
const FETCH_MS: u64 = 5_000;
/// Shortest time between two fetches, however many tokens name a key that is not known.
const FETCH_EVERY: Duration = Duration::from_secs(10);

/// A task that fetches; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Fetcher {
    _pump: Pump,
}

impl Fetcher {
    /// Starts to fetch for a definition, at once and then every `refresh_s` seconds.
    pub(crate) fn start(
        definition: &str,
        url: &str,
        refresh_s: u32,
        slot: KeySlot,
    ) -> Result<Self, Fault> {
        // The client of outgoing connections: its bounds and the addresses it refuses are what is wanted here.
        let settings = json!({
            "address": url, "method": "GET", "timeout_ms": FETCH_MS, "pool_size": 1, "retries": 0,
            "max_response_bytes": MAX_JWKS_BYTES,
        });
        let settings = busker_connector::Kind::read(&settings).map_err(Fault::violations)?;
        let client = HttpOutbound::new(settings, None, "busker").map_err(Fault::from)?;
        let definition = definition.to_owned();
        let refresh = Duration::from_secs(refresh_s.into()).max(FETCH_EVERY);
        let work = async move { keep(&definition, &client, refresh, &slot).await };
        Ok(Self {
            _pump: Pump::spawn("jwks", work),
        })
    }
}

#[expect(
    clippy::infinite_loop,
    reason = "its pump ends it, with its definition"
)]
async fn keep(definition: &str, client: &HttpOutbound, refresh: Duration, slot: &KeySlot) {
    loop {
        match fetch(client).await {
            Err(failure) => {
                tracing::warn!(
                    "security definition {definition:?}: its keys could not be fetched: {failure}"
                );
            }
            Ok(body) => match slot.put(&body) {
                Ok(()) => {
                    tracing::debug!("security definition {definition:?}: its keys were fetched")
                }
                Err(wrong) => {
                    tracing::warn!("security definition {definition:?}: what was fetched {wrong}");
                }
            },
        }
        tokio::time::sleep(FETCH_EVERY).await;
        slot.asked(refresh - FETCH_EVERY).await;
    }
}

async fn fetch(client: &HttpOutbound) -> Result<Bytes, Failure> {
    let deadline = clock::now() + Duration::from_millis(FETCH_MS);
    let call = HttpCall {
        method: String::new(),
        path: String::new(),
        query: Vec::new(),
        headers: Vec::new(),
        body: Bytes::new(),
        cid: Cid::mint(),
        traceparent: None,
        deadline,
    };
    let answer = client.send(call, deadline).await?;
    if answer.status == 200 {
        Ok(answer.body)
    } else {
        Err(Failure::invalid(format!("status {}", answer.status)))
    }
}
