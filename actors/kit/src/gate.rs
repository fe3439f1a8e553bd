//! Permits, tracked tasks, deadlines and drain: how traffic runs without passing a mailbox.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering::SeqCst};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};
use tokio::time::timeout_at;

use crate::panic::{PanicReport, caught};
use crate::pump::{blocking_runtime, runtime};

/// Bounds of a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateSettings {
    /// Most permits out at once.
    pub max_concurrency: u32,
    /// Most callers waiting for one.
    pub max_waiting: u32,
}

/// Why a gate takes no work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// It finishes what it has.
    Draining,
    /// An operator switched it off.
    Inactive,
    /// It failed too often.
    Failed,
    /// It has ended.
    Stopped,
}

/// Why a caller got no permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// All permits are out and as many wait as may.
    Full {
        /// Callers waiting.
        waiting: u32,
    },
    /// The gate is closed.
    Closed(Closed),
    /// The deadline passed while waiting.
    Deadline,
}

/// How work ended when it did not return.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkEnd {
    /// It panicked.
    Panicked(PanicReport),
    /// Its deadline passed; the work was dropped.
    TimedOut,
    /// The runtime that ran it is gone.
    Cancelled,
}

/// Result of a drain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Permits still out when the grace ended; 0 is a clean drain.
    pub abandoned: u32,
}

#[derive(Debug)]
struct Inner {
    max: AtomicU32,
    max_waiting: AtomicU32,
    in_flight: AtomicU32,
    waiting: AtomicU32,
    closed: AtomicU8,
    freed: Notify,
}

/// Counts and bounds the work of one service, channel or connection. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Inner>);

/// The right to run one piece of work; given back on drop.
#[derive(Debug)]
pub struct Permit(Arc<Inner>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, SeqCst);
        // A waiter counts itself before it looks again, so that either it sees the free permit or we see it.
        if self.0.waiting.load(SeqCst) > 0 || self.0.closed.load(SeqCst) != 0 {
            self.0.freed.notify_waiters();
        }
    }
}

impl Gate {
    /// An open gate.
    #[must_use]
    pub fn new(settings: GateSettings) -> Self {
        Self(Arc::new(Inner {
            max: AtomicU32::new(settings.max_concurrency),
            max_waiting: AtomicU32::new(settings.max_waiting),
            in_flight: AtomicU32::new(0),
            waiting: AtomicU32::new(0),
            closed: AtomicU8::new(0),
            freed: Notify::new(),
        }))
    }

    /// Changes the bounds; work in flight is left alone.
    pub fn set_limits(&self, settings: GateSettings) {
        self.0.max.store(settings.max_concurrency, SeqCst);
        self.0.max_waiting.store(settings.max_waiting, SeqCst);
        self.0.freed.notify_waiters();
    }

