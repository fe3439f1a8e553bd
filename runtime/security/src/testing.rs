//! A request for the tests of all kinds.

use crate::{ClientCertificate, Shown, UsernameToken};

/// Unix milliseconds at which the tests take place: 2025-11-24T16:00:00Z.
pub(crate) const NOW_MS: i64 = 1_764_000_000_000;

#[derive(Debug, Default)]
pub(crate) struct Fake {
    pub(crate) headers: Vec<(&'static str, Vec<u8>)>,
    pub(crate) query: String,
    pub(crate) certificate: Option<ClientCertificate>,
}

impl Fake {
    pub(crate) fn with(headers: &[(&'static str, &str)]) -> Self {
        let headers = headers.iter();
        Self {
            headers: headers
                .map(|(name, value)| (*name, value.as_bytes().to_vec()))
                .collect(),
            ..Self::default()
        }
    }
}

impl Shown for Fake {
    fn header(&self, name: &str) -> Option<&[u8]> {
        let mut found = self
            .headers
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name));
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }

    fn query(&self) -> &str {
        &self.query
    }

    fn token(&self) -> Option<&UsernameToken> {
        None
    }

    fn certificate(&self) -> Option<&ClientCertificate> {
        self.certificate.as_ref()
    }

    fn now_ms(&self) -> i64 {
        NOW_MS
    }
}
