//! Reads the declared fields out of a JSON object in one pass, without copying what is not declared.

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

use super::Field;

/// One slot for each declared field: its value as JSON text, if the object has it.
pub(super) type Slots<'a> = Vec<Option<&'a str>>;

/// Reads an object; unknown keys are skipped and a repeated key keeps its last value, unless each may be there `once`.
///
/// # Errors
/// Text that is not one JSON object.
pub(super) fn read<'a>(
    fields: &[Field],
    json: &'a [u8],
    once: bool,
) -> Result<Slots<'a>, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let slots = reader.deserialize_map(Members { fields, once })?;
    reader.end()?;
    Ok(slots)
}

struct Members<'f> {
    fields: &'f [Field],
    once: bool,
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = Slots<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Slots<'de>, A::Error> {
        let mut slots = vec![None; self.fields.len()];
        while let Some(place) = map.next_key_seed(Place(self.fields))? {
            match place.and_then(|index| slots.get_mut(index)) {
                Some(Some(_)) if self.once => {
                    let name = place.and_then(|index| self.fields.get(index));
                    let name = name.map_or("", |field| &field.name);
                    return Err(A::Error::custom(format_args!("duplicate field `{name}`")));
                }
                Some(slot) => *slot = Some(map.next_value::<&RawValue>()?.get()),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(slots)
    }
}

/// Turns a key into the index of its field.
struct Place<'f>(&'f [Field]);

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<usize>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Place<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Option<usize>, E> {
        Ok(self.0.iter().position(|field| field.name == key))
    }
}
