//! Tokens of WS-Security (OASIS, UsernameToken Profile 1.1), with the settings that Zato has.
//!
//! The password is compared first and everything else after it, so that nobody without it learns anything of the rest.
//! A nonce is to be used once: [`Verified::once`] names it and says how long it has to be remembered.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use busker_connector::{RateLimit, Settings};
use busker_model::object::Violation;
use busker_model::{Fault, Principal, Secret};
use ring::digest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::keyed::Keyed;
use crate::part::{self, MAX_PART_BYTES};
use crate::refusal::{missing, no_longer, wrong};
use crate::{Once, Verified};

mod token;

#[cfg(test)]
mod tests;

pub use token::{NAMESPACE, PasswordKind, UsernameToken, read};

/// The challenge, as Zato words it.
pub(crate) const CHALLENGE: &str = "zato-wss";
/// How far the clock of a caller may be ahead of ours, in seconds.
pub const CLOCK_SKEW_S: u32 = 60;
/// Longest age and longest memory of nonces that settings may ask for, in seconds: a day.
pub const MAX_AGE_S: u32 = 86_400;
/// Longest nonce, in bytes after Base64.
pub const MAX_NONCE_BYTES: usize = 256;

/// How callers prove that they know the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PasswordType {
    /// They send it (PasswordText).
    ClearText,
    /// They send a digest of it, of a nonce and of the time (PasswordDigest).
    Digest,
}

/// Settings of a security definition of kind `wss`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WssSettings {
    /// Username.
    #[schemars(length(min = 1, max = MAX_PART_BYTES))]
    pub username: String,
    /// Password; write-only.
    #[schemars(with = "String", length(min = 1, max = MAX_PART_BYTES), extend("writeOnly" = true))]
    pub password: Secret,
    /// How the password travels; a token of the other type is refused.
    #[serde(default = "clear_text")]
    pub password_type: PasswordType,
    /// Whether a token must have a Nonce and a Created.
    #[serde(default = "yes")]
    pub reject_empty_nonce_creat: bool,
    /// Whether a token that is older than `reject_expiry_limit` is refused; one without a Created has no age.
    #[serde(default = "yes")]
    pub reject_stale_tokens: bool,
    /// Oldest token, in seconds since its Created.
    #[serde(default = "five_minutes")]
    #[schemars(range(min = 1, max = MAX_AGE_S))]
    pub reject_expiry_limit: u32,
    /// How long a nonce is remembered, in seconds; never shorter than a token is taken.
    #[serde(default = "five_minutes")]
    #[schemars(range(min = 1, max = MAX_AGE_S))]
    pub nonce_freshness_time: u32,
    /// Most requests with these credentials; none sets no limit.
    #[serde(default)]
    pub rate_limit: Option<RateLimit>,
}

const fn clear_text() -> PasswordType {
    PasswordType::ClearText
}

const fn yes() -> bool {
    true
}

const fn five_minutes() -> u32 {
    300
}

impl Settings for WssSettings {
    const KIND: &'static str = "wss";
    const SECRETS: &'static [&'static str] = &["password"];

    fn check(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        part::check(&mut found, "settings.username", &self.username);
        part::check(&mut found, "settings.password", self.password.expose());
        for (field, seconds) in [
            ("settings.reject_expiry_limit", self.reject_expiry_limit),
            ("settings.nonce_freshness_time", self.nonce_freshness_time),
        ] {
            if !(1..=MAX_AGE_S).contains(&seconds) {
                found.push(Violation::new(
                    field,
                    format!("must be from 1 to {MAX_AGE_S} seconds"),
                ));
            }
        }
        found.extend(self.rate_limit.and_then(RateLimit::check));
        found
    }
}

/// A WS-Security definition made ready. It keeps the password, since a digest is made of it for each token.
#[derive(Clone)]
pub struct PreparedWss(Arc<Prepared>);

struct Prepared {
    settings: WssSettings,
    username: Keyed,
    password: Keyed,
    principal: Arc<Principal>,
}

impl fmt::Debug for PreparedWss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PreparedWss")
            .field(&self.0.settings)
            .finish()
    }
}

impl PreparedWss {
    /// Prepares a definition; `name` is the definition's and becomes the principal's.
    ///
    /// # Errors
    /// `Internal` when the operating system gives no random bytes.
    pub fn new(name: &str, settings: WssSettings) -> Result<Self, Fault> {
        Ok(Self(Arc::new(Prepared {
            username: Keyed::of(&[settings.username.as_bytes()])?,
            password: Keyed::of(&[settings.password.expose().as_bytes()])?,
            principal: crate::principal(name),
            settings,
        })))
    }

