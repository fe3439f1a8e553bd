//! Another key for a cluster: not before every node has it, and then on all nodes at once.

use busker_integration_tests::{ClusterEnvironment, busker};
use serde_json::json;

const PASSWORD: &str = "s3cret-of-the-partners";

async fn asked(cluster: &ClusterEnvironment, node: u16) -> u16 {
    let request = cluster.http.post(cluster.channel(node, "/echo")).body("{}");
    let answer = request.basic_auth("ada", Some(PASSWORD)).send().await;
    answer.map_or(0, |answer| answer.status().as_u16())
}

#[tokio::test]
async fn a_key_takes_over_when_every_node_has_it_and_not_before() {
    let cluster = ClusterEnvironment::start(2, "").await;
    let checked = cluster.run(&["check-config"], &[]);
    assert_eq!(checked.0, 0, "{}", checked.1);
    for line in ["node1: SQL ODB connection OK", "node2: Redis connection OK"] {
        assert!(checked.1.contains(line), "{line} in {}", checked.1);
    }
    let settings = json!({"username": "ada", "password": PASSWORD});
    cluster
        .create_object("security.basic-auth", "partners", settings)
        .await;
    let settings = json!({"url_path": "/echo", "service": "echo", "security": "partners"});
    cluster
        .create_object("channel.http", "echo", settings)
        .await;

    // To whoever has the folder of node1 alone, node2 is on another machine. `cli.token` is beside the folders.
    let first = cluster.folder(1).to_str().unwrap().to_owned();
    let refused = busker(&["crypto", &first, "rotate"]);
    assert_eq!(refused.code, 7, "{refused:?}");
    let key_file = cluster.folder(1).join("busker.key");
    assert!(refused.stderr.contains("node2"), "{refused:?}");
    assert!(
        refused.stderr.contains(key_file.to_str().unwrap()),
        "{refused:?}"
    );
    for node in [1, 2] {
        assert_eq!(asked(&cluster, node).await, 200);
    }
    // Carried over, as it says; the mode goes with the file.
    std::fs::copy(&key_file, cluster.folder(2).join("busker.key")).unwrap();
    let ran = cluster.run(&["crypto"], &["rotate"]);
    assert_eq!(ran.0, 0, "{}\n{}", ran.1, cluster.logs());
    assert!(
        ran.1.contains("objects sealed again: ") && ran.1.contains("dropped"),
        "{}",
        ran.1
    );
    let (one, two) = (key_file, cluster.folder(2).join("busker.key"));
    let text = std::fs::read_to_string(one).unwrap();
    assert_eq!(text.lines().count(), 1);
    assert_eq!(text, std::fs::read_to_string(two).unwrap());
    for node in [1, 2] {
        assert_eq!(asked(&cluster, node).await, 200, "{}", cluster.logs());
    }
    let stopped = cluster.run(&["restart"], &[]);
    assert_eq!(stopped.0, 0, "{}", stopped.1);
    cluster.whole().await;
    for node in [1, 2] {
        assert_eq!(asked(&cluster, node).await, 200, "{}", cluster.logs());
    }
}
