//! SOAP as curl sends it, in both versions.

use busker_integration_tests::Environment;
use serde_json::json;

use crate::curl::{Got, curl};
use crate::market;

/// Namespace, content type of answers, and the arguments that name the action.
const VERSIONS: [(&str, &str, [&str; 2]); 2] = [
    (
        "http://schemas.xmlsoap.org/soap/envelope/",
        "text/xml; charset=utf-8",
        [
            "Content-Type: text/xml; charset=utf-8",
            "SOAPAction: \"urn:market:quote\"",
        ],
    ),
    (
        "http://www.w3.org/2003/05/soap-envelope",
        "application/soap+xml; charset=utf-8",
        [
            "Content-Type: application/soap+xml; charset=utf-8; action=\"urn:market:quote\"",
            "X-None: none",
        ],
    ),
];

async fn channel() -> Environment {
    let environment = market().await;
    let settings = json!({
        "url_path": "/market", "service": "market.quote", "transport": "soap", "soap_action": "urn:market:quote"
    });
    environment.add_channel("market", settings).await;
    environment
}

async fn ask(environment: &Environment, namespace: &str, headers: [&str; 2], symbol: &str) -> Got {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><e:Envelope xmlns:e=\"{namespace}\" xmlns:m=\"urn:market\"><e:Header>\
         <m:note>may be ignored</m:note></e:Header><e:Body><m:quote><m:symbol>{symbol}</m:symbol>\
         <m:quantity>2</m:quantity></m:quote></e:Body></e:Envelope>"
    );
    let [kind, action] = headers;
    let arguments = ["--data-binary", &body, "--header", kind, "--header", action];
    curl(environment.channel("/market"), &arguments).await
}

#[tokio::test]
async fn an_answer_and_a_fault_are_of_the_version_that_was_asked() {
    let environment = channel().await;
    for (namespace, content_type, headers) in VERSIONS {
        let got = ask(&environment, namespace, headers, "GOOG").await;
        assert_eq!(
            (got.status, got.header("content-type")),
            (200, content_type),
            "{}",
            got.body
        );
        let envelope = format!(
            "<soap:Envelope xmlns:soap=\"{namespace}\"><soap:Body><quote_response xmlns=\"urn:market\">"
        );
        assert!(got.body.starts_with(&envelope), "{}", got.body);
        assert!(got.body.contains("<total>6</total>"), "{}", got.body);

        let is_11 = content_type.starts_with("text/xml");
        let fault = ask(&environment, namespace, headers, "NOPE").await;
        let status = if is_11 { 500 } else { 400 };
        assert_eq!(
            (fault.status, fault.header("content-type")),
            (status, content_type),
            "{}",
            fault.body
        );
        assert!(
            fault.body.contains(&format!("xmlns:soap=\"{namespace}\"")),
            "{}",
            fault.body
        );
        let parts = if is_11 {
            [
                "<faultcode>soap:Client</faultcode>",
                "<faultstring>there is no symbol NOPE</faultstring>",
            ]
        } else {
            [
                "<soap:Value>soap:Sender</soap:Value>",
                "<soap:Text xml:lang=\"en\">there is no symbol NOPE</soap:Text>",
            ]
        };
        for part in parts {
            assert!(fault.body.contains(part), "{part}: {}", fault.body);
        }
        let cid = format!("<cid>{}</cid>", fault.header("x-zato-cid").to_uppercase());
        assert!(fault.body.contains(&cid), "{cid}: {}", fault.body);
    }
}

#[tokio::test]
async fn another_action_finds_no_channel() {
    let environment = channel().await;
    let (namespace, _, [kind, _]) = VERSIONS[0];
    let got = ask(
        &environment,
        namespace,
        [kind, "SOAPAction: \"urn:other\""],
        "GOOG",
    )
    .await;
    assert_eq!(got.status, 404, "{}", got.body);
}
