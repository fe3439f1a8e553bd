//! Bodies of requests, under a bound of bytes and one of time: actix itself has no timer for bodies.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::error::PayloadError;
use actix_web::http::header::CONTENT_LENGTH;
use actix_web::web::Payload;
use busker_model::{ErrorClass, Fault};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;

/// How much of a body that is too long is read and dropped, in bytes and in time, so that its sender comes to read why:
/// a connection that closes while a client still sends is reset, and the answer with it.
const DROPPED_BYTES: usize = 16 * 1024 * 1024;
const DROPPED_WITHIN: Duration = Duration::from_secs(1);

/// Bounds of a body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimits {
    /// Most bytes.
    pub(crate) bytes: u64,
    /// Longest time until it is whole.
    pub(crate) time: Duration,
}

/// A body that is to be read, or was read before it was known whose it is.
pub(crate) enum Sent {
    /// It still comes.
    Coming(Payload),
    /// It is here.
    Here(Bytes),
}

impl Sent {
    /// The whole body.
    ///
    /// # Errors
    /// As [`read`]; of a body that is here, `TooLarge`.
    pub(crate) async fn whole(
        self,
        request: &HttpRequest,
        limits: BodyLimits,
    ) -> Result<Bytes, Fault> {
        match self {
            Self::Coming(body) => read(request, body, limits).await,
            Self::Here(bytes) => match u64::try_from(bytes.len()) {
                Ok(length) if length <= limits.bytes => Ok(bytes),
                Ok(_) | Err(_) => Err(too_large(limits.bytes)),
            },
        }
    }
}

/// Reads a whole body.
///
/// # Errors
/// `TooLarge`, before a byte is kept where the length is told; `Invalid` with the code `slow-body` when it takes too
/// long, without a code when the client breaks off.
pub(crate) async fn read(
    request: &HttpRequest,
    mut body: Payload,
    limits: BodyLimits,
) -> Result<Bytes, Fault> {
    let told = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    if told
        .and_then(|text| text.parse::<u64>().ok())
        .is_some_and(|length| length > limits.bytes)
    {
        drop_rest(&mut body).await;
        return Err(too_large(limits.bytes));
    }
    let slow = |_| {
        let message = format!("body: not complete after {} s", limits.time.as_secs());
        Fault::invalid(message).code("slow-body")
    };
    tokio::time::timeout(limits.time, whole(body, limits.bytes))
        .await
        .map_err(slow)?
}

async fn whole(mut body: Payload, limit: u64) -> Result<Bytes, Fault> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut whole = BytesMut::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| broken(&error))?;
        if whole.len() + chunk.len() > limit {
            drop_rest(&mut body).await;
            return Err(too_large(u64::try_from(limit).unwrap_or(u64::MAX)));
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}

async fn drop_rest(body: &mut Payload) {
    let dropping = async {
        let mut dropped = 0;
        while let Some(Ok(chunk)) = body.next().await
            && dropped < DROPPED_BYTES
        {
            dropped += chunk.len();
        }
    };
    if tokio::time::timeout(DROPPED_WITHIN, dropping)
        .await
        .is_err()
    {
        tracing::debug!("a body that is too long did not end; its connection is closed");
    }
}

fn broken(error: &PayloadError) -> Fault {
    // Malformed chunks show as an early end too.
    if matches!(
        error,
        PayloadError::Incomplete(_) | PayloadError::EncodingCorrupted
    ) {
        return Fault::invalid("body: it ended early, or its chunks are malformed");
    }
    Fault::invalid(format!("body: could not be read: {error}"))
}

fn too_large(limit: u64) -> Fault {
    Fault::new(
        ErrorClass::TooLarge,
        format!("body: longer than {limit} bytes"),
    )
}
