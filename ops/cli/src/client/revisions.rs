//! Revisions: `busker revision list|get|diff|revert`.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Client;
use super::changes::{self, Detail};
use crate::args::RevisionCommand;
use crate::exit::Failure;
use crate::output;

/// Runs one command.
pub(crate) async fn run(client: &Client, command: RevisionCommand) -> Result<(), Failure> {
    match command {
        RevisionCommand::List { limit, format, .. } => {
            let input = json!({"limit": limit});
            let answer = client.call("busker.revision.list", &input).await?;
            match output::structured(format, &answer) {
                Some(printed) => printed,
                None => output::say(&table(&answer)),
            }
        }
        RevisionCommand::Get {
            revision, format, ..
        } => {
            let input = json!({"revision": revision});
            let answer = client.call("busker.revision.get", &input).await?;
            match output::structured(format, &answer) {
                Some(printed) => printed,
                None => output::say(&one(&answer).join("\n")),
            }
        }
        RevisionCommand::Diff {
            from, to, format, ..
        } => {
            let mut input = json!({"from": from});
            if let Some(to) = to {
                input["to"] = json!(to);
            }
            let answer = client.call("busker.revision.diff", &input).await?;
            if let Some(printed) = output::structured(format, &answer) {
                return printed;
            }
            let mut lines = changes::lines(&answer, Detail::Fields);
            let (from, to) = (output::cell(&answer["from"]), output::cell(&answer["to"]));
            lines.push(format!(
                "from revision {from} to {to}: {}",
                changes::sum(&answer, true)
            ));
            output::say(&lines.join("\n"))
        }
        RevisionCommand::Revert {
            revision,
            plan,
            confirm,
            format,
            ..
        } => {
            let mut input = json!({"revision": revision, "validate_only": plan});
            if let Some(confirm) = confirm.confirm {
                input["confirm"] = json!(confirm);
            }
            let answer = client.call("busker.revision.revert", &input).await?;
            if let Some(printed) = output::structured(format, &answer) {
                return printed;
            }
            let detail = if plan { Detail::Fields } else { Detail::Names };
            let mut lines = changes::lines(&answer, detail);
            lines.extend(changes::remarks(&answer));
            let now = output::cell(&answer["revision"]);
            lines.push(format!("{}; revision {now}", changes::sum(&answer, !plan)));
            output::say(&lines.join("\n"))
        }
    }
}

fn table(answer: &Value) -> String {
    let rows: Vec<Vec<String>> = changes::list(answer, "revisions")
        .iter()
        .map(|one| {
            let mut row = vec![output::cell(&one["revision"]), date(&one["at_ms"])];
            row.extend(
                ["who", "created", "edited", "deleted"].map(|field| output::cell(&one[field])),
            );
            row
        })
        .collect();
    let head = ["REVISION", "AT", "WHO", "CREATED", "EDITED", "DELETED"];
    output::columns(&head, &rows)
}

/// A revision with its changes; each says itself what was done to its object.
fn one(answer: &Value) -> Vec<String> {
    let mut lines = vec![format!(
        "revision {}  {}  {}",
        output::cell(&answer["revision"]),
        date(&answer["at_ms"]),
        output::cell(&answer["who"]),
    )];
    for change in changes::list(answer, "changes") {
        let sign = match change["action"].as_str() {
            Some("create") => '+',
            Some("delete" | "cascade") => '-',
            Some(_) | None => '~',
        };
        lines.push(changes::head(sign, change));
        lines.extend(changes::fields(sign, change));
    }
    lines
}

/// Unix milliseconds as a date in UTC.
fn date(ms: &Value) -> String {
    let seconds = ms.as_i64().unwrap_or_default().div_euclid(1_000);
    let date = OffsetDateTime::from_unix_timestamp(seconds).ok();
    date.and_then(|date| date.format(&Rfc3339).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_says_when_who_and_what() {
        let answer = json!({"revision": 53, "who": "ann", "at_ms": 1_767_225_600_000_i64, "changes": [
            {"action": "follow", "kind": "channel.http", "name": "crm", "fields": [
                {"field": "settings.security", "before": "a", "after": "b"},
            ]},
            {"action": "cascade", "kind": "job.cron", "name": "night", "fields": []},
        ]});
        let expected = [
            "revision 53  2026-01-01T00:00:00Z  ann",
            "~ channel.http \"crm\"",
            "    security  \"a\" -> \"b\"",
            "- job.cron \"night\"",
        ];
        assert_eq!(one(&answer), expected);
    }
}
