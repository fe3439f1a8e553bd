//! Services: `busker service invoke|deploy|list|get|source|edit|delete|rollback`, their WSDL, and `busker api call`.

use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::{CALL_TIMEOUT, Client, objects};
use crate::args::{
    CallInput, DataFormat, Delivery, EditServiceArgs, Format, InvokeArgs, Print, Transport,
};
use crate::exit::{Exit, Failure};
use crate::{output, payload};

/// Invokes a service and prints its answer alone.
pub(crate) async fn invoke(client: &Client, args: &InvokeArgs) -> Result<(), Failure> {
    let body = payload::read(&args.payload)?;
    let timeout = Duration::from_secs(u64::from(args.timeout));
    let is_json = args.data_format == DataFormat::Json && args.transport != Some(Transport::Soap);
    if is_json && !args.later {
        let answer = client.post(&args.name, body, timeout).await?.succeeded()?;
        return output::body(&answer.body);
    }
    // The API itself speaks JSON, so other formats travel inside it.
    let payload = String::from_utf8(body)
        .map_err(|_| Failure::new(Exit::Invalid, "the payload is not UTF-8"))?;
    let mut input = json!({
        "name": args.name,
        "payload": payload,
        "data_format": format_word(args.data_format),
        "transport": match args.transport {
            Some(Transport::Soap) => "soap",
            Some(Transport::PlainHttp) | None => "plain_http",
        },
        "timeout_ms": u64::from(args.timeout) * 1000,
    });
    if args.later {
        input["async"] = json!(true);
        let answer = client.call("busker.service.invoke", &input).await?;
        return output::say(answer["cid"].as_str().unwrap_or_default());
    }
    let answer = client
        .post(
            "busker.service.invoke",
            input.to_string().into_bytes(),
            timeout,
        )
        .await?
        .succeeded()?;
    let answer: Value = serde_json::from_slice(&answer.body)
        .map_err(|error| Failure::new(Exit::Internal, format!("no JSON came back: {error}")))?;
    let text = answer["body"].as_str().unwrap_or_default();
    output::body(text.as_bytes())?;
    let status = answer["status"].as_u64().unwrap_or(200);
    if status < 400 {
        return Ok(());
    }
    let status = u16::try_from(status).unwrap_or(500);
    let exit = super::exit_of(status);
    Err(Failure::new(
        exit,
        format!("{} answered {status}", args.name),
    ))
}

const fn format_word(format: DataFormat) -> &'static str {
    match format {
        DataFormat::Json => "json",
        DataFormat::Xml => "xml",
        DataFormat::Form => "form",
        DataFormat::Raw => "raw",
    }
}

/// Deploys a file.
pub(crate) async fn deploy(client: &Client, file: &Path, print: Print) -> Result<(), Failure> {
    let name = file
        .file_name()
        .and_then(|name| name.to_str())
        .ok_or_else(|| Failure::usage("the file needs a name"))?;
    let bytes = payload::read_file(file)?;
    let input = json!({ "name": name, "payload_base64": STANDARD.encode(bytes) });
    let answer = client.call("busker.service.deploy", &input).await?;
    output::print(print.format, &answer, deployed)
}

/// Undeploys the package of a service.
pub(crate) async fn delete(
    client: &Client,
    name: &str,
    confirm: Option<String>,
    print: Print,
) -> Result<(), Failure> {
    let mut input = json!({ "name": name });
    if let Some(confirm) = confirm {
        input["confirm"] = json!(confirm);
    }
    let answer = client.call("busker.service.delete", &input).await?;
    output::print(print.format, &answer, deployed)
}

/// Runs an older package again.
pub(crate) async fn rollback(
    client: &Client,
    name: &str,
    to: Option<i64>,
    confirm: Option<String>,
    print: Print,
) -> Result<(), Failure> {
    let mut input = json!({ "name": name });
    if let Some(to) = to {
        input["to"] = json!(to);
    }
    if let Some(confirm) = confirm {
        input["confirm"] = json!(confirm);
    }
    let answer = client.call("busker.service.rollback", &input).await?;
    output::print(print.format, &answer, deployed)
}

/// Shows a service.
pub(crate) async fn get(client: &Client, name: &str, print: Print) -> Result<(), Failure> {
    let input = json!({ "name": name });
    let answer = client.call("busker.service.get", &input).await?;
    output::print(print.format, &answer, output::fields)
}

