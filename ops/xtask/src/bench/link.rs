//! One kept HTTP connection, for loads that wrk does not make: a fixed rate, or thousands of different requests.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection to a port of this machine.
pub(super) struct Link {
    port: u16,
    authorization: String,
    stream: BufReader<TcpStream>,
}

impl Link {
    pub(super) fn open(port: u16, authorization: Option<&str>) -> Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let header = |value| format!("Authorization: {value}\r\n");
        Ok(Self {
            port,
            authorization: authorization.map(header).unwrap_or_default(),
            stream: BufReader::new(stream),
        })
    }

    /// Posts JSON; answers the status and the body.
    pub(super) fn post(&mut self, path: &str, body: &str) -> Result<(u16, String)> {
        let (port, authorization, length) = (self.port, &self.authorization, body.len());
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n{authorization}\
             Content-Length: {length}\r\n\r\n{body}"
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let (mut status, mut length) = (None, 0);
        loop {
            let mut line = String::new();
            ensure!(self.stream.read_line(&mut line)? > 0, "the server hung up");
            if line == "\r\n" {
                break;
            }
            if let Some((name, value)) = line.split_once(':') {
                if name.eq_ignore_ascii_case("content-length") {
                    length = value.trim().parse().context("content-length")?;
                }
            } else {
                status = line.split(' ').nth(1).and_then(|word| word.parse().ok());
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        let status = status.context("no status in the answer")?;
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }
}
