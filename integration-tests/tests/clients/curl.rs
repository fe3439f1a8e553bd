//! curl: the corners of HTTP.

use std::path::Path;
use std::process::Command;

use busker_integration_tests::Environment;
use serde_json::json;

use crate::market;

/// What curl got.
pub(crate) struct Got {
    /// Status of the last answer.
    pub(crate) status: u16,
    /// Heads of all answers, interim ones too, in lower case.
    pub(crate) heads: String,
    pub(crate) body: String,
}

/// Runs curl against a URL; it must get an answer.
pub(crate) async fn curl(url: String, arguments: &[&str]) -> Got {
    let heads = tempfile::NamedTempFile::new().unwrap();
    let mut command = Command::new("curl");
    command
        .args([
            "--silent",
            "--show-error",
            "--noproxy",
            "*",
            "--max-time",
            "60",
        ])
        .args(["--write-out", "\n%{http_code}", "--dump-header"])
        .arg(heads.path())
        .args(arguments)
        .arg(url);
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.unwrap().unwrap();
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let (body, status) = text.rsplit_once('\n').unwrap();
    let heads = std::fs::read_to_string(heads.path()).unwrap();
    assert_ne!(status, "000", "{output:?}");
    Got {
        status: status.parse().unwrap(),
        heads: heads.to_lowercase(),
        body: body.to_owned(),
    }
}

impl Got {
    /// A header of the last answer.
    pub(crate) fn header(&self, name: &str) -> &str {
        let lines = self.heads.lines().rev();
        let mut found = lines.filter_map(|line| line.split_once(": "));
        let found = found.find(|(known, _)| *known == name);
        found
            .unwrap_or_else(|| panic!("no {name} in {}", self.heads))
            .1
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

async fn size() -> Environment {
    let environment = market().await;
    let settings = json!({"url_path": "/size", "service": "market.size", "data_format": "raw", "max_body_bytes": 1_000_000});
    environment.add_channel("size", settings).await;
    environment
}

fn file(folder: &Path, bytes: usize) -> String {
    let path = folder.join("body");
    std::fs::write(&path, "x".repeat(bytes - 4) + "tail").unwrap();
    format!("@{}", path.display())
}

#[tokio::test]
async fn a_chunked_body_and_one_that_waits_for_100_arrive_whole() {
    let environment = size().await;
    let folder = tempfile::tempdir().unwrap();
    let body = file(folder.path(), 900_000);
    let url = || environment.channel("/size");
    for header in [
        "Transfer-Encoding: chunked",
        "Expect: 100-continue",
        "Expect:",
    ] {
        let got = curl(url(), &["--data-binary", &body, "--header", header]).await;
        assert_eq!(got.status, 200, "{header}: {}", got.heads);
        let seen = json!({"bytes": 900_000, "method": "POST", "end": "tail"});
        assert_eq!(got.json(), seen, "{header}");
        let waited = got.heads.starts_with("http/1.1 100 continue");
        assert_eq!(
            waited,
            header == "Expect: 100-continue",
            "{header}: {}",
            got.heads
        );
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_however_it_is_sent() {
    let environment = size().await;
    let folder = tempfile::tempdir().unwrap();
    let body = file(folder.path(), 5_000_000);
    for header in [
        "Transfer-Encoding: chunked",
        "Expect: 100-continue",
        "Expect:",
    ] {
        let url = environment.channel("/size");
        let got = curl(url, &["--data-binary", &body, "--header", header]).await;
        assert_eq!(got.status, 413, "{header}: {}", got.heads);
        assert_eq!(got.json()["class"], "too-large", "{header}: {}", got.body);
        assert!(got.body.contains("1000000 bytes"), "{header}: {}", got.body);
        assert_eq!(
            got.json()["cid"].as_str().unwrap().to_lowercase(),
            got.header("x-zato-cid")
        );
    }
    // The limit is a channel's own.
    let settings = json!({"url_path": "/large", "service": "market.size", "data_format": "raw"});
    environment.add_channel("large", settings).await;
    let got = curl(environment.channel("/large"), &["--data-binary", &body]).await;
    assert_eq!(
        (got.status, &got.json()["bytes"]),
        (200, &json!(5_000_000)),
        "{}",
        got.body
    );
}

#[tokio::test]
async fn head_has_the_head_of_an_answer_and_no_body() {
    let environment = size().await;
    let url = environment.channel("/size");
    // Two on one connection: what is left of the first would be read as the second.
    let next = environment.channel("/size?2");
    let got = curl(url, &["--head", &next]).await;
    assert_eq!(got.status, 200, "{}", got.heads);
    assert_eq!(
        got.heads.matches("http/1.1 200 ok").count(),
        2,
        "{}",
        got.heads
    );
    assert_eq!(got.header("x-bytes"), "0");
    let body = r#"{"bytes":0,"method":"HEAD","end":""}"#;
    assert_eq!(
        got.header("content-length"),
        body.len().to_string(),
        "{}",
        got.heads
    );
    assert!(!got.body.contains("bytes\""), "{}", got.body);

    let settings = json!({"url_path": "/get", "service": "market.size", "method": "GET"});
    environment.add_channel("get", settings).await;
    let got = curl(environment.channel("/get"), &["--head"]).await;
    assert_eq!(got.status, 405, "{}", got.heads);
    assert_eq!(got.header("allow"), "get", "{}", got.heads);
}

#[tokio::test]
async fn a_form_and_json_are_sent_as_people_type_them() {
    let environment = market().await;
    for format in ["form", "json"] {
        let settings = json!({"url_path": format!("/{format}"), "service": "market.quote", "data_format": format});
        environment.add_channel(format, settings).await;
    }
    let form = curl(
        environment.channel("/form"),
        &[
            "--data",
            "symbol=GOOG",
            "--data-urlencode",
            "note=a & ä",
            "--data",
            "quantity=2",
        ],
    )
    .await;
    let answer = json!({"symbol": "GOOG", "total": 6, "is_open": true, "note": "a & ä"});
    assert_eq!(
        form.json(),
        json!({"quote_response": answer}),
        "{}",
        form.body
    );
    // The Content-Type that curl makes up is not looked at: the channel knows its format.
    let body = r#"{"symbol": "GOOG", "quantity": 2, "note": "a & ä"}"#;
    let json = curl(environment.channel("/json"), &["--data", body]).await;
    assert_eq!(json.json(), form.json(), "{}", json.body);
    let query = curl(
        environment.channel("/json?symbol=GOOG&quantity=2&note=a+%26+%C3%A4"),
        &[],
    )
    .await;
    assert_eq!(query.json(), form.json(), "{}", query.body);
}
