//! Configured objects: `busker channel|outgoing|security|job DIR create|edit|delete|get|list|ping|change-password`.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Client, secrets};
use crate::args::{Family, Format, Named, ObjectVerb, PasswordArgs, WriteArgs};
use crate::exit::{Exit, Failure};
use crate::{output, payload, prompt};

/// Most objects of a list.
const LIST_LIMIT: u32 = 1000;
/// The setting that is text even where it reads as JSON: a job's service gets it as it is.
const AS_IT_IS: &str = "payload";
/// Settings worth a column, in this order.
const COLUMNS: [&str; 8] = [
    "url_path",
    "address",
    "service",
    "cron",
    "start_date",
    "time_zone",
    "security",
    "username",
];

/// Runs one verb.
pub(crate) async fn run(client: &Client, family: Family, verb: ObjectVerb) -> Result<(), Failure> {
    let asked = request(verb)?;
    let service = match (family, asked.kind, asked.word) {
        // Who asks for definitions seldom cares of which kind they are.
        (Family::Security, None, "list") => "busker.security.list".to_owned(),
        (_, kind, word) => {
            let kind = kind.unwrap_or_else(|| family.default_kind().to_owned());
            format!("busker.{}.{kind}.{word}", family.as_str())
        }
    };
    let mut input = asked.input;
    if let Some(password) = asked.password {
        secrets::complete(client, &service, &mut input, &password).await?;
    }
    let answer = client.call(&service, &input).await?;
    output::print(asked.format, &answer, |answer| {
        if answer["objects"].is_array() {
            table(answer)
        } else {
            output::fields(answer)
        }
    })
}

/// What a verb asks of the API.
struct Asked {
    /// Kind, if it was named.
    kind: Option<String>,
    word: &'static str,
    input: Value,
    format: Format,
    /// Where secrets come from that its settings need and lack; `None` when it takes none.
    password: Option<PasswordArgs>,
}

impl Asked {
    fn new(kind: Option<String>, word: &'static str, input: Value, format: Format) -> Self {
        Self {
            kind,
            word,
            input,
            format,
            password: None,
        }
    }
}

fn request(verb: ObjectVerb) -> Result<Asked, Failure> {
    Ok(match verb {
        ObjectVerb::Create(args) => create(args)?,
        ObjectVerb::Edit(args) => {
            let input = match args.json {
                Some(text) => whole(&text)?,
                None => given(&[
                    ("name", json!(args.name)),
                    ("new_name", json!(args.new_name)),
                    ("transport", json!(args.transport)),
                    ("active", json!(args.active)),
                    ("settings", Value::Object(settings(&args.settings.set)?)),
                ]),
            };
            Asked::new(args.kind, "edit", input, args.print.format)
        }
        ObjectVerb::Delete {
            named,
            cascade,
            confirm,
        } => {
            let mut input = by_name(&named);
            if cascade {
                input["cascade"] = json!(true);
            }
            if let Some(confirm) = confirm.confirm {
                input["confirm"] = json!(confirm);
            }
            Asked::new(named.kind, "delete", input, named.print.format)
        }
        ObjectVerb::ChangePassword { named, password } => {
            let what = format!("Password of {}", named.name);
            let password = prompt::password(&what, password.password_file.as_deref())?;
            let mut input = by_name(&named);
            input["password1"] = json!(password.expose());
            input["password2"] = json!(password.expose());
            Asked::new(named.kind, "change-password", input, named.print.format)
        }
        ObjectVerb::Get(named) => {
            let input = by_name(&named);
            Asked::new(named.kind, "get", input, named.print.format)
        }
        ObjectVerb::Ping(named) => {
            let input = by_name(&named);
            Asked::new(named.kind, "ping", input, named.print.format)
        }
        ObjectVerb::List {
            kind,
            filter,
            format,
        } => Asked::new(kind, "list", list_input(filter.as_deref()), format),
    })
}

fn create(args: WriteArgs) -> Result<Asked, Failure> {
    let format = args.print.format;
    if let Some(text) = args.json {
        return Ok(Asked::new(args.kind, "create", whole(&text)?, format));
    }
    let input = json!({
        "name": args.name,
        "active": !args.inactive,
        "settings": settings(&args.settings.set)?,
    });
    let mut asked = Asked::new(args.kind, "create", input, format);
    asked.password = Some(args.password);
    Ok(asked)
}

fn by_name(named: &Named) -> Value {
    let fields = [
        ("name", json!(named.name)),
        ("transport", json!(named.transport)),
    ];
    given(&fields)
}

/// An object of the fields that were given.
fn given(fields: &[(&str, Value)]) -> Value {
    let given = fields.iter().filter(|(_, value)| !value.is_null());
    Value::Object(
        given
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect(),
    )
}

fn whole(text: &str) -> Result<Value, Failure> {
    let bytes = payload::read(text)?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Failure::new(Exit::Invalid, format!("--json: {error}")))
}

