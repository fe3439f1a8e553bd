//! Transcodes an XML body to UTF-8.

use std::borrow::Cow;

use busker_model::Fault;
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::bad;

/// How far into a body its XML declaration may reach, in bytes.
const MAX_DECLARATION_BYTES: usize = 200;

/// Finds the encoding and transcodes: a byte order mark wins (RFC 7303 section 3.3: a wrong label beside a mark is
/// common, a wrong mark is not), then the charset of the content type, then the XML declaration, then UTF-8.
///
/// # Errors
/// `Invalid`: an unknown charset, or bytes that are not text in it.
pub(crate) fn to_text<'a>(
    raw: &'a [u8],
    content_type: Option<&str>,
) -> Result<Cow<'a, str>, Fault> {
    let encoding = match content_type.and_then(charset_of) {
        Some(label) => known(label)?,
        None => match sniffed(raw) {
            Some(encoding) => encoding,
            None => declared(raw)?.unwrap_or(UTF_8),
        },
    };
    let (text, used, broken) = encoding.decode(raw);
    if !broken {
        return Ok(text);
    }
    Err(match std::str::from_utf8(raw) {
        Err(error) if used == UTF_8 => {
            bad(format!("not valid UTF-8 at byte {}", error.valid_up_to()))
        }
        Ok(_) | Err(_) => bad(format!("not valid {}", used.name())),
    })
}

fn known(label: &str) -> Result<&'static Encoding, Fault> {
    Encoding::for_label(label.as_bytes()).ok_or_else(|| bad(format!("unknown charset {label:?}")))
}

/// The `charset` parameter of a content type.
pub(crate) fn charset_of(content_type: &str) -> Option<&str> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches(['"', '\'']);
        (name.trim().eq_ignore_ascii_case("charset") && !value.is_empty()).then_some(value)
    })
}

/// UTF-16 without a mark shows in the zero bytes of the first two characters (XML 1.0, appendix F).
fn sniffed(raw: &[u8]) -> Option<&'static Encoding> {
    match raw {
        [b'<', 0, _, 0, ..] => Some(UTF_16LE),
        [0, b'<', 0, _, ..] => Some(UTF_16BE),
        _ => None,
    }
}

fn declared(raw: &[u8]) -> Result<Option<&'static Encoding>, Fault> {
    let head = String::from_utf8_lossy(raw.get(..MAX_DECLARATION_BYTES).unwrap_or(raw));
    let Some(label) = declared_label(&head) else {
        return Ok(None);
    };
    let encoding = known(label)?;
    // A declaration we could read as ASCII is not UTF-16, whatever it says.
    let wide = encoding == UTF_16LE || encoding == UTF_16BE;
    Ok((!wide).then_some(encoding))
}

fn declared_label(head: &str) -> Option<&str> {
    let (declaration, _) = head.strip_prefix("<?xml")?.split_once("?>")?;
    let (_, rest) = declaration.split_once("encoding")?;
    let value = rest.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    value.split(quote).nth(1)
}
