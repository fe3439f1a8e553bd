//! Heads that are refused or must not be misread: credentials, methods, paths, and attempts at smuggling.

use busker_integration_tests::{Environment, Wire};
use serde_json::json;

use crate::table::Shape::{Json, Soap11, Soap12, Xml};
use crate::table::{Row, post, request, row};

const BODY: &str = r#"{"text":"a"}"#;

/// Every way to come without the right credentials; none tells which part was wrong.
pub(crate) fn credentials() -> Vec<Row> {
    let right = "Authorization: Basic Y3JtOnMzY3JldA==";
    let sent: [(&str, &[&str], &str); 9] = [
        ("none", &[], "Credentials are needed"),
        ("empty", &["Authorization: "], "Credentials are needed"),
        (
            "wrong password",
            &["Authorization: Basic Y3JtOndyb25n"],
            "not right",
        ),
        (
            "unknown user",
            &["Authorization: Basic bm9ib2R5OnMzY3JldA=="],
            "not right",
        ),
        ("no colon", &["Authorization: Basic Y3Jt"], "not right"),
        ("no Base64", &["Authorization: Basic ***"], "not right"),
        (
            "other scheme",
            &["Authorization: Bearer Y3JtOnMzY3JldA=="],
            "not right",
        ),
        ("twice", &[right, right], "Credentials are needed"),
        (
            "right, then wrong",
            &[right, "Authorization: Basic Y3JtOndyb25n"],
            "Credentials are needed",
        ),
    ];
    let mut rows = Vec::new();
    for (what, headers, says) in sent {
        for (path, shape, kind) in [
            ("/secure/json", Json, "Accept: */*"),
            ("/secure/xml", Xml, "Accept: */*"),
            ("/secure/soap", Soap11, "Content-Type: text/xml"),
            ("/secure/soap", Soap12, "Content-Type: application/soap+xml"),
        ] {
            let sent = request(&format!("POST {path}"), &[headers, &[kind]].concat(), BODY);
            rows.push(row(what, sent, shape, (401, "unauthenticated", says)));
        }
    }
    rows
}

/// The request that all of [`credentials`] fail to be.
pub(crate) fn right_credentials() -> Vec<u8> {
    request(
        "POST /secure/json",
        &["Authorization: basic  Y3JtOnMzY3JldA=="],
        BODY,
    )
}

pub(crate) fn methods() -> Vec<Row> {
    let mut rows = Vec::new();
    for method in [
        "GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "post",
    ] {
        for (path, shape) in [
            ("/json", Json),
            ("/xml", Xml),
            ("/soap", Soap11),
            ("/form", Json),
            ("/raw", Json),
        ] {
            let sent = request(&format!("{method} {path}"), &[], "");
            rows.push(row(
                "method",
                sent,
                shape,
                (405, "invalid", "takes POST only"),
            ));
        }
    }
    rows
}

pub(crate) fn paths() -> Vec<Row> {
    let lost = |what, path: &str| {
        row(
            what,
            post(path, "{}"),
            Json,
            (404, "not-found", "no channel is mounted on"),
        )
    };
    let led_astray = |what, path: &str| {
        row(
            what,
            post(path, "{}"),
            Json,
            (400, "invalid", "path parameter \"id\" may not hold"),
        )
    };
    vec![
        lost("unknown", "/nowhere"),
        lost("root", "/"),
        lost("other case", "/JSON"),
        lost("slash at the end", "/json/"),
        lost("two slashes", "//json"),
        lost("dots", "/x/../json"),
        lost("encoded letter", "/%6Ason"),
        lost("zero byte", "/json%00"),
        lost("parameter of the path", "/json;a=b"),
        lost("more than the pattern", "/pattern/a/b"),
        lost("nothing in the pattern", "/pattern/"),
        led_astray("encoded slash", "/pattern/a%2Fb"),
        led_astray("encoded dots", "/pattern/%2e%2E"),
        led_astray("dots", "/pattern/.."),
        led_astray("backslash", "/pattern/a%5Cb"),
        led_astray("zero byte", "/pattern/a%00"),
        led_astray("no UTF-8", "/pattern/%ff"),
    ]
}

/// Requests that two readers could take apart in two ways: they are refused, and the connection ends, so that nothing
/// behind them is taken for another request. They get no cid: nothing was received yet that could be called a request.
pub(crate) fn smuggling() -> Vec<(&'static str, String)> {
    [ambiguous_lengths(), malformed_heads()].concat()
}

fn with(headers: &str, rest: &str) -> String {
    format!("POST /json HTTP/1.1\r\nHost: a\r\n{headers}\r\n\r\n{rest}")
}

