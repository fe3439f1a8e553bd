//! A text that must not be seen.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

/// A password, key or token in memory. `Debug` and serialisation print `***`; the memory is wiped on drop.
///
/// Reading one from JSON keeps the value; writing one never does, so a settings type with a `Secret` in it can be
/// shown, logged and exported as it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// What a secret looks like wherever it is printed.
pub const REDACTED: &str = "***";

/// Parts of names that stand for secrets, in lower case and without what joins words.
const SECRET_PARTS: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "authorization",
    "credential",
    "apikey",
    "accesskey",
    "privatekey",
    "signature",
    "cookie",
];
/// Words that stand for secrets when they are a word of the name, or all of it.
const SECRET_WORDS: [&str; 7] = ["key", "keys", "pwd", "pass", "pin", "auth", "nonce"];

/// Whether a field, element, parameter or header of that name is taken for a secret.
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
    let joined: String = name
        .chars()
        .filter(|letter| letter.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect();
    SECRET_PARTS.iter().any(|part| joined.contains(part))
        || words(name).any(|word| SECRET_WORDS.contains(&word.as_str()))
}

/// The words of a name: `api_key`, `apiKey` and `API-KEY` have two.
fn words(name: &str) -> impl Iterator<Item = String> {
    let mut split = String::with_capacity(name.len() + 4);
    let mut low_before = false;
    for letter in name.chars() {
        if letter.is_uppercase() && low_before {
            split.push(' ');
        }
        low_before = letter.is_lowercase();
        if letter.is_alphanumeric() {
            split.extend(letter.to_lowercase());
        } else {
            split.push(' ');
        }
    }
    let words: Vec<String> = split.split_whitespace().map(str::to_owned).collect();
    words.into_iter()
}

impl Secret {
    /// Takes the text in.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that has to send, digest or compare it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(REDACTED)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_never_printed() {
        let secret: Secret = serde_json::from_str("\"hunter2\"").unwrap();
        assert_eq!(secret.expose(), "hunter2");
        assert_eq!(format!("{secret:?}"), "***");
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"***\"");
    }

    #[test]
    fn names_of_secrets_are_known_however_they_are_written() {
        for name in [
            "password",
            "new_password1",
            "wsse:Password",
            "clientSecret",
            "X-Auth-Token",
            "Authorization",
            "api_key",
            "apiKey",
            "APIKEY",
            "key",
            "PIN",
            "basic-auth",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in [
            "symbol",
            "monkey",
            "keyboard",
            "passenger",
            "pinned",
            "author",
            "key1",
            "",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }
}
