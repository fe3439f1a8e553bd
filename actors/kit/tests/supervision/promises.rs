//! One promise a test.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use busker_kit::ractor::{Actor, ActorProcessingErr, ActorRef, Message};
use busker_kit::{
    ChildSpec, Family, OnExcess, Restart, Seat, Strategy, SupervisorSpec, install_panic_hook,
};
use busker_model::ActorState;
use busker_model::report::ReportKind;

use crate::bench::{Bench, Poke, Probe, pass, probe, quick, spec, steady};

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
            .is_some_and(|text| text.contains("bench.rs"))
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