/// Where one body ends is a matter of opinion.
fn ambiguous_lengths() -> Vec<(&'static str, String)> {
    let chunks = "c\r\n{\"text\":\"a\"}\r\n0\r\n\r\n";
    vec![
        (
            "CL and TE",
            with("Content-Length: 12\r\nTransfer-Encoding: chunked", chunks),
        ),
        (
            "TE and CL",
            with("Transfer-Encoding: chunked\r\nContent-Length: 12", chunks),
        ),
        (
            "two lengths",
            with("Content-Length: 12\r\nContent-Length: 13", BODY),
        ),
        (
            "one length twice",
            with("Content-Length: 12\r\nContent-Length: 12", BODY),
        ),
        ("list of lengths", with("Content-Length: 12, 12", BODY)),
        ("signed length", with("Content-Length: +12", BODY)),
        ("length below zero", with("Content-Length: -1", BODY)),
        ("hexadecimal length", with("Content-Length: 0xc", BODY)),
        (
            "huge length",
            with("Content-Length: 99999999999999999999", BODY),
        ),
        (
            "unknown coding",
            with("Transfer-Encoding: xchunked", chunks),
        ),
        (
            "chunked is not last",
            with("Transfer-Encoding: chunked, identity", chunks),
        ),
        (
            "two codings",
            with(
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
                chunks,
            ),
        ),
    ]
}

/// Heads that RFC 9112 does not know.
fn malformed_heads() -> Vec<(&'static str, String)> {
    let chunks = "c\r\n{\"text\":\"a\"}\r\n0\r\n\r\n";
    vec![
        (
            "space before the colon",
            with("Transfer-Encoding : chunked", chunks),
        ),
        (
            "tab in the coding",
            with("Transfer-Encoding:\x0bchunked", chunks),
        ),
        (
            "folded header",
            with("X-A: b\r\n c\r\nContent-Length: 12", BODY),
        ),
        (
            "carriage return in a header",
            with("X-A: b\rContent-Length: 12", BODY),
        ),
        (
            "zero byte in a header",
            with("X-A: b\0c\r\nContent-Length: 12", BODY),
        ),
        (
            "header without a name",
            with(": b\r\nContent-Length: 12", BODY),
        ),
        (
            "coding in HTTP/1.0",
            with("Transfer-Encoding: chunked", chunks).replace("HTTP/1.1", "HTTP/1.0"),
        ),
        (
            "no host",
            with("Content-Length: 12", BODY).replace("Host: a\r\n", ""),
        ),
        ("two hosts", with("Host: b\r\nContent-Length: 12", BODY)),
        (
            "zero byte in the path",
            with("Content-Length: 12", BODY).replace("/json", "/js\0on"),
        ),
        (
            "space in the path",
            with("Content-Length: 12", BODY).replace("/json", "/js on"),
        ),
        (
            "HTTP/2 preface",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        ),
        ("TLS", "\x16\x03\x01\x02\0\x01\0\x01\r\n\r\n".to_owned()),
        (
            "head too long",
            with(&format!("X-A: {}", "a".repeat(200_000)), BODY),
        ),
        ("too many headers", with(&"X-A: a\r\n".repeat(200), BODY)),
    ]
}

/// Chunks that are not as RFC 9112 has them: the body is refused, and the connection ends.
pub(crate) fn chunks() -> Vec<(&'static str, &'static str)> {
    vec![
        ("no size", "\r\n{}\r\n0\r\n\r\n"),
        ("prefix of the size", "0xc\r\n{\"text\":\"a\"}\r\n0\r\n\r\n"),
        ("size below zero", "-c\r\n{\"text\":\"a\"}\r\n0\r\n\r\n"),
        (
            "size too large",
            "ffffffffffffffffff\r\n{\"text\":\"a\"}\r\n0\r\n\r\n",
        ),
        ("line feed alone", "c\n{\"text\":\"a\"}\n0\n\n"),
        (
            "line feed in an extension",
            "c;a\nb\r\n{\"text\":\"a\"}\r\n0\r\n\r\n",
        ),
        (
            "longer than its size",
            "c\r\n{\"text\":\"a\"}XX\r\n0\r\n\r\n",
        ),
    ]
}

/// Behind each of them waits a request that must not be found.
pub(crate) async fn refused_and_closed(
    environment: &Environment,
    what: &str,
    sent: &[u8],
) -> (u16, String) {
    let mut wire = Wire::open(environment.channel_port()).await;
    let hidden = post("/hidden", "{}");
    wire.send(&[sent, &hidden].concat()).await;
    let (text, ended) = wire.rest(std::time::Duration::from_secs(20)).await;
    assert!(ended, "{what}: the connection stays open after {text:?}");
    assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{what}: {text:?}");
    let status = text.split(' ').nth(1).and_then(|word| word.parse().ok());
    (status.unwrap_or_else(|| panic!("{what}: {text:?}")), text)
}

/// Requests that a channel has answered.
pub(crate) async fn answered(environment: &Environment, channel: &str) -> u64 {
    let all = environment.ok("busker.statistics.get", json!({})).await;
    all["channels"][channel]["requests"]
        .as_u64()
        .unwrap_or_else(|| panic!("{channel} in {all}"))
}
