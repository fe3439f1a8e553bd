//! Security definitions of all kinds in one list: who names one does not say of which kind.

use busker_model::invocation::Role;
use busker_model::{Family, Fault};
use serde_json::{Value, json};

use crate::crud::{any_objects, paged, read, shown};
use crate::operation::{AdminService, Call};

pub(crate) fn list() -> AdminService {
    let service = AdminService::new(
        "busker.security.list",
        Role::Viewer,
        "Lists security definitions of all kinds.",
        all,
    );
    paged(service)
        .answers(&[("total", "integer")])
        .and("objects", any_objects())
}

async fn all(call: Call) -> Result<Value, Fault> {
    let page = read::page(&call, Family::Security, None).await?;
    let shown: Vec<Value> = page
        .objects
        .iter()
        .filter_map(|object| {
            let kind = call.deps.catalog.get(Family::Security, &object.kind)?;
            Some(shown(object, kind))
        })
        .collect();
    Ok(json!({"objects": shown, "total": page.total}))
}
