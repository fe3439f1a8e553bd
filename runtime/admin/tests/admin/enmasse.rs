//! Configuration as code: what was exported imports to the same, all of it or nothing, and faults have their places.

use busker_catalog::{Catalog, title};
use busker_model::invocation::Role;
use busker_model::{ErrorClass, Fault};
use serde_json::{Value, json};

use crate::bench::{Bench, refusal};

const SECRET: &str = "hunter2-is-the-secret";
const ANOTHER: &str = "tr0ub4dor-is-another";

const FILE: &str = "\
version: 1
security.basic-auth:
  - name: login
    settings:
      username: ann
      password: ${LOGIN_PASSWORD}
outgoing.http:
  - name: bank
    settings: {address: 'https://bank.example', security: login}
channel.http:
  - name: crm
    settings: {url_path: /crm, service: stockmarket.get-market-cap, security: login}
  - name: crm
    active: false
    settings: {url_path: /soap, service: stockmarket.get-market-cap, transport: soap}
job.cron:
  - name: night
    settings: {service: not.deployed, cron: '30 2 * * *', payload: '$${literal}'}
";

fn file(text: &str, password: Option<&str>) -> Value {
    let mut input = json!({"text": text, "file": "crm.yaml"});
    if let Some(password) = password {
        input["variables"] = json!({"LOGIN_PASSWORD": password});
    }
    input
}

async fn import(bench: &Bench, input: Value) -> Value {
    bench.call("busker.enmasse.import", input).await.unwrap()
}

async fn export(bench: &Bench) -> String {
    let answer = bench
        .call("busker.enmasse.export", json!({}))
        .await
        .unwrap();
    answer["text"].as_str().unwrap().to_owned()
}

async fn revision(bench: &Bench) -> i64 {
    bench.odb.cluster().revision().await.unwrap()
}

fn names(answer: &Value, key: &str) -> Vec<String> {
    let listed = answer[key].as_array().unwrap().iter();
    listed
        .map(|one| {
            format!(
                "{} {}",
                one["kind"].as_str().unwrap(),
                one["name"].as_str().unwrap()
            )
        })
        .collect()
}

/// Faults as `place message`.
fn faults(fault: &Fault) -> Vec<String> {
    let detail = fault.detail.as_ref().unwrap();
    let faults = detail.violations.iter();
    faults
        .map(|one| format!("{} {}", one.field, one.message))
        .collect()
}

async fn refused(bench: &Bench, text: &str) -> Vec<String> {
    let before = revision(bench).await;
    let fault = bench
        .call("busker.enmasse.import", file(text, Some(SECRET)))
        .await
        .unwrap_err();
    assert_eq!(fault.class, ErrorClass::Invalid, "{fault:?}");
    assert_eq!(revision(bench).await, before, "nothing is changed");
    faults(&fault)
}

#[tokio::test]
async fn a_file_is_imported_at_one_revision_and_again_at_none() {
    let bench = Bench::new().await;
    let before = revision(&bench).await;
    let planned = bench
        .call("busker.enmasse.plan", file(FILE, Some(SECRET)))
        .await
        .unwrap();
    assert_eq!(
        (&planned["changed"], &planned["revision"]),
        (&json!(false), &json!(before))
    );
    assert_eq!(revision(&bench).await, before, "a plan changes nothing");
    let first = import(&bench, file(FILE, Some(SECRET))).await;
    assert_eq!(first["create"], planned["create"]);
    assert_eq!(names(&first, "create").len(), 5);
    assert_eq!(
        (&first["changed"], &first["revision"]),
        (&json!(true), &json!(before + 1))
    );
    assert_eq!(first["create"][0]["place"], "crm.yaml:3:5");
    assert_eq!(first["needs_secret"], json!([]));
    let warning = &first["warnings"][0];
    assert_eq!(warning["place"], "crm.yaml:18:16");
    assert!(
        warning["message"]
            .as_str()
            .unwrap()
            .contains("not.deployed")
    );
    let again = import(&bench, file(FILE, Some(SECRET))).await;
    assert_eq!(
        (&again["changed"], &again["revision"]),
        (&json!(false), &json!(before + 1))
    );
    assert_eq!(names(&again, "unchanged").len(), 5);
    // Without its secret too: what is there stays.
    let own = import(&bench, file(&export(&bench).await, None)).await;
    assert_eq!(own["changed"], false, "{own}");
    assert_eq!(own["not_in_file"], json!([]));
}

