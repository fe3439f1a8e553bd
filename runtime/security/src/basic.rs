//! HTTP Basic Auth (RFC 7617).

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use busker_connector::{RateLimit, Settings};
use busker_model::object::Violation;
use busker_model::{ErrorClass, Fault, Principal, Secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::keyed::Keyed;
use crate::part::{self, MAX_PART_BYTES};
use crate::{MISSING, WRONG};

#[cfg(test)]
mod tests;

/// Longest `Authorization` header that is looked at, in bytes.
pub const MAX_AUTHORIZATION_BYTES: usize = 4 * 1024;

/// Settings of a security definition of kind `basic-auth`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BasicAuthSettings {
    /// Username; no colon, since that is where Basic Auth splits.
    #[schemars(length(min = 1, max = MAX_PART_BYTES))]
    pub username: String,
    /// Realm shown in the challenge.
    #[serde(default = "default_realm")]
    #[schemars(length(min = 1, max = MAX_PART_BYTES))]
    pub realm: String,
    /// Password; write-only.
    #[schemars(with = "String", length(min = 1, max = MAX_PART_BYTES), extend("writeOnly" = true))]
    pub password: Secret,
    /// Most requests with these credentials; none sets no limit.
    #[serde(default)]
    pub rate_limit: Option<RateLimit>,
}

fn default_realm() -> String {
    "Busker".to_owned()
}

impl Settings for BasicAuthSettings {
    const KIND: &'static str = "basic-auth";
    const SECRETS: &'static [&'static str] = &["password"];

    fn check(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        part::check(&mut found, "settings.username", &self.username);
        part::check(&mut found, "settings.realm", &self.realm);
        part::check(&mut found, "settings.password", self.password.expose());
        found.extend(self.rate_limit.and_then(RateLimit::check));
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

/// Basic Auth made ready: a request costs one comparison when its header is the usual one, else one digest.
///
/// Holds no password in a readable form but the header a caller would send, which is a [`Secret`].
#[derive(Clone)]
pub struct PreparedBasic(Arc<Prepared>);

struct Prepared {
    /// The header as nearly every client writes it.
    header: Secret,
    /// The right username and password.
    pair: Keyed,
    realm: String,
    principal: Arc<Principal>,
}

impl PreparedBasic {
    /// Prepares a definition; `name` is the definition's and becomes the principal's.
    ///
    /// # Errors
    /// `Internal` when the operating system gives no random bytes.
    pub fn new(name: &str, settings: &BasicAuthSettings) -> Result<Self, Fault> {
        let pair = Secret::new(format!(
            "{}:{}",
            settings.username,
            settings.password.expose()
        ));
        Ok(Self(Arc::new(Prepared {
            header: Secret::new(format!("Basic {}", STANDARD.encode(pair.expose()))),
            pair: Keyed::of(&[pair.expose().as_bytes()])?,
            realm: settings.realm.clone(),
            principal: crate::principal(name),
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
        self.0.pair.matches(&[pair.expose().as_bytes()])
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
