//! What holds for every admin service alike.

use std::collections::BTreeSet;

use busker_admin::input::Input;
use busker_admin::{AdminService, openapi, operations, page, soap};
use busker_catalog::Catalog;
use busker_model::invocation::Role;
use busker_model::{ErrorClass, Origin, Payload};
use serde_json::{Value, json};

use crate::bench::{Bench, refusal};

fn all() -> Vec<AdminService> {
    operations(&Catalog::builtin())
}

#[test]
fn every_service_has_a_name_of_its_own_a_summary_and_an_example_that_it_takes() {
    let mut names = BTreeSet::new();
    for operation in all() {
        assert!(
            names.insert(operation.name.clone()),
            "{} twice",
            operation.name
        );
        assert!(operation.summary.ends_with('.'), "{}", operation.name);
        let example = Payload::Json(operation.example.to_string().into());
        Input::read(&example, &operation.fields)
            .unwrap_or_else(|fault| panic!("{}: {fault:?}", operation.name));
        for field in &operation.fields {
            assert!(
                field.doc.ends_with('.'),
                "{}: {}",
                operation.name,
                field.name
            );
        }
    }
}

#[test]
fn a_destructive_service_has_to_be_told_a_name() {
    let destructive: Vec<_> = all().into_iter().filter(|one| one.destructive).collect();
    for verb in ["delete", "revoke", "rollback", "drain", "revert"] {
        let named = |one: &AdminService| one.name.ends_with(&format!(".{verb}"));
        assert!(destructive.iter().any(named), "{verb} is not destructive");
    }
    for operation in destructive {
        let told = operation.fields.iter().any(|field| {
            let told = ["name", "node", "cid", "revision", "number", "replace_all"];
            field.required && told.contains(&field.name)
        });
        assert!(told && operation.writes, "{}", operation.name);
    }
}

#[tokio::test]
async fn runners_carry_the_name_the_origin_and_the_permission() {
    let bench = Bench::new().await;
    let all = all();
    assert_eq!(bench.runners().len(), all.len());
    for (runner, operation) in bench.runners().iter().zip(&all) {
        let definition = runner.definition();
        assert_eq!(definition.name.as_str(), operation.name);
        assert_eq!(definition.origin, Origin::Internal);
        assert_eq!(definition.permission, operation.permission);
    }
}

#[tokio::test]
async fn a_viewer_may_write_nothing_and_nobody_may_do_anything() {
    let bench = Bench::new().await;
    for operation in all() {
        let body = operation.example.to_string();
        let nobody = bench.send(&operation.name, None, &body).await;
        assert_eq!(
            refusal(nobody).0,
            ErrorClass::Forbidden,
            "{}",
            operation.name
        );
        if operation.writes {
            let viewer = bench.send(&operation.name, Some(Role::Viewer), &body).await;
            let (class, message) = refusal(viewer);
            assert_eq!(class, ErrorClass::Forbidden, "{}", operation.name);
            let needed = operation.description()["permission"].clone();
            assert!(message.contains(needed.as_str().unwrap()), "{message}");
        }
    }
    assert_eq!(bench.odb.users().list().await.unwrap(), []);
}

#[tokio::test]
async fn every_service_refuses_an_unknown_field_and_names_it() {
    let bench = Bench::new().await;
    for operation in all() {
        let mut input = operation.example.clone();
        input["colr"] = json!(1);
        let (class, message) = refusal(bench.call(&operation.name, input).await);
        assert_eq!(class, ErrorClass::Invalid, "{}", operation.name);
        assert!(message.contains("colr: is not a field"), "{message}");
    }
}

#[tokio::test]
async fn every_missing_and_wrong_field_is_listed_at_once() {
    let bench = Bench::new().await;
    let fault = bench
        .call(
            "busker.channel.http.create",
            json!({"active": "yes", "colr": 1}),
        )
        .await
        .unwrap_err();
    let violations = &fault.detail.as_ref().unwrap().violations;
    let fields: Vec<&str> = violations.iter().map(|one| one.field.as_str()).collect();
    assert_eq!(fields, ["colr", "name", "active", "settings"]);
}

