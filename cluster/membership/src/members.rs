//! The members of the cluster, as this node sees them. Owns: the roster, the line it hears beacons on, and the line it
//! says its own on. Hears: the end of its pumps. Says: the roster, through [`Members`]; an event for each change.
//! Dies when: a pump ends, or another node has its name and is the elder (crash). Restart: permanent; where the name is
//! taken the budget is soon spent, and the node ends. Redis being away is a state.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use busker_kit::ractor::{Actor, ActorProcessingErr, ActorRef};
use busker_kit::{ChildSpec, Pump, PumpEnded, Seat, clock};
use busker_model::{ActorState, ErrorClass, Fault};
use busker_telemetry::Events;
use deadpool_redis::redis;
use futures::StreamExt;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::beacon::{Beacon, Facts, Heard, Phase};
use crate::limits::{BEACON_EVERY, LAST_BEACON, LOOK_EVERY, NAME_CHECK, PROTOCOL, RETRY};
use crate::member::MemberId;
use crate::redis::{Link, RedisAddress};
use crate::roster::{Change, MemberView, Patience, Roster};
use crate::secret::ClusterKeys;

mod told;

/// Tells what a node wants others to know of it, each time it is asked.
pub type FactsSource = Arc<dyn Fn() -> Facts + Send + Sync>;

/// The roster at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// Whether our own beacons come back; while they do not, the roster stands still.
    pub sees: bool,
    /// Whether this node has joined.
    pub joined: bool,
    /// The other nodes, by name.
    pub peers: Vec<MemberView>,
}

impl View {
    /// The node that holds a role, when a peer says that it does.
    #[must_use]
    pub fn holder(&self, role: &str) -> Option<(&MemberId, i64)> {
        let holds = |peer: &'_ MemberView| peer.facts.roles.get(role).copied();
        let held = self
            .peers
            .iter()
            .filter_map(|peer| Some((&peer.id, holds(peer)?)));
        held.max_by_key(|(_, epoch)| *epoch)
    }
}

#[derive(Debug)]
struct Shared {
    me: MemberId,
    view: watch::Sender<View>,
    /// Why this node may not join.
    refused: watch::Sender<Option<Fault>>,
    leaving: watch::Sender<bool>,
}

/// The members, for the rest of a node. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Members(Arc<Shared>);

impl Members {
    /// Nobody yet.
    #[must_use]
    pub fn new(me: MemberId) -> Self {
        Self(Arc::new(Shared {
            me,
            view: watch::Sender::new(View::default()),
            refused: watch::Sender::new(None),
            leaving: watch::Sender::new(false),
        }))
    }

    /// This node.
    #[must_use]
    pub fn me(&self) -> &MemberId {
        &self.0.me
    }

    /// The roster now.
    #[must_use]
    pub fn view(&self) -> View {
        self.0.view.borrow().clone()
    }

    /// Follows the roster.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<View> {
        self.0.view.subscribe()
    }

    /// Waits until this node has joined; `false` when it has not within `time`, as while Redis is away.
    ///
    /// # Errors
    /// `Conflict` when another node of the cluster has its name.
    pub async fn joined(&self, time: Duration) -> Result<bool, Fault> {
        let (mut view, mut refused) = (self.0.view.subscribe(), self.0.refused.subscribe());
        let decided = async {
            tokio::select! {
                Ok(why) = refused.wait_for(Option::is_some) => why.clone(),
                _ = view.wait_for(|view| view.joined) => None,
            }
        };
        match timeout(time, decided).await {
            Ok(Some(fault)) => Err(fault),
            Ok(None) => Ok(true),
            Err(_) => Ok(false),
        }
    }

    /// Says good-bye to the others; the actor does so by itself when it ends.
    pub fn leave(&self) {
        self.0.leaving.send_replace(true);
    }
}

/// What the members work with.
#[derive(Clone)]
pub struct MembersParts {
    /// The handle.
    pub members: Members,
    /// When this node booted, Unix milliseconds.
    pub born_ms: i64,
    /// Where beacons go.
    pub redis: RedisAddress,
    /// What they are signed with.
    pub keys: ClusterKeys,
    /// What they say.
    pub facts: FactsSource,
    /// When silence means what.
    pub patience: Patience,
    /// Where it tells.
    pub events: Events,
}

impl fmt::Debug for MembersParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MembersParts")
            .field("members", &self.members)
            .finish_non_exhaustive()
    }
}

