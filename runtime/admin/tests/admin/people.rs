//! Users, tokens and the audit log.

use busker_catalog::Catalog;
use busker_model::invocation::Role;
use busker_model::{ErrorClass, Principal, Secret};
use busker_odb::{PasswordCost, Passwords};
use serde_json::json;

use crate::bench::{Bench, refusal};

#[tokio::test]
async fn users_are_made_changed_and_deleted_without_showing_a_password() {
    let bench = Bench::new().await;
    let input = json!({"name": "bob", "password": "first-pass", "role": "operator"});
    let bob = bench.call("busker.user.create", input).await.unwrap();
    assert_eq!(
        (&bob["name"], &bob["role"]),
        (&json!("bob"), &json!("operator"))
    );
    let input = json!({"name": "bob", "password1": "second-pass", "password2": "second-pass"});
    bench
        .call("busker.user.change-password", input)
        .await
        .unwrap();
    let hash = bench.odb.users().password_hash("bob").await.unwrap();
    let passwords = Passwords::new(PasswordCost::Test).unwrap();
    for (text, right) in [("second-pass", true), ("first-pass", false)] {
        let secret = Secret::new(text);
        let found = passwords
            .verify("bob", &secret, hash.as_deref())
            .await
            .unwrap();
        assert_eq!(found, right, "{text}");
    }
    let input = json!({"name": "bob", "role": "developer"});
    bench.call("busker.user.set-role", input).await.unwrap();
    let listed = bench.call("busker.user.list", json!({})).await.unwrap();
    assert_eq!(listed["users"][0]["role"], "developer");
    let text = listed.to_string();
    assert!(!text.contains("pass") && !text.contains("argon2"), "{text}");
    bench
        .call("busker.user.delete", json!({"name": "bob"}))
        .await
        .unwrap();
    let again = bench
        .call("busker.user.delete", json!({"name": "bob"}))
        .await;
    assert_eq!(refusal(again).0, ErrorClass::NotFound);
}

#[tokio::test]
async fn the_last_active_admin_stays() {
    let bench = Bench::new().await;
    let input = json!({"name": "root", "password": "p", "role": "admin"});
    bench.call("busker.user.create", input).await.unwrap();
    let attempts = [
        ("busker.user.delete", json!({"name": "root"})),
        (
            "busker.user.set-role",
            json!({"name": "root", "role": "viewer"}),
        ),
        (
            "busker.user.set-role",
            json!({"name": "root", "role": "admin", "active": false}),
        ),
    ];
    for (service, input) in attempts {
        assert_eq!(
            refusal(bench.call(service, input).await).0,
            ErrorClass::Conflict
        );
    }
    let input = json!({"name": "second", "password": "p", "role": "admin"});
    bench.call("busker.user.create", input).await.unwrap();
    bench
        .call("busker.user.delete", json!({"name": "root"}))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_token_is_shown_once_and_revoked_by_name_or_id() {
    let bench = Bench::new().await;
    let input = json!({"name": "build", "role": "developer", "expires_in_s": 60});
    let token = bench.call("busker.token.create", input).await.unwrap();
    let text = token["token"].as_str().unwrap();
    let found = bench
        .odb
        .tokens()
        .verify(&Secret::new(text))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (found.role, found.principal.as_str()),
        (Role::Developer, "ann")
    );
    let listed = bench.call("busker.token.list", json!({})).await.unwrap();
    let audit = bench.call("busker.audit.list", json!({})).await.unwrap();
    assert_eq!(listed["tokens"][0]["id"], token["id"]);
    assert!(!listed.to_string().contains(text) && !audit.to_string().contains(text));

    let twin = bench
        .call("busker.token.create", json!({"name": "build"}))
        .await
        .unwrap();
    assert_eq!(twin["role"], "viewer");
    let (class, message) = refusal(
        bench
            .call("busker.token.revoke", json!({"name": "build"}))
            .await,
    );
    assert_eq!(class, ErrorClass::Conflict);
    assert!(message.contains(twin["id"].as_str().unwrap()), "{message}");
    bench
        .call("busker.token.revoke", json!({"name": twin["id"]}))
        .await
        .unwrap();
    bench
        .call("busker.token.revoke", json!({"name": "build"}))
        .await
        .unwrap();
    assert_eq!(
        bench.odb.tokens().verify(&Secret::new(text)).await.unwrap(),
        None
    );
    let again = bench
        .call("busker.token.revoke", json!({"name": "build"}))
        .await;
    assert_eq!(refusal(again).0, ErrorClass::NotFound);
}

#[tokio::test]
async fn every_write_is_audited_also_when_it_is_refused_and_no_read_is() {
    let bench = Bench::new().await;
    let input = json!({"name": "crm", "settings": {"url_path": "/crm", "service": "a.b"}});
    bench
        .call("busker.channel.http.create", input.clone())
        .await
        .unwrap();
    bench
        .call("busker.channel.http.list", json!({}))
        .await
        .unwrap();
    for role in [Role::Viewer, Role::Developer] {
        let refused = bench.as_role(role, "busker.channel.http.create", input.clone());
        refused.await.unwrap_err();
    }
    let audit = bench.call("busker.audit.list", json!({})).await.unwrap();
    let rows: Vec<_> = audit["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| [&row["who"], &row["service"], &row["object"], &row["result"]])
        .map(|row| row.map(|text| text.as_str().unwrap().to_owned()))
        .collect();
    let row =
        |result: &str| ["ann", "busker.channel.http.create", "crm", result].map(str::to_owned);
    assert_eq!(rows, [row("conflict"), row("forbidden"), row("ok")]);
    let cid = audit["entries"][0]["cid"].as_str().unwrap();
    assert!(cid.starts_with('K') && cid.len() == 40, "{cid}");
}

#[tokio::test]
async fn who_is_barred_from_code_may_do_all_but_bring_it_in_or_say_who_may() {
    let bench = Bench::new().await;
    let operations = busker_admin::operations(&Catalog::builtin());
    let bringing: Vec<&str> = operations
        .iter()
        .filter(|operation| operation.brings_code)
        .map(|operation| operation.name.as_str())
        .collect();
    assert_eq!(
        bringing,
        [
            "busker.message.edit-dead",
            "busker.service.deploy",
            "busker.service.rollback",
            "busker.token.create",
            "busker.user.change-password",
            "busker.user.create",
            "busker.user.set-role",
        ]
    );
    let barred = || {
        let mut principal = Principal::new("pubapi", Some(Role::Admin));
        principal.barred_from_code = true;
        principal
    };
    for operation in operations.iter().filter(|operation| operation.brings_code) {
        let body = operation.example.to_string();
        let refused = bench.send_as(barred(), &operation.name, &body).await;
        let fault = refused.unwrap_err();
        assert_eq!(fault.class, ErrorClass::Forbidden, "{}", operation.name);
        assert_eq!(fault.code_str(), Some("barred-from-code"));
    }
    let definition =
        r#"{"name": "crm", "settings": {"username": "crm", "password": "a long one"}}"#;
    let create = "busker.security.basic-auth.create";
    bench.send_as(barred(), create, definition).await.unwrap();
}
