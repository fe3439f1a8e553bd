//! Watching a node: its supervision tree and what happens to its actors.

use std::io::IsTerminal;
use std::time::Duration;

use futures::StreamExt;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::Client;
use super::stream::SseReader;
use crate::args::{EventsArgs, Format, TreeArgs};
use crate::exit::{Exit, Failure};
use crate::output;

/// Time between two pictures of the tree.
const REFRESH: Duration = Duration::from_secs(1);
/// Puts a terminal's cursor to the top left and clears what is below.
const CLEAR: &str = "\u{1b}[H\u{1b}[J";

/// Shows the tree, once or again and again.
pub(crate) async fn tree(client: &Client, args: &TreeArgs) -> Result<(), Failure> {
    let input = match &args.prefix {
        Some(prefix) => json!({ "prefix": prefix }),
        None => json!({}),
    };
    let live = args.follow && args.format == Format::Table && std::io::stdout().is_terminal();
    loop {
        let answer = client.call("busker.tree.get", &input).await?;
        match output::structured(args.format, &answer) {
            Some(printed) => printed?,
            None if live => output::say(&format!("{CLEAR}{}", picture(&answer)))?,
            None => output::say(&picture(&answer))?,
        }
        if !args.follow {
            return Ok(());
        }
        tokio::time::sleep(REFRESH).await;
    }
}

/// Actors indented below their supervisors, states in a column.
fn picture(answer: &Value) -> String {
    let actors = answer["actors"].as_array().map_or(&[][..], Vec::as_slice);
    let rows: Vec<Vec<String>> = actors
        .iter()
        .map(|actor| {
            let path = actor["path"].as_str().unwrap_or_default();
            let depth = path.matches('/').count();
            let name = path.rsplit('/').next().unwrap_or_default();
            let restarts = actor["restarts"].as_u64().filter(|&count| count > 0);
            let notes = [
                output::cell(&actor["note"]),
                restarts.map_or_else(String::new, |count| format!("restarts: {count}")),
                output::cell(&actor["last_error"]),
            ];
            let notes: Vec<String> = notes.into_iter().filter(|note| !note.is_empty()).collect();
            vec![
                format!("{}{}", "  ".repeat(depth), output::printable(name)),
                output::cell(&actor["kind"]),
                output::cell(&actor["state"]),
                notes.join("; "),
            ]
        })
        .collect();
    output::columns(&["ACTOR", "KIND", "STATE", ""], &rows)
}

/// Shows past events, then, if asked, each new one as it comes.
pub(crate) async fn events(client: &Client, args: &EventsArgs) -> Result<(), Failure> {
    let answer = client
        .call("busker.event.list", &json!({ "limit": args.limit }))
        .await?;
    let past = past(&answer);
    if !args.follow {
        return match output::structured(args.format, &answer) {
            Some(printed) => printed,
            None => past.iter().try_for_each(|event| output::say(&line(event))),
        };
    }
    past.iter().try_for_each(|event| show(args.format, event))?;
    let response = client.events().await?;
    let mut chunks = response.bytes_stream();
    let mut reader = SseReader::default();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| client.away(&error))?;
        for event in reader.take(&chunk) {
            // A hint for programs that keep a copy.
            if event.name == "resync" {
                continue;
            }
            let value = serde_json::from_str(&event.data).unwrap_or(Value::String(event.data));
            show(args.format, &value)?;
        }
    }
    Err(Failure::new(Exit::Unavailable, "the node ended the stream"))
}

/// Supervision reports and events of the node, as one story.
fn past(answer: &Value) -> Vec<Value> {
    let lists = [&answer["reports"], &answer["events"]];
    let mut all: Vec<Value> = lists
        .iter()
        .filter_map(|list| list.as_array())
        .flatten()
        .cloned()
        .collect();
    all.sort_by_key(|event| event["at_ms"].as_i64());
    all
}

/// One event of a stream: a line, a line of JSON, or a document of YAML.
fn show(format: Format, event: &Value) -> Result<(), Failure> {
    match format {
        Format::Table => output::say(&line(event)),
        Format::Json => output::say(&event.to_string()),
        Format::Yaml => {
            output::say("---")?;
            output::structured(format, event).unwrap_or(Ok(()))
        }
    }
}

/// `2026-11-24 05:10:01.115  crashed        node1/channels/http/crm  why`.
fn line(event: &Value) -> String {
    let what = event["kind"].as_str().or_else(|| event["name"].as_str());
    let Some(what) = what else {
        return output::cell(event);
    };
    let place = event["path"].as_str().or_else(|| event["node"].as_str());
    let why = event["reason"]
        .as_str()
        .or_else(|| event["message"].as_str());
    let at = event["at_ms"].as_i64().map_or_else(String::new, at);
    let text = format!(
        "{at}  {what:<17}  {}  {}",
        place.unwrap_or_default(),
        why.unwrap_or_default()
    );
    output::printable(text.trim_end())
}

fn at(unix_ms: i64) -> String {
    let nanos = i128::from(unix_ms) * 1_000_000;
    let at = OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (hour, minute, second, milli) = at.to_hms_milli();
    format!("{} {hour:02}:{minute:02}:{second:02}.{milli:03}", at.date())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_indented_and_says_why() {
        let answer = json!({"actors": [
            {"path": "node1", "kind": "supervisor", "state": "running", "restarts": 0},
            {"path": "node1/channels", "kind": "supervisor", "state": "running", "restarts": 0},
            {"path": "node1/channels/crm", "kind": "channel", "state": "degraded", "note": "waiting-for-service", "restarts": 2},
        ]});
        let expected = "\
ACTOR       KIND        STATE
node1       supervisor  running
  channels  supervisor  running
    crm     channel     degraded  waiting-for-service; restarts: 2";
        assert_eq!(picture(&answer), expected);
    }

    #[test]
    fn reports_and_events_are_one_story() {
        let answer = json!({"reports": [{"at_ms": 1}, {"at_ms": 4}], "events": [{"at_ms": 3}]});
        let times: Vec<_> = past(&answer)
            .iter()
            .map(|event| event["at_ms"].as_i64())
            .collect();
        assert_eq!(times, [Some(1), Some(3), Some(4)]);
    }

    #[test]
    fn an_event_is_one_line() {
        let event = json!({"at_ms": 1_795_497_001_115_i64, "kind": "crashed", "path": "node1/a", "reason": "bad\nnews"});
        assert_eq!(
            line(&event),
            "2026-11-24 05:10:01.115  crashed            node1/a  bad\\nnews"
        );
        assert_eq!(line(&json!({"events": 3})), "{\"events\":3}");
    }
}
