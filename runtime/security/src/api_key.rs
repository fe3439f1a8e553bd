//! API keys: one secret in a header, or, where a definition says so, in the query.

use std::sync::Arc;

use busker_connector::{RateLimit, Settings};
use busker_model::object::Violation;
use busker_model::{Fault, Principal, Secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::form_urlencoded;

use crate::keyed::Keyed;
use crate::part::{self, MAX_PART_BYTES};
use crate::refusal::{missing, wrong};
use crate::{Shown, Verified};

/// Longest name of a header or parameter, in bytes.
const MAX_NAME_BYTES: usize = 64;
/// Headers about one hop, the framing of the body or the session of a browser: none of them carries a key.
const NOT_FOR_KEYS: [&str; 9] = [
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Settings of a security definition of kind `api-key`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiKeySettings {
    /// Header that carries the key.
    #[serde(default = "default_header")]
    #[schemars(length(min = 1, max = MAX_NAME_BYTES))]
    pub header: String,
    /// Parameter of the query that may carry it instead; none unless given, since queries end up in logs on the way.
    #[serde(default)]
    pub query: Option<String>,
    /// The key; write-only.
    #[schemars(with = "String", length(min = 1, max = MAX_PART_BYTES), extend("writeOnly" = true))]
    pub key: Secret,
    /// Most requests with this key; none sets no limit.
    #[serde(default)]
    pub rate_limit: Option<RateLimit>,
}

fn default_header() -> String {
    "X-API-Key".to_owned()
}

impl Settings for ApiKeySettings {
    const KIND: &'static str = "api-key";
    const SECRETS: &'static [&'static str] = &["key"];

    fn check(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        let lower = self.header.to_ascii_lowercase();
        if !is_name(&self.header) || NOT_FOR_KEYS.contains(&lower.as_str()) {
            let message = "must be the name of a header that is free for a key, such as X-API-Key";
            found.push(Violation::new("settings.header", message));
        }
        if self.query.as_ref().is_some_and(|name| !is_name(name)) {
            let message = "must be the name of a parameter, such as api_key, or left out";
            found.push(Violation::new("settings.query", message));
        }
        part::check(&mut found, "settings.key", self.key.expose());
        if !self.key.expose().is_ascii() {
            found.push(Violation::new("settings.key", "may hold ASCII only"));
        }
        found.extend(self.rate_limit.and_then(RateLimit::check));
        found
    }
}

/// Letters, digits, `-` and `_`: what every proxy passes on.
fn is_name(text: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=MAX_NAME_BYTES).contains(&text.len()) && text.bytes().all(fine)
}

/// An API key made ready.
#[derive(Debug, Clone)]
pub struct PreparedApiKey(Arc<Prepared>);

#[derive(Debug)]
struct Prepared {
    header: String,
    query: Option<String>,
    key: Keyed,
    challenge: String,
    principal: Arc<Principal>,
}

impl PreparedApiKey {
    /// Prepares a definition; `name` is the definition's and becomes the principal's.
    ///
    /// # Errors
    /// `Internal` when the operating system gives no random bytes.
    pub fn new(name: &str, settings: &ApiKeySettings) -> Result<Self, Fault> {
        Ok(Self(Arc::new(Prepared {
            challenge: format!("ApiKey header=\"{}\"", settings.header),
            header: settings.header.clone(),
            query: settings.query.clone(),
            key: Keyed::of(&[settings.key.expose().as_bytes()])?,
            principal: crate::principal(name),
        })))
    }

    pub(crate) fn parameter(&self) -> Option<&str> {
        self.0.query.as_deref()
    }

    /// The header goes first: a request that has both is one of the header.
    pub(crate) fn verify(&self, shown: &dyn Shown) -> Result<Verified, Fault> {
        let prepared = &*self.0;
        let right = match shown.header(&prepared.header).filter(|key| !key.is_empty()) {
            Some(key) => prepared.key.matches(&[key]),
            None => prepared.in_query(shown.query())?,
        };
        if right {
            Ok(Verified::of(&prepared.principal))
        } else {
            Err(wrong(&prepared.challenge))
        }
    }
}