/// Settings from `KEY=VALUE`: a value that reads as JSON is taken as such, anything else is text.
pub(super) fn settings(pairs: &[String]) -> Result<Map<String, Value>, Failure> {
    let mut settings = Map::new();
    for pair in pairs {
        let (key, value) = pair
            .split_once('=')
            .filter(|(key, _)| !key.is_empty())
            .ok_or_else(|| Failure::usage("--set takes KEY=VALUE"))?;
        let from_elsewhere = value == "-" || value.starts_with('@');
        if is_secret(key) && !from_elsewhere {
            let message = format!(
                "--set {key}=...: a secret on the command line is seen by everyone on this machine: \
                 write --set {key}=@FILE, or {key}=- to read standard input"
            );
            return Err(Failure::usage(message));
        }
        let value = if from_elsewhere {
            let text = payload::read_text(value)?;
            Value::String(text.trim_end_matches(['\r', '\n']).to_owned())
        } else if key == AS_IT_IS {
            Value::String(value.to_owned())
        } else {
            serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()))
        };
        settings.insert(key.to_owned(), value);
    }
    Ok(settings)
}

fn is_secret(key: &str) -> bool {
    key == "key"
        || ["password", "secret", "token", "api_key"]
            .iter()
            .any(|word| key.ends_with(word))
}

/// What a list is asked with.
pub(super) fn list_input(filter: Option<&str>) -> Value {
    given(&[("filter", json!(filter)), ("limit", json!(LIST_LIMIT))])
}

/// Objects as aligned columns; a column nobody fills is left out.
pub(super) fn table(answer: &Value) -> String {
    let objects = answer["objects"].as_array().map_or(&[][..], Vec::as_slice);
    let filled = |column: &str| {
        objects
            .iter()
            .any(|object| !object["settings"][column].is_null())
    };
    let columns: Vec<&str> = COLUMNS
        .into_iter()
        .filter(|column| filled(column))
        .collect();
    let kinds: BTreeSet<&str> = objects
        .iter()
        .filter_map(|object| object["kind"].as_str())
        .collect();
    let fixed: &[&str] = match kinds.len() {
        0 | 1 => &["name", "active"],
        _ => &["name", "kind", "active"],
    };
    let mut head: Vec<String> = fixed.iter().map(|&name| name.to_owned()).collect();
    head.extend(columns.iter().map(|column| (*column).to_owned()));
    let rows: Vec<Vec<String>> = objects
        .iter()
        .map(|object| {
            let cells = fixed.iter().map(|&name| output::cell(&object[name]));
            let mut row: Vec<String> = cells.collect();
            row.extend(
                columns
                    .iter()
                    .map(|column| output::cell(&object["settings"][*column])),
            );
            row
        })
        .collect();
    let head: Vec<String> = head.iter().map(|name| name.to_uppercase()).collect();
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    output::columns(&head, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(pairs: &[&str]) -> Result<Map<String, Value>, Failure> {
        settings(
            &pairs
                .iter()
                .map(|&pair| pair.to_owned())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn settings_are_json_where_they_read_as_json() {
        let read = set(&[
            "url_path=/a=b",
            "timeout_ms=500",
            "cancel=true",
            "zip=0123",
            "text=\"5\"",
            "payload={\"a\": 1}",
        ]);
        let expected = json!({"url_path": "/a=b", "timeout_ms": 500, "cancel": true, "zip": "0123", "text": "5", "payload": "{\"a\": 1}"});
        assert_eq!(Value::Object(read.unwrap()), expected);
        assert_eq!(set(&["=x"]).unwrap_err().exit, Exit::Usage);
        assert_eq!(set(&["novalue"]).unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn a_secret_on_the_command_line_is_refused_and_not_repeated() {
        let failure = set(&["password=hunter2"]).unwrap_err();
        assert!(!failure.message.contains("hunter2"), "{failure}");
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "hunter2\n").unwrap();
        let read = set(&[&format!("password=@{}", file.path().display())]).unwrap();
        assert_eq!(read["password"], "hunter2");
    }

    #[test]
    fn a_list_shows_the_settings_that_somebody_has() {
        let answer = json!({"objects": [
            {"name": "crm", "active": true, "settings": {"url_path": "/crm", "service": "crm.get"}},
            {"name": "b", "active": false, "settings": {"url_path": "/b"}},
        ]});
        let expected = "\
NAME  ACTIVE  URL_PATH  SERVICE
crm   true    /crm      crm.get
b     false   /b";
        assert_eq!(table(&answer), expected);
        let answer = json!({"objects": [
            {"name": "crm", "kind": "wss", "active": true, "settings": {}},
            {"name": "b", "kind": "jwt", "active": false, "settings": {}},
        ]});
        let expected = "\
NAME  KIND  ACTIVE
crm   wss   true
b     jwt   false";
        assert_eq!(table(&answer), expected);
    }
}
