//! Where a request came to, as its client would write it.

use actix_web::HttpRequest;
use actix_web::http::header::HOST;

/// The address of a request without its query. The host is the one the client named; headers by which something in
/// between tells another one are not believed.
pub(crate) fn address(request: &HttpRequest, is_secure: bool) -> String {
    let scheme = if is_secure { "https" } else { "http" };
    let told = request
        .headers()
        .get(HOST)
        .and_then(|host| host.to_str().ok());
    let host = told
        .filter(|host| is_host(host))
        .map_or_else(|| request.app_config().host().to_owned(), str::to_owned);
    format!("{scheme}://{host}{}", request.uri().path())
}

/// Whether text can be a host and a port.
fn is_host(text: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:[]_".contains(&byte);
    !text.is_empty() && text.bytes().all(fine)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn the_host_is_the_one_the_client_named_if_it_can_be_one() {
        for (host, expected) in [
            ("esb.example.com:17010", "http://esb.example.com:17010/a"),
            ("[::1]:80", "http://[::1]:80/a"),
            ("a\"><b", "http://localhost:8080/a"),
        ] {
            let request = TestRequest::get()
                .uri("/a?wsdl")
                .insert_header((HOST, host))
                .to_http_request();
            assert_eq!(address(&request, false), expected, "{host}");
        }
        let bare = TestRequest::get().uri("/b").to_http_request();
        assert_eq!(address(&bare, true), "https://localhost:8080/b");
    }
}
