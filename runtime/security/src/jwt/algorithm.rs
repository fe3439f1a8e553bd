//! The algorithms that tokens may be signed with (RFC 7518).

use ring::hmac;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, EcdsaVerificationAlgorithm,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How tokens are signed. ES512 is not there: ring has no P-521.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(
    missing_docs,
    reason = "each is named after the word of the RFC, and is that"
)]
pub enum Algorithm {
    HS256,
    HS384,
    HS512,
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
}

/// What an algorithm needs of a key.
pub(super) enum Scheme {
    Hmac(hmac::Algorithm),
    Rsa(&'static RsaParameters),
    Ecdsa(&'static EcdsaVerificationAlgorithm),
}

impl Algorithm {
    /// The word in tokens and settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
        }
    }

    /// Whether both sides share a secret.
    #[must_use]
    pub const fn is_symmetric(self) -> bool {
        matches!(self, Self::HS256 | Self::HS384 | Self::HS512)
    }

    /// Shortest secret, in bytes: as long as the digest (RFC 7518, 3.2).
    pub(super) const fn secret_bytes(self) -> usize {
        match self {
            Self::HS384 => 48,
            Self::HS512 => 64,
            Self::HS256
            | Self::RS256
            | Self::RS384
            | Self::RS512
            | Self::PS256
            | Self::PS384
            | Self::PS512
            | Self::ES256
            | Self::ES384 => 32,
        }
    }

    pub(super) fn scheme(self) -> Scheme {
        match self {
            Self::HS256 => Scheme::Hmac(hmac::HMAC_SHA256),
            Self::HS384 => Scheme::Hmac(hmac::HMAC_SHA384),
            Self::HS512 => Scheme::Hmac(hmac::HMAC_SHA512),
            Self::RS256 => Scheme::Rsa(&RSA_PKCS1_2048_8192_SHA256),
            Self::RS384 => Scheme::Rsa(&RSA_PKCS1_2048_8192_SHA384),
            Self::RS512 => Scheme::Rsa(&RSA_PKCS1_2048_8192_SHA512),
            Self::PS256 => Scheme::Rsa(&RSA_PSS_2048_8192_SHA256),
            Self::PS384 => Scheme::Rsa(&RSA_PSS_2048_8192_SHA384),
            Self::PS512 => Scheme::Rsa(&RSA_PSS_2048_8192_SHA512),
            Self::ES256 => Scheme::Ecdsa(&ECDSA_P256_SHA256_FIXED),
            Self::ES384 => Scheme::Ecdsa(&ECDSA_P384_SHA384_FIXED),
        }
    }

    /// Length of a coordinate on the curve, in bytes; 0 where there is no curve.
    pub(super) const fn coordinate_bytes(self) -> usize {
        match self {
            Self::ES256 => 32,
            Self::ES384 => 48,
            Self::HS256
            | Self::HS384
            | Self::HS512
            | Self::RS256
            | Self::RS384
            | Self::RS512
            | Self::PS256
            | Self::PS384
            | Self::PS512 => 0,
        }
    }

    /// The curve as a JWK names it; empty where there is none.
    pub(super) const fn curve(self) -> &'static str {
        match self.coordinate_bytes() {
            32 => "P-256",
            48 => "P-384",
            _ => "",
        }
    }
}
