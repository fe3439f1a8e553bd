//! Technical accounts, as Zato has them: the headers `X-Zato-User`, which is the definition's name, and
//! `X-Zato-Password`.

use std::sync::Arc;

use busker_connector::{RateLimit, Settings};
use busker_model::object::Violation;
use busker_model::{Fault, Principal, Secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::keyed::Keyed;
use crate::part::{self, MAX_PART_BYTES};
use crate::refusal::{missing, wrong};
use crate::{Shown, Verified};

/// The challenge, as Zato words it.
const CHALLENGE: &str = "zato-tech-acc";
const USER: &str = "X-Zato-User";
const PASSWORD: &str = "X-Zato-Password";

/// Settings of a security definition of kind `tech-account`; its name is the user's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TechAccountSettings {
    /// Password; write-only.
    #[schemars(with = "String", length(min = 1, max = MAX_PART_BYTES), extend("writeOnly" = true))]
    pub password: Secret,
    /// Most requests with these credentials; none sets no limit.
    #[serde(default)]
    pub rate_limit: Option<RateLimit>,
}

impl Settings for TechAccountSettings {
    const KIND: &'static str = "tech-account";
    const SECRETS: &'static [&'static str] = &["password"];

    fn check(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        part::check(&mut found, "settings.password", self.password.expose());
        found.extend(self.rate_limit.and_then(RateLimit::check));
        found
    }
}

/// A technical account made ready.
#[derive(Debug, Clone)]
pub struct PreparedTechAccount(Arc<Prepared>);

#[derive(Debug)]
struct Prepared {
    /// The right user and password.
    pair: Keyed,
    principal: Arc<Principal>,
}

impl PreparedTechAccount {
    /// Prepares a definition; `name` is the definition's, the user's and the principal's.
    ///
    /// # Errors
    /// `Internal` when the operating system gives no random bytes.
    pub fn new(name: &str, settings: &TechAccountSettings) -> Result<Self, Fault> {
        let password = settings.password.expose().as_bytes();
        Ok(Self(Arc::new(Prepared {
            pair: Keyed::of(&[name.as_bytes(), password])?,
            principal: crate::principal(name),
        })))
    }

    pub(crate) fn verify(&self, shown: &dyn Shown) -> Result<Verified, Fault> {
        let sent = |header: &str| {
            let value = shown.header(header).filter(|value| !value.is_empty());
            value.ok_or_else(|| {
                missing(
                    format!("Credentials are needed: header {header}"),
                    CHALLENGE,
                )
            })
        };
        let (user, password) = (sent(USER)?, sent(PASSWORD)?);
        if self.0.pair.matches(&[user, password]) {
            Ok(Verified::of(&self.0.principal))
        } else {
            Err(wrong(CHALLENGE))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::Fake;
    use crate::{MISSING, WRONG};

    fn prepared() -> PreparedTechAccount {
        let settings = TechAccountSettings {
            password: Secret::new("p ß"),
            rate_limit: None,
        };
        PreparedTechAccount::new("CRM", &settings).unwrap()
    }

    fn verify(headers: &[(&'static str, &str)]) -> Result<Verified, Fault> {
        prepared().verify(&Fake::with(headers))
    }

    #[test]
    fn the_name_of_the_definition_and_its_password_are_let_in() {
        let got = verify(&[("x-zato-user", "CRM"), ("x-zato-password", "p ß")]);
        assert_eq!(got.unwrap().principal.name, "CRM");
    }

    /// Headers, the code of the fault, and what it says.
    type Row = (
        &'static [(&'static str, &'static str)],
        &'static str,
        &'static str,
    );

    #[test]
    fn what_is_missing_or_wrong_is_refused_with_the_challenge_of_zato() {
        let rows: [Row; 8] = [
            (&[], MISSING, "X-Zato-User"),
            (&[("X-Zato-User", "CRM")], MISSING, "X-Zato-Password"),
            (&[("X-Zato-Password", "p ß")], MISSING, "X-Zato-User"),
            (
                &[("X-Zato-User", "CRM"), ("X-Zato-Password", "")],
                MISSING,
                "X-Zato-Password",
            ),
            (
                &[
                    ("X-Zato-User", "CRM"),
                    ("X-Zato-User", "CRM"),
                    ("X-Zato-Password", "p ß"),
                ],
                MISSING,
                "X-Zato-User",
            ),
            (
                &[("X-Zato-User", "CRM"), ("X-Zato-Password", "p s")],
                WRONG,
                "not right",
            ),
            (
                &[("X-Zato-User", "crm"), ("X-Zato-Password", "p ß")],
                WRONG,
                "not right",
            ),
            (
                &[("X-Zato-User", "CRMp"), ("X-Zato-Password", " ß")],
                WRONG,
                "not right",
            ),
        ];
        for (headers, code, says) in rows {
            let fault = verify(headers).unwrap_err();
            assert_eq!(fault.code_str(), Some(code), "{headers:?}");
            assert!(fault.message.contains(says), "{fault:?}");
            assert_eq!(
                fault.detail.unwrap().challenge.as_deref(),
                Some("zato-tech-acc")
            );
        }
    }

    #[test]
    fn nothing_prints_the_password() {
        assert!(!format!("{:?}", prepared()).contains('ß'));
    }

    proptest! {
        #[test]
        fn no_bytes_get_in_by_chance(password in prop::collection::vec(any::<u8>(), 0..64)) {
            let headers = vec![("X-Zato-User", b"CRM".to_vec()), ("X-Zato-Password", password)];
            let shown = Fake { headers, ..Fake::default() };
            prop_assert!(prepared().verify(&shown).is_err());
        }
    }
}
