use std::sync::Arc;

use busker_model::Cid;
use bytes::Bytes;
use serde_json::{Value, json};

use super::*;

fn call(headers: &[(&str, &str)]) -> HttpCall {
    HttpCall {
        method: "POST".to_owned(),
        path: String::new(),
        query: Vec::new(),
        headers: headers
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect(),
        body: Bytes::from_static(b"{}"),
        cid: Cid::from_u128(7),
        traceparent: Some(Arc::from(
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        )),
        deadline: busker_kit::clock::now(),
    }
}

fn fixed(settings: Value, authorization: Option<&'static str>) -> Fixed {
    let settings = serde_json::from_value(settings).unwrap();
    Fixed::new(
        &settings,
        authorization.map(|value| {
            let name = reqwest::header::AUTHORIZATION;
            (name, HeaderValue::from_static(value))
        }),
        "busker/node1",
    )
    .unwrap()
}

fn built(settings: Value, headers: &[(&str, &str)]) -> HeaderMap {
    fixed(settings, Some("Basic x"))
        .build(&call(headers), 1_764_000_000_123)
        .unwrap()
}

#[test]
fn a_request_carries_who_when_and_in_which_flow() {
    let headers = built(json!({"address": "http://h"}), &[]);
    let cid = Cid::from_u128(7).to_string();
    assert_eq!(headers["x-busker-cid"], cid);
    assert_eq!(headers["x-zato-cid"], cid);
    assert_eq!(headers["x-zato-component"], "busker/node1");
    assert_eq!(headers["x-zato-msg-ts"], "2025-11-24T16:00:00.123000Z");
    assert_eq!(headers["content-type"], "application/json");
    assert!(
        headers["traceparent"]
            .to_str()
            .unwrap()
            .starts_with("00-0af7")
    );
}

#[test]
fn a_request_overrides_what_the_connection_adds() {
    let given = [
        ("content-type", "text/csv"),
        ("X-Zato-Component", "me"),
        ("accept", "a"),
        ("Accept", "b"),
    ];
    let headers = built(json!({"address": "http://h"}), &given);
    assert_eq!(headers["content-type"], "text/csv");
    assert_eq!(headers["x-zato-component"], "me");
    let accepted: Vec<_> = headers.get_all("accept").iter().collect();
    assert_eq!(accepted, ["a", "b"]);
}

#[test]
fn a_request_overrides_neither_credentials_nor_control_headers_nor_the_hop() {
    let given = [
        ("Authorization", "Bearer mine"),
        ("X-Busker-CID", "mine"),
        ("X-Zato-CID", "mine"),
        ("traceparent", "mine"),
        ("Host", "evil"),
        ("Connection", "close"),
        ("Transfer-Encoding", "chunked"),
        ("Content-Length", "1"),
    ];
    let headers = built(json!({"address": "http://h"}), &given);
    assert_eq!(headers["authorization"], "Basic x");
    assert!(headers.values().all(|value| value != "mine"));
    for name in ["host", "connection", "transfer-encoding", "content-length"] {
        assert!(!headers.contains_key(name), "{name}");
    }
    let open = fixed(json!({"address": "http://h"}), None)
        .build(&call(&given), 0)
        .unwrap();
    assert_eq!(open["authorization"], "Bearer mine");
}

#[test]
fn soap_has_its_content_type_and_a_quoted_action() {
    let headers = built(
        json!({"address": "http://h", "transport": "soap", "soap_action": "urn:get"}),
        &[],
    );
    assert_eq!(headers["soapaction"], "\"urn:get\"");
    assert_eq!(headers["content-type"], "text/xml; charset=utf-8");
    let newer = json!({"address": "http://h", "transport": "soap", "soap_action": "urn:get", "soap_version": "1.2"});
    let headers = built(newer, &[]);
    assert!(!headers.contains_key("soapaction"));
    assert!(
        headers["content-type"]
            .to_str()
            .unwrap()
            .contains("action=\"urn:get\"")
    );
}

#[test]
fn a_header_that_would_split_the_request_is_refused_and_not_repeated() {
    let fixed = fixed(json!({"address": "http://h"}), None);
    let failure = fixed
        .build(&call(&[("x-token", "hunter2\r\nX-Evil: 1")]), 0)
        .unwrap_err();
    assert!(
        failure.message.contains("x-token") && !failure.message.contains("hunter2"),
        "{failure}"
    );
    assert!(fixed.build(&call(&[("a b", "c")]), 0).is_err());
}
