//! Revisions, the way back, writes that only check, and the guard of a cluster.

use busker_model::ErrorClass;
use busker_model::invocation::Role;
use serde_json::{Value, json};

use crate::bench::{Bench, refusal};

const SECRET: &str = "hunter2-is-the-secret";

fn channel(name: &str, path: &str) -> Value {
    json!({"name": name, "settings": {"url_path": path, "service": "a.b"}})
}

async fn ok(bench: &Bench, service: &str, input: Value) -> Value {
    bench.call(service, input).await.unwrap()
}

async fn login(bench: &Bench, name: &str) {
    let input = json!({"name": name, "settings": {"username": "u", "password": SECRET}});
    ok(bench, "busker.security.basic-auth.create", input).await;
}

async fn revision(bench: &Bench) -> i64 {
    bench.odb.cluster().revision().await.unwrap()
}

async fn exported(bench: &Bench) -> Value {
    let answer = ok(bench, "busker.enmasse.export", json!({"format": "json"})).await;
    answer["text"].clone()
}

fn count(answer: &Value) -> [usize; 3] {
    ["create", "edit", "delete"].map(|key| answer[key].as_array().unwrap().len())
}

#[tokio::test]
async fn a_revert_makes_objects_what_they_were_at_a_new_revision() {
    let bench = Bench::new().await;
    login(&bench, "kept").await;
    login(&bench, "gone").await;
    ok(&bench, "busker.channel.http.create", channel("a", "/a")).await;
    let mut input = channel("b", "/b");
    input["settings"]["security"] = json!("kept");
    ok(&bench, "busker.channel.http.create", input).await;
    let then = revision(&bench).await;
    let before = exported(&bench).await;

    let edit = json!({"name": "a", "new_name": "c", "settings": {"url_path": "/c"}});
    ok(&bench, "busker.channel.http.edit", edit).await;
    let rename = json!({"name": "kept", "new_name": "renamed"});
    ok(&bench, "busker.security.basic-auth.edit", rename).await;
    let change = json!({"name": "renamed", "password1": "another", "password2": "another"});
    ok(&bench, "busker.security.basic-auth.change-password", change).await;
    ok(
        &bench,
        "busker.security.basic-auth.delete",
        json!({"name": "gone"}),
    )
    .await;
    ok(&bench, "busker.channel.http.create", channel("a", "/a")).await;
    let now = revision(&bench).await;

    let back = json!({"revision": then});
    let mut only = back.clone();
    only["validate_only"] = json!(true);
    let planned = ok(&bench, "busker.revision.revert", only).await;
    assert_eq!(count(&planned), [1, 3, 1]);
    assert_eq!(
        (&planned["validate_only"], revision(&bench).await),
        (&json!(true), now)
    );
    let reverted = ok(&bench, "busker.revision.revert", back.clone()).await;
    assert_eq!(count(&reverted), [1, 3, 1]);
    assert_eq!(
        (&reverted["changed"], &reverted["revision"]),
        (&json!(true), &json!(now + 1))
    );
    let warnings = reverted["warnings"].as_array().unwrap();
    assert!(
        warnings.len() == 1 && warnings[0]["message"].as_str().unwrap().contains("kept"),
        "{warnings:?}"
    );
    assert_eq!(reverted["needs_secret"][0]["name"], "gone");
    assert_eq!(exported(&bench).await, before);
    let kept = ok(
        &bench,
        "busker.security.basic-auth.get",
        json!({"name": "kept"}),
    )
    .await;
    assert_eq!(kept["secrets"]["password"], true);

    let again = ok(&bench, "busker.revision.revert", back).await;
    assert_eq!(
        (&again["changed"], revision(&bench).await),
        (&json!(false), now + 1)
    );
    // And back again, out of the way back.
    let forth = ok(&bench, "busker.revision.revert", json!({"revision": now})).await;
    assert_eq!(count(&forth), [1, 3, 1]);
}

