//! Without SimpleIO: payloads read alike, and nothing of a request or response is out of reach.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use busker_integration_tests::{Answer, Environment};
use serde_json::{Value, json};

use crate::formats::{FORMATS, envelope, inside, open, path, post};

const SOURCE: &str = include_str!("payloads.py");
const CUSTOMER_JSON: &str = r#"{"customer": {"payment": {"date": "2013-06-20"}, "note": "n & m", "line": [{"sku": "a"}, {"sku": "b"}]}}"#;
const CUSTOMER_XML: &str =
    "<?xml version=\"1.0\"?>\n<request><customer><payment><date>2013-06-20</date></payment>
<note>n &amp; m</note><line><sku>a</sku></line><line><sku>b</sku></line></customer></request>";

#[tokio::test]
async fn one_service_reads_json_xml_and_soap_alike_and_answers_in_each() {
    let environment = Environment::start().await;
    environment.deploy("payloads.py", SOURCE).await;
    let service = "payloads.customer";
    open(&environment, service, &["json", "xml", "soap"]).await;
    let as_xml = "<seen><date>2013-06-20</date><note>n &amp; m</note><lines>a,b</lines><many>2</many></seen>";

    let json = post(&environment, "json", service, CUSTOMER_JSON).await;
    let seen = json!({"date": "2013-06-20", "note": "n & m", "lines": "a,b", "many": 2});
    assert_eq!(
        (json.status, json.json()["seen"].clone()),
        (200, seen),
        "{json:?}"
    );
    assert_eq!(json.header("content-type"), "application/json");

    let xml = post(&environment, "xml", service, CUSTOMER_XML).await;
    assert_eq!((xml.status, xml.body.as_str()), (200, as_xml), "{xml:?}");
    assert_eq!(xml.header("content-type"), "application/xml");

    let body = CUSTOMER_XML.split_once('\n').unwrap().1;
    let soap = post(&environment, "soap", service, body).await;
    assert_eq!((soap.status, inside(&soap)), (200, as_xml), "{soap:?}");
    assert_eq!(soap.header("content-type"), "text/xml; charset=utf-8");
}

#[tokio::test]
async fn a_name_that_is_not_in_the_payload_is_told_with_those_that_are() {
    let environment = Environment::start().await;
    environment.deploy("payloads.py", SOURCE).await;
    let service = "payloads.missing";
    open(&environment, service, &["json", "xml"]).await;
    let answers = [
        post(&environment, "json", service, CUSTOMER_JSON).await,
        post(&environment, "xml", service, CUSTOMER_XML).await,
    ];
    for answer in answers {
        for word in ["payement", "payment", "note", "line"] {
            assert!(answer.body.contains(word), "{word}: {answer:?}");
        }
    }
}

/// Body, and the type of payload it makes.
fn bodies(format: &str) -> (Vec<u8>, &'static str) {
    match format {
        "json" => (br#" {"symbol": "GOOG" } "#.to_vec(), "Bag"),
        "xml" => (
            b"<!-- as is --><r><symbol>GOOG</symbol></r>".to_vec(),
            "Bag",
        ),
        "soap" => (envelope("<r><symbol>GOOG</symbol></r>").into_bytes(), "Bag"),
        "form" => (b"symbol=GOOG&more=a+b".to_vec(), "Bag"),
        // Not UTF-8: bytes stay bytes.
        _ => (b"\xff\x00GOOG".to_vec(), "bytes"),
    }
}

async fn everything(
    environment: &Environment,
    service: &str,
    format: &str,
    body: Vec<u8>,
) -> (Value, Answer) {
    let url = format!(
        "{}?a=1&a=2&b=%C3%A4",
        environment.channel(&path(format, service))
    );
    let request = environment
        .http
        .put(url)
        .header("X-Mine", "mine")
        .body(body);
    let answer = environment.send(request).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let text = if format == "soap" {
        inside(&answer)
    } else {
        &answer.body
    };
    (serde_json::from_str(text).unwrap(), answer)
}

#[tokio::test]
async fn original_bytes_headers_and_query_are_reachable_with_and_without_a_declaration() {
    let environment = Environment::start().await;
    environment.deploy("payloads.py", SOURCE).await;
    let names: Vec<&str> = FORMATS.iter().map(|(format, ..)| *format).collect();
    open(&environment, "payloads.everything", &names).await;
    open(&environment, "payloads.everything-declared", &names[..4]).await;
    for (format, transport, data_format) in FORMATS {
        for service in ["payloads.everything", "payloads.everything-declared"] {
            if format == "raw" && service != "payloads.everything" {
                continue; // raw bytes have no fields
            }
            let (body, kind) = bodies(format);
            let (seen, answer) = everything(&environment, service, format, body.clone()).await;
            assert_eq!(seen["raw"], STANDARD.encode(&body), "{format}: {seen}");
            let raw_type = if format == "raw" { "bytes" } else { "str" };
            assert_eq!(
                (&seen["raw_type"], &seen["payload_type"]),
                (&json!(raw_type), &json!(kind)),
                "{format}"
            );
            assert_eq!(seen["same_bytes"], true, "{format}");
            let path = path(format, service);
            assert_eq!(
                (&seen["method"], &seen["path"]),
                (&json!("PUT"), &json!(path))
            );
            assert_eq!(seen["mine"], "mine", "{format}");
            assert_eq!(seen["get"], json!({"a": ["1", "2"], "b": "ä"}), "{format}");
            let environ = json!(["PUT", path, "a=1&a=2&b=%C3%A4", "mine"]);
            assert_eq!(seen["environ"], environ, "{format}");
            let known = ["json", "xml"].contains(&data_format);
            let known = if known {
                json!(data_format)
            } else {
                Value::Null
            };
            let context = json!(["http-soap", transport, known, data_format == "xml"]);
            assert_eq!(seen["context"], context, "{format}");
            let form = json!({"symbol": "GOOG", "more": "a b"});
            let form = if format == "form" { form } else { json!({}) };
            assert_eq!(seen["post"], form, "{format}");
            assert_eq!(seen["cid"], answer.header("x-zato-cid"), "{format}");
        }
    }
}

#[tokio::test]
async fn a_path_pattern_gives_parameters_beside_the_payload() {
    let environment = Environment::start().await;
    environment.deploy("payloads.py", SOURCE).await;
    let settings = json!({"url_path": "/customer/{id}/{*rest}", "service": "payloads.everything"});
    environment.add_channel("pattern", settings).await;
    let url = environment.channel("/customer/a%20b/c/d");
    let request = environment.http.get(url).header("X-Mine", "mine");
    let seen = environment.send(request).await.json();
    assert_eq!(
        seen["params"],
        json!({"id": "a b", "rest": "c/d"}),
        "{seen}"
    );
    assert_eq!(seen["path"], "/customer/a%20b/c/d");
}

#[tokio::test]
async fn a_response_may_be_bytes_with_a_status_and_headers_of_its_own() {
    let environment = Environment::start().await;
    environment.deploy("payloads.py", SOURCE).await;
    open(&environment, "payloads.bytes", &["json", "xml"]).await;
    for format in ["json", "xml"] {
        let url = environment.channel(&path(format, "payloads.bytes"));
        let response = environment.http.post(url).send().await.unwrap();
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(response.status(), 203, "{response:?}");
        assert_eq!(
            (header("content-type"), header("x-mine")),
            ("application/x-mine".to_owned(), "yes".to_owned())
        );
        assert_eq!(response.bytes().await.unwrap().as_ref(), b"\0\xff\xfe raw");
    }
}
