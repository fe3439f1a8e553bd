//! The intake of a node. Owns: its claims, the leases of what runs, and the bound on how much does. Hears: the end of one
//! of its pumps. Says: nothing; what it runs is settled in the store.
//! Dies when: a pump does (crash, counted), or the node stops (normal): then it claims no more and lets what runs finish.
//! Restart: permanent with backoff, 5 in 60 s, then the node gives up; what it held comes back when the leases run out.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use busker_kit::ractor::{Actor, ActorProcessingErr, ActorRef};
use busker_kit::{ChildSpec, Pump, PumpEnded};
use busker_model::bus::Envelope;
use busker_model::{Fault, Reply, ServiceName};
use busker_service::BoxFuture;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::attempt::Running;
use crate::error::{BusError, Result};
use crate::limits::{DRAIN_GRACE, LOOK_EVERY, Limits, STORE_TIMEOUT};
use crate::store::{Claimed, Store, Want};

/// Pause after a claim that failed.
const AWAY_PAUSE: Duration = Duration::from_millis(500);
/// Leases are renewed this many times before they would run out.
const RENEWALS: u32 = 3;

/// A service of this node and its permits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// Service.
    pub service: ServiceName,
    /// Permits that are free now.
    pub free: u32,
    /// Permits there are.
    pub limit: u32,
}

/// Runs invocations; the node gives the intake one.
pub trait Worker: Send + Sync + fmt::Debug {
    /// Services that take work on this node now. What is not among them is left to other nodes, or to later.
    fn rooms(&self) -> Vec<Room>;

    /// Runs one, at most until its deadline or as long as its service may take.
    fn run(&self, envelope: Envelope) -> BoxFuture<'static, Result<Reply, Fault>>;

    /// The code of a service, such as `stock.GetCap generation 4`; `None` when this node does not have it.
    fn version(&self, service: &ServiceName) -> Option<String>;

    /// Changes when services come or go.
    fn changed(&self) -> watch::Receiver<u64>;
}

/// What an intake works with.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Where invocations are kept.
    pub store: Arc<dyn Store>,
    /// Who runs them.
    pub worker: Arc<dyn Worker>,
    /// Bounds; the lease must be the store's.
    pub limits: Limits,
}

/// The child spec of an intake.
#[must_use]
pub fn spec(parts: &Parts) -> ChildSpec {
    let parts = parts.clone();
    ChildSpec::actor("intake", "intake", move |_seat| {
        (IntakeActor, parts.clone())
    })
}

#[derive(Debug)]
struct IntakeActor;

#[derive(Debug)]
struct IntakeState {
    running: Arc<Running>,
    claims: Option<Pump>,
    _renewals: Pump,
}

impl Actor for IntakeActor {
    type Msg = PumpEnded;
    type State = IntakeState;
    type Arguments = Parts;

    async fn pre_start(
        &self,
        me: ActorRef<PumpEnded>,
        parts: Parts,
    ) -> Result<IntakeState, ActorProcessingErr> {
        let running = Arc::new(Running::new(parts));
        let claims = Pump::vital("bus-claims", me.clone(), claim(Arc::clone(&running)));
        let renewals = Pump::vital("bus-leases", me, renew(Arc::clone(&running)));
        Ok(IntakeState {
            running,
            claims: Some(claims),
            _renewals: renewals,
        })
    }

    async fn handle(
        &self,
        _me: ActorRef<PumpEnded>,
        ended: PumpEnded,
        _state: &mut IntakeState,
    ) -> Result<(), ActorProcessingErr> {
        ended.crash()
    }

    async fn post_stop(
        &self,
        _me: ActorRef<PumpEnded>,
        state: &mut IntakeState,
    ) -> Result<(), ActorProcessingErr> {
        drop(state.claims.take());
        let drained = state.running.drain(DRAIN_GRACE).await;
        state.running.parts.store.flush().await;
        if drained.abandoned > 0 {
            tracing::warn!(
                "{} asynchronous invocations still ran when the node stopped; they run again elsewhere or later",
                drained.abandoned
            );
        }
        Ok(())
    }
}

/// Claims as long as it lives: at once after a bell, a run that ended or a new service, else from time to time.
async fn claim(running: Arc<Running>) {
    let mut bell = running.parts.store.bell();
    let mut services = running.parts.worker.changed();
    let mut away = false;
    loop {
        bell.mark_unchanged();
        services.mark_unchanged();
        let freed = running.freed();
        tokio::pin!(freed);
        freed.as_mut().enable();
        match claim_once(&running).await {
            Ok(0) => {
                away = false;
                tokio::select! {
                    _ = bell.changed() => {}
                    _ = services.changed() => {}
                    () = freed => {}
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                }
            }
            Ok(_) => away = false,
            Err(error) => {
                if !std::mem::replace(&mut away, true) {
                    tracing::warn!("asynchronous invocations are not claimed: {error:?}");
                }
                tokio::time::sleep(AWAY_PAUSE).await;
            }
        }
    }
}

async fn claim_once(running: &Arc<Running>) -> Result<usize> {
    let (wants, most) = running.wants();
    if wants.is_empty() || most == 0 {
        return Ok(0);
    }
    let claimed = claim_wanted(running, wants, most).await?;
    let count = claimed.len();
    for one in claimed {
        running.start(one);
    }
    Ok(count)
}

async fn claim_wanted(running: &Running, wants: Vec<Want>, most: u32) -> Result<Vec<Claimed>> {
    // What a claim brings after we stopped waiting comes back when its lease runs out.
    let claimed = timeout(STORE_TIMEOUT, running.parts.store.claim(wants, most)).await;
    claimed.unwrap_or_else(|_| Err(BusError::unavailable("a claim took too long")))
}

#[expect(clippy::infinite_loop, reason = "its pump ends it, with its actor")]
async fn renew(running: Arc<Running>) {
    let every = running.parts.limits.lease / RENEWALS;
    loop {
        tokio::time::sleep(every).await;
        let held = running.held();
        if held.is_empty() {
            continue;
        }
        let renewed = timeout(STORE_TIMEOUT, running.parts.store.renew(held)).await;
        match renewed {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!("leases could not be renewed: {error:?}"),
            Err(_) => tracing::warn!("renewing leases took too long"),
        }
    }
}
