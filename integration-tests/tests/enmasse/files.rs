//! What files may say, and what is said of files that are wrong.

use busker_integration_tests::Environment;
use serde_json::json;

use super::{PASSWORD, enmasse, file, must, revision};

#[tokio::test]
async fn a_broken_file_changes_nothing_and_lists_every_fault_with_its_line() {
    let environment = Environment::start().await;
    let before = revision(&environment).await;
    let made = environment.ok("busker.object.list", json!({})).await["total"].clone();
    let text = "\
version: 1
channel.http:
  - name: fine
    settings: {url_path: /fine, service: echo}
  - name: wrong
    settings:
      url_path: nowhere
      timeout_ms: soon
      servic: echo
      service: echo
  - name: secured
    settings: {url_path: /s, service: echo, security: nobody}
security.basic-auth:
  - name: login
    settings: {username: 'a:b', password: '${BUSKER_TEST_PASSWORD}', realm: ['${BUSKER_TEST_PASSWORD}']}
  - nam: x
channel.moon: []
";
    let path = file(&environment, "broken.yaml", text);
    let variables = [("BUSKER_TEST_PASSWORD", PASSWORD)];
    for verb in [&["import"][..], &["import", "--plan"], &["diff"]] {
        let words: Vec<&str> = verb.iter().copied().chain(["--input", &path]).collect();
        let said = enmasse(&environment, &words, &variables);
        assert_eq!((said.code, said.stdout.as_str()), (3, ""), "{said:?}");
        for line in [
            "\n  broken.yaml:7:7: settings.url_path",
            "\n  broken.yaml:8:7: settings.timeout_ms",
            "\n  broken.yaml:9:7: settings",
            "\n  broken.yaml:12:45: settings.security: there is no security \"nobody\"",
            "\n  broken.yaml:15:16: settings.username",
            "\n  broken.yaml:16:5: \"nam\" is not known here",
            "\n  broken.yaml:16:5: name: is required",
            "\n  broken.yaml:17:1: \"channel.moon\" is not a kind",
            "faults; nothing was changed",
        ] {
            assert!(
                said.stderr.contains(line),
                "{line:?} is not in {}",
                said.stderr
            );
        }
        assert!(!said.stderr.contains(PASSWORD), "{}", said.stderr);
    }
    assert_eq!(revision(&environment).await, before);
    let listed = environment.ok("busker.object.list", json!({})).await;
    assert_eq!(listed["total"], made, "not even what is fine is there");
    let path = file(
        &environment,
        "cut.yaml",
        "version: 1\nchannel.http: [{name: a\n",
    );
    let said = enmasse(&environment, &["import", "--input", &path], &[]);
    assert_eq!(said.code, 3);
    assert!(said.stderr.contains("cut.yaml:"), "{}", said.stderr);
    assert!(!environment.log().contains(PASSWORD));
}

#[tokio::test]
async fn includes_and_variables_come_from_where_the_file_lies() {
    let environment = Environment::start().await;
    let main = "\
version: 1
include: [parts/channels.yaml]
security.basic-auth:
  - file://parts/login.json
";
    let channels = "\
include: [../shared.yaml]
channel.http:
  - name: echo
    settings:
      url_path: ${BUSKER_TEST_PATH:-/echo}
      service: echo
      security: login
      timeout_ms: ${BUSKER_TEST_TIMEOUT}
";
    let login = r#"{"name": "login", "settings": {"username": "ann", "password": "${BUSKER_TEST_PASSWORD}"}}"#;
    let path = file(&environment, "conf/main.yaml", main);
    file(&environment, "conf/parts/channels.yaml", channels);
    file(&environment, "conf/parts/login.json", login);
    file(
        &environment,
        "conf/shared.yaml",
        "outgoing.http:\n  - {name: bank, settings: {address: 'http://127.0.0.1:9'}}\n",
    );
    let variables = [
        ("BUSKER_TEST_PASSWORD", PASSWORD),
        ("BUSKER_TEST_TIMEOUT", "500"),
    ];

    let said = enmasse(&environment, &["import", "--input", &path], &variables[..1]);
    assert_eq!(said.code, 3);
    let unset = "parts/channels.yaml:8:19: the variable BUSKER_TEST_TIMEOUT is not set";
    assert!(said.stderr.contains(unset), "{}", said.stderr);
    let said = enmasse(&environment, &["import", "--input", &path], &variables);
    assert!(
        said.code == 0 && said.stdout.contains("(parts/login.json:1:1)"),
        "{said:?}"
    );
    let got = environment
        .ok("busker.channel.http.get", json!({"name": "echo"}))
        .await;
    assert_eq!(
        (&got["settings"]["timeout_ms"], &got["settings"]["url_path"]),
        (&json!(500), &json!("/echo"))
    );
    let request = environment.http.post(environment.channel("/echo"));
    let answer = environment
        .send(request.basic_auth("ann", Some(PASSWORD)).body("{}"))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let again = enmasse(&environment, &["import", "--input", &path], &variables);
    assert!(
        again.stdout.starts_with("nothing to change, 3 unchanged"),
        "{again:?}"
    );
    refuses_what_cannot_be_included(&environment, &path, &variables);
}

