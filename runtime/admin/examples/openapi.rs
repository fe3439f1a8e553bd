//! Prints the OpenAPI document: `cargo run -p busker-admin --example openapi > ops/docs/openapi.json`.

use std::io::Write;

use busker_admin::{openapi, operations};
use busker_catalog::Catalog;

fn main() -> std::io::Result<()> {
    let document = openapi::document(&operations(&Catalog::builtin()));
    let text = serde_json::to_string_pretty(&document)?;
    writeln!(std::io::stdout().lock(), "{text}")
}
