//! Masks JSON as text, so that numbers, spaces and fields that are there twice stay as they came.

use serde::de::IgnoredAny;

use super::{REDACTED, is_secret_name};

/// The text with the values of secrets masked, and how many; `None` when it is not JSON.
pub(super) fn mask(text: &str) -> Option<(String, usize)> {
    // From here on every quote, bracket and colon is where the grammar has it.
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    let mut out = String::with_capacity(text.len());
    let mut masked = 0;
    let mut rest = text;
    while let Some(quote) = rest.find('"') {
        let (before, from_quote) = rest.split_at_checked(quote)?;
        out.push_str(before);
        let (string, after) = from_quote.split_at_checked(string_end(from_quote)?)?;
        out.push_str(string);
        rest = after;
        // Only a key has a colon behind it.
        let Some(value) = after.trim_ascii_start().strip_prefix(':') else {
            continue;
        };
        let name: String = serde_json::from_str(string).ok()?;
        if !is_secret_name(&name) {
            continue;
        }
        let value = value.trim_ascii_start();
        let (between, _) = after.split_at_checked(after.len() - value.len())?;
        out.push_str(between);
        out.push('"');
        out.push_str(REDACTED);
        out.push('"');
        masked += 1;
        rest = value.split_at_checked(value_end(value)?)?.1;
    }
    out.push_str(rest);
    Some((out, masked))
}

/// Where a string that starts here ends.
fn string_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (index, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(index + 1),
            _ => {}
        }
    }
    None
}

/// Where a value that starts here ends.
fn value_end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    let mut index = 0;
    while let Some(byte) = bytes.get(index) {
        match byte {
            b'"' => index += string_end(text.get(index..)?)? - 1,
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 0 => return Some(index),
            b'}' | b']' => depth -= 1,
            b',' if depth == 0 => return Some(index),
            b' ' | b'\t' | b'\r' | b'\n' if depth == 0 => return Some(index),
            _ => {}
        }
        index += 1;
    }
    Some(index)
}
