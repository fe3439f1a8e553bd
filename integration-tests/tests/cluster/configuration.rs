//! Three nodes are one configuration, whatever each of them is built with and whether it takes traffic.

use std::process::{Child, Command};
use std::time::Duration;

use busker_integration_tests::{ClusterEnvironment, busker, until};
use serde_json::json;

use crate::messages::with_services;

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_node_takes_deploys_and_configuration_and_no_traffic() {
    const LATER: &str = "
from zato.server.service import Service

class Late(Service):
    name = 'standby.late'
    def handle(self):
        self.response.payload = {'here': True}
";
    let (cluster, _sink) = with_services().await;
    cluster
        .ok(1, "busker.node.drain", json!({"node": "node2"}))
        .await;
    // Waits until node2 has it as well.
    cluster.deploy("late.py", LATER, "standby.late").await;
    let settings = json!({"url_path": "/late", "service": "standby.late"});
    cluster
        .create_object("channel.http", "late", settings)
        .await;
    let status = async |node: u16, status: u16| {
        until(&format!("{status} of node{node}"), SOON, || async {
            let request = cluster.http.post(cluster.channel(node, "/late"));
            let answer = request.body("{}").send().await.ok()?;
            (answer.status() == status).then_some(())
        })
        .await;
    };
    status(1, 200).await;
    status(2, 503).await;
    until("node2 to run the revision of the others", SOON, || async {
        let roster = cluster.roster(1).await;
        let row = |name: &str| roster.iter().find(|row| row["name"] == name).unwrap();
        let (first, second) = (row("node1"), row("node2"));
        (second["state"] == "standby" && first["revision"] == second["revision"]).then_some(())
    })
    .await;
    status(2, 503).await;
    cluster
        .ok(3, "busker.node.resume", json!({"node": "node2"}))
        .await;
    status(2, 200).await;
}

/// A node of another program; it ends when dropped.
struct Other(Child);

impl Drop for Other {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_with_other_rust_services_are_told_of_and_no_node_takes_work_that_it_cannot_do() {
    const COUNT: usize = 60;
    let cluster = ClusterEnvironment::create(3).await;
    for node in [1, 2] {
        let started = busker(&["start", cluster.folder(node).to_str().unwrap()]);
        assert_eq!(started.code, 0, "{started:?}");
    }
    let other = Command::new(env!("CARGO_BIN_EXE_faulty_node"))
        .arg(cluster.folder(3))
        .spawn();
    let _other = Other(other.unwrap());
    cluster.whole().await;
    for node in 1..=3 {
        until("the difference to be told", SOON, || async {
            let events = cluster.ok(node, "busker.event.list", json!({})).await;
            let told = events.to_string().contains("node-services-differ");
            told.then_some(())
        })
        .await;
    }
    let input =
        json!({"name": "faulty.hangs", "payload": "calm", "data_format": "raw", "async": true});
    let lacks = cluster
        .call(1, "busker.service.invoke", input.clone())
        .await;
    assert_eq!(lacks.unwrap_err().status, 404);
    for _ in 0..COUNT {
        let answer = cluster.ok(3, "busker.service.invoke", input.clone()).await;
        let cid = json!({"cid": answer["cid"]});
        let done = until("it to be done", SOON, || async {
            let status = cluster
                .ok(1, "busker.message.get-status", cid.clone())
                .await;
            (status["state"] == "done").then_some(status)
        })
        .await;
        assert_eq!(done["attempts"], 1, "{done}");
    }
}
