//! The secret of a cluster, and the keys that are made of it: one for beacons, one for sessions.
//!
//! Whoever can write to Redis could otherwise make nodes dial him, or keep the dead in the roster.

use std::fmt;

use busker_model::{Fault, Secret};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Shortest secret, in characters: 128 bits in hexadecimal.
pub const SECRET_MIN: usize = 32;
/// Length of a signature in hexadecimal.
pub(crate) const SIGNATURE: usize = 64;
/// Length of the tag of a frame, in bytes: 128 bits.
pub(crate) const TAG: usize = 16;

type Signer = Hmac<Sha256>;

/// Keys of one cluster. Cheap to clone.
#[derive(Clone)]
pub struct ClusterKeys {
    beacon: Signer,
    cookie: Secret,
}

impl fmt::Debug for ClusterKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterKeys").finish_non_exhaustive()
    }
}

impl ClusterKeys {
    /// Keys from the secret that all nodes of a cluster share.
    ///
    /// # Errors
    /// `Invalid` when it is too short to be safe.
    pub fn new(secret: &Secret) -> Result<Self, Fault> {
        let text = secret.expose().trim();
        if text.len() < SECRET_MIN {
            return Err(Fault::invalid(format!(
                "cluster.secret_file: holds fewer than {SECRET_MIN} characters; \
                 give all nodes of the cluster the file that quickstart made"
            )));
        }
        let whole = signer(text.as_bytes())?;
        let derive = |label: &str| whole.clone().chain_update(label).finalize().into_bytes();
        Ok(Self {
            beacon: signer(&derive("busker beacon 1"))?,
            cookie: Secret::new(hex(&derive("busker session 1"))),
        })
    }

    /// What sessions prove to each other.
    pub(crate) fn cookie(&self) -> &Secret {
        &self.cookie
    }

    /// The tag of a frame, over parts of which only the last may vary in length.
    pub(crate) fn tag(&self, parts: &[&[u8]]) -> Vec<u8> {
        let mut tag = self.of_frame(parts).finalize().into_bytes().to_vec();
        tag.truncate(TAG);
        tag
    }

    /// Whether a tag is ours.
    pub(crate) fn is_tagged(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        tag.len() == TAG && self.of_frame(parts).verify_truncated_left(tag).is_ok()
    }

    fn of_frame(&self, parts: &[&[u8]]) -> Signer {
        let start = self.beacon.clone().chain_update("frame");
        parts
            .iter()
            .fold(start, |signer, part| signer.chain_update(part))
    }

    /// The signature of some bytes, in hexadecimal.
    pub(crate) fn sign(&self, bytes: &[u8]) -> String {
        let signed = self.beacon.clone().chain_update(bytes);
        hex(&signed.finalize().into_bytes())
    }

    /// Whether a signature is ours; takes the same time wherever it differs.
    pub(crate) fn is_signed(&self, bytes: &[u8], signature: &[u8]) -> bool {
        let Some(signature) = unhex(signature) else {
            return false;
        };
        let signed = self.beacon.clone().chain_update(bytes);
        signed.verify_slice(&signature).is_ok()
    }
}

fn signer(key: &[u8]) -> Result<Signer, Fault> {
    Signer::new_from_slice(key).map_err(|error| Fault::internal(error.to_string()))
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or_default();
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(digit).collect()
}

fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    let pairs = text.chunks_exact(2);
    pairs
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(secret: &str) -> ClusterKeys {
        ClusterKeys::new(&Secret::new(secret)).unwrap()
    }

    #[test]
    fn a_signature_is_of_one_secret_and_one_text() {
        let ours = keys("0123456789abcdef0123456789abcdef");
        let signature = ours.sign(b"hello");
        assert_eq!(signature.len(), SIGNATURE);
        assert!(ours.is_signed(b"hello", signature.as_bytes()));
        assert!(!ours.is_signed(b"hallo", signature.as_bytes()));
        assert!(!ours.is_signed(b"hello", b"zz"));
        let other = keys("fedcba9876543210fedcba9876543210");
        assert!(!other.is_signed(b"hello", signature.as_bytes()));
        assert_ne!(ours.cookie(), other.cookie());
    }

    #[test]
    fn a_secret_that_can_be_guessed_is_refused_by_name() {
        let fault = ClusterKeys::new(&Secret::new("short")).unwrap_err();
        assert!(fault.to_string().contains("cluster.secret_file"), "{fault}");
    }
}
