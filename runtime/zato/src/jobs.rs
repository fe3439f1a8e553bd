//! Jobs. Zato has one service for all kinds of them: `job_type` says which.

use busker_model::invocation::Role::{Developer, Operator, Viewer};
use busker_model::{Family, Fault, Object};
use serde_json::{Map, Value, json};

use crate::call::{Call, identity};
use crate::ids;
use crate::row::{Answer, Row};

/// Parts of a period.
const PERIOD: [&str; 5] = ["weeks", "days", "hours", "minutes", "seconds"];
const TAKES: &str = "cluster_id,name,is_active,job_type,service,start_date \
    | id,extra,weeks,days,hours,minutes,seconds,repeats,cron_definition";
const SHOWN: &str = "id,name,is_active,job_type,start_date,service_id,service_name \
    | extra,weeks,days,hours,minutes,seconds,repeats,cron_definition";

/// Zato's words for the kinds of jobs, and ours.
const TYPES: [(&str, &str); 3] = [
    ("one_time", "one-time"),
    ("interval_based", "interval"),
    ("cron_style", "cron"),
];
const KINDS: &[&str] = &["one-time", "interval", "cron"];

pub(crate) fn rows() -> Vec<Row> {
    vec![
        Row::code("zato.scheduler.job.create", Developer, create)
            .takes(TAKES)
            .answers("id,name | cron_definition"),
        Row::code("zato.scheduler.job.delete", Developer, delete).takes("id"),
        Row::code("zato.scheduler.job.edit", Developer, edit)
            .takes(TAKES)
            .answers("id,name | cron_definition"),
        Row::code("zato.scheduler.job.execute", Operator, execute).takes("id"),
        Row::code("zato.scheduler.job.get-by-name", Viewer, get)
            .takes("cluster_id,name")
            .answers(SHOWN),
        Row::code("zato.scheduler.job.get-list", Viewer, list)
            .takes("cluster_id")
            .lists(SHOWN),
    ]
}

/// Our kind of the job a call is about.
fn kind(call: &Call) -> Result<&'static str, Fault> {
    let given = call.text("job_type");
    let found = TYPES.into_iter().find(|(zatos, _)| *zatos == given);
    found
        .map(|(_, ours)| ours)
        .ok_or_else(|| Fault::invalid("job_type: must be one_time, interval_based or cron_style"))
}

fn settings(call: &Call, kind: &str) -> Result<Map<String, Value>, Fault> {
    let mut settings = Map::new();
    let mut set = |name: &str, value: Value| drop(settings.insert(name.to_owned(), value));
    set("service", json!(call.text("service")));
    set("payload", json!(call.text("extra")));
    set("start_date", json!(call.given("start_date")));
    match kind {
        "interval" => {
            for part in PERIOD {
                set(part, json!(call.number(part)?.unwrap_or_default()));
            }
            set("repeats", json!(call.number("repeats")?));
        }
        "cron" => set("cron", json!(call.needed("cron_definition")?)),
        _ => {}
    }
    Ok(settings)
}

async fn create(call: Call) -> Answer {
    let kind = kind(&call)?;
    let input = json!({
        "name": call.text("name"),
        "active": call.flag("is_active"),
        "settings": settings(&call, kind)?,
    });
    let made = call.ours(&service(kind, "create"), input).await?;
    Ok(written(&made))
}

async fn edit(call: Call) -> Answer {
    let kind = kind(&call)?;
    let object = call.object(Family::Job, &[kind]).await?;
    let input = json!({
        "name": object.key.name,
        "new_name": call.text("name"),
        "active": call.flag("is_active"),
        "settings": settings(&call, kind)?,
    });
    let edited = call.ours(&service(kind, "edit"), input).await?;
    Ok(written(&edited))
}

fn service(kind: &str, verb: &str) -> String {
    format!("busker.job.{kind}.{verb}")
}

fn written(job: &Value) -> Value {
    let mut answer = identity(job);
    answer["cron_definition"] = job["settings"]["cron"].clone();
    answer
}

async fn any_kind(call: &Call) -> Result<Object, Fault> {
    call.object(Family::Job, KINDS).await
}

async fn delete(call: Call) -> Answer {
    let job = any_kind(&call).await?;
    let input = json!({"name": job.key.name});
    call.ours(&service(&job.kind, "delete"), input).await
}

async fn execute(call: Call) -> Answer {
    let job = any_kind(&call).await?;
    let input = json!({"name": job.key.name});
    call.ours("busker.job.execute", input).await
}

async fn get(call: Call) -> Answer {
    let name = call.text("name");
    for kind in KINDS {
        let input = json!({"name": name});
        match call.ours(&service(kind, "get"), input).await {
            Ok(job) => return Ok(shown(&job)),
            Err(fault) if fault.class == busker_model::ErrorClass::NotFound => {}
            Err(fault) => return Err(fault),
        }
    }
    Err(Fault::not_found(format!("There is no job [{name}]")))
}

async fn list(call: Call) -> Answer {
    let mut jobs = Vec::new();
    for kind in KINDS {
        jobs.extend(call.every(&service(kind, "list")).await?);
    }
    jobs.sort_by(|a, b| a["name"].as_str().cmp(&b["name"].as_str()));
    Ok(jobs.iter().map(shown).collect())
}

fn shown(job: &Value) -> Value {
    let settings = &job["settings"];
    let kind = job["kind"].as_str().unwrap_or_default();
    let job_type = TYPES.into_iter().find(|(_, ours)| *ours == kind);
    let service = settings["service"].as_str().unwrap_or_default();
    let mut shown = identity(job);
    let mut set = |name: &str, value: Value| shown[name] = value;
    set("is_active", job["active"].clone());
    set("job_type", json!(job_type.map(|(zatos, _)| zatos)));
    set("start_date", settings["start_date"].clone());
    set("service_id", json!(ids::service(service)));
    set("service_name", json!(service));
    set("extra", settings["payload"].clone());
    for part in PERIOD {
        set(part, settings[part].clone());
    }
    set("repeats", settings["repeats"].clone());
    set("cron_definition", settings["cron"].clone());
    shown
}
