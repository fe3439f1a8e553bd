//! Secret settings: sealed in place, and hidden wherever settings are shown.

use busker_model::secret::REDACTED;
use busker_model::{Object, Secret};
use serde_json::{Map, Value};

use crate::error::{OdbError, Result};
use crate::objects::ObjectWrite;
use crate::random;
use crate::vault::{Vault, is_sealed, key_of};

/// What a write does with a secret setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretWrite {
    /// Seals this.
    Set(Secret),
    /// Leaves what is there.
    Keep,
    /// Takes it away.
    Clear,
}

/// Where the secret of a field is sealed for. The number stays the same when the object is renamed.
pub(super) fn place(number: i64, field: &str) -> String {
    format!("object/{number}/{field}")
}

/// The settings to store: those of the write, with its secrets sealed for object `number`.
pub(super) fn seal(
    write: &ObjectWrite,
    number: i64,
    current: Option<&Object>,
    vault: Option<&Vault>,
) -> Result<Value> {
    let old = |field: &str| {
        let value = current.and_then(|object| object.settings.get(field));
        value.filter(|value| value.as_str().is_some_and(is_sealed))
    };
    let mut settings = write.settings.clone();
    let Value::Object(fields) = &mut settings else {
        return Err(OdbError::Invalid("settings must be a JSON object".into()));
    };
    // What was read may be written back as it is; anything else that looks sealed came from somewhere it should not.
    for (field, value) in fields.iter() {
        if holds_sealed(value) && old(field) != Some(value) {
            return Err(OdbError::Invalid(format!(
                "settings.{field}: a sealed text is not accepted from outside"
            )));
        }
    }
    for (field, secret) in &write.secrets {
        match secret {
            SecretWrite::Set(secret) => {
                let vault = vault.ok_or(OdbError::Vault("there is no vault"))?;
                let sealed = vault.seal(&place(number, field), secret)?;
                fields.insert(field.clone(), Value::String(sealed));
            }
            SecretWrite::Keep => keep(fields, field, old(field)),
            SecretWrite::Clear => keep(fields, field, None),
        }
    }
    Ok(settings)
}

/// Seals every secret of an object again, with the first key of the vault; answers whether there was one that had another.
pub(super) fn reseal(object: &mut Object, vault: &Vault) -> Result<bool> {
    let leading = vault.key_ids().into_iter().next().unwrap_or_default();
    let Value::Object(fields) = &mut object.settings else {
        return Ok(false);
    };
    let mut changed = false;
    for (field, value) in fields.iter_mut() {
        let Some(sealed) = value.as_str() else {
            continue;
        };
        if key_of(sealed).is_some_and(|key| key != leading) {
            let place = place(object.number, field);
            let secret = vault.open_sealed(&place, sealed)?;
            *value = Value::String(vault.seal(&place, &secret)?);
            changed = true;
        }
    }
    Ok(changed)
}

/// Ids of the keys that sealed the secrets of these settings, one for each secret.
pub(super) fn keys_of(settings: &Value) -> Vec<&str> {
    let fields = settings.as_object().into_iter().flatten();
    fields
        .filter_map(|(_, value)| key_of(value.as_str()?))
        .collect()
}

fn keep(fields: &mut Map<String, Value>, field: &str, old: Option<&Value>) {
    match old {
        Some(sealed) => drop(fields.insert(field.to_owned(), sealed.clone())),
        None => drop(fields.shift_remove(field)),
    }
}

fn holds_sealed(value: &Value) -> bool {
    match value {
        Value::String(text) => is_sealed(text),
        Value::Array(items) => items.iter().any(holds_sealed),
        Value::Object(fields) => fields.values().any(holds_sealed),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The settings with every secret shown as `***`, for answers and exports.
#[must_use]
pub fn redacted(settings: &Value) -> Value {
    replaced(settings, &|_| REDACTED.to_owned())
}

/// The settings with every secret as a hash of what is sealed: a reader of history sees that it changed, not to what.
/// It is a hash of ciphertext, so a weak secret cannot be guessed from it.
pub(super) fn hashed(settings: &Value) -> Value {
    replaced(settings, &|sealed| {
        let digest = random::sha256(sealed.as_bytes());
        format!("hash:{}", digest.get(..16).unwrap_or_default())
    })
}

fn replaced(value: &Value, replace: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) if is_sealed(text) => Value::String(replace(text)),
        Value::Array(items) => items.iter().map(|item| replaced(item, replace)).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, field)| (name.clone(), replaced(field, replace)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}
