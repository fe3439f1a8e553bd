//! Passwords: argon2id hashes, checked on threads of their own and remembered for a minute.
//!
//! A check costs tens of milliseconds and 19 MiB on purpose. So only a few run at once, and a credential that was right
//! is known again by an HMAC under a key of this process, which also covers the stored hash: a changed password is
//! unknown at once.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use busker_model::Secret;
use dashmap::DashMap;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::error::{OdbError, Result};
use crate::random;

/// Checks that run at once; each takes 19 MiB.
pub const CHECKS_AT_ONCE: usize = 4;
/// Checks that may wait; more are answered `Busy`.
pub const CHECKS_WAITING: usize = 256;
/// How long a right credential is known again without a check.
pub const REMEMBERED_FOR: Duration = Duration::from_secs(60);
/// Credentials remembered at once; more are simply checked again.
pub const REMEMBERED: usize = 10_000;
/// Longest password, in bytes.
pub const PASSWORD_BYTES: usize = 1024;

/// Hashes and checks passwords. One per process; cheap to clone.
#[derive(Debug, Clone)]
pub struct Passwords {
    inner: Arc<Inner>,
}

struct Inner {
    hasher: Argon2<'static>,
    running: Arc<Semaphore>,
    waiting: Semaphore,
    key: Zeroizing<[u8; 32]>,
    known: DashMap<[u8; 32], Instant>,
    /// What an unknown user is checked against, so that the answer takes as long as for a known one.
    nobody: String,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Passwords")
            .field("remembered", &self.known.len())
            .finish_non_exhaustive()
    }
}

/// How much work a check is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordCost {
    /// OWASP's first choice for argon2id: 19 MiB, two passes.
    Full,
    /// For tests only: 8 KiB, one pass.
    Test,
}

impl Passwords {
    /// A hasher with an empty memory. Takes as long as one hash.
    ///
    /// # Errors
    /// `Unavailable` when the system has no randomness.
    pub fn new(cost: PasswordCost) -> Result<Self> {
        let params = match cost {
            PasswordCost::Full => Params::DEFAULT,
            PasswordCost::Test => Params::new(8, 1, 1, None).map_err(OdbError::corrupt)?,
        };
        let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let nobody = hash(&hasher, random::base64::<16>()?.as_bytes())?;
        Ok(Self {
            inner: Arc::new(Inner {
                hasher,
                running: Arc::new(Semaphore::new(CHECKS_AT_ONCE)),
                waiting: Semaphore::new(CHECKS_WAITING),
                key: Zeroizing::new(random::bytes()?),
                known: DashMap::new(),
                nobody,
            }),
        })
    }

    /// The PHC string to store for this password.
    ///
    /// # Errors
    /// `Invalid` when it is empty or longer than [`PASSWORD_BYTES`], `Busy` when too many wait.
    pub async fn hash(&self, password: &Secret) -> Result<String> {
        let length = password.expose().len();
        if length == 0 || length > PASSWORD_BYTES {
            return Err(OdbError::Invalid(format!(
                "a password has 1 to {PASSWORD_BYTES} bytes"
            )));
        }
        let password = password.clone();
        self.on_a_thread(move |inner| hash(&inner.hasher, password.expose().as_bytes()))
            .await?
    }

    /// Whether the password is the one behind `stored`; `None` is an unknown user, and is never right.
    ///
    /// # Errors
    /// `Busy` when too many wait.
    pub async fn verify(
        &self,
        user: &str,
        password: &Secret,
        stored: Option<&str>,
    ) -> Result<bool> {
        if password.expose().len() > PASSWORD_BYTES {
            return Ok(false);
        }
        let fingerprint = self
            .inner
            .fingerprint(user, password, stored.unwrap_or_default())?;
        if stored.is_some() && self.inner.remembers(&fingerprint) {
            return Ok(true);
        }
        let against = stored.unwrap_or(&self.inner.nobody).to_owned();
        let password = password.clone();
        let right = self
            .on_a_thread(move |inner| {
                inner
                    .hasher
                    .verify_password(password.expose().as_bytes(), against.as_str())
                    .is_ok()
            })
            .await?;
        let right = right && stored.is_some();
        if right {
            self.inner.remember(fingerprint);
        }
        Ok(right)
    }

