//! Parameters of a request beside its body: the query string and the parts of a path pattern.
//!
//! Names and rules are Zato 2.0's (`merge_url_params_req`, `url_params_pri`). Whether a parameter beats a field of the
//! message is decided where SimpleIO is applied.

use busker_model::Fault;
use busker_model::invocation::UrlParamsPriority;
use percent_encoding::percent_decode_str;

#[cfg(test)]
mod tests;

/// Most fields of a form and parameters of a query.
pub const MAX_FIELDS: usize = 1_000;

/// Reads `application/x-www-form-urlencoded` text: a form or a query string without its question mark. Order and
/// repeated names are kept.
///
/// # Errors
/// `Invalid`, for text that is not UTF-8 and for more than [`MAX_FIELDS`] pairs.
pub fn read_pairs(encoded: &[u8]) -> Result<Vec<(String, String)>, Fault> {
    let text = std::str::from_utf8(encoded)
        .map_err(|error| Fault::invalid(format!("not UTF-8 at byte {}", error.valid_up_to())))?;
    let mut pairs = Vec::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        if pairs.len() == MAX_FIELDS {
            return Err(Fault::invalid(format!("more than {MAX_FIELDS} fields")));
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        pairs.push((plus_decoded(name)?, plus_decoded(value)?));
    }
    Ok(pairs)
}

fn plus_decoded(text: &str) -> Result<String, Fault> {
    decoded(&text.replace('+', " "))
        .ok_or_else(|| Fault::invalid("a field or its value is not percent-encoded UTF-8"))
}

fn decoded(text: &str) -> Option<String> {
    let decoded = percent_decode_str(text).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

/// Decodes the parameters of a path pattern, once.
///
/// # Errors
/// `Invalid`, for a value that is not UTF-8, holds a NUL, an encoded slash or a backslash, or has a segment `.` or `..`:
/// a router that matches on the raw path lets them through, and a service that builds a path or an address of them would
/// be led astray. A slash as it is comes from a pattern that takes the rest of the path, and stays.
pub fn read_path(raw: &[(String, String)]) -> Result<Vec<(String, String)>, Fault> {
    raw.iter()
        .map(|(name, value)| {
            let clean = decoded(value).filter(|clean| stays_in_place(value, clean));
            match clean {
                Some(clean) => Ok((name.clone(), clean)),
                None => Err(Fault::invalid(format!(
                    "path parameter {name:?} may not hold an encoded slash, a backslash, a zero byte, '.' or '..', and \
                     must be UTF-8"
                ))),
            }
        })
        .collect()
}

fn stays_in_place(raw: &str, decoded: &str) -> bool {
    let slashes = |text: &str| text.bytes().filter(|&byte| byte == b'/').count();
    !decoded.contains(['\\', '\0'])
        && slashes(raw) == slashes(decoded)
        && !decoded.split('/').any(|part| matches!(part, "." | ".."))
}

/// Query and path parameters as one list, the loser of each name left out; SimpleIO reads a name that is there twice as
/// a list.
#[must_use]
pub fn merge(
    query: &[(String, String)],
    path: &[(String, String)],
    priority: UrlParamsPriority,
) -> Vec<(String, String)> {
    let (winners, losers) = match priority {
        UrlParamsPriority::QsOverPath => (query, path),
        UrlParamsPriority::PathOverQs => (path, query),
    };
    // Path parameters are few, so one side of this product is small.
    let lost = |name: &str| winners.iter().any(|(winner, _)| winner == name);
    let kept = losers.iter().filter(|(name, _)| !lost(name));
    winners.iter().chain(kept).cloned().collect()
}
