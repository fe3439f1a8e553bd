//! A singleton role on this node. Owns: the lease, the timer that fences it, and the line on which a free lease is told.
//! Hears: the end of its pumps. Says: the epoch under which this node holds the role, through [`Role`]; events.
//! Dies when: a pump ends (crash). Restart: permanent; a new start is a contender like any other. Redis and the database
//! being away are states.

use std::sync::Arc;
use std::time::{Duration, Instant};

use busker_kit::ractor::{Actor, ActorProcessingErr, ActorRef};
use busker_kit::{ChildSpec, Pump, PumpEnded, Seat, clock};
use busker_model::ActorState;
use busker_model::event::Severity;
use busker_odb::Odb;
use busker_telemetry::Events;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use serde_json::{Map, json};
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, sleep_until, timeout};

use crate::lease::{Answer, End, Lease, LeaseTiming, Side, Turn};
use crate::limits::{LEASE_RELEASE_TIMEOUT, RETRY};
use crate::member::MemberId;
use crate::redis::{Link, RedisAddress};

mod store;

use store::Store;

/// Time those who act for the role have to write what they did, before it is given back.
const LAST_WRITES: Duration = Duration::from_millis(100);

#[derive(Debug)]
struct Shared {
    name: &'static str,
    epoch: watch::Sender<Option<i64>>,
    held: watch::Sender<bool>,
    /// Epochs that the database refused as old.
    doubted: watch::Sender<Option<i64>>,
    resigned: watch::Sender<bool>,
}

/// What the rest of a node knows of a role. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Role(Arc<Shared>);

impl Role {
    /// A role that is not held.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self(Arc::new(Shared {
            name,
            epoch: watch::Sender::new(None),
            held: watch::Sender::new(false),
            doubted: watch::Sender::new(None),
            resigned: watch::Sender::new(false),
        }))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.0.name
    }

    /// The epoch under which this node holds it now.
    #[must_use]
    pub fn epoch(&self) -> Option<i64> {
        *self.0.epoch.borrow()
    }

    /// Follows it.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Option<i64>> {
        self.0.epoch.subscribe()
    }

    /// Follows whether it is held at all.
    #[must_use]
    pub fn held(&self) -> watch::Receiver<bool> {
        self.0.held.subscribe()
    }

    /// The database refused something of this epoch as old.
    pub fn doubt(&self, epoch: i64) {
        self.0.doubted.send_replace(Some(epoch));
    }

    /// The node goes down: the role is given back now, not when all else has ended.
    pub fn resign(&self) {
        self.0.resigned.send_replace(true);
    }

    fn publish(&self, epoch: Option<i64>) {
        self.0.epoch.send_if_modified(|now| {
            let changed = *now != epoch;
            *now = epoch;
            changed
        });
        self.0.held.send_if_modified(|now| {
            let changed = *now != epoch.is_some();
            *now = epoch.is_some();
            changed
        });
    }
}

/// What a role works with.
#[derive(Debug, Clone)]
pub struct RoleParts {
    /// The role.
    pub role: Role,
    /// This node.
    pub me: MemberId,
    /// Where the lease is.
    pub redis: RedisAddress,
    /// Where the epoch is.
    pub odb: Odb,
    /// Where it tells.
    pub events: Events,
    /// Its times.
    pub timing: LeaseTiming,
}

/// The child spec of a role.
#[must_use]
pub fn spec(parts: &RoleParts) -> ChildSpec {
    let parts = parts.clone();
    ChildSpec::actor(parts.role.name(), "role", move |seat| {
        (RoleActor, (seat, parts.clone()))
    })
}

#[derive(Debug)]
struct RoleActor;

#[derive(Debug)]
struct RoleState {
    role: Role,
    ends: watch::Sender<bool>,
    driver: Option<Pump>,
    _fence: Pump,
    _bell: Pump,
}

impl Actor for RoleActor {
    type Msg = PumpEnded;
    type State = RoleState;
    type Arguments = (Seat, RoleParts);

