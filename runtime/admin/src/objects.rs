//! All objects, whatever their kind.

use busker_model::invocation::Role;
use busker_model::object::NEEDS_SECRET;
use busker_model::{Family, Fault, Object};
use busker_odb::ListFilter;
use serde_json::{Value, json};

use crate::crud::{LIST_DEFAULT, LIST_MAX, any_objects, lacking, shown};
use crate::input::Type;
use crate::operation::{AdminService, Call};

const FAMILIES: &[&str] = &[
    "security",
    "definition",
    "outgoing",
    "service",
    "channel",
    "job",
];
const STATES: &[&str] = &[NEEDS_SECRET];
/// Objects that are read at a time where the database cannot tell which are wanted.
const PAGE: i64 = 1_000;

pub(crate) fn operations() -> Vec<AdminService> {
    vec![
        AdminService::new(
            "busker.object.list",
            Role::Viewer,
            "Lists objects of all kinds, family by family.",
            list,
        )
        .optional(
            "family",
            Type::Choice(FAMILIES),
            "Family; all unless given.",
        )
        .optional("filter", Type::Text, "Text the name contains, in any case.")
        .optional("state", Type::Choice(STATES), "Only objects in this state.")
        .optional(
            "limit",
            Type::Integer(0, LIST_MAX),
            "Most objects to answer; 100 unless given.",
        )
        .optional("offset", Type::Integer(0, i64::MAX), "Objects to skip.")
        .example(json!({"filter": "crm", "limit": 20}))
        .answers(&[("total", "integer")])
        .and("objects", any_objects()),
    ]
}

async fn list(call: Call) -> Result<Value, Fault> {
    let limit = call.input.integer("limit").unwrap_or(LIST_DEFAULT);
    let offset = call.input.integer("offset").unwrap_or_default();
    let wanted = call.input.opt_text("family");
    let families = Family::ALL
        .into_iter()
        .filter(|family| wanted.is_none_or(|wanted| wanted == family.as_str()));
    let (mut found, mut total) = (Vec::new(), 0);
    for family in families {
        let taken = i64::try_from(found.len()).unwrap_or(i64::MAX);
        let (skip, room) = ((offset - total).max(0), limit - taken);
        let (objects, there) = if call.input.get("state").is_some() {
            lacking_of(&call, family, skip, room).await?
        } else {
            page(&call, family, skip, room).await?
        };
        found.extend(objects);
        total += there;
    }
    let objects: Vec<Value> = found
        .iter()
        .filter_map(|object| {
            let kind = call.deps.catalog.get(object.key.family, &object.kind)?;
            Some(shown(object, kind))
        })
        .collect();
    Ok(json!({"objects": objects, "total": total}))
}

/// Some objects of a family, and how many there are.
async fn page(
    call: &Call,
    family: Family,
    offset: i64,
    limit: i64,
) -> Result<(Vec<Object>, i64), Fault> {
    let filter = ListFilter {
        name_contains: call.input.opt_text("filter").unwrap_or_default().to_owned(),
        limit,
        offset,
        ..ListFilter::all(family)
    };
    let page = call.deps.odb.objects().list(&filter).await?;
    Ok((page.objects, page.total))
}

/// The same of those that lack a secret: only the catalog can tell, and few families have any.
async fn lacking_of(
    call: &Call,
    family: Family,
    offset: i64,
    limit: i64,
) -> Result<(Vec<Object>, i64), Fault> {
    let mut kinds = call.deps.catalog.iter();
    if !kinds.any(|kind| kind.family == family && !kind.secrets.is_empty()) {
        return Ok((Vec::new(), 0));
    }
    let (mut found, mut total, mut read) = (Vec::new(), 0, 0);
    loop {
        let (objects, there) = page(call, family, read, PAGE).await?;
        read += PAGE;
        for object in objects {
            let kind = call.deps.catalog.get(family, &object.kind);
            if kind.is_some_and(|kind| !lacking(kind, &object.settings).is_empty()) {
                if (offset..offset.saturating_add(limit)).contains(&total) {
                    found.push(object);
                }
                total += 1;
            }
        }
        if read >= there {
            return Ok((found, total));
        }
    }
}
