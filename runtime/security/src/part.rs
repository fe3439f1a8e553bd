//! A name, realm or password in settings.

use busker_model::object::Violation;

/// Longest username, password and realm, in bytes; together they fit [`crate::basic::MAX_AUTHORIZATION_BYTES`] in Base64.
pub const MAX_PART_BYTES: usize = 1_024;

/// Finds what is wrong with a text that travels in a header or an envelope.
pub(crate) fn check(found: &mut Vec<Violation>, field: &str, value: &str) {
    let message = if value.is_empty() {
        "may not be empty"
    } else if value.len() > MAX_PART_BYTES {
        "may not be longer than 1024 bytes"
    } else if value.chars().any(char::is_control) {
        "may not hold control characters"
    } else {
        return;
    };
    found.push(Violation::new(field, message));
}
