//! Jobs: `busker job DIR create|edit|delete|get|list|execute|pause|resume|history|next-fires`.

use serde_json::{Value, json};

use super::{Client, objects};
use crate::args::{Family, Format, JobVerb, NamedJob, ObjectVerb};
use crate::exit::Failure;
use crate::output;

/// Kinds of jobs, in the order a list shows them.
const KINDS: [&str; 3] = ["cron", "interval", "one-time"];

/// Runs one verb.
pub(crate) async fn run(client: &Client, verb: JobVerb) -> Result<(), Failure> {
    match verb {
        JobVerb::Object(verb) => object(client, verb).await,
        JobVerb::Execute(job) => plain(client, "execute", &job).await,
        JobVerb::Pause(job) => plain(client, "pause", &job).await,
        JobVerb::Resume(job) => plain(client, "resume", &job).await,
        JobVerb::History {
            name,
            limit,
            format,
        } => {
            let input = json!({"name": name, "limit": limit});
            let answer = client.call("busker.job.history", &input).await?;
            output::print(format, &answer, history)
        }
        JobVerb::NextFires {
            name,
            count,
            format,
        } => {
            let input = json!({"name": name, "count": count});
            let answer = client.call("busker.job.next-fires", &input).await?;
            output::print(format, &answer, next_fires)
        }
    }
}

async fn plain(client: &Client, word: &str, job: &NamedJob) -> Result<(), Failure> {
    let service = format!("busker.job.{word}");
    let input = json!({ "name": job.name });
    let answer = client.call(&service, &input).await?;
    output::print(job.print.format, &answer, output::fields)
}

/// The verbs all objects have. A name stands for one job, so its kind need not be told.
async fn object(client: &Client, mut verb: ObjectVerb) -> Result<(), Failure> {
    let told = match &mut verb {
        ObjectVerb::List {
            kind: None,
            filter,
            format,
        } => return list(client, filter.as_deref(), *format).await,
        ObjectVerb::Edit(args) => args.name.as_ref().map(|name| (name, &mut args.kind)),
        ObjectVerb::Delete { named, .. } | ObjectVerb::Get(named) => {
            Some((&named.name, &mut named.kind))
        }
        ObjectVerb::Create(_)
        | ObjectVerb::List { .. }
        | ObjectVerb::Ping(_)
        | ObjectVerb::ChangePassword { .. } => None,
    };
    if let Some((name, kind @ None)) = told {
        let input = json!({"name": name, "limit": 1});
        let answer = client.call("busker.job.history", &input).await?;
        *kind = answer["kind"].as_str().map(str::to_owned);
    }
    objects::run(client, Family::Job, verb).await
}

/// Jobs of every kind.
async fn list(client: &Client, filter: Option<&str>, format: Format) -> Result<(), Failure> {
    let mut all: Vec<Value> = Vec::new();
    for kind in KINDS {
        let input = objects::list_input(filter);
        let answer = client
            .call(&format!("busker.job.{kind}.list"), &input)
            .await?;
        all.extend(answer["objects"].as_array().cloned().unwrap_or_default());
    }
    all.sort_by(|a, b| a["name"].as_str().cmp(&b["name"].as_str()));
    let total = all.len();
    let answer = json!({"objects": all, "total": total});
    output::print(format, &answer, objects::table)
}

fn rows(answer: &Value, columns: &[&str]) -> Vec<Vec<String>> {
    let fires = answer["fires"].as_array().map_or(&[][..], Vec::as_slice);
    let row = |fire: &Value| {
        columns
            .iter()
            .map(|column| output::cell(&fire[*column]))
            .collect()
    };
    fires.iter().map(row).collect()
}

fn history(answer: &Value) -> String {
    let columns = [
        "due", "fires", "verdict", "late_ms", "cid", "outcome", "reason",
    ];
    let head = [
        "DUE", "FIRES", "VERDICT", "LATE MS", "CID", "OUTCOME", "REASON",
    ];
    output::columns(&head, &rows(answer, &columns))
}

fn next_fires(answer: &Value) -> String {
    output::columns(
        &["DUE", "MARK", "NOTE"],
        &rows(answer, &["due", "mark", "note"]),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_is_one_line_a_fire() {
        let answer = json!({"fires": [
            {"due": "2026-03-29T03:00:00+02:00", "fires": 1, "verdict": "fired", "late_ms": 2, "cid": "K1", "outcome": null, "reason": ""},
            {"due": "2026-03-28T02:30:00+01:00", "fires": 3, "verdict": "collapsed", "late_ms": 0, "cid": null, "outcome": null, "reason": "missed"},
        ]});
        let expected = "\
DUE                        FIRES  VERDICT    LATE MS  CID  OUTCOME  REASON
2026-03-29T03:00:00+02:00  1      fired      2        K1
2026-03-28T02:30:00+01:00  3      collapsed  0                      missed";
        assert_eq!(history(&answer), expected);
    }
}
