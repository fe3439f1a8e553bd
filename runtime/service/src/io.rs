//! Typed input and output of Rust services, and how they become SimpleIO.

use busker_model::invocation::ReplyBody;
use busker_model::object::Violation;
use busker_model::sio::{Field, FieldType, SimpleIo as Schema, input};
use busker_model::{Fault, Payload, Reply, Request};
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};

use crate::lenient::Lenient;

/// A flat struct whose fields can be declared; derive it.
///
/// `#[derive(SimpleIo)]` reads field types and `#[serde(rename = "...")]`; an `Option` is optional.
pub trait SimpleIo {
    /// The fields in declared order.
    fn fields() -> Vec<Field>;
}

/// A declared field, under the name the derive uses.
pub type Declared = Field;

/// Declares one field; used by the derive.
#[must_use]
pub fn declare<T: FieldOf>(name: &str, has_default: bool, doc: &str) -> Declared {
    let mut field = Field::new(name, !T::OPTIONAL && !has_default).typed(T::TYPE);
    doc.clone_into(&mut field.doc);
    field
}

/// The wire type of one Rust field type; used by the derive.
pub trait FieldOf {
    /// Its wire type.
    const TYPE: FieldType;
    /// Whether it may be missing.
    const OPTIONAL: bool = false;
}

macro_rules! field_of {
    ($($type:ty => $wire:ident),+ $(,)?) => {
        $(impl FieldOf for $type { const TYPE: FieldType = FieldType::$wire; })+
    };
}

field_of! {
    bool => Boolean,
    i8 => Integer, i16 => Integer, i32 => Integer, i64 => Integer, isize => Integer,
    u8 => Integer, u16 => Integer, u32 => Integer, u64 => Integer, usize => Integer,
    f32 => Float, f64 => Float,
    String => Text,
    serde_json::Value => Opaque,
}

impl<T> FieldOf for Vec<T> {
    const TYPE: FieldType = FieldType::List;
}

impl<T: FieldOf> FieldOf for Option<T> {
    const TYPE: FieldType = T::TYPE;
    const OPTIONAL: bool = true;
}

/// Bytes in or out as they are, for services that read the request themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Raw(pub Bytes);

/// What a service can take in.
pub trait Input: Sized + Send + 'static {
    /// Declared fields; `None` when the service takes anything.
    fn fields() -> Option<Vec<Field>>;

    /// Reads it from a request.
    ///
    /// # Errors
    /// `Invalid`, naming the field.
    fn decode(request: &Request) -> Result<Self, Fault>;
}

impl<T: SimpleIo + DeserializeOwned + Send + 'static> Input for T {
    fn fields() -> Option<Vec<Field>> {
        Some(<T as SimpleIo>::fields())
    }

    fn decode(request: &Request) -> Result<Self, Fault> {
        let bytes: &[u8] = match (&request.input, &request.payload) {
            (Some(input), _) => input,
            (None, Payload::Json(bytes) | Payload::Raw(bytes)) => bytes,
            (None, Payload::None) => b"{}",
        };
        // A list would be taken for the fields in order, which no other format does.
        let is_list = bytes.trim_ascii_start().starts_with(b"[");
        if !is_list && let Ok(read) = serde_json::from_slice(bytes) {
            return Ok(read);
        }
        read_leniently(bytes).map_err(Fault::violations)
    }
}

/// The long way, for what is not exactly the type: SimpleIO first, so that every format hears the same words, then the
/// type, told of texts that stand for numbers.
fn read_leniently<T: SimpleIo + DeserializeOwned>(bytes: &[u8]) -> Result<T, Vec<Violation>> {
    let schema = Schema {
        input: T::fields(),
        bare: true,
        ..Schema::default()
    };
    let canonical = input::apply(&schema, Some(bytes), &[], false)?;
    let tree: serde_json::Value = serde_json::from_slice(&canonical)
        .map_err(|error| vec![Violation::new("body", error.to_string())])?;
    serde_path_to_error::deserialize(Lenient(tree)).map_err(|error| {
        let field = dotted(error.path());
        vec![Violation::new(field, error.into_inner().to_string())]
    })
}

/// A path as violations name it, such as `lines.0.quantity`.
fn dotted(path: &Path) -> String {
    let steps: Vec<String> = path
        .iter()
        .filter_map(|step| match step {
            Segment::Seq { index } => Some(index.to_string()),
            Segment::Map { key } => Some(key.clone()),
            Segment::Enum { variant } => Some(variant.clone()),
            Segment::Unknown => None,
        })
        .collect();
    if steps.is_empty() {
        return "body".to_owned();
    }
    steps.join(".")
}

impl Input for serde_json::Value {
    fn fields() -> Option<Vec<Field>> {
        None
    }

    fn decode(request: &Request) -> Result<Self, Fault> {
        match &request.payload {
            Payload::None => Ok(Self::Null),
            Payload::Json(bytes) => serde_json::from_slice(bytes)
                .map_err(|error| Fault::invalid(format!("body: not valid JSON: {error}"))),
            Payload::Raw(bytes) => Ok(Self::String(String::from_utf8_lossy(bytes).into_owned())),
        }
    }
}

impl Input for Raw {
    fn fields() -> Option<Vec<Field>> {
        None
    }