#[tokio::test]
async fn an_export_imports_to_the_same_where_there_is_nothing() {
    let bench = Bench::new().await;
    import(&bench, file(FILE, Some(SECRET))).await;
    let text = export(&bench).await;
    assert!(
        !text.contains(SECRET) && !text.contains("sealed:") && !text.contains("***"),
        "{text}"
    );
    assert!(
        text.contains("#   security.basic-auth \"login\": password\n"),
        "{text}"
    );
    assert!(text.contains("$${literal}"), "{text}");
    let json = bench
        .call("busker.enmasse.export", json!({"format": "json"}))
        .await
        .unwrap();
    let other = Bench::new().await;
    let made = import(&other, file(&text, None)).await;
    let lacking =
        json!([{"kind": "security.basic-auth", "name": "login", "secrets": ["password"]}]);
    assert_eq!(made["needs_secret"], lacking);
    let from_json = file(json["text"].as_str().unwrap(), None);
    let again = import(&other, from_json).await;
    assert_eq!(
        (&again["changed"], &again["needs_secret"]),
        (&json!(false), &lacking)
    );
    assert_eq!(export(&other).await, text);
    let got = other
        .call("busker.security.basic-auth.get", json!({"name": "login"}))
        .await
        .unwrap();
    assert_eq!(
        (&got["state"], &got["secrets"]["password"]),
        (&json!("needs-secret"), &json!(false))
    );
    let listed = other
        .call("busker.object.list", json!({"state": "needs-secret"}))
        .await
        .unwrap();
    assert_eq!(
        (&listed["total"], &listed["objects"][0]["name"]),
        (&json!(1), &json!("login"))
    );
    let set = json!({"name": "login", "password1": SECRET, "password2": SECRET});
    let set = other
        .call("busker.security.basic-auth.change-password", set)
        .await
        .unwrap();
    assert_eq!(set.get("state"), None, "{set}");
}

#[tokio::test]
async fn a_file_says_what_an_object_is_and_a_secret_is_replaced_only_by_another() {
    let bench = Bench::new().await;
    import(&bench, file(FILE, Some(SECRET))).await;
    let changed = FILE.replace("username: ann", "username: bob");
    let answer = import(&bench, file(&changed, Some(ANOTHER))).await;
    let expected = json!([
        {"field": "settings.username", "before": "ann", "after": "bob"},
        {"field": "settings.password", "before": "(secret)", "after": "(secret)"},
    ]);
    assert_eq!(answer["edit"][0]["fields"], expected);
    assert_eq!(names(&answer, "edit"), ["security.basic-auth login"]);
    // What a file leaves out is what it is by default.
    let timed = |settings| {
        format!(
            "version: 1\nchannel.http:\n  - {{name: t, settings: {{url_path: /t, service: a.b{settings}}}}}\n"
        )
    };
    import(&bench, file(&timed(", timeout_ms: 500"), None)).await;
    let answer = import(&bench, file(&timed(""), None)).await;
    let expected = json!([{"field": "settings.timeout_ms", "before": 500, "after": null}]);
    assert_eq!(answer["edit"][0]["fields"], expected);
    assert_eq!(
        names(&answer, "not_in_file").len(),
        5,
        "and it deletes nothing"
    );
}

#[tokio::test]
async fn every_fault_of_a_broken_file_is_told_with_its_line_and_nothing_is_changed() {
    let bench = Bench::new().await;
    let there = json!({"name": "there", "settings": {"url_path": "/there", "service": "a.b"}});
    bench
        .call("busker.channel.http.create", there)
        .await
        .unwrap();
    let text = "\
version: 1
channel.amqp:
  - name: a
channel.http:
  - name: one
    settings:
      url_path: one
      service: a.b
      timeout_ms: soon
      metod: GET
      security: nobody
  - name: two
    settings: {url_path: /there, service: a.b}
  - name: three
    settings: {url_path: /3, service: a.b, security: nobody}
  - name: three
    settings: {url_path: /4, service: a b}
  - name: three
    settings: {url_path: /5, service: a.b}
  - name: four
    settings: {url_path: /5, service: a.b}
  - name: ' five '
    settings: {url_path: '${LOGIN_PASSWORD}', service: '${MISSING}'}
security.basic-auth:
  - name: login
    settings: {username: 'a:b', realm: [], password: 5}
  - name: other
    settings: {username: u, password: [a]}
";
    let told = refused(&bench, text).await;
    let expected = [
        "crm.yaml:2:1 \"channel.amqp\" is not a kind",
        "crm.yaml:7:7 settings.url_path: must start with '/'",
        "crm.yaml:9:7 settings.timeout_ms: invalid type",
        "crm.yaml:10:7 settings",
        "crm.yaml:12:5 channel.plain_http \"there\", which is there and not in the file, has \"/there \" already",
        "crm.yaml:15:44 settings.security: there is no security \"nobody\"",
        "crm.yaml:17:30 settings.service: name \"a b\"",
        "crm.yaml:18:5 channel.plain_http \"three\" is declared twice: first at crm.yaml:14:5",
        "crm.yaml:22:5 name: starts or ends with white space",
        "crm.yaml:23:16 settings.url_path: must start with '/'",
        "crm.yaml:23:56 the variable MISSING is not set",
        "crm.yaml:26:16 settings.username",
        "crm.yaml:26:33 settings.realm",
        "crm.yaml:28:39 settings.password: must be text",
    ];
    for (number, expected) in expected.iter().enumerate() {
        let found = told.iter().any(|one| one.starts_with(expected));
        assert!(found, "{number}: {expected} is not in {told:#?}");
    }
    let all = told.join("\n");
    assert!(!all.contains(SECRET), "{all}");
    assert!(told.is_sorted_by_key(|one| one.split(':').nth(1).unwrap().parse::<u32>().unwrap()));
}

