use serde_json::json;

use crate::peer::{Act, Peer, answer};
use crate::{call, open, send};

#[tokio::test]
async fn a_request_arrives_whole_and_its_answer_comes_back() {
    let mut peer = Peer::start(|_| answer("200 OK", "{\"ok\":true}")).await;
    let outbound = open(&peer.address, json!({"url_path": "/api"}));
    let mut request = call("POST", "{\"a\":1}");
    request.path = "customers/7".to_owned();
    request.query = vec![("q".to_owned(), "a b".to_owned())];
    let reply = send(&outbound, request).await.unwrap();
    assert_eq!((reply.status, &*reply.text()), (200, "{\"ok\":true}"));
    assert_eq!(reply.header("Content-Length"), Some("11"));
    let seen = peer.seen().remove(0);
    assert!(
        seen.starts_with("POST /api/customers/7?q=a+b HTTP/1.1\r\n"),
        "{seen}"
    );
    for line in [
        "authorization: Basic YnVza2VyOmh1bnRlcjI=\r\n",
        "x-busker-cid: K000000000000000000000000000000000000007\r\n",
        "content-type: application/json\r\n",
    ] {
        assert!(seen.contains(line), "{line} is not in {seen}");
    }
    assert!(seen.ends_with("\r\n\r\n{\"a\":1}"), "{seen}");
}

#[tokio::test]
async fn a_method_is_the_request_s_then_the_connection_s_then_what_the_body_asks_for() {
    let mut peer = Peer::start(|_| answer("200 OK", "")).await;
    let plain = open(&peer.address, json!({}));
    let puts = open(&peer.address, json!({"method": "PUT"}));
    for (outbound, method, body) in [
        (&plain, "", ""),
        (&plain, "", "x"),
        (&puts, "", "x"),
        (&puts, "PATCH", "x"),
    ] {
        send(outbound, call(method, body)).await.unwrap();
    }
    let methods: Vec<_> = peer
        .seen()
        .iter()
        .map(|seen| seen.split(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(methods, ["GET", "POST", "PUT", "PATCH"]);
    assert!(send(&plain, call("get", "")).await.is_err());
    assert_eq!(peer.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn a_soap_body_is_wrapped_and_its_action_is_named() {
    let mut peer = Peer::start(|_| answer("200 OK", "")).await;
    let outbound = open(
        &peer.address,
        json!({"transport": "soap", "soap_action": "urn:get"}),
    );
    send(&outbound, call("", "<get/>")).await.unwrap();
    let seen = peer.seen().remove(0);
    assert!(
        seen.starts_with("POST / ") && seen.contains("soapaction: \"urn:get\"\r\n"),
        "{seen}"
    );
    assert!(
        seen.contains("content-type: text/xml; charset=utf-8\r\n"),
        "{seen}"
    );
    assert!(seen.contains("<soap:Body><get/></soap:Body>"), "{seen}");
}

#[tokio::test]
async fn an_error_status_is_an_answer_and_is_not_repeated() {
    let mut peer = Peer::start(|_| answer("500 Oh", "broken")).await;
    let reply = send(&open(&peer.address, json!({})), call("GET", ""))
        .await
        .unwrap();
    assert_eq!(
        (reply.status, reply.ok(), &*reply.text()),
        (500, false, "broken")
    );
    assert_eq!(peer.seen().len(), 1);
}

fn moved(to: &str) -> Act {
    Act::Say(
        format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n").into_bytes(),
    )
}

#[tokio::test]
async fn a_redirect_is_an_answer_unless_it_is_to_be_followed() {
    let mut other = Peer::start(|_| answer("200 OK", "there")).await;
    let target = format!("{}/there", other.address);
    let peer = Peer::start(move |_| moved(&target)).await;
    let reply = send(&open(&peer.address, json!({})), call("GET", ""))
        .await
        .unwrap();
    assert_eq!(reply.status, 302);
    assert_eq!(other.seen().len(), 0);
    let follows = open(&peer.address, json!({"follow_redirects": true}));
    assert_eq!(
        send(&follows, call("GET", "")).await.unwrap().text(),
        "there"
    );
    let seen = other.seen().remove(0);
    assert!(
        seen.starts_with("GET /there ") && !seen.contains("authorization"),
        "{seen}"
    );
}

#[tokio::test]
async fn a_redirect_to_a_link_local_address_is_refused() {
    let peer = Peer::start(|_| moved("http://169.254.169.254/latest")).await;
    let follows = open(&peer.address, json!({"follow_redirects": true}));
    let failure = send(&follows, call("GET", "")).await.unwrap_err();
    assert!(
        failure.message.contains("169.254.169.254 is a link-local"),
        "{failure}"
    );
    assert!(!failure.peer_is_away());
}

#[tokio::test]
async fn a_password_is_in_no_debug_text() {
    let outbound = open("http://127.0.0.1:1", json!({}));
    let text = format!("{outbound:?}");
    assert!(
        !text.contains("hunter2") && !text.contains("YnVza2VyOmh1bnRlcjI="),
        "{text}"
    );
}
