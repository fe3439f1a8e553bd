//! Many nodes and one Redis in simulated time, under faults from a seed.

use super::*;
use crate::limits::{BEACON_EVERY, LOOK_EVERY, PROTOCOL};

/// Schedules of one run.
const SCHEDULES: u64 = 10_000;
/// One step, and how long a schedule with faults and its calm end take, in milliseconds.
const STEP_MS: u64 = 10;
const FAULTS_MS: u64 = 8_000;
const CALM_MS: u64 = 4_000;
/// A dead or frozen peer must be out of every roster that sees within this time.
const MUST_BE_GONE_MS: u64 = 2_000;

/// Half-open times in which something is wrong, in milliseconds.
type Windows = Vec<(u64, u64)>;

fn inside(windows: &Windows, ms: u64) -> bool {
    windows.iter().any(|&(from, to)| (from..to).contains(&ms))
}

struct Node {
    id: MemberId,
    roster: Roster,
    /// Frozen, and dead from some time on.
    frozen: Windows,
    dead_from: u64,
    /// What Redis sent while it was frozen.
    inbox: Vec<Beacon>,
    number: u64,
    offset_ms: u64,
    /// When each peer was last declared gone.
    gone: Vec<(u64, MemberId, Departure)>,
}

struct World {
    start: Instant,
    nodes: Vec<Node>,
    redis_away: Windows,
    ms: u64,
}

fn windows(rng: &mut fastrand::Rng, most: usize, longest_ms: u64) -> Windows {
    (0..rng.usize(0..=most))
        .map(|_| {
            let from = rng.u64(500..FAULTS_MS);
            (from, (from + rng.u64(50..longest_ms)).min(FAULTS_MS))
        })
        .collect()
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let start = busker_kit::clock::now();
        let count = rng.usize(2..=5);
        let nodes = (0..count).map(|number| {
            let id = MemberId::new(&format!("node{number}"), "a");
            let mut roster = Roster::new(id.clone(), 0, Patience::default(), start);
            roster.set_phase(Phase::Member);
            let dies = rng.u8(0..5) == 0 && number > 0;
            Node {
                id,
                roster,
                frozen: windows(&mut rng, 2, 4_000),
                dead_from: if dies {
                    rng.u64(500..FAULTS_MS)
                } else {
                    u64::MAX
                },
                inbox: Vec::new(),
                number: 0,
                offset_ms: rng.u64(0..20) * STEP_MS,
                gone: Vec::new(),
            }
        });
        Self {
            start,
            nodes: nodes.collect(),
            redis_away: windows(&mut rng, 2, 5_000),
            ms: 0,
        }
    }

    fn runs(&self, node: usize) -> bool {
        let node = &self.nodes[node];
        self.ms < node.dead_from && !inside(&node.frozen, self.ms)
    }

    fn step(&mut self) {
        self.ms += STEP_MS;
        let now = self.start + Duration::from_millis(self.ms);
        let wall_ms = i64::try_from(self.ms).unwrap();
        let redis = !inside(&self.redis_away, self.ms);
        for node in 0..self.nodes.len() {
            if !self.runs(node) {
                continue;
            }
            let due = (self.ms + self.nodes[node].offset_ms).is_multiple_of(millis(BEACON_EVERY));
            if due && redis {
                let beacon = self.nodes[node].say(wall_ms);
                for other in &mut self.nodes {
                    other.inbox.push(beacon.clone());
                }
            }
        }
        for number in 0..self.nodes.len() {
            if !self.runs(number) {
                continue;
            }
            let (ms, node) = (self.ms, &mut self.nodes[number]);
            let mut changes = Vec::new();
            // A process that wakes may look at the clock before or after it reads what has come.
            if (ms + node.offset_ms).is_multiple_of(millis(LOOK_EVERY)) {
                changes.extend(node.roster.look(now));
            }
            for beacon in std::mem::take(&mut node.inbox) {
                changes.extend(node.roster.hear(beacon, now, wall_ms));
            }
            for change in changes {
                if let Change::Gone(id, why) = change {
                    node.gone.push((ms, id, why));
                }
            }
        }
    }

    /// Whether a node ran all the time, whatever Redis did.
    fn ran_since(&self, name: &MemberId, ms: u64, within: u64) -> bool {
        let node = self.nodes.iter().find(|node| node.id == *name).unwrap();
        let from = ms.saturating_sub(within);
        let mut frozen = node.frozen.iter();
        ms < node.dead_from && !frozen.any(|&(start, end)| start < ms && from < end)
    }

    /// Whether a node said something that Redis passed on, within a time before now.
    fn spoke_within(&self, name: &MemberId, ms: u64, within: u64) -> bool {
        let node = self.nodes.iter().find(|node| node.id == *name).unwrap();
        let from = ms.saturating_sub(within);
        (from / STEP_MS..=ms / STEP_MS)
            .map(|step| step * STEP_MS)
            .any(|at| {
                (at + node.offset_ms).is_multiple_of(millis(BEACON_EVERY))
                    && at < node.dead_from
                    && !inside(&node.frozen, at)
                    && !inside(&self.redis_away, at)
            })
    }
}

