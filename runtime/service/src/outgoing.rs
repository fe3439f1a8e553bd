//! A request through an outgoing HTTP connection, and its answer.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use busker_model::{Cid, ErrorClass, Fault, Transport};
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ports::Ports;

/// One request. The connection adds its address, credentials, cid and traceparent.
#[derive(Debug, Clone)]
pub struct HttpCall {
    /// Method, upper case.
    pub method: String,
    /// Appended to the connection's path; may be empty.
    pub path: String,
    /// Query parameters.
    pub query: Vec<(String, String)>,
    /// Headers; they override those the connection adds, but never its credentials or our control headers.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Bytes,
    /// Correlation id sent along.
    pub cid: Cid,
    /// traceparent sent along.
    pub traceparent: Option<Arc<str>>,
    /// When the answer is no longer wanted.
    pub deadline: Instant,
}

/// One answer, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    /// Status.
    pub status: u16,
    /// Headers in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Bytes,
}

impl HttpAnswer {
    /// Whether the status is 2xx.
    #[must_use]
    pub fn ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as text; bytes that are not UTF-8 are replaced.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// The body read from JSON.
    ///
    /// # Errors
    /// `Unavailable` on the remote side when it is not the JSON asked for.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        serde_json::from_slice(&self.body).map_err(|error| {
            Fault::remote(
                ErrorClass::Unavailable,
                format!("the answer is not the JSON expected: {error}"),
            )
            .retry(false)
        })
    }

    /// The first header of a name, any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// Result of a ping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ping {
    /// Whether the peer answered.
    pub ok: bool,
    /// Milliseconds it took.
    pub ms: u64,
    /// What it answered, or why it did not.
    pub message: String,
    /// Class of the failure.
    pub class: Option<ErrorClass>,
}

/// A request being put together by a Rust service.
#[derive(Debug)]
pub struct HttpRequest {
    pub(crate) ports: Arc<Ports>,
    pub(crate) connection: String,
    pub(crate) transport: Transport,
    pub(crate) call: HttpCall,
}

impl HttpRequest {
    /// Appends to the connection's path.
    #[must_use]
    pub fn path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.call.path);
        self
    }

    /// Adds a query parameter.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.call.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.call.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Shortens the deadline.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        // The clock is read through the deadline we already have: it can only get shorter.
        let now = tokio_free_now();
        self.call.deadline = self.call.deadline.min(now + timeout);
        self
    }

    /// Sends a GET.
    ///
    /// # Errors
    /// See [`crate::ports::OutgoingHttp::send`].
    pub async fn get(self) -> Result<HttpAnswer, Fault> {
        self.send("GET", Bytes::new()).await
    }

    /// Sends a POST with a body.
    ///
    /// # Errors
    /// See [`crate::ports::OutgoingHttp::send`].
    pub async fn post(self, body: impl Into<Bytes>) -> Result<HttpAnswer, Fault> {
        self.send("POST", body.into()).await
    }

    /// Sends a request of any method.
    ///
    /// # Errors
    /// See [`crate::ports::OutgoingHttp::send`].
    pub async fn send(mut self, method: &str, body: Bytes) -> Result<HttpAnswer, Fault> {
        method.clone_into(&mut self.call.method);
        self.call.body = body;
        self.ports
            .http
            .send(&self.connection, self.transport, self.call)
            .await
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a service author's timeout is relative to now, and this crate is below the clock port"
)]
fn tokio_free_now() -> Instant {
    Instant::now()
}
