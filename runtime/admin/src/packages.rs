//! Packages of hot-deployed code, as stored.

use busker_model::Fault;
use busker_model::invocation::Role;
use serde_json::{Value, json};

use crate::answers::{list_of, object};
use crate::input::Type;
use crate::operation::{AdminService, Call, answer};

const PACKAGE: &[(&str, &str)] = &[
    ("id", "integer"),
    ("name", "string"),
    ("generation", "integer"),
    ("kind", "string"),
    ("sha256", "string"),
    ("size", "integer"),
    ("services", "string[]"),
    ("state", "string"),
    ("replaced_by", "integer?"),
    ("uploaded_by", "string"),
    ("at_ms", "integer"),
    ("revision", "integer"),
];
const STATUS: &[(&str, &str)] = &[
    ("package", "integer"),
    ("node", "string"),
    ("state", "string"),
    ("message", "string"),
    ("at_ms", "integer"),
];

pub(crate) fn operations() -> Vec<AdminService> {
    vec![
        AdminService::new(
            "busker.package.list",
            Role::Viewer,
            "Lists the active packages, or every kept generation of one.",
            list,
        )
        .optional(
            "name",
            Type::Name,
            "File name, to list its generations newest first.",
        )
        .example(json!({"name": "stockmarket.py"}))
        .answers(&[])
        .and("packages", list_of(object(PACKAGE))),
        AdminService::new(
            "busker.package.get",
            Role::Viewer,
            "Answers a package and how it fares on each node, with the traceback where it failed.",
            get,
        )
        .required("package", Type::Integer(1, i64::MAX), "Package id.")
        .example(json!({"package": 53}))
        .answers(PACKAGE)
        .and("nodes", list_of(object(STATUS))),
    ]
}

async fn list(call: Call) -> Result<Value, Fault> {
    let packages = call.deps.odb.packages();
    let found = match call.input.opt_text("name") {
        Some(name) => packages.history(name).await?,
        None => packages.active().await?,
    };
    Ok(json!({"packages": found}))
}

async fn get(call: Call) -> Result<Value, Fault> {
    let id = call.input.integer("package").unwrap_or_default();
    let packages = call.deps.odb.packages();
    let mut shown = answer(&packages.get(id).await?)?;
    shown["nodes"] = answer(&packages.statuses(id).await?)?;
    Ok(shown)
}