impl Prepared {
    fn in_query(&self, query: &str) -> Result<bool, Fault> {
        let needed = || {
            let message = format!("Credentials are needed: header {}", self.header);
            missing(message, &self.challenge)
        };
        let name = self.query.as_ref().ok_or_else(needed)?;
        let pairs = form_urlencoded::parse(query.as_bytes());
        let mut sent = pairs.filter(|(known, _)| known == name);
        match (sent.next(), sent.next()) {
            (Some((_, key)), None) if !key.is_empty() => Ok(self.key.matches(&[key.as_bytes()])),
            _ => Err(needed()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::Fake;
    use crate::{MISSING, WRONG};

    fn settings(query: Option<&str>) -> ApiKeySettings {
        ApiKeySettings {
            header: default_header(),
            query: query.map(str::to_owned),
            key: Secret::new("k+y/1="),
            rate_limit: None,
        }
    }

    fn prepared(query: Option<&str>) -> PreparedApiKey {
        PreparedApiKey::new("partner", &settings(query)).unwrap()
    }

    fn in_query(prepared: &PreparedApiKey, query: &str) -> Option<&'static str> {
        let shown = Fake {
            query: query.to_owned(),
            ..Fake::default()
        };
        prepared
            .verify(&shown)
            .err()
            .and_then(|fault| fault.code_str())
    }

    #[test]
    fn a_key_in_the_header_is_let_in_and_another_is_not() {
        let key = prepared(None);
        let sent = |headers: &[(&'static str, &str)]| key.verify(&Fake::with(headers));
        let got = sent(&[("x-api-key", "k+y/1=")]).unwrap();
        assert_eq!(got.principal.name, "partner");
        for (headers, code) in [
            (&[("X-API-Key", "k+y/1")][..], WRONG),
            (&[("X-API-Key", "K+Y/1=")], WRONG),
            (&[("X-API-Key", " k+y/1=")], WRONG),
            (&[("X-API-Key", "")], MISSING),
            (&[("Authorization", "k+y/1=")], MISSING),
            (&[("X-API-Key", "k+y/1="), ("X-API-Key", "k+y/1=")], MISSING),
        ] {
            let fault = sent(headers).unwrap_err();
            assert_eq!(fault.code_str(), Some(code), "{headers:?}");
            let challenge = fault.detail.unwrap().challenge.unwrap();
            assert_eq!(challenge, "ApiKey header=\"X-API-Key\"");
        }
    }

    #[test]
    fn the_query_is_read_only_where_the_definition_says_so() {
        assert_eq!(
            in_query(&prepared(None), "api_key=k%2By/1%3D"),
            Some(MISSING)
        );
        let key = prepared(Some("api_key"));
        assert_eq!(in_query(&key, "a=b&api_key=k%2By/1%3D"), None);
        assert_eq!(
            in_query(&key, "api_key=k+y/1="),
            Some(WRONG),
            "a plus is a space there"
        );
        assert_eq!(
            in_query(&key, "api_key=x&api_key=k%2By/1%3D"),
            Some(MISSING)
        );
        assert_eq!(in_query(&key, "API_KEY=k%2By/1%3D"), Some(MISSING));
    }

    #[test]
    fn settings_list_all_their_faults() {
        let bad = ApiKeySettings {
            header: "Cookie".into(),
            query: Some("a b".into()),
            key: Secret::new("ä\n"),
            rate_limit: Some(RateLimit {
                requests: 0,
                per: busker_connector::Per::Hour,
            }),
        };
        let fields: Vec<String> = bad.check().into_iter().map(|fault| fault.field).collect();
        assert_eq!(
            fields,
            [
                "settings.header",
                "settings.query",
                "settings.key",
                "settings.key",
                "settings.rate_limit.requests"
            ]
        );
        assert!(settings(Some("api_key")).check().is_empty());
        assert!(!format!("{bad:?}{:?}", prepared(None)).contains("k+y"));
    }

    proptest! {
        #[test]
        fn no_query_panics_or_gets_in_by_chance(query in "\\PC{0,80}") {
            prop_assert!(in_query(&prepared(Some("api_key")), &query).is_some());
        }
    }
}
