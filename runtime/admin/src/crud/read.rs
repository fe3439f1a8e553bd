//! Get, list and ping.

use busker_catalog::Kind;
use busker_model::{ErrorClass, Family, Fault, Transport};
use busker_odb::{ListFilter, Page};
use busker_service::Ping;
use serde_json::{Value, json};

use super::{LIST_DEFAULT, find, shown};
use crate::operation::{Call, answer};

pub(super) async fn get(call: Call, kind: Kind) -> Result<Value, Fault> {
    let object = find(&call.deps.odb, kind, &call).await?;
    Ok(shown(&object, &kind))
}

pub(super) async fn list(call: Call, kind: Kind) -> Result<Value, Fault> {
    let page = page(&call, kind.family, Some(kind.kind)).await?;
    let shown: Vec<Value> = page
        .objects
        .iter()
        .map(|object| shown(object, &kind))
        .collect();
    Ok(json!({"objects": shown, "total": page.total}))
}

/// The page of a family, or of one of its kinds, that a call asks for.
pub(crate) async fn page(call: &Call, family: Family, kind: Option<&str>) -> Result<Page, Fault> {
    let objects = call.deps.odb.objects();
    let mut filter = ListFilter {
        family,
        kind: kind.map(str::to_owned),
        name_contains: call.input.opt_text("filter").unwrap_or_default().to_owned(),
        limit: call.input.integer("limit").unwrap_or(LIST_DEFAULT),
        offset: call.input.integer("offset").unwrap_or_default(),
    };
    let backwards = call.input.opt_text("sort") == Some("-name");
    if backwards {
        // The same page counted from the other end; the ODB sorts one way only.
        let counted = ListFilter {
            limit: 0,
            offset: 0,
            ..filter.clone()
        };
        let total = objects.list(&counted).await?.total;
        let end = total.saturating_sub(filter.offset).max(0);
        filter.offset = end.saturating_sub(filter.limit).max(0);
        filter.limit = end - filter.offset;
    }
    let mut page = objects.list(&filter).await?;
    if backwards {
        page.objects.reverse();
    }
    Ok(page)
}

pub(super) async fn ping(call: Call, kind: Kind) -> Result<Value, Fault> {
    let object = find(&call.deps.odb, kind, &call).await?;
    let transport = if object.key.group == Transport::Soap.as_str() {
        Transport::Soap
    } else {
        Transport::PlainHttp
    };
    let outgoing = &call.context.ports().http;
    match outgoing.ping(&object.key.name, transport).await {
        // One that is switched off, or whose secret is missing, is as dead as its peer would be.
        Err(fault) if fault.class == ErrorClass::Unavailable => answer(&Ping {
            ok: false,
            ms: 0,
            message: fault.message.to_string(),
            class: Some(fault.class),
        }),
        other => answer(&other?),
    }
}
