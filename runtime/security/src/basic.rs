//! HTTP Basic Auth (RFC 7617).

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use busker_model::object::Violation;
use busker_model::{ErrorClass, Fault, Principal, Secret};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;

#[cfg(test)]
mod tests;

/// Longest `Authorization` header that is looked at, in bytes.
pub const MAX_AUTHORIZATION_BYTES: usize = 4 * 1024;
/// Longest username, password and realm, in bytes; together they fit [`MAX_AUTHORIZATION_BYTES`] in Base64.
pub const MAX_PART_BYTES: usize = 1_024;
/// Code of a fault for a request without credentials; it never counts towards a lock-out.
pub const MISSING: &str = "credentials-missing";
/// Code of a fault for a request with wrong credentials.
pub const WRONG: &str = "credentials-wrong";

/// Settings of a security definition of kind `basic-auth`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BasicAuthSettings {
    /// Username; no colon, since that is where Basic Auth splits.
    pub username: String,
    /// Realm shown in the challenge.
    #[serde(default = "default_realm")]
    pub realm: String,
    /// Password; write-only in the API.
    pub password: Secret,
}

fn default_realm() -> String {
    "Busker".to_owned()
}

impl BasicAuthSettings {
    /// Lists everything that is wrong with the settings; touches nothing outside.
    #[must_use]
    pub fn check(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        check_part(&mut found, "settings.username", &self.username);
        check_part(&mut found, "settings.realm", &self.realm);
        check_part(&mut found, "settings.password", self.password.expose());
        if self.username.contains(':') {
            found.push(Violation::new(
                "settings.username",
                "may not hold a colon: it parts the username from the password",
            ));
        }
        if !self.realm.is_ascii() {
            found.push(Violation::new("settings.realm", "may hold ASCII only"));
        }
        found
    }
}

fn check_part(found: &mut Vec<Violation>, field: &str, value: &str) {
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

/// Basic Auth made ready: a request costs one comparison when its header is the usual one, else one digest.
///
/// Holds no password in a readable form but the header a caller would send, which is a [`Secret`].
#[derive(Clone)]
pub struct PreparedBasic(Arc<Prepared>);

struct Prepared {
    /// The header as nearly every client writes it.
    header: Secret,
    /// Key of the digest, random for each preparation.
    key: [u8; 32],
    /// Digest of the right username and password.
    digest: [u8; 32],
    realm: String,
    principal: Arc<Principal>,
}

impl PreparedBasic {
    /// Prepares a definition; `name` is the definition's and becomes the principal's.
    ///
    /// # Errors
    /// `Internal` when the operating system gives no random bytes.
    pub fn new(name: &str, settings: &BasicAuthSettings) -> Result<Self, Fault> {
        let mut key = [0_u8; 32];
        getrandom::fill(&mut key).map_err(|error| {
            Fault::internal("a security definition could not be prepared")
                .operator(format!("no random bytes: {error}"))
        })?;
        let pair = Secret::new(format!(
            "{}:{}",
            settings.username,
            settings.password.expose()
        ));
        Ok(Self(Arc::new(Prepared {
            header: Secret::new(format!("Basic {}", STANDARD.encode(pair.expose()))),
            digest: digest(&key, pair.expose().as_bytes()),
            key,
            realm: settings.realm.clone(),
            principal: Arc::new(Principal {
                name: name.to_owned(),
                role: None,
            }),
        })))
    }

    /// Checks an `Authorization` header.
    ///
    /// # Errors
    /// `Unauthenticated`, see [`crate::verify`].
    pub fn verify(&self, authorization: Option<&[u8]>) -> Result<Arc<Principal>, Fault> {
        let prepared = &*self.0;
        let Some(header) = authorization.filter(|header| !header.is_empty()) else {
            return Err(self.refusal("Credentials are needed", MISSING));
        };
        if bool::from(prepared.header.expose().as_bytes().ct_eq(header))
            || self.matches_decoded(header)
        {
            return Ok(Arc::clone(&prepared.principal));
        }
        Err(self.refusal("Credentials are not right", WRONG))
    }

    /// The long way, for clients that write the header in another legal form. The username is free of colons, so the
    /// pair is one text and one digest answers for both parts at once.
    fn matches_decoded(&self, header: &[u8]) -> bool {
        let Some(pair) = decode(header) else {
            return false;
        };
        let shown = digest(&self.0.key, pair.expose().as_bytes());
        shown.ct_eq(&self.0.digest).into()
    }

    fn refusal(&self, message: &str, code: &'static str) -> Fault {
        let mut fault = Fault::new(ErrorClass::Unauthenticated, message).code(code);
        fault.detail_mut().realm = Some(self.0.realm.clone());
        fault
    }
}

impl fmt::Debug for PreparedBasic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedBasic")
            .field("principal", &self.0.principal.name)
            .field("realm", &self.0.realm)
            .finish_non_exhaustive()
    }
}

/// `Basic`, in any case, one or more spaces, and padded Base64 of UTF-8 `user:password`; nothing around it.
fn decode(header: &[u8]) -> Option<Secret> {
    if header.len() > MAX_AUTHORIZATION_BYTES {
        return None;
    }
    let (scheme, rest) = header.split_at_checked(5)?;
    if !scheme.eq_ignore_ascii_case(b"basic") || rest.first() != Some(&b' ') {
        return None;
    }
    let bytes = STANDARD.decode(rest.trim_ascii_start()).ok()?;
    let pair = Secret::new(String::from_utf8(bytes).ok()?);
    pair.expose().contains(':').then_some(pair)
}

/// HMAC-SHA-256: with a key of our own, equal digests mean equal texts and the time it takes tells nothing of where
/// two texts differ.
fn digest(key: &[u8; 32], text: &[u8]) -> [u8; 32] {
    // Every key length is fine for HMAC (RFC 2104), so the only error there is cannot happen; an all-zero digest of a
    // *shown* pair would still have to equal the stored one.
    let Ok(mut mac) = <Hmac<Sha256> as Mac>::new_from_slice(key) else {
        return [0; 32];
    };
    mac.update(text);
    mac.finalize().into_bytes().into()
}
