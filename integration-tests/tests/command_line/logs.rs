//! `busker logs`: what nodes logged, narrowed and followed.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use busker_integration_tests::{Environment, binary, until};
use serde_json::Value;

const SOURCE: &str = "
from zato.server.service import Service

class Broken(Service):
    name = 'broken'
    def handle(self):
        self.logger.warning('careful')
        raise ValueError('no')
";

#[tokio::test]
async fn the_log_is_narrowed_by_level_request_and_number() {
    let environment = Environment::start().await;
    environment.deploy("broken.py", SOURCE).await;
    let failed = environment.run(&["service", "invoke"], &["broken"]);
    let cid = failed
        .stderr
        .split_whitespace()
        .find(|word| word.len() == 40)
        .unwrap()
        .to_owned();
    let all = environment.must(&["logs"], &[]);
    assert!(all.contains("is ready") && all.contains("careful"), "{all}");
    let urgent = environment.must(&["logs"], &["--level", "error"]);
    assert!(
        urgent.contains("ValueError") && !urgent.contains("careful"),
        "{urgent}"
    );
    let of_request = environment.must(&["logs"], &["--cid", &cid]);
    assert!(
        of_request.contains("Traceback") && !of_request.contains("is ready"),
        "{of_request}"
    );
    let last = environment.must(&["logs"], &["--lines", "1", "--format", "json"]);
    assert_eq!(last.lines().count(), 1, "{last}");
    let entry: Value = serde_json::from_str(&last).unwrap();
    assert_eq!(entry["node"], "node1", "{entry}");
    let nobody = environment.run(&["logs"], &["--node", "node9"]);
    assert_eq!(nobody.code, 6, "{nobody:?}");
    // Read after the node has ended, too: it is a file.
    environment.must(&["stop"], &[]);
    assert!(environment.must(&["logs"], &[]).contains("has stopped"));
}

#[tokio::test]
async fn what_is_logged_from_now_is_followed() {
    let environment = Environment::start().await;
    environment.deploy("broken.py", SOURCE).await;
    let mut child = Command::new(binary())
        .args([
            "logs",
            environment.dir.to_str().unwrap(),
            "--follow",
            "--lines",
            "0",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let (said, heard) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for line in out.lines().map_while(Result::ok) {
            if said.send(line).is_err() {
                return;
            }
        }
    });
    let mut lines: Vec<String> = Vec::new();
    until("a line that came", Duration::from_secs(30), || {
        drop(environment.run(&["service", "invoke"], &["broken"]));
        lines.extend(heard.try_iter());
        let found = lines.iter().any(|line| line.contains("careful"));
        async move { found.then_some(()) }
    })
    .await;
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        !lines.iter().any(|line| line.contains("is ready")),
        "{lines:?}"
    );
}
