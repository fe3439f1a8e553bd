//! What a supervisor promises, tried through the public API with the clock paused.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use busker_kit::ractor::{Actor, ActorProcessingErr, ActorRef, Message, pg};
use busker_kit::{
    Backoff, ChildSpec, Crash, Family, OnExcess, Restart, RootEnd, Seat, Strategy, Supervisor,
    SupervisorSpec, Tree, install_panic_hook,
};
use busker_model::ActorState;
use busker_model::report::{ActorPath, ReportKind};
use proptest::prelude::*;
use tokio::sync::mpsc;

/// What the probes did, in order: `+name` a start, `-name` a graceful end.
type Journal = mpsc::Sender<String>;

#[derive(Debug)]
enum Poke {
    Fail,
    Panic,
    End,
}
impl Message for Poke {}

struct Probe {
    name: String,
    journal: Journal,
    refuse: Arc<AtomicBool>,
    linger: Duration,
}

impl Actor for Probe {
    type Msg = Poke;
    type State = Seat;
    type Arguments = Seat;

    async fn pre_start(&self, me: ActorRef<Poke>, seat: Seat) -> Result<Seat, ActorProcessingErr> {
        if self.refuse.load(SeqCst) {
            return Err(Crash::new("refused to start").into());
        }
        pg::join(seat.path().to_string(), vec![me.get_cell()]);
        self.journal.try_send(format!("+{}", self.name))?;
        Ok(seat)
    }

    async fn handle(
        &self,
        me: ActorRef<Poke>,
        poke: Poke,
        _: &mut Seat,
    ) -> Result<(), ActorProcessingErr> {
        match poke {
            Poke::Fail => Err(Crash::new("told to fail").cause("poke of 1 byte").into()),
            Poke::Panic => panic!("told to panic"),
            Poke::End => {
                me.stop(None);
                Ok(())
            }
        }
    }

    async fn post_stop(
        &self,
        _: ActorRef<Poke>,
        seat: &mut Seat,
    ) -> Result<(), ActorProcessingErr> {
        seat.state(ActorState::Draining, None);
        tokio::time::sleep(self.linger).await;
        self.journal.try_send(format!("-{}", self.name))?;
        Ok(())
    }
}

/// One node with probes under it. Node names differ, because process groups are process-wide.
struct Bench {
    tree: Tree,
    root: Supervisor,
    end: RootEnd,
    journal: mpsc::Receiver<String>,
    said: Journal,
    node: String,
}

fn steady(first_ms: u64) -> Backoff {
    Backoff {
        first: Duration::from_millis(first_ms),
        max: Duration::from_secs(30),
        factor: 2,
        jitter_percent: 0,
        reset_after: Duration::from_secs(60),
    }
}

fn probe(name: &str, journal: &Journal, refuse: &Arc<AtomicBool>, linger: Duration) -> ChildSpec {
    let (kept, journal, refuse) = (name.to_owned(), journal.clone(), Arc::clone(refuse));
    ChildSpec::actor(name, "probe", move |seat| {
        let probe = Probe {
            name: kept.clone(),
            journal: journal.clone(),
            refuse: Arc::clone(&refuse),
            linger,
        };
        (probe, seat)
    })
    .backoff(steady(100))
}

fn quick(name: &str, journal: &Journal) -> ChildSpec {
    probe(
        name,
        journal,
        &Arc::new(AtomicBool::new(false)),
        Duration::ZERO,
    )
}

impl Bench {
    async fn new(spec: impl FnOnce(&Journal) -> SupervisorSpec) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let node = format!("n{}", NEXT.fetch_add(1, SeqCst));
        let (said, journal) = mpsc::channel(4096);
        let tree = Tree::new(&node);
        let (root, end) = Supervisor::start_root(&tree, spec(&said)).await.unwrap();
        Self {
            tree,
            root,
            end,
            journal,
            said,
            node,
        }
    }

    fn path(&self, below: &str) -> ActorPath {
        below
            .split('/')
            .fold(ActorPath::root(&self.node), |path, name| path.child(name))
    }

    fn state(&self, below: &str) -> Option<ActorState> {
        self.tree.get(&self.path(below)).map(|info| info.state)
    }

    /// The live probe at a path. Two may be there while an old one finishes: the first one is asked.
    fn poke(&self, below: &str, poke: Poke) {
        let members = pg::get_members(&self.path(below).to_string());
        members.first().unwrap().send_message(poke).unwrap();
    }

    fn is_up(&self, below: &str) -> bool {
        !pg::get_members(&self.path(below).to_string()).is_empty()
    }

    fn said(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.journal.try_recv().ok()).collect()
    }

    fn count(&self, below: &str, kind: ReportKind) -> usize {
        let path = self.path(below);
        self.tree
            .recent(1000)
            .iter()
            .filter(|report| report.path == path && report.kind == kind)
            .count()
    }
}

