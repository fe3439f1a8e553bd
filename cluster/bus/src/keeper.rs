//! The keeper of the bus. Owns: the clock of what is due, of leases that ran out and of what is forgotten, and the check of
//! the ledger. Hears: the end of its pump. Says: an event when the ledger does not balance, and one for each loss.
//! Dies when: its pump does (crash, counted). Restart: permanent with backoff, 5 in 60 s, then the node gives up.

use std::sync::Arc;
use std::time::Duration;

use busker_kit::ractor::{Actor, ActorProcessingErr, ActorRef};
use busker_kit::{ChildSpec, Pump, PumpEnded};
use busker_model::bus::{LedgerRow, Loss};
use busker_model::event::Severity;
use busker_telemetry::Events;
use serde_json::{Map, Value, json};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::error::{BusError, Result};
use crate::limits::{LEDGER_EVERY, PROMOTE_EVERY, RECLAIM_EVERY, STORE_TIMEOUT, SWEEP_EVERY};
use crate::store::Store;

/// What a keeper works with.
#[derive(Debug, Clone)]
pub struct Parts {
    /// What it looks after.
    pub store: Arc<dyn Store>,
    /// Where it tells.
    pub events: Events,
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
    type State = Pump;
    type Arguments = Parts;

    async fn pre_start(
        &self,
        me: ActorRef<PumpEnded>,
        parts: Parts,
    ) -> Result<Pump, ActorProcessingErr> {
        Ok(Pump::vital("bus-keeper", me, keep(parts)))
    }

    async fn handle(
        &self,
        _me: ActorRef<PumpEnded>,
        ended: PumpEnded,
        _pump: &mut Pump,
    ) -> Result<(), ActorProcessingErr> {
        ended.crash()
    }
}

async fn keep(parts: Parts) {
    let ticks = |every: Duration| {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    };
    let (mut promote, mut reclaim) = (ticks(PROMOTE_EVERY), ticks(RECLAIM_EVERY));
    let (mut sweep, mut ledger) = (ticks(SWEEP_EVERY), ticks(LEDGER_EVERY));
    let mut book = Book::default();
    let mut away = false;
    loop {
        let done = tokio::select! {
            _ = promote.tick() => within(parts.store.promote()).await.map(drop),
            _ = reclaim.tick() => within(parts.store.reclaim()).await.map(told_of_reclaimed),
            _ = sweep.tick() => within(parts.store.sweep()).await.map(drop),
            _ = ledger.tick() => book.check(&parts).await,
        };
        match done {
            Ok(()) => away = false,
            Err(error) => {
                if !std::mem::replace(&mut away, true) {
                    tracing::warn!("the store of asynchronous invocations is away: {error:?}");
                }
                tokio::time::sleep(RECLAIM_EVERY).await;
            }
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

async fn within<T>(asked: impl Future<Output = Result<T>> + Send) -> Result<T> {
    let answered = timeout(STORE_TIMEOUT, asked).await;
    answered.unwrap_or_else(|_| Err(BusError::unavailable("the store took too long")))
}

/// What the keeper has told already, so that it tells each thing once.
#[derive(Debug, Default)]
struct Book {
    differing: Vec<LedgerRow>,
    losses: usize,
}

impl Book {
    async fn check(&mut self, parts: &Parts) -> Result<()> {
        let rows = within(parts.store.ledger()).await?;
        let differing: Vec<LedgerRow> = rows.into_iter().filter(|row| !row.balances()).collect();
        if differing != self.differing {
            match differing.first() {
                Some(row) => tell_difference(&parts.events, row, differing.len()),
                None => parts.events.tell(
                    Severity::Info,
                    "ledger-balances",
                    "The ledger of asynchronous invocations balances again",
                    Map::new(),
                ),
            }
            self.differing = differing;
        }
        let losses = parts.store.losses();
        for loss in losses.iter().skip(self.losses) {
            tell_loss(&parts.events, loss);
        }
        self.losses = losses.len();
        Ok(())
    }
}

fn tell_difference(events: &Events, row: &LedgerRow, count: usize) {
    let message = format!(
        "The ledger of asynchronous invocations does not balance for {count} services; first {}: {} accepted, {} accounted for",
        row.service,
        row.accepted,
        row.accounted()
    );
    tracing::error!("{message}");
    events.tell(
        Severity::Error,
        "ledger-difference",
        message,
        fields(json!(row)),
    );
}

fn tell_loss(events: &Events, loss: &Loss) {
    let message = format!(
        "The store of asynchronous invocations lost what it had: {} were pending of {} accepted",
        loss.pending_before.unwrap_or_default(),
        loss.accepted_before
    );
    tracing::error!("{message}");
    events.tell(Severity::Error, "bus-loss", message, fields(json!(loss)));
}

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    }
}
