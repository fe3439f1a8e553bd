//! Contenders, one Redis and one database in simulated time, under faults from a seed.
//!
//! Clocks run up to one per cent fast or slow; requests and answers take their time, and are done even when nobody waits
//! for them any more; nodes freeze at any step; Redis and the database are cut off from some or all; Redis loses its data.

use super::*;

/// Schedules of one run.
const SCHEDULES: u64 = 10_000;
/// One step, and how long a schedule with faults and its calm end take, in milliseconds.
const STEP_MS: u64 = 5;
const FAULTS_MS: u64 = 8_000;
const CALM_MS: u64 = 5_000;
/// After this long a node does not wait for an answer any more, in milliseconds.
const GIVES_UP_MS: u64 = 400;
/// Longest takeover when a holder died and nothing else is wrong, in milliseconds.
const TAKEOVER_MS: u64 = 2_000;

type Windows = Vec<(u64, u64)>;

fn inside(windows: &Windows, ms: u64) -> bool {
    windows.iter().any(|&(from, to)| (from..to).contains(&ms))
}

fn windows(rng: &mut fastrand::Rng, most: usize, longest_ms: u64) -> Windows {
    let count = rng.usize(0..=most);
    let window = |rng: &mut fastrand::Rng| {
        let from = rng.u64(0..FAULTS_MS);
        (from, (from + rng.u64(10..longest_ms)).min(FAULTS_MS))
    };
    (0..count).map(|_| window(rng)).collect()
}

/// A request on its way, or its answer.
#[derive(Debug, Clone, Copy)]
struct Message {
    node: usize,
    ask: Ask,
    tenure: u64,
    /// Which request of its node it is, so that late answers are known.
    number: u64,
    /// For the second half of a mint: the epoch that was read.
    read: Option<i64>,
    answer: Option<Answer>,
    at: u64,
}

struct Node {
    lease: Lease,
    /// How fast its clock runs, in parts of a thousand.
    rate: u64,
    frozen: Windows,
    dead_from: u64,
    cut_from_redis: Windows,
    cut_from_odb: Windows,
    /// Requests under way: to Redis, to the database; number and when it was sent.
    waits: [Option<(u64, u64)>; 2],
    sent: u64,
}

struct World {
    seed: u64,
    rng: fastrand::Rng,
    start: Instant,
    ms: u64,
    timing: LeaseTiming,
    nodes: Vec<Node>,
    messages: Vec<Message>,
    slow: Windows,
    wipes: Vec<u64>,
    /// The lease as Redis has it: holder, tenure, end.
    lease: Option<(usize, u64, u64)>,
    epoch: i64,
    /// Node behind each epoch, from 1.
    minted: Vec<usize>,
    took: usize,
}

