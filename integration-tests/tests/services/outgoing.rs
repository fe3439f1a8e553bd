//! Services that call out over HTTP and SOAP, and services that ask for what is not there.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use busker_integration_tests::{Environment, Peer, PeerAnswer, PeerRequest};
use serde_json::{Value, json};

use crate::child::Server;
use crate::formats::{open, post};

const SOURCE: &str = include_str!("outgoing.py");

/// Answers what it was asked, but only to those who know the password.
fn guarded(request: &PeerRequest) -> PeerAnswer {
    let wanted = format!("Basic {}", STANDARD.encode("bus:s3cret"));
    if request.header("authorization") != wanted {
        return PeerAnswer {
            status: 401,
            ..PeerAnswer::ok("text/plain", "who are you?")
        };
    }
    if request.method == "DELETE" {
        return PeerAnswer {
            status: 410,
            ..PeerAnswer::ok("text/plain", "gone")
        };
    }
    let body = json!({"method": request.method, "target": request.target});
    PeerAnswer::ok("application/json; charset=utf-8", body.to_string())
}

async fn with_connection(name: &str, settings: Value) -> Environment {
    let environment = Environment::start().await;
    environment.deploy("outgoing.py", SOURCE).await;
    environment.add_basic_auth("peer", "bus", "s3cret").await;
    environment.add_outgoing(name, settings).await;
    environment
}

