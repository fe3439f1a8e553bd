//! W3C trace context: a caller's trace goes on in what a service calls.

use busker_integration_tests::{Environment, Peer, PeerAnswer};
use serde_json::json;

use crate::curl::curl;
use crate::market;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

async fn relay() -> (Environment, Peer) {
    let peer = Peer::start(|_| PeerAnswer::ok("text/plain", "fine"));
    let environment = market().await;
    environment
        .add_outgoing("next", json!({"address": peer.address}))
        .await;
    let settings = json!({"url_path": "/relay", "service": "market.relay"});
    environment.add_channel("relay", settings).await;
    (environment, peer)
}

/// Version, trace, span and flags that the peer saw, of each of the two requests.
async fn seen(header: Option<&str>) -> Vec<[String; 4]> {
    let (environment, peer) = relay().await;
    let header = header.map(|value| format!("traceparent: {value}"));
    let arguments: Vec<&str> = header.iter().flat_map(|line| ["--header", line]).collect();
    let got = curl(environment.channel("/relay"), &arguments).await;
    assert_eq!(got.status, 200, "{}", got.body);
    let seen = peer.seen();
    assert_eq!(seen.len(), 2, "{seen:?}");
    let parts = seen.iter().map(|request| {
        let parts: Vec<String> = request
            .header("traceparent")
            .split('-')
            .map(str::to_owned)
            .collect();
        <[String; 4]>::try_from(parts).unwrap()
    });
    parts.collect()
}

fn is_id(text: &str, length: usize) -> bool {
    text.len() == length
        && text
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase())
        && text.bytes().any(|byte| byte != b'0')
}

#[tokio::test]
async fn a_trace_that_comes_in_goes_out_as_a_child() {
    for flags in ["01", "00"] {
        for [version, trace, span, out] in seen(Some(&format!("00-{TRACE}-{SPAN}-{flags}"))).await {
            assert_eq!(
                (version.as_str(), trace.as_str(), out.as_str()),
                ("00", TRACE, flags)
            );
            assert!(is_id(&span, 16) && span != SPAN, "{span}");
        }
    }
}

#[tokio::test]
async fn without_a_trace_or_with_a_broken_one_a_new_trace_begins() {
    let zero = format!("00-{}-{SPAN}-01", "0".repeat(32));
    let short = format!("00-{TRACE}-{SPAN}");
    for header in [
        None,
        Some("nonsense"),
        Some(zero.as_str()),
        Some(short.as_str()),
    ] {
        let seen = seen(header).await;
        for [version, trace, span, flags] in &seen {
            assert_eq!(
                (version.as_str(), flags.as_str()),
                ("00", "01"),
                "{header:?}"
            );
            assert!(is_id(trace, 32) && trace != TRACE, "{header:?}: {trace}");
            assert!(is_id(span, 16) && span != SPAN, "{header:?}: {span}");
        }
        // Both requests are of one trace.
        assert_eq!(seen[0][1], seen[1][1], "{header:?}");
    }
}