    async fn pre_start(
        &self,
        me: ActorRef<PumpEnded>,
        (seat, parts): (Seat, RoleParts),
    ) -> Result<RoleState, ActorProcessingErr> {
        let role = parts.role.clone();
        role.0.resigned.send_replace(false);
        role.publish(None);
        let store = Arc::new(Store {
            link: Arc::new(Link::open(&parts.redis)?),
            odb: parts.odb,
            role: role.name(),
            me: parts.me,
            ttl: parts.timing.ttl,
        });
        let rung = Arc::new(Notify::new());
        let (fence_at, fences) = watch::channel(None);
        let (ends, ended) = watch::channel(false);
        let driver = Driver {
            lease: Lease::new(parts.timing, clock::now()),
            under_way: FuturesUnordered::new(),
            store: Arc::clone(&store),
            role: role.clone(),
            events: parts.events,
            seat,
            fence_at,
        };
        let bell = listen(store, Arc::clone(&rung));
        Ok(RoleState {
            _fence: Pump::vital("role-fence", me.clone(), fence(fences, role.clone())),
            _bell: Pump::vital("role-bell", me.clone(), bell),
            driver: Some(Pump::vital("role-lease", me, driver.run(rung, ended))),
            ends,
            role,
        })
    }

    async fn handle(
        &self,
        _me: ActorRef<PumpEnded>,
        ended: PumpEnded,
        state: &mut RoleState,
    ) -> Result<(), ActorProcessingErr> {
        state.role.publish(None);
        ended.crash()
    }

    async fn post_stop(
        &self,
        _me: ActorRef<PumpEnded>,
        state: &mut RoleState,
    ) -> Result<(), ActorProcessingErr> {
        state.role.resign();
        state.ends.send_replace(true);
        if let Some(driver) = state.driver.take()
            && timeout(LAST_WRITES + LEASE_RELEASE_TIMEOUT, driver.join())
                .await
                .is_err()
        {
            tracing::warn!(
                "the role {} was not given back in time; it runs out",
                state.role.name()
            );
        }
        state.role.publish(None);
        Ok(())
    }
}

