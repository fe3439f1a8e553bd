//! WSDL as channels serve it: zeep loads the generated one of a Python and of a Rust service and calls both bindings;
//! an uploaded one is served in its place, byte for byte.

use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use busker_integration_tests::{Environment, own_file, succeeded, venv};
use serde_json::{Value, json};

const SERVICES: &str = "
from zato.common import BadRequest
from zato.server.service import Boolean, Dict, Float, Integer, List, Service, UTC

class Quote(Service):
    '''Quotes a price.'''
    name = 'market.get-quote'

    class SimpleIO:
        input_required = ('symbol', Integer('quantity'), UTC('at'))
        input_optional = (Boolean('urgent'), List('tags'))
        output_required = ('symbol', Integer('total'), Float('price'), 'is_open', UTC('at'))
        output_optional = ('note', List('tags'), Dict('extra'))

    def handle(self):
        read, payload = self.request.input, self.response.payload
        if read.symbol == 'NOPE':
            raise BadRequest(self.cid, 'there is no symbol NOPE')
        payload.symbol, payload.total, payload.price = read.symbol, read.quantity * 3, 1.5
        payload.is_open, payload.at, payload.tags = bool(read.urgent), read.at, read.tags or []
        payload.extra = {'a b': '1'}
";

/// Runs the client against the WSDL of a channel.
async fn calls(environment: &Environment, path: &str, port: &str, inputs: [Value; 3]) -> Value {
    let script = own_file("tests/clients/wsdl_client.py");
    let address = environment.channel(&format!("{path}?wsdl"));
    let arguments = inputs.map(|input| input.to_string());
    let port = port.to_owned();
    let run = move || {
        let mut command = Command::new(venv("zeep", &["zeep"]).join("python3"));
        command
            .arg(script)
            .arg(address)
            .arg(port)
            .args(arguments)
            .output()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap().unwrap();
    serde_json::from_str(&succeeded(&output)).unwrap()
}

async fn mounted(environment: &Environment, service: &str) {
    let settings = json!({
        "url_path": "/typed", "service": service, "transport": "soap", "soap_action": "urn:typed", "method": "POST",
    });
    environment.add_channel("typed", settings).await;
}

/// What both ports must find, whatever the service is written in.
async fn check(environment: &Environment, inputs: &[Value; 3], expected: &Value, fields: &[&str]) {
    for (port, caller) in [("soap11", "soap:Client"), ("soap12", "soap:Sender")] {
        let found = calls(environment, "/typed", port, inputs.clone()).await;
        let (item, env) = (&found["answer"]["item"], &found["answer"]["zato_env"]);
        for (field, value) in expected.as_object().unwrap() {
            assert_eq!(&item[field], value, "{port} {field}: {found}");
        }
        assert!(env["cid"].as_str().unwrap().starts_with('K'), "{found}");
        let (refused, wrong) = (&found["refused"], &found["wrong"]);
        assert_eq!(refused["code"], caller, "{found}");
        assert_eq!(refused["detail"]["class"], "invalid", "{found}");
        assert!(
            refused["detail"]["cid"].as_str().unwrap().starts_with('K'),
            "{found}"
        );
        assert_eq!(wrong["code"], caller, "{found}");
        let violations = wrong["detail"]["violations"]["violation"]
            .as_array()
            .unwrap();
        let named: Vec<&str> = violations
            .iter()
            .map(|one| one["field"].as_str().unwrap())
            .collect();
        assert_eq!(named, fields, "{found}");
    }
}

#[tokio::test]
async fn zeep_calls_a_python_service_by_its_generated_wsdl() {
    let environment = Environment::start().await;
    environment.deploy("quotes.py", SERVICES).await;
    mounted(&environment, "market.get-quote").await;
    let right = json!({"symbol": "GOOG & Söhne", "quantity": 14, "at": "2026-01-02T03:04:05+00:00", "urgent": true});
    let mut refused = right.clone();
    refused["symbol"] = json!("NOPE");
    let wrong = json!({"quantity": "many", "urgent": "perhaps"});
    let expected = json!({
        "symbol": "GOOG & Söhne", "total": 42, "price": 1.5, "is_open": true, "at": "2026-01-02 03:04:05",
        "extra": {"item": [{"key": "a b", "value": "1"}]},
    });
    let inputs = [right, wrong, refused];
    check(&environment, &inputs, &expected, &["quantity", "urgent"]).await;
}

#[tokio::test]
async fn zeep_calls_a_rust_service_by_its_generated_wsdl() {
    let mut environment = Environment::create();
    environment.start_by(env!("CARGO_BIN_EXE_typed_node")).await;
    mounted(&environment, "typed.reckon-it").await;
    let right = json!({
        "count": 9_007_199_254_740_993_i64, "ratio": 0.5, "negate": true, "names": {"item": ["ann", "bob"]},
    });
    let mut refused = right.clone();
    refused["count"] = json!(i64::MAX);
    let wrong = json!({"ratio": "half"});
    let expected = json!({
        "count": -9_007_199_254_740_995_i64, "ratio": 0.25, "negated": true, "note": null,
        "names": {"item": ["ANN", "BOB"]},
    });
    check(
        &environment,
        &[right, wrong, refused],
        &expected,
        &["ratio"],
    )
    .await;
}

#[tokio::test]
async fn an_uploaded_wsdl_comes_back_byte_for_byte_from_its_public_address() {
    let environment = Environment::start().await;
    environment.deploy("quotes.py", SERVICES).await;
    mounted(&environment, "market.get-quote").await;
    let address = environment.channel("/typed?WSDL");
    let read = async || {
        let response = environment.http.get(&address).send().await.unwrap();
        let head = (
            response.status().as_u16(),
            response.headers()["content-type"]
                .to_str()
                .unwrap()
                .to_owned(),
        );
        (head, response.bytes().await.unwrap())
    };
    let (head, generated) = read().await;
    assert_eq!(head, (200, "text/xml".to_owned()));
    assert!(String::from_utf8_lossy(&generated).contains("urn:busker:service:market.get-quote"));

    // Latin-1, white space before the end, line ends of another system: nothing of it may change.
    let own = b"<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>\r\n<definitions xmlns=\"http://schemas.xmlsoap.org/wsdl/\">\
        <!-- f\xfcr -->\r\n</definitions>\n\n \n";
    let file = environment.dir.join("own.wsdl");
    std::fs::write(&file, own).unwrap();
    let file = file.to_str().unwrap();
    let said = environment.must(&["service", "set-wsdl"], &["market.get-quote", file]);
    assert!(
        said.contains("own.wsdl") && said.contains("/typed?wsdl"),
        "{said}"
    );
    assert_eq!(&read().await.1[..], own);
    let output = Command::new(busker_integration_tests::binary())
        .args([
            "service",
            "get-wsdl",
            environment.dir.to_str().unwrap(),
            "market.get-quote",
        ])
        .output()
        .unwrap();
    assert_eq!(output.stdout, own);

    for (content, says) in [
        ("<a/>", "is XML, but no WSDL"),
        ("<definitions", "not well-formed XML"),
        (
            "<!DOCTYPE a [<!ENTITY b \"c\">]><definitions xmlns=\"http://schemas.xmlsoap.org/wsdl/\"/>",
            "DOCTYPE",
        ),
    ] {
        std::fs::write(file, content).unwrap();
        let refused = environment.run(&["service", "set-wsdl"], &["market.get-quote", file]);
        assert_eq!(refused.code, 3, "{refused:?}");
        assert!(refused.stderr.contains(says), "{refused:?}");
    }
    assert_eq!(&read().await.1[..], own, "a refused one changes nothing");
    let other = b"\xef\xbb\xbf<description xmlns='http://www.w3.org/ns/wsdl' />\r";
    let input = json!({"name": "market.get-quote", "payload_base64": STANDARD.encode(other)});
    environment.ok("busker.service.set-wsdl", input).await;
    assert_eq!(&read().await.1[..], other);
    environment.must(&["service", "delete-wsdl"], &["market.get-quote"]);
    assert_eq!(read().await.1, generated);
}
