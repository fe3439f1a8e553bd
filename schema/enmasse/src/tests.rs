//! Reading and writing as a whole.

mod properties;

use std::collections::BTreeMap;

use serde_json::json;

use super::*;

type Files<'f> = &'f [(&'f str, &'f str)];

fn read_with(text: &str, files: Files<'_>, variables: Files<'_>) -> Document {
    let mut texts: BTreeMap<String, Result<String, String>> = BTreeMap::new();
    for (name, text) in files {
        texts.insert((*name).to_owned(), Ok((*text).to_owned()));
    }
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let variables: BTreeMap<String, String> = variables.iter().map(owned).collect();
    Document::read(&Sources {
        name: "main.yaml",
        text,
        files: &texts,
        variables: &variables,
    })
}

fn read(text: &str) -> Document {
    read_with(text, &[], &[])
}

/// What is wrong, as `file:line:column message`.
fn told(document: &Document) -> Vec<String> {
    let problems = document.problems.iter();
    problems
        .map(|problem| {
            let Mark { file, line, column } = problem.mark;
            format!(
                "{}:{line}:{column} {}",
                document.files[file], problem.message
            )
        })
        .collect()
}

fn fine(document: &Document) -> &[Declared] {
    assert_eq!(told(document), [""; 0]);
    &document.declared
}

const TWO: &str = "\
version: 1
security.basic-auth:
  - name: crm
    settings: {username: crm, realm: 'a: b'}
channel.http:
  - name: 007
    active: false
    settings:
      url_path: /crm
      timeout_ms: 500
      soap_version: \"1.1\"
  - name: open
";

#[test]
fn objects_are_read_with_their_places() {
    let document = read(TWO);
    let [crm, seven, open] = fine(&document) else {
        panic!("{document:?}")
    };
    assert_eq!(
        (crm.title.as_str(), crm.mark.line),
        ("security.basic-auth", 3)
    );
    assert_eq!(crm.json()["realm"], "a: b");
    assert_eq!((seven.name.as_str(), seven.active), ("007", false));
    let settings = json!({"url_path": "/crm", "timeout_ms": 500, "soap_version": "1.1"});
    assert_eq!(serde_json::Value::Object(seven.json()), settings);
    assert_eq!(seven.place("settings.timeout_ms", "").line, 10);
    assert_eq!(seven.place("settings", "unknown field `url_path`").line, 9);
    assert_eq!(seven.place("settings.other", "").line, 6);
    assert!(open.active && open.settings.is_empty());
}

#[test]
fn json_is_read_as_it_is() {
    let text = "{\n \"version\": 1,\n\t\"job.cron\": [{\"name\": \"\\u00e9\\ud83d\\ude00\\/\", \"settings\": {\"a\": [1, null, \"null\"]}}]}";
    let document = read(text);
    let [job] = fine(&document) else {
        panic!("{document:?}")
    };
    assert_eq!(job.name, "é😀/");
    assert_eq!(job.json()["a"], json!([1, null, "null"]));
}

#[test]
fn everything_that_is_wrong_is_told_with_its_place() {
    let text = "\
version: 2
channel.http:
  - name: a
    settings: {url_path: /a, url_path: /b}
  - settings: []
  - just text
  - name: b
    activ: true
    active: maybe
channels:
  - name: c
job.cron: 7
";
    let expected = [
        "main.yaml:4:30 \"url_path\" is given twice",
        "main.yaml:1:10 version: this version of Busker reads version 1",
        "main.yaml:5:15 settings: must be keys with values",
        "main.yaml:5:5 name: is required",
        "main.yaml:6:5 must be an object: name, active and settings",
        "main.yaml:8:5 \"activ\" is not known here; known are name, active and settings",
        "main.yaml:9:13 active: must be true or false",
        "main.yaml:10:1 \"channels\" is not a kind; kinds are written such as channel.http",
        "main.yaml:12:11 job.cron: must be a list of objects",
    ];
    assert_eq!(told(&read(text)), expected);
}

#[test]
fn what_is_not_yaml_is_told_where_it_breaks() {
    for (text, place) in [
        ("version: 1\na: [1, 2\nb: 3\n", "main.yaml:3:"),
        ("version: 1\n---\nversion: 1\n", "main.yaml:2:1"),
        ("a: !!binary x", "main.yaml:1:"),
        ("? [a]\n: b", "main.yaml:1:3"),
        ("a: *nothing", "main.yaml:1:4"),
        ("\"a\": \"\\q\"", "main.yaml:1:"),
    ] {
        let told = told(&read(text));
        assert!(
            told.len() == 1 && told[0].starts_with(place),
            "{text}: {told:?}"
        );
    }
    for (text, word) in [
        ("", "is empty"),
        ("# only this", "is empty"),
        ("- a", "must be keys"),
        ("a.b: []", "version: is required"),
    ] {
        assert!(told(&read(text))[0].contains(word), "{text}");
    }
}