    fn decode(request: &Request) -> Result<Self, Fault> {
        Ok(Self(match &request.payload {
            Payload::None => Bytes::new(),
            Payload::Json(bytes) | Payload::Raw(bytes) => bytes.clone(),
        }))
    }
}

impl Input for () {
    fn fields() -> Option<Vec<Field>> {
        None
    }

    fn decode(_request: &Request) -> Result<Self, Fault> {
        Ok(())
    }
}

/// What a service can answer with.
pub trait Output: Send + 'static {
    /// Declared fields; `None` when the service answers with anything.
    fn fields() -> Option<Vec<Field>>;

    /// Whether the answer is a list of items.
    const REPEATED: bool = false;

    /// Writes it.
    ///
    /// # Errors
    /// `Internal` when a value has no JSON form.
    fn encode(self) -> Result<Reply, Fault>;
}

fn to_json<T: Serialize>(value: &T) -> Result<Reply, Fault> {
    serde_json::to_vec(value).map(Reply::json).map_err(|error| {
        Fault::internal("the answer could not be written")
            .operator(format!("answer has no JSON form: {error}"))
    })
}

impl<T: SimpleIo + Serialize + Send + 'static> Output for T {
    fn fields() -> Option<Vec<Field>> {
        Some(<T as SimpleIo>::fields())
    }

    fn encode(self) -> Result<Reply, Fault> {
        to_json(&self)
    }
}

impl<T: SimpleIo + Serialize + Send + 'static> Output for Vec<T> {
    fn fields() -> Option<Vec<Field>> {
        Some(<T as SimpleIo>::fields())
    }

    const REPEATED: bool = true;

    fn encode(self) -> Result<Reply, Fault> {
        to_json(&self)
    }
}

impl Output for serde_json::Value {
    fn fields() -> Option<Vec<Field>> {
        None
    }

    fn encode(self) -> Result<Reply, Fault> {
        to_json(&self)
    }
}

impl Output for String {
    fn fields() -> Option<Vec<Field>> {
        None
    }

    fn encode(self) -> Result<Reply, Fault> {
        Ok(Reply {
            body: ReplyBody::Raw(Bytes::from(self)),
            ..Reply::default()
        })
    }
}

impl Output for Raw {
    fn fields() -> Option<Vec<Field>> {
        None
    }

    fn encode(self) -> Result<Reply, Fault> {
        Ok(Reply {
            body: ReplyBody::Raw(self.0),
            ..Reply::default()
        })
    }
}

impl Output for () {
    fn fields() -> Option<Vec<Field>> {
        None
    }

    fn encode(self) -> Result<Reply, Fault> {
        Ok(Reply::default())
    }
}

impl Output for Reply {
    fn fields() -> Option<Vec<Field>> {
        None
    }

    fn encode(self) -> Result<Reply, Fault> {
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Sizes {
        width: u8,
        #[serde(default)]
        sealed: bool,
        #[serde(default = "three")]
        height: u8,
        note: Option<String>,
        parts: Vec<Part>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Part {
        weight: f64,
        fragile: bool,
        tags: Vec<u8>,
    }

    const fn three() -> u8 {
        3
    }

    impl SimpleIo for Sizes {
        fn fields() -> Vec<Field> {
            vec![
                declare::<u8>("width", false, ""),
                declare::<bool>("sealed", true, ""),
                declare::<u8>("height", true, ""),
                declare::<Option<String>>("note", false, ""),
                declare::<Vec<Part>>("parts", false, ""),
            ]
        }
    }

    #[test]
    fn texts_stand_for_numbers_at_any_depth_and_what_is_missing_has_its_default() {
        let sent = r#"{"width":"2","height":"","parts":{"item":[
            {"weight":"1.5","fragile":"yes","tags":{"item":["1","2"]}},
            {"weight":2,"fragile":false,"tags":""}]}}"#;
        let read: Sizes = read_leniently(sent.as_bytes()).unwrap();
        let part = |weight, fragile, tags: &[u8]| Part {
            weight,
            fragile,
            tags: tags.to_vec(),
        };
        let expected = Sizes {
            width: 2,
            sealed: false,
            height: 3,
            note: None,
            parts: vec![part(1.5, true, &[1, 2]), part(2.0, false, &[])],
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn what_does_not_fit_is_named_by_its_path() {
        let part =
            |weight: &str| format!(r#"{{"weight":{weight},"fragile":"no","tags":["1","x"]}}"#);
        for (sent, field) in [
            (r#"{"width":"wide","parts":[]}"#.to_owned(), "width"),
            (r#"{"width":300,"parts":[]}"#.to_owned(), "width"),
            (r#"{"width":1}"#.to_owned(), "parts"),
            (
                format!(r#"{{"width":1,"parts":[{}]}}"#, part("\"heavy\"")),
                "parts.0.weight",
            ),
            (
                format!(r#"{{"width":1,"parts":[{}]}}"#, part("1")),
                "parts.0.tags.1",
            ),
        ] {
            let violations = read_leniently::<Sizes>(sent.as_bytes()).unwrap_err();
            assert_eq!(violations[0].field, field, "{sent}: {violations:?}");
        }
    }
}
