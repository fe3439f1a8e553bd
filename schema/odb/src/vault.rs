//! The vault: secrets that must be read back are sealed before they are stored.
//!
//! XChaCha20-Poly1305 with a random nonce. The associated data names the row, the field and the key, so that a sealed
//! text moved to another row does not open. The key file is outside the database: one line per key,
//! `<key id> <32 bytes in base64>`. All of them open what they sealed; which one seals is in the database, so that the nodes of
//! a cluster agree ([`crate::Sealing`]), and is the first line where the database names none.

use std::fmt;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use busker_model::Secret;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::error::{OdbError, Result};
use crate::random;

/// What every sealed text starts with: `sealed:v1:<key id>:<base64 of nonce and ciphertext>`.
pub const SEALED_PREFIX: &str = "sealed:v1:";
/// Keys a file may hold.
pub const VAULT_KEYS: usize = 16;

const NONCE_BYTES: usize = 24;

type KeyEntry = (String, XChaCha20Poly1305);

/// The keys.
pub struct Vault {
    /// Never empty; the first one seals.
    keys: ArcSwap<Vec<KeyEntry>>,
    /// The file they come from, which is read again when it may have changed.
    path: Option<PathBuf>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("keys", &self.key_ids())
            .finish()
    }
}

impl Vault {
    /// Makes a new key file with mode 0600; never overwrites one.
    ///
    /// # Errors
    /// `Unavailable` when the file exists or cannot be written.
    pub fn create(path: &Path) -> Result<Self> {
        write_new(path, &new_line()?)?;
        Self::open(path)
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be read, `Vault` when others may read it or it is damaged.
    pub fn open(path: &Path) -> Result<Self> {
        let keys = parse(&read(path)?)?;
        Ok(Self::of(keys, Some(path.to_owned())))
    }

    /// A vault with a new key, and that key as [`Vault::of_text`] reads it: for what is sealed once and carried away.
    ///
    /// # Errors
    /// `Unavailable` when the system has no randomness.
    pub fn fresh() -> Result<(Self, Secret)> {
        let text = new_line()?;
        Ok((Self::of_text(&text)?, Secret::new(text.trim_end())))
    }

    /// The vault of the text of a key file.
    ///
    /// # Errors
    /// `Vault` when it is damaged.
    pub fn of_text(text: &str) -> Result<Self> {
        Ok(Self::of(parse(text)?, None))
    }

    fn of(keys: Vec<KeyEntry>, path: Option<PathBuf>) -> Self {
        Self {
            keys: ArcSwap::from_pointee(keys),
            path,
        }
    }

    /// Ids of the keys, in the order of the file.
    #[must_use]
    pub fn key_ids(&self) -> Vec<String> {
        self.keys.load().iter().map(|(id, _)| id.clone()).collect()
    }

    /// Reads the key file again; what is in memory stays when that fails. Without a file, nothing happens.
    ///
    /// # Errors
    /// As [`Vault::open`].
    pub fn reload(&self) -> Result<()> {
        if let Some(path) = &self.path {
            self.keys.store(Arc::new(parse(&read(path)?)?));
        }
        Ok(())
    }

    /// The same keys, of which that one seals; the file is not read again for them.
    ///
    /// # Errors
    /// `Vault` when it is not in the key file.
    pub fn led_by(&self, id: &str) -> Result<Self> {
        self.key(id)?;
        let mut keys = self.keys.load().as_ref().clone();
        keys.sort_by_key(|(known, _)| known != id);
        // Its order is not that of the file, which another look would bring back.
        Ok(Self::of(keys, None))
    }

    /// Puts a new key last in a file, where it opens but does not seal; answers its id.
    ///
    /// # Errors
    /// As [`Vault::open`]; `Vault` when the file holds [`VAULT_KEYS`] already.
    pub fn add_key(path: &Path) -> Result<String> {
        let old = read(path)?;
        if parse(&old)?.len() == VAULT_KEYS {
            return Err(OdbError::Vault("the key file is full: drop old keys first"));
        }
        let line = new_line()?;
        let mut text = Zeroizing::new(String::with_capacity(old.len() + line.len() + 1));
        for line in old.lines().chain(line.lines()) {
            text.push_str(line);
            text.push('\n');
        }
        replace(path, &text)?;
        let id = line.split(' ').next().unwrap_or_default();
        Ok(id.to_owned())
    }

    /// Leaves these keys in a file, in this order, and drops the others. What those sealed does not open any more.
    ///
    /// # Errors
    /// As [`Vault::open`]; `Vault` when one is not there, or none is named.
    pub fn keep_keys(path: &Path, ids: &[String]) -> Result<()> {
        let old = read(path)?;
        let mut text = Zeroizing::new(String::with_capacity(old.len()));
        for id in ids {
            let mut lines = old.lines();
            let line = lines.find(|line| line.split(' ').next() == Some(id));
            text.push_str(line.ok_or(OdbError::Vault("a key to keep is not in the key file"))?);
            text.push('\n');
        }
        parse(&text)?;
        replace(path, &text)
    }

    fn key(&self, id: &str) -> Result<XChaCha20Poly1305> {
        let known = || {
            let keys = self.keys.load();
            let found = keys.iter().find(|(known, _)| known == id);
            found.map(|(_, cipher)| cipher.clone())
        };
        if let Some(cipher) = known() {
            return Ok(cipher);
        }
        // Another node may have sealed with a key that came into the file after this one read it.
        self.reload()?;
        known().ok_or(OdbError::Vault("its key is not in the key file"))
    }

    /// Seals a secret for one place; `place` is its row and field, such as `object/12/password`.
    ///
    /// # Errors
    /// `Unavailable` when the system has no randomness.
    pub fn seal(&self, place: &str, secret: &Secret) -> Result<String> {
        let keys = self.keys.load();
        let (id, cipher) = keys.first().ok_or(OdbError::Vault("it has no key"))?;
        let nonce = random::bytes::<NONCE_BYTES>()?;
        let payload = Payload {
            msg: secret.expose().as_bytes(),
            aad: &associated(place, id),
        };
        let sealed = cipher
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| OdbError::Vault("it is too long"))?;
        let mut blob = nonce.to_vec();
        blob.extend_from_slice(&sealed);
        Ok(format!(
            "{SEALED_PREFIX}{id}:{}",
            STANDARD_NO_PAD.encode(blob)
        ))
    }

