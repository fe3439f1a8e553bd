//! Guessing passwords takes ever longer: who failed too often waits, by name and by address, and twice as long the next
//! time. Each node counts for itself.
//!
//! Bearer tokens are not counted: they cannot be guessed, and the command line must go on working while somebody tries
//! passwords from the same machine.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use busker_kit::clock;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

/// Wrong passwords in a row that a name has free.
pub(crate) const NAME_FREE: u32 = 5;
/// Wrong passwords that an address has free: several people may be behind one.
pub(crate) const PEER_FREE: u32 = 20;
/// First wait; it doubles with each further failure.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// Longest wait.
const MOST_WAIT: Duration = Duration::from_secs(15 * 60);
/// Failures are forgotten so long after the last one, or after the wait for it.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(15 * 60);
/// Names, and addresses, that are remembered at once; then the one that failed longest ago goes.
const REMEMBERED: usize = 10_000;

/// Names are digests: a name may be as long as a header, and may be a password in the wrong field.
type Name = [u8; 32];

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
    /// Until when it waits.
    until: Instant,
}

#[derive(Debug)]
struct Table<K> {
    free: u32,
    failures: HashMap<K, Failures>,
}

impl<K: Eq + Hash + Copy> Table<K> {
    fn new(free: u32) -> Self {
        Self {
            free,
            failures: HashMap::new(),
        }
    }

    fn wait(&self, key: &K, now: Instant) -> Option<Duration> {
        let failures = self.failures.get(key)?;
        let wait = failures.until.saturating_duration_since(now);
        (!wait.is_zero()).then_some(wait)
    }

    /// Counts a failure; answers the wait that begins with it.
    fn failed(&mut self, key: K, now: Instant) -> Option<Duration> {
        if self.failures.len() >= REMEMBERED && !self.failures.contains_key(&key) {
            self.make_room(now);
        }
        let none = Failures {
            count: 0,
            last: now,
            until: now,
        };
        let failures = self.failures.entry(key).or_insert(none);
        if failures.is_forgotten(now) {
            *failures = none;
        }
        failures.count = failures.count.saturating_add(1);
        failures.last = now;
        let beyond = failures.count.checked_sub(self.free)?;
        let wait = FIRST_WAIT
            .saturating_mul(1 << beyond.min(16))
            .min(MOST_WAIT);
        failures.until = now + wait;
        Some(wait)
    }

    fn make_room(&mut self, now: Instant) {
        self.failures
            .retain(|_, failures| !failures.is_forgotten(now));
        if self.failures.len() < REMEMBERED {
            return;
        }
        let oldest = self
            .failures
            .iter()
            .min_by_key(|(_, failures)| failures.last);
        if let Some(key) = oldest.map(|(key, _)| *key) {
            self.failures.remove(&key);
        }
    }
}

impl Failures {
    fn is_forgotten(&self, now: Instant) -> bool {
        now >= self.last.max(self.until) + FORGOTTEN_AFTER
    }
}

#[derive(Debug)]
struct Tables {
    names: Table<Name>,
    peers: Table<IpAddr>,
}

/// Who waits. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Lockout(Arc<Mutex<Tables>>);

/// Somebody who tries to log in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Visitor {
    name: Name,
    peer: Option<IpAddr>,
}

impl Visitor {
    pub(crate) fn new(name: &str, peer: Option<IpAddr>) -> Self {
        Self {
            name: Sha256::digest(name).into(),
            peer: peer.map(network),
        }
    }
}

/// What began to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Locked {
    /// The name.
    pub(crate) name: Option<Duration>,
    /// The address.
    pub(crate) peer: Option<Duration>,
}

impl Default for Lockout {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Tables {
            names: Table::new(NAME_FREE),
            peers: Table::new(PEER_FREE),
        })))
    }
}