#[tokio::test]
async fn a_definition_that_its_user_cannot_use_is_a_fault() {
    let bench = Bench::new().await;
    let definition = "security.tech-account:\n  - {name: tech, settings: {password: p}}\n";
    let user = "outgoing.http:\n  - {name: bank, settings: {address: 'https://bank.example', security: tech}}\n";
    let expected = "settings.security: names a definition of kind tech-account";
    let told = refused(&bench, &format!("version: 1\n{definition}{user}")).await;
    assert_eq!(told.len(), 1);
    assert!(
        told[0].starts_with(&format!("crm.yaml:5:62 {expected}")),
        "{told:?}"
    );
    import(&bench, file(&format!("version: 1\n{definition}"), None)).await;
    let told = refused(&bench, &format!("version: 1\n{user}")).await;
    assert!(
        told[0].starts_with(&format!("crm.yaml:3:62 {expected}")),
        "{told:?}"
    );
}

#[tokio::test]
async fn every_kind_makes_the_round_trip() {
    let (bench, other) = (Bench::new().await, Bench::new().await);
    let mut with_secrets = 0;
    for kind in Catalog::builtin().iter() {
        let name = format!("example.{}", kind.kind);
        let input = json!({"name": name, "settings": (kind.example)()});
        bench
            .call(&format!("busker.{}.create", title(kind)), input)
            .await
            .unwrap();
        with_secrets += usize::from(!kind.secrets.is_empty());
    }
    let text = export(&bench).await;
    let own = import(&bench, file(&text, None)).await;
    assert_eq!(own["changed"], false, "{own}");
    let made = import(&other, file(&text, None)).await;
    assert_eq!(
        made["needs_secret"].as_array().unwrap().len(),
        with_secrets,
        "{made}"
    );
    assert_eq!(export(&other).await, text);
    let again = import(&other, file(&text, None)).await;
    assert_eq!(again["changed"], false, "{again}");
}

#[tokio::test]
async fn paths_may_be_swapped_and_what_is_used_named_in_any_order() {
    let bench = Bench::new().await;
    let text = |one: &str, two: &str| {
        format!(
            "version: 1\nchannel.http:\n  - {{name: a, settings: {{url_path: /{one}, service: a.b, security: s}}}}\n  - {{name: b, settings: {{url_path: /{two}, service: a.b}}}}\nsecurity.basic-auth:\n  - {{name: s, settings: {{username: u, password: p}}}}\n"
        )
    };
    import(&bench, file(&text("1", "2"), None)).await;
    let swapped = import(&bench, file(&text("2", "1"), None)).await;
    assert_eq!(names(&swapped, "edit").len(), 2);
}

