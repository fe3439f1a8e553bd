//! WSDL that people upload for services: served at `?wsdl` of their SOAP channels in place of the generated one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use busker_model::invocation::Role;
use busker_model::object::Violation;
use busker_model::{Fault, ServiceName};
use busker_odb::wsdls::{WSDL_BYTES, WsdlInfo, WsdlWrite};
use busker_pipeline::root_of;
use serde_json::{Value, json};

use crate::input::Type;
use crate::operation::{AdminService, Call, answer};
use crate::services_run::channels;

/// Roots of a WSDL: of version 1.1 and of 2.0.
const ROOTS: [&str; 2] = [
    "{http://schemas.xmlsoap.org/wsdl/}definitions",
    "{http://www.w3.org/ns/wsdl}description",
];
const EXAMPLE: &str = "stockmarket.get-market-cap";
const KEPT: &[(&str, &str)] = &[
    ("service", "string"),
    ("file", "string"),
    ("sha256", "string"),
    ("uploaded_by", "string"),
    ("at_ms", "integer"),
    ("paths", "string[]"),
];

pub(crate) fn operations() -> Vec<AdminService> {
    let named = |service: AdminService| service.required("name", Type::Name, "Service.");
    let mut all = vec![
        named(AdminService::new(
            "busker.service.set-wsdl",
            Role::Developer,
            "Keeps a WSDL for a service; its SOAP channels answer ?wsdl with it, byte for byte, on every node.",
            set,
        ))
        .optional(
            "file",
            Type::Name,
            "File name, such as stockmarket.wsdl; the service's name unless given.",
        )
        .required("payload_base64", Type::Text, "The WSDL, in Base64.")
        .example(json!({
            "name": EXAMPLE,
            "payload_base64": STANDARD.encode("<definitions xmlns=\"http://schemas.xmlsoap.org/wsdl/\"/>"),
        }))
        .answers(KEPT)
        .writing(),
    ];
    all.extend([
        named(AdminService::new(
            "busker.service.get-wsdl",
            Role::Viewer,
            "Answers the WSDL that was uploaded for a service.",
            get,
        ))
        .example(json!({"name": EXAMPLE}))
        .answers(&[KEPT, &[("payload_base64", "string")]].concat()),
        named(AdminService::new(
            "busker.service.has-wsdl",
            Role::Viewer,
            "Answers whether a WSDL was uploaded for a service.",
            has,
        ))
        .example(json!({"name": EXAMPLE}))
        .answers(&[("service", "string"), ("has_wsdl", "boolean")]),
        named(AdminService::new(
            "busker.service.delete-wsdl",
            Role::Developer,
            "Lets the WSDL of a service go; its SOAP channels answer ?wsdl with the generated one again.",
            delete,
        ))
        .example(json!({"name": EXAMPLE}))
        .answers(&[("service", "string"), ("deleted", "boolean")])
        .destroying(),
    ]);
    all
}

/// The service a call names; it may be deployed later.
fn service(call: &Call) -> Result<ServiceName, Fault> {
    ServiceName::new(call.input.text("name")).map_err(|error| field("name", error.reason))
}

fn field(name: &str, message: &str) -> Fault {
    Fault::violations(vec![Violation::new(name, message)])
}

async fn set(call: Call) -> Result<Value, Fault> {
    let service = service(&call)?;
    let content = STANDARD
        .decode(call.input.text("payload_base64"))
        .map_err(|_| field("payload_base64", "is not Base64 (RFC 4648, with padding)"))?;
    if content.is_empty() || content.len() > WSDL_BYTES {
        let message = format!("must hold from 1 to {WSDL_BYTES} bytes");
        return Err(field("payload_base64", &message));
    }
    check(&content)?;
    let usual = || format!("{service}.wsdl");
    let file = call
        .input
        .opt_text("file")
        .map_or_else(usual, str::to_owned);
    if file.contains(['/', '\\']) || file.starts_with('.') {
        return Err(field("file", "must be a plain file name without folders"));
    }
    let write = WsdlWrite {
        service: service.to_string(),
        file,
        content,
        uploaded_by: call.who().to_owned(),
    };
    let kept = call.deps.odb.wsdls().set(write).await?;
    shown(&call, &kept).await
}

/// What is served to strangers has to be what it says it is.
fn check(content: &[u8]) -> Result<(), Fault> {
    let root = root_of(content).map_err(|fault| field("payload_base64", &fault.message))?;
    if ROOTS.iter().any(|known| root.is_called(known)) {
        return Ok(());
    }
    let message = format!(
        "is XML, but no WSDL: its root is {:?} in {:?}",
        root.name, root.namespace
    );
    Err(field("payload_base64", &message))
}

/// A WSDL without its content, and the paths it is served at.
async fn shown(call: &Call, kept: &WsdlInfo) -> Result<Value, Fault> {
    let mut shown = answer(kept)?;
    let channels = channels(call, &kept.service).await?;
    let soap = channels.iter().filter(|channel| channel["group"] == "soap");
    let paths: Vec<String> = soap
        .filter_map(|channel| channel["url_path"].as_str())
        .map(|path| format!("{path}?wsdl"))
        .collect();
    shown["paths"] = json!(paths);
    Ok(shown)
}

async fn get(call: Call) -> Result<Value, Fault> {
    let service = service(&call)?;
    let wsdls = call.deps.odb.wsdls();
    let none = || {
        Fault::not_found(format!(
            "name: no WSDL was uploaded for {service}; ?wsdl of a SOAP channel answers the generated one"
        ))
    };
    let kept = wsdls.info(service.as_str()).await?.ok_or_else(none)?;
    let content = wsdls.content(service.as_str()).await?.ok_or_else(none)?;
    let mut shown = shown(&call, &kept).await?;
    shown["payload_base64"] = json!(STANDARD.encode(content));
    Ok(shown)
}

async fn has(call: Call) -> Result<Value, Fault> {
    let service = service(&call)?;
    let known = call.deps.odb.wsdls().info(service.as_str()).await?;
    Ok(json!({"service": service, "has_wsdl": known.is_some()}))
}

async fn delete(call: Call) -> Result<Value, Fault> {
    let service = service(&call)?;
    call.deps.odb.wsdls().delete(service.as_str()).await?;
    Ok(json!({"service": service, "deleted": true}))
}
