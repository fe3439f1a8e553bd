//! What each adapter asks of our services, and what it makes of their answers: a table, against services that only remember.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use busker_model::invocation::{ReplyBody, Role};
use busker_model::{
    Cid, ErrorClass, Fault, Origin, Principal, Reply, Request, ServiceDefinition, ServiceName,
    Transport,
};
use busker_odb::{Odb, OdbConfig};
use busker_service::outgoing::{HttpAnswer, HttpCall, Ping};
use busker_service::ports::{AsyncOptions, NoDictionaries, NoKeyValue};
use busker_service::{BoxFuture, Context, Invoker, OutgoingHttp, Ports, Runner};
use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::{ids, rows, services};

/// Longest time for a call.
const SOON: Duration = Duration::from_secs(30);
const SERVICE: &str = "crm.get-customer";

/// Services of ours that answer what they were told to.
#[derive(Debug, Default)]
struct Ours {
    answers: HashMap<&'static str, Value>,
    asked: Mutex<Vec<(String, Value)>>,
}

impl Invoker for Ours {
    fn invoke(&self, request: Request) -> BoxFuture<'static, Result<Reply, Fault>> {
        let name = request.service.to_string();
        let input = serde_json::from_slice(&request.raw).unwrap();
        let answer = self.answers.get(name.as_str());
        let answer = answer
            .map(|answer| Reply::json(answer.to_string()))
            .ok_or_else(|| Fault::not_found(format!("there is no {name}")));
        self.asked.lock().push((name, input));
        Box::pin(std::future::ready(answer))
    }

    fn invoke_async(
        &self,
        _request: Request,
        _how: AsyncOptions,
    ) -> BoxFuture<'static, Result<Cid, Fault>> {
        unreachable!("adapters hand nothing over")
    }

    fn definition(&self, service: &str) -> Option<Arc<ServiceDefinition>> {
        let name = ServiceName::new(SERVICE).unwrap();
        let definition = ServiceDefinition::new(name, "crm.GetCustomer", Origin::Rust);
        (service == SERVICE).then(|| Arc::new(definition))
    }

    fn names(&self) -> Vec<String> {
        vec![SERVICE.to_owned()]
    }
}

impl OutgoingHttp for Ours {
    fn send(
        &self,
        _connection: &str,
        _transport: Transport,
        _call: HttpCall,
    ) -> BoxFuture<'static, Result<HttpAnswer, Fault>> {
        unreachable!("adapters send nothing")
    }

    fn ping(
        &self,
        _connection: &str,
        _transport: Transport,
    ) -> BoxFuture<'static, Result<Ping, Fault>> {
        unreachable!("adapters ping nothing")
    }
}

