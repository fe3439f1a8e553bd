//! The sessions of a node. Owns: its door, the handshakes at it, and the calls to others. Hears: the end of its pump. Says:
//! streams whose other end is known, to `ractor_cluster`'s server; the end to sessions whose peer is gone.
//! Dies when: its pump does (crash). Restart: permanent. A door that cannot be opened and peers that cannot be reached are
//! states.
//!
//! Level, not edge: sessions are held against the roster again and again, so that no lost event leaves one missing.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use busker_kit::ractor::{Actor, ActorProcessingErr, ActorRef};
use busker_kit::{ChildSpec, Pump, PumpEnded, Seat, clock};
use busker_model::{ActorState, Fault};
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use ractor_cluster::NodeServerMessage;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::book::Book;
use crate::limits::{
    DIAL_ANYWAY_AFTER, HANDSHAKE_TIMEOUT, HANDSHAKES_MAX, REDIAL_AFTER, RETRY, SESSION_LOOK_EVERY,
};
use crate::member::MemberId;
use crate::members::Members;
use crate::server::Found;
use crate::stream::Wire;
use crate::transport::hello::Introduction;
use crate::transport::{Accepting, Listener, Target, Way};

/// What sessions work with.
#[derive(Debug, Clone)]
pub(crate) struct SessionsParts {
    pub(crate) members: Members,
    pub(crate) cluster: String,
    pub(crate) way: Arc<dyn Way>,
    pub(crate) found: Found,
    pub(crate) book: Book,
}

pub(crate) fn spec(parts: &SessionsParts) -> ChildSpec {
    let parts = parts.clone();
    ChildSpec::actor("sessions", "sessions", move |seat| {
        (SessionsActor, (seat, parts.clone()))
    })
}

#[derive(Debug)]
struct SessionsActor;

impl Actor for SessionsActor {
    type Msg = PumpEnded;
    type State = Pump;
    type Arguments = (Seat, SessionsParts);

    async fn pre_start(
        &self,
        me: ActorRef<PumpEnded>,
        (seat, parts): (Seat, SessionsParts),
    ) -> Result<Pump, ActorProcessingErr> {
        let introduction = Introduction {
            cluster: parts.cluster.clone(),
            me: parts.members.me().clone(),
        };
        let porter = Porter {
            introduction,
            parts,
            seat,
            at_the_door: FuturesUnordered::new(),
            calls: FuturesUnordered::new(),
            wanted: HashMap::new(),
            met: HashSet::new(),
        };
        Ok(Pump::vital("sessions", me, porter.run()))
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

type Met = BoxFuture<'static, Result<Wire, Fault>>;
type Called = BoxFuture<'static, (MemberId, Result<Wire, Fault>)>;

/// A peer without a session.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    since: Instant,
    called: Option<Instant>,
    /// Whether it was said that calls fail.
    told: bool,
}

struct Porter {
    introduction: Introduction,
    parts: SessionsParts,
    seat: Seat,
    at_the_door: FuturesUnordered<Met>,
    calls: FuturesUnordered<Called>,
    wanted: HashMap<MemberId, Wanted>,
    /// Peers that were in the roster: when they are not any more, they are gone, not new.
    met: HashSet<MemberId>,
}

impl Porter {
    #[expect(clippy::infinite_loop, reason = "its pump ends it, with its actor")]
    async fn run(mut self) {
        let mut pause = RETRY.0;
        let mut told = false;
        loop {
            match self.parts.way.listen().await {
                Ok(door) => {
                    (pause, told) = (RETRY.0, false);
                    self.seat.state(ActorState::Running, None);
                    let fault = self.serve(door).await;
                    tracing::warn!("sessions of other nodes do not come any more: {fault:?}");
                }
                Err(fault) if !std::mem::replace(&mut told, true) => {
                    tracing::warn!("sessions of other nodes cannot come: {fault:?}");
                }
                Err(_) => {}
            }
            self.seat.state(ActorState::Degraded, Some("no-door"));
            sleep(pause).await;
            pause = (pause * 2).min(RETRY.1);
        }
    }

