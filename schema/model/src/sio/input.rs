//! SimpleIO on the way in: a body and parameters become one canonical JSON object, or a list of all that is wrong.

use std::borrow::Cow;

use super::text::{self, Shape};
use super::{Field, FieldType, SimpleIo, coerce, slots};
use crate::object::Violation;

/// What is wrong with a required field that was not sent.
pub const MISSING: &str = "required input field is missing";

/// Applies the input declaration.
///
/// `body` is the JSON text of the payload, if there is one; a missing, null or empty-text body has no fields, and
/// fields that are not declared are ignored; the typed faces refuse one that is there twice. `params` are query and path parameters after the channel's rule of
/// precedence; a repeated name is a list. The answer is a JSON object with every declared field, in declared order; the
/// typed faces (`bare`) get no member for a field that was not sent, so that the default of their own type holds.
///
/// # Errors
/// Every missing and every unconvertible field, in declared order; a body that is not an object is named `body`.
pub fn apply(
    sio: &SimpleIo,
    body: Option<&[u8]>,
    params: &[(String, String)],
    params_first: bool,
) -> Result<Vec<u8>, Vec<Violation>> {
    if sio.input.is_empty() {
        return Ok(b"{}".to_vec());
    }
    let slots = read_body(sio, body)?;
    let mut out = Vec::with_capacity(2 + body.map_or(0, <[u8]>::len));
    out.push(b'{');
    let mut violations = Vec::new();
    for (field, slot) in sio.input.iter().zip(slots) {
        let sent = pick(field, slot, params, params_first);
        match value_of(sio, field, sent) {
            Ok(Some(value)) => push_member(&mut out, &field.name, &value),
            Ok(None) if sio.bare => {}
            Ok(None) => push_member(&mut out, &field.name, "null"),
            Err(message) => violations.push(Violation::new(field.name.as_str(), message)),
        }
    }
    if !violations.is_empty() {
        return Err(violations);
    }
    out.push(b'}');
    Ok(out)
}

fn read_body<'a>(
    sio: &SimpleIo,
    body: Option<&'a [u8]>,
) -> Result<slots::Slots<'a>, Vec<Violation>> {
    let body = body.map_or(&b""[..], <[u8]>::trim_ascii);
    if matches!(body, b"" | b"null" | b"\"\"") {
        return Ok(vec![None; sio.input.len()]);
    }
    slots::read(&sio.input, body, sio.bare).map_err(|error| {
        let message = match std::str::from_utf8(body).map(Shape::of) {
            Ok(Shape::Object) | Err(_) => format!("not valid JSON: {error}"),
            Ok(shape) => format!("expected a JSON object, got {}", shape.word()),
        };
        vec![Violation::new("body", message)]
    })
}

/// The value that was sent for a field, by the rule of precedence; null counts as not sent.
fn pick<'a>(
    field: &Field,
    slot: Option<&'a str>,
    params: &[(String, String)],
    params_first: bool,
) -> Option<Cow<'a, str>> {
    let from_body = slot.filter(|json| Shape::of(json) != Shape::Null);
    if !params_first && from_body.is_some() {
        return from_body.map(Cow::Borrowed);
    }
    let mut values = params.iter().filter(|(name, _)| *name == field.name);
    let Some((_, first)) = values.next() else {
        return from_body.map(Cow::Borrowed);
    };
    let rest: Vec<&str> = values.map(|(_, value)| value.as_str()).collect();
    if rest.is_empty() {
        return Some(Cow::Owned(text::quote(first)));
    }
    let all = std::iter::once(first.as_str()).chain(rest);
    Some(Cow::Owned(text::join_list(all.map(text::quote))))
}

/// The canonical JSON text of a field; `None` when it was not sent and nothing declared stands in.
fn value_of<'a>(
    sio: &SimpleIo,
    field: &Field,
    sent: Option<Cow<'a, str>>,
) -> Result<Option<Cow<'a, str>>, String> {
    match sent {
        Some(json) if !(sio.bare && says_nothing(field, &json)) => match json {
            Cow::Borrowed(json) => coerce::input(field, json),
            Cow::Owned(json) => coerce::input(field, &json).map(|value| value.into_owned().into()),
        }
        .map(Some),
        Some(_) if field.required => Err("a value is required".to_owned()),
        None if field.required => Err(MISSING.to_owned()),
        Some(_) | None => {
            let default = field.default.as_ref().or(sio.default_value.as_ref());
            Ok(default.map(|value| Cow::Owned(value.to_string())))
        }
    }
}

/// Whether an empty text stands for no value. Zato hands it on as it is, but the typed faces (`bare`) have no place for
/// an empty text in a number.
fn says_nothing(field: &Field, json: &str) -> bool {
    let number = match coerce::resolve(field) {
        FieldType::Integer | FieldType::Float | FieldType::Decimal => true,
        FieldType::Auto
        | FieldType::AsIs
        | FieldType::Boolean
        | FieldType::Text
        | FieldType::Csv
        | FieldType::Utc
        | FieldType::List
        | FieldType::Dict
        | FieldType::ListOfDicts
        | FieldType::Opaque => false,
    };
    number && json == "\"\""
}

fn push_member(out: &mut Vec<u8>, name: &str, value: &str) {
    if out.len() > 1 {
        out.push(b',');
    }
    out.extend_from_slice(text::quote(name).as_bytes());
    out.push(b':');
    out.extend_from_slice(value.as_bytes());
}
