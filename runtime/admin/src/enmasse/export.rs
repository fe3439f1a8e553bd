//! The configuration as text.

use std::collections::BTreeSet;

use busker_catalog::{Catalog, Kind, title};
use busker_enmasse::{Exported, Format, write};
use busker_model::object::Violation;
use busker_model::secret::REDACTED;
use busker_model::{Family, Fault, Object};
use serde_json::{Map, Value, json};

use crate::crud::lacking;
use crate::operation::Call;

pub(super) async fn export(call: Call) -> Result<Value, Fault> {
    let wanted = wanted(&call)?;
    let contains = call
        .input
        .opt_text("filter")
        .unwrap_or_default()
        .to_lowercase();
    let snapshot = call.deps.odb.objects().snapshot().await?;
    let mut objects: Vec<(Object, &Kind)> = Vec::new();
    for (object, _) in snapshot.objects {
        let Some(kind) = call.deps.catalog.get(object.key.family, &object.kind) else {
            continue;
        };
        let is_wanted = wanted
            .as_ref()
            .is_none_or(|wanted| wanted.contains(&title(kind)));
        if is_wanted && object.key.name.to_lowercase().contains(&contains) {
            objects.push((object, kind));
        }
    }
    // Text is ordered here, not by the database, so that both databases give the same.
    objects.sort_by(|(a, _), (b, _)| order(a).cmp(&order(b)));
    let exported: Vec<Exported> = objects
        .iter()
        .map(|(object, kind)| exported(object, kind))
        .collect();
    let is_json = call.input.opt_text("format") == Some("json");
    let format = if is_json { Format::Json } else { Format::Yaml };
    let text = write(&exported, format).map_err(|error| {
        Fault::internal("the text could not be written").operator(error.to_string())
    })?;
    Ok(json!({
        "text": text,
        "format": if is_json { "json" } else { "yaml" },
        "objects": exported.len(),
        "revision": snapshot.revision,
    }))
}

/// Kinds that are asked for; `None` means all.
fn wanted(call: &Call) -> Result<Option<BTreeSet<String>>, Fault> {
    let Some(given) = call.input.get("kinds") else {
        return Ok(None);
    };
    let listed = given.as_array().and_then(|items| {
        let titles: Option<BTreeSet<&str>> = items.iter().map(Value::as_str).collect();
        titles
    });
    let known = |wanted: &&str| call.deps.catalog.iter().any(|kind| title(kind) == **wanted);
    match listed {
        Some(titles) if titles.iter().all(known) => {
            Ok(Some(titles.into_iter().map(str::to_owned).collect()))
        }
        Some(_) | None => {
            let message = format!(
                "must be a list of kinds; there are {}",
                titles(&call.deps.catalog)
            );
            Err(Fault::violations(vec![Violation::new("kinds", message)]))
        }
    }
}

/// All kinds, for people.
pub(super) fn titles(catalog: &Catalog) -> String {
    let titles: Vec<String> = catalog.iter().map(title).collect();
    titles.join(", ")
}

/// What others refer to comes first.
fn order(object: &Object) -> (Option<usize>, &str, &str, &str) {
    let family = Family::ALL
        .iter()
        .position(|family| *family == object.key.family);
    let key = &object.key;
    (family, &object.kind, &key.name, &key.group)
}

fn exported(object: &Object, kind: &Kind) -> Exported {
    let mut settings = object.settings.as_object().cloned().unwrap_or_default();
    // Those that it lacks as well: with its secret and without, an object is the same text.
    let lacking = lacking(kind, &object.settings);
    let mut secrets = Vec::new();
    for secret in kind.secrets {
        if settings.shift_remove(*secret).is_some() || lacking.contains(secret) {
            secrets.push((*secret).to_owned());
        }
    }
    Exported {
        title: title(kind),
        name: object.key.name.clone(),
        active: object.active,
        settings: without_nulls(kind, &secrets, settings),
        secrets,
    }
}

/// Settings that are null say the same as none, as far as their kind agrees.
fn without_nulls(
    kind: &Kind,
    secrets: &[String],
    settings: Map<String, Value>,
) -> Map<String, Value> {
    let mut short = settings.clone();
    short.retain(|_, value| !value.is_null());
    let check = |settings: &Map<String, Value>| {
        let mut settings = settings.clone();
        for secret in secrets {
            // The check wants to see one; which one it is, it need not know.
            settings.insert(secret.clone(), json!(REDACTED));
        }
        (kind.check)(&Value::Object(settings))
    };
    match (check(&short), check(&settings)) {
        (Ok(one), Ok(other)) if one == other => short,
        _ => settings,
    }
}
