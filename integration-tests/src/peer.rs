//! A stand-in for a system that services call over HTTP: it answers as the test says and keeps what it was asked.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use parking_lot::Mutex;

/// A request as the peer saw it.
#[derive(Debug, Clone)]
pub struct PeerRequest {
    /// Method.
    pub method: String,
    /// Path with the query.
    pub target: String,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: String,
}

impl PeerRequest {
    /// A header; empty when it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }
}

/// What the peer answers.
#[derive(Debug, Clone)]
pub struct PeerAnswer {
    /// Status.
    pub status: u16,
    /// Content type.
    pub content_type: &'static str,
    /// Body.
    pub body: String,
    /// Time it takes.
    pub after: Duration,
}

impl PeerAnswer {
    /// 200 with a body.
    #[must_use]
    pub fn ok(content_type: &'static str, body: impl Into<String>) -> Self {
        Self {
            status: 200,
            content_type,
            body: body.into(),
            after: Duration::ZERO,
        }
    }

    /// The same, later.
    #[must_use]
    pub fn after(mut self, after: Duration) -> Self {
        self.after = after;
        self
    }
}

type Answerer = Box<dyn Fn(&PeerRequest) -> PeerAnswer + Send + Sync>;

struct Shared {
    answer: Mutex<Arc<Answerer>>,
    seen: Mutex<Vec<PeerRequest>>,
}

/// The stand-in; it ends when dropped.
pub struct Peer {
    /// Such as `http://127.0.0.1:40123`.
    pub address: String,
    shared: Arc<Shared>,
    server: actix_web::dev::ServerHandle,
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Peer")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Peer {
    /// Starts one that answers every request with what `answer` says.
    pub fn start(answer: impl Fn(&PeerRequest) -> PeerAnswer + Send + Sync + 'static) -> Self {
        let shared = Arc::new(Shared {
            answer: Mutex::new(Arc::new(Box::new(answer))),
            seen: Mutex::default(),
        });
        let data = Data::from(Arc::clone(&shared));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(data.clone())
                .default_service(web::to(serve))
        })
        .workers(1)
        .disable_signals()
        .shutdown_timeout(0)
        .bind("127.0.0.1:0")
        .unwrap();
        let address = format!("http://{}", server.addrs()[0]);
        let running = server.run();
        let handle = running.handle();
        drop(tokio::spawn(running));
        Self {
            address,
            shared,
            server: handle,
        }
    }

    /// Answers otherwise from now on.
    pub fn answer_with(&self, answer: impl Fn(&PeerRequest) -> PeerAnswer + Send + Sync + 'static) {
        *self.shared.answer.lock() = Arc::new(Box::new(answer));
    }

    /// What it was asked so far.
    #[must_use]
    pub fn seen(&self) -> Vec<PeerRequest> {
        self.shared.seen.lock().clone()
    }

    /// How often it was asked under each cid, for services that send theirs along.
    #[must_use]
    pub fn asked_by_cid(&self) -> HashMap<String, usize> {
        let mut asked = HashMap::new();
        for request in &*self.shared.seen.lock() {
            *asked
                .entry(request.header("x-zato-cid").to_owned())
                .or_default() += 1;
        }
        asked
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(tokio::spawn(self.server.stop(false)));
    }
}

async fn serve(request: HttpRequest, body: Bytes, shared: Data<Shared>) -> HttpResponse {
    let headers = request.headers().iter();
    let headers = headers.map(|(name, value)| {
        (
            name.as_str().to_owned(),
            String::from_utf8_lossy(value.as_bytes()).into_owned(),
        )
    });
    let seen = PeerRequest {
        method: request.method().to_string(),
        target: request.uri().to_string(),
        headers: headers.collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let answer = Arc::clone(&shared.answer.lock());
    let answer = answer(&seen);
    shared.seen.lock().push(seen);
    tokio::time::sleep(answer.after).await;
    let status = actix_web::http::StatusCode::from_u16(answer.status).unwrap();
    HttpResponse::build(status)
        .content_type(answer.content_type)
        .body(answer.body)
}
