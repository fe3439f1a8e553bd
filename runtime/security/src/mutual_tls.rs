//! Client certificates: the listener has checked that an authority it trusts issued one; a definition says whose.

use std::sync::Arc;

use busker_connector::{RateLimit, Settings};
use busker_model::object::Violation;
use busker_model::{Fault, Principal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::part::{self, MAX_PART_BYTES};
use crate::refusal::{missing, wrong};
use crate::{Shown, Verified};

const CHALLENGE: &str = "mutual-tls";
/// Length of a fingerprint: SHA-256 in hexadecimal.
const FINGERPRINT_LETTERS: usize = 64;

/// Settings of a security definition of kind `mutual-tls`: all that is given must match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MutualTlsSettings {
    /// The only common name of the subject.
    #[serde(default)]
    pub common_name: Option<String>,
    /// One of the alternative names: a DNS name, an e-mail address or a URI, as it is written there.
    #[serde(default)]
    pub alternative_name: Option<String>,
    /// SHA-256 of the certificate, in hexadecimal, with or without colons.
    #[serde(default)]
    pub fingerprint: Option<String>,
    /// Most requests with the certificate; none sets no limit.
    #[serde(default)]
    pub rate_limit: Option<RateLimit>,
}

impl Settings for MutualTlsSettings {
    const KIND: &'static str = "mutual-tls";

    fn check(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        for (field, name) in [
            ("settings.common_name", &self.common_name),
            ("settings.alternative_name", &self.alternative_name),
        ] {
            if let Some(name) = name {
                part::check(&mut found, field, name);
            }
        }
        let wrong = |text: &String| plain(text).is_none();
        if self.fingerprint.as_ref().is_some_and(wrong) {
            let message =
                "must be SHA-256 in hexadecimal, as openssl x509 -fingerprint -sha256 prints it";
            found.push(Violation::new("settings.fingerprint", message));
        }
        let given = [&self.common_name, &self.alternative_name, &self.fingerprint];
        if given.iter().all(|given| given.is_none()) {
            let message =
                "is needed, or alternative_name, or fingerprint: else every certificate would do";
            found.push(Violation::new("settings.common_name", message));
        }
        found.extend(self.rate_limit.and_then(RateLimit::check));
        found
    }
}

/// A fingerprint in small letters without colons; `None` when it is none.
fn plain(text: &str) -> Option<String> {
    if text.len() > MAX_PART_BYTES {
        return None;
    }
    let plain = text.replace(':', "").to_ascii_lowercase();
    let fits = plain.len() == FINGERPRINT_LETTERS && plain.bytes().all(|b| b.is_ascii_hexdigit());
    fits.then_some(plain)
}

/// The certificate of a client, as it was shown and checked when its connection was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    fingerprint: String,
    /// None unless there is exactly one: of two, each side may read another.
    common_name: Option<String>,
    alternative_names: Vec<String>,
}

impl ClientCertificate {
    /// Reads a certificate, in DER; one that cannot be read has a fingerprint and no names.
    #[must_use]
    pub fn of_der(der: &[u8]) -> Self {
        let digest = Sha256::digest(der);
        let mut certificate = Self {
            fingerprint: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            common_name: None,
            alternative_names: Vec::new(),
        };
        if let Ok((_, read)) = X509Certificate::from_der(der) {
            let mut names = read.subject().iter_common_name();
            if let (Some(only), None) = (names.next(), names.next()) {
                certificate.common_name = only.as_str().ok().map(str::to_owned);
            }
            if let Ok(Some(names)) = read.subject_alternative_name() {
                let names = names.value.general_names.iter();
                certificate.alternative_names = names.filter_map(name).collect();
            }
        }
        certificate
    }
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) | GeneralName::RFC822Name(name) | GeneralName::URI(name) => {
            Some((*name).to_owned())
        }
        GeneralName::OtherName(..)
        | GeneralName::X400Address(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EDIPartyName(_)
        | GeneralName::IPAddress(_)
        | GeneralName::RegisteredID(_)
        | GeneralName::Invalid(..) => None,
    }
}

/// A definition of client certificates made ready. Nothing of it is a secret: what is compared is public.
#[derive(Debug, Clone)]
pub struct PreparedMutualTls(Arc<Prepared>);

#[derive(Debug)]
struct Prepared {
    settings: MutualTlsSettings,
    fingerprint: Option<String>,
    principal: Arc<Principal>,
}

