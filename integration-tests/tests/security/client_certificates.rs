//! Client certificates, with those that the environment's own authority issued.

use std::process::Command;
use std::time::Duration;

use busker_integration_tests::{Environment, until};
use reqwest::{Certificate, Identity};
use serde_json::json;

use crate::{define, secured_echo};

#[tokio::test]
async fn a_client_is_let_in_by_its_certificate_and_by_no_other() {
    let environment = Environment::create();
    let authority = environment.dir.join("ca/ca.pem");
    let tls = format!(
        "tls = {{ certificate = \"certs/node.pem\", key = \"certs/node.key\", client_authority = {:?} }}",
        authority.display().to_string()
    );
    let file = environment.node().join("busker.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("[http]\n", &format!("[http]\n{tls}\n"))).unwrap();
    environment.must(&["check-config"], &[]);
    environment.must(&["start"], &[]);

    let pem = environment.node().join("certs/node.pem");
    let printed = Command::new("openssl")
        .args(["x509", "-noout", "-fingerprint", "-sha256", "-in"])
        .arg(&pem)
        .output();
    let printed = String::from_utf8(printed.unwrap().stdout).unwrap();
    let fingerprint = printed.trim().split('=').nth(1).unwrap();
    define(
        &environment,
        "mutual-tls",
        "own",
        json!({"fingerprint": fingerprint}),
    )
    .await;
    define(
        &environment,
        "mutual-tls",
        "other",
        json!({"common_name": "nobody"}),
    )
    .await;
    for name in ["own", "other"] {
        secured_echo(&environment, name).await;
    }

    let trusted = Certificate::from_pem(&std::fs::read(&authority).unwrap()).unwrap();
    let client = || {
        let client = reqwest::Client::builder().no_proxy();
        client.tls_certs_only([trusted.clone()])
    };
    let key = std::fs::read(environment.node().join("certs/node.key")).unwrap();
    let identity = Identity::from_pem(&[std::fs::read(&pem).unwrap(), key].concat()).unwrap();
    let (known, unknown) = (
        client().identity(identity).build().unwrap(),
        client().build().unwrap(),
    );
    let status = async |client: &reqwest::Client, path: &str| {
        let url = environment.channel(path).replace("http://", "https://");
        environment.send(client.post(url).body("{}")).await.status
    };
    until("the channel", Duration::from_secs(20), || async {
        (status(&known, "/own").await == 200).then_some(())
    })
    .await;
    assert_eq!(status(&unknown, "/own").await, 401);
    assert_eq!(status(&known, "/other").await, 401);
}
