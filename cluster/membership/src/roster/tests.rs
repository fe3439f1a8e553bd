use super::*;
use crate::limits::PROTOCOL;

fn id(name: &str, incarnation: &str) -> MemberId {
    MemberId::new(name, incarnation)
}

/// A beacon; `born_ms` is taken from the incarnation's length, so that longer ones are younger.
fn beacon(id: &MemberId, number: u64, sent_ms: i64) -> Beacon {
    Beacon {
        protocol: PROTOCOL,
        cluster: "c".into(),
        born_ms: i64::try_from(id.incarnation.len()).unwrap(),
        id: id.clone(),
        number,
        sent_ms,
        phase: Phase::Member,
        facts: Facts::default(),
    }
}

struct Bench {
    roster: Roster,
    start: Instant,
    number: u64,
}

impl Bench {
    fn new() -> Self {
        let start = busker_kit::clock::now();
        let me = id("node1", "aa");
        let mut roster = Roster::new(me, 2, Patience::default(), start);
        roster.set_phase(Phase::Member);
        Self {
            roster,
            start,
            number: 0,
        }
    }

    fn at(&self, ms: i64) -> Instant {
        self.start + Duration::from_millis(ms.unsigned_abs())
    }

    fn own(&mut self, ms: i64) -> Vec<Change> {
        self.number += 1;
        let own = beacon(&id("node1", "aa"), self.number, ms);
        self.roster.hear(own, self.at(ms), ms)
    }

    fn hear(&mut self, beacon: Beacon, ms: i64) -> Vec<Change> {
        self.roster.hear(beacon, self.at(ms), ms)
    }

    /// Time passes with our own beacons coming back, and nothing else.
    fn pass(&mut self, from_ms: i64, to_ms: i64) -> Vec<(i64, Change)> {
        let mut changes = Vec::new();
        for ms in (from_ms..=to_ms).step_by(50) {
            if ms % 200 == 0 {
                changes.extend(self.own(ms).into_iter().map(|change| (ms, change)));
            }
            let looked = self.roster.look(self.at(ms));
            changes.extend(looked.into_iter().map(|change| (ms, change)));
        }
        changes
    }
}

#[test]
fn a_silent_peer_is_suspected_then_gone_and_a_returning_one_joins_again() {
    let mut bench = Bench::new();
    let peer = id("node2", "b");
    assert_eq!(bench.own(0), [Change::Sight(true)]);
    assert_eq!(
        bench.hear(beacon(&peer, 1, 0), 0),
        [Change::Joined(peer.clone())]
    );
    let changes = bench.pass(0, 2_000);
    assert_eq!(
        changes,
        [
            (650, Change::Suspected(peer.clone())),
            (1_250, Change::Gone(peer.clone(), Departure::Silent)),
        ]
    );
    assert!(bench.roster.members().is_empty());
    assert_eq!(
        bench.hear(beacon(&peer, 2, 2_000), 2_000),
        [Change::Joined(peer)]
    );
}

#[test]
fn a_suspected_peer_that_is_heard_is_cleared_and_an_old_beacon_is_no_sign_of_life() {
    let mut bench = Bench::new();
    let peer = id("node2", "b");
    bench.own(0);
    bench.hear(beacon(&peer, 5, 0), 0);
    bench.pass(0, 700);
    assert_eq!(bench.hear(beacon(&peer, 5, 0), 700), []);
    assert_eq!(bench.hear(beacon(&peer, 4, 0), 700), []);
    assert!(bench.roster.members()[0].suspected);
    assert_eq!(
        bench.hear(beacon(&peer, 6, 700), 700),
        [Change::Cleared(peer)]
    );
}

#[test]
fn a_node_that_says_good_bye_is_gone_at_once() {
    let mut bench = Bench::new();
    let peer = id("node2", "b");
    bench.own(0);
    bench.hear(beacon(&peer, 1, 0), 0);
    let mut last = beacon(&peer, 2, 10);
    last.phase = Phase::Leaving;
    assert_eq!(bench.hear(last, 10), [Change::Gone(peer, Departure::Left)]);
}

#[test]
fn a_restarted_node_replaces_itself_and_its_former_self_is_not_heard_any_more() {
    let mut bench = Bench::new();
    let (old, new) = (id("node2", "b"), id("node2", "bb"));
    bench.own(0);
    bench.hear(beacon(&old, 90, 0), 0);
    assert_eq!(
        bench.hear(beacon(&new, 1, 100), 100),
        [
            Change::Gone(old.clone(), Departure::Replaced),
            Change::Joined(new.clone())
        ]
    );
    assert_eq!(bench.hear(beacon(&old, 91, 100), 100), []);
    assert_eq!(bench.roster.members()[0].id, new);
}

