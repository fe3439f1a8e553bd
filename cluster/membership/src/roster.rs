//! Who is in the cluster, as one node sees it: a state machine that is told of beacons and of time, and nothing else.
//!
//! A peer is joined by its first beacon, suspected when it falls silent, gone when it stays so. While our own beacons do
//! not come back it is we who do not see, and nobody is judged; the same after our process slept. When sight returns,
//! every peer has the whole time again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::beacon::{Beacon, Facts, Header, Phase};
use crate::limits::{
    BLIND_AFTER, CLOCK_SKEW_MS, FLICKER, GONE_AFTER, LOOK_EVERY, MEMBERS_MAX, PROMPT_TRIP_MS,
    STRANGERS_MAX, SUSPECT_AFTER,
};
use crate::member::MemberId;

/// When silence means what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// A peer is suspected after it.
    pub suspect: Duration,
    /// A peer is gone after it.
    pub gone: Duration,
    /// We are blind after it.
    pub blind: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            suspect: SUSPECT_AFTER,
            gone: GONE_AFTER,
            blind: BLIND_AFTER,
        }
    }
}

/// Why a peer is not in the roster any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departure {
    /// It said good-bye.
    Left,
    /// Nothing was heard of it.
    Silent,
    /// It was started again.
    Replaced,
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A peer is there.
    Joined(MemberId),
    /// A peer missed some beacons.
    Suspected(MemberId),
    /// A suspected peer was heard again.
    Cleared(MemberId),
    /// A peer is not there any more.
    Gone(MemberId, Departure),
    /// Another node has our name; the younger of the two gives way.
    NameTaken {
        /// The other one.
        by: MemberId,
        /// Where its API listens.
        address: String,
        /// Whether it is we who give way.
        yields: bool,
    },
    /// The clock of a peer is off by so many milliseconds, or agrees again (`None`).
    Clock(MemberId, Option<i64>),
    /// A node speaks another version.
    OtherProtocol(MemberId, u32),
    /// Whether our own beacons come back.
    Sight(bool),
}

/// A peer.
#[derive(Debug, Clone)]
struct Peer {
    beacon: Beacon,
    heard: Instant,
    suspected: bool,
    /// Milliseconds its clock is ahead of ours.
    skew_ms: i64,
    skewed: bool,
}

/// A peer as others read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberView {
    /// Who.
    pub id: MemberId,
    /// What it said last.
    pub facts: Facts,
    /// When it booted, Unix milliseconds of its clock.
    pub born_ms: i64,
    /// Whether it missed some beacons.
    pub suspected: bool,
    /// Milliseconds its clock is ahead of ours.
    pub skew_ms: i64,
}

/// The roster of one node.
#[derive(Debug)]
pub struct Roster {
    me: MemberId,
    born_ms: i64,
    patience: Patience,
    /// When our own beacon came back last.
    own_heard: Option<Instant>,
    /// How long it took, in milliseconds of the clock on the wall.
    own_trip_ms: i64,
    /// Since when we see; `None` while we do not.
    sees_since: Option<Instant>,
    looked: Instant,
    /// Whether the last look judged nobody, because it came late.
    hesitated: bool,
    phase: Phase,
    peers: BTreeMap<Arc<str>, Peer>,
    rivals: BTreeSet<Arc<str>>,
    foreign: BTreeSet<MemberId>,
}

impl Roster {
    /// An empty roster that sees nothing yet.
    #[must_use]
    pub fn new(me: MemberId, born_ms: i64, patience: Patience, now: Instant) -> Self {
        Self {
            me,
            born_ms,
            patience,
            own_heard: None,
            own_trip_ms: 0,
            sees_since: None,
            looked: now,
            hesitated: false,
            phase: Phase::Joining,
            peers: BTreeMap::new(),
            rivals: BTreeSet::new(),
            foreign: BTreeSet::new(),
        }
    }

    /// Says where this node is in its life; a member gives way to no one who only joins.
    pub fn set_phase(&mut self, phase: Phase) {
        self.phase = phase;
    }

    /// Whether our own beacons come back.
    #[must_use]
    pub const fn sees(&self) -> bool {
        self.sees_since.is_some()
    }

    /// Peers, by name.
    #[must_use]
    pub fn members(&self) -> Vec<MemberView> {
        let view = |peer: &Peer| MemberView {
            id: peer.beacon.id.clone(),
            facts: peer.beacon.facts.clone(),
            born_ms: peer.beacon.born_ms,
            suspected: peer.suspected,
            skew_ms: peer.skew_ms,
        };
        self.peers.values().map(view).collect()
    }

    /// Takes in a beacon; `wall_ms` is our clock on the wall.
    pub fn hear(&mut self, beacon: Beacon, now: Instant, wall_ms: i64) -> Vec<Change> {
        if beacon.id == self.me {
            return self.hear_own(&beacon, now, wall_ms);
        }
        if beacon.id.name == self.me.name {
            return self.hear_rival(&beacon).into_iter().collect();
        }
        self.hear_peer(beacon, now, wall_ms)
    }

    /// Takes in the header of a beacon of another version.
    pub fn hear_foreign(&mut self, header: Header) -> Option<Change> {
        let is_new = self.foreign.len() < STRANGERS_MAX && self.foreign.insert(header.id.clone());
        is_new.then_some(Change::OtherProtocol(header.id, header.protocol))
    }