async fn pass(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

fn spec(name: &str) -> SupervisorSpec {
    SupervisorSpec::new(name).intensity(1000, Duration::from_secs(1))
}

#[tokio::test(start_paused = true)]
async fn a_crash_report_carries_reason_and_cause() {
    let bench = Bench::new(|said| spec("root").child(quick("a", said))).await;
    bench.poke("a", Poke::Fail);
    pass(10).await;
    let reports = bench.tree.recent(100);
    let crash = reports
        .iter()
        .find(|report| report.kind == ReportKind::Crashed)
        .unwrap();
    assert_eq!(crash.reason.as_deref(), Some("told to fail"));
    assert_eq!(crash.cause.as_deref(), Some("poke of 1 byte"));
    pass(200).await;
    assert_eq!(bench.state("a"), Some(ActorState::Running));
}

#[tokio::test(start_paused = true)]
async fn the_report_of_a_panicking_actor_carries_its_backtrace() {
    install_panic_hook();
    let bench = Bench::new(|said| spec("root").child(quick("a", said))).await;
    bench.poke("a", Poke::Panic);
    pass(10).await;
    let reports = bench.tree.recent(100);
    let crash = reports
        .iter()
        .find(|report| report.kind == ReportKind::Crashed)
        .unwrap();
    assert_eq!(crash.reason.as_deref(), Some("told to panic"));
    assert!(
        crash
            .backtrace
            .as_deref()
            .is_some_and(|text| text.contains("supervision.rs"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_panic_while_a_child_is_made_fails_that_child_alone() {
    let bench = Bench::new(|said| spec("root").child(quick("a", said))).await;
    let bad = ChildSpec::actor("bad", "probe", |_| -> (Probe, Seat) {
        panic!("cannot be made")
    });
    assert!(bench.root.start_child(bad).await.is_err());
    assert!(bench.is_up("a"), "the sibling is untouched");
    assert!(
        bench
            .root
            .start_child(quick("b", &bench.said))
            .await
            .is_ok(),
        "the supervisor lives"
    );
}

#[tokio::test(start_paused = true)]
async fn a_parked_child_leaves_its_siblings_alone_and_comes_up_again_when_restarted() {
    let mut bench = Bench::new(|said| {
        SupervisorSpec::new("root")
            .intensity(2, Duration::from_secs(60))
            .on_excess(OnExcess::Park)
            .child(quick("a", said))
            .child(quick("b", said))
    })
    .await;
    for _ in 0..3 {
        bench.poke("a", Poke::Fail);
        pass(2_000).await;
    }
    assert_eq!(bench.state("a"), Some(ActorState::Parked));
    assert_eq!(bench.count("a", ReportKind::Restarting), 2);
    assert_eq!(bench.said(), ["+a", "+b", "+a", "+a"]);
    pass(120_000).await;
    assert_eq!(
        bench.state("a"),
        Some(ActorState::Parked),
        "nothing but a restart wakes it"
    );
    bench.root.restart_child("a").await.unwrap();
    assert_eq!(bench.state("a"), Some(ActorState::Running));
    assert_eq!(bench.state("b"), Some(ActorState::Running));
    bench.poke("a", Poke::Fail);
    pass(2_000).await;
    assert!(bench.is_up("a"), "a restart by hand gives a fresh budget");
}

#[tokio::test(start_paused = true)]
async fn a_parked_supervisor_is_still_shown() {
    let bench = Bench::new(|said| {
        let inner = SupervisorSpec::new("inner")
            .intensity(0, Duration::from_secs(60))
            .child(quick("a", said));
        SupervisorSpec::new("root")
            .intensity(0, Duration::from_secs(60))
            .on_excess(OnExcess::Park)
            .child(ChildSpec::supervisor(inner))
    })
    .await;
    bench.poke("inner/a", Poke::Fail);
    pass(1_000).await;
    assert_eq!(bench.state("inner"), Some(ActorState::Parked));
    let reports = bench.tree.recent(100);
    let gave_up = reports
        .iter()
        .find(|report| report.kind == ReportKind::Escalated)
        .unwrap();
    assert_eq!(gave_up.state, ActorState::Failed);
}

#[tokio::test(start_paused = true)]
async fn the_root_tells_its_owner_why_it_gave_up_after_stopping_its_children_in_order() {
    let mut bench = Bench::new(|said| {
        SupervisorSpec::new("root")
            .intensity(0, Duration::from_secs(60))
            .child(quick("a", said))
            .child(quick("b", said))
            .child(quick("c", said))
    })
    .await;
    bench.poke("b", Poke::Fail);
    let end = std::mem::replace(&mut bench.end, Bench::new(|_| spec("other")).await.end);
    assert!(end.wait().await.unwrap_err().contains("told to fail"));
    assert_eq!(bench.said(), ["+a", "+b", "+c", "-c", "-a"]);
}

#[tokio::test(start_paused = true)]
async fn a_replacement_that_fails_leaves_the_old_child_running_and_shown_so() {
    let bench = Bench::new(|said| spec("root").child(quick("a", said))).await;
    let refuse = Arc::new(AtomicBool::new(true));
    let new = probe("a", &bench.said, &refuse, Duration::ZERO);
    assert!(bench.root.replace_child(new).await.is_err());
    assert!(bench.is_up("a"));
    assert_eq!(bench.state("a"), Some(ActorState::Running));
}

#[tokio::test(start_paused = true)]
async fn an_old_child_that_is_finishing_does_not_speak_for_its_replacement() {
    let fine = Arc::new(AtomicBool::new(false));
    let bench =
        Bench::new(|said| spec("root").child(probe("a", said, &fine, Duration::from_secs(5))))
            .await;
    bench
        .root
        .replace_child(quick("a", &bench.said))
        .await
        .unwrap();
    pass(1_000).await;
    assert_eq!(bench.state("a"), Some(ActorState::Running));
    pass(10_000).await;
    assert_eq!(bench.state("a"), Some(ActorState::Running));
}

#[tokio::test(start_paused = true)]
async fn a_timer_of_the_child_before_does_not_start_its_replacement_early() {
    let bench =
        Bench::new(|said| spec("root").child(quick("a", said).backoff(steady(10_000)))).await;
    bench.poke("a", Poke::Fail);
    pass(4_000).await;
    bench
        .root
        .replace_child(quick("a", &bench.said).backoff(steady(10_000)))
        .await
        .unwrap();
    bench.poke("a", Poke::Fail);
    pass(8_000).await;
    assert!(!bench.is_up("a"), "its own backoff of 10 s is not over");
    pass(3_000).await;
    assert!(bench.is_up("a"));
}

#[tokio::test(start_paused = true)]
async fn a_transient_child_that_ended_by_itself_stays_down_and_a_temporary_one_is_forgotten() {
    let bench = Bench::new(|said| {
        spec("root")
            .child(quick("transient", said).restart(Restart::Transient))
            .child(quick("temporary", said).restart(Restart::Temporary))
    })
    .await;
    bench.poke("transient", Poke::End);
    bench.poke("temporary", Poke::Fail);
    pass(1_000).await;
    assert_eq!(bench.state("transient"), Some(ActorState::Stopped));
    assert_eq!(bench.state("temporary"), None);
}

#[tokio::test(start_paused = true)]
async fn a_family_works_on_after_its_supervisor_was_restarted() {
    let bench = Bench::new(|said| {
        let inner = SupervisorSpec::new("inner").intensity(0, Duration::from_secs(60));
        spec("root")
            .child(quick("store", said))
            .child(ChildSpec::supervisor(inner))
    })
    .await;
    let said = bench.said.clone();
    let inner = bench.root.supervisor("inner").await.unwrap();
    let mut family = Family::new(inner, move |name, _: &u8| quick(name, &said));
    family.apply(vec![("x".into(), Some(1))]).await;
    bench.poke("inner/x", Poke::Fail);
    pass(10_000).await;
    let outcome = family
        .reset([("x".into(), 1), ("y".into(), 1)].into())
        .await;
    assert_eq!(outcome.failed, []);
    assert!(bench.is_up("inner/x") && bench.is_up("inner/y"));
}

/// Starts fail too: `refuse` makes the next starts fail, and those count and back off like crashes.
#[tokio::test(start_paused = true)]
async fn failed_starts_spend_the_budget_and_back_off() {
    let refuse = Arc::new(AtomicBool::new(false));
    let bench = Bench::new(|said| {
        SupervisorSpec::new("root")
            .intensity(3, Duration::from_secs(60))
            .on_excess(OnExcess::Park)
            .child(probe("a", said, &refuse, Duration::ZERO))
            .child(quick("b", said))
    })
    .await;
    refuse.store(true, SeqCst);
    bench.poke("a", Poke::Fail);
    pass(100 + 200 + 400 + 50).await;
    assert_eq!(bench.count("a", ReportKind::StartFailed), 3);
    assert_eq!(bench.state("a"), Some(ActorState::Parked));
    assert!(bench.is_up("b"));
}

#[tokio::test(start_paused = true)]
async fn under_one_for_all_a_parked_child_is_not_woken_by_the_crash_of_a_sibling() {
    let bench = Bench::new(|said| {
        SupervisorSpec::new("root")
            .strategy(Strategy::OneForAll)
            .intensity(1, Duration::from_secs(600))
            .on_excess(OnExcess::Park)
            .child(quick("a", said))
            .child(quick("b", said))
    })
    .await;
    for _ in 0..2 {
        bench.poke("a", Poke::Fail);
        pass(2_000).await;
    }
    assert_eq!(bench.state("a"), Some(ActorState::Parked));
    bench.poke("b", Poke::Fail);
    pass(2_000).await;
    assert_eq!(bench.state("a"), Some(ActorState::Parked));
    assert!(bench.is_up("b"));
}

#[tokio::test(start_paused = true)]
async fn those_that_wait_for_a_child_start_even_when_it_is_parked() {
    let refuse = Arc::new(AtomicBool::new(false));
    let bench = Bench::new(|said| {
        SupervisorSpec::new("root")
            .strategy(Strategy::RestForOne)
            .intensity(1, Duration::from_secs(600))
            .on_excess(OnExcess::Park)
            .child(probe("a", said, &refuse, Duration::ZERO))
            .child(quick("b", said))
    })
    .await;
    refuse.store(true, SeqCst);
    bench.poke("a", Poke::Fail);
    pass(5_000).await;
    assert_eq!(bench.state("a"), Some(ActorState::Parked));
    assert!(bench.is_up("b"), "siblings of a parked child go on");
}

#[tokio::test]
async fn a_hundred_thousand_children_start_within_seconds_and_leave_the_recent_reports_alone() {
    let bench = Bench::new(|said| {
        spec("root")
            .child(quick("a", said))
            .child(ChildSpec::supervisor(spec("many")))
    })
    .await;
    bench.poke("a", Poke::Fail);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let inner = bench.root.supervisor("many").await.unwrap();
    let mut family = Family::new(inner, |name, _: &u32| {
        ChildSpec::actor(name, "idle", |_| (Idle, ()))
    });
    let wanted = (0..100_000u32)
        .map(|n| (format!("c{n}"), Some(n)))
        .collect();
    let before = busker_kit::clock::now();
    let outcome = family.apply(wanted).await;
    let took = busker_kit::clock::now().duration_since(before);
    println!("100,000 children started in {took:?}");
    assert_eq!((outcome.started, outcome.failed.len()), (100_000, 0));
    assert_eq!(
        bench.count("a", ReportKind::Crashed),
        1,
        "bulk starts do not push crashes out"
    );
    assert!(took < Duration::from_secs(20), "{took:?}");
    bench.root.stop().await;
}

struct Idle;
#[derive(Debug)]
struct Nothing;
impl Message for Nothing {}
impl Actor for Idle {
    type Msg = Nothing;
    type State = ();
    type Arguments = ();
    async fn pre_start(&self, _: ActorRef<Nothing>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}

fn paused<F: Future<Output = ()>>(work: F) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(work);
}

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Crash one child after the other, each when all are up: exactly its set stops in reverse and starts in order.
    #[test]
    fn a_crash_restarts_exactly_the_set_of_its_strategy(
        strategy in prop_oneof![Just(Strategy::OneForOne), Just(Strategy::OneForAll), Just(Strategy::RestForOne)],
        crashes in proptest::collection::vec(0usize..4, 1..6),
    ) {
        paused(async move {
            let mut bench = Bench::new(|said| {
                NAMES.iter().fold(spec("root").strategy(strategy), |spec, name| spec.child(quick(name, said)))
            })
            .await;
            bench.said();
            for crashed in crashes {
                bench.poke(NAMES[crashed], Poke::Fail);
                pass(20_000).await;
                let set = match strategy {
                    Strategy::OneForOne => crashed..crashed + 1,
                    Strategy::OneForAll => 0..4,
                    Strategy::RestForOne => crashed..4,
                };
                let mut wanted: Vec<String> =
                    set.clone().rev().filter(|&n| n != crashed).map(|n| format!("-{}", NAMES[n])).collect();
                wanted.extend(set.map(|n| format!("+{}", NAMES[n])));
                assert_eq!(bench.said(), wanted);
            }
            bench.root.stop().await;
            assert_eq!(bench.said(), ["-d", "-c", "-b", "-a"]);
        });
    }

    /// Random crashes and refusals in random order against the budget: no window holds more restarts than allowed, a
    /// child is parked exactly when its budget is spent, and nobody else is touched.
    #[test]
    fn no_child_is_restarted_more_often_than_its_budget_allows(
        max in 0usize..4,
        steps in proptest::collection::vec((0usize..3, 0u64..9_000, any::<bool>()), 1..40),
    ) {
        paused(async move {
            let refuse: Vec<_> = (0..3).map(|_| Arc::new(AtomicBool::new(false))).collect();
            let within = Duration::from_secs(10);
            let mut bench = Bench::new(|said| {
                let spec = SupervisorSpec::new("root").intensity(max, within).on_excess(OnExcess::Park);
                (0..3).fold(spec, |spec, n| spec.child(probe(NAMES[n], said, &refuse[n], Duration::ZERO)))
            })
            .await;
            let mut reports = bench.tree.subscribe();
            let mut restarts: [Vec<tokio::time::Instant>; 3] = Default::default();
            for (child, wait, refuses) in steps {
                refuse[child].store(refuses, SeqCst);
                if bench.is_up(NAMES[child]) {
                    bench.poke(NAMES[child], Poke::Fail);
                }
                for _ in 0..wait / 50 + 1 {
                    pass(50).await;
                    let now = tokio::time::Instant::now();
                    while let Ok(report) = reports.try_recv() {
                        let Some(n) = NAMES.iter().position(|&name| report.path.name() == name) else { continue };
                        match report.kind {
                            ReportKind::Restarting => restarts[n].push(now),
                            ReportKind::Parked => {
                                let recent = restarts[n].iter().filter(|&&at| now - at <= within + Duration::from_millis(50));
                                assert!(recent.count() >= max, "parked before its budget was spent");
                            }
                            ReportKind::Started | ReportKind::Stopped | ReportKind::Crashed
                            | ReportKind::StartFailed | ReportKind::Failed | ReportKind::Escalated
                            | ReportKind::StateChanged | ReportKind::InvocationFailed => {}
                        }
                    }
                }
                for (n, name) in NAMES.iter().enumerate().take(3) {
                    for (first, &from) in restarts[n].iter().enumerate() {
                        let window = restarts[n][first..].iter().filter(|&&at| at - from < within - Duration::from_millis(50));
                        assert!(window.count() <= max);
                    }
                    // Parked, waiting or up, and the tree says which.
                    let up = bench.state(name) == Some(ActorState::Running);
                    assert_eq!(up, bench.is_up(name));
                }
            }
            for n in 0..3 {
                refuse[n].store(false, SeqCst);
                bench.root.restart_child(NAMES[n]).await.unwrap();
                assert_eq!(bench.state(NAMES[n]), Some(ActorState::Running));
            }
            bench.said();
            bench.root.stop().await;
            assert_eq!(bench.said(), ["-c", "-b", "-a"]);
        });
    }
}