/// The fence: on its own, so that it falls on time whatever the requests are doing.
async fn fence(mut fence_at: watch::Receiver<Option<Instant>>, role: Role) {
    loop {
        let at = *fence_at.borrow_and_update();
        let falls = async {
            match at {
                Some(at) => sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            moved = fence_at.changed() => if moved.is_err() { return },
            () = falls => {
                role.publish(None);
                if fence_at.changed().await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Wakes the contender when a lease was given back. What is told while it does not listen is not missed: it looks anyway.
#[expect(clippy::infinite_loop, reason = "its pump ends it, with its actor")]
async fn listen(store: Arc<Store>, rung: Arc<Notify>) {
    let channel = store.free_channel();
    let mut pause = RETRY.0;
    loop {
        if let Ok(subscription) = store.link.subscribe(&[&channel]).await {
            pause = RETRY.0;
            let mut heard = subscription.into_on_message();
            while heard.next().await.is_some() {
                rung.notify_one();
            }
        }
        sleep(pause).await;
        pause = (pause * 2).min(RETRY.1);
    }
}

/// What came back of what is under way.
enum Back {
    Answered(Side, Answer),
    /// The end of a term was written down.
    Noted,
}

/// Sends what the lease asks for, and tells it what came of it.
struct Driver {
    lease: Lease,
    under_way: FuturesUnordered<BoxFuture<'static, Back>>,
    store: Arc<Store>,
    role: Role,
    events: Events,
    seat: Seat,
    fence_at: watch::Sender<Option<Instant>>,
}

impl Driver {
    /// Until the role is resigned and given back, and its actor ends.
    async fn run(mut self, rung: Arc<Notify>, mut ended: watch::Receiver<bool>) {
        let role = self.role.clone();
        let mut resigned = role.0.resigned.subscribe();
        let mut doubted = role.0.doubted.subscribe();
        let mut resigns = false;
        self.seat.state(ActorState::Degraded, Some("contender"));
        while !self.lease.is_stopped() {
            self.send();
            let wake_at = self.lease.wake_at();
            let due = async {
                match wake_at {
                    Some(at) => sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            let (mut back, mut doubts) = (None, None);
            tokio::select! {
                Some(came) = self.under_way.next() => back = Some(came),
                () = due => {}
                () = rung.notified() => self.lease.heard_free(clock::now()),
                Ok(()) = doubted.changed() => doubts = *doubted.borrow_and_update(),
                () = told(&mut resigned), if !resigns => {
                    resigns = true;
                    self.resign().await;
                }
            }
            let now = clock::now();
            let turn = match (back, doubts) {
                (Some(Back::Answered(side, answer)), _) => self.lease.answered(side, answer, now),
                (_, Some(epoch)) => self.lease.doubt(epoch, now),
                (Some(Back::Noted) | None, None) => self.lease.pass(now),
            };
            self.turned(turn);
        }
        while self.under_way.next().await.is_some() {}
        // Its actor takes the end of this task for a crash, unless it ends itself.
        told(&mut ended).await;
    }

    fn send(&mut self) {
        while let Some(ask) = self.lease.next(clock::now()) {
            let (store, tenure) = (Arc::clone(&self.store), self.lease.tenure());
            let asked = async move { Back::Answered(ask.side(), store.ask(ask, tenure).await) };
            self.under_way.push(asked.boxed());
        }
    }

    /// Those who act for the role hear first, and have a moment for their last writes.
    async fn resign(&mut self) {
        if self.role.epoch().is_some() {
            self.role.publish(None);
            sleep(LAST_WRITES).await;
        }
        let turn = self.lease.stop();
        self.turned(turn);
    }

    /// The fence is moved before the role is published, and published again each time: the fence may have fallen between.
    fn turned(&mut self, turn: Option<Turn>) {
        let fence_at = self.lease.fence_at();
        self.fence_at.send_if_modified(|now| {
            let moved = *now != fence_at;
            *now = fence_at;
            moved
        });
        if !*self.role.0.resigned.borrow() {
            self.role.publish(self.lease.holds(clock::now()));
        }
        match turn {
            None => {}
            Some(Turn::Took(epoch)) => self.took(epoch),
            Some(Turn::Ended(epoch, end)) => self.ended(epoch, end),
        }
    }

    fn took(&self, epoch: i64) {
        let (me, role) = (&self.store.me.name, self.role.name());
        let message = format!("node {me} holds the role {role}, epoch {epoch}");
        tracing::info!("{message}");
        self.seat.state(ActorState::Running, Some("holder"));
        self.tell(Severity::Info, "role-taken", message, epoch);
    }

    fn ended(&self, epoch: i64, end: End) {
        let (me, role) = (&self.store.me.name, self.role.name());
        let why = match end {
            End::Fenced => "could not renew it in time and stopped by itself",
            End::Lost => "lost it: Redis has it no more",
            End::Deposed => "was overtaken by a later epoch",
            End::Released => "gave it back",
        };
        let message = format!("node {me} held the role {role}, epoch {epoch}, and {why}");
        tracing::warn!("{message}");
        self.seat.state(ActorState::Degraded, Some("contender"));
        let severity = if end == End::Released {
            Severity::Info
        } else {
            Severity::Warning
        };
        self.tell(severity, "role-ended", message, epoch);
        let store = Arc::clone(&self.store);
        let noted = async move {
            store.note_end(epoch, end.as_str()).await;
            Back::Noted
        };
        self.under_way.push(noted.boxed());
    }

    fn tell(&self, severity: Severity, name: &'static str, message: String, epoch: i64) {
        let facts = [
            ("role", json!(self.role.name())),
            ("node", json!(*self.store.me.name)),
            ("epoch", json!(epoch)),
        ];
        let fields: Map<_, _> = facts
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        self.events.tell(severity, name, message, fields);
    }
}

/// Resolves once it is told.
async fn told(word: &mut watch::Receiver<bool>) {
    if word.wait_for(|word| *word).await.is_err() {
        // Nobody is left to tell it.
        std::future::pending::<()>().await;
    }
}
