//! An open outgoing connection: it sends, repeats what is safe to repeat, and keeps the deadline.

use std::time::Instant;

use busker_connector::{Failure, Outbound, Retry, Settings};
use busker_kit::clock;
use busker_model::{Cid, ErrorClass, Transport};
use busker_service::{HttpAnswer, HttpCall};
use bytes::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, Response};
use tokio::time::{sleep, timeout_at};
use url::Url;

use crate::credentials::Credentials;
use crate::headers::{Fixed, IDEMPOTENCY_KEY};
use crate::outgoing_settings::OutgoingSettings;
use crate::ssrf::Guard;
use crate::token::is_method;
use crate::username_token::TokenWriter;
use crate::{answer, client, retry, soap, target};

/// An outgoing HTTP connection. It connects with its first request.
#[derive(Debug)]
pub struct HttpOutbound {
    client: Client,
    base: Url,
    fixed: Fixed,
    /// Writes the token of each envelope.
    token: Option<TokenWriter>,
    settings: OutgoingSettings,
}

/// One request made ready, as often as it may be sent.
struct Ready {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Bytes,
}

impl HttpOutbound {
    /// Opens a connection with checked settings; nothing is sent yet. `component` names this node to the peer.
    ///
    /// # Errors
    /// When the settings break a check, or the client could not be made.
    pub fn new(
        settings: OutgoingSettings,
        credentials: Option<&Credentials>,
        component: &str,
    ) -> Result<Self, Failure> {
        if let Some(fault) = settings.check().first() {
            return Err(Failure::invalid(fault.to_string()));
        }
        let header = match credentials {
            Some(credentials) => credentials.header(settings.transport)?,
            None => None,
        };
        // HTTP clients drop an Authorization header when a redirect leads to another host, and only that one.
        let stays = credentials.is_some_and(|credentials| !credentials.are_basic());
        Ok(Self {
            client: client::build(&settings, stays)?,
            base: target::base(&settings)?,
            fixed: Fixed::new(&settings, header, component)?,
            token: credentials.and_then(Credentials::token),
            settings,
        })
    }

    fn ready(&self, mut call: HttpCall) -> Result<Ready, Failure> {
        let url = target::extend(&self.base, &call.path, &call.query)?;
        Guard::of(&self.settings).check(&url).map_err(|denied| {
            Failure::ours(ErrorClass::Unavailable, format!("refused: {denied}"))
        })?;
        let method = self.method(&call)?;
        if self.settings.transport == Transport::Soap && method == Method::POST {
            call.body = soap::envelope(self.settings.soap_version, &call.body)?;
        }
        let headers = self.fixed.build(&call, clock::unix_ms())?;
        Ok(Ready {
            method,
            url,
            headers,
            body: call.body,
        })
    }

    fn method(&self, call: &HttpCall) -> Result<Method, Failure> {
        let own = self.settings.method.as_deref();
        let by_body = match self.settings.transport {
            Transport::PlainHttp if call.body.is_empty() => "GET",
            Transport::PlainHttp | Transport::Soap => "POST",
        };
        let wanted = if call.method.is_empty() {
            own.unwrap_or(by_body)
        } else {
            &call.method
        };
        is_method(wanted)
            .then(|| Method::from_bytes(wanted.as_bytes()).ok())
            .flatten()
            .ok_or_else(|| {
                Failure::invalid(format!(
                    "{wanted:?} is not a method in upper case, such as POST"
                ))
            })
    }

    /// Sends until there is an answer or no further try is allowed.
    async fn try_all(&self, ready: &Ready, deadline: Instant) -> Result<HttpAnswer, Failure> {
        let has_key = ready.headers.contains_key(IDEMPOTENCY_KEY);
        let mut done = 0;
        loop {
            let failure = match self.try_once(ready).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let wait = retry::wait(done, fastrand::f64());
            let may = done < self.settings.retries
                && retry::is_safe(&failure, ready.method.as_str(), has_key)
                && clock::now() + wait < deadline;
            if !may {
                return Err(failure);
            }
            tracing::debug!(
                tries = done + 1,
                ?wait,
                "an outgoing request is repeated: {failure}"
            );
            sleep(wait).await;
            done += 1;
        }
    }

    async fn try_once(&self, ready: &Ready) -> Result<HttpAnswer, Failure> {
        let response = self.open(ready).await?;
        answer::read(response, &self.settings).await
    }

    /// The body as it is sent this time: a nonce is used once, by a repetition too.
    fn body(&self, ready: &Ready) -> Result<Bytes, Failure> {
        match &self.token {
            Some(token) if ready.method == Method::POST => {
                let header = token.write(clock::unix_ms())?;
                soap::with_header(self.settings.soap_version, &ready.body, &header)
            }
            _ => Ok(ready.body.clone()),
        }
    }

    async fn open(&self, ready: &Ready) -> Result<Response, Failure> {
        let mut request = self
            .client
            .request(ready.method.clone(), ready.url.clone())
            .headers(ready.headers.clone());
        if !ready.body.is_empty() {
            request = request.body(self.body(ready)?);
        }
        request
            .send()
            .await
            .map_err(|error| client::failure(error, &self.settings))
    }

    fn ping_call(&self, deadline: Instant) -> HttpCall {
        HttpCall {
            method: self.settings.ping_method.clone(),
            path: String::new(),
            query: Vec::new(),
            headers: Vec::new(),
            body: Bytes::new(),
            cid: Cid::mint(),
            traceparent: None,
            deadline,
        }
    }
}

impl Outbound for HttpOutbound {
    type Request = HttpCall;
    type Reply = HttpAnswer;

    async fn send(&self, call: HttpCall, deadline: Instant) -> Result<HttpAnswer, Failure> {
        let ready = self.ready(call)?;
        let started = clock::now();
        timeout_at(deadline.into(), self.try_all(&ready, deadline))
            .await
            .unwrap_or_else(|_| Err(too_late(started)))
    }

    /// Any answer will do: a peer that answers 404 is there. The body is not read.
    async fn ping(&self, deadline: Instant) -> Result<String, Failure> {
        let ready = self.ready(self.ping_call(deadline))?;
        let started = clock::now();
        let response = timeout_at(deadline.into(), self.open(&ready))
            .await
            .unwrap_or_else(|_| Err(too_late(started)))?;
        Ok(format!("{} answered {}", ready.method, response.status()))
    }
}

fn too_late(started: Instant) -> Failure {
    let ms = clock::now().saturating_duration_since(started).as_millis();
    Failure::remote(
        ErrorClass::Timeout,
        Retry::Never,
        format!("no whole answer within {ms} ms"),
    )
}