    /// Checks the token of an envelope.
    pub(crate) fn verify(
        &self,
        token: Option<&UsernameToken>,
        now_ms: i64,
    ) -> Result<Verified, Fault> {
        let needed = || {
            let message = "Credentials are needed: a wsse:UsernameToken in the SOAP header";
            missing(message, CHALLENGE)
        };
        let token = token.ok_or_else(needed)?;
        let nonce = token.nonce_bytes().map_err(|()| wrong(CHALLENGE))?;
        let knows = self.0.knows_username(token) & self.0.knows_password(token, nonce.as_deref());
        if !knows {
            return Err(wrong(CHALLENGE));
        }
        self.0.is_fresh(token, now_ms)?;
        Ok(Verified {
            principal: Arc::clone(&self.0.principal),
            once: nonce.map(|nonce| self.0.once(&nonce, now_ms)),
        })
    }
}

impl Prepared {
    fn knows_username(&self, token: &UsernameToken) -> bool {
        self.username.matches(&[token.username.as_bytes()])
    }

    /// A token of the other type is as wrong as a wrong password: nobody chooses the weaker one.
    fn knows_password(&self, token: &UsernameToken, nonce: Option<&[u8]>) -> bool {
        let shown = token.password.expose().as_bytes();
        match (self.settings.password_type, token.kind) {
            (PasswordType::ClearText, PasswordKind::Text) => self.password.matches(&[shown]),
            (PasswordType::Digest, PasswordKind::Digest) => {
                let created = token.created.as_deref().unwrap_or_default();
                let password = self.settings.password.expose();
                let right = password_digest(nonce.unwrap_or_default(), created, password);
                right.as_bytes().ct_eq(shown).into()
            }
            (PasswordType::ClearText, PasswordKind::Digest)
            | (PasswordType::Digest, PasswordKind::Text) => false,
        }
    }

    fn is_fresh(&self, token: &UsernameToken, now_ms: i64) -> Result<(), Fault> {
        let settings = &self.settings;
        if settings.reject_empty_nonce_creat && (token.nonce.is_none() || token.created.is_none()) {
            let message = "The security token needs a wsse:Nonce and a wsu:Created";
            return Err(no_longer(message, CHALLENGE));
        }
        if let Some(created) = token
            .created
            .as_deref()
            .filter(|_| settings.reject_stale_tokens)
        {
            let created = instant(created)?;
            let limit = settings.reject_expiry_limit;
            if now_ms - created > millis(limit) {
                let message = format!("The security token is stale: it is older than {limit} s");
                return Err(no_longer(message, CHALLENGE));
            }
            if created - now_ms > millis(CLOCK_SKEW_S) {
                let message = format!(
                    "The security token was created more than {CLOCK_SKEW_S} s in the future: look at the clock"
                );
                return Err(no_longer(message, CHALLENGE));
            }
        }
        if let Some(expires) = &token.expires
            && instant(expires)? + millis(CLOCK_SKEW_S) < now_ms
        {
            return Err(no_longer("The security header has expired", CHALLENGE));
        }
        Ok(())
    }

    /// It has to be remembered for as long as the token would be taken again.
    fn once(&self, nonce: &[u8], now_ms: i64) -> Once {
        let settings = &self.settings;
        let taken_for = settings.reject_expiry_limit.saturating_add(CLOCK_SKEW_S);
        let remembered = if settings.reject_stale_tokens {
            settings.nonce_freshness_time.max(taken_for)
        } else {
            settings.nonce_freshness_time
        };
        let mut hash = Sha256::new();
        for part in [self.principal.name.as_bytes(), nonce] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Once {
            id: hash
                .finalize()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
            until_ms: now_ms.saturating_add(millis(remembered)),
        }
    }
}

/// Base64(SHA-1(nonce + created + password)), as the profile says; SHA-1 is its choice.
fn password_digest(nonce: &[u8], created: &str, password: &str) -> String {
    let mut hash = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    hash.update(nonce);
    hash.update(created.as_bytes());
    hash.update(password.as_bytes());
    STANDARD.encode(hash.finish())
}

/// An `xsd:dateTime` in Unix milliseconds; one without a zone is UTC.
fn instant(text: &str) -> Result<i64, Fault> {
    let read = |text: &str| OffsetDateTime::parse(text, &Rfc3339);
    let read = read(text).or_else(|_| read(&format!("{text}Z")));
    let unreadable = |_| {
        no_longer(
            "The security token has a time that is no xsd:dateTime",
            CHALLENGE,
        )
    };
    let nanos = read.map_err(unreadable)?.unix_timestamp_nanos();
    Ok(i64::try_from(nanos / 1_000_000).unwrap_or(i64::MAX))
}

fn millis(seconds: u32) -> i64 {
    i64::from(seconds) * 1_000
}
