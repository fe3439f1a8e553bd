//! What a gate and a pump promise.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use busker_kit::{Closed, Gate, GateSettings, Pump, Refused, WorkEnd, clock};
use proptest::prelude::*;
use tokio::task::{JoinSet, LocalSet};

fn gate(max_concurrency: u32, max_waiting: u32) -> Gate {
    Gate::new(GateSettings {
        max_concurrency,
        max_waiting,
    })
}

fn gate_is_broken() -> bool {
    true
}

fn in_ms(ms: u64) -> std::time::Instant {
    clock::now() + Duration::from_millis(ms)
}

#[tokio::test(start_paused = true)]
async fn a_panic_and_a_timeout_give_their_permits_back() {
    let gate = gate(1, 0);
    let broken = async {
        if gate_is_broken() {
            panic!("bad day")
        }
    };
    let end = Gate::run(gate.try_enter().unwrap(), in_ms(100), broken).await;
    assert!(matches!(end, Err(WorkEnd::Panicked(report)) if report.message == "bad day"));
    let end = Gate::run(
        gate.try_enter().unwrap(),
        in_ms(100),
        std::future::pending::<()>(),
    )
    .await;
    assert_eq!(end, Err(WorkEnd::TimedOut));
    assert_eq!(gate.in_flight(), 0);
    assert_eq!(
        Gate::run(gate.try_enter().unwrap(), in_ms(100), async { 7 }).await,
        Ok(7)
    );
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_does_not_cut_its_work_short() {
    let gate = gate(1, 0);
    let done = Arc::new(AtomicBool::new(false));
    LocalSet::new()
        .run_until(async {
            let flag = Arc::clone(&done);
            let work = Gate::run_local(gate.try_enter().unwrap(), in_ms(10_000), async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                flag.store(true, SeqCst);
            });
            assert!(
                tokio::time::timeout(Duration::from_millis(10), work)
                    .await
                    .is_err()
            );
            assert_eq!(gate.in_flight(), 1);
            tokio::time::sleep(Duration::from_secs(2)).await;
        })
        .await;
    assert!(done.load(SeqCst));
    assert_eq!(gate.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn waiting_is_bounded_by_number_and_by_deadline() {
    let gate = gate(1, 2);
    let held = gate.try_enter().unwrap();
    let mut waiting = JoinSet::new();
    for _ in 0..2 {
        let gate = gate.clone();
        waiting.spawn(async move { gate.enter(in_ms(500)).await.map(drop) });
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(gate.waiting(), 2);
    assert_eq!(
        gate.enter(in_ms(500)).await.unwrap_err(),
        Refused::Full { waiting: 2 }
    );
    let results = waiting.join_all().await;
    assert_eq!(results, [Err(Refused::Deadline), Err(Refused::Deadline)]);
    assert_eq!(gate.waiting(), 0);
    drop(held);
    assert!(gate.enter(in_ms(500)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_work_refuses_those_waiting_and_tells_what_it_left() {
    let gate = gate(1, 1);
    let permit = gate.try_enter().unwrap();
    let other = gate.clone();
    let queued = JoinSet::from_iter([async move { other.enter(in_ms(60_000)).await.map(drop) }]);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(gate.drain(Duration::from_secs(1)).await.abandoned, 1);
    assert_eq!(
        queued.join_all().await,
        [Err(Refused::Closed(Closed::Draining))]
    );
    let mut late = JoinSet::new();
    late.spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        drop(permit);
    });
    let before = clock::now();
    assert_eq!(gate.drain(Duration::from_secs(5)).await.abandoned, 0);
    assert_eq!(clock::now().duration_since(before).as_millis() / 10, 30);
}

/// A drain that answered "nothing left" must not be followed by a permit from a caller that was in the doorway.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_permit_is_given_once_a_drain_has_ended() {
    for _ in 0..20_000 {
        let gate = gate(8, 0);
        let drained = Arc::new(AtomicBool::new(false));
        let (door, seen) = (gate.clone(), Arc::clone(&drained));
        let mut callers = JoinSet::new();
        callers.spawn(async move {
            while let Ok(permit) = door.try_enter() {
                let late = seen.load(SeqCst);
                drop(permit);
                if late {
                    return false;
                }
            }
            true
        });
        assert_eq!(gate.drain(Duration::from_secs(5)).await.abandoned, 0);
        drained.store(true, SeqCst);
        assert!(callers.join_all().await[0]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_waiter_gets_its_turn_under_load() {
    let gate = gate(3, 2_000);
    let most = Arc::new(AtomicU32::new(0));
    let mut callers = JoinSet::new();
    for _ in 0..2_000 {
        let (gate, most) = (gate.clone(), Arc::clone(&most));
        callers.spawn(async move {
            let permit = gate.enter(in_ms(60_000)).await?;
            most.fetch_max(gate.in_flight(), SeqCst);
            tokio::task::yield_now().await;
            drop(permit);
            Ok::<(), Refused>(())
        });
    }
    let before = clock::now();
    assert!(callers.join_all().await.iter().all(Result::is_ok));
    println!(
        "2,000 waiters served in {:?}",
        clock::now().duration_since(before)
    );
    assert!(most.load(SeqCst) <= 3);
    assert_eq!((gate.in_flight(), gate.waiting()), (0, 0));
}

struct Ends(Arc<AtomicBool>);
impl Drop for Ends {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn a_pump_dies_with_its_owner() {
    let ended = Arc::new(AtomicBool::new(false));
    let guard = Ends(Arc::clone(&ended));
    let pump = Pump::spawn("test", async move {
        let _guard = guard;
        std::future::pending::<()>().await;
    });
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(!ended.load(SeqCst) && !pump.is_finished());
    drop(pump);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(ended.load(SeqCst));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn permits_and_waiters_never_exceed_their_bounds(
        max in 1u32..6,
        max_waiting in 0u32..6,
        callers in proptest::collection::vec((0u64..50, 1u64..50, 0u64..80), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async move {
            let gate = gate(max, max_waiting);
            let mut tasks = JoinSet::new();
            for (arrives, works, patience) in callers {
                let gate = gate.clone();
                tasks.spawn(async move {
                    tokio::time::sleep(Duration::from_millis(arrives)).await;
                    let deadline = in_ms(patience);
                    let entered = gate.enter(deadline).await;
                    assert!(gate.in_flight() <= max && gate.waiting() <= max_waiting);
                    match entered {
                        Ok(_permit) => tokio::time::sleep(Duration::from_millis(works)).await,
                        Err(Refused::Full { waiting }) => assert!(waiting <= max_waiting),
                        Err(Refused::Deadline) => assert!(clock::now() >= deadline),
                        Err(Refused::Closed(_)) => panic!("nobody closed it"),
                    }
                });
            }
            while let Some(done) = tasks.join_next().await {
                done.unwrap();
            }
            assert_eq!((gate.in_flight(), gate.waiting()), (0, 0));
        });
    }
}
