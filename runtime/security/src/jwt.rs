//! JSON Web Tokens (RFC 7519) as bearer tokens, signed as JWS (RFC 7515).
//!
//! The settings say which algorithm, issuer and audience; nothing in a token chooses any of them. A token that says
//! another algorithm, `none` among them, is refused before its signature is looked at.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use busker_model::{ErrorClass, Fault, Principal};
use serde::Deserialize;
use serde_json::Value;

use crate::Verified;
use crate::refusal::{missing, no_longer, wrong};

mod algorithm;
mod keys;
mod settings;
mod slot;

#[cfg(test)]
mod tests;

pub use algorithm::Algorithm;
pub use keys::{KeySet, MAX_JWKS_BYTES};
pub use settings::{JwtSettings, MAX_LEEWAY_S};
pub use slot::KeySlot;

/// Longest token, in bytes.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;
const CHALLENGE: &str = "Bearer";
const CHALLENGE_WRONG: &str = "Bearer error=\"invalid_token\"";

/// A JWT definition made ready.
#[derive(Clone)]
pub struct PreparedJwt(Arc<Prepared>);

struct Prepared {
    algorithm: Algorithm,
    keys: Keys,
    issuer: String,
    audience: String,
    leeway_s: u32,
    principal: Arc<Principal>,
}

enum Keys {
    Fixed(KeySet),
    Fetched(KeySlot),
}

impl fmt::Debug for PreparedJwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedJwt")
            .field("principal", &self.0.principal.name)
            .field("algorithm", &self.0.algorithm)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    /// What a reader must understand (RFC 7515, 4.1.11); we understand none.
    #[serde(default)]
    crit: Option<Value>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    exp: f64,
    #[serde(default)]
    nbf: Option<f64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl PreparedJwt {
    /// Prepares a definition; `name` is the definition's and becomes the principal's.
    ///
    /// # Errors
    /// `Invalid` when a key cannot be read.
    pub fn new(name: &str, settings: &JwtSettings) -> Result<Self, Fault> {
        let keys = match settings.keys().map_err(Fault::violations)? {
            Some(keys) => Keys::Fixed(keys),
            None => Keys::Fetched(KeySlot::new(settings.algorithm)),
        };
        Ok(Self(Arc::new(Prepared {
            algorithm: settings.algorithm,
            keys,
            issuer: settings.issuer.clone(),
            audience: settings.audience.clone(),
            leeway_s: settings.leeway_s,
            principal: crate::principal(name),
        })))
    }

    /// Where keys that are fetched go; `None` when the settings bring them.
    #[must_use]
    pub fn slot(&self) -> Option<&KeySlot> {
        match &self.0.keys {
            Keys::Fixed(_) => None,
            Keys::Fetched(slot) => Some(slot),
        }
    }

    pub(crate) fn verify(
        &self,
        authorization: Option<&[u8]>,
        now_ms: i64,
    ) -> Result<Verified, Fault> {
        let needed = || missing("Credentials are needed: a bearer token", CHALLENGE);
        let sent = authorization.filter(|header| !header.is_empty());
        let token = bearer(sent.ok_or_else(needed)?).ok_or_else(|| wrong(CHALLENGE_WRONG))?;
        let claims = self.0.open(token)?.ok_or_else(|| wrong(CHALLENGE_WRONG))?;
        self.0.holds(&claims, now_ms)?;
        Ok(Verified::of(&self.0.principal))
    }
}

impl Prepared {
    /// The claims of a token whose signature is right; `None` for any other.
    fn open(&self, token: &str) -> Result<Option<Claims>, Fault> {
        let Some((signed, signature)) = token.rsplit_once('.') else {
            return Ok(None);
        };
        let Some((header, payload)) = signed.split_once('.') else {
            return Ok(None);
        };
        let Some(header) = json::<Header>(header) else {
            return Ok(None);
        };
        if header.alg != self.algorithm.as_str() || header.crit.is_some() {
            return Ok(None);
        }
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else {
            return Ok(None);
        };
        let kid = header.kid.as_deref();
        let right = match &self.keys {
            Keys::Fixed(keys) => keys.verify(kid, signed.as_bytes(), &signature),
            Keys::Fetched(slot) => {
                let keys = slot.get();
                if !keys.as_ref().is_some_and(|keys| keys.knows(kid)) {
                    // The issuer may have changed its keys.
                    slot.ask();
                }
                let keys = keys.ok_or_else(no_keys)?;
                keys.verify(kid, signed.as_bytes(), &signature)
            }
        };
        Ok(if right { json(payload) } else { None })
    }

    fn holds(&self, claims: &Claims, now_ms: i64) -> Result<(), Fault> {
        let audience = match &claims.aud {
            Audience::One(one) => *one == self.audience,
            Audience::Many(many) => many.contains(&self.audience),
        };
        if claims.iss != self.issuer || !audience {
            return Err(no_longer(
                "The token is of another issuer, or for another audience",
                CHALLENGE_WRONG,
            ));
        }
        let leeway = f64::from(self.leeway_s);
        #[expect(
            clippy::cast_precision_loss,
            reason = "milliseconds of this age are exact in 53 bits"
        )]
        let now = now_ms as f64 / 1_000.0;
        let ended = now >= claims.exp + leeway;
        let early = claims.nbf.is_some_and(|from| now + leeway < from);
        if ended || early {
            return Err(no_longer(
                "The token has expired, or does not hold yet",
                CHALLENGE_WRONG,
            ));
        }
        Ok(())
    }
}

fn bearer(header: &[u8]) -> Option<&str> {
    if header.len() > MAX_TOKEN_BYTES {
        return None;
    }
    let (scheme, token) = std::str::from_utf8(header).ok()?.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim_start_matches(' '))
}

/// A part of a token. A field that is there twice is refused by serde.
fn json<T: for<'de> Deserialize<'de>>(part: &str) -> Option<T> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn no_keys() -> Fault {
    let message = "the keys that tokens are checked with could not be fetched yet";
    let mut fault = Fault::new(ErrorClass::Unavailable, message).code("keys-away");
    fault.detail_mut().retry_after_s = Some(slot::ASK_AGAIN_S);
    fault
}
