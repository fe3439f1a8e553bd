//! What admin services there are.

use std::sync::Arc;

use busker_model::invocation::Role;
use serde_json::{Value, json};

use crate::answers::{list_of, object};
use crate::operation::AdminService;

const SERVICE: &[(&str, &str)] = &[
    ("name", "string"),
    ("summary", "string"),
    ("permission", "string"),
    ("writes", "boolean"),
    ("destructive", "boolean"),
    ("input", "json"),
    ("output", "json"),
    ("soap_element", "string"),
    ("example", "json"),
];

/// Describes `others` and itself.
pub(crate) fn operation(others: &[AdminService]) -> AdminService {
    let blank = make(Arc::new(Vec::new()));
    let mut all: Vec<Value> = others.iter().map(AdminService::description).collect();
    all.push(blank.description());
    all.sort_by(|a, b| a["name"].as_str().cmp(&b["name"].as_str()));
    make(Arc::new(all))
}

fn make(all: Arc<Vec<Value>>) -> AdminService {
    AdminService::new(
        "busker.admin.describe",
        Role::Viewer,
        "Describes every admin service: input, output, permission, example.",
        move |_call| std::future::ready(Ok(json!({"services": *all}))),
    )
    .answers(&[])
    .and("services", list_of(object(SERVICE)))
}
