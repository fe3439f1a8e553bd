//! Data dictionaries, commands to Redis, and kept invocations over the API.

use busker_kit::clock::unix_ms;
use busker_model::ErrorClass;
use busker_model::invocation::Role;
use busker_odb::samples::{SampleBody, SampleHead, SampleKind, SampleWrite};
use serde_json::{Value, json};

use crate::bench::{Bench, refusal};

const MARKET: &str = "stockmarket.get-market-cap";
const CID: &str = "K000000000000000000000000000000000000007";

fn question() -> Value {
    json!({"system1": "crm", "key1": "currency", "value1": "USD", "system2": "iso_4217", "key2": "numeric"})
}

async fn linked(bench: &Bench) {
    for (system, key, value) in [("crm", "currency", "USD"), ("iso_4217", "numeric", "840")] {
        let entry = json!({"system": system, "key": key, "value": value});
        let made = bench.call("busker.dictionary.entry.create", entry).await;
        assert_eq!(made.unwrap()["value"], value);
    }
    let mut path = question();
    path["value2"] = json!("840");
    let made = bench
        .call("busker.dictionary.translation.create", path)
        .await;
    assert_eq!(made.unwrap()["number"], 1);
}

#[tokio::test]
async fn a_value_is_translated_and_shown_in_five_forms() {
    let bench = Bench::new().await;
    let service = "busker.dictionary.translation.translate";
    let none = bench.call(service, question()).await.unwrap();
    assert_eq!(
        (&none["found"], &none["value2"]),
        (&json!(false), &Value::Null)
    );
    linked(&bench).await;
    let found = bench
        .as_role(Role::Viewer, service, question())
        .await
        .unwrap();
    let expected = json!({
        "found": true, "value2": "840", "repr": "'840'", "hex": "383430",
        "sha1": "c1d2fb848010807be783ec66dd6ddfad6863dbe7",
        "sha256": "fd0f7e53c5b02b688a57ee37f3d52065cb168a7b9fd5a3abd93d37e1559fbd30",
    });
    assert_eq!(found, expected);
}

#[tokio::test]
async fn entries_are_listed_by_system_key_and_value_and_go_with_their_translations() {
    let bench = Bench::new().await;
    linked(&bench).await;
    for (service, input, expected) in [
        (
            "list-systems",
            json!({}),
            json!({"systems": ["crm", "iso_4217"]}),
        ),
        (
            "list-keys",
            json!({"system": "crm"}),
            json!({"keys": ["currency"]}),
        ),
        (
            "list-values",
            json!({"system": "crm", "key": "currency"}),
            json!({"values": ["USD"]}),
        ),
    ] {
        let service = format!("busker.dictionary.entry.{service}");
        assert_eq!(bench.call(&service, input).await.unwrap(), expected);
    }
    let list = bench.call("busker.dictionary.entry.list", json!({"limit": 1}));
    let list = list.await.unwrap();
    assert_eq!(
        (&list["total"], &list["last_number"]),
        (&json!(2), &json!(2))
    );
    let edit = json!({"number": 2, "system": "iso_4217", "key": "numeric", "value": "841"});
    bench
        .call("busker.dictionary.entry.edit", edit)
        .await
        .unwrap();
    let links = bench.call("busker.dictionary.translation.list", json!({}));
    assert_eq!(links.await.unwrap()["translations"][0]["value2"], "841");
    let gone = bench.call("busker.dictionary.entry.delete", json!({"number": 1}));
    assert_eq!(gone.await.unwrap()["translations"], 1);
    let wrong = json!({"system": "a-b", "key": "k", "value": "v"});
    let (class, message) = refusal(bench.call("busker.dictionary.entry.create", wrong).await);
    assert_eq!(class, ErrorClass::Invalid);
    assert!(message.starts_with("system:"), "{message}");
}

