//! A secret goes in and never comes out.

use busker_model::{ErrorClass, Family, ObjectKey};
use serde_json::{Value, json};

use crate::bench::{Bench, refusal};

const FIRST: &str = "hunter2-is-the-first";
const SECOND: &str = "tr0ub4dor-is-the-second";
const THIRD: &str = "correct-horse-is-the-third";

async fn call(bench: &Bench, seen: &mut String, verb: &str, input: Value) -> Value {
    let service = format!("busker.security.basic-auth.{verb}");
    let answer = bench.call(&service, input).await.unwrap();
    seen.push_str(&answer.to_string());
    answer
}

async fn stored(bench: &Bench) -> String {
    let key = ObjectKey {
        family: Family::Security,
        group: "basic-auth".into(),
        name: "login".into(),
    };
    let object = bench.odb.objects().get(&key).await.unwrap();
    let secret = bench.odb.objects().reveal(&object, "password").unwrap();
    secret.unwrap().expose().to_owned()
}

#[tokio::test]
async fn no_answer_audit_row_or_history_shows_a_secret() {
    let bench = Bench::new().await;
    let mut seen = String::new();
    let settings = json!({"username": "u", "password": FIRST});
    let input = json!({"name": "login", "settings": settings});
    let created = call(&bench, &mut seen, "create", input).await;
    assert_eq!(created["secrets"], json!({"password": true}));
    assert!(created["settings"].get("password").is_none());
    assert_eq!(stored(&bench).await, FIRST);

    let input = json!({"name": "login", "settings": {"realm": "CRM"}});
    call(&bench, &mut seen, "edit", input).await;
    assert_eq!(
        stored(&bench).await,
        FIRST,
        "an edit of something else keeps it"
    );
    let input = json!({"name": "login", "settings": {"password": SECOND}});
    call(&bench, &mut seen, "edit", input).await;
    assert_eq!(stored(&bench).await, SECOND);
    let input = json!({"name": "login", "password1": THIRD, "password2": THIRD});
    call(&bench, &mut seen, "change-password", input).await;
    assert_eq!(stored(&bench).await, THIRD);
    call(&bench, &mut seen, "get", json!({"name": "login"})).await;
    call(&bench, &mut seen, "list", json!({})).await;
    call(&bench, &mut seen, "delete", json!({"name": "login"})).await;

    let audit = bench.call("busker.audit.list", json!({})).await.unwrap();
    assert_eq!(audit["entries"].as_array().unwrap().len(), 5, "{audit}");
    seen.push_str(&audit.to_string());
    let history = bench.odb.objects().latest_history(100).await.unwrap();
    assert_eq!(history.len(), 5);
    seen.push_str(&serde_json::to_string(&history).unwrap());
    for hidden in [FIRST, SECOND, THIRD, "sealed:"] {
        assert!(!seen.contains(hidden), "{hidden} is in {seen}");
    }
}

#[tokio::test]
async fn no_refusal_repeats_a_secret() {
    let bench = Bench::new().await;
    let create = "busker.security.basic-auth.create";
    let wrong = [
        json!({"name": "login", "settings": {"username": "a:b", "password": FIRST}}),
        json!({"name": "login", "settings": {"username": "a", "password": [FIRST]}}),
        json!({"name": "login", "settings": {"username": "a", "password": FIRST, "realm": 1}}),
        json!({"name": "login", "settings": [FIRST]}),
        json!({"name": "login", "password": FIRST, "settings": {}}),
    ];
    for input in wrong {
        let fault = bench.call(create, input).await.unwrap_err();
        assert_eq!(fault.class, ErrorClass::Invalid);
        assert!(!format!("{fault:?}").contains(FIRST), "{fault:?}");
    }
    let audit = bench.call("busker.audit.list", json!({})).await.unwrap();
    assert!(!audit.to_string().contains(FIRST));
    assert_eq!(audit["entries"][0]["result"], "invalid");
}

#[tokio::test]
async fn a_new_password_is_given_twice_alike() {
    let bench = Bench::new().await;
    let settings = json!({"username": "u", "password": FIRST});
    let input = json!({"name": "login", "settings": settings});
    bench
        .call("busker.security.basic-auth.create", input)
        .await
        .unwrap();
    let input = json!({"name": "login", "password1": SECOND, "password2": THIRD});
    let (class, message) = refusal(
        bench
            .call("busker.security.basic-auth.change-password", input)
            .await,
    );
    assert_eq!(class, ErrorClass::Invalid);
    assert!(
        message.contains("password2") && !message.contains(SECOND),
        "{message}"
    );
    assert_eq!(stored(&bench).await, FIRST);
}