impl World {
    fn new(seed: u64, timing: LeaseTiming, with_loss: bool) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let start = busker_kit::clock::now();
        let count = rng.usize(2..=4);
        let node = |rng: &mut fastrand::Rng| Node {
            lease: Lease::new(timing, start),
            rate: rng.u64(990..=1_010),
            frozen: windows(rng, 2, 4_000),
            dead_from: if rng.u8(0..6) == 0 {
                rng.u64(0..FAULTS_MS)
            } else {
                u64::MAX
            },
            cut_from_redis: windows(rng, 2, 3_000),
            cut_from_odb: windows(rng, 2, 3_000),
            waits: [None; 2],
            sent: 0,
        };
        let mut nodes: Vec<Node> = (0..count).map(|_| node(&mut rng)).collect();
        nodes[0].dead_from = u64::MAX;
        let wipes = if with_loss { rng.usize(1..4) } else { 0 };
        Self {
            seed,
            start,
            ms: 0,
            timing,
            nodes,
            messages: Vec::new(),
            slow: windows(&mut rng, 3, 2_000),
            wipes: (0..wipes)
                .map(|_| rng.u64(0..FAULTS_MS) / STEP_MS * STEP_MS)
                .collect(),
            lease: None,
            epoch: 0,
            minted: Vec::new(),
            took: 0,
            rng,
        }
    }

    fn runs(&self, node: usize) -> bool {
        self.ms < self.nodes[node].dead_from && !inside(&self.nodes[node].frozen, self.ms)
    }

    /// The clock of a node.
    fn clock(&self, node: usize) -> Instant {
        self.start + Duration::from_micros(self.ms * self.nodes[node].rate)
    }

    /// Who believes that it holds the role, under which epoch.
    fn holders(&self) -> Vec<(usize, i64)> {
        let alive = (0..self.nodes.len()).filter(|&node| self.ms < self.nodes[node].dead_from);
        let held = alive.filter_map(|node| {
            let epoch = self.nodes[node].lease.holds(self.clock(node))?;
            Some((node, epoch))
        });
        held.collect()
    }

    fn delay(&mut self) -> u64 {
        let most = if inside(&self.slow, self.ms) {
            1_500
        } else {
            30
        };
        self.rng.u64(1..=most)
    }

    fn step(&mut self) {
        self.ms += STEP_MS;
        if self.wipes.contains(&self.ms) {
            self.lease = None;
        }
        let now = self.ms;
        let (due, later) = self
            .messages
            .drain(..)
            .partition(|message| message.at <= now);
        self.messages = later;
        let mut due: Vec<Message> = due;
        due.sort_by_key(|message| message.at);
        for message in due {
            match message.answer {
                None => self.serve(message),
                Some(answer) => self.deliver(message, answer),
            }
        }
        for node in 0..self.nodes.len() {
            if self.runs(node) {
                self.drive(node);
            }
        }
    }

    /// Redis and the database do what arrives, whoever still waits for it.
    fn serve(&mut self, mut message: Message) {
        let node = &self.nodes[message.node];
        let cut = match message.ask.side() {
            Side::Redis => &node.cut_from_redis,
            Side::Odb => &node.cut_from_odb,
        };
        if inside(cut, self.ms) {
            return;
        }
        let answer = match message.ask {
            Ask::Acquire | Ask::Renew | Ask::Release => self.redis(&message),
            Ask::Verify => Answer::Epoch(self.epoch),
            Ask::Mint => match message.read {
                None => {
                    message.read = Some(self.epoch);
                    message.at = self.ms + self.delay();
                    self.messages.push(message);
                    return;
                }
                Some(read) if read == self.epoch => {
                    self.epoch += 1;
                    self.minted.push(message.node);
                    Answer::Epoch(self.epoch)
                }
                Some(_) => Answer::Outrun,
            },
        };
        message.answer = Some(answer);
        message.at = self.ms + self.delay();
        self.messages.push(message);
    }

    fn redis(&mut self, message: &Message) -> Answer {
        let ttl = u64::try_from(self.timing.ttl.as_millis()).unwrap();
        let held = self.lease.filter(|(.., end)| *end > self.ms);
        let mine =
            held.is_some_and(|(node, tenure, _)| (node, tenure) == (message.node, message.tenure));
        let left = held.map_or(0, |(.., end)| end - self.ms);
        match message.ask {
            Ask::Release if mine => self.lease = None,
            Ask::Acquire if held.is_none() || mine => {
                self.lease = Some((message.node, message.tenure, self.ms + ttl));
            }
            Ask::Renew if mine => {
                self.lease = Some((message.node, message.tenure, self.ms + ttl));
            }
            Ask::Acquire | Ask::Renew => return Answer::Taken(Duration::from_millis(left)),
            Ask::Release | Ask::Mint | Ask::Verify => {}
        }
        Answer::Done
    }

    /// An answer reaches its node, at once or when it thaws.
    fn deliver(&mut self, mut message: Message, answer: Answer) {
        if !self.runs(message.node) {
            message.at = self.ms + STEP_MS;
            self.messages.push(message);
            return;
        }
        let (side, lane) = lane(message.ask);
        let now = self.clock(message.node);
        let node = &mut self.nodes[message.node];
        if node.waits[lane].is_some_and(|(number, _)| number == message.number) {
            node.waits[lane] = None;
            let turn = node.lease.answered(side, answer, now);
            self.turned(message.node, turn);
        }
    }

    fn drive(&mut self, number: usize) {
        let now = self.clock(number);
        let turn = self.nodes[number].lease.pass(now);
        self.turned(number, turn);
        for (side, lane) in [(Side::Redis, 0), (Side::Odb, 1)] {
            let late = |(_, at): (u64, u64)| self.ms - at > GIVES_UP_MS;
            if self.nodes[number].waits[lane].is_some_and(late) {
                self.nodes[number].waits[lane] = None;
                let turn = self.nodes[number]
                    .lease
                    .answered(side, Answer::Unknown, now);
                self.turned(number, turn);
            }
        }
        while let Some(ask) = self.nodes[number].lease.next(now) {
            let at = self.ms + self.delay();
            let (sent_at, (_, lane)) = (self.ms, lane(ask));
            let node = &mut self.nodes[number];
            node.sent += 1;
            node.waits[lane] = Some((node.sent, sent_at));
            self.messages.push(Message {
                node: number,
                ask,
                tenure: node.lease.tenure(),
                number: node.sent,
                read: None,
                answer: None,
                at,
            });
        }
    }

    fn turned(&mut self, node: usize, turn: Option<Turn>) {
        if let Some(Turn::Took(epoch)) = turn {
            self.took += 1;
            let owner = self.minted[usize::try_from(epoch).unwrap() - 1];
            assert_eq!(
                owner, node,
                "seed {}: epoch {epoch} has two holders",
                self.seed
            );
        }
    }

    /// Holders whose epoch the database would accept.
    fn valid(&self) -> usize {
        let valid = |(_, epoch): &(usize, i64)| *epoch == self.epoch;
        self.holders().iter().filter(|holder| valid(holder)).count()
    }
}

