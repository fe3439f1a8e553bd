//! A client of the public API. It knows a node by URL and token only, as any other client does.

use std::path::PathBuf;
use std::time::Duration;

use busker_model::{ErrorClass, Secret};
use futures::StreamExt;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde_json::Value;

use crate::exit::{Exit, Failure};

pub(crate) mod changes;
pub(crate) mod dictionaries;
pub(crate) mod enmasse;
pub(crate) mod jobs;
pub(crate) mod messages;
pub(crate) mod nodes;
pub(crate) mod objects;
pub(crate) mod people;
pub(crate) mod revisions;
mod secrets;
pub(crate) mod services;
pub(crate) mod stream;
pub(crate) mod watch;

/// Longest answer that is read, in bytes.
const ANSWER_BYTES: usize = 64 * 1024 * 1024;
/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for the answer of an admin service.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(120);
/// Longest wait for a health check.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(2);

/// The API of one node.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// Such as `http://127.0.0.1:8183`.
    pub(crate) base: String,
    /// Bearer token.
    pub(crate) token: Secret,
    /// PEM file of the authority behind the API's certificate.
    pub(crate) authority: Option<PathBuf>,
}

/// An answer of the API.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) cid: String,
    pub(crate) body: Vec<u8>,
}

/// A connection to the API of one node.
#[derive(Debug)]
pub(crate) struct Client {
    target: Target,
    http: reqwest::Client,
}

impl Client {
    pub(crate) fn new(target: Target) -> Result<Self, Failure> {
        let http = http_client(target.authority.as_deref())?;
        Ok(Self { target, http })
    }

    /// Invokes a service with JSON and reads the JSON it answers with.
    pub(crate) async fn call(&self, service: &str, input: &Value) -> Result<Value, Failure> {
        let answer = self
            .post(service, input.to_string().into_bytes(), CALL_TIMEOUT)
            .await?;
        let answer = answer.succeeded()?;
        if answer.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&answer.body).map_err(|error| {
            Failure::new(
                Exit::Internal,
                format!("{service} answered no JSON: {error}"),
            )
        })
    }

    /// Posts a body to a service; a failure of the service is an answer.
    pub(crate) async fn post(
        &self,
        service: &str,
        body: Vec<u8>,
        timeout: Duration,
    ) -> Result<Answer, Failure> {
        let url = format!(
            "{}/api/v1/services/{}",
            self.target.base,
            path_segment(service)
        );
        let request = self
            .http
            .post(url)
            .bearer_auth(self.target.token.expose())
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json")
            .timeout(timeout)
            .body(body);
        let response = request.send().await.map_err(|error| self.away(&error))?;
        self.read(response).await
    }

    /// Opens the stream of live events.
    pub(crate) async fn events(&self) -> Result<reqwest::Response, Failure> {
        let request = self
            .http
            .get(format!(
                "{}/api/v1/events?topics=tree,event",
                self.target.base
            ))
            .bearer_auth(self.target.token.expose())
            .header(ACCEPT, "text/event-stream");
        let response = request.send().await.map_err(|error| self.away(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let answer = self.read(response).await?;
        Err(answer.failure())
    }

    async fn read(&self, response: reqwest::Response) -> Result<Answer, Failure> {
        let status = response.status().as_u16();
        let cid = response.headers().get("x-busker-cid");
        let cid = cid
            .and_then(|cid| cid.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let mut body = Vec::new();
        let mut chunks = response.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| self.away(&error))?;
            if body.len() + chunk.len() > ANSWER_BYTES {
                let message = format!("the answer is longer than {ANSWER_BYTES} bytes");
                return Err(Failure::new(Exit::TooLarge, message));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, cid, body })
    }

    /// Why there was no answer.
    pub(crate) fn away(&self, error: &reqwest::Error) -> Failure {
        let base = &self.target.base;
        if error.is_timeout() {
            return Failure::new(Exit::Timeout, format!("{base} did not answer in time"));
        }
        if error.is_connect() {
            let message = format!("nothing answers at {base}: is the node started?");
            return Failure::new(Exit::Unavailable, message);
        }
        Failure::new(Exit::Unavailable, format!("{base}: {}", root_cause(error)))
    }
}

impl Answer {
    /// The answer, unless it tells of a failure.
    pub(crate) fn succeeded(self) -> Result<Self, Failure> {
        if (200..300).contains(&self.status) {
            return Ok(self);
        }
        Err(self.failure())
    }

