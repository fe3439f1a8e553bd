//! A digest under a key of this process, in place of the secret itself.

use std::fmt;

use busker_model::Fault;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// HMAC-SHA-256 of some texts. With a key of our own, equal digests mean equal texts, and the time it takes to compare
/// tells nothing of where two texts differ.
#[derive(Clone)]
pub(crate) struct Keyed {
    key: [u8; 32],
    digest: [u8; 32],
}

impl Keyed {
    /// Digests texts under a new key.
    ///
    /// # Errors
    /// `Internal` when the operating system gives no random bytes.
    pub(crate) fn of(texts: &[&[u8]]) -> Result<Self, Fault> {
        let mut key = [0_u8; 32];
        getrandom::fill(&mut key).map_err(|error| {
            Fault::internal("a security definition could not be prepared")
                .operator(format!("no random bytes: {error}"))
        })?;
        let digest = digest(&key, texts);
        Ok(Self { key, digest })
    }

    /// Whether these are the texts.
    pub(crate) fn matches(&self, shown: &[&[u8]]) -> bool {
        digest(&self.key, shown).ct_eq(&self.digest).into()
    }
}

impl fmt::Debug for Keyed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyed")
    }
}

fn digest(key: &[u8; 32], texts: &[&[u8]]) -> [u8; 32] {
    // Every key length is fine for HMAC (RFC 2104), so the only error there is cannot happen; an all-zero digest of what
    // was *shown* would still have to equal the stored one.
    let Ok(mut mac) = <Hmac<Sha256> as Mac>::new_from_slice(key) else {
        return [0; 32];
    };
    for text in texts {
        // Lengths first, so that no two lists read alike.
        mac.update(&(text.len() as u64).to_be_bytes());
        mac.update(text);
    }
    mac.finalize().into_bytes().into()
}
