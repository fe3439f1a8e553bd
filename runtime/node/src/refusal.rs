//! Answers that actix gives by itself, to a head it cannot read or will not wait for, have a status and nothing else. Here
//! they get what every answer has: a cid, and a body that says what is wrong.

use busker_model::{Cid, ErrorClass, Fault};
use busker_pipeline::{ErrorStyle, respond};

/// Longest answer without a body; longer ones are not looked at.
const BARE_MAX_BYTES: usize = 256;
/// What no answer of ours is without, in the spelling of actix.
const OURS: &[u8] = b"x-busker-cid";

/// The whole answer in place of a bare refusal; `None` when `written` is anything else.
pub(crate) fn in_full(written: &[u8]) -> Option<Vec<u8>> {
    let code = written.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
    let (fault, reason) = match code {
        b"400" => (
            Fault::invalid(
                "the head of the request is not HTTP/1.1: its request line, a header, Content-Length or Transfer-Encoding",
            )
            .code("bad-head"),
            "Bad Request",
        ),
        b"408" => (
            Fault::timeout("the head of the request was not complete in time").code("slow-head"),
            "Request Timeout",
        ),
        b"431" => (
            Fault::new(ErrorClass::TooLarge, "the head of the request is too large")
                .code("head-too-large"),
            "Request Header Fields Too Large",
        ),
        _ => return None,
    };
    let has_cid = |line: &[u8]| {
        line.get(..OURS.len())
            .is_some_and(|name| name.eq_ignore_ascii_case(OURS))
    };
    if written.len() > BARE_MAX_BYTES || written.split(|&byte| byte == b'\n').any(has_cid) {
        return None;
    }
    let cid = Cid::mint();
    tracing::debug!(%cid, "{fault:?}");
    let encoded = respond(&fault, cid, ErrorStyle::Problem, false);
    let head = format!(
        "HTTP/1.1 {status} {reason}\r\nconnection: close\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\
         x-busker-cid: {cid}\r\nx-zato-cid: {cid}\r\n\r\n",
        status = encoded.status,
        kind = encoded.content_type,
        length = encoded.body.len(),
        cid = cid.text().as_str(),
    );
    Some([head.as_bytes(), &encoded.body].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_refusal_gets_a_cid_and_says_what_is_wrong() {
        for (code, word) in [
            ("400", "bad-head"),
            ("408", "slow-head"),
            ("431", "head-too-large"),
        ] {
            let bare =
                format!("HTTP/1.1 {code} Whatever\r\ncontent-length: 0\r\ndate: now\r\n\r\n");
            let full = String::from_utf8(in_full(bare.as_bytes()).unwrap()).unwrap();
            assert!(full.starts_with(&format!("HTTP/1.1 {code} ")), "{full}");
            let (head, body) = full.split_once("\r\n\r\n").unwrap();
            let body: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!(body["code"], word);
            assert!(head.contains(&format!("x-busker-cid: {}", body["cid"].as_str().unwrap())));
        }
    }

    #[test]
    fn answers_of_ours_and_other_bytes_are_left_alone() {
        for written in [
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nX-Busker-CID: abc\r\n\r\n",
            "HTTP/1.1 404 Not Found\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 4",
            "data: HTTP/1.1 400",
            "",
        ] {
            assert_eq!(in_full(written.as_bytes()), None, "{written}");
        }
    }
}
