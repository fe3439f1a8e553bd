//! Services as Zato lists, edits, deletes and uploads them.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use busker_model::invocation::Role::{Developer, Viewer};
use busker_model::service::DEFAULT_SLOW_THRESHOLD_MS;
use busker_model::{ErrorClass, Family, Fault, ObjectKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::call::Call;
use crate::ids;
use crate::row::{Answer, Row};

/// The filter that lets every name through.
const ALL: &str = "*";

pub(crate) fn rows() -> Vec<Row> {
    vec![
        Row::code("zato.service.delete", Developer, delete).takes("id"),
        Row::code("zato.service.edit", Developer, edit)
            .takes("id,is_active,slow_threshold:i")
            .answers("id,name,impl_name,is_internal,may_be_deleted:b"),
        Row::code("zato.service.get-by-name", Viewer, get)
            .takes("cluster_id,name")
            .answers(
                "id,name,is_active,impl_name,is_internal,may_be_deleted:b,usage:i,slow_threshold:i,time_last:i,\
                 time_min_all_time:i,time_max_all_time:i,time_mean_all_time",
            ),
        Row::code("zato.service.get-channel-list", Viewer, channels)
            .takes("id,channel_type")
            .lists("id,name"),
        Row::code("zato.service.get-list", Viewer, list)
            .takes("cluster_id,name_filter")
            .lists("id,name,is_active,impl_name,is_internal,may_be_deleted:b,usage:i,slow_threshold:i"),
        Row::code("zato.service.get-source-info", Developer, source)
            .takes("cluster_id,name")
            .answers("| service_id,server_name,source,source_path,source_hash,source_hash_method"),
        Row::code("zato.service.upload-package", Developer, upload)
            .takes("cluster_id,payload,payload_name"),
    ]
}

/// What of a service takes more than its row: the class behind it, and when it counts as slow.
fn shown(call: &Call, service: &Value, slow_ms: Option<&Value>) -> Value {
    let name = service["name"].as_str().unwrap_or_default();
    let definition = call.context.ports().invoker.definition(name);
    let default = json!(DEFAULT_SLOW_THRESHOLD_MS);
    let slow_ms = slow_ms.filter(|value| value.is_number());
    json!({
        "id": ids::service(name),
        "name": name,
        "is_active": service["active"],
        "impl_name": definition.map_or_else(String::new, |known| known.impl_name.clone()),
        "is_internal": service["origin"] == "internal",
        "may_be_deleted": service["package"].as_i64().is_some_and(|package| package > 0),
        "usage": service["requests"],
        "slow_threshold": slow_ms.unwrap_or(&default),
    })
}

/// `*`, or words that a name has to hold, in any case; no word lets nothing through, as in Zato.
fn lets_through(filter: &str, name: &str) -> bool {
    let (filter, name) = (filter.trim().to_lowercase(), name.to_lowercase());
    filter == ALL
        || (!filter.is_empty() && filter.split_whitespace().all(|word| name.contains(word)))
}

async fn list(call: Call) -> Answer {
    let services = call.ours("busker.service.list", json!({})).await?;
    let settings = call.every("busker.service.settings.list").await?;
    let slow: HashMap<&str, &Value> = settings
        .iter()
        .filter_map(|object| {
            let slow_ms = &object["settings"]["slow_threshold_ms"];
            Some((object["name"].as_str()?, slow_ms))
        })
        .collect();
    let filter = call.text("name_filter");
    let all = services["services"].as_array().into_iter().flatten();
    let named =
        |service: &&Value| lets_through(filter, service["name"].as_str().unwrap_or_default());
    Ok(all
        .filter(named)
        .map(|service| {
            let name = service["name"].as_str().unwrap_or_default();
            shown(&call, service, slow.get(name).copied())
        })
        .collect())
}

/// Settings an operator made for a service; null when there are none.
async fn settings(call: &Call, name: &str) -> Result<Value, Fault> {
    let input = json!({"name": name});
    match call.ours("busker.service.settings.get", input).await {
        Err(fault) if fault.class == ErrorClass::NotFound => Ok(Value::Null),
        found => found,
    }
}

async fn get(call: Call) -> Answer {
    let name = call.text("name");
    let service = call
        .ours("busker.service.get", json!({"name": name}))
        .await?;
    let settings = settings(&call, name).await?;
    let slow_ms = &settings["settings"]["slow_threshold_ms"];
    let mut answer = shown(&call, &service, Some(slow_ms));
    let whole = |field: &str| service[field].as_f64().unwrap_or_default().round();
    answer["time_last"] = json!(0);
    answer["time_min_all_time"] = json!(0);
    answer["time_max_all_time"] = json!(format!("{:.0}", whole("max_ms")));
    answer["time_mean_all_time"] = json!(format!("{:.0}", whole("mean_ms")));
    Ok(answer)
}

/// Settings are made with the first edit.
async fn edit(call: Call) -> Answer {
    let name = call.service_of(call.id("id")?)?;
    let exists = !settings(&call, &name).await?.is_null();
    let verb = if exists { "edit" } else { "create" };
    let input = json!({
        "name": name,
        "active": call.flag("is_active"),
        "settings": {"slow_threshold_ms": call.number("slow_threshold")?},
    });
    call.ours(&format!("busker.service.settings.{verb}"), input)
        .await?;
    let service = call
        .ours("busker.service.get", json!({"name": name}))
        .await?;
    Ok(shown(&call, &service, None))
}

async fn delete(call: Call) -> Answer {
    let name = call.service_of(call.id("id")?)?;
    call.ours("busker.service.delete", json!({"name": name}))
        .await
}

async fn channels(call: Call) -> Answer {
    let name = call.service_of(call.id("id")?)?;
    let wanted = call.text("channel_type");
    let service = call
        .ours("busker.service.get", json!({"name": name}))
        .await?;
    let mut found = Vec::new();
    for channel in service["channels"].as_array().into_iter().flatten() {
        if channel["group"] != wanted {
            continue;
        }
        let key = ObjectKey {
            family: Family::Channel,
            group: wanted.to_owned(),
            name: channel["name"].as_str().unwrap_or_default().to_owned(),
        };
        let number = call.odb.objects().get(&key).await?.number;
        found.push(json!({"id": number, "name": channel["name"]}));
    }
    Ok(Value::Array(found))
}

async fn source(call: Call) -> Answer {
    let name = call.text("name");
    let found = call
        .ours("busker.service.source", json!({"name": name}))
        .await?;
    let payload = found["payload_base64"].as_str().unwrap_or_default();
    let bytes = STANDARD.decode(payload).map_err(|error| {
        Fault::internal("the source could not be read").operator(error.to_string())
    })?;
    Ok(json!({
        "service_id": ids::service(name),
        "server_name": &*call.context.ports().node,
        "source": payload,
        "source_path": found["file"],
        "source_hash": hexadecimal(&Sha256::digest(bytes)),
        "source_hash_method": "SHA-256",
    }))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn upload(call: Call) -> Answer {
    let letters: String = call.text("payload").split_whitespace().collect();
    let input = json!({"name": call.text("payload_name"), "payload_base64": letters});
    call.ours("busker.service.deploy", input).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_words_that_all_have_to_be_there() {
        let name = "zato.security.basic-auth.get-list";
        for (filter, through) in [
            ("*", true),
            ("", false),
            ("BASIC list", true),
            ("basic  delete", false),
            ("zato.", true),
        ] {
            assert_eq!(lets_through(filter, name), through, "{filter}");
        }
    }
}
