//! Objects of every kind over their admin services.

use busker_catalog::{Catalog, title};
use busker_model::ErrorClass;
use busker_model::invocation::Role;
use serde_json::{Value, json};

use crate::bench::{Bench, refusal};

fn channel(name: &str) -> Value {
    json!({"name": name, "settings": {"url_path": format!("/{name}"), "service": "a.b"}})
}

async fn create(bench: &Bench, input: Value) -> Value {
    bench
        .call("busker.channel.http.create", input)
        .await
        .unwrap()
}

#[tokio::test]
async fn every_kind_is_created_read_edited_listed_and_deleted_from_its_example() {
    let bench = Bench::new().await;
    for kind in Catalog::builtin().iter() {
        let service = |verb: &str| format!("busker.{}.{verb}", title(kind));
        let name = "some.thing";
        let input = json!({"name": name, "settings": (kind.example)()});
        let created = bench.call(&service("create"), input.clone()).await.unwrap();
        assert_eq!(created["family"], json!(kind.family));
        assert_eq!(created["kind"], kind.kind);
        assert_eq!(created["active"], true);
        let again = refusal(bench.call(&service("create"), input).await);
        assert_eq!(again.0, ErrorClass::Conflict, "{}", again.1);

        let got = bench
            .call(&service("get"), json!({"name": name}))
            .await
            .unwrap();
        assert_eq!(got, created);
        let edit = json!({"name": name, "new_name": "other.thing", "active": false});
        let edited = bench.call(&service("edit"), edit).await.unwrap();
        assert_eq!(
            edited["settings"], created["settings"],
            "what is not given stays"
        );
        assert_eq!(
            edited["number"], created["number"],
            "a rename keeps the number"
        );
        assert_eq!(
            (&edited["name"], &edited["active"]),
            (&json!("other.thing"), &json!(false))
        );
        assert!(edited["revision"].as_i64() > created["revision"].as_i64());

        let listed = bench.call(&service("list"), json!({})).await.unwrap();
        assert_eq!(listed, json!({"objects": [edited], "total": 1}));
        let named = json!({"name": "other.thing"});
        let deleted = bench.call(&service("delete"), named.clone()).await.unwrap();
        assert_eq!(deleted["deleted"][0]["name"], "other.thing");
        let (class, message) = refusal(bench.call(&service("get"), named).await);
        assert_eq!(class, ErrorClass::NotFound);
        assert!(message.contains("other.thing"), "{message}");
    }
}

#[tokio::test]
async fn an_unknown_setting_is_refused_by_every_kind() {
    let bench = Bench::new().await;
    for kind in Catalog::builtin().iter() {
        let mut settings = (kind.example)();
        settings["colr"] = json!("red");
        let created = bench
            .call(
                &format!("busker.{}.create", title(kind)),
                json!({"name": "some.thing", "settings": settings}),
            )
            .await;
        let (class, message) = refusal(created);
        assert_eq!(class, ErrorClass::Invalid);
        assert!(message.contains("colr"), "{message}");
    }
}

#[tokio::test]
async fn an_edit_merges_settings_and_a_null_takes_one_back() {
    let bench = Bench::new().await;
    let mut input = channel("crm");
    input["settings"]["timeout_ms"] = json!(500);
    create(&bench, input).await;
    let edit = |settings: Value| {
        let input = json!({"name": "crm", "settings": settings});
        bench.call("busker.channel.http.edit", input)
    };
    let edited = edit(json!({"method": "POST"})).await.unwrap();
    assert_eq!(edited["settings"]["timeout_ms"], 500);
    assert_eq!(edited["settings"]["method"], "POST");
    let edited = edit(json!({"timeout_ms": null})).await.unwrap();
    assert_eq!(edited["settings"]["timeout_ms"], Value::Null);
    assert_eq!(edited["settings"]["method"], "POST");
}

#[tokio::test]
async fn a_stale_revision_is_a_conflict_and_changes_nothing() {
    let bench = Bench::new().await;
    let created = create(&bench, channel("crm")).await;
    let edit = json!({"name": "crm", "active": false, "revision": created["revision"]});
    bench
        .call("busker.channel.http.edit", edit.clone())
        .await
        .unwrap();
    let mut stale = edit;
    stale["active"] = json!(true);
    let fault = bench
        .call("busker.channel.http.edit", stale)
        .await
        .unwrap_err();
    assert_eq!(
        (fault.class, fault.code_str()),
        (ErrorClass::Conflict, Some("stale"))
    );
    let got = bench
        .call("busker.channel.http.get", json!({"name": "crm"}))
        .await
        .unwrap();
    assert_eq!(got["active"], false);
}

