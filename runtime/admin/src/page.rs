//! The page of all admin services, `ops/docs/services.md`.

use crate::operation::{AdminService, role_word};
use crate::soap::{NAMESPACE, bound};

/// The page, as Markdown.
#[must_use]
pub fn services(operations: &[AdminService]) -> String {
    let mut out = format!(
        "# The admin services\n\n\
         Everything that can be done to a cluster is one of these services. Each is called in three ways, with the same \
         credentials, roles and audit:\n\n\
         * JSON: `POST /api/v1/services/NAME`, described in [openapi.json](openapi.json);\n\
         * SOAP 1.1 and 1.2: `POST /api/v1/soap`, described by `GET /api/v1/soap?wsdl`. The element below, in the \
         namespace `{NAMESPACE}`, is what the body holds; `_response` in place of `_request` is what comes back, and the \
         SOAPAction is the name;\n\
         * the command line: `busker api call DIR NAME --payload JSON`, besides the commands that have a word of their \
         own.\n\n\
         *Changes* says whether a call leaves a row in the audit log; *ends* marks what takes something away. This page is \
         made by `cargo run -p busker-admin --example services`.\n\n\
         | service | what it does | role | changes | SOAP element | command line |\n\
         |---|---|---|---|---|---|\n"
    );
    for operation in operations {
        out.push_str(&row(operation));
    }
    out
}

fn row(operation: &AdminService) -> String {
    let changes = match (operation.writes, operation.destructive) {
        (_, true) => "ends",
        (true, false) => "yes",
        (false, false) => "",
    };
    let cells = [
        format!("`{}`", operation.name),
        operation.summary.clone(),
        role_word(operation.permission).to_owned(),
        changes.to_owned(),
        format!("`{}`", bound(operation).request_element()),
        format!("`busker {}`", command(operation)),
    ];
    let cells = cells.map(|cell| cell.replace('|', "\\|"));
    format!("| {} |\n", cells.join(" | "))
}

/// How it is called on the command line, with its example.
fn command(operation: &AdminService) -> String {
    let call = format!("api call DIR {}", operation.name);
    match operation.example.as_object() {
        Some(fields) if !fields.is_empty() => {
            let payload = operation.example.to_string().replace('\'', "'\\''");
            format!("{call} --payload '{payload}'")
        }
        Some(_) | None => call,
    }
}
