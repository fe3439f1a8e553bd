//! Masks XML as text: what is inside elements of secrets, and values of attributes of secrets.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::{REDACTED, is_secret_name};
use crate::xml::check;

/// The text with secrets masked, and how many; `None` when it is not XML that a channel would take.
pub(super) fn mask(text: &str) -> Option<(String, usize)> {
    check(text).ok()?;
    let mut reader = Reader::from_str(text);
    let mut out = String::with_capacity(text.len());
    let mut masked = 0;
    let mut depth = 0_usize;
    let mut from = 0;
    loop {
        let event = reader.read_event().ok()?;
        let to = usize::try_from(reader.buffer_position()).ok()?;
        let piece = text.get(from..to)?;
        from = to;
        match event {
            Event::Eof => {
                out.push_str(piece);
                return (depth == 0).then_some((out, masked));
            }
            Event::Start(start) => {
                masked += tag(&start, piece, &mut out)?;
                if is_secret_name(start.local_name().as_ref()) {
                    out.push_str(REDACTED);
                    masked += 1;
                    reader.read_to_end(start.name()).ok()?;
                    let end = usize::try_from(reader.buffer_position()).ok()?;
                    let close = text.get(from..end)?.rfind("</")?;
                    out.push_str(text.get(from + close..end)?);
                    from = end;
                } else {
                    depth += 1;
                }
            }
            Event::Empty(start) => masked += tag(&start, piece, &mut out)?,
            Event::End(_) => {
                depth = depth.checked_sub(1)?;
                out.push_str(piece);
            }
            Event::Text(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::GeneralRef(_)
            | Event::PI(_)
            | Event::DocType(_) => out.push_str(piece),
        }
    }
}

/// Writes a start tag, with the values of attributes of secrets masked; answers how many.
fn tag(start: &BytesStart<'_>, piece: &str, out: &mut String) -> Option<usize> {
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        attributes.push(attribute.ok()?);
    }
    let secrets = attributes
        .iter()
        .filter(|attribute| is_secret_name(attribute.key.local_name().as_ref()))
        .count();
    if secrets == 0 {
        out.push_str(piece);
        return Some(0);
    }
    out.push('<');
    out.push_str(start.name().as_ref());
    for attribute in &attributes {
        let secret = is_secret_name(attribute.key.local_name().as_ref());
        let name = attribute.key.as_ref();
        let shown = if secret { REDACTED } else { &attribute.value };
        let quote = if shown.contains('"') { '\'' } else { '"' };
        out.push_str(&format!(" {name}={quote}{shown}{quote}"));
    }
    out.push_str(if piece.ends_with("/>") { "/>" } else { ">" });
    Some(secrets)
}
