//! What a node says of itself several times a second, and how that is read.
//!
//! On the wire: 64 hexadecimal digits of HMAC-SHA-256 over the rest, then JSON. A beacon is state, said again and again:
//! losing one loses nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::limits::{BEACON_BYTES, PROTOCOL};
use crate::member::MemberId;
use crate::secret::{ClusterKeys, SIGNATURE};

/// Where a node is in its life with the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// It makes sure that nobody has its name.
    Joining,
    /// It is one of us.
    Member,
    /// It says good-bye.
    Leaving,
}

/// What others want to know of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// Where it takes sessions.
    pub session_address: String,
    /// Where its channels listen.
    pub http_address: String,
    /// Where its API listens.
    pub admin_address: String,
    /// `starting`, `running`, `standby`, `draining`, `failed`.
    pub state: String,
    /// Revision of the configuration it runs; below 0 before the first.
    pub revision: i64,
    /// Version of the program.
    pub version: String,
    /// Digest of the services it was built with.
    pub built_in: String,
    /// Requests it runs now.
    pub in_flight: u64,
    /// Roles it holds, with their epochs.
    pub roles: BTreeMap<String, i64>,
}

/// One beacon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beacon {
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// Cluster.
    pub cluster: String,
    /// Who.
    pub id: MemberId,
    /// When it booted, Unix milliseconds of its clock.
    pub born_ms: i64,
    /// Rises by one with each beacon of a boot: an old one that is played again is no sign of life.
    pub number: u64,
    /// When it was sent, Unix milliseconds of its clock.
    pub sent_ms: i64,
    /// Where it is.
    pub phase: Phase,
    /// The rest.
    pub facts: Facts,
}

/// The part of a beacon that every version has.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Header {
    /// Version.
    pub protocol: u32,
    /// Cluster.
    pub cluster: String,
    /// Who.
    pub id: MemberId,
}

/// A beacon as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// Of our version.
    Beacon(Box<Beacon>),
    /// Of another version.
    Foreign(Header),
}

/// Why a beacon was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BeaconError {
    /// Longer than a beacon may be.
    #[error("it is longer than {BEACON_BYTES} bytes")]
    TooLong,
    /// Its signature is not of our secret.
    #[error(
        "it is not signed with the secret of this cluster: compare cluster.secret_file of the nodes"
    )]
    Forged,
    /// It is no beacon.
    #[error("it cannot be read")]
    Unreadable,
    /// It is of a cluster of another name.
    #[error("it is of another cluster: two clusters share one secret and one Redis")]
    OtherCluster,
}

impl Beacon {
    /// The beacon as it goes over the wire.
    ///
    /// # Errors
    /// [`BeaconError::Unreadable`] when it has no form in JSON, [`BeaconError::TooLong`].
    pub fn seal(&self, keys: &ClusterKeys) -> Result<Vec<u8>, BeaconError> {
        let text = serde_json::to_string(self).map_err(|_| BeaconError::Unreadable)?;
        let mut bytes = keys.sign(text.as_bytes()).into_bytes();
        bytes.extend_from_slice(text.as_bytes());
        if bytes.len() > BEACON_BYTES {
            return Err(BeaconError::TooLong);
        }
        Ok(bytes)
    }

    /// Reads what came over the wire. Nothing is parsed before its signature is known.
    ///
    /// # Errors
    /// [`BeaconError`].
    pub fn open(bytes: &[u8], keys: &ClusterKeys, cluster: &str) -> Result<Heard, BeaconError> {
        if bytes.len() > BEACON_BYTES {
            return Err(BeaconError::TooLong);
        }
        let (signature, text) = bytes
            .split_at_checked(SIGNATURE)
            .ok_or(BeaconError::Unreadable)?;
        if !keys.is_signed(text, signature) {
            return Err(BeaconError::Forged);
        }
        let header: Header = serde_json::from_slice(text).map_err(|_| BeaconError::Unreadable)?;
        if header.cluster != cluster {
            return Err(BeaconError::OtherCluster);
        }
        if header.protocol != PROTOCOL {
            return Ok(Heard::Foreign(header));
        }
        let beacon = serde_json::from_slice(text).map_err(|_| BeaconError::Unreadable)?;
        Ok(Heard::Beacon(Box::new(beacon)))
    }
}

#[cfg(test)]
mod tests {
    use busker_model::Secret;

    use super::*;

    fn keys(secret: &str) -> ClusterKeys {
        ClusterKeys::new(&Secret::new(secret.repeat(32))).unwrap()
    }

    fn beacon() -> Beacon {
        Beacon {
            protocol: PROTOCOL,
            cluster: "c".into(),
            id: MemberId::new("node1", "a1"),
            born_ms: 1,
            number: 7,
            sent_ms: 2,
            phase: Phase::Member,
            facts: Facts {
                roles: BTreeMap::from([("scheduler".to_owned(), 4)]),
                ..Facts::default()
            },
        }
    }

    #[test]
    fn a_beacon_is_read_as_it_was_sent() {
        let bytes = beacon().seal(&keys("a")).unwrap();
        let heard = Beacon::open(&bytes, &keys("a"), "c");
        assert_eq!(heard, Ok(Heard::Beacon(Box::new(beacon()))));
    }

    #[test]
    fn what_is_forged_cut_changed_or_from_elsewhere_is_refused() {
        let bytes = beacon().seal(&keys("a")).unwrap();
        assert_eq!(
            Beacon::open(&bytes, &keys("b"), "c"),
            Err(BeaconError::Forged)
        );
        assert_eq!(
            Beacon::open(&bytes, &keys("a"), "d"),
            Err(BeaconError::OtherCluster)
        );
        for at in SIGNATURE..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let opened = Beacon::open(&changed, &keys("a"), "c");
            assert_eq!(opened, Err(BeaconError::Forged), "byte {at}");
        }
        for length in 0..bytes.len() {
            assert!(Beacon::open(&bytes[..length], &keys("a"), "c").is_err());
        }
        let long = vec![b'0'; BEACON_BYTES + 1];
        assert_eq!(
            Beacon::open(&long, &keys("a"), "c"),
            Err(BeaconError::TooLong)
        );
    }

    #[test]
    fn a_beacon_of_a_later_version_says_who_it_is_whatever_else_is_in_it() {
        let text = r#"{"protocol":2,"cluster":"c","id":"node9@z","new":[]}"#;
        let mut bytes = keys("a").sign(text.as_bytes()).into_bytes();
        bytes.extend_from_slice(text.as_bytes());
        let Ok(Heard::Foreign(header)) = Beacon::open(&bytes, &keys("a"), "c") else {
            panic!("foreign");
        };
        assert_eq!((header.protocol, &*header.id.name), (2, "node9"));
    }
}
