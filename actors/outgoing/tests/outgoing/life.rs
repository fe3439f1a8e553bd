//! Start, change, end: what reconcile and operators do.

use std::sync::Arc;
use std::time::Duration;

use busker_connector_http::Credentials;
use busker_model::{ActorState, ErrorClass, Secret, Transport};
use busker_outgoing::Latest;
use busker_service::{BoxFuture, OutgoingHttp};
use serde_json::json;
use tokio::sync::Notify;

use crate::bench::{Bench, call, object};
use crate::peer::{Peer, nobody};

const AT_ONCE: Duration = Duration::ZERO;

#[tokio::test]
async fn an_unknown_connection_is_named() {
    let bench = Bench::start().await;
    let fault = bench.get("crm").await.unwrap_err();
    assert_eq!(
        (fault.class, fault.code_str()),
        (ErrorClass::NotFound, Some("missing-connection"))
    );
    assert!(
        fault.message.contains("plain_http connection \"crm\""),
        "{fault}"
    );
    assert_eq!(
        bench
            .outgoing
            .ping("crm", Transport::Soap)
            .await
            .unwrap_err()
            .class,
        ErrorClass::NotFound
    );
}

/// A node that is behind: it catches up when the test says so.
#[derive(Debug, Default)]
struct Behind {
    asked: Notify,
    shown: Notify,
}

#[derive(Debug)]
struct Shared(Arc<Behind>);

impl Latest for Shared {
    fn catch_up(&self) -> BoxFuture<'static, ()> {
        let behind = Arc::clone(&self.0);
        Box::pin(async move {
            behind.asked.notify_one();
            behind.shown.notified().await;
        })
    }
}

#[tokio::test]
async fn a_connection_that_is_on_its_way_to_this_node_is_waited_for() {
    let peer = Peer::start("200 OK", "yes", AT_ONCE).await;
    let mut bench = Bench::start().await;
    let behind = Arc::new(Behind::default());
    bench
        .outgoing
        .connect(Arc::new(Shared(Arc::clone(&behind))));
    let outgoing = bench.outgoing.clone();
    let sent = outgoing.send("crm", Transport::PlainHttp, call());
    let made = async {
        behind.asked.notified().await;
        let address = format!("http://{}", peer.address);
        bench.set("crm", json!({ "address": address })).await;
        behind.shown.notify_one();
    };
    let (answer, ()) = tokio::join!(sent, made);
    assert_eq!(answer.unwrap().status, 200);
    behind.shown.notify_one();
    let missing = outgoing.send("erp", Transport::PlainHttp, call()).await;
    assert_eq!(missing.unwrap_err().code_str(), Some("missing-connection"));
}

#[tokio::test]
async fn an_inactive_connection_refuses_and_shows_so() {
    let mut bench = Bench::start().await;
    let mut inactive = object("crm", json!({"address": "http://127.0.0.1:1"}));
    inactive.active = false;
    assert_eq!(bench.set_object(inactive, None).await.started, 1);
    bench.shows("plain_http:crm", ActorState::Degraded, Some("inactive"));
    let fault = bench.get("crm").await.unwrap_err();
    assert_eq!((fault.class, fault.retry), (ErrorClass::Unavailable, false));
    assert_eq!(&*fault.message, "outgoing connection \"crm\" is inactive");
}

#[tokio::test]
async fn a_connection_never_sends_without_the_credentials_it_should_have() {
    let peer = Peer::start("200 OK", "yes", AT_ONCE).await;
    let mut bench = Bench::start().await;
    let wanted = object(
        "crm",
        json!({"address": format!("http://{}", peer.address), "security": "crm"}),
    );
    bench.set_object(wanted.clone(), None).await;
    bench.shows(
        "plain_http:crm",
        ActorState::Degraded,
        Some("missing-credentials"),
    );
    assert_eq!(
        bench.get("crm").await.unwrap_err().code_str(),
        Some("missing-credentials")
    );
    bench.needs_secret = true;
    bench.set_object(wanted.clone(), None).await;
    bench.shows("plain_http:crm", ActorState::Degraded, Some("needs-secret"));
    assert_eq!(
        bench.get("crm").await.unwrap_err().code_str(),
        Some("needs-secret")
    );
    bench.needs_secret = false;
    let credentials = Credentials::Basic {
        username: "u".to_owned(),
        password: Secret::new("hunter2"),
    };
    assert_eq!(
        bench.set_object(wanted, Some(credentials)).await.replaced,
        1
    );
    bench.shows("plain_http:crm", ActorState::Running, None);
    assert_eq!(bench.get("crm").await.unwrap().text(), "yes");
    assert!(!format!("{:?}", bench.outgoing).contains("hunter2"));
}