#[tokio::test]
async fn an_export_is_imported_again_only_when_it_is_confirmed() {
    let bench = Bench::new().await;
    linked(&bench).await;
    let file = bench
        .call("busker.dictionary.export", json!({}))
        .await
        .unwrap();
    assert_eq!(file["name"], "zato-data-dict-export.json.bz2");
    bench
        .call("busker.dictionary.entry.delete", json!({"number": 1}))
        .await
        .unwrap();
    let unsure = json!({"data": file["data"], "replace_all": false});
    let (class, message) = refusal(bench.call("busker.dictionary.import", unsure).await);
    assert_eq!(class, ErrorClass::Invalid);
    assert!(message.starts_with("replace_all:"), "{message}");
    let sure = json!({"data": file["data"], "replace_all": true});
    let done = bench.call("busker.dictionary.import", sure).await.unwrap();
    assert_eq!(done, json!({"entries": 2, "translations": 1}));
    let again = bench
        .call("busker.dictionary.export", json!({}))
        .await
        .unwrap();
    assert_eq!(again, file);
    let broken = json!({"data": "QlpoOTFB", "replace_all": true});
    let (class, message) = refusal(bench.call("busker.dictionary.import", broken).await);
    assert_eq!(class, ErrorClass::Invalid);
    assert!(message.starts_with("data:"), "{message}");
}

#[tokio::test]
async fn a_command_of_redis_needs_the_role_for_what_it_can_do() {
    let mut bench = Bench::new().await;
    let service = "busker.redis.execute";
    for (command, role) in [
        ("GET \"my key\"", Role::Operator),
        ("set k v", Role::Developer),
    ] {
        let answer = bench
            .as_role(role, service, json!({"command": command}))
            .await;
        assert_eq!(answer.unwrap()["result"], "OK");
        assert!(bench.asked().unwrap().starts_with("redis ["));
    }
    for (command, role) in [("DEL k", Role::Operator), ("KEYS *", Role::Developer)] {
        let confirmed = json!({"command": command, "confirm": true});
        let (class, message) = refusal(bench.as_role(role, service, confirmed).await);
        assert_eq!(class, ErrorClass::Forbidden, "{message}");
    }
    for (command, field) in [
        ("FLUSHDB", "confirm:"),
        ("DEL busker:{c}:x", "confirm:"),
        ("EVAL x 0", "command:"),
        ("", "command:"),
    ] {
        let (class, message) = refusal(bench.call(service, json!({"command": command})).await);
        assert_eq!(class, ErrorClass::Invalid);
        assert!(message.starts_with(field), "{command}: {message}");
    }
    assert_eq!(bench.asked(), None);
    let confirmed = json!({"command": "FLUSHDB", "confirm": true});
    bench.call(service, confirmed).await.unwrap();
    assert_eq!(bench.asked().unwrap(), "redis [\"FLUSHDB\"]");
    let log = bench.odb.audit().list(1, None).await.unwrap();
    assert_eq!(log[0].object, "FLUSHDB");
}

fn sample(kind: SampleKind, state: &str) -> SampleWrite {
    let body = |text: &str, state: &str| SampleBody {
        text: text.to_owned(),
        bytes: 17,
        state: state.to_owned(),
        masked: 1,
    };
    SampleWrite {
        kind,
        head: SampleHead {
            service: MARKET.to_owned(),
            cid: CID.to_owned(),
            node: "node1".to_owned(),
            version: "Stock".to_owned(),
            generation: 2,
            started_ms: unix_ms(),
            took_micros: 1_500_250,
            threshold_micros: 1_000_000,
            outcome: "ok".to_owned(),
            origin: json!({"data_format": "xml", "transport": "soap", "params": [["q", "1"]]}),
        },
        request: body("<a>***</a>", state),
        response: body("{}", "whole"),
    }
}

