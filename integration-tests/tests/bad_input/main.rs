//! Bad input over every format: the right class and status, a message that names what is wrong, the cid, the shape of
//! the channel, nothing logged for a caller's mistake, and one line for each failure of ours.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    reason = "a test that cannot go on fails"
)]

use std::time::Duration;

use busker_integration_tests::{Environment, until};
use serde_json::json;

mod bodies;
mod heads;
mod hostile;
mod table;

use table::Shape::{Json, Soap11, Soap12, Xml};
use table::{ask, chunked, post, request, row, run, told};

const TYPES: &str = "
from zato.server.service import Boolean, CSV, Dict, Float, Integer, Service

class Types(Service):
    name = 'types'
    class SimpleIO:
        input_required = (Integer('count'), Float('price'), Boolean('paid'), 'order_id', 'note')
        input_optional = (Dict('extra'),)
        output_required = ('note',)

    def handle(self):
        self.response.payload.note = self.request.input.note

class Broken(Service):
    name = 'broken'
    def handle(self):
        raise ValueError('the secret of the service')
";

/// A node with a channel of each format on a service that takes one text.
async fn node() -> Environment {
    let environment = Environment::start().await;
    mount(&environment, "", "samples.echo").await;
    environment
}

async fn mount(environment: &Environment, prefix: &str, service: &str) {
    for format in ["json", "xml", "form", "raw", "soap"] {
        let service = match (format, service) {
            ("raw", "samples.echo") => "echo",
            (_, other) => other,
        };
        let mut settings = json!({
            "url_path": format!("{prefix}/{format}"), "service": service, "method": "POST",
            "max_body_bytes": bodies::MAX_BODY_BYTES,
        });
        if format == "soap" {
            settings["transport"] = json!("soap");
        } else {
            settings["data_format"] = json!(format);
        }
        if prefix == "/secure" {
            settings["security"] = json!("crm");
        }
        let name = format!("{}{format}", prefix.replace('/', ""));
        environment.add_channel(&name, settings).await;
    }
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_named() {
    let environment = node().await;
    let rows = [
        bodies::json(),
        bodies::xml(),
        bodies::soap(),
        bodies::form_and_raw(),
        bodies::sizes(),
    ];
    let answers = run(&environment, rows.into_iter().flatten().collect()).await;
    assert!(answers.len() > 80, "{}", answers.len());
}

#[tokio::test]
async fn every_wrong_type_is_named_at_once_in_every_format() {
    let environment = Environment::start().await;
    environment.deploy("shapes.py", TYPES).await;
    mount(&environment, "", "types").await;
    let object = r#"{"count":"many","price":"cheap","paid":"perhaps","order_id":"x1","extra":[1]}"#;
    let elements =
        "<r><count>many</count><price>cheap</price><paid>perhaps</paid><order_id>x1</order_id></r>";
    let form = "count=many&price=cheap&paid=perhaps&order_id=x1";
    let (soap11, soap12) = (
        bodies::envelope(Soap11, elements),
        bodies::envelope(Soap12, elements),
    );
    let fields = [
        ("count", "an integer"),
        ("price", "a number"),
        ("paid", "true or false"),
        ("order_id", "an integer"),
        ("note", "required input field is missing"),
    ];
    for (field, says) in fields {
        let refusal = |status| (status, "invalid", says);
        let rows = vec![
            row(field, post("/json", object), Json, refusal(400)),
            row(field, post("/xml", elements), Xml, refusal(400)),
            row(field, post("/soap", &soap11), Soap11, refusal(500)),
            row(field, post("/soap", &soap12), Soap12, refusal(400)),
            row(field, post("/form", form), Json, refusal(400)),
        ];
        for answer in run(&environment, rows).await {
            assert!(
                answer.body.contains(&format!("{field}: ")),
                "{field}: {answer:?}"
            );
        }
    }
    let answer = ask(&environment, &post("/json", object)).await.json();
    let named: Vec<_> = answer["violations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["field"].clone())
        .collect();
    assert_eq!(
        named,
        ["count", "price", "paid", "order_id", "note", "extra"]
    );
}

/// Requests that say the same text `é` in unusual ways.
fn odd_but_clear() -> Vec<(&'static str, Vec<u8>)> {
    let latin1 =
        bodies::latin1("<?xml version=\"1.0\" encoding=\"iso-8859-1\"?><r><text>é</text></r>");
    let mark = b"\xef\xbb\xbf";
    let told = "Content-Type: text/xml; charset=iso-8859-1";
    vec![
        (
            "mark before JSON",
            post("/json", [mark, "{\"text\":\"é\"}".as_bytes()].concat()),
        ),
        (
            "unknown field in JSON",
            post("/json", r#"{"nope":[1],"text":"é"}"#),
        ),
        (
            "form as content type of JSON",
            request(
                "POST /json",
                &["Content-Type: application/x-www-form-urlencoded"],
                r#"{"text":"é"}"#,
            ),
        ),
        (
            "mark before XML",
            post("/xml", [mark, "<r><text>é</text></r>".as_bytes()].concat()),
        ),
        (
            "unknown element",
            post("/xml", "<r><nope a=\"1\"/><text>é</text></r>"),
        ),
        (
            "UTF-16 with a mark",
            post("/xml", bodies::utf16("\u{feff}<r><text>é</text></r>")),
        ),
        (
            "UTF-16 without a mark",
            post("/xml", bodies::utf16("<r><text>é</text></r>")),
        ),
        ("Latin-1 by declaration", post("/xml", latin1)),
        (
            "Latin-1 by content type",
            request(
                "POST /xml",
                &[told],
                bodies::latin1("<r><text>é</text></r>"),
            ),
        ),
        (
            "CDATA and entities of XML",
            post("/xml", "<r><text><![CDATA[é]]></text></r>"),
        ),
        ("form", post("/form", "nope=1&text=%C3%A9")),
        ("chunks", chunked("/form", "text=%C3%A9")),
        (
            "extension of a chunk",
            chunked("/form", "text=%C3%A9").to_vec(),
        ),
        (
            "whole URL",
            request("POST http://other.example/json", &[], r#"{"text":"é"}"#),
        ),
    ]
}

#[tokio::test]
async fn what_is_odd_but_clear_is_read() {
    let environment = node().await;
    for (what, request) in odd_but_clear() {
        let answer = ask(&environment, &request).await;
        assert_eq!(answer.status, 200, "{what}: {answer:?}");
        let read = answer.body.contains("\"text\":\"é\"") || answer.body.contains("<text>é</text>");
        assert!(read && !answer.body.contains("nope"), "{what}: {answer:?}");
    }
    let raw = ask(&environment, &post("/raw", "anything, é")).await;
    assert_eq!((raw.status, raw.body.as_str()), (200, "anything, é"));
}

#[tokio::test]
async fn credentials_methods_and_paths_are_refused_in_the_shape_of_the_channel() {
    let environment = node().await;
    environment.add_basic_auth("crm", "crm", "s3cret").await;
    mount(&environment, "/secure", "samples.echo").await;
    environment
        .add_channel(
            "pattern",
            json!({"url_path": "/pattern/{id}", "service": "echo"}),
        )
        .await;
    for answer in run(&environment, heads::credentials()).await {
        assert_eq!(
            answer.header("www-authenticate"),
            "Basic realm=\"test\"",
            "{answer:?}"
        );
    }
    let right = ask(&environment, &heads::right_credentials()).await;
    assert_eq!(right.status, 200, "{right:?}");
    for answer in run(&environment, heads::methods()).await {
        assert_eq!(answer.header("allow"), "POST", "{answer:?}");
    }
    run(&environment, heads::paths()).await;
}

#[tokio::test]
async fn a_request_that_could_be_read_in_two_ways_is_not_read() {
    let environment = node().await;
    environment
        .add_channel("hidden", json!({"url_path": "/hidden", "service": "echo"}))
        .await;
    for (what, sent) in heads::smuggling() {
        let (status, text) = heads::refused_and_closed(&environment, what, sent.as_bytes()).await;
        assert!(matches!(status, 400 | 431), "{what}: {text}");
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let problem: serde_json::Value = serde_json::from_str(body).unwrap();
        let cid = format!("x-busker-cid: {}", problem["cid"].as_str().unwrap());
        assert!(head.contains(&cid), "{what}: {text}");
        assert!(
            !problem["detail"].as_str().unwrap().is_empty(),
            "{what}: {text}"
        );
    }
    assert_eq!(heads::answered(&environment, "plain_http:json").await, 0);
    for (what, body) in heads::chunks() {
        let sent =
            format!("POST /json HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
        let (status, text) = heads::refused_and_closed(&environment, what, sent.as_bytes()).await;
        assert_eq!(status, 400, "{what}: {text}");
        assert!(text.contains("chunks are malformed"), "{what}: {text}");
    }
    assert_eq!(heads::answered(&environment, "plain_http:hidden").await, 0);
    // Lines that end in a line feed alone are legal to take (RFC 9112, section 2.2), as long as all is read one way.
    let bare = "POST /json HTTP/1.1\nHost: a\nContent-Length: 12\n\n{\"text\":\"a\"}";
    let answer = ask(&environment, bare.as_bytes()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let extension = "POST /json HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nc;a=\"b\"\r\n{\"text\":\"a\"}\r\n0\r\nX-A: b\r\n\r\n";
    let answer = ask(&environment, extension.as_bytes()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let log = environment.log();
    assert!(
        !log.contains("ERROR") && !log.contains("parse error"),
        "{log}"
    );
}

#[tokio::test]
async fn a_failure_of_ours_is_one_line_with_the_cid() {
    let environment = Environment::start().await;
    environment.deploy("shapes.py", TYPES).await;
    mount(&environment, "", "broken").await;
    environment
        .add_outgoing(
            "dead",
            json!({"address": "http://127.0.0.1:1", "url_path": "/"}),
        )
        .await;
    let soap12 = request(
        "POST /soap",
        &["Content-Type: application/soap+xml"],
        bodies::envelope(Soap12, "<r/>"),
    );
    let soap11 = post("/soap", bodies::envelope(Soap11, "<r/>"));
    let sent = [
        (post("/json", "{}"), Json),
        (post("/xml", "<r/>"), Xml),
        (soap11, Soap11),
        (soap12, Soap12),
        (post("/form", "a=b"), Json),
        (post("/raw", "a"), Json),
    ];
    for (request, shape) in sent {
        let answer = ask(&environment, &request).await;
        assert_eq!(answer.status, 500, "{answer:?}");
        let told = told(shape, &answer).unwrap_or_else(|| panic!("{shape:?}: {answer:?}"));
        assert_eq!(told.class, "internal", "{answer:?}");
        assert_eq!(told.cid, answer.header("x-busker-cid"), "{answer:?}");
        assert!(
            !answer.body.contains("secret") && !answer.body.contains("Traceback"),
            "{answer:?}"
        );
        let lines = || {
            let log = environment.log();
            log.lines()
                .filter(|line| line.contains(&told.cid))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        until("a line in the log", Duration::from_secs(10), || async {
            (!lines().is_empty()).then_some(())
        })
        .await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        let lines = lines();
        assert_eq!(lines.len(), 1, "{lines:#?}");
        assert!(lines[0].contains("ERROR"), "{lines:?}");
    }
    let log = environment.log();
    let tracebacks = log.matches("Traceback (most recent call last)").count();
    assert_eq!(tracebacks, 6, "{log}");
}
