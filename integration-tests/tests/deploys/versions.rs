//! A service whose answers name the version they are of, and the history its answers are checked against.

use std::time::{Duration, Instant};

use busker_integration_tests::{Environment, Hit, until};
use serde_json::json;

pub(crate) const FILE: &str = "versions.py";
pub(crate) const SERVICE: &str = "versions.tell";
pub(crate) const PATH: &str = "/versions";
/// Its actor in the tree.
pub(crate) const CHANNEL: &str = "node1/channels/plain_http:versions";
/// Longest wait for a deploy that nothing is wrong with.
pub(crate) const DEPLOYED_WITHIN: Duration = Duration::from_secs(20);

/// The file in one version. An answer names it three times: as the module has it when the work begins, as another service
/// of the file has it while the work goes on, and as the module has it at the end.
pub(crate) fn source(version: u32) -> String {
    format!(
        r#"import time

from zato.server.service import Service

VERSION = {version}


def version():
    return VERSION


class Tell(Service):
    def handle(self):
        began = VERSION
        time.sleep(0.002)
        inner = self.invoke("versions.inner")
        self.response.payload = "%s %s %s" % (began, inner, version())


class Inner(Service):
    def handle(self):
        self.response.payload = "{version}"
"#
    )
}

/// The one version an answer is of.
pub(crate) fn version_of(body: &str) -> Option<u32> {
    let mut named = body.split(' ').map(|word| word.parse::<u32>().ok());
    let first = named.next()??;
    let rest: Vec<Option<u32>> = named.collect();
    (rest.len() == 2 && rest.iter().all(|other| *other == Some(first))).then_some(first)
}

/// A node that serves version 1 on a channel.
pub(crate) async fn serving(lines: &str) -> Environment {
    let environment = Environment::start_with(lines).await;
    environment.deploy(FILE, &source(1)).await;
    let settings = json!({"url_path": PATH, "service": SERVICE});
    environment.add_channel("versions", settings).await;
    environment
}

/// Waits until the channel answers with a version.
pub(crate) async fn answers_with(environment: &Environment, version: u32) {
    until(&format!("version {version}"), DEPLOYED_WITHIN, || async {
        let answer = environment.post(PATH, "").await;
        (version_of(&answer.body) == Some(version)).then_some(())
    })
    .await;
}

/// When each version was asked for and was there.
#[derive(Debug, Default)]
pub(crate) struct History(Vec<Change>);

#[derive(Debug, Clone, Copy)]
struct Change {
    version: u32,
    began: Instant,
    done: Instant,
}

impl History {
    /// Version 1 was there at the start.
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        Self(vec![Change {
            version: 1,
            began: now,
            done: now,
        }])
    }

    /// A change of version is over; answers how long it took.
    pub(crate) fn changed(&mut self, version: u32, began: Instant) -> Duration {
        let done = Instant::now();
        self.0.push(Change {
            version,
            began,
            done,
        });
        done - began
    }

    /// Each answer is of one version: the newest that was there when it was asked for, or one that was asked for before it
    /// came.
    pub(crate) fn check(&self, hits: &[Hit]) {
        for hit in hits {
            let answer = hit.outcome.as_ref().unwrap();
            let version = version_of(&answer.body);
            let version = version.unwrap_or_else(|| panic!("of no one version: {answer:?}"));
            let there = self.0.iter().rposition(|change| change.done <= hit.sent);
            let asked_for = self.0.iter().filter(|change| change.began <= hit.ended);
            let mut allowed = asked_for.skip(there.unwrap_or(0));
            assert!(
                allowed.any(|change| change.version == version),
                "an answer of version {version} from {:?} to {:?}: {:?}",
                hit.sent,
                hit.ended,
                self.0
            );
        }
    }
}