#[test]
fn anchors_are_taken_within_bounds() {
    let text =
        "version: 1\nx.y:\n  - {name: a, settings: &s {p: 1}}\n  - {name: b, settings: *s}\n";
    let document = read(text);
    assert_eq!(fine(&document)[1].json()["p"], 1);
    // Each line is ten times the one before.
    let mut laughs = String::from("version: 1\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for line in 1..12 {
        let before = format!("*a{}, ", line - 1).repeat(10);
        laughs.push_str(&format!("a{line}: &a{line} [{before}]\n"));
    }
    let told = told(&read(&laughs));
    assert!(told[0].contains("values in all"), "{told:?}");
    let deep = format!("version: 1\na.b: {}", "[".repeat(500));
    assert_eq!(read(&deep).problems.len(), 1);
}

#[test]
fn variables_are_filled_in_where_they_stand() {
    let text = "\
version: 1
a.b:
  - name: ${NAME}
    settings:
      port: ${PORT}
      text: '${PORT}'
      url: https://${HOST:-localhost}:${PORT}/
      literal: $${PORT}
      missing: ${MISSING}
";
    let document = read_with(text, &[], &[("NAME", "n: [1]"), ("PORT", "8080")]);
    assert_eq!(
        told(&document),
        ["main.yaml:9:16 the variable MISSING is not set; set it, or write ${MISSING:-default}"]
    );
    let expected = json!({
        "port": 8080, "text": "8080", "url": "https://localhost:8080/", "literal": "${PORT}", "missing": null,
    });
    assert_eq!(document.declared[0].name, "n: [1]");
    assert_eq!(
        serde_json::Value::Object(document.declared[0].json()),
        expected
    );
}

#[test]
fn files_are_included_and_their_faults_have_their_names() {
    let text =
        "version: 1\ninclude: [a/one.yaml, gone.yaml]\nx.y: ['file://item.json', {name: here}]\n";
    let files = [
        ("a/one.yaml", "include: two.yaml\nx.y: [{name: one}]\n"),
        (
            "a/two.yaml",
            "include: [../a/one.yaml, ../item.json]\nx.y: [{name: two, x: 1}, {name: 2}]",
        ),
        ("item.json", "{\"name\": \"item\"}"),
    ];
    let document = read_with(text, &files, &[]);
    let expected = [
        "a/two.yaml:1:11 \"a/one.yaml\" cannot be included: it includes itself, by way of others or not",
        "item.json:1:2 \"name\" is not a kind; kinds are written such as channel.http",
        "a/two.yaml:2:19 \"x\" is not known here; known are name, active and settings",
        "main.yaml:2:23 \"gone.yaml\" cannot be included: it was not given",
        "main.yaml:3:7 \"item.json\" cannot be included: it is included already",
    ];
    assert_eq!(told(&document), expected);
    let names: Vec<_> = document
        .declared
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    assert_eq!(names, ["2", "one", "here"]);
    let document = read_with("version: 1\nx.y: ['file://item.json']", &files, &[]);
    assert_eq!(fine(&document)[0].name, "item");
}

#[test]
fn includes_have_a_depth() {
    let name = |number: usize| format!("f{number}.yaml");
    let texts: Vec<(String, String)> = (0..40)
        .map(|number| (name(number), format!("include: {}", name(number + 1))))
        .collect();
    let files: Vec<(&str, &str)> = texts
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    let told = told(&read_with("version: 1\ninclude: f0.yaml", &files, &[]));
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("more than 16 files"), "{told:?}");
}

fn exported(name: &str, settings: serde_json::Value) -> Exported {
    let serde_json::Value::Object(settings) = settings else {
        panic!("settings are an object")
    };
    Exported {
        title: "channel.http".into(),
        name: name.into(),
        active: true,
        settings,
        secrets: Vec::new(),
    }
}

#[test]
fn what_is_written_is_for_people_and_tells_of_secrets() {
    let mut secured = exported(
        "crm",
        json!({"url_path": "/crm", "text": "a\nb\n", "port": 1.0}),
    );
    secured.secrets = vec!["password".into()];
    let expected = "\
# Configuration of Busker; busker enmasse import reads it.
# Secrets are not exported. Where these objects do not exist, give them, as ${VARIABLE}:
#   channel.http \"crm\": password
version: 1
channel.http:
- name: crm
  active: true
  settings:
    url_path: /crm
    text: |
      a
      b
    port: 1.0
";
    assert_eq!(write(&[secured], Format::Yaml).unwrap(), expected);
}

/// An export of Zato, with what it writes for its own sake.
const OF_ZATO: &str = r#"{
 "channel_plain_http": [
  {"connection": "channel", "has_rbac": false, "id": 7, "is_active": true, "method": null, "name": "crm",
   "sec_def": "login", "service": "crm.get", "soap_action": "", "soap_version": "", "transport": "plain_http",
   "url_path": "/crm", "data_format": "json", "params_pri": "channel-params-over-msg"},
  {"name": "bytes", "sec_def": "zato-no-security", "service_name": "crm.put", "url_path": "/put"}],
 "channel_soap": [
  {"name": "crm", "service": "crm.get", "soap_action": "get", "soap_version": "1.1", "url_path": "/soap"}],
 "def_sec": [
  {"is_active": true, "name": "login", "password": "hunter2", "realm": "CRM", "type": "basic_auth", "username": "u"}],
 "def_amqp": [], "outconn_soap": [],
 "http_soap": [
  {"connection": "outgoing", "host": "https://bank.example", "is_active": false, "name": "bank", "pool_size": "20",
   "transport": "plain_http", "timeout": "10.5", "url_path": "/v1", "sec_def": null, "ping_method": "HEAD"}],
 "scheduler": [
  {"extra": "{\"a\": 1}", "is_active": true, "job_type": "interval_based", "minutes": 5, "name": "poll",
   "seconds": null, "service": "crm.poll", "start_date": "2014-02-04 17:19:58"},
  {"cron_definition": "0 2 * * *", "job_type": "cron_style", "name": "night", "service": "crm.night"}]
}"#;