#[tokio::test]
async fn revisions_say_who_did_what_and_differ_by_fields() {
    let bench = Bench::new().await;
    let start = revision(&bench).await;
    ok(&bench, "busker.channel.http.create", channel("a", "/a")).await;
    login(&bench, "login").await;
    let change = json!({"name": "login", "password1": "another", "password2": "another"});
    ok(&bench, "busker.security.basic-auth.change-password", change).await;
    ok(
        &bench,
        "busker.channel.http.edit",
        json!({"name": "a", "active": false}),
    )
    .await;
    let listed = ok(&bench, "busker.revision.list", json!({"limit": 2})).await;
    assert_eq!(listed["current"], start + 4);
    let newest = &listed["revisions"][0];
    assert_eq!(
        (&newest["revision"], &newest["who"], &newest["edited"]),
        (&json!(start + 4), &json!("ann"), &json!(1))
    );
    let older = ok(&bench, "busker.revision.list", json!({"before": start + 3})).await;
    assert_eq!(older["revisions"].as_array().unwrap().len(), 2);

    let got = ok(
        &bench,
        "busker.revision.get",
        json!({"revision": start + 3}),
    )
    .await;
    let expected = json!([{
        "action": "edit", "kind": "security.basic-auth", "name": "login",
        "fields": [{"field": "settings.password", "before": "(secret)", "after": "(secret)"}],
    }]);
    assert_eq!(got["changes"], expected);
    let diff = ok(&bench, "busker.revision.diff", json!({"from": start + 1})).await;
    assert_eq!((count(&diff), &diff["to"]), ([1, 1, 0], &json!(start + 4)));
    let expected = json!([{
        "kind": "channel.http", "name": "a", "transport": "plain_http",
        "fields": [{"field": "active", "before": true, "after": false}],
    }]);
    assert_eq!(diff["edit"], expected);
    let (class, _) = refusal(
        bench
            .call("busker.revision.diff", json!({"from": 9_999}))
            .await,
    );
    assert_eq!(class, ErrorClass::Invalid);
    let (class, _) = refusal(
        bench
            .call("busker.revision.get", json!({"revision": 9_999}))
            .await,
    );
    assert_eq!(class, ErrorClass::NotFound);
}

#[tokio::test]
async fn a_revert_needs_the_role_that_writes_what_changes() {
    let bench = Bench::new().await;
    let start = revision(&bench).await;
    login(&bench, "login").await;
    let asked = bench.as_role(
        Role::Developer,
        "busker.revision.revert",
        json!({"revision": start}),
    );
    let (class, message) = refusal(asked.await);
    assert_eq!(class, ErrorClass::Forbidden);
    assert!(
        message.contains("security") && message.contains("admin"),
        "{message}"
    );
}

#[tokio::test]
async fn a_write_that_only_validates_checks_all_and_changes_nothing() {
    let bench = Bench::new().await;
    let created = ok(&bench, "busker.channel.http.create", channel("a", "/a")).await;
    let before = (revision(&bench).await, exported(&bench).await);
    let only = |mut input: Value| {
        input["validate_only"] = json!(true);
        input
    };
    let would = ok(
        &bench,
        "busker.channel.http.create",
        only(channel("b", "/b")),
    )
    .await;
    assert_eq!(
        (&would["name"], &would["validate_only"]),
        (&json!("b"), &json!(true))
    );
    let would = ok(
        &bench,
        "busker.channel.http.edit",
        only(json!({"name": "a", "active": false})),
    )
    .await;
    assert_eq!(would["active"], false);
    let would = ok(
        &bench,
        "busker.channel.http.delete",
        only(json!({"name": "a"})),
    )
    .await;
    assert_eq!(would["deleted"][0]["name"], "a");
    let mut missing = channel("c", "/c");
    missing["settings"]["security"] = json!("nobody");
    let stale = json!({"name": "a", "revision": created["revision"].as_i64().unwrap() - 1});
    for (verb, input, class) in [
        ("create", channel("b", "/a"), ErrorClass::Conflict),
        ("create", missing, ErrorClass::Invalid),
        (
            "edit",
            json!({"name": "a", "settings": {"timeout_ms": 0}}),
            ErrorClass::Invalid,
        ),
        ("edit", json!({"name": "nobody"}), ErrorClass::NotFound),
        ("delete", stale, ErrorClass::Conflict),
    ] {
        let refused = bench
            .call(&format!("busker.channel.http.{verb}"), only(input.clone()))
            .await;
        assert_eq!(refusal(refused).0, class, "{verb} {input}");
    }
    assert_eq!((revision(&bench).await, exported(&bench).await), before);
    let audit = ok(&bench, "busker.audit.list", json!({})).await;
    assert_eq!(
        audit["entries"].as_array().unwrap().len(),
        1,
        "a check is no write"
    );
    let delete = json!({"name": "a", "revision": created["revision"]});
    ok(&bench, "busker.channel.http.delete", delete).await;
}

