//! Durable invocations: committed in the ODB before their caller is answered, then in the stream, then gone from both.
//!
//! The way on is memory: what is committed goes into a queue and from there into the stream, and what ended goes through
//! another queue out of the ODB. Whatever falls out of these queues, because a node died, Redis was away or lost all, is
//! found by [`Outbox::relay`], which compares rows and states and puts right what differs.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use busker_kit::Pump;
use busker_kit::clock::unix_ms;
use busker_model::Cid;
use busker_odb::Odb;
use busker_odb::outbox::{OutboxEnd, OutboxRow, Put};
use tokio::sync::{mpsc, watch};
use tokio::time::{Duration, timeout};

use super::link::Link;
use super::traffic::{self, Item, Published};
use crate::error::{BusError, Result};

mod pass;

/// Committed invocations on their way to the stream, and ends on their way to the ODB, at most; what does not fit is found
/// by the next look.
const QUEUE: usize = 4_096;
/// Most of them in one step.
const STEP: usize = 256;
/// Longest wait of an operation that wants both sides to agree.
const FLUSH: Duration = Duration::from_secs(5);
/// Longest a settled end waits for its place in the queue to the ODB.
const END_WAIT: Duration = Duration::from_secs(5);

/// What all parts share.
#[derive(Debug)]
struct Shared {
    link: Arc<Link>,
    odb: Odb,
    /// Place of the last row in the order of this node.
    seq: AtomicI64,
    /// In the queues now.
    moving: watch::Sender<usize>,
}

impl Shared {
    fn move_by(&self, more: usize) {
        self.moving.send_modify(|moving| *moving += more);
    }

    fn moved(&self, count: usize) {
        self.moving
            .send_modify(|moving| *moving = moving.saturating_sub(count));
    }

    /// Microseconds, and more than any before: the order in which this node accepted.
    fn next_seq(&self) -> i64 {
        let now = unix_ms().saturating_mul(1_000);
        let later = |last: i64| Some(now.max(last + 1));
        let last = self
            .seq
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, later);
        last.map_or(now, |last| now.max(last + 1))
    }
}

/// The outbox of a node.
#[derive(Debug)]
pub(super) struct Outbox {
    shared: Arc<Shared>,
    pushing: mpsc::Sender<Item>,
    ending: mpsc::Sender<(Cid, OutboxEnd)>,
    looked_ms: AtomicI64,
    _pumps: [Pump; 2],
}

impl Outbox {
    pub(super) fn start(link: Arc<Link>, odb: Odb) -> Self {
        let shared = Arc::new(Shared {
            link,
            odb,
            seq: AtomicI64::new(0),
            moving: watch::Sender::new(0),
        });
        let (pushing, to_push) = mpsc::channel(QUEUE);
        let (ending, to_end) = mpsc::channel(QUEUE);
        let push = push(Arc::clone(&shared), to_push, ending.clone());
        let end = end(Arc::clone(&shared), to_end);
        Self {
            pushing,
            ending,
            looked_ms: AtomicI64::new(unix_ms()),
            _pumps: [Pump::spawn("bus-push", push), Pump::spawn("bus-end", end)],
            shared,
        }
    }

    /// The database.
    pub(super) fn odb(&self) -> &Odb {
        &self.shared.odb
    }

    /// Commits a batch, and hands what is new on to the stream.
    pub(super) async fn put(self: Arc<Self>, items: Vec<Item>) -> Result<Vec<Result<()>>> {
        let shared = &self.shared;
        let config = &shared.link.config;
        let rows = items.iter().map(|item| OutboxRow {
            cid: item.envelope.cid,
            service: item.envelope.service.clone(),
            seq: shared.next_seq(),
            envelope: item.stored.clone(),
        });
        let most = config.limits.pending_max;
        let put = shared
            .odb
            .outbox()
            .put(&config.node, rows.collect(), most)
            .await?;
        let answered = |(item, put): (Item, Put)| match put {
            Put::Kept => {
                self.hand_on(item);
                Ok(())
            }
            Put::Known => Ok(()),
            Put::Full(pending) => Err(BusError::Busy {
                service: item.envelope.service,
                pending,
            }),
        };
        Ok(items.into_iter().zip(put).map(answered).collect())
    }

    fn hand_on(&self, item: Item) {
        self.shared.move_by(1);
        if self.pushing.try_send(item).is_err() {
            self.shared.moved(1);
            self.shared.link.memory.fall_behind();
        }
    }

    /// Takes an invocation that ended in Redis out of the ODB.
    pub(super) async fn ended(&self, cid: Cid, end: OutboxEnd) {
        self.shared.move_by(1);
        // Waiting here is what slows a node down whose database is slow.
        let sent = timeout(END_WAIT, self.ending.send((cid, end))).await;
        if !matches!(sent, Ok(Ok(()))) {
            self.shared.moved(1);
            self.shared.link.memory.fall_behind();
        }
    }

    /// Waits until both sides agree on what was answered so far, for a while.
    pub(super) async fn flush(&self) {
        let mut moving = self.shared.moving.subscribe();
        // An error would mean that the sender is gone, which this handle prevents.
        drop(timeout(FLUSH, moving.wait_for(|&moving| moving == 0)).await);
    }
}

/// Puts what is committed into the stream.
async fn push(
    shared: Arc<Shared>,
    mut queue: mpsc::Receiver<Item>,
    ending: mpsc::Sender<(Cid, OutboxEnd)>,
) {
    let mut items = Vec::with_capacity(STEP);
    let mut away = false;
    while queue.recv_many(&mut items, STEP).await > 0 {
        let published = traffic::publish(&shared.link, &items, traffic::Room::Any).await;
        let count = items.len();
        match published {
            Ok(published) => {
                away = false;
                for (item, published) in items.drain(..).zip(published) {
                    // It ended before it was committed now, so it was handed over twice.
                    if published == Published::Ended {
                        shared.move_by(1);
                        if ending
                            .try_send((item.envelope.cid, OutboxEnd::Twice))
                            .is_err()
                        {
                            shared.moved(1);
                            shared.link.memory.fall_behind();
                        }
                    }
                }
            }
            Err(error) => {
                items.clear();
                shared.link.memory.fall_behind();
                if !std::mem::replace(&mut away, true) {
                    tracing::warn!("durable invocations wait in the database: {error:?}");
                }
            }
        }
        shared.moved(count);
    }
}

/// Takes what ended out of the ODB.
async fn end(shared: Arc<Shared>, mut queue: mpsc::Receiver<(Cid, OutboxEnd)>) {
    let mut ends = Vec::with_capacity(STEP);
    let mut away = false;
    while queue.recv_many(&mut ends, STEP).await > 0 {
        let count = ends.len();
        let (outbox, node) = (shared.odb.outbox(), &shared.link.config.node);
        match outbox.end(node, std::mem::take(&mut ends)).await {
            Ok(()) => away = false,
            Err(error) => {
                shared.link.memory.fall_behind();
                if !std::mem::replace(&mut away, true) {
                    tracing::warn!("ends of durable invocations are not in the database: {error}");
                }
            }
        }
        shared.moved(count);
    }
}