/// The child spec of the members.
#[must_use]
pub fn spec(parts: &MembersParts) -> ChildSpec {
    let parts = parts.clone();
    ChildSpec::actor("members", "members", move |seat| {
        (MembersActor, (seat, parts.clone()))
    })
}

#[derive(Debug)]
struct MembersActor;

#[derive(Debug)]
struct MembersState {
    members: Members,
    voice: Option<Pump>,
    _ear: Pump,
}

impl Actor for MembersActor {
    type Msg = PumpEnded;
    type State = MembersState;
    type Arguments = (Seat, MembersParts);

    async fn pre_start(
        &self,
        me: ActorRef<PumpEnded>,
        (seat, parts): (Seat, MembersParts),
    ) -> Result<MembersState, ActorProcessingErr> {
        let members = parts.members.clone();
        members.0.leaving.send_replace(false);
        let link = Arc::new(Link::open(&parts.redis)?);
        let phase = watch::Sender::new(Phase::Joining);
        let voice = Voice {
            link: Arc::clone(&link),
            parts: parts.clone(),
            phase: phase.subscribe(),
        };
        let ear = Ear {
            roster: Mutex::new(Roster::new(
                members.me().clone(),
                parts.born_ms,
                parts.patience,
                clock::now(),
            )),
            link,
            parts,
            phase,
            seat,
        };
        Ok(MembersState {
            voice: Some(Pump::vital("member-voice", me.clone(), voice.run())),
            _ear: Pump::vital("member-ear", me, ear.run()),
            members,
        })
    }

    async fn handle(
        &self,
        _me: ActorRef<PumpEnded>,
        ended: PumpEnded,
        _state: &mut MembersState,
    ) -> Result<(), ActorProcessingErr> {
        ended.crash()
    }

    async fn post_stop(
        &self,
        _me: ActorRef<PumpEnded>,
        state: &mut MembersState,
    ) -> Result<(), ActorProcessingErr> {
        state.members.leave();
        if let Some(voice) = state.voice.take()
            && timeout(LAST_BEACON, voice.join()).await.is_err()
        {
            tracing::debug!("the good-bye of this node took too long; others notice its silence");
        }
        Ok(())
    }
}

fn channel(link: &Link) -> String {
    link.name("beacons")
}

/// Says that this node is there.
struct Voice {
    link: Arc<Link>,
    parts: MembersParts,
    phase: watch::Receiver<Phase>,
}

impl Voice {
    /// Until this node leaves, which is said last.
    async fn run(self) {
        let mut ticks = interval(BEACON_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut leaving = self.parts.members.0.leaving.subscribe();
        let mut number = 0;
        let mut away = false;
        loop {
            let leaves = tokio::select! {
                _ = ticks.tick() => false,
                _ = leaving.wait_for(|leaving| *leaving) => true,
            };
            // A boot that restarts this actor goes on counting: its clock is larger than any number before.
            number = (number + 1).max(clock::unix_ms().unsigned_abs());
            let phase = if leaves {
                Phase::Leaving
            } else {
                *self.phase.borrow()
            };
            match self.say(number, phase).await {
                Ok(()) => away = false,
                Err(fault) if !std::mem::replace(&mut away, true) => {
                    tracing::warn!("this node cannot tell others that it is there: {fault:?}");
                }
                Err(_) => {}
            }
            if leaves {
                return;
            }
        }
    }

    async fn say(&self, number: u64, phase: Phase) -> Result<(), Fault> {
        let beacon = Beacon {
            protocol: PROTOCOL,
            cluster: self.parts.redis.cluster.clone(),
            id: self.parts.members.me().clone(),
            born_ms: self.parts.born_ms,
            number,
            sent_ms: clock::unix_ms(),
            phase,
            facts: (self.parts.facts)(),
        };
        let bytes = beacon
            .seal(&self.parts.keys)
            .map_err(|error| Fault::internal(format!("a beacon cannot be sent: {error}")))?;
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(channel(&self.link)).arg(bytes);
        self.link.run::<i64>(&publish).await.map(drop)
    }
}

/// Hears the others, and judges their silence.
struct Ear {
    roster: Mutex<Roster>,
    link: Arc<Link>,
    parts: MembersParts,
    phase: watch::Sender<Phase>,
    seat: Seat,
}

impl Ear {
    /// Until this node must give way to another one of its name.
    async fn run(self) {
        let mut pause = RETRY.0;
        self.show();
        loop {
            let stays = tokio::select! {
                stays = self.hear(&mut pause) => stays,
                stays = self.look() => stays,
            };
            if !stays {
                return;
            }
            let stays = tokio::select! {
                () = sleep(pause) => true,
                stays = self.look() => stays,
            };
            if !stays {
                return;
            }
            pause = (pause * 2).min(RETRY.1);
        }
    }

