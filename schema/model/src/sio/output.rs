//! SimpleIO on the way out: what a service answered becomes items of declared fields in declared order.

use std::borrow::Cow;

use super::text::{self, Shape};
use super::{Field, SimpleIo, coerce, slots};
use crate::error::Fault;

/// A checked answer, ready to be written in any format.
#[derive(Debug, Clone, PartialEq)]
pub struct Output<'a> {
    /// The declaration it was checked against.
    pub sio: &'a SimpleIo,
    /// Items; each holds the JSON text of every declared output field, in declared order.
    pub items: Vec<Vec<Cow<'a, str>>>,
    /// Whether it is a list, whatever the number of items.
    pub is_list: bool,
}

/// Applies the output declaration to the JSON object or list of objects *inside* the response element.
///
/// Keys that are not declared are dropped. A missing optional field is `""` in Zato's face and `null` in the typed
/// ones; an empty answer is an object without fields, or an empty list when the output is declared as repeated.
///
/// # Errors
/// `Internal`, since it is the service that broke its word: no object, a required field that is missing (in Zato's face
/// also an empty one), or a value that does not convert.
pub fn apply<'a>(sio: &'a SimpleIo, body: &'a [u8]) -> Result<Output<'a>, Fault> {
    let body = body.trim_ascii();
    let empty = matches!(body, b"" | b"null");
    let objects: Vec<&[u8]> = match body.first() {
        Some(b'[') => {
            let text = std::str::from_utf8(body).ok();
            let parts = text.and_then(text::list).ok_or_else(not_an_object)?;
            parts.into_iter().map(str::as_bytes).collect()
        }
        Some(_) | None if empty && sio.output_repeated => Vec::new(),
        Some(_) | None if empty => vec![b"{}"],
        Some(_) | None => vec![body],
    };
    let items = objects
        .into_iter()
        .map(|object| item(sio, object))
        .collect::<Result<_, _>>()?;
    Ok(Output {
        sio,
        items,
        is_list: sio.output_repeated || body.first() == Some(&b'['),
    })
}

fn item<'a>(sio: &'a SimpleIo, object: &'a [u8]) -> Result<Vec<Cow<'a, str>>, Fault> {
    let slots = slots::read(&sio.output, object, false).map_err(|_| not_an_object())?;
    sio.output
        .iter()
        .zip(slots)
        .map(|(field, slot)| value_of(sio, field, slot))
        .collect()
}

fn value_of<'a>(
    sio: &SimpleIo,
    field: &Field,
    slot: Option<&'a str>,
) -> Result<Cow<'a, str>, Fault> {
    let sent = slot.filter(|json| Shape::of(json) != Shape::Null);
    // A typed face may well answer with an empty text; Zato calls that missing.
    let sent = sent.filter(|json| sio.bare || *json != "\"\"");
    match sent {
        Some(json) => coerce::output(field, json).map_err(|complaint| {
            Fault::internal(format!(
                "Conversion error, param:[{}]: {complaint}",
                field.name
            ))
            .code("bad-output")
        }),
        None if field.required => Err(Fault::internal(format!(
            "Expected elem:[{}] not found in item",
            field.name
        ))
        .code("bad-output")),
        None if sio.bare => Ok(Cow::Borrowed("null")),
        None => Ok(Cow::Borrowed("\"\"")),
    }
}

fn not_an_object() -> Fault {
    Fault::internal("The service did not answer with an object or a list of objects")
        .code("bad-output")
}

impl Output<'_> {
    /// Appends the value as JSON: an object, or a list of objects.
    pub fn write_value(&self, out: &mut Vec<u8>) {
        if self.is_list {
            out.push(b'[');
        }
        for (index, item) in self.items.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            let names = self.sio.output.iter().map(|field| field.name.as_str());
            let members = names.zip(item.iter().map(AsRef::as_ref));
            out.extend_from_slice(text::join_object(members).as_bytes());
        }
        if self.is_list {
            out.push(b']');
        }
    }

    /// The whole answer as JSON: `{"<response element>": value}`, or the value alone in the typed faces.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        if self.sio.bare {
            self.write_value(&mut out);
            return out;
        }
        out.push(b'{');
        out.extend_from_slice(text::quote(&self.sio.response_elem).as_bytes());
        out.push(b':');
        self.write_value(&mut out);
        out.push(b'}');
        out
    }
}
