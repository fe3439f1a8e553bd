//! How frames get onto the socket: at once when nobody else writes, else through a bounded queue that is batched.

use std::io;
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use tokio::sync::{Semaphore, mpsc};

use super::Connection;
use crate::wire::write_all;

/// Frames that may wait to be written.
const QUEUE_FRAMES: usize = 1024;
/// Bytes written in one go when many frames wait.
const BATCH_BYTES: usize = 256 * 1024;

/// A frame that waits; requests carry their id, so that it is known whether the worker may have got them.
#[derive(Debug)]
struct Queued {
    request: Option<u64>,
    frame: Bytes,
}

/// The side that callers see.
#[derive(Debug)]
pub(super) struct Writer {
    /// One permit: the right to write.
    turn: Semaphore,
    queue: mpsc::Sender<Queued>,
    /// The rest of a frame that did not fit the socket, together with the turn of the one who wrote its start.
    rest: mpsc::Sender<Bytes>,
}

/// The side that the writer task works with.
#[derive(Debug)]
pub(crate) struct WriterEnds {
    queue: mpsc::Receiver<Queued>,
    rest: mpsc::Receiver<Bytes>,
}

impl Writer {
    pub(super) fn new() -> (Self, WriterEnds) {
        let (queue, queued) = mpsc::channel(QUEUE_FRAMES);
        let (rest, rests) = mpsc::channel(1);
        (
            Self {
                turn: Semaphore::new(1),
                queue,
                rest,
            },
            WriterEnds {
                queue: queued,
                rest: rests,
            },
        )
    }

    pub(super) fn try_queue(&self, frame: Bytes) -> bool {
        self.queue
            .try_send(Queued {
                request: None,
                frame,
            })
            .is_ok()
    }

    pub(super) async fn queue(&self, frame: Bytes) {
        // A closed queue means a dead worker, which needs no answer.
        drop(
            self.queue
                .send(Queued {
                    request: None,
                    frame,
                })
                .await,
        );
    }
}

impl Connection {
    /// Writes a request now or queues it. `false`: it cannot have reached the worker.
    pub(super) fn write_request(&self, id: u64, mut frame: Bytes) -> bool {
        let Ok(turn) = self.writer.turn.try_acquire() else {
            return self.queue_request(id, frame);
        };
        match self.stream.try_write(&frame) {
            Ok(count) if count == frame.len() => true,
            Ok(count) => {
                frame.advance(count);
                if self.writer.rest.try_send(frame).is_ok() {
                    // The writer task gives the turn back when the rest is written.
                    turn.forget();
                }
                true
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                drop(turn);
                self.queue_request(id, frame)
            }
            Err(_) => {
                // The worker is gone, which its reader will notice in a moment: until then it must not get the same
                // request again and again.
                self.shut();
                false
            }
        }
    }

    fn queue_request(&self, id: u64, frame: Bytes) -> bool {
        self.mark_written(id, false);
        self.writer
            .queue
            .try_send(Queued {
                request: Some(id),
                frame,
            })
            .is_ok()
    }

    fn mark_written(&self, id: u64, written: bool) {
        if let Some(mut entry) = self.pending.get_mut(&id) {
            entry.written = written;
        }
    }

    /// The writer task: ends when the socket does.
    pub(crate) async fn write_queued(self: Arc<Self>, mut ends: WriterEnds) {
        let mut batch = BytesMut::new();
        loop {
            let written = tokio::select! {
                biased;
                Some(rest) = ends.rest.recv() => {
                    let written = write_all(&self.stream, &rest).await;
                    self.writer.turn.add_permits(1);
                    written
                }
                Some(first) = ends.queue.recv(), if batch.is_empty() => {
                    self.fill(&mut batch, first, &mut ends);
                    Ok(())
                }
                Ok(turn) = self.writer.turn.acquire(), if !batch.is_empty() => {
                    let written = write_all(&self.stream, &batch).await;
                    batch.clear();
                    drop(turn);
                    written
                }
                else => return,
            };
            if let Err(error) = written {
                tracing::debug!(worker = %self.name, "writing to the worker ended: {error}");
                return self.shut();
            }
        }
    }

    /// From the moment a request is in a batch the worker may get it.
    fn fill(&self, batch: &mut BytesMut, first: Queued, ends: &mut WriterEnds) {
        let mut next = Some(first);
        while let Some(queued) = next {
            if let Some(id) = queued.request {
                self.mark_written(id, true);
            }
            batch.extend_from_slice(&queued.frame);
            next = if batch.len() < BATCH_BYTES {
                ends.queue.try_recv().ok()
            } else {
                None
            };
        }
    }
}
