//! What the log of a node says about one request.

use std::time::Duration;

use busker_integration_tests::{Environment, until};

/// How long nothing more may come once something came.
const QUIET: Duration = Duration::from_millis(400);

/// Entries, each with its further lines.
pub(crate) fn entries(log: &str) -> Vec<String> {
    let mut entries: Vec<String> = Vec::new();
    for line in log.lines() {
        match entries.last_mut() {
            Some(entry) if line.starts_with("  ") => {
                entry.push('\n');
                entry.push_str(line);
            }
            Some(_) | None => entries.push(line.to_owned()),
        }
    }
    entries
}

/// Entries about a cid that are worse than INFO.
fn troubles(environment: &Environment, cid: &str) -> Vec<String> {
    let mut found = entries(&environment.log());
    let worse = |entry: &String| entry.contains(" - ERROR - ") || entry.contains(" - WARNING - ");
    found.retain(|entry| worse(entry) && entry.contains(cid));
    found
}

/// The first entry about a cid that is worse than INFO.
pub(crate) async fn first_trouble(environment: &Environment, cid: &str) -> String {
    assert!(cid.starts_with('K') && cid.len() == 40, "{cid:?} is no cid");
    let what = format!("an error about {cid} in the log");
    until(&what, Duration::from_secs(20), || async {
        troubles(environment, cid).into_iter().next()
    })
    .await
}

/// The one entry about a cid that is worse than INFO; there must be exactly one.
pub(crate) async fn only_trouble(environment: &Environment, cid: &str) -> String {
    first_trouble(environment, cid).await;
    tokio::time::sleep(QUIET).await;
    let mut found = troubles(environment, cid);
    assert_eq!(found.len(), 1, "{found:#?}");
    found.remove(0)
}

/// Nothing worse than INFO is said about a cid.
pub(crate) async fn no_trouble(environment: &Environment, cid: &str) {
    tokio::time::sleep(QUIET).await;
    let found = troubles(environment, cid);
    assert!(found.is_empty(), "{found:#?}");
}
