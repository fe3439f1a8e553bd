//! Requests: permits, the breaker, counters.

use std::time::Duration;

use busker_model::{ActorState, ErrorClass, Side, Transport};
use busker_service::OutgoingHttp;
use serde_json::json;

use crate::bench::{Bench, call};
use crate::peer::{Peer, nobody};

#[tokio::test]
async fn as_many_run_as_the_pool_holds_as_many_wait_and_one_more_is_refused() {
    let peer = Peer::start("200 OK", "yes", Duration::from_millis(200)).await;
    let mut bench = Bench::start().await;
    bench
        .set(
            "crm",
            json!({"address": format!("http://{}", peer.address), "pool_size": 2}),
        )
        .await;
    let (a, b, c, d, e) = tokio::join!(
        bench.get("crm"),
        bench.get("crm"),
        bench.get("crm"),
        bench.get("crm"),
        bench.get("crm")
    );
    assert!([a, b, c, d].into_iter().all(|result| result.is_ok()));
    let fault = e.unwrap_err();
    assert_eq!((fault.class, fault.retry), (ErrorClass::Busy, true));
    assert!(fault.message.contains("pool_size"), "{fault}");
    peer.peak.was_exactly(2).unwrap();
    let stats = bench.outgoing.stats("crm", Transport::PlainHttp).unwrap();
    assert_eq!(
        (stats.requests, stats.refused, stats.errors, stats.in_flight),
        (4, 1, 0, 0)
    );
    assert!(
        stats.max_micros >= 200_000 && stats.total_micros >= 800_000,
        "{stats:?}"
    );
}

#[tokio::test]
async fn the_circuit_opens_refuses_at_once_and_closes_when_the_peer_is_back() {
    let address = nobody().await;
    let mut bench = Bench::start().await;
    let breaker = json!({"failures": 2, "open_ms": 300});
    bench
        .set(
            "crm",
            json!({"address": format!("http://{address}"), "retries": 0, "breaker": breaker}),
        )
        .await;
    for _ in 0..2 {
        let fault = bench.get("crm").await.unwrap_err();
        assert_eq!(
            (fault.class, fault.side, fault.code_str()),
            (ErrorClass::Unavailable, Side::Remote, None)
        );
    }
    bench.shows(
        "plain_http:crm",
        ActorState::Degraded,
        Some("circuit-open: no connection to the peer"),
    );
    let peer = Peer::listen(&address, "200 OK", "back", Duration::ZERO).await;
    let fault = bench.get("crm").await.unwrap_err();
    assert_eq!(
        (fault.class, fault.code_str(), fault.retry),
        (ErrorClass::Unavailable, Some("circuit-open"), true)
    );
    assert_eq!(fault.detail.unwrap().retry_after_s, Some(1));
    tokio::time::sleep(Duration::from_millis(350)).await;
    assert_eq!(bench.get("crm").await.unwrap().text(), "back");
    bench.shows("plain_http:crm", ActorState::Running, None);
    peer.peak.was_exactly(1).unwrap();
    let stats = bench.outgoing.stats("crm", Transport::PlainHttp).unwrap();
    assert_eq!((stats.requests, stats.errors, stats.refused), (3, 2, 1));
}

#[tokio::test]
async fn error_answers_count_as_errors_but_do_not_open_the_circuit() {
    let peer = Peer::start("503 Busy", "", Duration::ZERO).await;
    let mut bench = Bench::start().await;
    let settings =
        json!({"address": format!("http://{}", peer.address), "breaker": {"failures": 1}});
    bench.set("crm", settings).await;
    for _ in 0..3 {
        assert_eq!(bench.get("crm").await.unwrap().status, 503);
    }
    let stats = bench.outgoing.stats("crm", Transport::PlainHttp).unwrap();
    assert_eq!((stats.requests, stats.errors, stats.refused), (3, 3, 0));
}

#[tokio::test]
async fn a_request_ends_at_the_connection_s_timeout_or_the_call_s_deadline_whichever_is_first() {
    let peer = Peer::start("200 OK", "late", Duration::from_secs(3)).await;
    let mut bench = Bench::start().await;
    bench
        .set(
            "short",
            json!({"address": format!("http://{}", peer.address), "timeout_ms": 100}),
        )
        .await;
    bench
        .set(
            "long",
            json!({"address": format!("http://{}", peer.address)}),
        )
        .await;
    let started = busker_kit::clock::now();
    let mut hurried = call();
    hurried.deadline = started + Duration::from_millis(100);
    let (own, given) = tokio::join!(
        bench.get("short"),
        bench.outgoing.send("long", Transport::PlainHttp, hurried)
    );
    for fault in [own.unwrap_err(), given.unwrap_err()] {
        assert_eq!(
            (fault.class, fault.side),
            (ErrorClass::Timeout, Side::Remote),
            "{fault:?}"
        );
    }
    assert!(busker_kit::clock::now() - started < Duration::from_secs(1));
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_no_permit_behind() {
    let peer = Peer::start("200 OK", "yes", Duration::from_millis(200)).await;
    let mut bench = Bench::start().await;
    bench
        .set(
            "crm",
            json!({"address": format!("http://{}", peer.address), "pool_size": 1}),
        )
        .await;
    let gone = tokio::time::timeout(Duration::from_millis(50), bench.get("crm")).await;
    assert!(gone.is_err());
    assert_eq!(
        bench
            .outgoing
            .stats("crm", Transport::PlainHttp)
            .unwrap()
            .in_flight,
        1
    );
    bench.get("crm").await.unwrap();
    assert_eq!(
        bench
            .outgoing
            .stats("crm", Transport::PlainHttp)
            .unwrap()
            .in_flight,
        0
    );
}

#[tokio::test]
async fn a_fault_names_its_connection() {
    let mut bench = Bench::start().await;
    bench
        .set(
            "crm",
            json!({"address": format!("http://{}", nobody().await), "retries": 0}),
        )
        .await;
    let fault = bench.get("crm").await.unwrap_err();
    assert!(
        fault
            .message
            .starts_with("outgoing connection \"crm\": no connection to the peer"),
        "{fault}"
    );
}
