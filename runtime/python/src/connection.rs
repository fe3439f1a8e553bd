//! The traffic between the node and one worker: many requests at once over one socket, none through a mailbox.
//!
//! A request takes a slot of the window, writes its frame at once if the socket is free (else it is queued for the
//! writer, which batches), and waits for its answer. Its slot is free again when the worker has answered, not when the
//! caller gave up: a worker that still runs a dead request is as busy as one that runs a live one.

mod janitor;
mod writer;

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use busker_kit::{Gate, GateSettings, clock};
use busker_model::{Cid, ServiceName};
use busker_service::Context;
use bytes::Bytes;
use dashmap::DashMap;
use tokio::net::UnixStream;
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout_at;

use crate::frame::{self, Frame, ToWorker};
use crate::meta::Pong;
use writer::Writer;
pub(crate) use writer::WriterEnds;

/// Calls of services to the node that one worker may have open, as a multiple of its window.
const CALLS_PER_SLOT: u32 = 4;

/// Why a request is no longer wanted; the words of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unwanted {
    Timeout,
    CallerGone,
}

impl Unwanted {
    fn meta(self, hard: bool) -> Vec<u8> {
        let reason = match self {
            Self::Timeout => "timeout",
            Self::CallerGone => "caller-gone",
        };
        format!(r#"{{"reason":"{reason}","hard":{hard}}}"#).into_bytes()
    }
}

/// Why and how a worker that serves is to end.
#[derive(Debug, Clone)]
pub(crate) struct Leave {
    pub(crate) why: String,
    /// Time it has to finish what it has.
    pub(crate) grace: Duration,
    /// Whether another takes its place.
    pub(crate) replace: bool,
}

/// How a worker process ended.
#[derive(Debug, Clone, Default)]
pub(crate) struct Loss {
    /// Path of the worker's actor.
    pub(crate) worker: String,
    /// `killed by SIGKILL`, `exited with code 3`, ...
    pub(crate) reason: String,
    /// Last lines of standard error.
    pub(crate) stderr: String,
}

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// RES or ERR.
    Answer(Frame),
    /// The worker never got it; it may be sent to another.
    NotWritten,
    /// The worker ended while it had the request.
    Lost(Arc<Loss>),
    /// The deadline passed.
    Expired,
}

#[derive(Debug)]
enum Signal {
    Answer(Frame),
    Lost(Arc<Loss>),
}

/// A request at the worker.
#[derive(Debug)]
struct Pending {
    /// Gone when nobody waits any more.
    reply: Option<oneshot::Sender<Signal>>,
    scope: Arc<Scope>,
    /// Whether any byte of it may have reached the worker.
    written: bool,
    unwanted: Option<(Unwanted, Instant)>,
    cancelled_hard: bool,
}

/// What calls made by a running service need of it.
#[derive(Debug)]
pub(crate) struct Scope {
    pub(crate) context: Context,
    pub(crate) service: ServiceName,
}

/// A request in flight when its worker ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Running {
    pub(crate) service: ServiceName,
    pub(crate) cid: Cid,
    /// Whether it went on although it was cancelled.
    pub(crate) unwanted: bool,
}

/// A connection to a worker that serves.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Path of the worker's actor.
    pub(crate) name: String,
    /// Process id, as soon as it is known.
    pub(crate) pid: OnceLock<i32>,
    pub(crate) stream: UnixStream,
    pending: DashMap<u64, Pending>,
    next_id: AtomicU64,
    in_flight: AtomicU32,
    window: u32,
    open: AtomicBool,
    dead: AtomicBool,
    writer: Writer,
    /// Bounds and tracks the calls of services.
    pub(crate) calls: Gate,
    freed: Arc<Notify>,
    stale: Notify,
    leave: OnceLock<Leave>,
    leaving: Notify,
    last_pong: AtomicU64,
    born: Instant,
    rss_bytes: AtomicU64,
    requests: AtomicU64,
}

/// A slot of a worker's window, given back on drop unless a request took it over.
#[derive(Debug)]
pub(crate) struct Slot {
    connection: Arc<Connection>,
    taken_over: bool,
}

impl Drop for Slot {
    fn drop(&mut self) {
        if !self.taken_over {
            self.connection.give_back();
        }
    }
}

impl Slot {
    /// The connection it belongs to.
    pub(crate) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }
}