    async fn on_a_thread<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Inner) -> T + Send + 'static,
    {
        let _place = self
            .inner
            .waiting
            .try_acquire()
            .map_err(|_| OdbError::Busy)?;
        let turn = Arc::clone(&self.inner.running).acquire_owned().await;
        let turn = turn.map_err(OdbError::unavailable)?;
        let inner = Arc::clone(&self.inner);
        let work = move || {
            // The turn belongs to the thread: a caller that goes away does not end the check.
            let _turn = turn;
            work(&inner)
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(OdbError::unavailable)
    }
}

impl Inner {
    fn fingerprint(&self, user: &str, password: &Secret, stored: &str) -> Result<[u8; 32]> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.key.as_slice()).map_err(OdbError::corrupt)?;
        for part in [user, password.expose(), stored] {
            // Lengths first, so that no two triples read alike.
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        Ok(mac.finalize().into_bytes().into())
    }

    fn remembers(&self, fingerprint: &[u8; 32]) -> bool {
        self.known
            .get(fingerprint)
            .is_some_and(|until| *until > Instant::now())
    }

    fn remember(&self, fingerprint: [u8; 32]) {
        let now = Instant::now();
        if self.known.len() >= REMEMBERED {
            self.known.retain(|_, until| *until > now);
        }
        if self.known.len() < REMEMBERED {
            self.known.insert(fingerprint, now + REMEMBERED_FOR);
        }
    }
}

fn hash(hasher: &Argon2<'_>, password: &[u8]) -> Result<String> {
    hasher
        .hash_password(password)
        .map(|hash| hash.to_string())
        .map_err(OdbError::unavailable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_right_password_is_right_and_a_wrong_one_is_not() {
        let passwords = Passwords::new(PasswordCost::Test).unwrap();
        let stored = passwords.hash(&Secret::new("hunter2")).await.unwrap();
        assert!(stored.starts_with("$argon2id$"));
        for _ in 0..2 {
            let right = passwords
                .verify("ann", &Secret::new("hunter2"), Some(&stored))
                .await;
            assert!(right.unwrap());
            let wrong = passwords
                .verify("ann", &Secret::new("hunter3"), Some(&stored))
                .await;
            assert!(!wrong.unwrap());
        }
        assert!(
            !passwords
                .verify("ann", &Secret::new("hunter2"), None)
                .await
                .unwrap()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_right_credential_is_remembered_for_a_minute_and_for_its_hash_only() {
        let passwords = Passwords::new(PasswordCost::Test).unwrap();
        let secret = Secret::new("hunter2");
        let stored = passwords.hash(&secret).await.unwrap();
        assert!(
            passwords
                .verify("ann", &secret, Some(&stored))
                .await
                .unwrap()
        );
        let seen = passwords
            .inner
            .fingerprint("ann", &secret, &stored)
            .unwrap();
        let changed = passwords
            .inner
            .fingerprint("ann", &secret, "other")
            .unwrap();
        assert!(passwords.inner.remembers(&seen));
        assert!(!passwords.inner.remembers(&changed));
        tokio::time::advance(REMEMBERED_FOR).await;
        assert!(!passwords.inner.remembers(&seen));
    }

    #[tokio::test]
    async fn memory_is_bounded() {
        let passwords = Passwords::new(PasswordCost::Test).unwrap();
        for number in 0..=REMEMBERED {
            let mut fingerprint = [0; 32];
            fingerprint[..8].copy_from_slice(&number.to_be_bytes());
            passwords.inner.remember(fingerprint);
        }
        assert_eq!(passwords.inner.known.len(), REMEMBERED);
    }

    #[tokio::test]
    async fn an_empty_or_huge_password_is_refused() {
        let passwords = Passwords::new(PasswordCost::Test).unwrap();
        for text in [String::new(), "x".repeat(PASSWORD_BYTES + 1)] {
            let refused = passwords.hash(&Secret::new(text)).await;
            assert!(matches!(refused, Err(OdbError::Invalid(_))));
        }
    }
}