    /// One subscription, for as long as it holds; `false` when this node gives way.
    async fn hear(&self, pause: &mut Duration) -> bool {
        let subscription = match self.link.subscribe(&[&channel(&self.link)]).await {
            Ok(subscription) => subscription,
            Err(fault) => {
                tracing::debug!("this node does not hear the others: {fault:?}");
                return true;
            }
        };
        *pause = RETRY.0;
        let mut refused = 0_u32;
        let mut heard = subscription.into_on_message();
        while let Some(message) = heard.next().await {
            if !self.take(message.get_payload_bytes(), &mut refused) {
                return false;
            }
        }
        true
    }

    fn take(&self, bytes: &[u8], refused: &mut u32) -> bool {
        let cluster = &self.parts.redis.cluster;
        let changes = match Beacon::open(bytes, &self.parts.keys, cluster) {
            Ok(Heard::Beacon(beacon)) => {
                let wall_ms = clock::unix_ms();
                self.roster.lock().hear(*beacon, clock::now(), wall_ms)
            }
            Ok(Heard::Foreign(header)) => {
                let told = self.roster.lock().hear_foreign(header);
                told.into_iter().collect()
            }
            Err(error) => {
                // Told when it begins and now and then after: whoever sends one sends five a second.
                if refused.is_power_of_two() || *refused == 0 {
                    tracing::warn!("a beacon was refused: {error}");
                }
                *refused = refused.saturating_add(1);
                return true;
            }
        };
        self.changed(changes)
    }

    /// Looks at the clock for ever; resolves with `false` when this node gives way.
    async fn look(&self) -> bool {
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut seen_since = None;
        loop {
            ticks.tick().await;
            let now = clock::now();
            let changes = self.roster.lock().look(now);
            if !changes.is_empty() && !self.changed(changes) {
                return false;
            }
            let sees = self.roster.lock().sees();
            seen_since = seen_since.filter(|_| sees).or_else(|| sees.then_some(now));
            if seen_since.is_some_and(|since| now.duration_since(since) >= NAME_CHECK) {
                self.join();
            }
        }
    }

    /// Nobody answered to our name.
    fn join(&self) {
        let joins = self.phase.send_if_modified(|phase| {
            let joins = *phase == Phase::Joining;
            *phase = Phase::Member;
            joins
        });
        if joins {
            self.roster.lock().set_phase(Phase::Member);
            tracing::info!(
                "node {} has joined its cluster",
                self.parts.members.me().name
            );
            self.show();
        }
    }

    /// Tells what changed; `false` when this node gives way to another one of its name.
    fn changed(&self, changes: Vec<Change>) -> bool {
        if changes.is_empty() {
            // Facts may have changed without anybody coming or going.
            self.show();
            return true;
        }
        let mut stays = true;
        for change in changes {
            if let Change::NameTaken {
                by,
                address,
                yields: true,
            } = &change
            {
                stays = false;
                let refusal = Fault::new(
                    ErrorClass::Conflict,
                    format!(
                        "node.name: {:?} is the name of a node that runs already (API on {address}): \
                         stop that one, or give this one another name",
                        by.name
                    ),
                );
                self.parts.members.0.refused.send_replace(Some(refusal));
            }
            told::tell(&self.parts.events, &self.parts.members.me().name, &change);
            if let Change::Joined(peer) = &change {
                self.compare_services(peer);
            }
        }
        self.show();
        stays
    }

    /// Nodes that were built with different services are told of; each runs what it has.
    fn compare_services(&self, id: &MemberId) {
        let members = self.roster.lock().members();
        let peer = members.into_iter().find(|peer| peer.id == *id);
        let ours = (self.parts.facts)().built_in;
        if peer.is_some_and(|peer| peer.facts.built_in != ours) {
            told::services_differ(&self.parts.events, &self.parts.members.me().name, id);
        }
    }

    fn show(&self) {
        let roster = self.roster.lock();
        let view = View {
            sees: roster.sees(),
            joined: *self.phase.borrow() == Phase::Member,
            peers: roster.members(),
        };
        drop(roster);
        if view.sees {
            self.seat.state(ActorState::Running, None);
        } else {
            self.seat.state(ActorState::Degraded, Some("does-not-hear"));
        }
        self.parts.members.0.view.send_if_modified(|now| {
            let changed = *now != view;
            *now = view;
            changed
        });
    }
}
