//! There and back again.

use std::time::Duration;

use busker_integration_tests::{Answer, Environment, until};
use serde_json::json;

use super::{PASSWORD, enmasse, file, furnish, must, revision};

const SOON: Duration = Duration::from_secs(20);

async fn echo(environment: &Environment) -> Answer {
    let request = environment.http.post(environment.channel("/echo"));
    let request = request.basic_auth("ann", Some(PASSWORD)).body("{\"a\": 1}");
    environment.send(request).await
}

#[tokio::test]
async fn what_is_exported_deleted_and_imported_is_exported_alike() {
    let environment = Environment::start().await;
    furnish(&environment).await;
    assert_eq!(echo(&environment).await.status, 200);
    for name in ["config.yaml", "config.json"] {
        let first = file(&environment, name, "");
        must(&environment, &["export", "--output", &first]);
        let text = std::fs::read_to_string(&first).unwrap();
        assert!(
            !text.contains(PASSWORD) && !text.contains("sealed:"),
            "{text}"
        );
        // The same twice, in every byte: it has no time in it.
        assert_eq!(
            must(
                &environment,
                &[
                    "export",
                    "--format",
                    if name.ends_with("json") {
                        "json"
                    } else {
                        "yaml"
                    }
                ]
            ),
            text
        );

        delete_all(&environment).await;
        assert_eq!(echo(&environment).await.status, 404);
        let said = must(&environment, &["import", "--input", &first]);
        assert!(said.contains("+ security.basic-auth \"login\""), "{said}");
        assert!(
            said.contains("needs-secret: security.basic-auth \"login\": password"),
            "{said}"
        );
        assert!(said.contains("8 created; revision "), "{said}");
        let second = file(&environment, &format!("again-{name}"), "");
        must(&environment, &["export", "--output", &second]);
        let again = std::fs::read_to_string(&second).unwrap();
        assert_eq!(again, text);

        lacks_its_secret(&environment).await;
        let set = json!({"name": "login", "password1": PASSWORD, "password2": PASSWORD});
        environment
            .ok("busker.security.basic-auth.change-password", set)
            .await;
        until("the channel to open", SOON, || async {
            (echo(&environment).await.status == 200).then_some(())
        })
        .await;
    }
}

/// An object without its secret is shown as such, and what uses it answers so.
async fn lacks_its_secret(environment: &Environment) {
    let got = environment
        .ok("busker.security.basic-auth.get", json!({"name": "login"}))
        .await;
    assert_eq!(got["state"], "needs-secret", "{got}");
    let answer = echo(environment).await;
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (503, &json!("needs-secret")),
        "{answer:?}"
    );
    for path in [
        "node1/channels/plain_http:echo",
        "node1/outgoing/plain_http:bank",
    ] {
        let actor = environment.actor(path).await.unwrap();
        assert_eq!(
            (&actor["state"], &actor["note"]),
            (&json!("degraded"), &json!("needs-secret")),
            "{path}"
        );
    }
    let listed = environment
        .ok("busker.object.list", json!({"state": "needs-secret"}))
        .await;
    // Beside those that quickstart made.
    assert_eq!(listed["total"], 3);
}

async fn delete_all(environment: &Environment) {
    let listed = environment
        .ok("busker.object.list", json!({"limit": 1000}))
        .await;
    for object in listed["objects"].as_array().unwrap().iter().rev() {
        let (family, kind) = (
            object["family"].as_str().unwrap(),
            object["kind"].as_str().unwrap(),
        );
        let mut input = json!({"name": object["name"]});
        if let Some(transport) = object["settings"].get("transport") {
            input["transport"] = transport.clone();
        }
        environment
            .ok(&format!("busker.{family}.{kind}.delete"), input)
            .await;
    }
    let left = environment.ok("busker.object.list", json!({})).await;
    assert_eq!(left["total"], 0);
}

#[tokio::test]
async fn an_import_that_changes_nothing_takes_no_revision_and_a_diff_says_so() {
    let environment = Environment::start().await;
    furnish(&environment).await;
    let path = file(&environment, "config.yaml", "");
    must(&environment, &["export", "--output", &path]);
    let before = revision(&environment).await;
    for _ in 0..2 {
        let said = must(&environment, &["import", "--input", &path]);
        assert_eq!(
            said,
            format!("nothing to change, 8 unchanged; revision {before}\n")
        );
    }
    assert_eq!(
        must(&environment, &["diff", "--input", &path]),
        "no difference\n"
    );
    assert_eq!(revision(&environment).await, before);

    let edit = json!({"name": "echo", "settings": {"timeout_ms": 9_000}});
    environment.ok("busker.channel.http.edit", edit).await;
    environment
        .add_channel("more", json!({"url_path": "/more", "service": "echo"}))
        .await;
    let said = enmasse(&environment, &["diff", "--input", &path], &[]);
    assert_eq!(said.code, 12, "{said:?}");
    assert!(
        said.stdout.contains("    timeout_ms  9000 -> 5000\n"),
        "{}",
        said.stdout
    );
    assert!(
        said.stdout.contains("- channel.http \"more\"\n"),
        "{}",
        said.stdout
    );
    assert!(
        said.stdout
            .ends_with("1 to change, 7 unchanged, 1 only in the cluster\n"),
        "{}",
        said.stdout
    );
    let planned = must(&environment, &["import", "--input", &path, "--plan"]);
    assert!(
        planned.contains("9000 -> 5000") && planned.contains("1 to change"),
        "{planned}"
    );
    must(&environment, &["import", "--input", &path]);
    // An import deletes nothing, so what the file does not have is still there.
    assert_eq!(
        enmasse(&environment, &["diff", "--input", &path], &[]).code,
        12
    );
    must(&environment, &["diff", "--input", &path, "--partial"]);
    assert_eq!(
        echo(&environment).await.status,
        200,
        "the secret has stayed"
    );
}
