//! How long a connection may take between an answer and its next request.
//!
//! actix bounds the head of the first request of a connection and the silence after an answer; a client that sends one
//! byte of its second request has all the time in the world. So a connection whose next request is not at its handler in
//! time is closed here, below actix. What actix answers by itself passes here too, and is given a body.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use busker_kit::clock;
use busker_security::ClientCertificate;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use crate::refusal;

/// What a connection and its handlers know of each other. It stays on the thread of the connection.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    in_flight: Cell<u32>,
    /// Whether it carries a stream of events, which has pauses of its own.
    streams: Cell<bool>,
    /// When the next request must be at its handler; `None` while nobody waits for one.
    deadline: Cell<Option<Instant>>,
}

/// A request at its handler.
#[derive(Debug)]
pub(crate) struct Turn(Rc<Turns>);

impl Turns {
    /// A request has arrived.
    pub(crate) fn enter(self: &Rc<Self>) -> Turn {
        self.deadline.set(None);
        self.in_flight.set(self.in_flight.get() + 1);
        Turn(Rc::clone(self))
    }

    /// From now on the connection carries a stream of events: its request has come, and no other follows it.
    pub(crate) fn stream(&self) {
        self.deadline.set(None);
        self.streams.set(true);
    }

    fn answered(&self, limit: Duration) {
        if self.in_flight.get() == 0 && !self.streams.get() {
            self.deadline.set(Some(clock::now() + limit));
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.in_flight.set(self.0.in_flight.get() - 1);
    }
}

/// A connection that is closed when its next request takes too long.
pub(crate) struct Patient<T> {
    io: T,
    turns: Rc<Turns>,
    /// What its client showed of itself.
    certificate: Option<Rc<ClientCertificate>>,
    limit: Duration,
    /// Fires for any deadline up to its own, and is set on then: one timer serves many requests.
    timer: Option<Pin<Box<Sleep>>>,
    /// What is left of an answer that takes the place of a bare one.
    instead: Option<Vec<u8>>,
}

impl<T> fmt::Debug for Patient<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patient")
            .field("turns", &self.turns)
            .finish_non_exhaustive()
    }
}

impl<T> Patient<T> {
    pub(crate) fn new(io: T, limit: Duration) -> Self {
        Self {
            io,
            turns: Rc::default(),
            certificate: None,
            limit,
            timer: None,
            instead: None,
        }
    }

    /// The same, of a client that showed this certificate.
    pub(crate) fn of(mut self, certificate: Option<ClientCertificate>) -> Self {
        self.certificate = certificate.map(Rc::new);
        self
    }

    pub(crate) fn certificate(&self) -> Option<&Rc<ClientCertificate>> {
        self.certificate.as_ref()
    }

    pub(crate) fn turns(&self) -> &Rc<Turns> {
        &self.turns
    }

    /// Ready when the deadline has passed.
    fn poll_late(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.turns.deadline.get() else {
            return Poll::Pending;
        };
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline.into())));
        loop {
            ready!(timer.as_mut().poll(context));
            if clock::now() >= deadline {
                return Poll::Ready(());
            }
            timer.as_mut().reset(deadline.into());
        }
    }

    /// Notes what became of a write. A full socket is the client's to empty, which has a bound of its own.
    fn wrote(&self, written: &Poll<io::Result<usize>>) {
        match written {
            Poll::Ready(Ok(_)) => self.turns.answered(self.limit),
            Poll::Pending => self.turns.deadline.set(None),
            Poll::Ready(Err(_)) => {}
        }
    }
}

impl<T: AsyncWrite + Unpin> Patient<T> {
    /// Writes what takes the place of `bytes`, then says that they are written.
    fn poll_instead(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
        mut left: Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        while !left.is_empty() {
            match Pin::new(&mut self.io).poll_write(context, &left) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => drop(left.drain(..written)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.instead = Some(left);
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(bytes.len()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Patient<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.io).poll_read(context, buffer);
        if read.is_pending() && self.poll_late(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Patient<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let instead = self.instead.take().or_else(|| refusal::in_full(bytes));
        let written = match instead {
            Some(left) => self.poll_instead(context, bytes, left),
            None => Pin::new(&mut self.io).poll_write(context, bytes),
        };
        self.wrote(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(context, parts);
        self.wrote(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    const LIMIT: Duration = Duration::from_millis(200);

    fn connection() -> (DuplexStream, Patient<DuplexStream>) {
        let (client, server) = duplex(64);
        (client, Patient::new(server, LIMIT))
    }

    async fn answer(server: &mut Patient<DuplexStream>) {
        let turn = server.turns().enter();
        drop(turn);
        server.write_all(b"answer").await.unwrap();
    }

    #[tokio::test]
    async fn a_next_request_that_never_comes_whole_ends_the_connection() {
        let (mut client, mut server) = connection();
        answer(&mut server).await;
        client.write_all(b"P").await.unwrap();
        assert_eq!(server.read_u8().await.unwrap(), b'P');
        let error = server.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn bodies_streams_and_work_may_take_longer() {
        let (mut client, mut server) = connection();
        answer(&mut server).await;
        let turn = server.turns().enter();
        let slow = async {
            tokio::time::sleep(LIMIT * 2).await;
            client.write_all(b"P").await.unwrap();
        };
        let (read, ()) = tokio::join!(server.read_u8(), slow);
        assert_eq!(read.unwrap(), b'P');
        server.turns().stream();
        drop(turn);
        server.write_all(b"event").await.unwrap();
        let slow = async {
            tokio::time::sleep(LIMIT * 2).await;
            client.write_all(b"Q").await.unwrap();
        };
        let (read, ()) = tokio::join!(server.read_u8(), slow);
        assert_eq!(read.unwrap(), b'Q');
    }

    #[tokio::test]
    async fn a_stream_on_a_connection_that_had_answers_before_is_not_cut() {
        let (mut client, mut server) = connection();
        answer(&mut server).await;
        server.turns().stream();
        let slow = async {
            tokio::time::sleep(LIMIT * 2).await;
            client.write_all(b"P").await.unwrap();
        };
        let (read, ()) = tokio::join!(server.read_u8(), slow);
        assert_eq!(read.unwrap(), b'P');
    }

    #[tokio::test]
    async fn each_answer_starts_the_time_anew() {
        let (mut client, mut server) = connection();
        for _ in 0..6 {
            answer(&mut server).await;
            let half = async {
                tokio::time::sleep(LIMIT / 2).await;
                client.write_all(b"P").await.unwrap();
            };
            let (read, ()) = tokio::join!(server.read_u8(), half);
            assert_eq!(read.unwrap(), b'P');
        }
    }
}
