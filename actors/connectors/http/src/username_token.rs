//! WS-Security on the way out (OASIS, UsernameToken Profile 1.1): a header with a new nonce and time for each message.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use busker_connector::Failure;
use busker_model::{ErrorClass, Secret};
use quick_xml::escape::escape;
use ring::digest;
use time::OffsetDateTime;
use time::macros::format_description;

const SECEXT: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const UTILITY: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
const PROFILE: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0";
const BASE64: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary";
/// Length of a nonce, in bytes.
const NONCE_BYTES: usize = 16;

/// Writes tokens.
#[derive(Debug, Clone)]
pub(crate) struct TokenWriter {
    pub(crate) username: String,
    pub(crate) password: Secret,
    pub(crate) digest: bool,
}

impl TokenWriter {
    /// A Security header that nobody has sent before.
    pub(crate) fn write(&self, now_ms: i64) -> Result<String, Failure> {
        let mut nonce = [0_u8; NONCE_BYTES];
        let no_random = |error: getrandom::Error| {
            Failure::ours(
                ErrorClass::Internal,
                "the request could not be put together",
            )
            .operator(format!("no random bytes: {error}"))
        };
        getrandom::fill(&mut nonce).map_err(no_random)?;
        let created = instant(now_ms)
            .ok_or_else(|| Failure::ours(ErrorClass::Internal, "the clock shows no time"))?;
        Ok(self.header(&nonce, &created))
    }

    fn header(&self, nonce: &[u8], created: &str) -> String {
        let password = self.password.expose();
        let (kind, shown) = if self.digest {
            ("PasswordDigest", password_digest(nonce, created, password))
        } else {
            ("PasswordText", escape(password).into_owned())
        };
        let (username, nonce) = (escape(&self.username), STANDARD.encode(nonce));
        format!(
            "<wsse:Security xmlns:wsse=\"{SECEXT}\"><wsse:UsernameToken xmlns:wsu=\"{UTILITY}\">\
             <wsse:Username>{username}</wsse:Username>\
             <wsse:Password Type=\"{PROFILE}#{kind}\">{shown}</wsse:Password>\
             <wsse:Nonce EncodingType=\"{BASE64}\">{nonce}</wsse:Nonce>\
             <wsu:Created>{created}</wsu:Created></wsse:UsernameToken></wsse:Security>"
        )
    }
}

/// Base64(SHA-1(nonce + created + password)), as the profile says; SHA-1 is its choice.
fn password_digest(nonce: &[u8], created: &str, password: &str) -> String {
    let whole = [nonce, created.as_bytes(), password.as_bytes()].concat();
    STANDARD.encode(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &whole))
}

fn instant(now_ms: i64) -> Option<String> {
    let shape =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(now_ms) * 1_000_000).ok()?;
    at.format(shape).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer(digest: bool) -> TokenWriter {
        TokenWriter {
            username: "a & b".to_owned(),
            password: Secret::new("<hunter2>"),
            digest,
        }
    }

    #[test]
    fn a_password_is_escaped_and_a_digest_shows_none_of_it() {
        let text = writer(false).header(b"nonce", "2025-11-24T16:00:00.000Z");
        for part in [
            "<wsse:Username>a &amp; b</wsse:Username>",
            "#PasswordText\">&lt;hunter2&gt;</wsse:Password>",
            ">bm9uY2U=</wsse:Nonce><wsu:Created>2025-11-24T16:00:00.000Z<",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let text = writer(true).header(b"nonce", "2025-11-24T16:00:00.000Z");
        assert!(
            text.contains("#PasswordDigest\">") && !text.contains("hunter2"),
            "{text}"
        );
        assert!(!format!("{:?}", writer(true)).contains("hunter2"));
    }

    #[test]
    fn the_digest_is_sha_1_in_base64_and_covers_all_three() {
        // RFC 3174, test 1, cut in three.
        assert_eq!(
            password_digest(b"a", "b", "c"),
            "qZk+NkcGgWq6PiVxeFDCbJzQ2J0="
        );
    }

    #[test]
    fn no_two_tokens_are_alike() {
        let now = 1_764_000_000_123;
        let (first, second) = (
            writer(true).write(now).unwrap(),
            writer(true).write(now).unwrap(),
        );
        assert_ne!(first, second);
        assert!(
            first.contains("<wsu:Created>2025-11-24T16:00:00.123Z</wsu:Created>"),
            "{first}"
        );
    }
}
