//! What nodes share: the operational database and Redis, as this machine reaches them.

use std::time::Duration;

use busker_kit::clock;
use busker_node::{NodeConfig, RedisFacts};
use busker_odb::Odb;
use busker_odb::nodes::NodeRecord;

use super::Check;
use crate::exit::Failure;

/// Longest wait for a store to answer.
const WITHIN: Duration = Duration::from_secs(10);
/// How far in the future the last word of a node may be, in milliseconds.
const FUTURE_MS: i64 = 60_000;
const ODB_REMEDY: &str =
    "see that the server runs, that this machine reaches it, and [odb] of busker.toml";

/// Opens the database of a node, without making one.
pub(super) async fn open(node: &NodeConfig) -> Result<Odb, Failure> {
    let path = node.odb_path();
    if node.odb.sqlite_path().is_some() && !path.is_file() {
        let missing = std::io::ErrorKind::NotFound;
        return Err(Failure::file(&path, &missing.into()));
    }
    let opened = tokio::time::timeout(WITHIN, Odb::open(node.odb()?)).await;
    Ok(opened.map_err(|_| late())??)
}

fn late() -> Failure {
    let message = format!("no answer within {} s", WITHIN.as_secs());
    Failure::new(crate::exit::Exit::Timeout, message)
}

/// Whether the database answers, and has the schema of this version.
pub(crate) async fn odb(node: &NodeConfig) -> Check {
    let place = node.node.name.as_str();
    let asked = async {
        let odb = open(node).await?;
        let asked = tokio::time::timeout(WITHIN, odb.migrations()).await;
        Ok::<_, Failure>(asked.map_err(|_| late())??)
    };
    match asked.await {
        Ok((applied, known)) => migrated(place, applied, known),
        Err(failure) => Check::fail("odb", place, failure.message, ODB_REMEDY),
    }
}

fn migrated(place: &str, applied: i64, known: i64) -> Check {
    let what = format!("SQL ODB connection OK, {applied} of {known} migrations");
    match applied.cmp(&known) {
        std::cmp::Ordering::Equal => Check::ok("odb", place, what),
        std::cmp::Ordering::Less => {
            let remedy = "a start migrates it, or `busker create odb`";
            Check::warn("odb", place, what, remedy)
        }
        std::cmp::Ordering::Greater => {
            let remedy = "the database is that of a newer version: use the same here";
            Check::fail("odb", place, what, remedy)
        }
    }
}

/// Whether Redis answers, and keeps what the bus gives it; nothing for a node that needs none.
pub(crate) async fn redis(node: &NodeConfig) -> Vec<Check> {
    let place = node.node.name.as_str();
    let all = busker_node::redis_facts(node).await;
    let mut checks = Vec::new();
    for one in all {
        match one {
            Ok(facts) => checks.extend(answers(place, &facts)),
            Err(fault) => {
                let failure = Failure::from(fault);
                let remedy = "see that Redis runs, that this machine reaches it, and its password";
                checks.push(Check::fail("redis", place, failure.message, remedy));
            }
        }
    }
    checks
}

fn answers(place: &str, facts: &RedisFacts) -> Vec<Check> {
    let what = format!(
        "Redis connection OK, {} at {}",
        facts.version, facts.address
    );
    let mut checks = vec![Check::ok("redis", place, what)];
    if facts.eviction != "noeviction" {
        let what = format!("maxmemory-policy is {}", facts.eviction);
        let remedy = "set maxmemory-policy noeviction: else a full Redis forgets invocations";
        checks.push(Check::warn("redis", place, what, remedy));
    }
    if facts.keeps == Some(false) {
        let what = "Redis writes nothing to disk";
        let remedy = "set appendonly yes: else a restart of it loses `fast` invocations";
        checks.push(Check::warn("redis", place, what, remedy));
    }
    checks
}

/// What the rows of nodes tell: versions, and clocks that went back.
pub(super) async fn nodes(place: &str, first: &NodeConfig) -> Vec<Check> {
    let rows = async { Ok::<_, Failure>(open(first).await?.nodes().list().await?) };
    let Ok(rows) = rows.await else {
        // The check of the database says why.
        return Vec::new();
    };
    let mut checks = vec![versions(place, &rows)];
    let now = clock::unix_ms();
    checks.extend(rows.iter().filter_map(|row| {
        let ahead = row.seen_ms - now;
        (ahead > FUTURE_MS).then(|| {
            let what = format!(
                "{} last reported {} s in the future",
                row.name,
                ahead / 1_000
            );
            Check::warn("clock", place, what, "set the clock of this machine")
        })
    }));
    checks
}

fn versions(place: &str, rows: &[NodeRecord]) -> Check {
    let ours = env!("CARGO_PKG_VERSION");
    let other = |row: &&NodeRecord| row.info["version"].as_str().is_some_and(|one| one != ours);
    let others: Vec<String> = rows
        .iter()
        .filter(other)
        .map(|row| format!("{} has {}", row.name, row.info["version"]))
        .collect();
    if others.is_empty() {
        return Check::ok("versions", place, format!("all nodes have {ours}"));
    }
    let what = format!("this program is {ours}; {}", others.join(", "));
    let remedy = "run one version on all nodes, and start them again one by one";
    Check::warn("versions", place, what, remedy)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Verdict;
    use super::*;

    #[test]
    fn a_database_is_as_new_as_this_program() {
        let verdict = |applied| migrated("node1", applied, 8).verdict;
        assert_eq!(
            [8, 7, 9].map(verdict),
            [Verdict::Ok, Verdict::Warn, Verdict::Fail]
        );
    }

    #[test]
    fn a_redis_that_forgets_is_worth_a_word() {
        let facts = |eviction: &str, keeps| RedisFacts {
            address: "redis:6379".to_owned(),
            version: "7.0.15".to_owned(),
            eviction: eviction.to_owned(),
            keeps,
        };
        let verdicts = |facts: &RedisFacts| -> Vec<Verdict> {
            let checks = answers("node1", facts);
            checks.into_iter().map(|check| check.verdict).collect()
        };
        let (ok, warn) = (Verdict::Ok, Verdict::Warn);
        assert_eq!(verdicts(&facts("noeviction", Some(true))), [ok]);
        assert_eq!(verdicts(&facts("noeviction", None)), [ok]);
        assert_eq!(
            verdicts(&facts("allkeys-lru", Some(false))),
            [ok, warn, warn]
        );
    }

    #[test]
    fn a_node_of_another_version_is_named() {
        let row = |name: &str, version: &str| NodeRecord {
            name: name.to_owned(),
            incarnation: String::new(),
            address: String::new(),
            admin_address: String::new(),
            state: "running".to_owned(),
            revision: 1,
            seen_ms: 0,
            info: json!({ "version": version }),
        };
        let ours = env!("CARGO_PKG_VERSION");
        assert_eq!(versions("c", &[row("node1", ours)]).verdict, Verdict::Ok);
        let differ = versions("c", &[row("node1", ours), row("node2", "0.0.9")]);
        assert_eq!(differ.verdict, Verdict::Warn);
        assert!(differ.what.contains("node2 has \"0.0.9\""), "{differ:?}");
    }
}