impl PreparedMutualTls {
    /// Prepares a definition; `name` is the definition's and becomes the principal's.
    #[must_use]
    pub fn new(name: &str, settings: MutualTlsSettings) -> Self {
        Self(Arc::new(Prepared {
            fingerprint: settings.fingerprint.as_deref().and_then(plain),
            settings,
            principal: crate::principal(name),
        }))
    }

    pub(crate) fn verify(&self, shown: &dyn Shown) -> Result<Verified, Fault> {
        let needed = || missing("Credentials are needed: a client certificate", CHALLENGE);
        let certificate = shown.certificate().ok_or_else(needed)?;
        if self.0.matches(certificate) {
            Ok(Verified::of(&self.0.principal))
        } else {
            Err(wrong(CHALLENGE))
        }
    }
}

impl Prepared {
    fn matches(&self, certificate: &ClientCertificate) -> bool {
        let MutualTlsSettings {
            common_name,
            alternative_name,
            fingerprint,
            ..
        } = &self.settings;
        let by_name = common_name.is_none() || *common_name == certificate.common_name;
        let by_alternative = alternative_name
            .as_ref()
            .is_none_or(|name| certificate.alternative_names.contains(name));
        let by_fingerprint =
            fingerprint.is_none() || self.fingerprint.as_deref() == Some(&certificate.fingerprint);
        by_name && by_alternative && by_fingerprint
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fake;
    use crate::{MISSING, WRONG};

    /// `openssl req -x509 -newkey ec -subj "/O=Acme/CN=crm" -addext subjectAltName=...`.
    const PEM: &str = include_str!("../testdata/client.pem");

    fn certificate() -> ClientCertificate {
        let (_, pem) = x509_parser::pem::parse_x509_pem(PEM.as_bytes()).unwrap();
        ClientCertificate::of_der(&pem.contents)
    }

    fn settings() -> MutualTlsSettings {
        MutualTlsSettings {
            common_name: None,
            alternative_name: None,
            fingerprint: None,
            rate_limit: None,
        }
    }

    fn verify(settings: MutualTlsSettings) -> Option<&'static str> {
        assert_eq!(settings.check(), []);
        let shown = Fake {
            certificate: Some(certificate()),
            ..Fake::default()
        };
        let verified = PreparedMutualTls::new("crm", settings).verify(&shown);
        verified.err().and_then(|fault| fault.code_str())
    }

    #[test]
    fn all_that_is_given_must_match() {
        let some = |text: &str| Some(text.to_owned());
        let own = certificate().fingerprint;
        let pairs: Vec<&str> = (0..32)
            .map(|at| own.get(2 * at..2 * at + 2).unwrap())
            .collect();
        let printed = pairs.join(":").to_uppercase();
        for (common_name, alternative_name, fingerprint, fits) in [
            (some("crm"), None, None, true),
            (None, some("crm.example.com"), None, true),
            (None, some("crm@example.com"), None, true),
            (None, some("spiffe://example/crm"), None, true),
            (None, None, some(&printed), true),
            (some("crm"), some("crm.example.com"), some(&own), true),
            (some("CRM"), None, None, false),
            (some("Acme"), None, None, false),
            (None, some("example.com"), None, false),
            (some("crm"), some("other.example.com"), None, false),
            (some("crm"), None, some(&"0".repeat(64)), false),
        ] {
            let settings = MutualTlsSettings {
                common_name,
                alternative_name,
                fingerprint,
                ..settings()
            };
            let expected = (!fits).then_some(WRONG);
            assert_eq!(verify(settings.clone()), expected, "{settings:?}");
        }
    }

    #[test]
    fn without_a_certificate_nobody_is_let_in_and_without_a_name_nothing_is_configured() {
        let named = MutualTlsSettings {
            common_name: Some("crm".to_owned()),
            ..settings()
        };
        let fault = PreparedMutualTls::new("crm", named)
            .verify(&Fake::default())
            .unwrap_err();
        assert_eq!(fault.code_str(), Some(MISSING));
        assert_eq!(settings().check()[0].field, "settings.common_name");
        let odd = MutualTlsSettings {
            fingerprint: Some("abc".to_owned()),
            ..settings()
        };
        assert_eq!(odd.check()[0].field, "settings.fingerprint");
    }

    #[test]
    fn bytes_that_are_no_certificate_have_no_names() {
        let odd = ClientCertificate::of_der(b"\x30\x03abc");
        assert_eq!((odd.common_name, odd.alternative_names), (None, Vec::new()));
    }
}