#[tokio::test]
async fn plain_http_sends_every_way_with_basic_auth_and_gives_the_raw_response() {
    let peer = Peer::start(guarded);
    let environment = with_connection(
        "crm",
        json!({"address": peer.address, "url_path": "/api", "security": "peer"}),
    )
    .await;
    open(&environment, "outgoing.plain", &["json"]).await;
    let answer = post(&environment, "json", "outgoing.plain", "{}").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let seen = answer.json();
    assert_eq!(seen["status"], json!([200, 200, 200, 410]), "{seen}");
    assert_eq!(seen["ok"], json!([true, false]));
    let text = json!({"method": "GET", "target": "/api?q=a+b&many=1&many=2"}).to_string();
    assert_eq!(seen["text"], text, "{seen}");
    assert_eq!(seen["content"], json!(text.as_bytes()), "{seen}");
    assert_eq!(
        (&seen["data"], &seen["json"]),
        (&json!("POST"), &json!("POST"))
    );
    assert_eq!(seen["header"], "application/json; charset=utf-8");

    let asked = peer.seen();
    let cid = answer.header("x-zato-cid");
    assert_eq!(asked.len(), 4, "{asked:?}");
    for request in &asked {
        assert_eq!(request.header("x-zato-cid"), cid, "{request:?}");
        assert!(!request.header("x-zato-msg-ts").is_empty(), "{request:?}");
        assert!(
            !request.header("x-zato-component").is_empty(),
            "{request:?}"
        );
    }
    let (posted, put) = (&asked[1], &asked[2]);
    assert_eq!(
        (posted.body.as_str(), posted.header("x-mine")),
        (r#"{"a":"ä"}"#, "yes")
    );
    assert_eq!(posted.header("content-type"), "application/json");
    assert_eq!(
        (put.body.as_str(), put.target.as_str()),
        ("plain", "/api?p=1")
    );
}

#[tokio::test]
async fn a_changed_password_is_sent_from_the_next_request_on() {
    let peer = Peer::start(guarded);
    let environment =
        with_connection("crm", json!({"address": peer.address, "security": "peer"})).await;
    open(&environment, "outgoing.status", &["json"]).await;
    let change =
        |password: &str| json!({"name": "peer", "password1": password, "password2": password});
    let statuses = async |wanted: u16| {
        let name = format!("status {wanted}");
        busker_integration_tests::until(&name, std::time::Duration::from_secs(20), || async {
            let seen = post(&environment, "json", "outgoing.status", "{}").await;
            (seen.json()["status"] == wanted).then_some(())
        })
        .await;
    };
    statuses(200).await;
    environment
        .ok(
            "busker.security.basic-auth.change-password",
            change("other"),
        )
        .await;
    statuses(401).await;
    environment
        .ok(
            "busker.security.basic-auth.change-password",
            change("s3cret"),
        )
        .await;
    statuses(200).await;
}

#[tokio::test]
async fn a_peer_that_is_away_is_told_as_such_through_however_many_services() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let environment = with_connection("crm", json!({"address": address, "retries": 0})).await;
    open(&environment, "outgoing.status", &["json"]).await;
    open(&environment, "outgoing.passes", &["json"]).await;
    for (service, body) in [
        ("outgoing.status", "{}"),
        ("outgoing.passes", r#"{"near": true}"#),
        ("outgoing.passes", r#"{"near": false}"#),
    ] {
        let answer = post(&environment, "json", service, body).await;
        assert_eq!(answer.status, 502, "{service} {body}: {answer:?}");
        let problem = answer.json();
        assert_eq!(problem["class"], "unavailable", "{answer:?}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("outgoing connection \"crm\""), "{answer:?}");
    }
}

#[tokio::test]
async fn soap_is_sent_in_the_envelope_of_its_version() {
    for (version, namespace, content_type) in [
        (
            "1.1",
            "http://schemas.xmlsoap.org/soap/envelope/",
            "text/xml; charset=utf-8",
        ),
        (
            "1.2",
            "http://www.w3.org/2003/05/soap-envelope",
            "application/soap+xml; charset=utf-8; action=\"urn:balance\"",
        ),
    ] {
        let peer = Peer::start(guarded);
        let settings = json!({
            "address": peer.address, "security": "peer", "transport": "soap", "soap_version": version,
            "soap_action": "urn:balance"
        });
        let environment = with_connection("bank", settings).await;
        open(&environment, "outgoing.soap", &["json"]).await;
        let answer = post(&environment, "json", "outgoing.soap", "{}").await;
        assert_eq!(answer.json()["status"], 200, "{answer:?}");
        let asked = &peer.seen()[0];
        assert_eq!(asked.method, "POST");
        assert_eq!(asked.header("content-type"), content_type);
        let body = format!(
            "<soap:Envelope xmlns:soap=\"{namespace}\"><soap:Body><balance><id>7</id></balance></soap:Body></soap:Envelope>"
        );
        assert!(asked.body.ends_with(&body), "{asked:?}");
        if version == "1.1" {
            assert_eq!(asked.header("soapaction").trim_matches('"'), "urn:balance");
        }
    }
}

#[tokio::test]
async fn a_connection_nobody_made_and_parts_that_are_not_there_are_told_by_name() {
    let environment = Environment::start().await;
    environment.deploy("outgoing.py", SOURCE).await;
    for service in [
        "outgoing.unknown",
        "outgoing.not-here",
        "outgoing.not-caught",
        "outgoing.keys",
    ] {
        open(&environment, service, &["json"]).await;
    }
    let unknown = post(&environment, "json", "outgoing.unknown", "{}").await;
    assert_eq!(unknown.status, 404, "{unknown:?}");
    assert!(unknown.body.contains("nobody made it"), "{unknown:?}");

    let said = post(&environment, "json", "outgoing.not-here", "{}")
        .await
        .json();
    let said = said.as_object().unwrap();
    assert_eq!(said.len(), 13, "{said:?}");
    for (what, text) in said {
        let start = format!("{what} is not configured: ");
        assert!(text.as_str().unwrap().starts_with(&start), "{what}: {text}");
    }

    // Not caught, the caller reads the same.
    let body = json!({"what": "outgoing.sql"}).to_string();
    let answer = post(&environment, "json", "outgoing.not-caught", &body).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    let text = "outgoing.sql is not configured: the SQL connector is not part of this node yet";
    assert_eq!(answer.json()["detail"], text);
    let keys = post(&environment, "json", "outgoing.keys", "{}").await;
    assert_eq!(keys.status, 503, "{keys:?}");
    assert!(keys.body.contains("not configured"), "{keys:?}");
}

#[tokio::test]
async fn a_peer_over_https_is_trusted_by_the_authority_that_was_named_and_no_other() {
    let environment = Environment::start().await;
    environment.deploy("outgoing.py", SOURCE).await;
    let file = |name: &str| environment.node().join("certs").join(name);
    let server = Server::start(&[
        "https",
        file("node.pem").to_str().unwrap(),
        file("node.key").to_str().unwrap(),
    ]);
    let address = format!("https://127.0.0.1:{}", server.port);
    let authority = std::fs::read_to_string(environment.dir.join("ca/ca.pem")).unwrap();
    let trusting = json!({"address": address, "ca_pem": authority, "retries": 0});
    environment.add_outgoing("crm", trusting).await;
    open(&environment, "outgoing.status", &["json"]).await;
    let answer = post(&environment, "json", "outgoing.status", "{}").await;
    assert_eq!(answer.json(), json!({"status": 200}), "{answer:?}");

    let distrusting = json!({"name": "crm", "settings": {"ca_pem": null}});
    environment
        .ok("busker.outgoing.http.edit", distrusting)
        .await;
    let answer = post(&environment, "json", "outgoing.status", "{}").await;
    assert!(matches!(answer.status, 502 | 503), "{answer:?}");
    assert!(answer.body.contains("certificate"), "{answer:?}");
}