impl Lockout {
    /// How long a visitor still has to wait.
    pub(crate) fn wait(&self, visitor: Visitor) -> Option<Duration> {
        let now = clock::now();
        let tables = self.0.lock();
        let name = tables.names.wait(&visitor.name, now);
        name.max(visitor.peer.and_then(|peer| tables.peers.wait(&peer, now)))
    }

    /// Counts a wrong password.
    pub(crate) fn failed(&self, visitor: Visitor) -> Locked {
        let now = clock::now();
        let mut tables = self.0.lock();
        Locked {
            name: tables.names.failed(visitor.name, now),
            peer: visitor.peer.and_then(|peer| tables.peers.failed(peer, now)),
        }
    }

    /// The name starts anew. Its address does not: else who has one password could go on guessing others.
    pub(crate) fn succeeded(&self, visitor: Visitor) {
        self.0.lock().names.failures.remove(&visitor.name);
    }
}

/// Who has one IPv6 address has the 2^64 around it.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(ip) => {
            let host = u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(u128::from(ip) & !host))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visitor(name: &str, peer: &str) -> Visitor {
        Visitor::new(name, Some(peer.parse().unwrap()))
    }

    fn seconds(wait: Option<Duration>) -> Option<u64> {
        wait.map(|wait| wait.as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_waits_twice_as_long_each_time_from_any_address() {
        let lockout = Lockout::default();
        for number in 1..NAME_FREE {
            let locked = lockout.failed(visitor("ann", &format!("10.0.0.{number}")));
            assert_eq!((locked.name, locked.peer), (None, None));
        }
        let ann = visitor("ann", "10.0.1.1");
        for expected in [1, 2, 4, 8] {
            assert_eq!(lockout.wait(ann), None);
            assert_eq!(seconds(lockout.failed(ann).name), Some(expected));
            assert_eq!(
                seconds(lockout.wait(visitor("ann", "10.0.2.2"))),
                Some(expected)
            );
            assert_eq!(lockout.wait(visitor("bob", "10.0.1.1")), None);
            tokio::time::advance(Duration::from_secs(expected)).await;
        }
        for _ in 0..20 {
            lockout.failed(ann);
        }
        assert_eq!(lockout.wait(ann), Some(MOST_WAIT));
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_waits_for_all_names_and_a_success_does_not_free_it() {
        let lockout = Lockout::default();
        for number in 0..PEER_FREE {
            assert_eq!(
                lockout.wait(visitor("eve", "2001:db8::1")),
                None,
                "{number}"
            );
            lockout.failed(visitor(&number.to_string(), "2001:db8::1"));
        }
        let neighbour = visitor("eve", "2001:db8::ffff:1");
        assert_eq!(seconds(lockout.wait(neighbour)), Some(1));
        lockout.succeeded(neighbour);
        assert_eq!(seconds(lockout.wait(neighbour)), Some(1));
        assert_eq!(lockout.wait(visitor("eve", "2001:db8:0:1::1")), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_right_password_or_time_lets_a_name_start_anew() {
        let lockout = Lockout::default();
        let ann = visitor("ann", "10.0.0.1");
        for _ in 1..NAME_FREE {
            lockout.failed(ann);
        }
        lockout.succeeded(ann);
        assert_eq!(lockout.failed(ann).name, None);
        tokio::time::advance(FORGOTTEN_AFTER).await;
        for _ in 1..NAME_FREE {
            assert_eq!(lockout.failed(ann).name, None);
        }
        assert_eq!(seconds(lockout.failed(ann).name), Some(1));
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded_and_the_newest_stay() {
        let lockout = Lockout::default();
        for number in 0..=REMEMBERED {
            lockout.failed(Visitor::new(&number.to_string(), None));
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        let names = lockout.0.lock().names.failures.len();
        assert_eq!(names, REMEMBERED);
        let first = Visitor::new("0", None);
        assert!(!lockout.0.lock().names.failures.contains_key(&first.name));
    }
}
