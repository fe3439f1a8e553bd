use std::time::Duration;

use busker_connector::Outbound;
use busker_connector::conformance::{
    check_touches_no_network, ping_of_a_dead_peer_fails_in_time, schema_lists_every_field,
    settings_round_trip, unknown_field_is_refused,
};
use busker_connector_http::OutgoingSettings;
use busker_kit::clock;
use serde_json::json;

use crate::open;
use crate::peer::{Act, Peer, answer, nobody};

#[test]
fn settings_keep_the_promises_of_every_kind() {
    let kind = OutgoingSettings::kind();
    assert!(kind.pings);
    settings_round_trip(&kind).unwrap();
    unknown_field_is_refused(&kind).unwrap();
    schema_lists_every_field(&kind).unwrap();
    check_touches_no_network(
        &kind,
        |address| json!({"address": format!("http://{address}")}),
    )
    .unwrap();
}

#[tokio::test]
async fn a_ping_of_a_dead_peer_fails_in_time_whether_it_refuses_or_hangs() {
    let allowed = Duration::from_millis(500);
    let refuses = open(&nobody().await, json!({}));
    ping_of_a_dead_peer_fails_in_time(&refuses, allowed)
        .await
        .unwrap();
    let peer = Peer::start(|_| Act::Hang).await;
    ping_of_a_dead_peer_fails_in_time(&open(&peer.address, json!({})), allowed)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_ping_is_content_with_any_answer() {
    let mut peer = Peer::start(|_| answer("404 Not Found", "")).await;
    let outbound = open(&peer.address, json!({"url_path": "/api"}));
    let said = outbound
        .ping(clock::now() + Duration::from_secs(2))
        .await
        .unwrap();
    assert_eq!(said, "HEAD answered 404 Not Found");
    assert!(peer.seen()[0].starts_with("HEAD /api "));
}
