//! A client that a generator made from the document alone.

use std::path::Path;
use std::process::Command;

use busker_integration_tests::{own_file, succeeded, venv};
use serde_json::{Value, json};

use crate::documented;

const PACKAGES: [&str; 4] = ["openapi-python-client", "httpx", "attrs", "python-dateutil"];

fn generate(document: &Path, folder: &Path) {
    let mut command = Command::new(venv("openapi", &PACKAGES).join("openapi-python-client"));
    command
        .args(["generate", "--meta", "none", "--path"])
        .arg(document)
        .arg("--output-path")
        .arg(folder.join("busker_api"));
    succeeded(&command.output().unwrap());
}

#[tokio::test]
async fn a_client_made_from_the_document_alone_creates_lists_and_invokes() {
    let folder = tempfile::tempdir().unwrap();
    let (environment, document) = documented(folder.path(), "").await;
    let (address, token) = (environment.api(""), environment.token().to_owned());
    let run = move || {
        generate(&document, folder.path());
        let mut command = Command::new(venv("openapi", &PACKAGES).join("python3"));
        command
            .arg(own_file("tests/contract/generated_client.py"))
            .arg(address)
            .env("PYTHONPATH", folder.path())
            .env("BUSKER_TOKEN", token);
        command.output()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap().unwrap();
    let found: Value = serde_json::from_str(&succeeded(&output)).unwrap();
    assert_eq!(found["created"], "crm", "{found}");
    assert_eq!(found["listed"], json!(["crm"]), "{found}");
    assert_eq!(
        found["invoked"],
        json!({"status": 200, "body": "{\"a\":1}"}),
        "{found}"
    );
    assert_eq!(found["refused"]["status"], 409, "{found}");
    assert_eq!(found["refused"]["class"], "conflict", "{found}");
    let curl = environment.http.post(environment.channel("/crm"));
    let answer = curl.body("{\"b\":2}").send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "{\"b\":2}");
}
