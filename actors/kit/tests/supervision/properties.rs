//! What holds for every sequence of crashes and refusals.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use busker_kit::{OnExcess, Strategy, SupervisorSpec};
use busker_model::ActorState;
use busker_model::report::ReportKind;
use proptest::prelude::*;

use crate::bench::{Bench, Poke, pass, probe, quick, spec};

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
