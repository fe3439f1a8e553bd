//! Deploying services, and the source they were deployed from.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use busker_model::invocation::Role;
use busker_model::object::Violation;
use busker_model::{Fault, Origin};
use busker_odb::nodes::NodeRecord;
use busker_odb::packages::{PACKAGE_BYTES, Package, PackageKind, PackageStatus};
use serde_json::{Value, json};

use crate::answers::{list_of, object};
use crate::input::Type;
use crate::operation::{AdminService, Call, answer};
use crate::services_run::{row_of, unknown};

const DEPLOYED: &[(&str, &str)] = &[
    ("package", "integer"),
    ("name", "string"),
    ("generation", "integer"),
    ("state", "string"),
    ("services", "string[]"),
];
/// A service on a node. One that is built into the program has no package, and nothing that comes with one.
const DEPLOYMENT: &[(&str, &str)] = &[
    ("node", "string"),
    ("origin", "string"),
    ("package", "integer?"),
    ("generation", "integer?"),
    ("file", "string?"),
    ("sha256", "string?"),
    ("uploaded_by", "string?"),
    ("uploaded_ms", "integer?"),
    ("state", "string"),
    ("message", "string"),
    ("at_ms", "integer"),
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
        .bringing_code()
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
        .bringing_code()
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
            ("source", "string?"),
            ("payload_base64", "string"),
        ]),
        AdminService::new(
            "busker.service.list-deployments",
            Role::Viewer,
            "Lists where a service is deployed: on each node the package, its generation, who uploaded it, when and from which file.",
            deployments,
        )
        .required("name", Type::Name, "Service.")
        .example(json!({"name": "stockmarket.get-market-cap"}))
        .answers(&[("service", "string")])
        .and("deployments", list_of(object(DEPLOYMENT))),
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

async fn deployments(call: Call) -> Result<Value, Fault> {
    let name = call.input.text("name");
    let packages = call.deps.odb.packages();
    let mut found: Vec<Value> = Vec::new();
    let active = packages.active().await?;
    for package in active
        .iter()
        .filter(|package| package.services.iter().any(|service| service == name))
    {
        let statuses = packages.statuses(package.id).await?;
        found.extend(statuses.iter().map(|status| from_package(package, status)));
    }
    let nodes = call.deps.odb.nodes().list().await?;
    found.extend(nodes.iter().filter_map(|node| built_in(node, name)));
    if found.is_empty() {
        // Known to this node all the same: an admin service, or one whose nodes have not reported yet.
        let row = row_of(&call).map_err(|_| unknown(name))?;
        found.push(json!({
            "node": call.deps.node.name(),
            "origin": crate::services_run::origin(&row.definition.origin),
            "state": row.state,
            "message": "",
            "at_ms": busker_kit::clock::unix_ms(),
        }));
    }
    Ok(json!({"service": name, "deployments": found}))
}

fn from_package(package: &Package, status: &PackageStatus) -> Value {
    json!({
        "node": status.node,
        "origin": "python",
        "package": package.id,
        "generation": package.generation,
        "file": package.name,
        "sha256": package.sha256,
        "uploaded_by": package.uploaded_by,
        "uploaded_ms": package.at_ms,
        "state": status.state,
        "message": status.message,
        "at_ms": status.at_ms,
    })
}

/// A node that was built with the service, as it last reported.
fn built_in(node: &NodeRecord, service: &str) -> Option<Value> {
    let services = node.info["rust_services"].as_array()?;
    let has_it = services.iter().any(|built_in| built_in == service);
    has_it.then(|| {
        json!({
            "node": node.name,
            "origin": "rust",
            "state": node.state,
            "message": "",
            "at_ms": node.seen_ms,
        })
    })
}
