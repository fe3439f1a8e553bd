//! Keys: a secret, a public key in PEM, or a JSON Web Key Set (RFC 7517).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::signature::{RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::algorithm::{Algorithm, Scheme};

/// Longest JWKS, in bytes.
pub const MAX_JWKS_BYTES: usize = 256 * 1024;
/// Most keys of a set; further ones are not looked at.
const MAX_KEYS: usize = 64;

enum Key {
    Secret(hmac::Key),
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// A point, uncompressed.
    Ec(Vec<u8>),
}

/// Keys that one algorithm is checked with.
pub struct KeySet {
    algorithm: Algorithm,
    keys: Vec<(Option<String>, Key)>,
    /// Whether tokens choose among them by `kid`.
    named: bool,
}

impl std::fmt::Debug for KeySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeySet")
            .field("algorithm", &self.algorithm)
            .field("keys", &self.keys.len())
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<Jwk>,
}

/// The fields that are looked at; a set may hold keys of kinds that are not known here.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(default, rename = "use")]
    purpose: Option<String>,
    #[serde(default)]
    alg: Option<String>,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    n: Option<String>,
    #[serde(default)]
    e: Option<String>,
    #[serde(default)]
    crv: Option<String>,
    #[serde(default)]
    x: Option<String>,
    #[serde(default)]
    y: Option<String>,
}

impl KeySet {
    /// The set of one secret; `None` when the algorithm shares none.
    pub(super) fn of_secret(algorithm: Algorithm, secret: &[u8]) -> Option<Self> {
        let Scheme::Hmac(hash) = algorithm.scheme() else {
            return None;
        };
        Some(Self::one(
            algorithm,
            Key::Secret(hmac::Key::new(hash, secret)),
        ))
    }

    /// The set of one public key, in PEM.
    pub(super) fn of_pem(algorithm: Algorithm, pem: &str) -> Option<Self> {
        let (_, block) = parse_x509_pem(pem.as_bytes()).ok()?;
        if block.label != "PUBLIC KEY" {
            return None;
        }
        let (_, info) = SubjectPublicKeyInfo::from_der(&block.contents).ok()?;
        let key = match (algorithm.scheme(), info.parsed().ok()?) {
            (Scheme::Rsa(_), PublicKey::RSA(rsa)) => Key::Rsa {
                n: unpadded(rsa.modulus),
                e: unpadded(rsa.exponent),
            },
            (Scheme::Ecdsa(_), PublicKey::EC(point)) => {
                let point = point.data().to_vec();
                let whole = 1 + 2 * algorithm.coordinate_bytes();
                (point.len() == whole).then_some(Key::Ec(point))?
            }
            _ => return None,
        };
        Some(Self::one(algorithm, key))
    }

    /// The keys of a JWKS that are for this algorithm.
    ///
    /// # Errors
    /// What is wrong, without repeating a word of it.
    pub fn of_jwks(algorithm: Algorithm, text: &[u8]) -> Result<Self, &'static str> {
        if text.len() > MAX_JWKS_BYTES {
            return Err("is longer than 256 KiB");
        }
        let read: Jwks = serde_json::from_slice(text)
            .map_err(|_| "is no JSON Web Key Set: an object with a list of keys")?;
        let keys: Vec<_> = read
            .keys
            .into_iter()
            .take(MAX_KEYS)
            .filter_map(|jwk| Some((jwk.kid.clone(), jwk.key(algorithm)?)))
            .collect();
        if keys.is_empty() {
            return Err("holds no key for the algorithm");
        }
        Ok(Self {
            algorithm,
            keys,
            named: true,
        })
    }

    fn one(algorithm: Algorithm, key: Key) -> Self {
        Self {
            algorithm,
            keys: vec![(None, key)],
            named: false,
        }
    }

    /// Whether there is a key of that name.
    pub(super) fn knows(&self, kid: Option<&str>) -> bool {
        self.find(kid).is_some()
    }

    /// A token without a name is checked with the only key; where there are several it must say which.
    fn find(&self, kid: Option<&str>) -> Option<&Key> {
        match (self.keys.as_slice(), kid.filter(|_| self.named)) {
            ([(_, key)], None) => Some(key),
            (_, None) => None,
            (keys, Some(kid)) => {
                let found = keys.iter().find(|(name, _)| name.as_deref() == Some(kid));
                found.map(|(_, key)| key)
            }
        }
    }

    pub(super) fn verify(&self, kid: Option<&str>, message: &[u8], signature: &[u8]) -> bool {
        let Some(key) = self.find(kid) else {
            return false;
        };
        match (self.algorithm.scheme(), key) {
            (Scheme::Hmac(_), Key::Secret(secret)) => {
                hmac::verify(secret, message, signature).is_ok()
            }
            (Scheme::Rsa(how), Key::Rsa { n, e }) => {
                let key = RsaPublicKeyComponents { n, e };
                key.verify(how, message, signature).is_ok()
            }
            (Scheme::Ecdsa(how), Key::Ec(point)) => {
                let key = UnparsedPublicKey::new(how, point);
                key.verify(message, signature).is_ok()
            }
            (Scheme::Hmac(_), Key::Rsa { .. } | Key::Ec(_))
            | (Scheme::Rsa(_), Key::Secret(_) | Key::Ec(_))
            | (Scheme::Ecdsa(_), Key::Secret(_) | Key::Rsa { .. }) => false,
        }
    }
}

impl Jwk {
    fn key(&self, algorithm: Algorithm) -> Option<Key> {
        let for_this = self
            .purpose
            .as_deref()
            .is_none_or(|purpose| purpose == "sig")
            && self
                .alg
                .as_deref()
                .is_none_or(|alg| alg == algorithm.as_str());
        if !for_this {
            return None;
        }
        match (algorithm.scheme(), self.kty.as_str()) {
            (Scheme::Rsa(_), "RSA") => Some(Key::Rsa {
                n: unpadded(&decoded(self.n.as_deref())?),
                e: unpadded(&decoded(self.e.as_deref())?),
            }),
            (Scheme::Ecdsa(_), "EC") if self.crv.as_deref() == Some(algorithm.curve()) => {
                let (x, y) = (decoded(self.x.as_deref())?, decoded(self.y.as_deref())?);
                let whole = algorithm.coordinate_bytes();
                let fits = x.len() == whole && y.len() == whole;
                fits.then(|| Key::Ec([&[4], x.as_slice(), y.as_slice()].concat()))
            }
            // A secret has no place in a set that is published.
            _ => None,
        }
    }
}

fn decoded(text: Option<&str>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text?).ok()
}

/// A number as ring wants it: without leading zeros.
fn unpadded(number: &[u8]) -> Vec<u8> {
    number
        .iter()
        .copied()
        .skip_while(|&byte| byte == 0)
        .collect()
}
