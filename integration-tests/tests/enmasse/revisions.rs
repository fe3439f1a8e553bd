//! The way back, on the command line, and the guard before it.

use busker_integration_tests::Environment;
use serde_json::json;

use super::{furnish, must, revision};

#[tokio::test]
async fn a_revision_is_shown_compared_and_gone_back_to() {
    let environment = Environment::start().await;
    furnish(&environment).await;
    let then = revision(&environment).await;
    let before = must(&environment, &["export"]);
    let edit = json!({"name": "echo", "settings": {"url_path": "/elsewhere"}});
    environment.ok("busker.channel.http.edit", edit).await;
    environment
        .ok("busker.outgoing.http.delete", json!({"name": "bank"}))
        .await;
    environment
        .add_channel("more", json!({"url_path": "/more", "service": "echo"}))
        .await;
    let guard = json!({"name": "production", "colour": "#a02020", "guarded": true});
    let cluster = environment.ok("busker.cluster.edit", guard).await;
    assert_eq!(
        (&cluster["guarded"], &cluster["colour"]),
        (&json!(true), &json!("#a02020"))
    );

    let listed = environment.must(&["revision", "list"], &["--limit", "3"]);
    let lines: Vec<&str> = listed.lines().collect();
    assert!(lines[0].starts_with("REVISION  AT"), "{listed}");
    assert!(
        lines[1].starts_with(&format!("{}  ", then + 3)) && lines[1].contains("  cli  "),
        "{listed}"
    );
    let got = environment.must(&["revision", "get"], &[&(then + 1).to_string()]);
    assert!(
        got.contains("~ channel.http \"echo\"\n    url_path  \"/echo\" -> \"/elsewhere\""),
        "{got}"
    );
    let diff = environment.must(&["revision", "diff"], &[&then.to_string()]);
    assert!(diff.contains("- outgoing.http \"bank\""), "{diff}");
    assert!(diff.contains("1 created, 1 changed, 1 deleted"), "{diff}");

    let target = then.to_string();
    let planned = environment.must(&["revision", "revert"], &[&target, "--plan"]);
    assert!(
        planned.contains("1 to create, 1 to change, 1 to delete"),
        "{planned}"
    );
    let refused = environment.run(&["revision", "revert"], &[&target]);
    assert_eq!(refused.code, 7, "{refused:?}");
    assert!(
        refused.stderr.contains("\"production\" is guarded"),
        "{refused:?}"
    );
    let done = environment.must(
        &["revision", "revert"],
        &[&target, "--confirm", "production"],
    );
    assert!(
        done.contains(&format!(
            "1 created, 1 changed, 1 deleted; revision {}",
            then + 5
        )),
        "{done}"
    );
    assert_eq!(must(&environment, &["export"]), before);
    assert_eq!(environment.post("/elsewhere", "{}").await.status, 404);

    let delete = ["delete", "--name", "bank"];
    let refused = environment.run(&["outgoing"], &delete);
    assert_eq!(refused.code, 7, "{refused:?}");
    environment.must(
        &["outgoing"],
        &["delete", "--name", "bank", "--confirm", "production"],
    );
}
