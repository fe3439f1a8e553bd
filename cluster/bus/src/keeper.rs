//! The keeper of the bus. Owns: the clocks of what is due, of leases that ran out, of what is forgotten, of the way from the
//! outbox to the stream, and the check of the ledger. Hears: the end of one of its pumps. Says: an event when the ledger does
//! not balance and one for each loss, health and metrics.
//! Dies when: a pump does (crash, counted). Restart: permanent with backoff, 5 in 60 s, then the node gives up.

use std::sync::Arc;
use std::time::Duration;

use busker_kit::ractor::{Actor, ActorProcessingErr, ActorRef};
use busker_kit::{ChildSpec, Pump, PumpEnded};
use busker_telemetry::{Events, Metrics};
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

use crate::book::Book;
use crate::error::{BusError, Result};
use crate::health::Health;
use crate::limits::{
    CHECKPOINT_EVERY, LEDGER_EVERY, LOOK_EVERY, PROMOTE_EVERY, RECLAIM_EVERY, STORE_TIMEOUT,
    SWEEP_EVERY,
};
use crate::store::Store;

/// What a keeper works with.
#[derive(Debug, Clone)]
pub struct Parts {
    /// What it looks after.
    pub store: Arc<dyn Store>,
    /// Where it tells.
    pub events: Events,
    /// Where it counts.
    pub metrics: Metrics,
    /// Where it says how the bus is.
    pub health: Health,
}

/// The child spec of a keeper.
#[must_use]
pub fn spec(parts: &Parts) -> ChildSpec {
    let parts = parts.clone();
    ChildSpec::actor("keeper", "keeper", move |_seat| {
        (KeeperActor, parts.clone())
    })
}

#[derive(Debug)]
struct KeeperActor;

impl Actor for KeeperActor {
    type Msg = PumpEnded;
    type State = [Pump; 3];
    type Arguments = Parts;

    async fn pre_start(
        &self,
        me: ActorRef<PumpEnded>,
        parts: Parts,
    ) -> Result<[Pump; 3], ActorProcessingErr> {
        let (care, relay) = (
            care(Arc::clone(&parts.store)),
            relay(Arc::clone(&parts.store)),
        );
        Ok([
            Pump::vital("bus-keeper", me.clone(), care),
            Pump::vital("bus-relay", me.clone(), relay),
            Pump::vital("bus-ledger", me, audit(parts)),
        ])
    }

    async fn handle(
        &self,
        _me: ActorRef<PumpEnded>,
        ended: PumpEnded,
        _pumps: &mut [Pump; 3],
    ) -> Result<(), ActorProcessingErr> {
        ended.crash()
    }
}

fn ticks(every: Duration) -> Interval {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

async fn within<T>(asked: impl Future<Output = Result<T>> + Send) -> Result<T> {
    let answered = timeout(STORE_TIMEOUT, asked).await;
    answered.unwrap_or_else(|_| Err(BusError::unavailable("the store took too long")))
}

/// Tells once that something does not go, until it goes again.
#[derive(Debug, Default)]
struct Told(bool);

impl Told {
    /// Whether it went.
    fn of<T>(&mut self, what: &str, done: Result<T>) -> Option<T> {
        match done {
            Ok(value) => {
                self.0 = false;
                Some(value)
            }
            Err(error) => {
                if !std::mem::replace(&mut self.0, true) {
                    tracing::warn!("{what}: {error:?}");
                }
                None
            }
        }
    }
}

async fn care(store: Arc<dyn Store>) {
    let (mut promote, mut reclaim) = (ticks(PROMOTE_EVERY), ticks(RECLAIM_EVERY));
    let mut sweep = ticks(SWEEP_EVERY);
    let mut told = Told::default();
    loop {
        let done = tokio::select! {
            _ = promote.tick() => within(store.promote()).await.map(drop),
            _ = reclaim.tick() => within(store.reclaim()).await.map(told_of_reclaimed),
            _ = sweep.tick() => within(store.sweep()).await.map(drop),
        };
        if told
            .of("the store of asynchronous invocations is away", done)
            .is_none()
        {
            tokio::time::sleep(RECLAIM_EVERY).await;
        }
    }
}

fn told_of_reclaimed(moved: u32) {
    if moved > 0 {
        tracing::warn!(
            "{moved} asynchronous invocations were held longer than their lease; they run again"
        );
    }
}

/// No limit of time: after a loss, a look takes as long as there are rows, and it yields after each page.
#[expect(clippy::infinite_loop, reason = "its pump ends it, with its actor")]
async fn relay(store: Arc<dyn Store>) {
    let mut looks = ticks(LOOK_EVERY);
    let mut told = Told::default();
    loop {
        looks.tick().await;
        let looked = store.relay().await;
        match told.of("the outbox cannot be looked through", looked) {
            Some(0) => {}
            Some(count) => tracing::warn!(
                "{count} durable invocations differed between the database and Redis and were put right"
            ),
            None => tokio::time::sleep(RECLAIM_EVERY).await,
        }
    }
}

async fn audit(parts: Parts) {
    let (mut checkpoint, mut ledger) = (ticks(CHECKPOINT_EVERY), ticks(LEDGER_EVERY));
    let mut book = Book::new(&parts);
    let mut told = Told::default();
    loop {
        let done = tokio::select! {
            _ = checkpoint.tick() => within(parts.store.checkpoint()).await,
            _ = ledger.tick() => book.check(&parts).await,
        };
        if told
            .of("the books of asynchronous invocations cannot be kept", done)
            .is_none()
        {
            book.away(&parts);
            tokio::time::sleep(RECLAIM_EVERY).await;
        }
    }
}
