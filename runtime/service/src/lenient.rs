//! Reads a type out of a tree whose leaves may all be text, as those of XML and forms are.

use busker_model::sio;
use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Error, Number, Value};

/// Elements that wrap the items of a list in XML, as SimpleIO reads them.
const ITEMS: [&str; 3] = ["item", "item_dict", "dict"];

/// A JSON tree that gives a number, a truth value or a list where the type wants one and the leaf is a text that says it.
#[derive(Debug)]
pub(crate) struct Lenient(pub(crate) Value);

impl Lenient {
    /// The number a text stands for; any other value as it is.
    fn number(self) -> Value {
        match self.0 {
            Value::String(text) => match text.trim().parse::<Number>() {
                Ok(number) => Value::Number(number),
                Err(_) => Value::String(text),
            },
            other @ (Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_)) => other,
        }
    }

    /// The items of a list in any of its shapes: a list, the tree of `<name><item/>...</name>`, an empty element, one
    /// value.
    fn items(self) -> Vec<Value> {
        match self.0 {
            Value::Array(items) => items,
            Value::String(text) if text.is_empty() => Vec::new(),
            Value::Object(mut members) => {
                let wrapper = members.keys().next().cloned();
                let wrapper = wrapper.filter(|key| ITEMS.contains(&key.as_str()));
                match wrapper.filter(|_| members.len() == 1) {
                    Some(key) => match members.shift_remove(&key) {
                        Some(Value::Array(items)) => items,
                        Some(one) => vec![one],
                        None => Vec::new(),
                    },
                    None => vec![Value::Object(members)],
                }
            }
            one @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => vec![one],
        }
    }
}

impl IntoDeserializer<'_, Error> for Lenient {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! numbers {
    ($($method:ident)+) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.number().$method(visitor)
        })+
    };
}

impl<'de> Deserializer<'de> for Lenient {
    type Error = Error;

    numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Array(items) => {
                visitor.visit_seq(SeqDeserializer::new(items.into_iter().map(Lenient)))
            }
            Value::Object(members) => {
                let members = members
                    .into_iter()
                    .map(|(name, value)| (name, Lenient(value)));
                visitor.visit_map(MapDeserializer::new(members))
            }
            leaf @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
                leaf.deserialize_any(visitor)
            }
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0.as_str().and_then(sio::boolean) {
            Some(truth) => visitor.visit_bool(truth),
            None => self.0.deserialize_bool(visitor),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_string(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Number(number) => visitor.visit_string(number.to_string()),
            Value::Bool(truth) => visitor.visit_string(truth.to_string()),
            other @ (Value::Null | Value::String(_) | Value::Array(_) | Value::Object(_)) => {
                other.deserialize_string(visitor)
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_null() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let items = self.items().into_iter().map(Lenient);
        visitor.visit_seq(SeqDeserializer::new(items))
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        // An element without children comes as an empty text.
        if self.0.as_str() == Some("") {
            return Self(Value::Object(serde_json::Map::new())).deserialize_any(visitor);
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        char bytes byte_buf unit unit_struct tuple_struct identifier ignored_any
    }
}
