//! Services: `busker service invoke|deploy|list|delete|rollback`, and `busker api call`.

use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{CALL_TIMEOUT, Client};
use crate::args::{DataFormat, Format, InvokeArgs, Transport};
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
pub(crate) async fn deploy(client: &Client, file: &Path) -> Result<(), Failure> {
    let name = file
        .file_name()
        .and_then(|name| name.to_str())
        .ok_or_else(|| Failure::usage("the file needs a name"))?;
    let bytes = payload::read_file(file)?;
    let input = json!({ "name": name, "payload_base64": STANDARD.encode(bytes) });
    let answer = client.call("busker.service.deploy", &input).await?;
    output::say(&deployed(&answer))
}

/// Undeploys the package of a service.
pub(crate) async fn delete(client: &Client, name: &str) -> Result<(), Failure> {
    let answer = client
        .call("busker.service.delete", &json!({ "name": name }))
        .await?;
    output::say(&deployed(&answer))
}

/// Runs an older package again.
pub(crate) async fn rollback(client: &Client, name: &str, to: Option<i64>) -> Result<(), Failure> {
    let input = to.map_or_else(
        || json!({ "name": name }),
        |to| json!({ "name": name, "to": to }),
    );
    let answer = client.call("busker.service.rollback", &input).await?;
    output::say(&deployed(&answer))
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
pub(crate) async fn call(client: &Client, service: &str, input: &str) -> Result<(), Failure> {
    let body = payload::read(input)?;
    let answer = client
        .post(service, body, CALL_TIMEOUT)
        .await?
        .succeeded()?;
    output::body(&answer.body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deploy_is_told_in_one_line() {
        let answer = json!({"package": 53, "name": "stockmarket.py", "generation": 2, "state": "active", "services": ["stockmarket.get-market-cap"]});
        assert_eq!(
            deployed(&answer),
            "stockmarket.py, package 53: active (stockmarket.get-market-cap)"
        );
    }
}