#[tokio::test]
async fn the_same_object_changes_nothing_and_a_new_revision_alone_neither() {
    let mut bench = Bench::start().await;
    let mut same = object("crm", json!({"address": "http://127.0.0.1:1"}));
    assert_eq!(bench.set_object(same.clone(), None).await.started, 1);
    same.revision = 2;
    assert_eq!(bench.set_object(same, None).await, Default::default());
}

#[tokio::test]
async fn a_change_lets_a_request_in_flight_finish() {
    let slow = Peer::start("200 OK", "old", Duration::from_millis(400)).await;
    let new = Peer::start("200 OK", "new", AT_ONCE).await;
    let mut bench = Bench::start().await;
    bench
        .set(
            "crm",
            json!({"address": format!("http://{}", slow.address)}),
        )
        .await;
    let sent = bench.outgoing.send("crm", Transport::PlainHttp, call());
    let change = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let outcome = bench
            .set("crm", json!({"address": format!("http://{}", new.address)}))
            .await;
        (outcome.replaced, bench.get("crm").await.unwrap())
    };
    let (old, (replaced, answer)) = tokio::join!(sent, change);
    assert_eq!(
        (replaced, &*answer.text(), &*old.unwrap().text()),
        (1, "new", "old")
    );
}

#[tokio::test]
async fn a_connection_that_is_deleted_is_gone() {
    let mut bench = Bench::start().await;
    bench
        .set("crm", json!({"address": "http://127.0.0.1:1"}))
        .await;
    assert_eq!(bench.delete("crm").await.stopped, 1);
    tokio::time::timeout(Duration::from_secs(2), async {
        while bench.outgoing.stats("crm", Transport::PlainHttp).is_some() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
    assert_eq!(
        bench.get("crm").await.unwrap_err().class,
        ErrorClass::NotFound
    );
}

#[tokio::test]
async fn settings_this_version_refuses_stop_the_connection_and_are_listed() {
    let mut bench = Bench::start().await;
    bench
        .set("crm", json!({"address": "http://127.0.0.1:1"}))
        .await;
    let outcome = bench
        .set("crm", json!({"address": "gopher://x", "colour": 1}))
        .await;
    assert_eq!((outcome.stopped, outcome.failed.len()), (1, 1));
    assert_eq!(outcome.failed[0].0, "plain_http:crm");
    assert!(outcome.failed[0].1.contains("colour"), "{outcome:?}");
}

#[tokio::test]
async fn a_plain_and_a_soap_connection_of_one_name_live_side_by_side() {
    let plain = Peer::start("200 OK", "plain", AT_ONCE).await;
    let soap = Peer::start("200 OK", "soap", AT_ONCE).await;
    let mut bench = Bench::start().await;
    bench
        .set(
            "crm",
            json!({"address": format!("http://{}", plain.address)}),
        )
        .await;
    bench
        .set(
            "crm",
            json!({"address": format!("http://{}", soap.address), "transport": "soap"}),
        )
        .await;
    assert_eq!(bench.get("crm").await.unwrap().text(), "plain");
    let answer = bench
        .outgoing
        .send("crm", Transport::Soap, call())
        .await
        .unwrap();
    assert_eq!(answer.text(), "soap");
    bench.shows("soap:crm", ActorState::Running, None);
}

#[tokio::test]
async fn a_restart_by_hand_brings_a_fresh_connection() {
    let peer = Peer::start("200 OK", "yes", AT_ONCE).await;
    let mut bench = Bench::start().await;
    bench
        .set(
            "crm",
            json!({"address": format!("http://{}", peer.address)}),
        )
        .await;
    bench.get("crm").await.unwrap();
    bench
        .supervisor
        .restart_child("plain_http:crm")
        .await
        .unwrap();
    assert_eq!(bench.get("crm").await.unwrap().text(), "yes");
    assert_eq!(
        bench
            .outgoing
            .stats("crm", Transport::PlainHttp)
            .unwrap()
            .requests,
        1
    );
}

#[tokio::test]
async fn a_ping_tells_whether_the_peer_is_there() {
    let peer = Peer::start("405 Not Allowed", "", AT_ONCE).await;
    let mut bench = Bench::start().await;
    bench
        .set("up", json!({"address": format!("http://{}", peer.address)}))
        .await;
    bench
        .set(
            "down",
            json!({"address": format!("http://{}", nobody().await)}),
        )
        .await;
    let up = bench
        .outgoing
        .ping("up", Transport::PlainHttp)
        .await
        .unwrap();
    assert_eq!((up.ok, up.class), (true, None));
    assert!(up.message.contains("405"), "{up:?}");
    let down = bench
        .outgoing
        .ping("down", Transport::PlainHttp)
        .await
        .unwrap();
    assert_eq!(
        (down.ok, down.class),
        (false, Some(ErrorClass::Unavailable))
    );
}
