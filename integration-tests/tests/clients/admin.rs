//! zeep works on a cluster by the one WSDL of all admin services.

use std::process::Command;

use busker_integration_tests::{Environment, own_file, succeeded, venv};
use serde_json::{Value, json};

async fn works(environment: &Environment, port: &'static str) -> Value {
    let script = own_file("tests/clients/admin_client.py");
    let address = environment.api("/api/v1/soap?wsdl");
    let token = environment.token().to_owned();
    let run = move || {
        let mut command = Command::new(venv("zeep", &["zeep"]).join("python3"));
        command.arg(script).args([&address, port, &token]).output()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap().unwrap();
    serde_json::from_str(&succeeded(&output)).unwrap()
}

#[tokio::test]
async fn zeep_loads_the_wsdl_of_all_admin_services_and_gets_typed_values_and_faults() {
    let environment = Environment::start().await;
    let described = environment.ok("busker.admin.describe", json!({})).await;
    let all = described["services"].as_array().unwrap().len();
    for (port, caller) in [("soap11", "soap:Client"), ("soap12", "soap:Sender")] {
        let found = works(&environment, port).await;
        assert_eq!(found["operations"], all, "{found}");
        assert!(
            found["cluster"]["revision"].is_i64() && found["cluster"]["guarded"] == false,
            "{found}"
        );
        let (created, name) = (&found["created"], format!("zeep {port} <&>"));
        assert_eq!(created["name"], name, "{found}");
        assert_eq!(
            (&created["active"], &created["settings"]["timeout_ms"]),
            (&json!(true), &json!(5000)),
            "{found}"
        );
        assert_eq!(created["settings"]["cancel_on_disconnect"], true, "{found}");
        assert_eq!(created["settings"]["method"], Value::Null, "{found}");
        let there = environment
            .ok("busker.channel.http.get", json!({"name": name}))
            .await;
        assert_eq!(there["settings"]["url_path"], format!("/{port}"));
        assert_eq!(found["listed"]["total"], 1, "{found}");
        assert_eq!(
            found["listed"]["objects"]["item"][0]["number"], there["number"],
            "{found}"
        );
        let counted = found["statistics"]["services"]["entry"].as_array().unwrap();
        assert!(
            counted
                .iter()
                .any(|entry| entry["key"] == "samples.echo" && entry["requests"].is_i64()),
            "{found}"
        );
        assert_eq!(found["invoked"]["status"], 200, "{found}");
        let body = "{\"text\":\"ä\",\"length\":1}";
        assert_eq!(found["invoked"]["body"], body, "{found}");
        let fault = &found["fault"];
        assert_eq!(
            (&fault["code"], &fault["detail"]["class"]),
            (&json!(caller), &json!("invalid")),
            "{found}"
        );
        let violations = fault["detail"]["violations"]["violation"]
            .as_array()
            .unwrap();
        let named: Vec<&Value> = violations.iter().map(|one| &one["field"]).collect();
        assert_eq!(named, ["settings.url_path", "settings.service"], "{found}");
    }
    let stranger = environment.http.get(environment.api("/api/v1/soap?wsdl"));
    assert_eq!(environment.send(stranger).await.status, 401);
}