/// Calls a service of Zato's; answers what it said, and what it asked.
async fn call(
    service: &str,
    role: Option<Role>,
    input: &Value,
    answers: &[(&'static str, Value)],
) -> (Result<Value, Fault>, Vec<(String, Value)>) {
    let folder = tempfile::tempdir().unwrap();
    let odb = Odb::open(OdbConfig::sqlite(folder.path().join("odb.db")))
        .await
        .unwrap();
    odb.migrate().await.unwrap();
    let ours = Arc::new(Ours {
        answers: answers.iter().cloned().collect(),
        asked: Mutex::default(),
    });
    let ports = Arc::new(Ports {
        invoker: Arc::clone(&ours) as Arc<dyn Invoker>,
        http: Arc::clone(&ours) as Arc<dyn OutgoingHttp>,
        key_value: Arc::new(NoKeyValue),
        dictionaries: Arc::new(NoDictionaries),
        cluster: "test".into(),
        node: "node1".into(),
    });
    let all: Vec<Arc<dyn Runner>> = services(&odb).unwrap();
    let runner = all
        .iter()
        .find(|runner| runner.definition().name.as_str() == service)
        .unwrap_or_else(|| panic!("there is no {service}"));
    let name = runner.definition().name.clone();
    let deadline = tokio::time::Instant::now().into_std() + SOON;
    let mut request = Request::json(name, Bytes::from(input.to_string()), deadline);
    request.principal = Some(Arc::new(Principal::new("pubapi", role)));
    let reply = runner.run(Context::new(request, ports)).await;
    let said = reply.map(|reply| match reply.body {
        ReplyBody::Empty => Value::Null,
        ReplyBody::Json(text) | ReplyBody::Raw(text) => serde_json::from_slice(&text).unwrap(),
    });
    let asked = ours.asked.lock().clone();
    (said, asked)
}

/// A service and its input; the services of ours it asks, with input and answer; and what it says then.
struct Row(
    &'static str,
    Value,
    Vec<(&'static str, Value, Value)>,
    Value,
);

async fn check(table: Vec<Row>) {
    for Row(service, input, steps, wanted) in table {
        let answers: Vec<_> = steps
            .iter()
            .map(|(name, _, answer)| (*name, answer.clone()))
            .collect();
        let (said, asked) = call(service, Some(Role::Admin), &input, &answers).await;
        let steps: Vec<_> = steps
            .into_iter()
            .map(|(name, input, _)| (name.to_owned(), input))
            .collect();
        assert_eq!(asked, steps, "{service}");
        assert_eq!(said.unwrap(), wanted, "{service}");
    }
}

fn id() -> Value {
    json!(ids::service(SERVICE))
}

#[tokio::test]
async fn dictionaries_have_ids_and_names_where_ours_have_numbers_and_lists() {
    let entry = json!({"system": "crm", "key": "currency", "value": "USD"});
    let mut numbered = entry.clone();
    numbered["number"] = json!(7);
    let mut with_id = entry.clone();
    with_id["id"] = json!("7");
    check(vec![
        Row(
            "zato.kvdb.data-dict.dictionary.create",
            entry.clone(),
            vec![("busker.dictionary.entry.create", entry, numbered.clone())],
            json!({"id": 7}),
        ),
        Row(
            "zato.kvdb.data-dict.dictionary.edit",
            with_id,
            vec![(
                "busker.dictionary.entry.edit",
                numbered.clone(),
                numbered.clone(),
            )],
            json!({"id": 7}),
        ),
        Row(
            "zato.kvdb.data-dict.dictionary.get-list",
            json!({}),
            vec![(
                "busker.dictionary.entry.list",
                json!({"limit": 1000, "offset": 0}),
                json!({"total": 1, "entries": [numbered]}),
            )],
            json!([{"id": 7, "system": "crm", "key": "currency", "value": "USD"}]),
        ),
        Row(
            "zato.kvdb.data-dict.dictionary.get-value-list",
            json!({"system": "crm", "key": "currency"}),
            vec![(
                "busker.dictionary.entry.list-values",
                json!({"system": "crm", "key": "currency"}),
                json!({"values": ["EUR", "USD"]}),
            )],
            json!([{"name": "EUR"}, {"name": "USD"}]),
        ),
    ])
    .await;
}

#[tokio::test]
async fn translations_imports_and_commands_go_through_without_what_zato_does_not_know() {
    let question =
        json!({"system1": "crm", "key1": "c", "value1": "USD", "system2": "iso", "key2": "n"});
    check(vec![
        Row(
            "zato.kvdb.data-dict.translation.get-last-id",
            json!({}),
            vec![(
                "busker.dictionary.translation.list",
                json!({"limit": 0}),
                json!({"last_number": 3}),
            )],
            json!({"value": 3}),
        ),
        Row(
            "zato.kvdb.data-dict.translation.translate",
            question.clone(),
            vec![(
                "busker.dictionary.translation.translate",
                question,
                json!({"found": false, "value2": null}),
            )],
            json!({"value2": "", "repr": "", "hex": "", "sha1": "", "sha256": ""}),
        ),
        Row(
            "zato.kvdb.data-dict.impexp.import",
            json!({"data": "QlpoOT\nFBWSZTWQ=="}),
            vec![(
                "busker.dictionary.import",
                json!({"data": "QlpoOTFBWSZTWQ==", "replace_all": true}),
                json!({"entries": 1}),
            )],
            Value::Null,
        ),
        Row(
            "zato.kvdb.remote-command.execute",
            json!({"command": "PING"}),
            vec![(
                "busker.redis.execute",
                json!({"command": "PING"}),
                json!({"result": "PONG"}),
            )],
            json!({"result": "PONG"}),
        ),
    ])
    .await;
}

#[tokio::test]
async fn samples_and_slow_invocations_are_shown_as_zato_showed_them() {
    let kept = json!({
        "cid": "K1", "started_ms": 0, "ended_ms": 1_500, "took_ms": 1_499.6,
        "request": {"text": "{}"}, "response": {"text": "ok"}
    });
    let name = json!({"name": SERVICE});
    let sample = json!({"name": SERVICE, "cid": "K1"});
    let times = json!({
        "cid": "K1", "req_ts": "1970-01-01T00:00:00.000000", "resp_ts": "1970-01-01T00:00:01.500000", "proc_time": 1500
    });
    let mut whole = times.clone();
    whole["req"] = json!("{}");
    whole["resp"] = json!("ok");
    check(vec![
        Row(
            "zato.service.configure-request-response",
            json!({"cluster_id": 1, "name": SERVICE, "sample_req_resp_freq": "5"}),
            vec![(
                "busker.sample.configure",
                json!({"name": SERVICE, "every": 5}),
                json!({}),
            )],
            Value::Null,
        ),
        Row(
            "zato.service.get-request-response",
            json!({"cluster_id": 1, "name": SERVICE}),
            vec![
                (
                    "busker.sample.list",
                    json!({"name": SERVICE, "limit": 1}),
                    json!({"every": 5, "invocations": [kept]}),
                ),
                ("busker.sample.get", sample.clone(), kept.clone()),
            ],
            json!({
                "service_id": id(), "sample_req_resp_freq": 5, "sample_cid": "K1",
                "sample_req_ts": "1970-01-01T00:00:00.000000", "sample_resp_ts": "1970-01-01T00:00:01.500000",
                "sample_req": "e30=", "sample_resp": "b2s="
            }),
        ),
        Row(
            "zato.service.slow-response.get",
            sample.clone(),
            vec![("busker.slow-request.get", sample, kept.clone())],
            whole,
        ),
        Row(
            "zato.service.slow-response.get-list",
            name,
            vec![(
                "busker.slow-request.list",
                json!({"name": SERVICE, "limit": 100}),
                json!({"invocations": [kept]}),
            )],
            json!([times]),
        ),
    ])
    .await;
}

#[tokio::test]
async fn wsdl_and_deployments_are_those_of_the_service_behind_the_id() {
    let name = json!({"name": SERVICE});
    let details = "{\"object\":\"crm.py\",\"timestamp\":\"1970-01-01T00:00:00.000000\",\"remote_user\":\"ann\",\
        \"state\":\"deployed\",\"sha256\":\"ff\"}";
    check(vec![
        Row(
            "zato.service.set-wsdl",
            json!({"cluster_id": 1, "name": SERVICE, "wsdl": "PGE+\nPC9hPg==\n", "wsdl_name": "crm.wsdl"}),
            vec![(
                "busker.service.set-wsdl",
                json!({"name": SERVICE, "file": "crm.wsdl", "payload_base64": "PGE+PC9hPg=="}),
                json!({}),
            )],
            Value::Null,
        ),
        Row(
            "zato.service.get-wsdl",
            json!({"service": SERVICE}),
            vec![(
                "busker.service.get-wsdl",
                name.clone(),
                json!({"file": "crm.wsdl", "payload_base64": "PGEvPg=="}),
            )],
            json!({"content_type": "application/xml", "wsdl": "PGEvPg==", "wsdl_name": "crm.wsdl"}),
        ),
        Row(
            "zato.service.has-wsdl",
            json!({"name": SERVICE, "cluster_id": 1}),
            vec![(
                "busker.service.has-wsdl",
                name.clone(),
                json!({"has_wsdl": true}),
            )],
            json!({"service_id": id(), "has_wsdl": true}),
        ),
        Row(
            "zato.service.get-deployment-info-list",
            json!({"id": id()}),
            vec![(
                "busker.service.list-deployments",
                name,
                json!({"deployments": [{
                    "node": "node1", "file": "crm.py", "uploaded_ms": 0, "uploaded_by": "ann", "state": "deployed",
                    "sha256": "ff"
                }]}),
            )],
            json!([{"server_id": ids::server("node1"), "server_name": "node1", "details": details}]),
        ),
    ])
    .await;
}

#[tokio::test]
async fn jobs_say_what_they_are_in_one_field() {
    let interval = json!({
        "cluster_id": 1, "name": "often", "is_active": true, "job_type": "interval_based", "service": SERVICE,
        "start_date": "2030-01-01T00:00:00", "seconds": "30", "minutes": "", "repeats": "5"
    });
    check(vec![Row(
        "zato.scheduler.job.create",
        interval,
        vec![(
            "busker.job.interval.create",
            json!({
                "name": "often", "active": true,
                "settings": {
                    "service": SERVICE, "payload": "", "start_date": "2030-01-01T00:00:00", "weeks": 0, "days": 0,
                    "hours": 0, "minutes": 0, "seconds": 30, "repeats": 5
                }
            }),
            json!({"number": 9, "name": "often", "settings": {}}),
        )],
        json!({"id": 9, "name": "often", "cron_definition": ""}),
    )])
    .await;
}

#[tokio::test]
async fn who_has_no_right_is_told_so_before_anything_is_looked_up() {
    for (service, input) in [
        ("zato.security.basic-auth.delete", json!({"id": 1})),
        ("zato.http-soap.delete", json!({"id": 1})),
        ("zato.server.delete", json!({"id": 1})),
    ] {
        for role in [None, Some(Role::Viewer)] {
            let (said, asked) = call(service, role, &input, &[]).await;
            assert_eq!(said.unwrap_err().class, ErrorClass::Forbidden, "{service}");
            assert_eq!(asked, [], "{service}");
        }
    }
    let (said, _) = call("zato.ping", None, &json!({}), &[]).await;
    assert_eq!(said.unwrap(), json!({"pong": "zato"}));
}

#[test]
fn no_name_is_there_twice() {
    let mut names: Vec<&str> = rows().iter().map(|row| row.name).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}
