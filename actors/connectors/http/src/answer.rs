//! Reading an answer, no further than its cap.

use busker_connector::{Failure, Retry};
use busker_model::ErrorClass;
use busker_service::HttpAnswer;
use bytes::BytesMut;
use reqwest::Response;
use reqwest::header::HeaderMap;

use crate::client;
use crate::outgoing_settings::OutgoingSettings;

/// Room made at once for a body that says how long it is; a longer one grows as it comes.
const MAX_FIRST_ROOM: u64 = 64 * 1024;

pub(crate) async fn read(
    mut response: Response,
    settings: &OutgoingSettings,
) -> Result<HttpAnswer, Failure> {
    let cap = settings.max_response_bytes;
    let says = response.content_length().unwrap_or(0);
    if says > cap {
        return Err(too_large(cap));
    }
    let mut body = BytesMut::with_capacity(usize::try_from(says.min(MAX_FIRST_ROOM)).unwrap_or(0));
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| client::failure(error, settings))?
    {
        if (body.len() + chunk.len()) as u64 > cap {
            return Err(too_large(cap));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(HttpAnswer {
        status: response.status().as_u16(),
        headers: pairs(response.headers()),
        body: body.freeze(),
    })
}

fn pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes())))
        .collect()
}

fn too_large(cap: u64) -> Failure {
    Failure::remote(
        ErrorClass::TooLarge,
        Retry::Never,
        format!("the answer is longer than {cap} bytes, the connection's max_response_bytes"),
    )
}
