//! All dictionaries as a file, in the form Zato has: JSON, packed by bzip2, in Base64 on the wire.
//!
//! Its numbers may be texts, as they are in Redis; what we write are numbers, and texts where Zato has a hash of Redis.

use std::collections::HashMap;
use std::io::{Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use busker_model::invocation::Role;
use busker_model::object::Violation;
use busker_model::{ErrorClass, Fault};
use busker_odb::dictionaries::{Dump, DumpedTranslation, Entry, Item, Path};
use bzip2::Compression;
use bzip2::read::BzDecoder;
use bzip2::write::BzEncoder;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::input::Type;
use crate::operation::{AdminService, Call};

/// Name the file has.
const FILE: &str = "zato-data-dict-export.json.bz2";
/// What the key of a translation in Redis begins with.
const PREFIX: &str = "zato:kvdb:data-dict:translation";
/// What keeps its parts apart.
const SEPARATOR: &str = ":::";
/// Longest JSON that is read, in bytes: a full dictionary with short values is a third of it.
const JSON_BYTES: u64 = 64 * 1024 * 1024;

pub(super) fn operations() -> Vec<AdminService> {
    vec![
        AdminService::new(
            "busker.dictionary.export",
            Role::Viewer,
            "Answers all data dictionaries as a file: JSON, packed by bzip2, in Base64.",
            export,
        )
        .answers(&[("name", "string"), ("data", "string")]),
        AdminService::new(
            "busker.dictionary.import",
            Role::Developer,
            "Puts the dictionaries of a file in the place of all there are, or changes nothing.",
            import,
        )
        .required("data", Type::Text, "The file, in Base64.")
        .required(
            "replace_all",
            Type::Boolean,
            "Must be true: what there is now is deleted.",
        )
        .example(json!({"data": "QlpoOTFBWSZTWQ==", "replace_all": true}))
        .answers(&[("entries", "integer"), ("translations", "integer")])
        .destroying(),
    ]
}

async fn export(call: Call) -> Result<Value, Fault> {
    let dump = call.deps.odb.dictionaries().export().await?;
    let data = apart(move || Ok(STANDARD.encode(pack(&written(&dump))?))).await?;
    Ok(json!({"name": FILE, "data": data}))
}

async fn import(call: Call) -> Result<Value, Fault> {
    if !call.input.flag("replace_all", false) {
        let message = "must be true: all entries and translations there are now are deleted";
        return Err(Fault::violations(vec![Violation::new(
            "replace_all",
            message,
        )]));
    }
    let data = call.input.text("data").to_owned();
    let dump = apart(move || {
        let packed = STANDARD.decode(data.trim_ascii());
        let packed = packed.map_err(|error| wrong(format!("is not Base64: {error}")))?;
        read(&unpack(&packed)?)
    })
    .await?;
    let (entries, translations) = (dump.entries.len(), dump.translations.len());
    call.deps.odb.dictionaries().import(dump).await?;
    Ok(json!({"entries": entries, "translations": translations}))
}

/// Packing takes a processor for a while, and the thread that asks has other requests.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        Fault::internal("the dictionaries could not be packed").operator(error.to_string())
    })?
}

fn wrong(message: impl Into<String>) -> Fault {
    Fault::violations(vec![Violation::new("data", message)])
}

fn pack(document: &Value) -> Result<Vec<u8>, Fault> {
    let mut packer = BzEncoder::new(Vec::new(), Compression::best());
    let packed = packer
        .write_all(document.to_string().as_bytes())
        .and_then(|()| packer.finish());
    packed.map_err(|error| {
        Fault::internal("the dictionaries could not be packed").operator(error.to_string())
    })
}

fn unpack(packed: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut unpacked = Vec::new();
    BzDecoder::new(packed)
        .take(JSON_BYTES + 1)
        .read_to_end(&mut unpacked)
        .map_err(|error| wrong(format!("cannot be unpacked by bzip2: {error}")))?;
    if unpacked.len() as u64 > JSON_BYTES {
        let message = format!("data: unpacks to more than {JSON_BYTES} bytes");
        return Err(Fault::new(ErrorClass::TooLarge, message));
    }
    Ok(unpacked)
}

fn written(dump: &Dump) -> Value {
    let entries: Vec<Value> = dump
        .entries
        .iter()
        .map(|entry| {
            let Entry {
                number,
                system,
                key,
                value,
            } = entry;
            json!({"id": number, "system": system, "key": key, "value": value})
        })
        .collect();
    let numbers: HashMap<(&str, &str, &str), i64> = dump
        .entries
        .iter()
        .map(|entry| {
            let item = (&*entry.system, &*entry.key, &*entry.value);
            (item, entry.number)
        })
        .collect();
    let number_of = |item: &Item| {
        let item = (&*item.system, &*item.key, &*item.value);
        numbers.get(&item).copied().unwrap_or_default().to_string()
    };
    let translations: Vec<Value> = dump
        .translations
        .iter()
        .map(|translation| {
            let Path { from, to } = &translation.path;
            let parts = [
                PREFIX,
                &from.system,
                &from.key,
                &from.value,
                &to.system,
                &to.key,
            ];
            let hash = json!({
                "id": translation.number.to_string(),
                "id1": number_of(from),
                "id2": number_of(to),
                "value2": to.value,
            });
            let mut one = Map::new();
            one.insert(parts.join(SEPARATOR), hash);
            Value::Object(one)
        })
        .collect();
    json!({"data": {
        "last_dict_id": dump.last_entry,
        "last_translation_id": dump.last_translation,
        "dict_list": entries,
        "translation_list": translations,
    }})
}

