//! Masks pairs: forms, and the parameters of a query or a path.

use percent_encoding::percent_decode_str;

use super::{REDACTED, is_secret_name};

/// A form with the values of secrets masked, and how many.
pub(super) fn mask(text: &str) -> (String, usize) {
    let mut masked = 0;
    let pairs: Vec<String> = text
        .split('&')
        .map(|pair| {
            let name = pair.split_once('=').map_or(pair, |(name, _)| name);
            let plain = name.replace('+', " ");
            if is_secret_name(&percent_decode_str(&plain).decode_utf8_lossy()) {
                masked += 1;
                format!("{name}={REDACTED}")
            } else {
                pair.to_owned()
            }
        })
        .collect();
    (pairs.join("&"), masked)
}

/// Pairs with the values of secrets masked.
#[must_use]
pub fn mask_pairs(pairs: &[(String, String)]) -> Vec<(String, String)> {
    let masked = pairs.iter().map(|(name, value)| {
        let shown = if is_secret_name(name) {
            REDACTED
        } else {
            value
        };
        (name.clone(), shown.to_owned())
    });
    masked.collect()
}