    /// What a problem says to people, with its violations and the cid to look for in the log.
    pub(crate) fn failure(&self) -> Failure {
        let problem: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let detail = problem["detail"]
            .as_str()
            .or_else(|| problem["title"].as_str());
        let text = String::from_utf8_lossy(&self.body);
        let mut message = match detail {
            Some(detail) => detail.to_owned(),
            None if text.trim().is_empty() => format!("the node answered {}", self.status),
            None => text.trim().to_owned(),
        };
        let cid = problem["cid"].as_str().unwrap_or(&self.cid);
        if !cid.is_empty() {
            message = format!("{message}\n  cid {cid}");
        }
        let class = problem["class"].as_str().and_then(class_of);
        Failure::new(
            class.map_or_else(|| exit_of(self.status), Exit::from),
            message,
        )
    }
}

fn class_of(word: &str) -> Option<ErrorClass> {
    ErrorClass::ALL
        .into_iter()
        .find(|class| class.as_str() == word)
}

/// For answers that are no problem documents, such as those of something in between.
fn exit_of(status: u16) -> Exit {
    match status {
        400..=499 => match status {
            401 => Exit::Unauthenticated,
            403 => Exit::Forbidden,
            404 => Exit::NotFound,
            409 => Exit::Conflict,
            413 => Exit::TooLarge,
            429 => Exit::Busy,
            _ => Exit::Invalid,
        },
        502 | 503 => Exit::Unavailable,
        504 => Exit::Timeout,
        _ => Exit::Internal,
    }
}

/// What a node says of itself without credentials: its status, and the word in its answer.
pub(crate) async fn ready(
    base: &str,
    authority: Option<&std::path::Path>,
) -> Option<(u16, String)> {
    let http = http_client(authority).ok()?;
    let request = http.get(format!("{base}/readyz")).timeout(HEALTH_TIMEOUT);
    let response = request.send().await.ok()?;
    let status = response.status().as_u16();
    let text = response.bytes().await.ok()?;
    let answer: Value = serde_json::from_slice(&text).unwrap_or_default();
    let word = answer["state"]
        .as_str()
        .or_else(|| answer["status"].as_str());
    Some((status, word.unwrap_or_default().to_owned()))
}

fn http_client(authority: Option<&std::path::Path>) -> Result<reqwest::Client, Failure> {
    // A proxy for the world has no business between a person and a node.
    let mut builder = reqwest::Client::builder()
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none());
    if let Some(path) = authority {
        let pem = std::fs::read(path).map_err(|error| Failure::file(path, &error))?;
        let certificate = reqwest::Certificate::from_pem(&pem)
            .map_err(|error| Failure::new(Exit::Invalid, format!("{}: {error}", path.display())))?;
        builder = builder.tls_certs_only([certificate]);
    }
    builder
        .build()
        .map_err(|error| Failure::new(Exit::Internal, root_cause(&error)))
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(below) = cause.source() {
        cause = below;
    }
    cause.to_string()
}

/// A name as one segment of a path.
fn path_segment(name: &str) -> String {
    let mut segment = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_') {
            segment.push(char::from(byte));
        } else {
            segment.push_str(&format!("%{byte:02X}"));
        }
    }
    segment
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            cid: "K7".to_owned(),
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn a_problem_becomes_a_message_with_its_cid_and_exit_code() {
        let problem = r#"{"title":"Conflict","detail":"channel \"crm\" exists","class":"conflict","cid":"K1"}"#;
        let failure = answer(409, problem).failure();
        assert_eq!(failure.exit, Exit::Conflict);
        assert_eq!(failure.message, "channel \"crm\" exists\n  cid K1");
        let busy = answer(503, r#"{"detail":"full","class":"busy"}"#).failure();
        assert_eq!(
            (busy.exit, busy.message.as_str()),
            (Exit::Busy, "full\n  cid K7")
        );
    }

    #[test]
    fn what_is_no_problem_document_is_shown_as_it_is() {
        let failure = answer(502, "Bad gateway").failure();
        assert_eq!(failure.exit, Exit::Unavailable);
        assert!(failure.message.starts_with("Bad gateway"), "{failure}");
        assert!(
            answer(500, "")
                .failure()
                .message
                .starts_with("the node answered 500")
        );
        assert!(answer(204, "").succeeded().is_ok());
    }

    #[test]
    fn a_name_cannot_leave_its_place_in_the_path() {
        assert_eq!(
            path_segment("stockmarket.get-market-cap"),
            "stockmarket.get-market-cap"
        );
        assert_eq!(path_segment("../a b?"), "..%2Fa%20b%3F");
    }
}
