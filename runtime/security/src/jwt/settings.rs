//! Settings of a security definition of kind `jwt`.

use busker_connector::{RateLimit, Settings};
use busker_model::object::Violation;
use busker_model::{Secret, secret::REDACTED};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::{Algorithm, KeySet};
use crate::part::{self, MAX_PART_BYTES};

/// Longest time by which clocks may differ, in seconds.
pub const MAX_LEEWAY_S: u32 = 600;
/// How often fetched keys may be asked for to be fetched again, in seconds.
const REFRESH_S: std::ops::RangeInclusive<u32> = 30..=86_400;

/// Settings of a security definition of kind `jwt`. Keys come from exactly one of `secret`, `public_key`, `jwks` and
/// `jwks_url`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JwtSettings {
    /// How tokens are signed; a token that says otherwise is refused.
    pub algorithm: Algorithm,
    /// The secret of HS256, HS384 and HS512, at least as long as their digest; write-only.
    #[serde(default)]
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    pub secret: Option<Secret>,
    /// The issuer's public key, in PEM, from -----BEGIN PUBLIC KEY----- on.
    #[serde(default)]
    pub public_key: Option<String>,
    /// The issuer's JSON Web Key Set, as text.
    #[serde(default)]
    pub jwks: Option<String>,
    /// Where the issuer publishes its key set: https, or http on this machine.
    #[serde(default)]
    pub jwks_url: Option<String>,
    /// How often it is fetched, in seconds; a token with an unknown key has it fetched at once, but not more often than every
    /// 10 s.
    #[serde(default = "refresh_s")]
    #[schemars(range(min = 30, max = 86_400))]
    pub jwks_refresh_s: u32,
    /// Who must have issued a token.
    #[schemars(length(min = 1, max = MAX_PART_BYTES))]
    pub issuer: String,
    /// Whom a token must be for.
    #[schemars(length(min = 1, max = MAX_PART_BYTES))]
    pub audience: String,
    /// How far clocks may differ, in seconds.
    #[serde(default = "leeway_s")]
    #[schemars(range(max = MAX_LEEWAY_S))]
    pub leeway_s: u32,
    /// Most requests with tokens of this definition; none sets no limit.
    #[serde(default)]
    pub rate_limit: Option<RateLimit>,
}

const fn refresh_s() -> u32 {
    300
}

const fn leeway_s() -> u32 {
    60
}

impl JwtSettings {
    /// The keys that the settings bring; `None` when they are to be fetched.
    pub(super) fn keys(&self) -> Result<Option<KeySet>, Vec<Violation>> {
        let algorithm = self.algorithm;
        let wrong = |field: &str, message: String| {
            vec![Violation::new(format!("settings.{field}"), message)]
        };
        if let Some(secret) = &self.secret {
            let set = KeySet::of_secret(algorithm, secret.expose().as_bytes());
            let message = "is for HS256, HS384 and HS512 only";
            return set
                .map(Some)
                .ok_or_else(|| wrong("secret", message.to_owned()));
        }
        if let Some(pem) = &self.public_key {
            let message = || {
                let algorithm = algorithm.as_str();
                format!(
                    "is no public key for {algorithm}; give the whole PEM file, from -----BEGIN PUBLIC KEY----- on"
                )
            };
            let set = KeySet::of_pem(algorithm, pem);
            return set.map(Some).ok_or_else(|| wrong("public_key", message()));
        }
        match &self.jwks {
            Some(text) => KeySet::of_jwks(algorithm, text.as_bytes())
                .map(Some)
                .map_err(|message| wrong("jwks", message.to_owned())),
            None => Ok(None),
        }
    }

    fn check_keys(&self, found: &mut Vec<Violation>) {
        let given = [
            self.secret.is_some(),
            self.public_key.is_some(),
            self.jwks.is_some(),
            self.jwks_url.is_some(),
        ];
        let given = given.into_iter().filter(|given| *given).count();
        let symmetric = self.algorithm.is_symmetric();
        let algorithm = self.algorithm.as_str();
        if symmetric && (given != 1 || self.secret.is_none()) {
            let message = format!("is what {algorithm} needs, and no other key beside it");
            found.push(Violation::new("settings.secret", message));
        } else if !symmetric && given != 1 {
            let message = format!("{algorithm} needs one of public_key, jwks and jwks_url");
            found.push(Violation::new("settings.public_key", message));
        } else if let Err(faults) = self.keys() {
            found.extend(faults);
        }
        let long_enough = |secret: &Secret| {
            // One that was kept is not shown to the check.
            secret.expose() == REDACTED || secret.expose().len() >= self.algorithm.secret_bytes()
        };
        if symmetric && !self.secret.as_ref().is_none_or(long_enough) {
            let bytes = self.algorithm.secret_bytes();
            let message =
                format!("must have at least {bytes} bytes for {algorithm} (RFC 7518, 3.2)");
            found.push(Violation::new("settings.secret", message));
        }
    }
}

impl Settings for JwtSettings {
    const KIND: &'static str = "jwt";
    const SECRETS: &'static [&'static str] = &["secret"];
    const NEEDS_SECRETS: bool = false;

    fn check(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        self.check_keys(&mut found);
        if let Some(url) = &self.jwks_url
            && !is_fit(url)
        {
            let message = "must be an https:// address without credentials, '?' and '#'; http:// is for this machine only";
            found.push(Violation::new("settings.jwks_url", message));
        }
        part::check(&mut found, "settings.issuer", &self.issuer);
        part::check(&mut found, "settings.audience", &self.audience);
        if !REFRESH_S.contains(&self.jwks_refresh_s) {
            let message = "must be from 30 to 86400 seconds";
            found.push(Violation::new("settings.jwks_refresh_s", message));
        }
        if self.leeway_s > MAX_LEEWAY_S {
            let message = format!("must be at most {MAX_LEEWAY_S} seconds");
            found.push(Violation::new("settings.leeway_s", message));
        }
        found.extend(self.rate_limit.and_then(RateLimit::check));
        found
    }
}

/// Keys over a wire that others can write on are no keys.
fn is_fit(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else {
        return false;
    };
    let plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    let here = match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    plain && (url.scheme() == "https" || (url.scheme() == "http" && here))
}
