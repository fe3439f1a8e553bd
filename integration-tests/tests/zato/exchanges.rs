//! What goes over the wire, as a table that is run in JSON, plain XML and SOAP.

use std::collections::HashMap;

use busker_integration_tests::Environment;
use serde_json::{Value, json};

use crate::table::{Exchange, Expected, all};
use crate::wire::Wire;

/// Replaces `$name` by its number, wherever it stands.
fn filled(value: &Value, ids: &HashMap<String, i64>) -> Value {
    match value {
        Value::String(text) => match text.strip_prefix('$').and_then(|name| ids.get(name)) {
            Some(id) => json!(id),
            None => value.clone(),
        },
        Value::Array(items) => items.iter().map(|item| filled(item, ids)).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, inner)| (name.clone(), filled(inner, ids)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// The first id in an answer, whatever its format.
fn id_in(body: &str) -> i64 {
    let after = ["\"id\":", "<id>"]
        .into_iter()
        .find_map(|mark| body.split(mark).nth(1));
    let digits: String = after
        .unwrap_or_else(|| panic!("no id in {body}"))
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse().unwrap()
}

async fn run(
    environment: &Environment,
    wire: Wire,
    exchange: &Exchange,
    ids: &mut HashMap<String, i64>,
) {
    let service = exchange.service;
    let input = filled(&exchange.input, ids);
    let answer = wire.send(environment, service, &input).await;
    let what = format!("{wire:?} {service} {input}: {answer:?}");
    if let Some(name) = exchange.keeps {
        ids.insert(name.to_owned(), id_in(&answer.body));
    }
    let (status, text) = match &exchange.expected {
        Expected::Output(output) => (200, wire.success(service, &filled(output, ids))),
        Expected::Failure(status, message) => {
            let message = ids.iter().fold((*message).to_owned(), |text, (name, id)| {
                text.replace(&format!("${name}"), &id.to_string())
            });
            (wire.status(*status), wire.failure(&message))
        }
    };
    assert_eq!(wire.canonical(&answer.body), text, "{what}");
    assert_eq!(answer.status, status, "{what}");
    assert!(!answer.body.contains("Traceback"), "{what}");
    assert!(answer.header("x-zato-cid").starts_with('K'), "{what}");
    if status != 200 && wire == Wire::Json {
        let cid = &answer.json()["zato_env"]["cid"];
        assert_eq!(answer.header("x-zato-cid"), cid.as_str().unwrap(), "{what}");
    }
}

#[tokio::test]
async fn every_exchange_is_zatos_in_json_plain_xml_and_soap() {
    let environment = Environment::start().await;
    for wire in Wire::ALL {
        let mut ids = HashMap::new();
        for name in ["pubapi", "admin.invoke"] {
            let object = environment
                .ok("busker.security.basic-auth.get", json!({"name": name}))
                .await;
            ids.insert(name.to_owned(), object["number"].as_i64().unwrap());
        }
        for exchange in all() {
            run(&environment, wire, &exchange, &mut ids).await;
        }
    }
}

#[tokio::test]
async fn what_is_no_message_at_all_is_refused_in_the_shape_of_its_wire() {
    let environment = Environment::start().await;
    let ask =
        |path: &'static str, body: &'static str| crate::ask(&environment, "pubapi", path, body);
    let json = ask("/zato/json/zato.ping", "{").await;
    assert_eq!(json.status, 400, "{json:?}");
    assert_eq!(json.json()["zato_env"]["result"], "ZATO_ERROR");
    let xml = ask("/zato/xml/zato.ping", "<a>").await;
    assert_eq!(
        (xml.status, xml.header("content-type")),
        (400, "text/plain; charset=utf-8")
    );
    let soap = ask("/zato/ping.soap.basic_auth", "<a/>").await;
    assert_eq!(soap.status, 500, "{soap:?}");
    assert!(soap.body.contains("SOAP-ENV:Client"), "{soap:?}");
    let nothing = ask("/zato/json/zato.no-such", "{}").await;
    assert_eq!(nothing.status, 404, "{nothing:?}");
    let details = &nothing.json()["zato_env"]["details"];
    assert!(
        details.as_str().unwrap().ends_with("doesn't exist"),
        "{details}"
    );
}