#[tokio::test]
async fn files_are_included_and_a_problem_with_one_is_told_where_it_is_named() {
    let bench = Bench::new().await;
    let text = "version: 1\ninclude: [a.yaml, b.yaml]\n";
    let included = "channel.http: [{name: a, settings: {url_path: /a, service: a.b}}]";
    let mut input = file(text, None);
    input["files"] = json!({"a.yaml": included, "b.yaml": {"problem": "permission denied"}});
    let fault = bench
        .call("busker.enmasse.import", input.clone())
        .await
        .unwrap_err();
    assert_eq!(
        faults(&fault),
        ["crm.yaml:2:19 \"b.yaml\" cannot be included: permission denied"]
    );
    input["files"]["b.yaml"] = json!("version: 1");
    assert_eq!(
        import(&bench, input).await["create"][0]["place"],
        "a.yaml:1:16"
    );
    for wrong in [
        json!({"files": {"a": 7}}),
        json!({"variables": {"A": 7}}),
        json!({"files": []}),
    ] {
        let mut input = file(text, None);
        input[wrong.as_object().unwrap().keys().next().unwrap()] =
            wrong.as_object().unwrap().values().next().unwrap().clone();
        let (class, _) = refusal(bench.call("busker.enmasse.plan", input).await);
        assert_eq!(class, ErrorClass::Invalid);
    }
}

#[tokio::test]
async fn services_are_checked_as_sternly_as_asked() {
    let bench = Bench::new().await;
    let mut input = file(FILE, Some(SECRET));
    input["services_must_exist"] = json!(true);
    let fault = bench
        .call("busker.enmasse.import", input)
        .await
        .unwrap_err();
    let told = faults(&fault);
    assert_eq!(told.len(), 1);
    assert!(
        told[0].starts_with("crm.yaml:18:16 service \"not.deployed\""),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_role_writes_what_it_may_write_alone() {
    let bench = Bench::new().await;
    for service in ["busker.enmasse.import", "busker.enmasse.plan"] {
        let asked = bench
            .as_role(Role::Developer, service, file(FILE, Some(SECRET)))
            .await;
        let (class, message) = refusal(asked);
        assert_eq!(class, ErrorClass::Forbidden);
        assert!(
            message.contains("crm.yaml:3:5") && message.contains("admin"),
            "{message}"
        );
    }
    let text = "version: 1\nchannel.http:\n  - {name: a, settings: {url_path: /a, service: a.b}}\n";
    let imported = bench
        .as_role(Role::Developer, "busker.enmasse.import", file(text, None))
        .await;
    assert_eq!(imported.unwrap()["changed"], true);
    let exported = bench
        .as_role(Role::Viewer, "busker.enmasse.export", json!({}))
        .await;
    assert_eq!(exported.unwrap()["objects"], 1);
}

#[tokio::test]
async fn an_export_is_of_what_is_asked_for() {
    let bench = Bench::new().await;
    import(&bench, file(FILE, Some(SECRET))).await;
    let count = async |input: Value| {
        let answer = bench.call("busker.enmasse.export", input).await.unwrap();
        answer["objects"].as_i64().unwrap()
    };
    assert_eq!(
        count(json!({"kinds": ["channel.http", "job.cron"]})).await,
        3
    );
    assert_eq!(count(json!({"filter": "CR"})).await, 2);
    assert_eq!(count(json!({"kinds": []})).await, 0);
    for kinds in [json!(["channel.amqp"]), json!("channel.http"), json!([1])] {
        let (class, message) = refusal(
            bench
                .call("busker.enmasse.export", json!({"kinds": kinds}))
                .await,
        );
        assert_eq!(class, ErrorClass::Invalid);
        assert!(message.contains("security.basic-auth"), "{message}");
    }
}

#[tokio::test]
async fn no_answer_fault_or_log_of_an_import_shows_a_secret() {
    let bench = Bench::new().await;
    let mut seen = import(&bench, file(FILE, Some(SECRET))).await.to_string();
    seen.push_str(&import(&bench, file(FILE, Some(ANOTHER))).await.to_string());
    let literal = FILE.replace("${LOGIN_PASSWORD}", SECRET);
    seen.push_str(&import(&bench, file(&literal, None)).await.to_string());
    for broken in [
        literal.replace("username", "usernam"),
        FILE.replace("30 2 * * *", "${LOGIN_PASSWORD}"),
        FILE.replace("service: not.deployed", "service: 'a ${LOGIN_PASSWORD}'"),
        format!("{literal}\n ]"),
    ] {
        let fault = bench
            .call("busker.enmasse.import", file(&broken, Some(SECRET)))
            .await
            .unwrap_err();
        seen.push_str(&format!("{fault:?} {:?}", faults(&fault)));
    }
    let audit = bench.call("busker.audit.list", json!({})).await.unwrap();
    assert_eq!(audit["entries"].as_array().unwrap().len(), 7);
    assert_eq!(audit["entries"][0]["object"], "crm.yaml");
    seen.push_str(&audit.to_string());
    for hidden in [SECRET, ANOTHER, "sealed:"] {
        assert!(!seen.contains(hidden), "{hidden} is in {seen}");
    }
}
