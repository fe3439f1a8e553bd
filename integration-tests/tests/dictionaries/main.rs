//! Data dictionaries, commands to Redis, and invocations kept to be looked at.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails"
)]

mod redis;
mod samples;

use std::time::{Duration, Instant};

use busker_integration_tests::{ClusterEnvironment, Environment, until};
use serde_json::{Value, json};

const CODES: &str = include_str!("codes.py");
const RUST: &str = "samples.currency-code";
/// Less than a node remembers a translation for when it is told nothing.
const TOLD_WITHIN: Duration = Duration::from_secs(5);

fn entries() -> [Value; 2] {
    [
        json!({"system": "crm", "key": "currency", "value": "USD"}),
        json!({"system": "iso_4217", "key": "numeric", "value": "840"}),
    ]
}

fn path(code: &str) -> Value {
    json!({"system1": "crm", "key1": "currency", "value1": "USD",
        "system2": "iso_4217", "key2": "numeric", "value2": code})
}

async fn link(environment: &Environment) {
    for entry in entries() {
        environment
            .ok("busker.dictionary.entry.create", entry)
            .await;
    }
    environment
        .ok("busker.dictionary.translation.create", path("840"))
        .await;
}

#[tokio::test]
async fn python_and_rust_services_translate_and_see_a_change_at_once() {
    let environment = Environment::start().await;
    environment.deploy("codes.py", CODES).await;
    let usd = json!({"currency": "USD"});
    let none = environment.ok("codes.zato", usd.clone()).await;
    assert_eq!(none, json!({"code": "", "same": "none"}));
    let refused = environment.call(RUST, usd.clone()).await.unwrap_err();
    assert_eq!(refused.status, 404, "{refused:?}");
    link(&environment).await;
    for _ in 0..2 {
        let zato = environment.ok("codes.zato", usd.clone()).await;
        assert_eq!(zato, json!({"code": "840", "same": "840"}));
        let typed = environment.ok("codes.typed", usd.clone()).await;
        assert_eq!(typed, json!({"code": "840"}));
        assert_eq!(
            environment.ok(RUST, usd.clone()).await,
            json!({"code": "840"})
        );
    }
    let edit = json!({"number": 2, "system": "iso_4217", "key": "numeric", "value": "0840"});
    environment.ok("busker.dictionary.entry.edit", edit).await;
    assert_eq!(
        environment.ok(RUST, usd.clone()).await,
        json!({"code": "0840"})
    );
    let delete = json!({"number": 1});
    environment
        .ok("busker.dictionary.entry.delete", delete)
        .await;
    let typed = environment.ok("codes.typed", usd).await;
    assert_eq!(typed, json!({"code": null}));
}

#[tokio::test]
async fn the_command_line_exports_wipes_and_imports_what_comes_back_equal() {
    let environment = Environment::start().await;
    for entry in entries() {
        let text = |field: &str| entry[field].as_str().unwrap().to_owned();
        let words = [
            "create",
            "--system",
            &text("system"),
            "--key",
            &text("key"),
            "--value",
            &text("value"),
        ];
        environment.must(&["dictionary"], &words);
    }
    let way = [
        "--system1",
        "crm",
        "--key1",
        "currency",
        "--value1",
        "USD",
        "--system2",
        "iso_4217",
        "--key2",
        "numeric",
    ];
    let link = [&["link"][..], &way, &["--value2", "840"]].concat();
    environment.must(&["dictionary"], &link);
    let translate = [&["translate"][..], &way].concat();
    assert_eq!(environment.must(&["dictionary"], &translate), "840\n");
    let before = environment.ok("busker.dictionary.export", json!({})).await;
    let file = environment.dir.join("dictionaries.bz2");
    let file = file.to_str().unwrap();
    environment.must(&["dictionary"], &["export", "--output", file]);
    for number in ["1", "2"] {
        environment.must(&["dictionary"], &["delete", "--number", number]);
    }
    let nobody = environment.run(&["dictionary"], &translate);
    assert_eq!((nobody.code, nobody.stdout.as_str()), (6, ""), "{nobody:?}");
    let said = environment.must(&["dictionary"], &["import", "--input", file]);
    assert_eq!(said, "2 entries, 1 translations\n");
    let after = environment.ok("busker.dictionary.export", json!({})).await;
    assert_eq!(after, before);
    let listed = environment.must(&["dictionary"], &["links"]);
    assert!(listed.contains("USD") && listed.contains("840"), "{listed}");
    // What Python's bz2 writes is what Zato wrote.
    let python = format!(
        "import bz2, json; d = json.loads(bz2.open({file:?}).read())['data']; print(sorted(d), len(d['dict_list']))"
    );
    let ran = std::process::Command::new("python3")
        .args(["-c", &python])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    let expected = "['dict_list', 'last_dict_id', 'last_translation_id', 'translation_list'] 2";
    assert_eq!(said.trim(), expected, "{ran:?}");
}

#[tokio::test]
async fn a_change_through_one_node_is_seen_by_a_service_on_another() {
    let environment = ClusterEnvironment::start(2, "").await;
    for entry in entries() {
        environment
            .ok(1, "busker.dictionary.entry.create", entry)
            .await;
    }
    environment
        .ok(1, "busker.dictionary.translation.create", path("840"))
        .await;
    let usd = json!({"currency": "USD"});
    until("node2 translates", TOLD_WITHIN, || async {
        environment.call(2, RUST, usd.clone()).await.ok()
    })
    .await;
    let edit = json!({"number": 2, "system": "iso_4217", "key": "numeric", "value": "0840"});
    environment
        .ok(1, "busker.dictionary.entry.edit", edit)
        .await;
    let began = Instant::now();
    until("node2 translates anew", TOLD_WITHIN, || async {
        let found = environment.ok(2, RUST, usd.clone()).await;
        (found["code"] == "0840").then_some(())
    })
    .await;
    println!("seen on the other node after {:?}", began.elapsed());
}
