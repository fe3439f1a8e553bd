//! schemathesis makes requests out of the document, fine ones and broken ones, and holds the answers against it.

use std::process::Command;

use busker_bus::testing::RedisServer;
use busker_integration_tests::venv;

use crate::documented;

/// What schemathesis looks for. It also knows a check that fine input is always taken, which is not a promise of ours: that a
/// password was given twice alike, or that a cron line has a next fire, no schema can say. One that tries wrong credentials at
/// each operation would be locked out; that each wants some is shown by the walk over all of them.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance,negative_data_rejection,unsupported_method,allow_header_conformance,\
                      missing_required_header";
/// Random requests for each operation, beside the examples and those that cover each field's bounds.
const RANDOM: &str = "12";
/// What would end the node under test or the rights of the tester; a restart, which waits for the very call that asks for it
/// when all services are restarted; the stream that does not end; and SOAP, which has a status of 500 for a caller's mistake.
const LEFT_OUT: [&str; 10] = [
    "/api/v1/services/busker.node.drain",
    "/api/v1/services/busker.node.delete",
    "/api/v1/services/busker.tree.stop-actor",
    "/api/v1/services/busker.tree.restart-actor",
    "/api/v1/services/busker.token.revoke",
    "/api/v1/services/busker.user.delete",
    "/api/v1/services/busker.user.set-role",
    "/api/v1/services/busker.user.change-password",
    "/api/v1/events",
    "/api/v1/soap",
];

/// How many requests were made, as the summary has it: `5926 generated, 5926 passed`.
fn generated(summary: &str) -> u32 {
    let before = summary.split(" generated").next().unwrap_or_default();
    let number = before.split_whitespace().last().unwrap_or_default();
    number.parse().unwrap_or_default()
}

#[tokio::test]
async fn no_answer_is_undocumented_and_no_broken_request_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let redis = RedisServer::start().await.unwrap();
    let bus = format!("[bus]\nurl = \"{}\"", redis.url());
    let (environment, document) = documented(folder.path(), &bus).await;
    let address = environment.api("");
    let authorization = format!("Authorization: Bearer {}", environment.token());
    let run = move || {
        let mut command = Command::new(venv("schemathesis", &["schemathesis>=4,<5"]).join("st"));
        command
            .arg("run")
            .arg(document)
            .args(["--url", &address, "--header", &authorization])
            .args(["--phases", "examples,coverage,fuzzing", "--checks", CHECKS])
            .args(["--max-examples", RANDOM, "--continue-on-failure"])
            .args(["--request-timeout", "60"])
            .args(["--seed", "20261124", "--no-color", "--warnings", "off"])
            .current_dir(folder.path());
        for path in LEFT_OUT {
            command.args(["--exclude-path", path]);
        }
        command.output()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let summary = text.split("SUMMARY").last().unwrap_or_default();
    assert!(output.status.success(), "{text}");
    assert!(generated(summary) > 2_000, "{text}");
    environment
        .ok("busker.cluster.get", serde_json::json!({}))
        .await;
}
