//! Rows of the table of bad input, and what must be true of each answer.

use busker_integration_tests::{Answer, Environment, Wire};

/// The shape an error must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// RFC 9457 in JSON.
    Json,
    /// The same in XML.
    Xml,
    /// A fault of SOAP 1.1.
    Soap11,
    /// A fault of SOAP 1.2.
    Soap12,
}

use Shape::{Json, Soap11, Soap12, Xml};

/// A request, and the refusal it must get.
#[derive(Debug)]
pub(crate) struct Row {
    what: &'static str,
    request: Vec<u8>,
    shape: Shape,
    status: u16,
    class: &'static str,
    says: &'static str,
}

/// A row; `refusal` is status, class, and what the message must hold.
pub(crate) fn row(
    what: &'static str,
    request: Vec<u8>,
    shape: Shape,
    (status, class, says): (u16, &'static str, &'static str),
) -> Row {
    Row {
        what,
        request,
        shape,
        status,
        class,
        says,
    }
}

/// A request as bytes; the length of its body is told.
pub(crate) fn request(line: &str, headers: &[&str], body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut bytes = format!(
        "{line} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n",
        body.len()
    )
    .into_bytes();
    for header in headers {
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

/// The same by POST and without headers.
pub(crate) fn post(path: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    request(&format!("POST {path}"), &[], body)
}

/// The same, in chunks: the length is not told.
pub(crate) fn chunked(path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n"
    )
    .into_bytes()
}

/// Sends one request on a connection of its own.
pub(crate) async fn ask(environment: &Environment, request: &[u8]) -> Answer {
    let mut wire = Wire::open(environment.channel_port()).await;
    wire.send(request).await;
    let answer = wire.answer().await;
    answer.unwrap_or_else(|| panic!("no answer to {:?}", String::from_utf8_lossy(request)))
}

/// Sends every row and checks every answer; a caller's mistake leaves no line in the log of a node at level info.
pub(crate) async fn run(environment: &Environment, rows: Vec<Row>) -> Vec<Answer> {
    let mut answers = Vec::new();
    for row in rows {
        let answer = ask(environment, &row.request).await;
        check(&row, &answer);
        answers.push(answer);
    }
    let log = environment.log();
    for answer in &answers {
        let cid = answer.header("x-busker-cid");
        assert!(!log.contains(cid), "{cid} is in the log: {answer:?}\n{log}");
    }
    answers
}

fn check(row: &Row, answer: &Answer) {
    let what = row.what;
    assert_eq!(answer.status, row.status, "{what}: {answer:?}");
    let told = told(row.shape, answer).unwrap_or_else(|| panic!("{what}: shape of {answer:?}"));
    assert_eq!(told.class, row.class, "{what}: {answer:?}");
    assert!(
        told.message.contains(row.says),
        "{what}: {:?} in {answer:?}",
        row.says
    );
    let cid = answer.header("x-busker-cid");
    assert_eq!((cid.len(), &cid[..1]), (40, "K"), "{what}: {answer:?}");
    assert_eq!(told.cid, cid, "{what}: {answer:?}");
    assert_eq!(answer.header("x-zato-cid"), cid, "{what}: {answer:?}");
    assert!(!answer.body.contains("Traceback"), "{what}: {answer:?}");
}

/// What an error says, read from the shape it must have.
pub(crate) struct Told {
    pub(crate) class: String,
    pub(crate) message: String,
    pub(crate) cid: String,
}

/// `None` when the answer has another shape.
pub(crate) fn told(shape: Shape, answer: &Answer) -> Option<Told> {
    let (kind, root, message) = match shape {
        Json => return told_in_json(answer),
        Xml => (
            "application/problem+xml",
            "<problem xmlns=\"urn:ietf:rfc:7807\">",
            "detail",
        ),
        Soap11 => (
            "text/xml; charset=utf-8",
            "<soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body><soap:Fault><faultcode>soap:",
            "faultstring",
        ),
        Soap12 => (
            "application/soap+xml; charset=utf-8",
            "<soap:Envelope xmlns:soap=\"http://www.w3.org/2003/05/soap-envelope\"><soap:Body><soap:Fault><soap:Code>\
             <soap:Value>soap:",
            "soap:Text xml:lang=\"en\"",
        ),
    };
    let right = answer.header("content-type") == kind && answer.body.starts_with(root);
    right.then_some(())?;
    Some(Told {
        class: element(&answer.body, "class")?,
        message: element(&answer.body, message)?,
        cid: element(&answer.body, "cid")?,
    })
}

fn told_in_json(answer: &Answer) -> Option<Told> {
    if answer.header("content-type") != "application/problem+json" {
        return None;
    }
    let problem = answer.json();
    let text = |field: &str| problem[field].as_str().map(str::to_owned);
    assert_eq!(problem["status"], answer.status, "{answer:?}");
    Some(Told {
        class: text("class")?,
        message: text("detail")?,
        cid: text("cid")?,
    })
}

/// The text of the first element with that start tag.
fn element(xml: &str, tag: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{tag}>"))?;
    let (text, _) = rest.split_once("</")?;
    Some(text.to_owned())
}
