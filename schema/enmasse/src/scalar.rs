//! What a word without quotes means.
//!
//! Numbers are those of JSON and nothing else, so that `0123`, `1_000`, `12:30` and `0x1F` stay the text they look like.
//! Booleans and null are those of the core schema of YAML 1.2: `yes`, `no` and `on` are text.

use serde_json::{Number, Value};

/// Whether the word means nothing.
pub(crate) fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// The value of a word.
pub(crate) fn resolve(text: &str) -> Value {
    match text {
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        text if is_null(text) => Value::Null,
        text => number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number),
    }
}

/// The boolean of a word.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    resolve(text).as_bool()
}

/// A number of JSON. One that is neither an integer of 64 bits nor a finite float is text.
fn number(text: &str) -> Option<Number> {
    let (first, last) = (text.bytes().next()?, text.bytes().last()?);
    // JSON lets white space stand around a number, and a word does not.
    if (first != b'-' && !first.is_ascii_digit()) || !last.is_ascii_digit() {
        return None;
    }
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::resolve;

    #[test]
    fn only_what_json_calls_a_number_is_one() {
        for (text, value) in [
            ("12", json!(12)),
            ("-0.5e3", json!(-500.0)),
            ("18446744073709551615", json!(u64::MAX)),
            ("TRUE", json!(true)),
            ("~", json!(null)),
        ] {
            assert_eq!(resolve(text), value);
        }
        for text in [
            "0123", "1_000", "12:30", "0x1F", "+5", ".5", "5.", ".inf", "1e999", "yes", "No", "12 ",
        ] {
            assert_eq!(resolve(text), json!(text));
        }
    }
}
