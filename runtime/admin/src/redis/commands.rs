//! The commands that may be run: Zato's, by what they can do.

use busker_model::Fault;
use busker_model::object::Violation;

/// What a command can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Danger {
    /// It changes nothing.
    Read,
    /// It changes what it names.
    Write,
    /// It changes, deletes or holds up everything.
    Dangerous,
}

const READ: &[&str] = &[
    "DBSIZE",
    "DUMP",
    "ECHO",
    "EXISTS",
    "GET",
    "HEXISTS",
    "HGET",
    "HGETALL",
    "HKEYS",
    "HLEN",
    "HVALS",
    "INFO",
    "LLEN",
    "LRANGE",
    "MGET",
    "OBJECT",
    "PING",
    "PTTL",
    "RANDOMKEY",
    "SISMEMBER",
    "SMEMBERS",
    "TIME",
    "TTL",
    "TYPE",
    "ZRANGE",
];
const WRITE: &[&str] = &[
    "DECR",
    "DECRBY",
    "DEL",
    "EXPIRE",
    "EXPIREAT",
    "HDEL",
    "HINCRBY",
    "HSETNX",
    "INCR",
    "INCRBY",
    "LPOP",
    "LPUSH",
    "LPUSHX",
    "LREM",
    "LSET",
    "LTRIM",
    "MSET",
    "MSETNX",
    "PERSIST",
    "PEXPIRE",
    "PEXPIREAT",
    "PSETEX",
    "RENAME",
    "RENAMENX",
    "RESTORE",
    "RPOP",
    "SADD",
    "SET",
    "SREM",
    "ZADD",
    "ZREM",
];
const DANGEROUS: &[&str] = &["CONFIG", "FLUSHDB", "KEYS"];

/// What the keys of Busker itself begin with: messages, leases, who is there.
const OURS: &str = "busker:";

/// How dangerous a command is, and its name in capitals.
///
/// # Errors
/// `Invalid` for one that is not in the list; the message has the list.
pub(super) fn danger(words: &[String]) -> Result<(Danger, String), Fault> {
    let name = words.first().map(|word| word.to_uppercase());
    let name = name.unwrap_or_default();
    let is = |list: &[&str]| list.contains(&name.as_str());
    let danger = if is(DANGEROUS) {
        Danger::Dangerous
    } else if is(WRITE) {
        let ours = words.iter().skip(1).any(|word| word.starts_with(OURS));
        if ours {
            Danger::Dangerous
        } else {
            Danger::Write
        }
    } else if is(READ) {
        Danger::Read
    } else {
        let mut known = [READ, WRITE, DANGEROUS].concat();
        known.sort_unstable();
        let message = format!(
            "is not one that can be run here; there are {}",
            known.join(" ")
        );
        return Err(Fault::violations(vec![Violation::new("command", message)]));
    };
    Ok((danger, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &[&str]) -> Result<(Danger, String), Fault> {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        danger(&words)
    }

    #[test]
    fn there_are_the_fifty_nine_commands_of_zato_each_once() {
        let mut all = [READ, WRITE, DANGEROUS].concat();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 59);
    }

    #[test]
    fn a_command_is_as_dangerous_as_what_it_can_do() {
        for (words, expected) in [
            (&["get", "k"][..], Danger::Read),
            (&["Set", "k", "v"], Danger::Write),
            (&["DEL", "k", "busker:{c}:stream"], Danger::Dangerous),
            (&["FLUSHDB"], Danger::Dangerous),
            (&["config", "set", "dir", "x"], Danger::Dangerous),
        ] {
            assert_eq!(of(words).unwrap().0, expected, "{words:?}");
        }
        for unknown in ["EVAL", "FLUSHALL", "SHUTDOWN", "DEBUG", "SUBSCRIBE", ""] {
            let fault = of(&[unknown]).unwrap_err();
            assert!(fault.message.contains("HGETALL"), "{fault}");
        }
    }
}
