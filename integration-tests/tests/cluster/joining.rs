//! A node that is added to a cluster which runs, from a folder that has nothing but a token.

use std::path::Path;
use std::time::Duration;

use busker_integration_tests::{ClusterEnvironment, busker, until};
use serde_json::json;

use crate::messages::with_services;

const SOON: Duration = Duration::from_secs(20);

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

async fn runs(cluster: &ClusterEnvironment, state: &str) {
    until(&format!("node4 to be {state}"), SOON, || async {
        let roster = cluster.roster(1).await;
        let is_there = |row: &&serde_json::Value| row["name"] == "node4" && row["state"] == state;
        roster.iter().find(is_there).map(drop)
    })
    .await;
}

/// It has what was deployed and configured before it came and afterwards, and is reached by the others.
async fn it_takes_part(cluster: &ClusterEnvironment, apart: &Path) {
    let started = busker(&["start", path(apart)]);
    assert_eq!(started.code, 0, "{started:?}");
    runs(cluster, "running").await;
    let settings = json!({"url_path": "/record", "service": "later.record"});
    cluster
        .create_object("channel.http", "record", settings)
        .await;
    until("the channel on node4", SOON, || async {
        let request = cluster.http.post(cluster.channel(4, "/record"));
        let answer = request.body("{}").send().await.ok()?;
        (answer.status() == 200).then_some(())
    })
    .await;
    let ping = cluster
        .ok(1, "busker.node.ping", json!({"node": "node4"}))
        .await;
    assert_eq!(ping["ok"], true, "{ping}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_joins_by_its_token_once_serves_and_is_removed() {
    let (cluster, _sink) = with_services().await;
    let folder = tempfile::tempdir().unwrap();
    let (token, password) = (folder.path().join("token"), cluster.odb_password_file());
    let invite = |name: &str| {
        busker(&[
            "create",
            "join-token",
            path(&cluster.dir),
            "--node",
            name,
            "--token-file",
            path(&token),
        ])
    };
    for name in ["../node4", ""] {
        let wrong = invite(name);
        assert!(
            wrong.code != 0 && wrong.stderr.contains("--node"),
            "{wrong:?}"
        );
    }
    let taken = invite("node2");
    assert!(
        taken.code != 0 && taken.stderr.contains("--node"),
        "{taken:?}"
    );
    let invited = invite("node4");
    assert_eq!(invited.code, 0, "{invited:?}");
    let text = std::fs::read_to_string(&token).unwrap();
    let secret = std::fs::read_to_string(cluster.folder(1).join("cluster.secret")).unwrap();
    assert!(!text.contains(secret.trim()));

    let apart = folder.path().join("apart");
    let base = cluster.port_base_of(4);
    let join = |dir: &Path| {
        busker(&[
            "create",
            "node",
            path(dir),
            "--token-file",
            path(&token),
            "--odb-password-file",
            path(&password),
            "--port-base",
            &base.to_string(),
        ])
    };
    let made = join(&apart);
    assert_eq!(made.code, 0, "{made:?}");
    let again = join(&folder.path().join("again"));
    assert!(
        again.code != 0 && again.stderr.contains("used already"),
        "{again:?}"
    );

    it_takes_part(&cluster, &apart).await;
    let stopped = busker(&["stop", path(&apart)]);
    assert_eq!(stopped.code, 0, "{stopped:?}");
    runs(&cluster, "stopped").await;
    cluster
        .ok(1, "busker.node.delete", json!({"node": "node4"}))
        .await;
    assert_eq!(cluster.roster(1).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_none_is_refused_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "busker-join-1.bm9wZQ").unwrap();
    let dir = folder.path().join("env");
    let made = busker(&["create", "node", path(&dir), "--token-file", path(&token)]);
    assert!(
        made.code != 0 && made.stderr.contains("--token-file"),
        "{made:?}"
    );
    assert!(!dir.exists());
}