/// Prints the source of a service alone.
pub(crate) async fn source(client: &Client, name: &str) -> Result<(), Failure> {
    let input = json!({ "name": name });
    let answer = client.call("busker.service.source", &input).await?;
    if let Some(source) = answer["source"].as_str() {
        return output::body(source.as_bytes());
    }
    let file = output::cell(&answer["file"]);
    let message = format!(
        "{name} came in an archive, {file}, which is no text: \
         `busker api call DIR busker.service.source` has it in Base64"
    );
    Err(Failure::new(Exit::Invalid, message))
}

/// Changes the settings of a service; they are made when it has none.
pub(crate) async fn edit(client: &Client, args: &EditServiceArgs) -> Result<(), Failure> {
    let mut settings = Map::new();
    let numbers = [
        ("timeout_ms", args.timeout_ms),
        ("slow_threshold_ms", args.slow_threshold_ms),
        ("max_concurrency", args.max_concurrency),
    ];
    for (name, given) in numbers {
        if let Some(number) = given {
            let number = Some(number).filter(|&number| number > 0);
            settings.insert(name.to_owned(), json!(number));
        }
    }
    if let Some(delivery) = args.delivery {
        let word = match delivery {
            Delivery::Durable => "durable",
            Delivery::Fast => "fast",
        };
        settings.insert("delivery".to_owned(), json!(word));
    }
    if settings.is_empty() && args.active.is_none() {
        return Err(Failure::usage("name what to change: see --help"));
    }
    let input = json!({"name": args.service.name, "active": args.active, "settings": settings});
    let answer = match client.call("busker.service.settings.edit", &input).await {
        Err(failure) if failure.exit == Exit::NotFound => {
            // Only of a service that is there: a typing error must not leave settings behind.
            let named = json!({ "name": args.service.name });
            client.call("busker.service.get", &named).await?;
            client
                .call("busker.service.settings.create", &input)
                .await?
        }
        other => other?,
    };
    output::print(args.print.format, &answer, output::fields)
}

/// One line about a package: `stockmarket.py, package 53: active (stockmarket.get-market-cap)`.
fn deployed(answer: &Value) -> String {
    let services = answer["services"].as_array().map_or(&[][..], Vec::as_slice);
    let names: Vec<String> = services.iter().map(output::cell).collect();
    let name = output::cell(&answer["name"]);
    let (package, state) = (
        output::cell(&answer["package"]),
        output::cell(&answer["state"]),
    );
    format!("{name}, package {package}: {state} ({})", names.join(", "))
}

/// Lists services.
pub(crate) async fn list(client: &Client, format: Format) -> Result<(), Failure> {
    let answer = client.call("busker.service.list", &json!({})).await?;
    match output::structured(format, &answer) {
        Some(printed) => printed,
        None => output::say(&table(&answer)),
    }
}

fn table(answer: &Value) -> String {
    const FIELDS: [&str; 6] = [
        "name",
        "origin",
        "active",
        "in_flight",
        "requests",
        "errors",
    ];
    let services = answer["services"].as_array().map_or(&[][..], Vec::as_slice);
    let row = |service: &Value| FIELDS.map(|field| output::cell(&service[field])).to_vec();
    let rows: Vec<Vec<String>> = services.iter().map(row).collect();
    output::columns(
        &[
            "NAME",
            "ORIGIN",
            "ACTIVE",
            "IN FLIGHT",
            "REQUESTS",
            "ERRORS",
        ],
        &rows,
    )
}

/// Calls any service of the API and prints what it answers.
pub(crate) async fn call(
    client: &Client,
    service: &str,
    input: &CallInput,
    format: Format,
) -> Result<(), Failure> {
    let mut body = payload::read(&input.payload)?;
    if !input.set.is_empty() {
        body = with_fields(&body, &input.set)?;
    }
    let answer = client
        .post(service, body, CALL_TIMEOUT)
        .await?
        .succeeded()?;
    // A service of the user's may answer with anything, and JSON is printed as it came.
    match serde_json::from_slice::<Value>(&answer.body) {
        Ok(value) if format != Format::Json => match output::structured(format, &value) {
            Some(printed) => printed,
            None => output::say(&table_of(&value)),
        },
        Ok(_) | Err(_) => output::body(&answer.body),
    }
}

/// A payload with fields of the command line over its own.
fn with_fields(payload: &[u8], pairs: &[String]) -> Result<Vec<u8>, Failure> {
    let read: Value = serde_json::from_slice(payload)
        .map_err(|error| Failure::new(Exit::Invalid, format!("--payload: {error}")))?;
    let Value::Object(mut fields) = read else {
        return Err(Failure::usage(
            "--set needs a payload that is a JSON object",
        ));
    };
    fields.extend(objects::settings(pairs)?);
    Ok(Value::Object(fields).to_string().into_bytes())
}

