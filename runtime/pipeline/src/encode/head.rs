//! The head of an answer as a service chose it: checked, since a service's text must not become someone else's header.

use busker_model::Fault;

/// Status of an answer whose service chose none.
const DEFAULT_STATUS: u16 = 200;

/// Headers that belong to the connection or to us; a service's are left out. In lower case.
const OURS: [&str; 10] = [
    "connection",
    "content-length",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-busker-cid",
    "x-zato-cid",
    "content-type",
];

/// The status of a final answer.
pub(super) fn status(chosen: Option<u16>) -> Result<u16, Fault> {
    match chosen.unwrap_or(DEFAULT_STATUS) {
        status @ 200..=599 => Ok(status),
        status => Err(bad(format!("the service chose the HTTP status {status}"))),
    }
}

/// A content type.
pub(super) fn content_type(chosen: String) -> Result<String, Fault> {
    if is_value(&chosen) {
        return Ok(chosen);
    }
    Err(bad(
        "the service chose a content type that is no header value".to_owned(),
    ))
}

/// The headers a service may set.
pub(super) fn headers(chosen: Vec<(String, String)>) -> Result<Vec<(String, String)>, Fault> {
    let mut kept = Vec::with_capacity(chosen.len());
    for (name, value) in chosen {
        if !is_name(&name) || !is_value(&value) {
            return Err(bad(format!("the service set a bad header {name:?}")));
        }
        if !OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours)) {
            kept.push((name, value));
        }
    }
    Ok(kept)
}

fn bad(message: String) -> Fault {
    Fault::internal(message).code("bad-output")
}

/// A token of RFC 9110, section 5.6.2.
fn is_name(name: &str) -> bool {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !name.is_empty() && name.bytes().all(token)
}

/// A field value without control characters: no line can be started in it.
fn is_value(value: &str) -> bool {
    value
        .bytes()
        .all(|b| b == b'\t' || (b >= b' ' && b != 0x7f))
}
