//! What a connection shows of itself.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use busker_connector::Failure;
use busker_model::{ErrorClass, Secret, Transport};
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};

use crate::username_token::TokenWriter;

/// Credentials of an outgoing connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// HTTP Basic Auth.
    Basic {
        /// Username.
        username: String,
        /// Password.
        password: Secret,
    },
    /// A key in a header.
    ApiKey {
        /// Header.
        header: String,
        /// Key.
        key: Secret,
    },
    /// A WS-Security UsernameToken in each SOAP envelope.
    UsernameToken {
        /// Username.
        username: String,
        /// Password.
        password: Secret,
        /// Whether a digest of the password is sent instead of it.
        digest: bool,
    },
}

impl Credentials {
    pub(crate) const fn are_basic(&self) -> bool {
        matches!(self, Self::Basic { .. })
    }

    /// The header that carries them, if one does.
    pub(crate) fn header(
        &self,
        transport: Transport,
    ) -> Result<Option<(HeaderName, HeaderValue)>, Failure> {
        let unfit =
            |what: &str| Failure::ours(ErrorClass::Internal, format!("{what} cannot be sent"));
        let (name, text) = match self {
            Self::Basic { username, password } => {
                let pair = STANDARD.encode(format!("{username}:{}", password.expose()));
                (AUTHORIZATION, format!("Basic {pair}"))
            }
            Self::ApiKey { header, key } => {
                let name = HeaderName::from_bytes(header.as_bytes());
                let name = name.map_err(|_| unfit("the header of the key"))?;
                (name, key.expose().to_owned())
            }
            Self::UsernameToken { .. } if transport == Transport::Soap => return Ok(None),
            Self::UsernameToken { .. } => {
                return Err(unfit("a UsernameToken without a SOAP envelope"));
            }
        };
        let mut value = HeaderValue::from_str(&text).map_err(|_| unfit("the credentials"))?;
        value.set_sensitive(true);
        Ok(Some((name, value)))
    }

    /// What writes the token of each envelope.
    pub(crate) fn token(&self) -> Option<TokenWriter> {
        match self {
            Self::Basic { .. } | Self::ApiKey { .. } => None,
            Self::UsernameToken {
                username,
                password,
                digest,
            } => Some(TokenWriter {
                username: username.clone(),
                password: password.clone(),
                digest: *digest,
            }),
        }
    }
}
