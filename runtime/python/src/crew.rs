//! The workers of one pool that serve one generation, and which of them takes the next request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use busker_kit::clock;
use busker_model::{ErrorClass, Fault};
use tokio::sync::Notify;
use tokio::time::timeout_at;

use crate::connection::{Connection, Slot};

/// Time between two looks at what is to end.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A fixed number of seats, each with a worker or, while it restarts, without.
#[derive(Debug)]
pub(crate) struct Crew {
    seats: Vec<ArcSwapOption<Connection>>,
    freed: Arc<Notify>,
    waiting: AtomicU32,
    /// Seat to look at first, so that equals take turns.
    turn: AtomicUsize,
    closed: AtomicBool,
}

impl Crew {
    pub(crate) fn new(size: usize) -> Arc<Self> {
        Arc::new(Self {
            seats: (0..size.max(1)).map(|_| ArcSwapOption::empty()).collect(),
            freed: Arc::new(Notify::new()),
            waiting: AtomicU32::new(0),
            turn: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
        })
    }

    pub(crate) fn size(&self) -> usize {
        self.seats.len()
    }

    /// Told each time a slot becomes free.
    pub(crate) fn freed(&self) -> Arc<Notify> {
        Arc::clone(&self.freed)
    }

    /// Callers that wait for a slot.
    pub(crate) fn waiting(&self) -> u32 {
        self.waiting.load(Ordering::Acquire)
    }

    /// A worker is ready.
    pub(crate) fn join(&self, seat: usize, connection: Arc<Connection>) {
        if let Some(place) = self.seats.get(seat) {
            place.store(Some(connection));
        }
        self.freed.notify_waiters();
    }

    /// A worker is gone.
    pub(crate) fn leave(&self, seat: usize) {
        if let Some(place) = self.seats.get(seat) {
            place.store(None);
        }
        self.freed.notify_waiters();
    }

    /// Waits until all workers are gone, at most until `end`.
    pub(crate) async fn empty(&self, end: Instant) -> bool {
        until(end, || self.present().is_empty()).await
    }

    /// Takes no more requests.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.freed.notify_waiters();
    }

    /// Workers that are there, by seat.
    pub(crate) fn present(&self) -> Vec<(usize, Arc<Connection>)> {
        self.seats
            .iter()
            .enumerate()
            .filter_map(|(seat, place)| Some((seat, place.load_full()?)))
            .collect()
    }

    /// A slot at the worker with the fewest requests, waiting for one until the deadline.
    ///
    /// # Errors
    /// `Timeout`, or `Unavailable` when the generation is retired.
    pub(crate) async fn slot(&self, deadline: Instant) -> Result<Slot, Fault> {
        if let Some(slot) = self.try_slot() {
            return Ok(slot);
        }
        self.waiting.fetch_add(1, Ordering::AcqRel);
        let _place = WaitingPlace(&self.waiting);
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            if self.closed.load(Ordering::Acquire) {
                return Err(Fault::new(
                    ErrorClass::Unavailable,
                    "this version of the service has been replaced",
                )
                .code("generation-retired"));
            }
            if let Some(slot) = self.try_slot() {
                return Ok(slot);
            }
            if timeout_at(deadline.into(), freed).await.is_err() {
                return Err(self.nobody_free());
            }
        }
    }

    fn nobody_free(&self) -> Fault {
        let there = self.present().len();
        Fault::timeout("no Python worker became free in time")
            .code("workers-busy")
            .operator(format!("{there} of {} workers serve", self.size()))
    }

    fn try_slot(&self) -> Option<Slot> {
        let size = self.seats.len();
        let first = if size == 1 {
            0
        } else {
            self.turn.fetch_add(1, Ordering::Relaxed) % size
        };
        // A second look: the best seat may fill up between being found and being taken.
        (0..2).find_map(|_| self.best(first)?.try_reserve())
    }

    fn best(&self, first: usize) -> Option<Arc<Connection>> {
        let (before, after) = self.seats.split_at(first);
        let mut best: Option<(u32, &ArcSwapOption<Connection>)> = None;
        for place in after.iter().chain(before) {
            let guard = place.load();
            let Some(connection) = guard.as_ref().filter(|connection| connection.is_open()) else {
                continue;
            };
            let load = connection.in_flight();
            if best.is_none_or(|(least, _)| load < least) {
                best = Some((load, place));
            }
            if load == 0 {
                break;
            }
        }
        best?.1.load_full()
    }
}

/// Looks now and then instead of taking part in `freed`, whose single wake-ups belong to callers. Whether it was done in time.
pub(crate) async fn until(end: Instant, done: impl Fn() -> bool) -> bool {
    loop {
        if done() {
            return true;
        }
        let now = clock::now();
        if now >= end {
            return false;
        }
        tokio::time::sleep_until((now + LOOK_EVERY).min(end).into()).await;
    }
}

struct WaitingPlace<'a>(&'a AtomicU32);

impl Drop for WaitingPlace<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
