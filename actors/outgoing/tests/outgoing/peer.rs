//! A peer that answers what a test tells it to, for any number of connections.

use std::sync::Arc;
use std::time::Duration;

use busker_connector::conformance::Peak;
use busker_kit::Pump;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A running peer; it goes with its handle.
pub(crate) struct Peer {
    pub(crate) address: String,
    pub(crate) peak: Arc<Peak>,
    _accepting: Pump,
}

impl Peer {
    /// Answers each request with this status and body after a while.
    pub(crate) async fn start(status: &str, body: &str, after: Duration) -> Self {
        Self::listen("127.0.0.1:0", status, body, after).await
    }

    /// The same, at an address.
    pub(crate) async fn listen(at: &str, status: &str, body: &str, after: Duration) -> Self {
        let listener = TcpListener::bind(at).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let peak = Arc::new(Peak::default());
        let accepting = accept(listener, answer, after, Arc::clone(&peak));
        Self {
            address,
            peak,
            _accepting: Pump::spawn("peer", accepting),
        }
    }
}

/// An address where nobody listens.
pub(crate) async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().to_string()
}

async fn accept(listener: TcpListener, answer: String, after: Duration, peak: Arc<Peak>) {
    let mut connections = Vec::new();
    while let Ok((stream, _)) = listener.accept().await {
        let serving = serve(stream, answer.clone(), after, Arc::clone(&peak));
        connections.push(Pump::spawn("peer-connection", serving));
    }
}

/// Requests of these tests fit in one read: they have no body.
async fn serve(mut stream: TcpStream, answer: String, after: Duration, peak: Arc<Peak>) {
    let mut request = [0; 4096];
    while let Ok(1..) = stream.read(&mut request).await {
        peak.during(tokio::time::sleep(after)).await;
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}
