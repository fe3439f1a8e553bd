//! The URL of a request: address and path of the connection, then what the request appends.

use busker_connector::Failure;
use url::Url;

use crate::outgoing_settings::OutgoingSettings;

/// The URL of a connection without anything appended.
pub(crate) fn base(settings: &OutgoingSettings) -> Result<Url, Failure> {
    let mut url = Url::parse(&settings.address).map_err(|error| {
        Failure::invalid(format!("the address of the connection is wrong: {error}"))
    })?;
    if !settings.url_path.is_empty() {
        let path = format!("{}{}", url.path().trim_end_matches('/'), settings.url_path);
        url.set_path(&path);
    }
    Ok(url)
}

/// Appends a path and a query. What is appended stays below the connection's path.
pub(crate) fn extend(base: &Url, path: &str, query: &[(String, String)]) -> Result<Url, Failure> {
    let mut url = base.clone();
    if !path.is_empty() {
        if path.split(['/', '\\']).any(climbs) {
            return Err(Failure::invalid(
                "the path of a request may not hold '.' or '..' as a part",
            ));
        }
        let slash = if path.starts_with('/') { "" } else { "/" };
        let path = format!("{}{slash}{path}", url.path().trim_end_matches('/'));
        url.set_path(&path);
    }
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    Ok(url)
}

/// Whether a part of a path means this folder or the one above, in any way a URL can spell it.
fn climbs(part: &str) -> bool {
    let plain = part.to_ascii_lowercase().replace("%2e", ".");
    plain == "." || plain == ".."
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(address: &str, url_path: &str, path: &str, query: &[(&str, &str)]) -> String {
        let settings = serde_json::json!({"address": address, "url_path": url_path});
        let base = base(&serde_json::from_value(settings).unwrap()).unwrap();
        let query: Vec<_> = query
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        extend(&base, path, &query).unwrap().to_string()
    }

    #[test]
    fn parts_are_joined_by_one_slash() {
        assert_eq!(url("http://h", "", "", &[]), "http://h/");
        assert_eq!(url("http://h/", "/api", "", &[]), "http://h/api");
        assert_eq!(
            url("http://h/base/", "/api/", "customers", &[]),
            "http://h/base/api/customers"
        );
        assert_eq!(
            url("http://h/base", "", "/customers/", &[]),
            "http://h/base/customers/"
        );
    }

    #[test]
    fn a_query_is_encoded_and_a_path_cannot_start_one() {
        assert_eq!(
            url("http://h", "/a", "", &[("q", "a&b =ü")]),
            "http://h/a?q=a%26b+%3D%C3%BC"
        );
        assert_eq!(url("http://h", "/a", "b?c#d", &[]), "http://h/a/b%3Fc%23d");
        assert_eq!(
            url("http://h", "", "@evil.example/x", &[]),
            "http://h/@evil.example/x"
        );
    }

    #[test]
    fn a_request_cannot_climb_out_of_the_path_of_its_connection() {
        let base = Url::parse("http://h/tenants/7").unwrap();
        for path in [
            "../8",
            "/..",
            "a/../../8",
            "%2e%2E/8",
            ".%2e/8",
            "..\\8",
            "a/./b",
        ] {
            assert!(extend(&base, path, &[]).is_err(), "{path}");
        }
        assert!(extend(&base, "a..b/...", &[]).is_ok());
    }
}
