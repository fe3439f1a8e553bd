//! Commands to the Redis of the node: those of an allow-list, each by who may run it.

mod commands;
mod words;

use busker_model::Fault;
use busker_model::invocation::Role;
use busker_model::object::Violation;
use busker_model::redis::RedisReply;
use busker_model::secret::{REDACTED, is_secret_name};
use serde_json::{Value, json};

use self::commands::{Danger, danger};
use self::words::words;
use crate::input::Type;
use crate::operation::{AdminService, Call};
use crate::runner::{permitted, trusted};

/// Name of the service.
const EXECUTE: &str = "busker.redis.execute";
/// What is shown of an answer that is nothing; the words are Zato's.
const NOTHING: &str = "(None)";

pub(crate) fn operations() -> Vec<AdminService> {
    vec![
        AdminService::new(
            EXECUTE,
            Role::Operator,
            "Runs a command of Redis: operators may read, developers write, and admins do what is dangerous and confirmed.",
            execute,
        )
        .required(
            "command",
            Type::Text,
            "The command, such as GET key; a word with spaces stands in quotes.",
        )
        .optional(
            "confirm",
            Type::Boolean,
            "Must be true for a dangerous command: CONFIG, FLUSHDB, KEYS, and writes to keys of Busker itself.",
        )
        .example(json!({"command": "GET \"my key\""}))
        .answers(&[("result", "string")])
        .writing(),
    ]
}

async fn execute(call: Call) -> Result<Value, Fault> {
    let words = words(call.input.text("command"))?;
    let (danger, command) = danger(&words)?;
    let asked = format!("{EXECUTE} {command}");
    let role = match danger {
        Danger::Read => Role::Operator,
        Danger::Write => Role::Developer,
        Danger::Dangerous => Role::Admin,
    };
    permitted(Some(&call.principal), role, &asked)?;
    if danger == Danger::Dangerous {
        // Invocations are kept there, with who handed them over.
        trusted(&call.principal, &asked)?;
    }
    if danger == Danger::Dangerous && !call.input.flag("confirm", false) {
        let message = format!("must be true: {command} is dangerous for what is in this Redis");
        return Err(Fault::violations(vec![Violation::new("confirm", message)]));
    }
    let reply = call.deps.redis.execute(words).await?;
    let shown = if command == "CONFIG" {
        without_secrets(reply)
    } else {
        reply
    };
    Ok(json!({"result": rendered(&shown)}))
}

/// Settings of Redis are pairs of name and value; passwords are among them.
fn without_secrets(reply: RedisReply) -> RedisReply {
    let RedisReply::List(mut items) = reply else {
        return reply;
    };
    for pair in items.chunks_exact_mut(2) {
        if let [RedisReply::Text(name), RedisReply::Text(value)] = pair
            && !value.is_empty()
            && (is_secret_name(name) || name.contains("pass") || name.contains("auth"))
        {
            REDACTED.clone_into(value);
        }
    }
    RedisReply::List(items)
}

/// An answer as text: what is nothing is said to be nothing, a list is written as Python writes one.
fn rendered(reply: &RedisReply) -> String {
    match reply {
        RedisReply::Nil => NOTHING.to_owned(),
        RedisReply::Text(text) if text.is_empty() => NOTHING.to_owned(),
        RedisReply::List(items) if items.is_empty() => NOTHING.to_owned(),
        RedisReply::Text(text) => text.clone(),
        RedisReply::Integer(number) => number.to_string(),
        RedisReply::List(items) => listed(items),
    }
}

fn listed(items: &[RedisReply]) -> String {
    let items: Vec<String> = items
        .iter()
        .map(|item| match item {
            RedisReply::Nil => "None".to_owned(),
            RedisReply::Integer(number) => number.to_string(),
            RedisReply::Text(text) => crate::dictionaries::repr(text),
            RedisReply::List(items) => listed(items),
        })
        .collect();
    format!("[{}]", items.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> RedisReply {
        RedisReply::Text(text.to_owned())
    }

    #[test]
    fn answers_are_texts_and_nothing_is_said_to_be_nothing() {
        for nothing in [RedisReply::Nil, text(""), RedisReply::List(Vec::new())] {
            assert_eq!(rendered(&nothing), "(None)");
        }
        assert_eq!(rendered(&RedisReply::Integer(0)), "0");
        assert_eq!(rendered(&text("it's")), "it's");
        let list = RedisReply::List(vec![
            text("it's"),
            RedisReply::Nil,
            RedisReply::List(vec![RedisReply::Integer(7)]),
        ]);
        assert_eq!(rendered(&list), "[\"it's\", None, [7]]");
    }

    #[test]
    fn settings_of_redis_come_without_its_passwords() {
        let pairs = ["requirepass", "hunter2", "masterauth", "", "port", "6379"];
        let shown = without_secrets(RedisReply::List(pairs.map(text).to_vec()));
        let kept = ["requirepass", "***", "masterauth", "", "port", "6379"];
        assert_eq!(shown, RedisReply::List(kept.map(text).to_vec()));
    }
}