    /// Permits out.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.0.in_flight.load(SeqCst)
    }

    /// Callers waiting for a permit.
    #[must_use]
    pub fn waiting(&self) -> u32 {
        self.0.waiting.load(SeqCst)
    }

    /// Most permits out at once.
    #[must_use]
    pub fn limit(&self) -> u32 {
        self.0.max.load(SeqCst)
    }

    /// Permits that could be taken now; none when it is closed.
    #[must_use]
    pub fn free(&self) -> u32 {
        let inner = &self.0;
        match closed_from(inner.closed.load(SeqCst)) {
            Some(_) => 0,
            None => inner
                .max
                .load(SeqCst)
                .saturating_sub(inner.in_flight.load(SeqCst)),
        }
    }

    /// A permit now, or why not.
    ///
    /// # Errors
    /// [`Refused::Full`] or [`Refused::Closed`].
    pub fn try_enter(&self) -> Result<Permit, Refused> {
        let inner = &self.0;
        if let Some(closed) = closed_from(inner.closed.load(SeqCst)) {
            return Err(Refused::Closed(closed));
        }
        let max = inner.max.load(SeqCst);
        let taken = inner
            .in_flight
            .fetch_update(SeqCst, SeqCst, |out| (out < max).then(|| out + 1));
        match taken {
            Ok(_) => {
                let permit = Permit(Arc::clone(inner));
                // Again, now that we count: either the drain sees this permit, or we see that the gate was closed.
                closed_from(inner.closed.load(SeqCst))
                    .map_or(Ok(permit), |closed| Err(Refused::Closed(closed)))
            }
            Err(_) => Err(Refused::Full {
                waiting: inner.waiting.load(SeqCst),
            }),
        }
    }

    /// A permit, waiting for one until the deadline if no more than the bound wait already.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn enter(&self, deadline: Instant) -> Result<Permit, Refused> {
        match self.try_enter() {
            Err(Refused::Full { .. }) => self.wait(deadline).await,
            other => other,
        }
    }

    async fn wait(&self, deadline: Instant) -> Result<Permit, Refused> {
        let inner = &self.0;
        let max_waiting = inner.max_waiting.load(SeqCst);
        let queued = inner
            .waiting
            .fetch_update(SeqCst, SeqCst, |n| (n < max_waiting).then(|| n + 1));
        if let Err(waiting) = queued {
            return Err(Refused::Full { waiting });
        }
        let _place = WaitingPlace(inner);
        loop {
            let freed = inner.freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            match self.try_enter() {
                Err(Refused::Full { .. }) => {}
                other => return other,
            }
            if timeout_at(deadline.into(), freed).await.is_err() {
                return Err(Refused::Deadline);
            }
        }
    }

    /// Closes the gate: waiting callers are refused, work in flight goes on.
    pub fn close(&self, why: Closed) {
        self.0.closed.store(closed_to(why), SeqCst);
        self.0.freed.notify_waiters();
    }

    /// Closes the gate and waits until its work is done, at most for `grace`.
    pub async fn drain(&self, grace: Duration) -> Drained {
        self.close(Closed::Draining);
        let end = tokio::time::Instant::now() + grace;
        loop {
            let freed = self.0.freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            let abandoned = self.in_flight();
            if abandoned == 0 || timeout_at(end, freed).await.is_err() {
                return Drained {
                    abandoned: self.in_flight(),
                };
            }
        }
    }

    /// Runs work on the node's runtime. It goes on when the caller goes away; it ends at its deadline.
    ///
    /// # Errors
    /// [`WorkEnd`].
    pub async fn run<T: Send + 'static>(
        permit: Permit,
        deadline: Instant,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, WorkEnd> {
        let (caller, answer) = oneshot::channel();
        drop(runtime().spawn(answering(permit, deadline, work, caller)));
        answer.await.unwrap_or(Err(WorkEnd::Cancelled))
    }

    /// Runs work on the current HTTP worker: no thread hop. It goes on when the caller goes away.
    ///
    /// # Errors
    /// [`WorkEnd`].
    pub async fn run_local<T: 'static>(
        permit: Permit,
        deadline: Instant,
        work: impl Future<Output = T> + 'static,
    ) -> Result<T, WorkEnd> {
        let (caller, answer) = oneshot::channel();
        drop(tokio::task::spawn_local(answering(
            permit, deadline, work, caller,
        )));
        answer.await.unwrap_or(Err(WorkEnd::Cancelled))
    }

    /// Runs work that blocks its thread or burns CPU, on a pool of its own: neither HTTP workers nor other services wait
    /// for it. At the deadline the caller is answered; work that does not yield holds its thread and permit until it ends.
    ///
    /// # Errors
    /// [`WorkEnd`].
    pub async fn run_blocking<T: Send + 'static>(
        permit: Permit,
        deadline: Instant,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, WorkEnd> {
        let (caller, answer) = oneshot::channel();
        drop(blocking_runtime().spawn(answering(permit, deadline, work, caller)));
        match timeout_at(deadline.into(), answer).await {
            Ok(ended) => ended.unwrap_or(Err(WorkEnd::Cancelled)),
            Err(_) => Err(WorkEnd::TimedOut),
        }
    }

    /// Runs work inside the caller: when the caller goes away, the work is dropped where it stands.
    ///
    /// # Errors
    /// [`WorkEnd`].
    pub async fn run_attached<T>(
        permit: Permit,
        deadline: Instant,
        work: impl Future<Output = T>,
    ) -> Result<T, WorkEnd> {
        guarded(permit, deadline, work).await
    }

    /// Starts work nobody waits for; it holds its permit until it ends.
    pub fn detach(
        &self,
        permit: Permit,
        deadline: Instant,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        drop(runtime().spawn(async move {
            if let Err(WorkEnd::Panicked(report)) = guarded(permit, deadline, work).await {
                abandoned(&report);
            }
        }));
    }
}

struct WaitingPlace<'a>(&'a Inner);

impl Drop for WaitingPlace<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, SeqCst);
    }
}

async fn guarded<T>(
    permit: Permit,
    deadline: Instant,
    work: impl Future<Output = T>,
) -> Result<T, WorkEnd> {
    let end = timeout_at(deadline.into(), caught(work)).await;
    drop(permit);
    match end {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(report)) => Err(WorkEnd::Panicked(report)),
        Err(_) => Err(WorkEnd::TimedOut),
    }
}

/// The same, answered to a caller who may have gone away by then.
async fn answering<T>(
    permit: Permit,
    deadline: Instant,
    work: impl Future<Output = T>,
    caller: oneshot::Sender<Result<T, WorkEnd>>,
) {
    if let Err(Err(WorkEnd::Panicked(report))) = caller.send(guarded(permit, deadline, work).await)
    {
        abandoned(&report);
    }
}

/// The only one who tells of a panic in work that nobody waits for.
fn abandoned(report: &PanicReport) {
    tracing::error!(
        "work nobody waits for panicked: {}\n{}",
        report.message,
        report.backtrace
    );
}

fn closed_to(why: Closed) -> u8 {
    match why {
        Closed::Draining => 1,
        Closed::Inactive => 2,
        Closed::Failed => 3,
        Closed::Stopped => 4,
    }
}

fn closed_from(code: u8) -> Option<Closed> {
    match code {
        0 => None,
        1 => Some(Closed::Draining),
        2 => Some(Closed::Inactive),
        3 => Some(Closed::Failed),
        _ => Some(Closed::Stopped),
    }
}