impl Connection {
    /// A connection and the ends its writer task works with.
    pub(crate) fn new(
        name: String,
        stream: UnixStream,
        window: u32,
        freed: Arc<Notify>,
    ) -> (Arc<Self>, WriterEnds) {
        let (writer, ends) = Writer::new();
        let calls = window.saturating_mul(CALLS_PER_SLOT);
        let connection = Self {
            name,
            pid: OnceLock::new(),
            stream,
            pending: DashMap::with_shard_amount(4),
            next_id: AtomicU64::new(1),
            in_flight: AtomicU32::new(0),
            window,
            open: AtomicBool::new(true),
            dead: AtomicBool::new(false),
            writer,
            calls: Gate::new(GateSettings {
                max_concurrency: calls,
                max_waiting: calls,
            }),
            freed,
            stale: Notify::new(),
            leave: OnceLock::new(),
            leaving: Notify::new(),
            last_pong: AtomicU64::new(0),
            born: clock::now(),
            rss_bytes: AtomicU64::new(0),
            requests: AtomicU64::new(0),
        };
        (Arc::new(connection), ends)
    }

    /// Requests at the worker, abandoned ones included.
    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Acquire)
    }

    /// Whether it takes requests.
    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// Takes no more requests; those it has go on.
    pub(crate) fn shut(&self) {
        self.open.store(false, Ordering::Release);
        self.freed.notify_waiters();
    }

    /// Resident memory in bytes as last reported.
    pub(crate) fn rss_bytes(&self) -> u64 {
        self.rss_bytes.load(Ordering::Relaxed)
    }

    /// Requests it has served, as last reported.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Asks for this worker to be drained and ended; the first reason counts.
    pub(crate) fn ask_to_leave(&self, leave: Leave) {
        self.shut();
        if self.leave.set(leave).is_ok() {
            self.leaving.notify_one();
        }
    }

    /// Waits until somebody asks for this worker to end.
    pub(crate) async fn asked_to_leave(&self) -> Leave {
        loop {
            if let Some(leave) = self.leave.get() {
                return leave.clone();
            }
            self.leaving.notified().await;
        }
    }

    /// A slot of the window, if one is free.
    pub(crate) fn try_reserve(self: &Arc<Self>) -> Option<Slot> {
        if !self.is_open() {
            return None;
        }
        let more = |count| (count < self.window).then_some(count + 1);
        self.in_flight
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, more)
            .ok()?;
        Some(Slot {
            connection: Arc::clone(self),
            taken_over: false,
        })
    }

    fn give_back(&self) {
        self.in_flight.fetch_sub(1, Ordering::AcqRel);
        self.freed.notify_one();
    }

    /// Ids of requests have the top bit clear.
    pub(crate) fn mint_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed) & (u64::MAX >> 1)
    }

    /// Sends a request and waits for its answer. Its slot is kept until the worker is done with it.
    pub(crate) async fn exchange(
        mut slot: Slot,
        id: u64,
        frame: Bytes,
        scope: Arc<Scope>,
    ) -> Outcome {
        let connection = Arc::clone(&slot.connection);
        let deadline = scope.context.deadline();
        let (reply, answer) = oneshot::channel();
        let entry = Pending {
            reply: Some(reply),
            scope,
            written: true,
            unwanted: None,
            cancelled_hard: false,
        };
        connection.pending.insert(id, entry);
        // From here on the entry owns the slot: whoever removes the entry gives the slot back.
        slot.taken_over = true;
        let mut waiting = Waiting {
            connection: &connection,
            id,
            reason: Some(Unwanted::CallerGone),
        };
        let dead = connection.dead.load(Ordering::Acquire);
        if (dead || !connection.write_request(id, frame)) && connection.remove(id).is_some() {
            waiting.reason = None;
            return Outcome::NotWritten;
        }
        let answer = timeout_at(deadline.into(), answer).await;
        waiting.reason = answer.is_err().then_some(Unwanted::Timeout);
        match answer {
            Ok(Ok(Signal::Answer(frame))) => Outcome::Answer(frame),
            Ok(Ok(Signal::Lost(loss))) => Outcome::Lost(loss),
            Ok(Err(_)) => Outcome::NotWritten,
            Err(_) => Outcome::Expired,
        }
    }

    /// Takes an entry out and gives its slot back.
    fn remove(&self, id: u64) -> Option<Pending> {
        let (_, entry) = self.pending.remove(&id)?;
        self.give_back();
        Some(entry)
    }

    /// Hands RES or ERR to whoever waits for it.
    pub(crate) fn answer(&self, frame: Frame) {
        let Some(entry) = self.remove(frame.id) else {
            tracing::debug!(worker = %self.name, id = frame.id, "an answer to no request");
            return;
        };
        if let Some(reply) = entry.reply {
            // The caller may have gone in this very moment.
            drop(reply.send(Signal::Answer(frame)));
        }
    }

    /// The running request a call belongs to.
    pub(crate) fn scope(&self, id: u64) -> Option<Arc<Scope>> {
        self.pending.get(&id).map(|entry| Arc::clone(&entry.scope))
    }

    /// Nobody waits for a request any more: tells the worker, which may still be busy with it for a while.
    fn abandon(&self, id: u64, reason: Unwanted) {
        let Some(mut entry) = self.pending.get_mut(&id) else {
            return;
        };
        entry.reply = None;
        entry.unwanted = Some((reason, clock::now()));
        drop(entry);
        self.cancel(id, reason, false);
        self.stale.notify_one();
    }

    fn cancel(&self, id: u64, reason: Unwanted, hard: bool) {
        if let Ok(frame) = frame::encode(ToWorker::Cancel, id, &reason.meta(hard), &[]) {
            self.say(frame);
        }
    }

    /// Says something that is not a request. It is lost when the worker does not read at all: then it is killed.
    pub(crate) fn say(&self, frame: Bytes) {
        if !self.writer.try_queue(frame) {
            tracing::warn!(worker = %self.name, "the worker does not read what it is told");
        }
    }

    /// Says something without meta or body.
    pub(crate) fn command(&self, what: ToWorker) {
        if let Ok(frame) = frame::encode(what, 0, &[], &[]) {
            self.say(frame);
        }
    }

    /// The same, waiting for room.
    pub(crate) async fn say_patiently(&self, frame: Bytes) {
        self.writer.queue(frame).await;
    }

    /// Keeps what a PONG says.
    pub(crate) fn on_pong(&self, pong: Pong) {
        let at = clock::now()
            .saturating_duration_since(self.born)
            .as_millis();
        self.last_pong
            .store(u64::try_from(at).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.rss_bytes.store(pong.rss_bytes, Ordering::Relaxed);
        self.requests.store(pong.requests, Ordering::Relaxed);
    }

    /// Time since the worker last showed that it is alive.
    fn silence(&self) -> Duration {
        let age = clock::now().saturating_duration_since(self.born);
        age.saturating_sub(Duration::from_millis(
            self.last_pong.load(Ordering::Relaxed),
        ))
    }

    /// The requests the worker may be running.
    pub(crate) fn running(&self) -> Vec<Running> {
        let busy = self.pending.iter().filter(|entry| entry.written);
        busy.map(|entry| Running {
            service: entry.scope.service.clone(),
            cid: entry.scope.context.cid(),
            unwanted: entry.unwanted.is_some(),
        })
        .collect()
    }

    /// Whether every slot that was given out has its request, so that none is on its way to the socket.
    pub(crate) fn is_settled(&self) -> bool {
        usize::try_from(self.in_flight()).is_ok_and(|slots| slots <= self.pending.len())
    }

    /// Whether anybody waits for an answer of it.
    pub(crate) fn is_wanted(&self) -> bool {
        self.pending.iter().any(|entry| entry.unwanted.is_none())
    }

    /// The worker is gone: every request at it learns so.
    pub(crate) fn end(&self, loss: &Arc<Loss>) {
        self.dead.store(true, Ordering::Release);
        self.shut();
        self.calls.close(busker_kit::Closed::Stopped);
        let ids: Vec<u64> = self.pending.iter().map(|entry| *entry.key()).collect();
        for id in ids {
            let Some(entry) = self.remove(id) else {
                continue;
            };
            // A dropped sender means "never written".
            if let (Some(reply), true) = (entry.reply, entry.written) {
                drop(reply.send(Signal::Lost(Arc::clone(loss))));
            }
        }
    }
}

/// Tells the worker when the caller goes away before the answer came.
struct Waiting<'a> {
    connection: &'a Connection,
    id: u64,
    reason: Option<Unwanted>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(reason) = self.reason {
            self.connection.abandon(self.id, reason);
        }
    }
}

#[cfg(test)]
mod tests;
