//! Deploying services, and the source they were deployed from.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use busker_model::invocation::Role;
use busker_model::object::Violation;
use busker_model::{Fault, Origin};
use busker_odb::packages::{PACKAGE_BYTES, PackageKind};
use serde_json::{Value, json};

use crate::input::Type;
use crate::operation::{AdminService, Call, answer};
use crate::services_run::row_of;

const DEPLOYED: &[(&str, &str)] = &[
    ("package", "integer"),
    ("name", "string"),
    ("generation", "integer"),
    ("state", "string"),
    ("services", "array"),
];

pub(crate) fn operations() -> Vec<AdminService> {
    vec![
        AdminService::new(
            "busker.service.deploy",
            Role::Developer,
            "Deploys a Python file or a zip of them; a bad one changes nothing.",
            deploy,
        )
        .required("name", Type::Name, "File name, such as stockmarket.py.")
        .required("payload_base64", Type::Text, "The file, in Base64.")
        .example(json!({"name": "stockmarket.py", "payload_base64": "aW1wb3J0IHRoaXMK"}))
        .answers(DEPLOYED)
        .writing(),
        AdminService::new(
            "busker.service.delete",
            Role::Developer,
            "Undeploys the package that defines a service.",
            delete,
        )
        .required("name", Type::Name, "Service.")
        .example(json!({"name": "stockmarket.get-market-cap"}))
        .answers(DEPLOYED)
        .destroying(),
        AdminService::new(
            "busker.service.rollback",
            Role::Developer,
            "Makes an older package of a file run again.",
            rollback,
        )
        .required("name", Type::Name, "File name, such as stockmarket.py.")
        .optional(
            "to",
            Type::Integer(1, i64::MAX),
            "Package id; the one before the active one unless given.",
        )
        .example(json!({"name": "stockmarket.py", "to": 52}))
        .answers(DEPLOYED)
        .destroying(),
        AdminService::new(
            "busker.service.source",
            Role::Developer,
            "Answers the source a service was deployed from.",
            source,
        )
        .required("name", Type::Name, "Service.")
        .example(json!({"name": "stockmarket.get-market-cap"}))
        .answers(&[
            ("name", "string"),
            ("package", "integer"),
            ("file", "string"),
            ("source", "string"),
            ("payload_base64", "string"),
        ]),
    ]
}

async fn deploy(call: Call) -> Result<Value, Fault> {
    let name = call.input.text("name").to_owned();
    if name.contains(['/', '\\']) || name.starts_with('.') {
        return Err(field("name", "must be a plain file name without folders"));
    }
    let payload = STANDARD
        .decode(call.input.text("payload_base64"))
        .map_err(|_| field("payload_base64", "is not Base64 (RFC 4648, with padding)"))?;
    if payload.is_empty() || payload.len() > PACKAGE_BYTES {
        let message = format!("must hold from 1 to {PACKAGE_BYTES} bytes");
        return Err(field("payload_base64", &message));
    }
    let who = call.who().to_owned();
    answer(&call.deps.deployer.deploy(name, payload.into(), who).await?)
}

fn field(name: &str, message: &str) -> Fault {
    Fault::violations(vec![Violation::new(name, message)])
}

async fn delete(call: Call) -> Result<Value, Fault> {
    let (name, who) = (call.input.text("name").to_owned(), call.who().to_owned());
    answer(&call.deps.deployer.delete(name, who).await?)
}

async fn rollback(call: Call) -> Result<Value, Fault> {
    let (name, who) = (call.input.text("name").to_owned(), call.who().to_owned());
    let to = call.input.integer("to");
    answer(&call.deps.deployer.rollback(name, to, who).await?)
}

async fn source(call: Call) -> Result<Value, Fault> {
    let row = row_of(&call)?;
    let name = &row.definition.name;
    let (package, file) = match &row.definition.origin {
        Origin::Python { package, file, .. } if *package > 0 => (*package, file),
        Origin::Python { .. } | Origin::Internal | Origin::Rust => {
            return Err(Fault::not_found(format!(
                "name: {name} was not deployed from a package, so its source is not stored"
            )));
        }
    };
    let packages = call.deps.odb.packages();
    let kind = packages.get(package).await?.kind;
    let payload = packages.payload(package).await?;
    let source = match kind {
        PackageKind::Py => json!(String::from_utf8_lossy(&payload)),
        PackageKind::Zip => Value::Null,
    };
    Ok(json!({
        "name": name,
        "package": package,
        "file": file,
        "source": source,
        "payload_base64": STANDARD.encode(&payload),
    }))
}