#[test]
fn a_node_that_only_joins_is_not_in_the_roster() {
    let mut bench = Bench::new();
    let mut joining = beacon(&id("node2", "b"), 1, 0);
    joining.phase = Phase::Joining;
    bench.own(0);
    assert_eq!(bench.hear(joining, 0), []);
    assert!(bench.roster.members().is_empty());
}

#[test]
fn of_two_nodes_of_one_name_the_younger_gives_way_and_each_is_told() {
    let mut bench = Bench::new();
    bench.own(0);
    let (elder, younger) = (id("node1", "x"), id("node1", "yyy"));
    let verdict = |changes: Vec<Change>| match changes.as_slice() {
        [Change::NameTaken { yields, .. }] => Some(*yields),
        _ => None,
    };
    assert_eq!(verdict(bench.hear(beacon(&younger, 1, 0), 0)), Some(false));
    assert_eq!(verdict(bench.hear(beacon(&younger, 2, 0), 0)), None);
    assert_eq!(verdict(bench.hear(beacon(&elder, 1, 0), 0)), Some(true));
    bench.roster.set_phase(Phase::Joining);
    assert_eq!(verdict(bench.hear(beacon(&younger, 3, 0), 0)), Some(true));
}

#[test]
fn while_our_own_beacons_do_not_come_back_nobody_is_judged() {
    let mut bench = Bench::new();
    let peer = id("node2", "b");
    bench.own(0);
    bench.hear(beacon(&peer, 1, 0), 0);
    let mut changes = Vec::new();
    for ms in (0..=10_000).step_by(50) {
        changes.extend(bench.roster.look(bench.at(ms)));
    }
    assert_eq!(changes, [Change::Sight(false)]);
    assert_eq!(bench.own(10_050), [Change::Sight(true)]);
    let changes = bench.pass(10_100, 12_000);
    let gone = (11_300, Change::Gone(peer, Departure::Silent));
    assert_eq!(changes.last(), Some(&gone));
}

#[test]
fn a_node_that_slept_judges_nobody_by_its_own_sleep() {
    let mut bench = Bench::new();
    let peer = id("node2", "b");
    bench.own(0);
    bench.hear(beacon(&peer, 1, 0), 0);
    bench.pass(0, 400);
    // Fifteen seconds later: what came meanwhile is read one by one, and the clock is looked at in between.
    assert_eq!(bench.roster.look(bench.at(15_400)), []);
    assert_eq!(bench.own(15_400), []);
    assert_eq!(bench.roster.look(bench.at(15_450)), []);
    assert_eq!(bench.roster.members().len(), 1);
}

#[test]
fn a_clock_that_is_off_is_told_once_and_again_when_it_agrees() {
    let mut bench = Bench::new();
    let peer = id("node2", "b");
    bench.own(0);
    bench.hear(beacon(&peer, 1, 0), 0);
    let off = bench.hear(beacon(&peer, 2, 5_000), 100);
    assert_eq!(off, [Change::Clock(peer.clone(), Some(4_900))]);
    assert_eq!(bench.hear(beacon(&peer, 3, 5_100), 200), []);
    let right = bench.hear(beacon(&peer, 4, 300), 300);
    assert_eq!(right, [Change::Clock(peer.clone(), None)]);
    // Beacons that were held up say nothing about clocks.
    bench.number += 1;
    let own = beacon(&id("node1", "aa"), bench.number, 400);
    bench.hear(own, 5_000);
    assert_eq!(bench.hear(beacon(&peer, 5, 400), 5_000), []);
}

#[test]
fn another_version_is_told_once_and_joins_nothing() {
    let mut bench = Bench::new();
    let header = Header {
        protocol: 9,
        cluster: "c".into(),
        id: id("node3", "c"),
    };
    let told = bench.roster.hear_foreign(header.clone());
    assert_eq!(told, Some(Change::OtherProtocol(id("node3", "c"), 9)));
    assert_eq!(bench.roster.hear_foreign(header), None);
    assert!(bench.roster.members().is_empty());
}

#[test]
fn a_roster_has_a_bound() {
    let mut bench = Bench::new();
    bench.own(0);
    for number in 0..MEMBERS_MAX + 10 {
        bench.hear(beacon(&id(&format!("peer{number}"), "b"), 1, 0), 0);
    }
    assert_eq!(bench.roster.members().len(), MEMBERS_MAX);
}
