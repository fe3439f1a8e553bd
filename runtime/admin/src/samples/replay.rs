//! Running a kept invocation again.

use std::time::Duration;

use busker_kit::clock;
use busker_model::invocation::{MAX_INVOKE_DEPTH, Role};
use busker_model::object::Violation;
use busker_model::service::DEFAULT_TIMEOUT_MS;
use busker_model::{
    DataFormat, ErrorClass, Fault, Origin, ServiceDefinition, ServiceName, Transport,
};
use busker_odb::samples::Sample;
use bytes::Bytes;
use serde_json::{Value, json};

use super::{EXAMPLE_CID, unknown};
use crate::input::Type;
use crate::operation::{AdminService, Call};
use crate::ports::ServiceCall;
use crate::runner::permitted;

pub(super) fn operation() -> AdminService {
    AdminService::new(
        "busker.sample.replay",
        Role::Operator,
        "Runs a kept invocation again, under the cid of this request; what was masked in it stays masked.",
        replay,
    )
    .required("cid", Type::Text, "cid of the invocation.")
    .optional(
        "name",
        Type::Name,
        "Service, when several were kept with that cid.",
    )
    .optional(
        "package",
        Type::Integer(1, i64::MAX),
        "Id of the package that must be the running one.",
    )
    .example(json!({"cid": EXAMPLE_CID}))
    .answers(&[
        ("cid", "string"),
        ("replayed", "string"),
        ("name", "string"),
        ("package", "integer"),
        ("generation", "integer"),
        ("masked", "integer"),
        ("status", "integer"),
        ("content_type", "string"),
        ("body", "string"),
    ])
    .writing()
}

async fn replay(call: Call) -> Result<Value, Fault> {
    let sample = kept(&call).await?;
    let name = sample.head.service.as_str();
    let invoker = &call.context.ports().invoker;
    let definition = invoker.definition(name).ok_or_else(|| {
        Fault::not_found(format!("name: service {name:?} is not deployed any more"))
    })?;
    permitted(Some(&call.principal), definition.permission, name)?;
    let package = running(&definition, call.input.integer("package"))?;
    let answer = call.deps.caller.call(asked(&call, &sample)?).await?;
    Ok(json!({
        "cid": call.context.cid().to_string(),
        "replayed": sample.head.cid,
        "name": name,
        "package": package,
        "generation": definition.generation,
        "masked": sample.request.masked,
        "status": answer.status,
        "content_type": answer.content_type,
        "body": String::from_utf8_lossy(&answer.body),
    }))
}

/// The newest one that is kept with the cid.
async fn kept(call: &Call) -> Result<Sample, Fault> {
    let (name, cid) = (call.input.text("name"), call.input.text("cid"));
    let found = call.deps.odb.samples().of_cid(cid, name, None).await?;
    let mut services: Vec<&str> = found
        .iter()
        .map(|sample| sample.head.service.as_str())
        .collect();
    services.sort_unstable();
    services.dedup();
    if services.len() > 1 {
        let message = format!("several have that cid; name one of {}", services.join(", "));
        return Err(Fault::violations(vec![Violation::new("name", message)]));
    }
    let sample = found.into_iter().next();
    let sample = sample.ok_or_else(|| unknown(name, cid))?;
    if sample.request.state == "whole" {
        return Ok(sample);
    }
    let message = format!(
        "cid: the request was kept {}, so it cannot be sent again",
        sample.request.state
    );
    Err(Fault::new(ErrorClass::Conflict, message))
}

/// The package that runs, which must be the one that is asked for: a service has one running version on a node.
fn running(definition: &ServiceDefinition, wanted: Option<i64>) -> Result<Option<i64>, Fault> {
    let (package, file) = match &definition.origin {
        Origin::Python { package, file, .. } => (Some(*package), file.as_str()),
        Origin::Internal | Origin::Rust => (None, "the program"),
    };
    if wanted.is_none() || wanted == package {
        return Ok(package);
    }
    let runs = package.map_or_else(|| "it is built in".to_owned(), |id| format!("it is {id}"));
    Err(Fault::new(
        ErrorClass::Conflict,
        format!(
            "package: only the version that runs can be asked, and {runs}; busker.service.rollback makes another one of {file} run"
        ),
    ))
}

fn asked(call: &Call, sample: &Sample) -> Result<ServiceCall, Fault> {
    let request = call.context.request();
    let depth = request.depth.saturating_add(1);
    if depth >= MAX_INVOKE_DEPTH {
        let message = format!("{MAX_INVOKE_DEPTH} invocations are inside each other already");
        return Err(Fault::invalid(message));
    }
    let origin = &sample.head.origin;
    let formats = [DataFormat::Xml, DataFormat::Form, DataFormat::Raw];
    let format = formats
        .into_iter()
        .find(|format| origin["data_format"] == format.as_str());
    let transport = if origin["transport"] == Transport::Soap.as_str() {
        Transport::Soap
    } else {
        Transport::PlainHttp
    };
    let service = ServiceName::new(&sample.head.service);
    let wanted = clock::now() + Duration::from_millis(DEFAULT_TIMEOUT_MS);
    Ok(ServiceCall {
        service: service.map_err(|error| Fault::invalid(error.to_string()))?,
        body: Bytes::from(sample.request.text.clone()),
        data_format: format.unwrap_or_default(),
        transport,
        headers: Vec::new(),
        params: params(&origin["params"]),
        cid: request.cid,
        principal: Some(call.principal.clone()),
        deadline: wanted.min(request.deadline),
        depth,
    })
}

fn params(kept: &Value) -> Vec<(String, String)> {
    let pairs = kept.as_array().into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    pairs.map(|pair| (text(&pair[0]), text(&pair[1]))).collect()
}
