//! Three nodes are one configuration.

use std::time::Duration;

use busker_integration_tests::{ClusterEnvironment, until};
use serde_json::json;

const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_channel_made_on_one_node_answers_on_all_of_them() {
    let cluster = ClusterEnvironment::start(3, "").await;
    let settings = json!({"url_path": "/hello", "service": "samples.echo"});
    let input = json!({"name": "hello", "active": true, "settings": settings});
    cluster.ok(2, "busker.channel.http.create", input).await;
    for node in 1..=3 {
        until(&format!("node{node} to answer"), SOON, || async {
            let request = cluster.http.post(cluster.channel(node, "/hello"));
            let answer = request.body(r#"{"text":"hi"}"#).send().await.ok()?;
            (answer.status() == 200).then_some(())
        })
        .await;
    }
    let revisions: Vec<_> = cluster
        .roster(1)
        .await
        .iter()
        .map(|row| row["revision"].clone())
        .collect();
    until("all to run one revision", SOON, || async {
        let roster = cluster.roster(3).await;
        roster
            .iter()
            .all(|row| row["revision"] == roster[0]["revision"])
            .then_some(())
    })
    .await;
    println!("revisions right after: {revisions:?}");
}
