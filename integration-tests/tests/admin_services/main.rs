//! Every admin service, walked: each has a summary, typed input and output, an example, a role, a row in the page of
//! services; a call over JSON, SOAP and the command line that does its work; an audit row on each write. Without
//! credentials each answers 401, and to a viewer what is not for viewers 403.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

use std::collections::BTreeMap;

use busker_integration_tests::schema::misfits;
use busker_integration_tests::soap::{ENVELOPES, envelope, request};
use busker_integration_tests::{Answer, Environment};
use serde_json::{Value, json};

mod scene;

use scene::Scene;

/// The page of all services.
const PAGE: &str = include_str!("../../../ops/docs/services.md");
/// Services that would end the node of the test, and so are not called. There are none: what they end is made for them.
const LEFT_OUT: [&str; 0] = [];
const ROLES: [&str; 4] = ["viewer", "operator", "developer", "admin"];

async fn described(environment: &Environment) -> Vec<Value> {
    let told = environment.ok("busker.admin.describe", json!({})).await;
    let all = told["services"].as_array().unwrap().clone();
    let kept = all.into_iter();
    kept.filter(|one| !LEFT_OUT.contains(&text(one, "name")))
        .collect()
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field]
        .as_str()
        .unwrap_or_else(|| panic!("{field} of {value}"))
}

async fn json_call(
    environment: &Environment,
    token: Option<&str>,
    name: &str,
    input: &Value,
) -> Answer {
    let url = environment.api(&format!("/api/v1/services/{name}"));
    let mut request = environment.http.post(url).body(input.to_string());
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    environment.send(request).await
}

/// Over SOAP, in the one version or the other.
async fn soap_call(
    environment: &Environment,
    token: Option<&str>,
    described: &Value,
    input: &Value,
    version: usize,
) -> Answer {
    let (namespace, content_type) = ENVELOPES[version];
    let element = request(text(described, "soap_element"), &described["input"], input);
    let mut request = environment
        .http
        .post(environment.api("/api/v1/soap"))
        .header("content-type", content_type)
        .header("SOAPAction", format!("\"{}\"", text(described, "name")))
        .body(envelope(namespace, &element));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    environment.send(request).await
}

#[tokio::test]
async fn every_service_is_described_and_has_a_row_in_the_page() {
    let environment = Environment::start().await;
    let all = described(&environment).await;
    for one in &all {
        let name = text(one, "name");
        assert!(text(one, "summary").ends_with('.'), "{name}");
        assert!(ROLES.contains(&text(one, "permission")), "{name}");
        assert_eq!(one["input"]["type"], "object", "{name}");
        assert_eq!(one["input"]["additionalProperties"], false, "{name}");
        let answers = one["output"]["properties"].as_object();
        assert!(
            answers.is_some_and(|fields| !fields.is_empty()),
            "{name}: {}",
            one["output"]
        );
        let wrong = misfits(&one["input"], &one["example"]);
        assert!(wrong.is_empty(), "{name}: {wrong:?}");
        let row = PAGE
            .lines()
            .find(|line| line.starts_with(&format!("| `{name}` |")));
        let row = row.unwrap_or_else(|| panic!("{name} has no row in ops/docs/services.md"));
        for part in [
            text(one, "summary"),
            text(one, "permission"),
            &format!("`{}`", text(one, "soap_element")),
            &format!("`busker api call DIR {name}"),
        ] {
            assert!(
                row.contains(&part.replace('|', "\\|")),
                "{name}: {part} in {row}"
            );
        }
    }
    let rows = PAGE
        .lines()
        .filter(|line| line.starts_with("| `busker."))
        .count();
    assert_eq!(
        rows,
        all.len(),
        "the page has rows of services that are not there"
    );
}

