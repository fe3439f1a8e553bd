//! Words of HTTP.

/// Longest method, in bytes.
const MAX_METHOD_BYTES: usize = 32;

/// Whether it is a method as settings and requests write it: upper case.
pub(crate) fn is_method(text: &str) -> bool {
    let upper = |byte: u8| byte.is_ascii_uppercase() || byte == b'-' || byte == b'_';
    !text.is_empty() && text.len() <= MAX_METHOD_BYTES && text.bytes().all(upper)
}

/// Whether a request of this method may be repeated without harm (RFC 9110, section 9.2.2).
pub(crate) fn is_idempotent(method: &str) -> bool {
    matches!(
        method,
        "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PUT" | "DELETE"
    )
}
