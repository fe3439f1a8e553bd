//! Data dictionaries: `busker dictionary DIR create|edit|delete|list|link|unlink|links|translate|export|import`.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Client;
use crate::args::{DictionaryVerb, EntryArgs, Format, QuestionArgs};
use crate::exit::{Exit, Failure};
use crate::{output, payload};

/// Rows of one list.
const LIMIT: u32 = 10_000;

/// Runs one verb.
pub(crate) async fn run(client: &Client, verb: DictionaryVerb) -> Result<(), Failure> {
    match verb {
        DictionaryVerb::Create(args) => show(client, "entry.create", entry(&args)).await,
        DictionaryVerb::Edit {
            number,
            entry: args,
        } => {
            let mut input = entry(&args);
            input["number"] = json!(number);
            show(client, "entry.edit", input).await
        }
        DictionaryVerb::Delete { number } => {
            show(client, "entry.delete", json!({ "number": number })).await
        }
        DictionaryVerb::List {
            system,
            key,
            format,
        } => {
            let input = json!({"system": system, "key": key, "limit": LIMIT});
            list(client, "entry.list", input, format).await
        }
        DictionaryVerb::Link { from, value2 } => {
            let mut input = question(&from);
            input["value2"] = json!(value2);
            show(client, "translation.create", input).await
        }
        DictionaryVerb::Unlink { number } => {
            show(client, "translation.delete", json!({ "number": number })).await
        }
        DictionaryVerb::Links { format } => {
            list(client, "translation.list", json!({"limit": LIMIT}), format).await
        }
        DictionaryVerb::Translate(question) => translate(client, &question).await,
        DictionaryVerb::Export { output } => export(client, &output).await,
        DictionaryVerb::Import { input } => import(client, &input).await,
    }
}

/// Calls a service and shows what it answers.
async fn show(client: &Client, word: &str, input: Value) -> Result<(), Failure> {
    list(client, word, input, Format::Json).await
}

async fn list(client: &Client, word: &str, input: Value, format: Format) -> Result<(), Failure> {
    let service = format!("busker.dictionary.{word}");
    let answer = client.call(&service, &input).await?;
    let printed = output::structured(format, &answer);
    printed.unwrap_or_else(|| output::say(&table(&answer)))
}

fn entry(args: &EntryArgs) -> Value {
    json!({"system": args.system, "key": args.key, "value": args.value})
}

fn question(args: &QuestionArgs) -> Value {
    json!({
        "system1": args.system1, "key1": args.key1, "value1": args.value1,
        "system2": args.system2, "key2": args.key2,
    })
}

async fn translate(client: &Client, args: &QuestionArgs) -> Result<(), Failure> {
    let service = "busker.dictionary.translation.translate";
    let answer = client.call(service, &question(args)).await?;
    match answer["value2"].as_str() {
        Some(value) => output::say(value),
        None => Err(Failure::new(
            Exit::NotFound,
            format!(
                "nobody said what {:?} is called in {}.{}",
                args.value1, args.system2, args.key2
            ),
        )),
    }
}

async fn export(client: &Client, file: &Path) -> Result<(), Failure> {
    let answer = client.call("busker.dictionary.export", &json!({})).await?;
    let data = STANDARD.decode(answer["data"].as_str().unwrap_or_default());
    let data = data.map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
    std::fs::write(file, data).map_err(|error| Failure::file(file, &error))
}

async fn import(client: &Client, file: &Path) -> Result<(), Failure> {
    let data = STANDARD.encode(payload::read_file(file)?);
    let input = json!({"data": data, "replace_all": true});
    let answer = client.call("busker.dictionary.import", &input).await?;
    output::say(&format!(
        "{} entries, {} translations",
        answer["entries"], answer["translations"]
    ))
}

/// Entries or translations as aligned columns.
fn table(answer: &Value) -> String {
    let (list, columns): (&Value, &[&str]) = if answer["entries"].is_array() {
        (&answer["entries"], &["number", "system", "key", "value"])
    } else {
        let columns = &[
            "number", "system1", "key1", "value1", "system2", "key2", "value2",
        ];
        (&answer["translations"], columns)
    };
    let rows = list.as_array().map_or(&[][..], Vec::as_slice);
    let row = |row: &Value| {
        let cells = columns.iter().map(|column| output::cell(&row[*column]));
        cells.collect::<Vec<String>>()
    };
    let rows: Vec<Vec<String>> = rows.iter().map(row).collect();
    let head: Vec<String> = columns.iter().map(|name| name.to_uppercase()).collect();
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    output::columns(&head, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_and_translations_are_lines_of_their_own_columns() {
        let entries = json!({"total": 1, "entries": [{"number": 7, "system": "crm", "key": "currency", "value": "USD"}]});
        let expected = "\
NUMBER  SYSTEM  KEY       VALUE
7       crm     currency  USD";
        assert_eq!(table(&entries), expected);
        let links = json!({"translations": [{"number": 1, "system1": "a", "key1": "b", "value1": "c",
            "system2": "d", "key2": "e", "value2": "f"}]});
        let expected = "\
NUMBER  SYSTEM1  KEY1  VALUE1  SYSTEM2  KEY2  VALUE2
1       a        b     c       d        e     f";
        assert_eq!(table(&links), expected);
    }
}
