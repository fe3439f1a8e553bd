//! Security definitions, and who may use which.

use busker_connector::Kind;
use busker_model::{Family, Transport};
use busker_security::{
    ApiKeySettings, BasicAuthSettings, JwtSettings, MutualTlsSettings, TechAccountSettings,
    WssSettings,
};
use serde_json::json;

pub(crate) fn kinds() -> [Kind; 6] {
    let family = Family::Security;
    [
        Kind::of::<ApiKeySettings>(
            family,
            "an API key",
            || json!({"header": "X-API-Key", "key": "a long random key"}),
        ),
        Kind::of::<BasicAuthSettings>(
            family,
            "an HTTP Basic Auth definition",
            || json!({"username": "crm", "realm": "CRM", "password": "a long password"}),
        ),
        Kind::of::<JwtSettings>(family, "a JSON Web Token definition", || {
            json!({
                "algorithm": "HS256", "secret": "a secret of at least thirty-two bytes",
                "issuer": "https://id.example.com", "audience": "crm",
            })
        }),
        Kind::of::<MutualTlsSettings>(
            family,
            "a client certificate definition",
            || json!({"common_name": "crm.example.com"}),
        ),
        Kind::of::<TechAccountSettings>(
            family,
            "a technical account",
            || json!({"password": "a long password"}),
        ),
        Kind::of::<WssSettings>(
            family,
            "a WS-Security definition",
            || json!({"username": "crm", "password": "a long password", "password_type": "digest"}),
        ),
    ]
}

/// Kinds of security definition that an object of this family and kind group can use; `None` means any.
///
/// A UsernameToken needs an envelope to be in, and an outgoing connection needs something that it can send.
#[must_use]
pub fn usable_security(family: Family, group: &str) -> Option<&'static [&'static str]> {
    let is_soap = group == Transport::Soap.as_str();
    match family {
        Family::Outgoing if is_soap => Some(&["basic-auth", "wss"]),
        Family::Outgoing => Some(&["api-key", "basic-auth"]),
        Family::Channel if is_soap => None,
        Family::Channel => Some(&["api-key", "basic-auth", "jwt", "mutual-tls", "tech-account"]),
        Family::Definition | Family::Security | Family::Job | Family::Service => None,
    }
}
