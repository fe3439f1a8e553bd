//! Bodies that cannot be read: sizes, depth, document types, encodings, types, missing fields.

use crate::table::Shape::{Json, Soap11, Soap12, Xml};
use crate::table::{Row, chunked, post, request, row};

/// Longest body of the channels of this table.
pub(crate) const MAX_BODY_BYTES: usize = 1_000_000;

const INVALID: &str = "invalid";

/// An envelope of a version around content.
pub(crate) fn envelope(version: crate::table::Shape, inner: &str) -> String {
    let namespace = match version {
        Soap12 => "http://www.w3.org/2003/05/soap-envelope",
        Soap11 | Json | Xml => "http://schemas.xmlsoap.org/soap/envelope/",
    };
    format!("<s:Envelope xmlns:s=\"{namespace}\"><s:Header/><s:Body>{inner}</s:Body></s:Envelope>")
}

/// UTF-16, little endian, without a mark.
pub(crate) fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Latin-1.
pub(crate) fn latin1(text: &str) -> Vec<u8> {
    text.chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect()
}

pub(crate) fn json() -> Vec<Row> {
    let bad = |what, body: &[u8], says| row(what, post("/json", body), Json, (400, INVALID, says));
    let deep = format!("{{\"text\":{}{}}}", "[".repeat(64), "]".repeat(64));
    let half = br#"{"text":"a"#;
    vec![
        bad("no body", b"", "text: required"),
        bad("white space", b" \n ", "text: required"),
        bad("null", b"null", "text: required"),
        bad("missing field", br#"{"txt":"a"}"#, "text: required"),
        bad("null field", br#"{"text":null}"#, "text"),
        bad(
            "object as text",
            br#"{"text":{"a":1}}"#,
            "text: expected text",
        ),
        bad("list as text", br#"{"text":["a"]}"#, "text: expected text"),
        bad(
            "list as body",
            br#"["a"]"#,
            "body: expected a JSON object, got a list",
        ),
        bad("text as body", br#""a""#, "body: expected a JSON object"),
        bad("number as body", b"1", "body: expected a JSON object"),
        bad(
            "field twice",
            br#"{"text":"a","text":"b"}"#,
            "duplicate field `text`",
        ),
        bad("cut off", half, "body: not valid JSON"),
        bad(
            "two documents",
            br#"{"text":"a"} {}"#,
            "body: not valid JSON: trailing",
        ),
        bad("comment", br#"{"text":"a"/**/}"#, "body: not valid JSON"),
        bad("single quotes", b"{'text':'a'}", "body: not valid JSON"),
        bad("NaN", br#"{"text":NaN}"#, "body: not valid JSON"),
        bad("too deep", deep.as_bytes(), "body: nested deeper than 64"),
        bad("half a surrogate", br#"{"text":"\ud800"}"#, "text"),
        bad(
            "raw control character",
            b"{\"text\":\"a\x01\"}",
            "body: not valid JSON",
        ),
        bad(
            "invalid UTF-8",
            b"{\"text\":\"\xff\"}",
            "body: not UTF-8 at byte 9",
        ),
        bad("UTF-16", &utf16(r#"{"text":"a"}"#), "body: not valid JSON"),
        row(
            "Latin-1, declared",
            request(
                "POST /json",
                &["Content-Type: application/json; charset=iso-8859-1"],
                latin1("{\"text\":\"é\"}"),
            ),
            Json,
            (400, INVALID, "body: not UTF-8 at byte 9"),
        ),
        row(
            "query string that is no UTF-8",
            post("/json?a=%ff", r#"{"text":"a"}"#),
            Json,
            (400, INVALID, "query string"),
        ),
    ]
}

pub(crate) fn xml() -> Vec<Row> {
    let all = [xml_shapes(), xml_sizes(), xml_texts()];
    all.into_iter().flatten().collect()
}

fn bad_xml(what: &'static str, body: &[u8], says: &'static str) -> Row {
    row(what, post("/xml", body), Xml, (400, INVALID, says))
}

/// Too deep, too wide, too many.
fn xml_sizes() -> Vec<Row> {
    let bad = bad_xml;
    let deep = format!("{}{}", "<a>".repeat(65), "</a>".repeat(65));
    let attributes: String = (0..65).map(|n| format!(" a{n}=\"1\"")).collect();
    let wide = format!("<r{attributes}><text>a</text></r>");
    let namespaces: String = (0..9)
        .map(|level| {
            let some: String = (0..32)
                .map(|n| format!(" xmlns:n{level}_{n}=\"u\""))
                .collect();
            format!("<a{some}>")
        })
        .collect();
    let namespaces = format!("{namespaces}{}", "</a>".repeat(9));
    let many = format!("<r>{}</r>", "<a/>".repeat(100_001));
    vec![
        bad("too deep", deep.as_bytes(), "body: nested deeper than 64"),
        bad(
            "too many attributes",
            wide.as_bytes(),
            "more than 64 attributes",
        ),
        bad(
            "too many namespaces",
            namespaces.as_bytes(),
            "more than 256 namespaces",
        ),
        bad("too many nodes", many.as_bytes(), "nodes limit reached"),
    ]
}

/// Elements that are not there, or not where they belong.
fn xml_shapes() -> Vec<Row> {
    let bad = bad_xml;
    vec![
        bad("no body", b"", "text: required"),
        bad("missing field", b"<r><txt>a</txt></r>", "text: required"),
        bad(
            "field twice",
            b"<r><text>a</text><text>b</text></r>",
            "text: expected text, got a list",
        ),
        bad(
            "object as text",
            b"<r><text><b>a</b></text></r>",
            "text: expected text",
        ),
        bad(
            "not closed",
            b"<r><text>a</text>",
            "body: not well-formed XML",
        ),
        bad(
            "crossed",
            b"<r><text>a</r></text>",
            "body: not well-formed XML",
        ),
        bad("two roots", b"<r/><r/>", "body: not well-formed XML"),
        bad("no element", b"hello", "body: not well-formed XML"),
        bad("JSON", br#"{"text":"a"}"#, "body: not well-formed XML"),
        bad(
            "unknown prefix",
            b"<x:r><text>a</text></x:r>",
            "body: not well-formed XML",
        ),
    ]
}

/// Document types, entities and encodings.
fn xml_texts() -> Vec<Row> {
    let bad = bad_xml;
    let bomb = r#"<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">
        <!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><r><text>&c;</text></r>"#;
    let external = "<!DOCTYPE r [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><r>&a;</r>";
    let wrong_charset = request(
        "POST /xml",
        &["Content-Type: text/xml; charset=klingon"],
        "<r/>",
    );
    vec![
        bad(
            "entity bomb",
            bomb.as_bytes(),
            "body: a DOCTYPE is not accepted",
        ),
        bad(
            "external entity",
            external.as_bytes(),
            "body: a DOCTYPE is not accepted",
        ),
        bad(
            "external subset",
            b"<!DOCTYPE r SYSTEM \"http://127.0.0.1:1/\"><r/>",
            "body: a DOCTYPE is not accepted",
        ),
        bad("unknown entity", b"<r><text>&foo;</text></r>", "'foo'"),
        bad(
            "processing instruction",
            b"<r><?php 1?><text>a</text></r>",
            "body: a processing instruction",
        ),
        bad(
            "control character",
            b"<r><text>\x01</text></r>",
            "body: not well-formed XML",
        ),
        bad(
            "control reference",
            b"<r><text>&#1;</text></r>",
            "body: not well-formed XML",
        ),
        bad(
            "invalid UTF-8",
            b"<r><text>\xff</text></r>",
            "body: not valid UTF-8 at byte 9",
        ),
        bad(
            "Latin-1, not declared",
            &latin1("<r><text>é</text></r>"),
            "body: not valid UTF-8 at byte 9",
        ),
        bad(
            "unknown encoding",
            b"<?xml version=\"1.0\" encoding=\"klingon\"?><r/>",
            "body: unknown charset",
        ),
        bad(
            "half a character of UTF-16",
            &[utf16("<r/>"), vec![0x3c]].concat(),
            "body: not valid UTF-16LE",
        ),
        row(
            "unknown charset",
            wrong_charset,
            Xml,
            (400, INVALID, "body: unknown charset"),
        ),
    ]
}

/// SOAP 1.1 answers every fault of its own with 500, SOAP 1.2 those of the sender with 400.
pub(crate) fn soap() -> Vec<Row> {
    let mut rows = Vec::new();
    for (version, status) in [(Soap11, 500), (Soap12, 400)] {
        let kind = match version {
            Soap12 => "Content-Type: application/soap+xml; charset=utf-8",
            Soap11 | Json | Xml => "Content-Type: text/xml; charset=utf-8",
        };
        let bad = |what, body: &str, says| {
            let sent = request("POST /soap", &[kind], body);
            row(what, sent, version, (status, INVALID, says))
        };
        let within = |inner: &str| envelope(version, inner);
        let dtd = format!(
            "<!DOCTYPE r [<!ENTITY a \"b\">]>{}",
            within("<r><text>&a;</text></r>")
        );
        let deep = within(&format!("{}{}", "<a>".repeat(63), "</a>".repeat(63)));
        let header = "<s:Header><secret s:mustUnderstand=\"1\"/></s:Header>";
        let must = within("<r><text>a</text></r>").replace("<s:Header/>", header);
        rows.extend([
            bad("no body", "", "Body"),
            bad(
                "no envelope",
                "<r><text>a</text></r>",
                "not a SOAP envelope",
            ),
            bad("empty body", &within(""), "text: required"),
            bad(
                "missing field",
                &within("<r><txt>a</txt></r>"),
                "text: required",
            ),
            bad(
                "field twice",
                &within("<r><text>a</text><text>b</text></r>"),
                "text: expected text",
            ),
            bad("not closed", &within("<r>"), "body: not well-formed XML"),
            bad("entity", &dtd, "body: a DOCTYPE is not accepted"),
            bad("too deep", &deep, "body: nested deeper than 64"),
            row(
                "header to be understood",
                request("POST /soap", &[kind], must),
                version,
                (500, INVALID, "must be understood"),
            ),
        ]);
    }
    let other = "<s:Envelope xmlns:s=\"urn:other\"><s:Body/></s:Envelope>";
    rows.push(row(
        "unknown version",
        post("/soap", other),
        Soap11,
        (500, INVALID, "body: unknown SOAP version"),
    ));
    rows
}

pub(crate) fn form_and_raw() -> Vec<Row> {
    let bad = |what, body: &[u8], says| row(what, post("/form", body), Json, (400, INVALID, says));
    let many: String = (0..1_001).map(|n| format!("a{n}=1&")).collect();
    vec![
        bad("no body", b"", "text: required"),
        bad("missing field", b"txt=a", "text: required"),
        bad(
            "field twice",
            b"text=a&text=b",
            "text: expected text, got a list",
        ),
        bad(
            "no UTF-8 behind the per cent",
            b"text=%ff",
            "body: a field or its value is not percent-encoded UTF-8",
        ),
        bad("invalid UTF-8", b"text=\xff", "body: not UTF-8 at byte 5"),
        bad(
            "too many fields",
            many.as_bytes(),
            "body: more than 1000 fields",
        ),
    ]
}

/// The limit holds whatever the format, and whether the length is told or not.
pub(crate) fn sizes() -> Vec<Row> {
    let long = "a".repeat(MAX_BODY_BYTES + 1);
    let mut rows = Vec::new();
    for (path, shape) in [
        ("/json", Json),
        ("/xml", Xml),
        ("/soap", Soap11),
        ("/form", Json),
        ("/raw", Json),
    ] {
        let refusal = (413, "too-large", "body: longer than 1000000 bytes");
        rows.push(row("length told", post(path, &long), shape, refusal));
        rows.push(row("in chunks", chunked(path, &long), shape, refusal));
    }
    let kind = "Content-Type: application/soap+xml";
    let soap12 = request("POST /soap", &[kind], &long);
    rows.push(row(
        "SOAP 1.2",
        soap12,
        Soap12,
        (413, "too-large", "body: longer than"),
    ));
    rows
}
