//! What goes over the wire, as a table that is run in JSON, plain XML and SOAP.

use std::collections::HashMap;

use busker_integration_tests::Environment;
use serde_json::{Value, json};

use crate::wire::Wire;

/// A request and its answer. `$name` stands for an id that an exchange before has made.
struct Exchange {
    service: &'static str,
    input: Value,
    expected: Expected,
    /// What later rows call the id in the answer.
    keeps: Option<&'static str>,
}

enum Expected {
    Output(Value),
    Failure(u16, &'static str),
}

fn ok(service: &'static str, input: Value, output: Value) -> Exchange {
    Exchange {
        service,
        input,
        expected: Expected::Output(output),
        keeps: None,
    }
}

fn no(service: &'static str, input: Value, status: u16, message: &'static str) -> Exchange {
    Exchange {
        service,
        input,
        expected: Expected::Failure(status, message),
        keeps: None,
    }
}

impl Exchange {
    fn keeps(mut self, name: &'static str) -> Self {
        self.keeps = Some(name);
        self
    }
}

fn definitions() -> Vec<Exchange> {
    let row = |id: &str, name: &str, realm: &str| json!({"id": id, "name": name, "is_active": true, "username": name, "realm": realm});
    vec![
        ok(
            "zato.security.basic-auth.create",
            json!({"cluster_id": 1, "name": "crm", "is_active": true, "username": "crm", "realm": "R & D"}),
            json!({"id": "$crm", "name": "crm"}),
        )
        .keeps("crm"),
        ok(
            "zato.security.basic-auth.get-list",
            json!({"cluster_id": 1}),
            json!([
                row("$admin.invoke", "admin.invoke", "Zato admin invoke"),
                row("$crm", "crm", "R & D"),
                row("$pubapi", "pubapi", "Zato public API")
            ]),
        ),
        ok(
            "zato.security.basic-auth.change-password",
            json!({"id": "$crm", "password1": "a new one", "password2": "a new one"}),
            Value::Null,
        ),
        no(
            "zato.security.basic-auth.change-password",
            json!({"id": "$crm", "password1": "a new one", "password2": "another one"}),
            400,
            "Passwords need to be the same",
        ),
        ok(
            "zato.security.basic-auth.edit",
            json!({"id": "$crm", "cluster_id": 1, "name": "crm2", "is_active": "no", "username": "crm", "realm": "R"}),
            json!({"id": "$crm", "name": "crm2"}),
        ),
        no(
            "zato.security.basic-auth.create",
            json!({"cluster_id": 1, "name": "crm2", "is_active": true, "username": "a:b", "realm": "R"}),
            400,
            "username: may not hold a colon: it parts the username from the password",
        ),
    ]
}

/// Channels; the definition they use is edited above, so that its new name is seen here.
fn channels() -> Vec<Exchange> {
    vec![
        ok(
            "zato.http-soap.create",
            json!({
                "cluster_id": 1, "name": "pinged", "is_active": true, "connection": "channel",
                "transport": "plain_http", "is_internal": false, "url_path": "/pinged", "service": "zato.ping",
                "security_id": "$crm", "data_format": "json"
            }),
            json!({"id": "$channel", "name": "pinged"}),
        )
        .keeps("channel"),
        ok(
            "zato.http-soap.get-list",
            json!({"cluster_id": 1, "connection": "channel", "transport": "plain_http"}),
            json!([{
                "id": "$channel", "name": "pinged", "is_active": true, "is_internal": false, "url_path": "/pinged",
                "service_id": 5_049_499_594_053_499_u64, "service_name": "zato.ping", "security_id": "$crm",
                "security_name": "crm2", "sec_type": "basic_auth", "method": "", "soap_action": "",
                "soap_version": "", "data_format": "json", "host": ""
            }]),
        ),
        ok(
            "zato.service.get-channel-list",
            json!({"id": 5_049_499_594_053_499_u64, "channel_type": "plain_http"}),
            json!([{"id": "$channel", "name": "pinged"}]),
        ),
        no(
            "zato.http-soap.edit",
            json!({
                "id": "$channel", "cluster_id": 1, "name": "pinged", "is_active": true, "connection": "channel",
                "transport": "plain_http", "url_path": "pinged", "service": "zato.ping"
            }),
            400,
            "url_path: must start with '/' and be at most 1024 bytes long",
        ),
        ok(
            "zato.http-soap.edit",
            json!({
                "id": "$channel", "cluster_id": 1, "name": "pinged", "is_active": true, "connection": "channel",
                "transport": "plain_http", "url_path": "/pinged", "service": "zato.ping", "security_id": "ZATO_NONE"
            }),
            json!({"id": "$channel", "name": "pinged"}),
        ),
        ok("zato.http-soap.delete", json!({"id": "$channel"}), Value::Null),
        ok(
            "zato.http-soap.get-list",
            json!({"cluster_id": 1, "connection": "channel", "transport": "plain_http"}),
            json!([]),
        ),
        ok(
            "zato.security.basic-auth.delete",
            json!({"id": "$crm"}),
            Value::Null,
        ),
    ]
}

fn jobs() -> Vec<Exchange> {
    let job = json!({
        "cluster_id": 1, "name": "nightly", "is_active": false, "job_type": "cron_style", "service": "zato.ping",
        "start_date": "2030-01-01T00:00:00", "cron_definition": "@daily", "extra": "{}"
    });
    let shown = json!({
        "id": "$job", "name": "nightly", "is_active": false, "job_type": "cron_style",
        "start_date": "2030-01-01T00:00:00", "service_id": 5_049_499_594_053_499_u64, "service_name": "zato.ping",
        "extra": "{}", "weeks": "", "days": "", "hours": "", "minutes": "", "seconds": "", "repeats": "",
        "cron_definition": "@daily"
    });
    let mut wrong = job.clone();
    wrong["cron_definition"] = json!("");
    vec![
        ok(
            "zato.scheduler.job.create",
            job,
            json!({"id": "$job", "name": "nightly", "cron_definition": "@daily"}),
        )
        .keeps("job"),
        ok(
            "zato.scheduler.job.get-by-name",
            json!({"cluster_id": 1, "name": "nightly"}),
            shown.clone(),
        ),
        ok(
            "zato.scheduler.job.get-list",
            json!({"cluster_id": 1}),
            json!([shown]),
        ),
        no(
            "zato.scheduler.job.create",
            wrong,
            400,
            "Required parameter [cron_definition] missing - value is [None]",
        ),
        ok(
            "zato.scheduler.job.delete",
            json!({"id": "$job"}),
            Value::Null,
        ),
        no(
            "zato.scheduler.job.delete",
            json!({"id": "$job"}),
            404,
            "There is nothing with id [$job]",
        ),
    ]
}

/// Requests that say nothing a service could use.
fn refusals() -> Vec<Exchange> {
    vec![
        ok("zato.ping", json!({}), json!({"pong": "zato"})),
        no(
            "zato.security.basic-auth.get-list",
            json!({}),
            400,
            "Required parameter [cluster_id] missing - value is [None]",
        ),
        no(
            "zato.security.basic-auth.get-list",
            json!({"cluster_id": "one"}),
            400,
            "Conversion error, param:[cluster_id]: expected an integer, got \"one\"",
        ),
        no(
            "zato.security.basic-auth.get-list",
            json!({"cluster_id": 2}),
            404,
            "There is no such cluster_id; the id of this cluster is 1",
        ),
        no(
            "zato.service.invoke",
            json!({"payload": "e30="}),
            400,
            "Either id or name must be given, and not both",
        ),
    ]
}

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
        let tables = [definitions(), channels(), jobs(), refusals()];
        for exchange in tables.iter().flatten() {
            run(&environment, wire, exchange, &mut ids).await;
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