#[tokio::test]
async fn sampling_is_set_beside_the_other_settings_of_a_service() {
    let bench = Bench::new().await;
    let set = json!({"name": MARKET, "every": 10});
    bench.call("busker.sample.configure", set).await.unwrap();
    let edit = json!({"name": MARKET, "settings": {"slow_threshold_ms": 5}});
    bench
        .call("busker.service.settings.edit", edit)
        .await
        .unwrap();
    let set = json!({"name": MARKET, "every": 3});
    bench.call("busker.sample.configure", set).await.unwrap();
    let kept = bench.call("busker.service.settings.get", json!({"name": MARKET}));
    let kept = kept.await.unwrap();
    assert_eq!(kept["settings"]["sample_every"], 3);
    assert_eq!(kept["settings"]["slow_threshold_ms"], 5);
    let list = bench.call("busker.slow-request.list", json!({"name": MARKET}));
    let list = list.await.unwrap();
    assert_eq!(
        (&list["every"], &list["threshold_ms"]),
        (&json!(3), &json!(5))
    );
}

#[tokio::test]
async fn kept_invocations_are_listed_without_payloads_read_with_them_and_deleted() {
    let bench = Bench::new().await;
    let slow = vec![sample(SampleKind::Slow, "whole")];
    bench.odb.samples().keep(slow).await.unwrap();
    let list = bench.as_role(Role::Viewer, "busker.slow-request.list", json!({}));
    let list = list.await.unwrap();
    assert_eq!(list["total"], 1);
    let row = &list["invocations"][0];
    assert_eq!(
        (&row["took_ms"], &row["threshold_ms"]),
        (&json!(1500.25), &json!(1000))
    );
    assert!(row["request"].is_null());
    let named = json!({"name": MARKET, "cid": CID});
    let whole = bench
        .call("busker.slow-request.get", named.clone())
        .await
        .unwrap();
    assert_eq!(whole["request"]["text"], "<a>***</a>");
    assert_eq!(whole["response"]["state"], "whole");
    let (class, _) = refusal(bench.call("busker.sample.get", named.clone()).await);
    assert_eq!(class, ErrorClass::NotFound);
    let gone = bench
        .call("busker.slow-request.delete", named.clone())
        .await;
    assert_eq!(gone.unwrap(), json!({"deleted": 1}));
    let (class, _) = refusal(bench.call("busker.slow-request.delete", named).await);
    assert_eq!(class, ErrorClass::NotFound);
}

#[tokio::test]
async fn a_kept_invocation_is_sent_again_as_it_came_to_the_version_that_runs() {
    let mut bench = Bench::new().await;
    let kept = vec![sample(SampleKind::Sample, "whole")];
    bench.odb.samples().keep(kept).await.unwrap();
    let answer = bench.call("busker.sample.replay", json!({"cid": CID, "package": 1}));
    let answer = answer.await.unwrap();
    assert_eq!(
        (&answer["replayed"], &answer["masked"]),
        (&json!(CID), &json!(1))
    );
    assert_eq!(
        (&answer["status"], &answer["package"]),
        (&json!(200), &json!(1))
    );
    assert_eq!(
        bench.asked().unwrap(),
        format!("call {MARKET} xml soap <a>***</a>")
    );
    let other = json!({"cid": CID, "package": 2});
    let (class, message) = refusal(bench.call("busker.sample.replay", other).await);
    assert_eq!(class, ErrorClass::Conflict);
    assert!(message.contains("busker.service.rollback"), "{message}");
    bench
        .call("busker.sample.delete", json!({"name": MARKET}))
        .await
        .unwrap();
    let cut = vec![sample(SampleKind::Slow, "cut")];
    bench.odb.samples().keep(cut).await.unwrap();
    let (class, message) = refusal(
        bench
            .call("busker.sample.replay", json!({"cid": CID}))
            .await,
    );
    assert_eq!(class, ErrorClass::Conflict);
    assert!(message.contains("kept cut"), "{message}");
    assert_eq!(bench.asked(), None);
}
