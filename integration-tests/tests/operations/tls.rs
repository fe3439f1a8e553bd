//! TLS on both listeners, with the certificates that the environment's own authority issued.

use std::time::Duration;

use busker_integration_tests::{Answer, Environment, Wire, until};
use serde_json::json;

/// Both listeners get the node's certificate; the command line finds its way.
fn secured() -> Environment {
    let environment = Environment::create();
    let file = environment.node().join("busker.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let tls = "tls = { certificate = \"certs/node.pem\", key = \"certs/node.key\" }";
    let secured: String = text
        .lines()
        .map(|line| match line.starts_with("listen") {
            true => format!("{line}\n{tls}\n"),
            false => format!("{line}\n"),
        })
        .collect();
    std::fs::write(&file, secured).unwrap();
    environment.must(&["check-config"], &[]);
    let said = environment.must(&["start"], &[]);
    assert!(said.contains("API https://"), "{said}");
    let list = environment.must(&["service", "list"], &[]);
    assert!(list.contains("samples.echo"), "{list}");
    let set = [
        "create",
        "--name",
        "echo",
        "--set",
        "url_path=/echo",
        "--set",
        "service=echo",
    ];
    environment.must(&["channel"], &set);
    environment
}

#[tokio::test]
async fn both_listeners_speak_tls_with_the_certificates_of_the_environment() {
    let environment = secured();
    let authority = std::fs::read(environment.dir.join("ca/ca.pem")).unwrap();
    let authority = reqwest::Certificate::from_pem(&authority).unwrap();
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([authority])
        .build()
        .unwrap();
    let (channel, api) = (
        environment.channel("/echo"),
        environment.api("/api/v1/services/echo"),
    );
    let secure = |url: &str| url.replace("http://", "https://");
    let answer = until("the channel", Duration::from_secs(20), || async {
        let request = client.post(secure(&channel)).body("{\"a\":1}");
        let answer = environment.send(request).await;
        (answer.status != 404).then_some(answer)
    })
    .await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (200, "{\"a\":1}"),
        "{answer:?}"
    );
    let request = client.post(secure(&api)).bearer_auth(environment.token());
    let answer: Answer = environment.send(request.body(json!([1]).to_string())).await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (200, "[1]"),
        "{answer:?}"
    );

    let stranger = environment
        .http
        .post(secure(&channel))
        .body("{}")
        .send()
        .await;
    assert!(
        stranger.is_err(),
        "a client that does not know the authority trusts it"
    );
    let mut plain = Wire::open(environment.channel_port()).await;
    plain
        .send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}")
        .await;
    assert!(plain.answer().await.is_none(), "plain HTTP is answered");
}
