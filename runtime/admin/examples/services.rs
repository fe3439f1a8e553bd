//! Prints the page of the admin services: `cargo run -p busker-admin --example services > ops/docs/services.md`.

use std::io::Write;

use busker_admin::{operations, page};
use busker_catalog::Catalog;

fn main() -> std::io::Result<()> {
    let text = page::services(&operations(&Catalog::builtin()));
    write!(std::io::stdout().lock(), "{text}")
}
