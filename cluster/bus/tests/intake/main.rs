//! An intake and a keeper in their supervisor, over a SQLite file, with services that do what a test says.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bench;

use std::time::Duration;

use busker_bus::health::BusHealth;
use busker_kit::clock::unix_ms;
use busker_model::bus::InvocationState as State;
use busker_model::invocation::ReplyBody;
use busker_model::{ErrorClass, Fault};

use crate::bench::{Bench, LEASE, envelope};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_runs_and_its_result_is_kept() {
    let bench = Bench::start(|envelope| {
        let body = envelope.payload_bytes().to_vec();
        Box::pin(async move { Ok(ReplyBody::Json(body.into())) })
    })
    .await;
    let cid = bench.publish(envelope("a")).await;
    let status = bench.until(cid, State::Done).await;
    assert_eq!(status.attempts, 1);
    assert_eq!(
        status.result,
        Some(ReplyBody::Json(b"{\"n\":1}".to_vec().into()))
    );
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_run_at_once_than_there_are_permits() {
    let bench = Bench::start(|_| {
        Box::pin(async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok(ReplyBody::Empty)
        })
    })
    .await;
    let mut cids = Vec::new();
    for _ in 0..20 {
        cids.push(bench.publish(envelope("a")).await);
    }
    for cid in cids {
        bench.until(cid, State::Done).await;
    }
    assert_eq!(bench.most_at_once(), bench::PERMITS);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_not_on_this_node_is_left_alone_until_it_comes() {
    let bench = Bench::start(|_| Box::pin(async { Ok(ReplyBody::Empty) })).await;
    let waiting = bench.publish(envelope("elsewhere")).await;
    let other = bench.publish(envelope("a")).await;
    bench.until(other, State::Done).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let status = bench.status(waiting).await;
    assert_eq!((status.state, status.attempts), (State::Waiting, 0));
    bench.deploy("elsewhere");
    bench.until(waiting, State::Done).await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_may_pass_is_tried_again() {
    let bench = Bench::start(|envelope| {
        let cid = envelope.cid;
        Box::pin(async move {
            if bench::first_time(cid) {
                Err(Fault::new(ErrorClass::Unavailable, "away"))
            } else {
                Ok(ReplyBody::Empty)
            }
        })
    })
    .await;
    let cid = bench.publish(envelope("a")).await;
    let status = bench.until(cid, State::Delayed).await;
    assert_eq!(status.failure.unwrap().message, "away");
    assert!(status.at_ms.unwrap() > unix_ms() - 1_000);
    let status = bench.until(cid, State::Done).await;
    assert_eq!(status.attempts, 2);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_of_the_caller_is_dead_at_once_with_the_code_that_said_so() {
    let bench = Bench::start(|_| {
        Box::pin(async { Err(Fault::invalid("symbol: is required").operator("line 7")) })
    })
    .await;
    let cid = bench.publish(envelope("a")).await;
    let status = bench.until(cid, State::Dead).await;
    assert_eq!(status.attempts, 1);
    let letter = bench.store.dead_get(cid).await.unwrap();
    assert_eq!(letter.version, "code of a");
    assert_eq!(letter.failure.class, ErrorClass::Invalid);
    assert_eq!(letter.failure.detail.as_deref(), Some("line 7"));
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_past_its_deadline_is_not_started() {
    let bench = Bench::start(|_| Box::pin(async { Ok(ReplyBody::Empty) })).await;
    let mut late = envelope("a");
    late.head.not_before_ms = Some(unix_ms() + 150);
    late.head.deadline_ms = Some(unix_ms() + 50);
    let cid = bench.publish(late).await;
    let status = bench.until(cid, State::Expired).await;
    assert_eq!(status.attempts, 0);
    assert_eq!(bench.most_at_once(), 0);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delayed_one_starts_soon_after_its_time_and_not_before() {
    let bench = Bench::start(|_| Box::pin(async { Ok(ReplyBody::Empty) })).await;
    let due = unix_ms() + 300;
    let mut later = envelope("a");
    later.head.not_before_ms = Some(due);
    let cid = bench.publish(later).await;
    let done = bench.until(cid, State::Done).await.at_ms.unwrap();
    assert!(done >= due, "{} ms early", due - done);
    println!("{} ms late", done - due);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn work_longer_than_its_lease_runs_once() {
    let bench = Bench::start(|_| {
        Box::pin(async {
            tokio::time::sleep(LEASE * 4).await;
            Ok(ReplyBody::Empty)
        })
    })
    .await;
    let cid = bench.publish(envelope("a")).await;
    let status = bench.until(cid, State::Done).await;
    assert_eq!((status.attempts, bench.runs()), (1, 1));
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_holds_up_nothing_and_is_tried_again_after_the_lease() {
    let bench = Bench::start(|envelope| {
        let cid = envelope.cid;
        Box::pin(async move {
            assert!(!bench::first_time(cid), "the worker panics");
            Ok(ReplyBody::Empty)
        })
    })
    .await;
    let cid = bench.publish(envelope("a")).await;
    let status = bench.until(cid, State::Done).await;
    assert_eq!(status.attempts, 2);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_what_runs_finish_and_claims_no_more() {
    let bench = Bench::start(|_| {
        Box::pin(async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            Ok(ReplyBody::Empty)
        })
    })
    .await;
    let mut cids = Vec::new();
    for _ in 0..bench::PERMITS * 2 {
        cids.push(bench.publish(envelope("a")).await);
    }
    bench.until(cids[0], State::Running).await;
    let store = bench.stop().await;
    let rows = store.ledger().await.unwrap();
    let (done, pending) = (rows[0].done, rows[0].pending);
    assert!(rows[0].balances());
    assert!(done >= 1 && pending >= 1, "{rows:?}");
    for cid in cids {
        let state = store.status(cid).await.unwrap().unwrap().state;
        assert!(matches!(state, State::Done | State::Waiting), "{state:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_does_not_balance_is_an_event_a_metric_and_bad_health() {
    let bench = Bench::start(|_| Box::pin(async { Ok(ReplyBody::Empty) })).await;
    let cid = bench.publish(envelope("a")).await;
    bench.until(cid, State::Done).await;
    bench.until_it_is(BusHealth::Good).await;
    bench.tamper("UPDATE ledger SET accepted = accepted + 1");
    bench.until_it_is(BusHealth::LedgerDiffers).await;
    let told = |name: &str| {
        let recent = bench.events.recent(10);
        recent.iter().filter(|event| event.name == name).count()
    };
    assert_eq!((told("ledger-difference"), told("ledger-balances")), (1, 0));
    let text = bench.metrics.render();
    assert!(text.contains("busker_bus_ledger_differences 1"), "{text}");
    bench.tamper("UPDATE ledger SET accepted = accepted - 1");
    bench.until_it_is(BusHealth::Good).await;
    assert_eq!((told("ledger-difference"), told("ledger-balances")), (1, 1));
    let text = bench.metrics.render();
    for line in [
        "busker_bus_ledger_differences 0",
        "busker_bus_invocations{state=\"accepted\"} 1",
        "busker_bus_invocations{state=\"done\"} 1",
        "busker_bus_pending{service=\"a\"} 0",
        "busker_bus_lost 0",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    bench.stop().await;
}