/// Beside the file that works, one that includes what is outside, itself, and what is not there.
fn refuses_what_cannot_be_included(
    environment: &Environment,
    path: &str,
    variables: &[(&str, &str)],
) {
    file(
        environment,
        "conf/shared.yaml",
        "include: [../outside.yaml, main.yaml, gone.yaml]\n",
    );
    file(environment, "outside.yaml", "{}");
    let said = enmasse(environment, &["import", "--input", path], variables);
    for fault in [
        "shared.yaml:1:11: \"../outside.yaml\" cannot be included: it is outside of the folder",
        "shared.yaml:1:28: \"main.yaml\" cannot be included: it includes itself",
        "shared.yaml:1:39: \"gone.yaml\" cannot be included: No such file",
    ] {
        assert!(
            said.code == 3 && said.stderr.contains(fault),
            "{fault}: {said:?}"
        );
    }
}

#[tokio::test]
async fn an_export_of_zato_is_imported() {
    let environment = Environment::start().await;
    let text = r#"{
 "channel_amqp": [],
 "channel_plain_http": [
  {"connection": "channel", "is_active": true, "method": null, "name": "echo", "sec_def": "login", "service": "echo",
   "soap_action": "", "soap_version": null, "transport": "plain_http", "url_path": "/echo", "data_format": "json"}],
 "def_sec": [
  {"is_active": true, "name": "login", "password": "${BUSKER_TEST_PASSWORD}", "realm": "CRM", "type": "basic_auth",
   "username": "ann"}],
 "outconn_plain_http": [
  {"host": "http://127.0.0.1:9", "is_active": true, "name": "bank", "pool_size": "20", "sec_def": "zato-no-security",
   "timeout": "10", "transport": "plain_http", "connection": "outgoing", "url_path": "/"}],
 "scheduler": [
  {"extra": "", "is_active": true, "job_type": "interval_based", "minutes": 5, "name": "poll", "service": "echo",
   "start_date": "2030-02-04 17:19:58"}]
}"#;
    let path = file(&environment, "zato-export.json", text);
    let variables = [("BUSKER_TEST_PASSWORD", PASSWORD)];
    let said = enmasse(&environment, &["import", "--input", &path], &variables);
    assert!(
        said.code == 0 && said.stdout.contains("4 created"),
        "{said:?}"
    );
    let request = environment.http.post(environment.channel("/echo"));
    let answer = environment
        .send(request.basic_auth("ann", Some(PASSWORD)).body("{}"))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let again = enmasse(&environment, &["import", "--input", &path], &variables);
    assert!(
        again.stdout.starts_with("nothing to change, 4 unchanged"),
        "{again:?}"
    );
    let foreign = text.replace(
        "\"channel_amqp\": []",
        "\"channel_amqp\": [{\"name\": \"a\"}]",
    );
    let path = file(&environment, "zato-export.json", &foreign);
    let said = enmasse(&environment, &["import", "--input", &path], &variables);
    let fault = "zato-export.json:2:19: channel_amqp: this version has no such objects";
    assert!(said.code == 3 && said.stderr.contains(fault), "{said:?}");
    let own = must(&environment, &["export"]);
    assert!(
        own.contains("job.interval:") && !own.contains(PASSWORD),
        "{own}"
    );
}