#[tokio::test]
async fn who_may_not_call_a_service_is_refused_over_json_and_soap() {
    let environment = Environment::start().await;
    let minted = environment
        .ok(
            "busker.token.create",
            json!({"name": "looks on", "role": "viewer"}),
        )
        .await;
    let viewer = text(&minted, "token");
    let (mut all, mut writes) = (0, 0);
    for one in described(&environment).await {
        let (name, example) = (text(&one, "name"), &one["example"]);
        for token in [None, Some("wrong")] {
            let answer = json_call(&environment, token, name, example).await;
            assert_eq!(answer.status, 401, "{name}: {answer:?}");
            let fault = soap_call(&environment, token, &one, example, 0).await;
            assert_eq!(fault.status, 401, "{name}: {fault:?}");
            assert!(
                fault.body.contains("<class>unauthenticated</class>"),
                "{fault:?}"
            );
        }
        all += 1;
        if one["writes"] == true {
            assert_ne!(one["permission"], "viewer", "{name} writes");
            writes += 1;
        }
        if one["permission"] == "viewer" {
            continue;
        }
        let answer = json_call(&environment, Some(viewer), name, example).await;
        assert_eq!(
            (answer.status, answer.json()["class"].clone()),
            (403, json!("forbidden")),
            "{name}"
        );
        let fault = soap_call(&environment, Some(viewer), &one, example, 1).await;
        assert_eq!(fault.status, 403, "{name}: {fault:?}");
        assert!(fault.body.contains("<class>forbidden</class>"), "{fault:?}");
    }
    println!("{all} admin services refused strangers; {writes} writes refused a viewer");
    assert!(all > 80 && writes > 40, "{all} {writes}");
}

#[tokio::test]
async fn every_service_does_its_work_over_json_soap_and_the_command_line() {
    let scene = Scene::start().await;
    let environment = &scene.environment;
    // cids of writes over JSON and SOAP, and how many writes each service did.
    let (mut cids, mut writes) = (Vec::new(), BTreeMap::new());
    let all = described(environment).await;
    for (place, one) in all.iter().enumerate() {
        let name = text(one, "name");
        let input = scene.input(one, "json").await;
        let answer = json_call(environment, Some(environment.token()), name, &input).await;
        assert_eq!(answer.status, 200, "{name} {input}: {answer:?}");
        let wrong = misfits(&one["output"], &answer.json());
        assert!(
            wrong.is_empty(),
            "{name} answers {wrong:?}: {}",
            answer.body
        );
        scene.after(name).await;

        let input = scene.input(one, "soap").await;
        let token = Some(environment.token());
        let reply = soap_call(environment, token, one, &input, place % 2).await;
        assert_eq!(reply.status, 200, "{name} {input}: {reply:?}");
        let element = text(one, "soap_element").strip_suffix("_request").unwrap();
        let element = format!("{element}_response");
        let inner = format!("<soap:Body><{element} xmlns=\"urn:busker:admin:1\"");
        assert!(reply.body.contains(&inner), "{name}: {reply:?}");
        assert!(
            reply
                .body
                .contains(&format!("xmlns:soap=\"{}\"", ENVELOPES[place % 2].0))
        );
        scene.after(name).await;

        let input = scene.input(one, "cli").await.to_string();
        let told = environment.must(&["api", "call"], &[name, "--payload", &input]);
        let told: Value = serde_json::from_str(&told).unwrap();
        let wrong = misfits(&one["output"], &told);
        assert!(
            wrong.is_empty(),
            "{name} tells the command line {wrong:?}: {told}"
        );
        scene.after(name).await;

        if one["writes"] == true {
            cids.extend([&answer, &reply].map(|answer| answer.header("x-busker-cid").to_owned()));
            writes.insert(name.to_owned(), 0_usize);
        }
    }
    look_for(environment, &mut cids, &mut writes).await;
    assert!(
        cids.is_empty(),
        "writes that are not in the audit log: {cids:?}"
    );
    let few: Vec<_> = writes.iter().filter(|(_, count)| **count < 3).collect();
    assert!(few.is_empty(), "audit rows of three calls each: {few:?}");
    println!(
        "{} admin services called over JSON, SOAP and the command line; {} of them write",
        all.len(),
        writes.len()
    );
}

/// Strikes off cids that are in the audit log, and counts the writes of each service there.
async fn look_for(
    environment: &Environment,
    cids: &mut Vec<String>,
    writes: &mut BTreeMap<String, usize>,
) {
    let mut before = Value::Null;
    loop {
        let page = json!({"limit": 1000, "before": before});
        let log = environment.ok("busker.audit.list", page).await;
        let entries = log["entries"].as_array().unwrap();
        let Some(last) = entries.last() else { break };
        before = last["id"].clone();
        for entry in entries
            .iter()
            .filter(|entry| entry["result"] == "ok" && entry["who"] == "cli")
        {
            cids.retain(|cid| entry["cid"] != **cid);
            *writes.entry(text(entry, "service").to_owned()).or_default() += 1;
        }
    }
}