    /// As long as the door is open; why it is not any more.
    async fn serve(&mut self, mut door: Box<dyn Listener>) -> Fault {
        let mut ticks = interval(SESSION_LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut view = self.parts.members.subscribe();
        let book = self.parts.book.clone();
        loop {
            tokio::select! {
                came = door.accept(), if self.at_the_door.len() < HANDSHAKES_MAX => match came {
                    Ok(accepting) => self.meet(accepting),
                    Err(fault) => return fault,
                },
                Some(met) = self.at_the_door.next() => match met {
                    Ok(wire) => self.hand_over(wire, true),
                    Err(fault) => tracing::debug!("a connection came to nothing: {fault:?}"),
                },
                Some((peer, called)) = self.calls.next() => match called {
                    Ok(wire) => self.hand_over(wire, false),
                    Err(fault) => self.failed(&peer, &fault),
                },
                _ = ticks.tick() => self.look(),
                Ok(()) = view.changed() => self.look(),
                () = book.changed() => self.look(),
            }
        }
    }

    fn meet(&self, accepting: Accepting) {
        let introduction = self.introduction.clone();
        let met = async move { introduction.accepted(accepting.await?).await };
        self.at_the_door.push(in_time(met).boxed());
    }

    fn hand_over(&self, wire: Wire, is_server: bool) {
        let Some(server) = self.parts.found.borrow().clone() else {
            tracing::debug!("a connection came while there is no server: {wire:?}");
            return;
        };
        let opened = NodeServerMessage::ConnectionOpenedExternal {
            stream: Box::new(wire),
            is_server,
        };
        if server.cast(opened).is_err() {
            tracing::debug!("a connection came while the server ends");
        }
    }

    /// The first failure of each peer is told; the calls go on.
    fn failed(&mut self, peer: &MemberId, fault: &Fault) {
        let told = match self.wanted.get_mut(peer) {
            Some(wanted) => std::mem::replace(&mut wanted.told, true),
            None => true,
        };
        if told {
            tracing::debug!("a call to {peer} came to nothing: {fault:?}");
            return;
        }
        tracing::warn!(
            "there is no session with node {}, and no operation on it from here: {fault:?}",
            peer.name
        );
    }

    /// Holds sessions against the roster.
    fn look(&mut self) {
        let now = clock::now();
        let view = self.parts.members.view();
        let rows = self.parts.book.rows();
        let late = |opened: Instant| now.duration_since(opened) > HANDSHAKE_TIMEOUT;
        self.met.retain(|id| rows.iter().any(|row| row.peer == *id));
        self.met
            .extend(view.peers.iter().map(|peer| peer.id.clone()));
        for row in &rows {
            let is_there = view.peers.iter().any(|peer| peer.id == row.peer);
            // Blind, we end nobody's session: it may be the only thing that works. Who is new has the time of a
            // handshake, since his beacon may come after him.
            let is_new = !self.met.contains(&row.peer) && !late(row.opened);
            let gone = view.sees && !is_there && !is_new;
            if gone || (!row.ready && late(row.opened)) {
                tracing::info!("the session with {} is ended", row.peer);
                row.actor.kill();
            }
        }
        if !view.joined {
            return;
        }
        let has = |peer: &MemberId| rows.iter().any(|row| row.peer == *peer);
        let peers: Vec<_> = view.peers.iter().filter(|peer| !has(&peer.id)).collect();
        self.wanted
            .retain(|id, _| peers.iter().any(|peer| peer.id == *id));
        for peer in peers {
            let wanted = self.wanted.entry(peer.id.clone()).or_insert(Wanted {
                since: now,
                called: None,
                told: false,
            });
            // One of two calls, and it is the one whose call `ractor_cluster` would keep if both did.
            let ours = *self.introduction.me.to_string() > *peer.id.to_string();
            let anyway = now.duration_since(wanted.since) > DIAL_ANYWAY_AFTER;
            let again = wanted
                .called
                .is_none_or(|called| now.duration_since(called) > REDIAL_AFTER);
            if again && (ours || anyway) && !peer.suspected {
                wanted.called = Some(now);
                let target = Target {
                    id: peer.id.clone(),
                    address: peer.facts.session_address.clone(),
                };
                self.calls.push(self.call(target));
            }
        }
    }

    fn call(&self, target: Target) -> Called {
        let (introduction, way) = (self.introduction.clone(), Arc::clone(&self.parts.way));
        let peer = target.id.clone();
        let reached = async move {
            let id = target.id.clone();
            introduction.dialled(way.dial(target).await?, id).await
        };
        async move { (peer, in_time(reached).await) }.boxed()
    }
}

async fn in_time(work: impl Future<Output = Result<Wire, Fault>>) -> Result<Wire, Fault> {
    let late = |_| Fault::timeout(format!("no handshake within {HANDSHAKE_TIMEOUT:?}"));
    timeout(HANDSHAKE_TIMEOUT, work).await.map_err(late)?
}