#[tokio::test]
async fn a_guarded_cluster_wants_its_name_before_anything_is_taken_away() {
    let bench = Bench::new().await;
    ok(&bench, "busker.channel.http.create", channel("a", "/a")).await;
    let start = revision(&bench).await;
    let guard = json!({"name": "production", "colour": "#a02020", "guarded": true});
    ok(&bench, "busker.cluster.edit", guard).await;
    let delete = |confirm: Option<&str>| {
        let mut input = json!({"name": "a"});
        if let Some(confirm) = confirm {
            input["confirm"] = json!(confirm);
        }
        bench.call("busker.channel.http.delete", input)
    };
    for wrong in [None, Some("busker"), Some("")] {
        let fault = delete(wrong).await.unwrap_err();
        assert_eq!(
            (fault.class, fault.code_str()),
            (ErrorClass::Conflict, Some("guarded"))
        );
        assert!(fault.message.contains("production"), "{fault:?}");
    }
    for (service, input) in [
        ("busker.revision.revert", json!({"revision": start - 1})),
        ("busker.node.drain", json!({"node": "node1"})),
        ("busker.cluster.edit", json!({"guarded": false})),
    ] {
        let fault = bench.call(service, input).await.unwrap_err();
        assert_eq!(fault.code_str(), Some("guarded"), "{service}");
    }
    // What adds or changes is not in its way, and neither is a check.
    ok(&bench, "busker.channel.http.create", channel("b", "/b")).await;
    ok(
        &bench,
        "busker.channel.http.edit",
        json!({"name": "b", "active": false}),
    )
    .await;
    ok(
        &bench,
        "busker.channel.http.delete",
        json!({"name": "a", "validate_only": true}),
    )
    .await;
    ok(&bench, "busker.cluster.edit", json!({"colour": "#20a020"})).await;
    delete(Some("production")).await.unwrap();
    let open = json!({"guarded": false, "confirm": "production"});
    let cluster = ok(&bench, "busker.cluster.edit", open).await;
    assert_eq!(
        (&cluster["guarded"], &cluster["colour"]),
        (&json!(false), &json!("#20a020"))
    );
    ok(&bench, "busker.channel.http.delete", json!({"name": "b"})).await;
}

#[tokio::test]
async fn objects_of_all_kinds_are_listed_in_pages() {
    let bench = Bench::new().await;
    for name in ["a1", "a2"] {
        login(&bench, name).await;
        ok(
            &bench,
            "busker.channel.http.create",
            channel(name, &format!("/{name}")),
        )
        .await;
    }
    let names = async |input: Value| {
        let page = ok(&bench, "busker.object.list", input).await;
        let objects = page["objects"].as_array().unwrap().iter();
        let names = objects.map(|one| {
            format!(
                "{}/{}",
                one["family"].as_str().unwrap(),
                one["name"].as_str().unwrap()
            )
        });
        (
            names.collect::<Vec<_>>().join(" "),
            page["total"].as_i64().unwrap(),
        )
    };
    let all = "security/a1 security/a2 channel/a1 channel/a2";
    assert_eq!(names(json!({})).await, (all.to_owned(), 4));
    let middle = json!({"limit": 2, "offset": 1});
    assert_eq!(
        names(middle).await,
        ("security/a2 channel/a1".to_owned(), 4)
    );
    let last = json!({"offset": 3, "filter": "A"});
    assert_eq!(names(last).await, ("channel/a2".to_owned(), 4));
    assert_eq!(
        names(json!({"family": "channel", "filter": "1"})).await,
        ("channel/a1".to_owned(), 1)
    );
    assert_eq!(
        names(json!({"state": "needs-secret"})).await,
        (String::new(), 0)
    );
}