#[test]
fn an_export_of_zato_is_told_in_ours() {
    let document = read(OF_ZATO);
    let told: Vec<_> = fine(&document)
        .iter()
        .map(|one| {
            (
                one.title.as_str(),
                one.name.as_str(),
                serde_json::Value::Object(one.json()),
            )
        })
        .collect();
    let expected = [
        (
            "channel.http",
            "crm",
            json!({
                "data_format": "json", "params_pri": "channel-params-over-msg", "security": "login",
                "service": "crm.get", "transport": "plain_http", "url_path": "/crm",
            }),
        ),
        (
            "channel.http",
            "bytes",
            json!({
                "data_format": "raw", "service": "crm.put", "transport": "plain_http", "url_path": "/put",
            }),
        ),
        (
            "channel.http",
            "crm",
            json!({
                "service": "crm.get", "soap_action": "get", "soap_version": "1.1", "transport": "soap", "url_path": "/soap",
            }),
        ),
        (
            "security.basic-auth",
            "login",
            json!({"password": "hunter2", "realm": "CRM", "username": "u"}),
        ),
        (
            "outgoing.http",
            "bank",
            json!({
                "address": "https://bank.example", "ping_method": "HEAD", "pool_size": 20, "timeout_ms": 10500,
                "transport": "plain_http", "url_path": "/v1",
            }),
        ),
        (
            "job.interval",
            "poll",
            json!({
                "minutes": 5, "payload": "{\"a\": 1}", "service": "crm.poll", "start_date": "2014-02-04 17:19:58",
            }),
        ),
        (
            "job.cron",
            "night",
            json!({"cron": "0 2 * * *", "service": "crm.night"}),
        ),
    ];
    assert_eq!(told, expected);
    assert!(!document.declared[4].active);
    let notes: Vec<_> = document
        .notes
        .iter()
        .map(|note| note.message.as_str())
        .collect();
    assert_eq!(notes, ["has_rbac: has no place here and is left out"]);
}

#[test]
fn definitions_of_zato_are_told_in_the_words_of_each_kind() {
    let text = r#"{"def_sec": [
  {"name": "k", "type": "apikey", "username": "k", "password": "p"},
  {"name": "t", "sec_type": "tech_acc", "password": "p", "salt": "s"},
  {"name": "w", "type": "wss", "username": "u", "password_type": "clear_text", "reject_expiry_limit": 60}]}"#;
    let document = read(text);
    let told: Vec<_> = fine(&document)
        .iter()
        .map(|one| (one.title.as_str(), serde_json::Value::Object(one.json())))
        .collect();
    let wss = json!({"password_type": "clear_text", "reject_expiry_limit": 60, "username": "u"});
    let expected = [
        ("security.api-key", json!({"key": "p"})),
        ("security.tech-account", json!({"password": "p"})),
        ("security.wss", wss),
    ];
    assert_eq!(told, expected);
}

#[test]
fn what_zato_has_and_this_does_not_is_a_fault() {
    let text = r#"{"channel_amqp": [{"name": "a"}], "def_sec": [{"name": "b", "type": "ntlm"}],
"scheduler": [{"name": "c", "job_type": "moon"}], "http_soap": [{"name": "d"}],
"channel_soap": [{"name": "e", "colour": "red", "service": "a", "service_name": "b"}, 7],
"outconn_plain_http": [{"name": "f", "timeout": "soon"}, {"host": "h"}]}"#;
    let told = told(&read(text));
    for (number, word) in [
        "1:19 channel_amqp: this version has no such objects",
        "1:47 def_sec: this version takes the types",
        "2:15 scheduler: job_type is",
        "2:65 http_soap: connection is",
        "3:32 \"colour\" is not known here",
        "3:81 says otherwise",
        "3:87 channel_soap: must be an object",
        "4:49 timeout: must be seconds",
        "4:58 name: is required",
    ]
    .into_iter()
    .enumerate()
    {
        assert!(
            told[number].starts_with(&format!("main.yaml:{word}")),
            "{}",
            told[number]
        );
    }
    assert_eq!(told.len(), 9, "{told:?}");
}

#[test]
fn nothing_prints_a_value() {
    let text = "version: 1\na.b:\n  - name: n\n    settings: {password: hunter2}\n";
    assert!(!format!("{:?}", read(text)).contains("hunter2"));
}