fn lane(ask: Ask) -> (Side, usize) {
    match ask.side() {
        Side::Redis => (Side::Redis, 0),
        Side::Odb => (Side::Odb, 1),
    }
}

/// Runs one schedule; how often the role was taken, and whether ever two nodes believed they held it.
fn run(seed: u64, timing: LeaseTiming, with_loss: bool) -> (usize, bool) {
    let mut world = World::new(seed, timing, with_loss);
    let mut two = false;
    while world.ms < FAULTS_MS + CALM_MS {
        world.step();
        assert!(
            world.valid() <= 1,
            "seed {seed}: two valid holders at {}",
            world.ms
        );
        two |= world.holders().len() > 1;
    }
    let holders = world.holders();
    assert_eq!(holders.len(), 1, "seed {seed}: {holders:?} in the calm");
    assert_eq!(
        holders[0].1, world.epoch,
        "seed {seed}: an old epoch in the calm"
    );
    (world.took, two)
}

fn first_seed() -> u64 {
    let given = option_env!("BUSKER_SEED").and_then(|text| text.parse().ok());
    given.unwrap_or_else(|| fastrand::u64(..u64::MAX - SCHEDULES))
}

#[test]
fn two_holders_never_coexist_over_ten_thousand_fault_schedules() {
    let first = first_seed();
    println!("seeds {first}..{}", first + SCHEDULES);
    let mut took = 0;
    for seed in first..first + SCHEDULES {
        let (times, two) = run(seed, LeaseTiming::default(), false);
        assert!(!two, "seed {seed}: two nodes believed they held the role");
        took += times;
    }
    println!("the role was taken {took} times");
    assert!(
        took > usize::try_from(2 * SCHEDULES).unwrap(),
        "too few takeovers: {took}"
    );
}

#[test]
fn two_holders_with_a_valid_epoch_never_coexist_even_when_redis_loses_the_lease() {
    let first = first_seed();
    println!("seeds {first}..{}", first + SCHEDULES);
    let believed = (first..first + SCHEDULES)
        .filter(|&seed| run(seed, LeaseTiming::default(), true).1)
        .count();
    println!(
        "in {believed} schedules two nodes believed they held the role for a moment; one epoch was refused"
    );
    assert!(
        believed > 0,
        "the schedules did not hold the fault that the epoch is for"
    );
}

#[test]
fn the_checker_finds_two_holders_when_the_fence_comes_after_the_end_of_the_lease() {
    let timing = LeaseTiming {
        fence: Duration::from_millis(2_200),
        ..LeaseTiming::default()
    };
    let found = (0..2_000).any(|seed| run(seed, timing, false).1);
    assert!(found, "a fence that is too late was not noticed");
}

#[test]
fn the_role_of_a_dead_holder_is_taken_in_time() {
    let (mut slowest, mut times) = (0, Vec::new());
    for seed in 0..1_000 {
        let mut world = World::new(seed, LeaseTiming::default(), false);
        world.slow.clear();
        for node in &mut world.nodes {
            node.frozen.clear();
            node.cut_from_redis.clear();
            node.cut_from_odb.clear();
            node.dead_from = u64::MAX;
        }
        let dies_at = 1_000 + world.rng.u64(0..200) * STEP_MS;
        while world.ms < dies_at {
            world.step();
        }
        let holder = world.holders()[0].0;
        world.nodes[holder].dead_from = world.ms;
        while world.holders().is_empty() {
            world.step();
        }
        slowest = slowest.max(world.ms - dies_at);
        times.push(world.ms - dies_at);
    }
    times.sort_unstable();
    println!("takeover: median {} ms, longest {slowest} ms", times[500]);
    assert!(slowest <= TAKEOVER_MS, "{slowest} ms");
}
