//! Who is asking: what a request shows against a security definition, as pure functions.
//!
//! It opens nothing, looks nothing up and keeps no state: a channel holds its prepared [`Definition`] and calls
//! [`verify`] for each request. What a definition needs of the outside is handed to it or back: keys of a JWKS come
//! through a [`jwt::KeySlot`], and a nonce that must be used once is the caller's to claim ([`NonceBook`]). Users and
//! tokens of the public API are checked elsewhere, since they need the ODB. Each kind is one file; start with [`basic`].

use std::sync::Arc;

use busker_model::{Fault, Principal};

pub mod api_key;
pub mod basic;
pub mod jwt;
mod keyed;
pub mod mutual_tls;
mod once;
mod part;
mod refusal;
pub mod tech_account;
pub mod wss;

pub use api_key::{ApiKeySettings, PreparedApiKey};
pub use basic::{BasicAuthSettings, PreparedBasic};
pub use jwt::{JwtSettings, PreparedJwt};
pub use mutual_tls::{ClientCertificate, MutualTlsSettings, PreparedMutualTls};
pub use once::{NonceBook, Once};
pub use part::MAX_PART_BYTES;
pub use refusal::{MISSING, WRONG};
pub use tech_account::{PreparedTechAccount, TechAccountSettings};
pub use wss::{PreparedWss, UsernameToken, WssSettings};

/// A security definition made ready for requests.
#[derive(Debug, Clone)]
pub enum Definition {
    /// HTTP Basic Auth.
    BasicAuth(PreparedBasic),
    /// A technical account, as Zato has them.
    TechAccount(PreparedTechAccount),
    /// A key in a header.
    ApiKey(PreparedApiKey),
    /// A WS-Security UsernameToken.
    Wss(PreparedWss),
    /// A signed token.
    Jwt(PreparedJwt),
    /// The certificate of a client.
    MutualTls(PreparedMutualTls),
}

impl Definition {
    /// Whether the credentials are in the body, so that it has to be read first.
    #[must_use]
    pub const fn reads_body(&self) -> bool {
        matches!(self, Self::Wss(_))
    }

    /// The parameter of the query that may carry a secret: it is not for the service.
    #[must_use]
    pub fn secret_parameter(&self) -> Option<&str> {
        match self {
            Self::ApiKey(key) => key.parameter(),
            Self::BasicAuth(_)
            | Self::TechAccount(_)
            | Self::Wss(_)
            | Self::Jwt(_)
            | Self::MutualTls(_) => None,
        }
    }
}

/// What a request shows of itself.
pub trait Shown {
    /// The value of a header as received; `None` when it is not there, or is there twice: two of them are an attempt to
    /// have each side read another one.
    fn header(&self, name: &str) -> Option<&[u8]>;

    /// The query string.
    fn query(&self) -> &str;

    /// The UsernameToken of its SOAP envelope.
    fn token(&self) -> Option<&UsernameToken>;

    /// The certificate of its client, which the listener has checked.
    fn certificate(&self) -> Option<&ClientCertificate>;

    /// Unix time in milliseconds.
    fn now_ms(&self) -> i64;
}

/// Who is asking, as far as a definition can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Who.
    pub principal: Arc<Principal>,
    /// What makes it hold for this request only: the caller claims it, and refuses the request if it cannot.
    pub once: Option<Once>,
}

impl Verified {
    fn of(principal: &Arc<Principal>) -> Self {
        Self {
            principal: Arc::clone(principal),
            once: None,
        }
    }
}

/// Finds out who is asking.
///
/// # Errors
/// `Unauthenticated` with the challenge. Its code is [`MISSING`] or [`WRONG`], and nothing tells which part was wrong.
/// `Unavailable` while a definition has not got its keys yet.
pub fn verify(definition: &Definition, shown: &dyn Shown) -> Result<Verified, Fault> {
    match definition {
        Definition::BasicAuth(basic) => basic
            .verify(shown.header("authorization"))
            .map(|principal| Verified::of(&principal)),
        Definition::TechAccount(account) => account.verify(shown),
        Definition::ApiKey(key) => key.verify(shown),
        Definition::Wss(wss) => wss.verify(shown.token(), shown.now_ms()),
        Definition::MutualTls(certificate) => certificate.verify(shown),
        Definition::Jwt(jwt) => jwt.verify(shown.header("authorization"), shown.now_ms()),
    }
}

fn principal(definition: &str) -> Arc<Principal> {
    Arc::new(Principal::new(definition, None))
}

#[cfg(test)]
mod testing;