/// A number, or a text of one; nothing where Redis had none.
#[derive(Debug, Default, Deserialize)]
#[serde(try_from = "Value")]
struct Id(i64);

impl TryFrom<Value> for Id {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let number = match &value {
            Value::Null => Some(0),
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.parse().ok(),
            Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        number
            .map(Self)
            .ok_or_else(|| format!("{value} is no number"))
    }
}

#[derive(Debug, Deserialize)]
struct File {
    data: Dictionaries,
}

#[derive(Debug, Deserialize)]
struct Dictionaries {
    #[serde(default)]
    last_dict_id: Id,
    #[serde(default)]
    last_translation_id: Id,
    dict_list: Vec<FileEntry>,
    translation_list: Vec<Map<String, Value>>,
}

#[derive(Debug, Deserialize)]
struct FileEntry {
    id: Id,
    system: String,
    key: String,
    value: String,
}

/// A translation; the numbers of its entries are left out, since its key names them.
#[derive(Debug, Deserialize)]
struct FileTranslation {
    id: Id,
    value2: String,
}

fn read(text: &[u8]) -> Result<Dump, Fault> {
    let file: File = serde_json::from_slice(text)
        .map_err(|error| wrong(format!("is not an export of dictionaries: {error}")))?;
    let Dictionaries {
        last_dict_id,
        last_translation_id,
        dict_list,
        translation_list,
    } = file.data;
    let entries = dict_list.into_iter().map(|entry| Entry {
        number: entry.id.0,
        system: entry.system,
        key: entry.key,
        value: entry.value,
    });
    let translations: Result<Vec<DumpedTranslation>, Fault> = translation_list
        .into_iter()
        .flatten()
        .map(|(key, hash)| translation(&key, hash))
        .collect();
    Ok(Dump {
        last_entry: last_dict_id.0,
        last_translation: last_translation_id.0,
        entries: entries.collect(),
        translations: translations?,
    })
}

fn translation(key: &str, hash: Value) -> Result<DumpedTranslation, Fault> {
    let hash: FileTranslation = serde_json::from_value(hash)
        .map_err(|error| wrong(format!("translation {key:?}: {error}")))?;
    let path = path(key, &hash.value2)
        .ok_or_else(|| wrong(format!("translation {key:?} is no key of a translation")))?;
    Ok(DumpedTranslation {
        number: hash.id.0,
        path,
    })
}

/// Systems and keys have no colon, so only the value between them may hold the separator.
fn path(key: &str, value2: &str) -> Option<Path> {
    let rest = key.strip_prefix(PREFIX)?.strip_prefix(SEPARATOR)?;
    let (system1, rest) = rest.split_once(SEPARATOR)?;
    let (key1, rest) = rest.split_once(SEPARATOR)?;
    let (rest, key2) = rest.rsplit_once(SEPARATOR)?;
    let (value1, system2) = rest.rsplit_once(SEPARATOR)?;
    Some(Path {
        from: Item::new(system1, key1, value1),
        to: Item::new(system2, key2, value2),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Zato 1.1 exports it: everything that was in Redis is text.
    const ZATO: &str = r#"{"data": {"last_dict_id": "9", "last_translation_id": "4",
        "dict_list": [{"id": "1", "system": "crm", "key": "currency", "value": "USD:::$"},
                      {"id": "2", "system": "iso_4217", "key": "numeric", "value": "840"}],
        "translation_list": [{"zato:kvdb:data-dict:translation:::crm:::currency:::USD:::$:::iso_4217:::numeric":
            {"id": "4", "id1": "1", "id2": "2", "value2": "840"}}]}}"#;

    #[test]
    fn what_zato_wrote_is_read_and_written_back() {
        let dump = read(&unpack(&pack(&serde_json::from_str(ZATO).unwrap()).unwrap()).unwrap());
        let dump = dump.unwrap();
        assert_eq!((dump.last_entry, dump.last_translation), (9, 4));
        let path = Path {
            from: Item::new("crm", "currency", "USD:::$"),
            to: Item::new("iso_4217", "numeric", "840"),
        };
        assert_eq!(dump.translations, [DumpedTranslation { number: 4, path }]);
        let again = read(written(&dump).to_string().as_bytes()).unwrap();
        assert_eq!(again, dump);
        let ours = written(&dump);
        let theirs: Value = serde_json::from_str(ZATO).unwrap();
        assert_eq!(
            ours["data"]["translation_list"],
            theirs["data"]["translation_list"]
        );
    }

    #[test]
    fn what_is_no_export_is_refused_by_what_is_wrong() {
        for (text, reason) in [
            ("{}", "missing field `data`"),
            (
                r#"{"data": {"dict_list": []}}"#,
                "missing field `translation_list`",
            ),
            (
                r#"{"data": {"dict_list": [{"id": true, "system": "a", "key": "b", "value": "c"}], "translation_list": []}}"#,
                "true is no number",
            ),
            (
                r#"{"data": {"dict_list": [], "translation_list": [{"a:::b": {"id": 1, "value2": "x"}}]}}"#,
                "is no key of a translation",
            ),
        ] {
            let fault = read(text.as_bytes()).unwrap_err();
            assert!(fault.message.contains(reason), "{text}: {fault}");
        }
        assert!(unpack(b"BZh9 and then nothing").is_err());
    }

    #[test]
    fn what_unpacks_to_more_than_may_be_is_refused() {
        let mut packer = BzEncoder::new(Vec::new(), Compression::best());
        for _ in 0..=JSON_BYTES / 65_536 {
            packer.write_all(&[b' '; 65_536]).unwrap();
        }
        let fault = unpack(&packer.finish().unwrap()).unwrap_err();
        assert_eq!(fault.class, ErrorClass::TooLarge);
    }
}
