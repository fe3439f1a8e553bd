//! Requests written byte by byte over a socket, as no well-behaved client writes them.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::Answer;

/// Longest wait for an answer that must come.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// Bytes read at once.
const CHUNK: usize = 64 * 1024;

/// One connection.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Wire {
    /// Connects to a port of this machine.
    pub async fn open(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        Self {
            stream,
            read: Vec::new(),
        }
    }

    /// Sends bytes; tells whether the other side still took them.
    pub async fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// The next answer; `None` when the connection is closed before one is whole.
    pub async fn answer(&mut self) -> Option<Answer> {
        timeout(ANSWER_WITHIN, self.next())
            .await
            .expect("an answer or the end of the connection")
    }

    /// What can be read until the connection ends or `within` is over, as text, and whether it ended.
    pub async fn rest(&mut self, within: Duration) -> (String, bool) {
        let ended = timeout(within, async { while self.more().await {} })
            .await
            .is_ok();
        let read = std::mem::take(&mut self.read);
        (String::from_utf8_lossy(&read).into_owned(), ended)
    }

    async fn next(&mut self) -> Option<Answer> {
        let head = loop {
            if let Some(at) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break at;
            }
            if !self.more().await {
                return None;
            }
        };
        let text = String::from_utf8_lossy(&self.read[..head]).into_owned();
        let mut lines = text.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let mut answer = Answer {
            status,
            headers,
            body: String::new(),
        };
        let length: usize = answer.header("content-length").parse().unwrap_or(0);
        let end = head + 4 + length;
        while self.read.len() < end {
            if !self.more().await {
                return None;
            }
        }
        answer.body = String::from_utf8_lossy(&self.read[head + 4..end]).into_owned();
        self.read.drain(..end);
        Some(answer)
    }

    /// Reads once; `false` when there is nothing more to come.
    async fn more(&mut self) -> bool {
        let mut chunk = vec![0; CHUNK];
        match self.stream.read(&mut chunk).await {
            Ok(0) | Err(_) => false,
            Ok(count) => {
                self.read.extend_from_slice(&chunk[..count]);
                true
            }
        }
    }
}