#[tokio::test]
async fn a_field_given_twice_is_refused_at_any_depth() {
    let bench = Bench::new().await;
    let bodies = [
        r#"{"name": "a", "name": "b", "settings": {}}"#,
        r#"{"name": "a", "settings": {"url_path": "/a", "url_path": "/b", "service": "s"}}"#,
    ];
    for (body, field) in bodies.into_iter().zip(["name", "url_path"]) {
        let sent = bench.send("busker.channel.http.create", Some(Role::Admin), body);
        let (class, message) = refusal(sent.await);
        assert_eq!(class, ErrorClass::Invalid);
        assert!(
            message.contains(&format!("{field:?} is given twice")),
            "{message}"
        );
    }
    let listed = bench
        .send("busker.channel.http.list", Some(Role::Viewer), "")
        .await
        .unwrap();
    assert_eq!(listed["total"], 0);
    for body in ["[]", "7", "{", "\"x\""] {
        let sent = bench.send("busker.channel.http.list", Some(Role::Viewer), body);
        assert_eq!(refusal(sent.await).0, ErrorClass::Invalid, "{body}");
    }
}

#[tokio::test]
async fn describe_lists_all_services_with_their_schemas() {
    let bench = Bench::new().await;
    let answer = bench
        .as_role(Role::Viewer, "busker.admin.describe", json!({}))
        .await
        .unwrap();
    let described: Vec<Value> = all().iter().map(AdminService::description).collect();
    assert_eq!(answer["services"], json!(described));
}

#[test]
fn the_committed_openapi_document_is_the_one_generated() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ops/docs/openapi.json");
    let committed: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let remedy = "run: cargo run -p busker-admin --example openapi > ops/docs/openapi.json";
    assert!(
        committed == openapi::document(&all()),
        "out of date; {remedy}"
    );
}

#[test]
fn the_openapi_document_has_one_path_per_service_and_the_fixed_ones() {
    let document = openapi::document(&all());
    let paths = document["paths"].as_object().unwrap();
    for operation in all() {
        let post = &paths[&format!("/api/v1/services/{}", operation.name)]["post"];
        assert_eq!(post["summary"], json!(operation.summary));
        assert_eq!(
            post["x-busker-permission"],
            operation.description()["permission"]
        );
        let body = &post["requestBody"]["content"]["application/json"];
        assert_eq!(body["example"], operation.example);
    }
    for fixed in [
        "/api/v1/events",
        "/api/v1/openapi.json",
        "/healthz",
        "/readyz",
        "/metrics",
        "/api/v1/soap",
    ] {
        assert!(paths.contains_key(fixed), "{fixed}");
    }
    assert_eq!(paths.len(), all().len() + 6);
}

#[test]
fn the_committed_page_of_services_is_the_one_generated() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ops/docs/services.md");
    let committed = std::fs::read_to_string(path).unwrap();
    let remedy = "run: cargo run -p busker-admin --example services > ops/docs/services.md";
    assert!(committed == page::services(&all()), "out of date; {remedy}");
}

#[test]
fn every_service_answers_with_fields_and_has_a_soap_element_of_its_own() {
    let mut elements = BTreeSet::new();
    for operation in all() {
        let name = &operation.name;
        let fields = operation.output["properties"].as_object();
        assert!(fields.is_some_and(|fields| !fields.is_empty()), "{name}");
        let description = operation.description();
        let element = description["soap_element"].as_str().unwrap().to_owned();
        assert!(elements.insert(element), "{name} shares its element");
    }
    let binding = soap::binding(&all());
    assert_eq!(binding.operations().len(), elements.len());
    let wsdl = binding.wsdl(soap::WSDL_NAME, "http://127.0.0.1:8183/api/v1/soap");
    for element in elements {
        assert!(
            wsdl.contains(&format!("<xsd:element name=\"{element}\">")),
            "{element}"
        );
    }
}
