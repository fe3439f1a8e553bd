//! A peer that does what a test tells it to: real sockets, no HTTP library.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use busker_kit::Pump;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// What the peer does with a request.
pub(crate) enum Act {
    /// Writes this and keeps the connection.
    Say(Vec<u8>),
    /// Writes this and closes the connection.
    SayAndClose(Vec<u8>),
    /// Closes the connection without a word.
    Close,
    /// Says nothing and keeps the connection.
    Hang,
}

type Script = Arc<dyn Fn(usize) -> Act + Send + Sync>;

/// A peer and the requests it has seen.
pub(crate) struct Peer {
    pub(crate) address: String,
    seen: mpsc::Receiver<String>,
    _accepting: Pump,
}

impl Peer {
    /// Starts a peer; the script is asked for each request, counted from 0.
    pub(crate) async fn start(script: impl Fn(usize) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (tell, seen) = mpsc::channel(64);
        let accepting = Pump::spawn("peer", accept(listener, Arc::new(script), tell));
        Self {
            address,
            seen,
            _accepting: accepting,
        }
    }

    /// The requests seen so far, oldest first.
    pub(crate) fn seen(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.seen.try_recv().ok()).collect()
    }
}

/// An answer with a body.
pub(crate) fn answer(status: &str, body: &str) -> Act {
    Act::Say(
        format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes(),
    )
}

/// An address where nobody listens.
pub(crate) async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

async fn accept(listener: TcpListener, script: Script, tell: mpsc::Sender<String>) {
    let count = Arc::new(AtomicUsize::new(0));
    let mut connections = Vec::new();
    while let Ok((stream, _)) = listener.accept().await {
        let serving = serve(
            stream,
            Arc::clone(&script),
            tell.clone(),
            Arc::clone(&count),
        );
        connections.push(Pump::spawn("peer-connection", serving));
    }
}

async fn serve(
    mut stream: TcpStream,
    script: Script,
    tell: mpsc::Sender<String>,
    count: Arc<AtomicUsize>,
) {
    while let Some(request) = read_request(&mut stream).await {
        tell.send(request).await.unwrap();
        match script(count.fetch_add(1, SeqCst)) {
            Act::Say(bytes) => stream.write_all(&bytes).await.unwrap(),
            Act::SayAndClose(bytes) => {
                // The client may have hung up in the middle: that is what some tests want.
                drop(stream.write_all(&bytes).await);
                return;
            }
            Act::Close => return,
            Act::Hang => std::future::pending().await,
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .to_ascii_lowercase()
                .lines()
                .find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
            if body.len() >= length.unwrap_or(0) {
                return Some(text);
            }
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(read) => bytes.extend_from_slice(&chunk[..read]),
        }
    }
}
