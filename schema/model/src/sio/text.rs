//! Pieces of JSON text: what kind a value is, its scalar text, and numbers as digits.
//!
//! Everything here works on text, so no number ever passes through `f64`.

use std::borrow::Cow;

use indexmap::IndexMap;
use serde_json::value::RawValue;

/// Most digits of an integer; longer ones take quadratic time to read in the languages services are written in
/// (Python's own limit is the same).
const MAX_INTEGER_DIGITS: usize = 4_300;
/// Most characters of a bad value that are repeated in a message.
const MAX_SHOWN_CHARS: usize = 40;
/// Key of the text of an element that has attributes or children too.
const TEXT_KEY: &str = "#text";

/// The kind of a JSON value, by its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Null,
    Boolean,
    Number,
    Text,
    List,
    Object,
}

impl Shape {
    /// The kind of valid JSON text without white space in front.
    pub(super) fn of(json: &str) -> Self {
        match json.as_bytes().first() {
            Some(b'"') => Self::Text,
            Some(b'{') => Self::Object,
            Some(b'[') => Self::List,
            Some(b't' | b'f') => Self::Boolean,
            Some(b'n') | None => Self::Null,
            Some(_) => Self::Number,
        }
    }

    /// The word with its article, for messages.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "a boolean",
            Self::Number => "a number",
            Self::Text => "text",
            Self::List => "a list",
            Self::Object => "an object",
        }
    }
}

/// The text of a single value: a string without its quotes, a number or a boolean as it is written. Of an XML element
/// with attributes it is the element's text.
pub(super) fn scalar(json: &str) -> Option<Cow<'_, str>> {
    match Shape::of(json) {
        Shape::Boolean | Shape::Number => Some(Cow::Borrowed(json)),
        Shape::Text => unquote(json),
        Shape::Object => {
            let inner = *object(json)?.get(TEXT_KEY)?;
            (Shape::of(inner) == Shape::Text).then(|| unquote(inner))?
        }
        Shape::Null | Shape::List => None,
    }
}

fn unquote(json: &str) -> Option<Cow<'_, str>> {
    if json.contains('\\') {
        // Fails on a lone surrogate, which no text can hold.
        return serde_json::from_str(json).ok().map(Cow::Owned);
    }
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    Some(Cow::Borrowed(inner))
}

/// The members of a JSON object as JSON text; a repeated key keeps its last value.
pub(super) fn object(json: &str) -> Option<IndexMap<String, &str>> {
    let members: IndexMap<String, &RawValue> = serde_json::from_str(json).ok()?;
    Some(
        members
            .into_iter()
            .map(|(key, value)| (key, value.get()))
            .collect(),
    )
}

/// The elements of a JSON list as JSON text.
pub(super) fn list(json: &str) -> Option<Vec<&str>> {
    let elements: Vec<&RawValue> = serde_json::from_str(json).ok()?;
    Some(elements.into_iter().map(RawValue::get).collect())
}

/// A JSON string.
pub(super) fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A JSON list of parts that are JSON text.
pub(super) fn join_list<I: AsRef<str>>(parts: impl IntoIterator<Item = I>) -> String {
    let mut out = String::from("[");
    for part in parts {
        if out.len() > 1 {
            out.push(',');
        }
        out.push_str(part.as_ref());
    }
    out.push(']');
    out
}

/// A JSON object of members whose values are JSON text.
pub(super) fn join_object<'a>(members: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = String::from("{");
    for (key, value) in members {
        if out.len() > 1 {
            out.push(',');
        }
        out.push_str(&quote(key));
        out.push(':');
        out.push_str(value);
    }
    out.push('}');
    out
}

/// An integer of any size as JSON: no plus sign, no leading zeros.
pub(super) fn integer(text: &str) -> Option<String> {
    let (negative, digits) = sign(text.trim());
    if digits.is_empty() || digits.len() > MAX_INTEGER_DIGITS || !all_digits(digits) {
        return None;
    }
    let digits = without_leading_zeros(digits);
    let minus = if negative && digits != "0" { "-" } else { "" };
    Some(format!("{minus}{digits}"))
}

/// A decimal or floating-point number as JSON; infinities and NaN have no JSON form and are refused.
pub(super) fn number(text: &str) -> Option<String> {
    let (negative, rest) = sign(text.trim());
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (rest, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let mut out = String::with_capacity(rest.len() + 2);
    if negative {
        out.push('-');
    }
    out.push_str(without_leading_zeros(whole));
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
    }
    if let Some(exponent) = exponent {
        let (_, digits) = sign(exponent);
        if digits.is_empty() || !all_digits(digits) {
            return None;
        }
        out.push('e');
        out.push_str(exponent);
    }
    Some(out)
}

fn sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn without_leading_zeros(digits: &str) -> &str {
    match digits.trim_start_matches('0') {
        "" => "0",
        rest => rest,
    }
}

/// A boolean by Zato's words; the empty text is false.
pub fn boolean(text: &str) -> Option<bool> {
    const TRUE: [&str; 6] = ["true", "yes", "on", "y", "t", "1"];
    const FALSE: [&str; 7] = ["false", "no", "off", "n", "f", "0", ""];
    let word = text.trim();
    let is = |words: &[&str]| words.iter().any(|known| known.eq_ignore_ascii_case(word));
    if is(&TRUE) {
        Some(true)
    } else if is(&FALSE) {
        Some(false)
    } else {
        None
    }
}

/// A bad value as a message may show it.
pub(super) fn shown(json: &str) -> String {
    match Shape::of(json) {
        shape @ (Shape::Null | Shape::List | Shape::Object) => shape.word().to_owned(),
        Shape::Boolean | Shape::Number | Shape::Text if json.len() <= MAX_SHOWN_CHARS => {
            json.to_owned()
        }
        Shape::Boolean | Shape::Number | Shape::Text => {
            let head: String = json.chars().take(MAX_SHOWN_CHARS).collect();
            format!("{head}...")
        }
    }
}
