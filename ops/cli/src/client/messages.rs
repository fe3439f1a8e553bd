//! Asynchronous invocations: `busker message DIR status|ledger|list|get|edit|replay|discard`.

use serde_json::{Value, json};

use super::Client;
use crate::args::{ByCid, MessageVerb};
use crate::exit::Failure;
use crate::{output, payload};

/// Runs one verb.
pub(crate) async fn run(client: &Client, verb: MessageVerb) -> Result<(), Failure> {
    let (word, letter) = match verb {
        MessageVerb::Ledger(print) => {
            let answer = client.call("busker.message.get-ledger", &json!({})).await?;
            return output::print(print.format, &answer, ledger);
        }
        MessageVerb::List {
            service,
            limit,
            offset,
            print,
        } => {
            let input = json!({"service": service, "limit": limit, "offset": offset});
            let answer = client.call("busker.message.list-dead", &input).await?;
            return output::print(print.format, &answer, dead);
        }
        MessageVerb::Edit { letter, payload } => {
            let text = payload::read_text(&payload)?;
            // Text is taken as it is; what reads as JSON is sent as such.
            let payload = serde_json::from_str(&text).unwrap_or(Value::String(text));
            let input = json!({"cid": letter.cid, "payload": payload});
            let answer = client.call("busker.message.edit-dead", &input).await?;
            return output::print(letter.print.format, &answer, output::fields);
        }
        MessageVerb::Status(letter) => ("get-status", letter),
        MessageVerb::Get(letter) => ("get-dead", letter),
        MessageVerb::Replay(letter) => ("replay", letter),
        MessageVerb::Discard(letter) => ("discard", letter),
    };
    let ByCid { cid, print } = letter;
    let service = format!("busker.message.{word}");
    let answer = client.call(&service, &json!({ "cid": cid })).await?;
    output::print(print.format, &answer, output::fields)
}

fn ledger(answer: &Value) -> String {
    let shown = [
        ("SERVICE", "service"),
        ("CLASS", "delivery"),
        ("ACCEPTED", "accepted"),
        ("DONE", "done"),
        ("DEAD", "dead"),
        ("DISCARDED", "discarded"),
        ("EXPIRED", "expired"),
        ("PENDING", "pending"),
        ("BALANCES", "balances"),
    ];
    output::rows(&answer["rows"], &shown)
}

fn dead(answer: &Value) -> String {
    let shown = [
        ("CID", "cid"),
        ("SERVICE", "service"),
        ("ATTEMPTS", "attempts"),
        ("BYTES", "bytes"),
        ("CLASS", "failure.class"),
        ("WHY", "failure.message"),
    ];
    output::rows(&answer["messages"], &shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_letter_is_one_line_that_says_why() {
        let answer = json!({"total": 1, "messages": [{
            "cid": "K1", "service": "crm.get", "attempts": 3, "bytes": 12,
            "failure": {"class": "unavailable", "message": "crm is\naway"},
        }]});
        let expected = "\
CID  SERVICE  ATTEMPTS  BYTES  CLASS        WHY
K1   crm.get  3         12     unavailable  crm is\\naway";
        assert_eq!(dead(&answer), expected);
    }
}