    /// Takes in that time has passed.
    pub fn look(&mut self, now: Instant) -> Vec<Change> {
        let gap = now.saturating_duration_since(self.looked);
        let slept = gap > self.patience.blind;
        // What came during a short pause is still to be read; the next look judges whatever its own pause was.
        self.hesitated = !self.hesitated && gap > LOOK_EVERY * 2;
        self.looked = now;
        let Some(since) = self.sees_since else {
            return Vec::new();
        };
        if slept {
            // What was said meanwhile may still be on its way to us: everybody has the whole time again.
            self.sees_since = Some(now);
            return Vec::new();
        }
        let silent = |heard: Instant| now.saturating_duration_since(heard.max(since));
        if self
            .own_heard
            .is_none_or(|heard| silent(heard) > self.patience.blind)
        {
            self.sees_since = None;
            return vec![Change::Sight(false)];
        }
        if self.hesitated {
            return Vec::new();
        }
        let mut changes = Vec::new();
        let patience = self.patience;
        self.peers.retain(|_, peer| {
            let silence = silent(peer.heard);
            if silence > patience.gone {
                changes.push(Change::Gone(peer.beacon.id.clone(), Departure::Silent));
                return false;
            }
            if silence > patience.suspect && !peer.suspected {
                peer.suspected = true;
                changes.push(Change::Suspected(peer.beacon.id.clone()));
            }
            true
        });
        changes
    }

    fn hear_own(&mut self, beacon: &Beacon, now: Instant, wall_ms: i64) -> Vec<Change> {
        let before = self.own_heard.replace(now);
        self.own_trip_ms = wall_ms - beacon.sent_ms;
        if self.sees_since.is_none() {
            self.sees_since = Some(now);
            return vec![Change::Sight(true)];
        }
        // Too short to be blind, but others may have missed their turn just before and just after.
        let flickered =
            before.is_some_and(|before| now.saturating_duration_since(before) > FLICKER);
        if flickered {
            self.sees_since = Some(now);
        }
        Vec::new()
    }

    fn hear_rival(&mut self, beacon: &Beacon) -> Option<Change> {
        if beacon.phase == Phase::Leaving || self.rivals.len() >= STRANGERS_MAX {
            return None;
        }
        // A member stays before one who joins, the elder before the younger; incarnations settle a tie.
        let claim = |phase, born_ms: i64, id: &MemberId| {
            (phase != Phase::Member, born_ms, id.incarnation.clone())
        };
        let ours = claim(self.phase, self.born_ms, &self.me);
        let yields = claim(beacon.phase, beacon.born_ms, &beacon.id) < ours;
        // Told again when the verdict turned against us: both may have been joining when it was told first.
        let is_new = self.rivals.insert(beacon.id.incarnation.clone());
        (is_new || yields).then(|| Change::NameTaken {
            by: beacon.id.clone(),
            address: beacon.facts.admin_address.clone(),
            yields,
        })
    }

    fn hear_peer(&mut self, beacon: Beacon, now: Instant, wall_ms: i64) -> Vec<Change> {
        let name = Arc::clone(&beacon.id.name);
        let known = self.peers.get_mut(&name);
        match known {
            Some(peer) if peer.beacon.id == beacon.id => {
                if beacon.number <= peer.beacon.number {
                    return Vec::new();
                }
                if beacon.phase == Phase::Leaving {
                    self.peers.remove(&name);
                    return vec![Change::Gone(beacon.id, Departure::Left)];
                }
                peer.heard = now;
                let was_suspected = std::mem::replace(&mut peer.suspected, false);
                let cleared = was_suspected.then(|| Change::Cleared(beacon.id.clone()));
                peer.beacon = beacon;
                let clock = self.compare_clocks(&name, wall_ms);
                cleared.into_iter().chain(clock).collect()
            }
            Some(peer) if is_older(&beacon, &peer.beacon) => Vec::new(),
            known => {
                if beacon.phase != Phase::Member {
                    return Vec::new();
                }
                let gone = known.map(|peer| {
                    let old = peer.beacon.id.clone();
                    Change::Gone(old, Departure::Replaced)
                });
                if gone.is_none() && self.peers.len() >= MEMBERS_MAX {
                    return Vec::new();
                }
                let joined = Change::Joined(beacon.id.clone());
                let peer = Peer {
                    beacon,
                    heard: now,
                    suspected: false,
                    skew_ms: 0,
                    skewed: false,
                };
                self.peers.insert(Arc::clone(&name), peer);
                let clock = self.compare_clocks(&name, wall_ms);
                gone.into_iter().chain([joined]).chain(clock).collect()
            }
        }
    }

    /// Only while our own beacons come back at once: otherwise the delay would be taken for a difference of clocks.
    fn compare_clocks(&mut self, name: &str, wall_ms: i64) -> Option<Change> {
        if !self.sees() || !(0..=PROMPT_TRIP_MS).contains(&self.own_trip_ms) {
            return None;
        }
        let peer = self.peers.get_mut(name)?;
        peer.skew_ms = peer.beacon.sent_ms - wall_ms;
        let skewed = peer.skew_ms.abs() > CLOCK_SKEW_MS;
        if skewed == peer.skewed {
            return None;
        }
        peer.skewed = skewed;
        let told = skewed.then_some(peer.skew_ms);
        Some(Change::Clock(peer.beacon.id.clone(), told))
    }
}

/// Whether a beacon is of an earlier boot than another one.
fn is_older(this: &Beacon, other: &Beacon) -> bool {
    let of = |beacon: &Beacon| (beacon.born_ms, beacon.id.incarnation.clone());
    of(this) < of(other)
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