impl Node {
    fn say(&mut self, wall_ms: i64) -> Beacon {
        self.number += 1;
        Beacon {
            protocol: PROTOCOL,
            cluster: "c".into(),
            id: self.id.clone(),
            born_ms: 0,
            number: self.number,
            sent_ms: wall_ms,
            phase: Phase::Member,
            facts: Facts::default(),
        }
    }

    fn lists(&self, id: &MemberId) -> bool {
        self.roster.members().iter().any(|member| member.id == *id)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap()
}

/// Runs one schedule; how many peers were declared gone.
fn run(seed: u64) -> usize {
    let mut world = World::new(seed);
    while world.ms < FAULTS_MS {
        world.step();
        dead_are_gone(&world, seed);
    }
    for node in &world.nodes {
        for (ms, gone, why) in &node.gone {
            assert_eq!(*why, Departure::Silent, "seed {seed}");
            // What is said in this very step has not been read yet.
            let read = ms - STEP_MS;
            let alive = world.spoke_within(gone, read, millis(SUSPECT_AFTER));
            assert!(
                !alive,
                "seed {seed}: {} declared {gone} dead at {ms}",
                node.id
            );
            let ran = world.ran_since(gone, *ms, millis(GONE_AFTER));
            assert!(
                !ran,
                "seed {seed}: {gone} ran all the time and was declared dead at {ms}"
            );
        }
    }
    while world.ms < FAULTS_MS + CALM_MS {
        world.step();
    }
    converged(&world, seed);
    world.nodes.iter().map(|node| node.gone.len()).sum()
}

/// Whoever has seen, undisturbed, for as long as it takes, lists nobody who has been silent for that long.
fn dead_are_gone(world: &World, seed: u64) {
    let from = world.ms.saturating_sub(MUST_BE_GONE_MS);
    let calm = |windows: &Windows| {
        !windows
            .iter()
            .any(|&(start, end)| start < world.ms && from < end)
    };
    if world.ms < MUST_BE_GONE_MS || !calm(&world.redis_away) {
        return;
    }
    for node in &world.nodes {
        if !calm(&node.frozen) || node.dead_from <= world.ms {
            continue;
        }
        for peer in world.nodes.iter().filter(|peer| peer.id != node.id) {
            let listed = node.lists(&peer.id);
            let spoke = world.spoke_within(&peer.id, world.ms, MUST_BE_GONE_MS);
            assert!(
                !listed || spoke,
                "seed {seed}: {} lists {} at {}",
                node.id,
                peer.id,
                world.ms
            );
        }
    }
}

fn converged(world: &World, seed: u64) {
    let alive = |node: &&Node| node.dead_from == u64::MAX;
    for node in world.nodes.iter().filter(alive) {
        assert!(node.roster.sees(), "seed {seed}: {} is blind", node.id);
        for peer in world.nodes.iter().filter(|peer| peer.id != node.id) {
            let (listed, lives) = (node.lists(&peer.id), alive(&peer));
            assert_eq!(listed, lives, "seed {seed}: {} on {}", node.id, peer.id);
        }
    }
}

/// Seeds of this run: random, or from `BUSKER_SEED` at build time to see one again.
fn first_seed() -> u64 {
    let given = option_env!("BUSKER_SEED").and_then(|text| text.parse().ok());
    given.unwrap_or_else(|| fastrand::u64(..u64::MAX - SCHEDULES))
}

#[test]
fn the_living_stay_the_dead_go_and_rosters_agree_over_ten_thousand_fault_schedules() {
    let first = first_seed();
    println!("seeds {first}..{}", first + SCHEDULES);
    let gone: usize = (first..first + SCHEDULES).map(run).sum();
    println!("{gone} peers were declared gone");
    assert!(gone > 1_000, "the schedules held too few faults: {gone}");
}

#[test]
fn fifty_nodes_cost_little() {
    const NODES: usize = 50;
    const SECONDS: u64 = 60;
    let mut world = World::new(1);
    world.redis_away.clear();
    let template = |number: usize| {
        let id = MemberId::new(&format!("node{number}"), "a");
        let mut roster = Roster::new(id.clone(), 0, Patience::default(), world.start);
        roster.set_phase(Phase::Member);
        Node {
            id,
            roster,
            frozen: Vec::new(),
            dead_from: u64::MAX,
            inbox: Vec::new(),
            number: 0,
            offset_ms: u64::try_from(number % 20).unwrap() * STEP_MS,
            gone: Vec::new(),
        }
    };
    world.nodes = (0..NODES).map(template).collect();
    let began = busker_kit::clock::now();
    while world.ms < SECONDS * 1_000 {
        world.step();
    }
    let beacons = SECONDS * 1_000 / millis(BEACON_EVERY) * 50 * 50;
    let each = busker_kit::clock::now().duration_since(began) / u32::try_from(beacons).unwrap();
    println!(
        "{NODES} nodes for {SECONDS} s: {beacons} beacons taken in, {each:?} each with the simulation around it"
    );
    assert!(
        world
            .nodes
            .iter()
            .all(|node| node.roster.members().len() == NODES - 1)
    );
    assert!(world.nodes.iter().all(|node| node.gone.is_empty()));
}
