//! What sessions run over: streams of either transport, with the limits that `ractor_cluster` leaves out.
//!
//! It never expires a silent peer and never stops writing to a frozen one. So a stream ends when nothing came for too
//! long, and when what was written was not taken for too long.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ractor_cluster::{BoxRead, BoxWrite, ClusterBidiStream};
use tokio::io::{AsyncRead, AsyncWrite, BufReader, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use crate::limits::{READ_BUFFER, SESSION_IDLE, WRITE_STALL};
use crate::member::MemberId;

/// A connected stream of bytes.
pub(crate) trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Bytes for T {}

/// A stream of either transport.
pub(crate) type BoxBytes = Box<dyn Bytes>;

/// A stream whose other end is known.
pub(crate) struct Wire {
    bytes: BoxBytes,
    peer: MemberId,
}

impl Wire {
    pub(crate) fn new(bytes: BoxBytes, peer: MemberId) -> Self {
        Self { bytes, peer }
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire")
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

impl ClusterBidiStream for Wire {
    fn split(self: Box<Self>) -> (BoxRead, BoxWrite) {
        let (read, write) = tokio::io::split(self.bytes);
        // Its reader asks for eight bytes first, then for the rest.
        let read = BufReader::with_capacity(READ_BUFFER, read);
        (
            Box::new(IdleLimit::new(read, SESSION_IDLE)),
            Box::new(StallLimit::new(write, WRITE_STALL)),
        )
    }

    fn peer_label(&self) -> Option<String> {
        Some(self.peer.to_string())
    }
}

/// A reader that fails when nothing comes for too long.
#[derive(Debug)]
pub(crate) struct IdleLimit<R> {
    inner: R,
    limit: Duration,
    timer: Pin<Box<Sleep>>,
}

impl<R> IdleLimit<R> {
    pub(crate) fn new(inner: R, limit: Duration) -> Self {
        Self {
            inner,
            limit,
            timer: Box::pin(sleep(limit)),
        }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for IdleLimit<R> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Poll::Ready(read) = Pin::new(&mut this.inner).poll_read(context, buffer) {
            this.timer.as_mut().reset(Instant::now() + this.limit);
            return Poll::Ready(read);
        }
        ready!(this.timer.as_mut().poll(context));
        let silent = format!("nothing came for {:?}", this.limit);
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, silent)))
    }
}

/// A writer that fails when what it writes is not taken for too long.
#[derive(Debug)]
pub(crate) struct StallLimit<W> {
    inner: W,
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<W> StallLimit<W> {
    pub(crate) const fn new(inner: W, limit: Duration) -> Self {
        Self {
            inner,
            limit,
            timer: None,
        }
    }

    fn limited<T>(
        &mut self,
        context: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.timer = None;
            return polled;
        }
        let limit = self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(timer.as_mut().poll(context));
        let stalled = format!("the peer took nothing for {limit:?}");
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, stalled)))
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for StallLimit<W> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_write(context, bytes);
        this.limited(context, polled)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_flush(context);
        this.limited(context, polled)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_shutdown(context);
        this.limited(context, polled)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(5);

    #[tokio::test(start_paused = true)]
    async fn a_reader_fails_when_nothing_came_for_the_limit_and_not_before() {
        let (mut far, near) = duplex(64);
        let mut near = IdleLimit::new(near, LIMIT);
        let start = Instant::now();
        for _ in 0..3 {
            sleep(LIMIT - Duration::from_millis(1)).await;
            far.write_all(b"x").await.unwrap();
            near.read_u8().await.unwrap();
        }
        let error = near.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let passed = start.elapsed();
        assert!(passed >= LIMIT * 4 - Duration::from_millis(3), "{passed:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_writer_fails_when_the_peer_takes_nothing_for_the_limit() {
        let (far, near) = duplex(16);
        let mut near = StallLimit::new(near, LIMIT);
        near.write_all(&[0; 16]).await.unwrap();
        let start = Instant::now();
        let error = near.write_all(&[0; 16]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(start.elapsed().as_secs(), LIMIT.as_secs());
        drop(far);
    }

    #[tokio::test(start_paused = true)]
    async fn a_writer_goes_on_when_the_peer_takes_a_little_now_and_then() {
        let (mut far, near) = duplex(16);
        let mut near = StallLimit::new(near, LIMIT);
        let slow = async {
            let mut byte = [0; 8];
            for _ in 0..8 {
                sleep(LIMIT / 2).await;
                far.read_exact(&mut byte).await.unwrap();
            }
        };
        let (written, ()) = tokio::join!(near.write_all(&[7; 64]), slow);
        written.unwrap();
    }
}
