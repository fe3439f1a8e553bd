use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use busker_connector::Retry;
use busker_kit::clock;
use busker_model::{ErrorClass, Side};
use serde_json::json;

use crate::peer::{Act, Peer, answer, nobody};
use crate::{call, open, send};

/// 20,000 bytes, packed with gzip.
const PACKED: &str = "H4sIAAAAAAACA+3BMQEAAADCoErrn84aHkABAAAAAAAAAAAAAAAAAAAAAAAA8GC9DxuMIE4AAA==";

#[tokio::test]
async fn a_refused_connection_says_that_the_peer_is_away() {
    let outbound = open(&nobody().await, json!({}));
    let failure = send(&outbound, call("POST", "x")).await.unwrap_err();
    assert_eq!(
        (failure.class, failure.side),
        (ErrorClass::Unavailable, Side::Remote)
    );
    assert_eq!(failure.retry, Retry::Always);
    assert!(failure.message.contains("refused"), "{failure}");
}

#[tokio::test]
async fn a_peer_that_hangs_is_left_at_the_deadline() {
    let peer = Peer::start(|_| Act::Hang).await;
    let mut request = call("GET", "");
    let started = clock::now();
    request.deadline = started + Duration::from_millis(200);
    let failure = send(&open(&peer.address, json!({})), request)
        .await
        .unwrap_err();
    assert_eq!(
        (failure.class, failure.side),
        (ErrorClass::Timeout, Side::Remote)
    );
    let took = clock::now() - started;
    assert!((200..1_000).contains(&took.as_millis()), "{took:?}");
}

#[tokio::test]
async fn a_body_that_stops_half_way_is_left_at_the_deadline() {
    let peer =
        Peer::start(|_| Act::Say(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".to_vec()))
            .await;
    let mut request = call("GET", "");
    request.deadline = clock::now() + Duration::from_millis(200);
    let failure = send(&open(&peer.address, json!({})), request)
        .await
        .unwrap_err();
    assert_eq!(failure.class, ErrorClass::Timeout);
}

#[tokio::test]
async fn an_answer_over_the_cap_is_refused_whether_it_says_so_streams_or_is_packed() {
    let long = "0".repeat(20_000);
    let says = format!("HTTP/1.1 200 OK\r\ncontent-length: 20000\r\n\r\n{long}").into_bytes();
    let streams = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{long}").into_bytes();
    let packed = STANDARD.decode(PACKED).unwrap();
    let mut packs = format!(
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        packed.len()
    )
    .into_bytes();
    packs.extend(packed);
    for (how, bytes) in [("says", says), ("streams", streams), ("packs", packs)] {
        let peer = Peer::start(move |_| Act::SayAndClose(bytes.clone())).await;
        let capped = open(&peer.address, json!({"max_response_bytes": 19_999}));
        let failure = send(&capped, call("GET", "")).await.unwrap_err();
        assert_eq!(
            (failure.class, failure.peer_is_away()),
            (ErrorClass::TooLarge, false),
            "{how}: {failure}"
        );
        let fits = open(&peer.address, json!({"max_response_bytes": 20_000}));
        assert_eq!(
            send(&fits, call("GET", "")).await.unwrap().text(),
            long,
            "{how}"
        );
    }
}

/// Answers the first request and closes the connection on the second without a word, as a peer does that ends an idle
/// connection just when it is used again.
async fn forgetful() -> Peer {
    Peer::start(|nth| {
        if nth == 1 {
            Act::Close
        } else {
            answer("200 OK", "yes")
        }
    })
    .await
}

#[tokio::test]
async fn a_get_on_a_stale_connection_is_repeated() {
    let mut peer = forgetful().await;
    let outbound = open(&peer.address, json!({}));
    for _ in 0..2 {
        assert_eq!(
            send(&outbound, call("GET", "")).await.unwrap().text(),
            "yes"
        );
    }
    assert_eq!(peer.seen().len(), 3);
}

#[tokio::test]
async fn a_post_on_a_stale_connection_is_not_repeated_because_the_peer_may_have_acted() {
    let mut peer = forgetful().await;
    let outbound = open(&peer.address, json!({}));
    send(&outbound, call("POST", "1")).await.unwrap();
    let failure = send(&outbound, call("POST", "2")).await.unwrap_err();
    assert_eq!(
        (failure.class, failure.retry),
        (ErrorClass::Unavailable, Retry::IfIdempotent)
    );
    assert_eq!(peer.seen().len(), 2);
}

#[tokio::test]
async fn a_post_with_an_idempotency_key_is_repeated() {
    let mut peer = forgetful().await;
    let outbound = open(&peer.address, json!({}));
    send(&outbound, call("POST", "1")).await.unwrap();
    let mut request = call("POST", "2");
    request.headers = vec![("Idempotency-Key".to_owned(), "k".to_owned())];
    assert_eq!(send(&outbound, request).await.unwrap().text(), "yes");
    assert_eq!(peer.seen().len(), 3);
}

#[tokio::test]
async fn repetitions_are_as_many_as_the_settings_allow() {
    for retries in [0, 1, 3] {
        let mut peer = Peer::start(|_| Act::Close).await;
        let outbound = open(&peer.address, json!({"retries": retries}));
        assert!(send(&outbound, call("GET", "")).await.is_err());
        assert_eq!(peer.seen().len(), retries + 1);
    }
}

#[tokio::test]
async fn a_request_that_cannot_be_sent_as_it_is_is_not_sent() {
    let mut peer = Peer::start(|_| answer("200 OK", "")).await;
    let outbound = open(&peer.address, json!({"url_path": "/tenants/7"}));
    let mut climbs = call("GET", "");
    climbs.path = "../8".to_owned();
    let mut splits = call("GET", "");
    splits.headers = vec![("x".to_owned(), "a\r\nb: c".to_owned())];
    for request in [climbs, splits] {
        assert_eq!(
            send(&outbound, request).await.unwrap_err().class,
            ErrorClass::Invalid
        );
    }
    assert_eq!(peer.seen().len(), 0);
}