    /// Opens what was sealed for this place.
    ///
    /// # Errors
    /// `Vault` when the key is not known, the text is damaged, or it was sealed for another place.
    pub fn open_sealed(&self, place: &str, sealed: &str) -> Result<Secret> {
        let body = sealed
            .strip_prefix(SEALED_PREFIX)
            .ok_or(OdbError::Vault("it is not sealed"))?;
        let (id, blob) = body
            .split_once(':')
            .ok_or(OdbError::Vault("it is damaged"))?;
        let cipher = self.key(id)?;
        let blob = STANDARD_NO_PAD
            .decode(blob)
            .map_err(|_| OdbError::Vault("it is damaged"))?;
        let (nonce, text) = blob
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(OdbError::Vault("it is damaged"))?;
        let payload = Payload {
            msg: text,
            aad: &associated(place, id),
        };
        let plain = cipher
            .decrypt(&XNonce::from(*nonce), payload)
            .map_err(|_| OdbError::Vault("it was sealed for another place, or it is damaged"))?;
        String::from_utf8(plain)
            .map(Secret::new)
            .map_err(|_| OdbError::Vault("it is not text"))
    }
}

/// Id of the key a text was sealed with; `None` when it is not sealed.
#[must_use]
pub fn key_of(text: &str) -> Option<&str> {
    let (id, _) = text.strip_prefix(SEALED_PREFIX)?.split_once(':')?;
    Some(id)
}

/// Whether the text is a sealed secret.
#[must_use]
pub fn is_sealed(text: &str) -> bool {
    text.starts_with(SEALED_PREFIX)
}

fn associated(place: &str, key_id: &str) -> Vec<u8> {
    format!("busker/{place}/{key_id}").into_bytes()
}

fn new_line() -> Result<Zeroizing<String>> {
    let id = random::hex::<4>()?;
    let key = Zeroizing::new(random::bytes::<32>()?);
    let text = Zeroizing::new(STANDARD_NO_PAD.encode(*key));
    Ok(Zeroizing::new(format!("{id} {}\n", *text)))
}

fn parse(text: &str) -> Result<Vec<KeyEntry>> {
    let keys: Result<Vec<_>> = text.lines().map(parse_line).collect();
    let keys = keys?;
    if keys.is_empty() || keys.len() > VAULT_KEYS {
        return Err(OdbError::Vault("the key file holds no key, or too many"));
    }
    Ok(keys)
}

fn parse_line(line: &str) -> Result<KeyEntry> {
    let damaged = OdbError::Vault("the key file is damaged");
    let (id, key) = line.split_once(' ').ok_or_else(|| damaged.clone())?;
    let key = Zeroizing::new(STANDARD_NO_PAD.decode(key).map_err(|_| damaged.clone())?);
    let key: [u8; 32] = key.as_slice().try_into().map_err(|_| damaged)?;
    let key = Zeroizing::new(key);
    Ok((id.to_owned(), XChaCha20Poly1305::new(&Key::from(*key))))
}

fn read(path: &Path) -> Result<Zeroizing<String>> {
    let failed = |error| OdbError::unavailable(format!("{}: {error}", path.display()));
    let mode = std::fs::metadata(path)
        .map_err(failed)?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        return Err(OdbError::Vault(
            "the key file may be read by others: chmod 600 it",
        ));
    }
    std::fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(failed)
}

/// In one step: whoever reads it sees the old file or the new one.
fn replace(path: &Path, text: &str) -> Result<()> {
    let mut next = path.as_os_str().to_owned();
    next.push(".new");
    let next = PathBuf::from(next);
    // Left by a process that was killed here.
    drop(std::fs::remove_file(&next));
    write_new(&next, text)?;
    std::fs::rename(&next, path).map_err(OdbError::unavailable)
}

fn write_new(path: &Path, text: &str) -> Result<()> {
    let failed = |error| OdbError::unavailable(format!("{}: {error}", path.display()));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)
}

#[cfg(test)]
mod tests;
