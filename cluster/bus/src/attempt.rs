//! One start of a claimed invocation: is it too late, run it, settle it. And the book of all that run.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use busker_kit::{Drained, Gate, GateSettings, clock};
use busker_model::bus::Failure;
use busker_model::{Cid, Fault, Reply, ServiceName};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::error::BusError;
use crate::intake::Parts;
use crate::limits::{RUNNING_MAX, millis};
use crate::retry::{Verdict, backoff, verdict};
use crate::store::{Claimed, End, Lease, Want};

/// Longest time from a claim to its settlement; every service has a shorter timeout of its own.
const ATTEMPT_MAX: Duration = Duration::from_secs(2 * 3_600);
/// Wait of an invocation whose service went away between claim and start.
const GIVE_BACK_PAUSE: Duration = Duration::from_secs(1);
/// Tries to settle while the store is away. After the last one the lease runs out, and the work is done again.
const SETTLE_TRIES: u32 = 12;

/// What runs on this node for the bus.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) parts: Parts,
    gate: Gate,
    book: Mutex<Book>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct Book {
    leases: HashMap<Cid, Lease>,
    of_service: HashMap<ServiceName, u32>,
}

/// The place of one start in the book; it leaves however the start ends.
struct Place {
    running: Arc<Running>,
    cid: Cid,
    service: ServiceName,
}

impl Place {
    fn take(running: &Arc<Running>, lease: &Lease) -> Self {
        let mut book = running.book.lock();
        book.leases.insert(lease.cid, lease.clone());
        *book.of_service.entry(lease.service.clone()).or_default() += 1;
        Self {
            running: Arc::clone(running),
            cid: lease.cid,
            service: lease.service.clone(),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut book = self.running.book.lock();
        book.leases.remove(&self.cid);
        if let Some(count) = book.of_service.get_mut(&self.service) {
            *count -= 1;
            if *count == 0 {
                book.of_service.remove(&self.service);
            }
        }
        drop(book);
        self.running.freed.notify_waiters();
    }
}

impl Running {
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            parts,
            gate: Gate::new(GateSettings {
                max_concurrency: RUNNING_MAX,
                max_waiting: 0,
            }),
            book: Mutex::default(),
            freed: Notify::new(),
        }
    }

    /// Becomes ready when a run ends.
    pub(crate) fn freed(&self) -> Notified<'_> {
        self.freed.notified()
    }

    /// Leases of what runs.
    pub(crate) fn held(&self) -> Vec<Lease> {
        self.book.lock().leases.values().cloned().collect()
    }

    /// What could be started: the free permits of each service, less what we claimed and has not taken its permit yet; and
    /// how many in all. The order changes, so that no service is always served before another.
    pub(crate) fn wants(&self) -> (Vec<Want>, u32) {
        let mut wants = Vec::new();
        let book = self.book.lock();
        for room in self.parts.worker.rooms() {
            let ours = book.of_service.get(&room.service).copied();
            let unclaimed = room.limit.saturating_sub(ours.unwrap_or_default());
            let permits = room.free.min(unclaimed);
            if permits > 0 {
                wants.push(Want {
                    service: room.service,
                    permits,
                });
            }
        }
        drop(book);
        if !wants.is_empty() {
            let first = fastrand::usize(..wants.len());
            wants.rotate_left(first);
        }
        (wants, self.gate.free())
    }

    /// Starts one as a task of the gate.
    pub(crate) fn start(self: &Arc<Self>, claimed: Claimed) {
        let Ok(permit) = self.gate.try_enter() else {
            // Only when we are stopping: its lease runs out.
            tracing::debug!(cid = %claimed.lease.cid, "claimed too late to be started");
            return;
        };
        let place = Place::take(self, &claimed.lease);
        let work = attempt(Arc::clone(self), claimed, place);
        self.gate.detach(permit, clock::now() + ATTEMPT_MAX, work);
    }

    /// Lets what runs finish.
    pub(crate) async fn drain(&self, grace: Duration) -> Drained {
        self.gate.drain(grace).await
    }
}

async fn attempt(running: Arc<Running>, claimed: Claimed, place: Place) {
    let Claimed { lease, envelope } = claimed;
    let late = envelope
        .head
        .deadline_ms
        .is_some_and(|deadline| deadline <= clock::unix_ms());
    let end = if late {
        tracing::warn!(cid = %lease.cid, service = %lease.service, "an asynchronous invocation is past its deadline and is not started");
        End::Expired
    } else {
        let outcome = running.parts.worker.run(envelope).await;
        end_of(&running, &lease, outcome)
    };
    settle(&running, lease, end).await;
    drop(place);
}

fn end_of(running: &Running, lease: &Lease, outcome: Result<Reply, Fault>) -> End {
    let fault = match outcome {
        Ok(reply) => return End::Done(reply.body),
        Err(fault) => fault,
    };
    let (cid, service) = (lease.cid, &lease.service);
    let Some(version) = running.parts.worker.version(service) else {
        return End::GiveBack {
            at_ms: clock::unix_ms().saturating_add(millis(GIVE_BACK_PAUSE)),
        };
    };
    let failure = Failure::from(&fault);
    match verdict(&fault, lease.attempt, fastrand::f64()) {
        Verdict::Again(wait) => {
            // Where it failed is told with the first start and when it is given up, not each time in between.
            let traceback = if lease.attempt == 1 {
                fault.traceback()
            } else {
                String::new()
            };
            tracing::warn!(%cid, %service, "start {} of an asynchronous invocation failed, again in {wait:.1?}: {fault:?}{traceback}", lease.attempt);
            End::Retry {
                at_ms: clock::unix_ms().saturating_add(millis(wait)),
                failure,
            }
        }
        Verdict::Dead => {
            tracing::error!(%cid, %service, "an asynchronous invocation is dead after {} starts: {fault:?}{}", lease.attempt, fault.traceback());
            End::Dead { failure, version }
        }
    }
}

/// Settles, again and again while the store is away: the work is done, and only a settled one is not done twice.
async fn settle(running: &Running, lease: Lease, end: End) {
    for attempt in 1..=SETTLE_TRIES {
        match running.parts.store.settle(lease.clone(), end.clone()).await {
            Ok(()) => return,
            Err(BusError::NotHeld(cid)) => {
                tracing::warn!(%cid, service = %lease.service, "an asynchronous invocation ended after its lease had run out; it may run twice");
                return;
            }
            Err(error) => {
                tracing::warn!(cid = %lease.cid, "an end could not be settled, try {attempt} of {SETTLE_TRIES}: {error:?}");
                tokio::time::sleep(backoff(attempt.min(4), fastrand::f64())).await;
            }
        }
    }
}