/// An answer for people: its list as a table, else its fields one below the other.
fn table_of(answer: &Value) -> String {
    let Some(fields) = answer.as_object() else {
        return output::cell(answer);
    };
    let rows_of = |value: &Value| -> Option<Vec<Value>> {
        let rows = value.as_array()?;
        let are_objects = !rows.is_empty() && rows.iter().all(Value::is_object);
        are_objects.then(|| rows.clone())
    };
    let mut lists = fields.values().filter_map(rows_of);
    match (lists.next(), lists.next()) {
        (Some(rows), None) => rows_table(&rows),
        (Some(_) | None, Some(_) | None) => {
            let row = |(name, value): (&String, &Value)| vec![name.clone(), output::cell(value)];
            let rows: Vec<Vec<String>> = fields.iter().map(row).collect();
            output::columns(&["FIELD", "VALUE"], &rows)
        }
    }
}

/// The columns are the fields of the first row.
fn rows_table(rows: &[Value]) -> String {
    let first = rows.first().and_then(Value::as_object);
    let names: Vec<String> = first.map_or_else(Vec::new, |row| row.keys().cloned().collect());
    let head: Vec<String> = names.iter().map(|name| name.to_uppercase()).collect();
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let cells = |row: &Value| -> Vec<String> {
        let cells = names.iter().map(|name| output::cell(&row[name.as_str()]));
        cells.collect()
    };
    let rows: Vec<Vec<String>> = rows.iter().map(cells).collect();
    output::columns(&head, &rows)
}

/// Keeps a WSDL for a service.
pub(crate) async fn set_wsdl(client: &Client, name: &str, file: &Path) -> Result<(), Failure> {
    let bytes = payload::read_file(file)?;
    let file = file.file_name().and_then(|file| file.to_str());
    let input = json!({"name": name, "file": file, "payload_base64": STANDARD.encode(bytes)});
    let answer = client.call("busker.service.set-wsdl", &input).await?;
    let paths = answer["paths"].as_array().map_or(&[][..], Vec::as_slice);
    let paths: Vec<String> = paths.iter().map(output::cell).collect();
    let at = if paths.is_empty() {
        "no SOAP channel exposes it yet".to_owned()
    } else {
        format!("at {}", paths.join(", "))
    };
    let (file, sum) = (
        output::cell(&answer["file"]),
        output::cell(&answer["sha256"]),
    );
    output::say(&format!("{name}: {file}, sha256 {sum}, {at}"))
}

/// Prints the WSDL of a service as it was given.
pub(crate) async fn get_wsdl(client: &Client, name: &str) -> Result<(), Failure> {
    let input = json!({ "name": name });
    let answer = client.call("busker.service.get-wsdl", &input).await?;
    let sent = answer["payload_base64"].as_str().unwrap_or_default();
    let bytes = STANDARD
        .decode(sent)
        .map_err(|error| Failure::new(Exit::Internal, format!("no Base64 came back: {error}")))?;
    output::body(&bytes)
}

/// Lets the WSDL of a service go.
pub(crate) async fn delete_wsdl(client: &Client, name: &str) -> Result<(), Failure> {
    let input = json!({ "name": name });
    client.call("busker.service.delete-wsdl", &input).await?;
    output::say(&format!(
        "{name}: its channels answer ?wsdl with the generated one again"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_the_command_line_go_over_the_payload() {
        let pairs = ["limit=5".to_owned(), "filter=a b".to_owned()];
        let body = with_fields(b"{\"limit\": 1, \"sort\": \"name\"}", &pairs).unwrap();
        let read: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(read, json!({"limit": 5, "sort": "name", "filter": "a b"}));
        assert_eq!(with_fields(b"[]", &pairs).unwrap_err().exit, Exit::Usage);
        assert_eq!(with_fields(b"{", &pairs).unwrap_err().exit, Exit::Invalid);
    }

    #[test]
    fn an_answer_is_a_table_of_its_list_or_of_its_fields() {
        let list = json!({"total": 1, "objects": [{"name": "a", "on": true}]});
        assert_eq!(table_of(&list), "NAME  ON\na     true");
        let fields = json!({"name": "a", "deep": {"b": [1]}, "none": []});
        let expected = "FIELD  VALUE\nname   a\ndeep   {\"b\":[1]}\nnone   []";
        assert_eq!(table_of(&fields), expected);
    }

    #[test]
    fn a_deploy_is_told_in_one_line() {
        let answer = json!({"package": 53, "name": "stockmarket.py", "generation": 2, "state": "active", "services": ["stockmarket.get-market-cap"]});
        assert_eq!(
            deployed(&answer),
            "stockmarket.py, package 53: active (stockmarket.get-market-cap)"
        );
    }
}