#[tokio::test]
async fn deleting_what_is_used_lists_its_users_and_cascade_takes_them_along() {
    let bench = Bench::new().await;
    let security = json!({"name": "login", "settings": {"username": "u", "password": "p"}});
    bench
        .call("busker.security.basic-auth.create", security)
        .await
        .unwrap();
    for name in ["crm", "erp"] {
        let mut input = channel(name);
        input["settings"]["security"] = json!("login");
        create(&bench, input).await;
    }
    let delete = |input: Value| bench.call("busker.security.basic-auth.delete", input);
    let (class, message) = refusal(delete(json!({"name": "login"})).await);
    assert_eq!(class, ErrorClass::Conflict);
    for part in ["crm", "erp", "cascade"] {
        assert!(message.contains(part), "{message}");
    }
    let gone = delete(json!({"name": "login", "cascade": true}))
        .await
        .unwrap();
    assert_eq!(gone["deleted"].as_array().unwrap().len(), 3);
    let left = bench
        .call("busker.channel.http.list", json!({}))
        .await
        .unwrap();
    assert_eq!(left["total"], 0);
}

#[tokio::test]
async fn a_channel_may_not_name_a_security_definition_that_is_not_there() {
    let bench = Bench::new().await;
    let mut input = channel("crm");
    input["settings"]["security"] = json!("nobody");
    let (class, message) = refusal(bench.call("busker.channel.http.create", input).await);
    assert_eq!(class, ErrorClass::Invalid);
    assert!(
        message.contains("security") && message.contains("nobody"),
        "{message}"
    );
}

#[tokio::test]
async fn transport_tells_a_plain_and_a_soap_channel_of_one_name_apart() {
    let bench = Bench::new().await;
    let soap = json!({"name": "crm", "settings": {
        "url_path": "/soap", "service": "a.b", "transport": "soap", "soap_action": "get",
    }});
    create(&bench, soap).await;
    let get = |input: Value| bench.call("busker.channel.http.get", input);
    let only = get(json!({"name": "crm"})).await.unwrap();
    assert_eq!(
        only["settings"]["transport"], "soap",
        "the only one of that name"
    );
    create(&bench, channel("crm")).await;
    let first = get(json!({"name": "crm"})).await.unwrap();
    assert_eq!(first["settings"]["transport"], "plain_http");
    let told = get(json!({"name": "crm", "transport": "soap"}))
        .await
        .unwrap();
    assert_eq!(told["settings"]["url_path"], "/soap");
}

#[tokio::test]
async fn a_list_is_filtered_paged_and_sorted_both_ways() {
    let bench = Bench::new().await;
    for name in ["a1", "b2", "a3", "a2"] {
        create(&bench, channel(name)).await;
    }
    let names = async |input: Value| {
        let page = bench.call("busker.channel.http.list", input).await.unwrap();
        let objects = page["objects"].as_array().unwrap().clone();
        let names: Vec<String> = objects
            .iter()
            .map(|one| one["name"].as_str().unwrap().to_owned())
            .collect();
        (names.join(" "), page["total"].as_i64().unwrap())
    };
    assert_eq!(names(json!({"filter": "A"})).await, ("a1 a2 a3".into(), 3));
    assert_eq!(
        names(json!({"limit": 2, "offset": 1})).await,
        ("a2 a3".into(), 4)
    );
    let backwards =
        |limit: i64, offset: i64| json!({"sort": "-name", "limit": limit, "offset": offset});
    assert_eq!(names(backwards(3, 0)).await, ("b2 a3 a2".into(), 4));
    assert_eq!(names(backwards(3, 3)).await, ("a1".into(), 4));
    assert_eq!(names(backwards(3, 9)).await, (String::new(), 4));
    let (class, message) = refusal(
        bench
            .call("busker.channel.http.list", json!({"limit": 1001}))
            .await,
    );
    assert_eq!(class, ErrorClass::Invalid);
    assert!(message.contains("from 0 to 1000"), "{message}");
}

#[tokio::test]
async fn settings_of_a_service_have_the_name_of_one() {
    let bench = Bench::new().await;
    let input = json!({"name": "not a service", "settings": {}});
    let created = bench.call("busker.service.settings.create", input).await;
    assert_eq!(refusal(created).0, ErrorClass::Invalid);
}

#[tokio::test]
async fn a_dead_peer_is_an_answer_to_a_ping() {
    let mut bench = Bench::new().await;
    let settings = json!({"address": "http://127.0.0.1:9", "transport": "soap"});
    let input = json!({"name": "bank", "settings": settings});
    bench
        .call("busker.outgoing.http.create", input)
        .await
        .unwrap();
    let ping = bench
        .as_role(
            Role::Operator,
            "busker.outgoing.http.ping",
            json!({"name": "bank"}),
        )
        .await
        .unwrap();
    assert_eq!(
        (&ping["ok"], &ping["class"]),
        (&json!(false), &json!("unavailable"))
    );
    assert_eq!(bench.asked().as_deref(), Some("ping bank soap"));
}
