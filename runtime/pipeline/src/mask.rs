//! A body fit to be kept and shown: the values of fields that are named like secrets are masked, and nothing else is
//! changed.
//!
//! JSON, XML and forms are read; a body that is none of them cannot be masked and is withheld. What is not seen: a secret
//! under an innocent name, in a text inside a value, or in a name that says what a value elsewhere is.

use busker_model::DataFormat;
use busker_model::secret::{REDACTED, is_secret_name};

mod form;
mod json;
mod xml;

pub use form::mask_pairs;

/// Longest body that is looked at, in bytes.
pub const MASK_BYTES: usize = 1024 * 1024;

/// A body after masking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Masked {
    /// The text, and how many values were masked in it.
    Text(String, usize),
    /// Neither JSON nor XML nor a form, or not UTF-8.
    Withheld,
    /// Longer than [`MASK_BYTES`].
    TooLarge,
}

/// Masks a body; `format` decides between a form and other text only.
#[must_use]
pub fn mask(body: &[u8], format: DataFormat) -> Masked {
    if body.len() > MASK_BYTES {
        return Masked::TooLarge;
    }
    let Ok(text) = std::str::from_utf8(body) else {
        return Masked::Withheld;
    };
    if text.trim_ascii().is_empty() {
        return Masked::Text(text.to_owned(), 0);
    }
    let found = match format {
        DataFormat::Form => Some(form::mask(text)),
        DataFormat::Json | DataFormat::Xml | DataFormat::Raw => {
            if text.trim_ascii_start().starts_with('<') {
                xml::mask(text)
            } else {
                json::mask(text)
            }
        }
    };
    found.map_or(Masked::Withheld, |(text, count)| Masked::Text(text, count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(body: &str, format: DataFormat) -> (String, usize) {
        match mask(body.as_bytes(), format) {
            Masked::Text(text, count) => (text, count),
            other @ (Masked::Withheld | Masked::TooLarge) => panic!("{body}: {other:?}"),
        }
    }

    #[test]
    fn json_keeps_everything_but_the_values_of_secrets() {
        let body = r#" {"user": "ann", "password": "hun\"ter2", "n": 1.50, "big": 12345678901234567890123,
            "deep": [{"apiKey": {"a": [1, "}"]}, "x": "password: no"}], "token":null} "#;
        let expected = r#" {"user": "ann", "password": "***", "n": 1.50, "big": 12345678901234567890123,
            "deep": [{"apiKey": "***", "x": "password: no"}], "token":"***"} "#;
        assert_eq!(text(body, DataFormat::Json), (expected.to_owned(), 3));
        assert_eq!(text("\"password\"", DataFormat::Json).1, 0);
        // A name may be written with escapes.
        let escaped = r#"{"pass\u0077ord":"hunter2"}"#;
        assert_eq!(
            text(escaped, DataFormat::Json),
            (r#"{"pass\u0077ord":"***"}"#.to_owned(), 1)
        );
    }

    #[test]
    fn xml_keeps_everything_but_elements_and_attributes_of_secrets() {
        let body = "<?xml version=\"1.0\"?>\n<s:Envelope xmlns:s=\"urn:s\"><s:Header><w:Password Type='t'>hunter2</w:Password>\
            <auth_key><a>x</a><a/></auth_key></s:Header><!-- c --><b secret='hunter2' ok=\"1 &amp; 2\"/><name>A &amp; B</name></s:Envelope>";
        let expected = "<?xml version=\"1.0\"?>\n<s:Envelope xmlns:s=\"urn:s\"><s:Header><w:Password Type='t'>***</w:Password>\
            <auth_key>***</auth_key></s:Header><!-- c --><b secret=\"***\" ok=\"1 &amp; 2\"/><name>A &amp; B</name></s:Envelope>";
        assert_eq!(text(body, DataFormat::Xml), (expected.to_owned(), 3));
        let nested = "<password>a<password>b</password>c</password>";
        let masked = "<password>***</password>".to_owned();
        assert_eq!(text(nested, DataFormat::Raw), (masked, 1));
    }

    #[test]
    fn forms_keep_their_pairs() {
        let body = "user=ann&pass%77ord=hunter2&note=a%20b&token";
        let expected = "user=ann&pass%77ord=***&note=a%20b&token=***".to_owned();
        assert_eq!(text(body, DataFormat::Form), (expected, 2));
        let pairs = [
            ("q".to_owned(), "x".to_owned()),
            ("api_key".to_owned(), "s".to_owned()),
        ];
        let masked = [
            ("q".to_owned(), "x".to_owned()),
            ("api_key".to_owned(), "***".to_owned()),
        ];
        assert_eq!(mask_pairs(&pairs), masked);
    }

    #[test]
    fn what_cannot_be_read_is_withheld() {
        for body in [
            &b"password is hunter2"[..],
            b"\xff\xfe",
            b"{\"a\": 1",
            b"<a><b></a>",
            b"<a password='x>",
            b"<a>",
            b"<!DOCTYPE a [<!ENTITY p 'x'>]><a>&p;</a>",
        ] {
            assert_eq!(mask(body, DataFormat::Raw), Masked::Withheld, "{body:?}");
        }
        assert_eq!(
            mask(&vec![b'1'; MASK_BYTES + 1], DataFormat::Json),
            Masked::TooLarge
        );
        assert_eq!(mask(b"", DataFormat::Raw), Masked::Text(String::new(), 0));
    }
}
