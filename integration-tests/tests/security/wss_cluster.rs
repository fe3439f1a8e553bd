//! Two nodes and one book of nonces; two nodes and one limit.

use std::time::Duration;

use busker_integration_tests::{ClusterEnvironment, until};
use serde_json::json;

use crate::zeep;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nonce_that_one_node_took_is_refused_by_the_other_and_while_the_book_is_away_by_both() {
    let mut cluster = ClusterEnvironment::start(2, "").await;
    let source = include_str!("../clients/market.py");
    cluster.deploy("market.py", source, "market.quote").await;
    cluster
        .create_object("security.wss", "bank", zeep::settings("digest"))
        .await;
    cluster
        .create_object("channel.http", "market", zeep::channel())
        .await;
    let post = async |cluster: &ClusterEnvironment, node: u16, envelope: &str| {
        let request = cluster.http.post(cluster.channel(node, "/market"));
        let request = request
            .header("SOAPAction", "urn:market:quote")
            .header("Content-Type", "text/xml; charset=utf-8")
            .body(envelope.to_owned());
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    for node in [1, 2] {
        until("the channel", Duration::from_secs(10), || async {
            (post(&cluster, node, "<a/>").await.0 != 404).then_some(())
        })
        .await;
    }
    let found = zeep::calls(&cluster.channel(1, "/market"), "soap11", "digest").await;
    assert_eq!(found["right"]["total"], 42, "{found}");
    let sent = found["right"]["sent"].as_str().unwrap();
    for node in [2, 1] {
        let (status, body) = post(&cluster, node, sent).await;
        assert_eq!(status, 401, "{body}");
        assert!(body.contains("its nonce is not new"), "{body}");
    }
    let other = zeep::calls(&cluster.channel(2, "/market"), "soap11", "digest").await;
    assert_eq!(other["right"]["total"], 42, "{other}");

    // What cannot be shown to be new is not let in.
    cluster.postgres.stop().unwrap();
    let sent = other["right"]["sent"].as_str().unwrap();
    for node in [1, 2] {
        let (status, body) = post(&cluster, node, sent).await;
        assert_eq!(status, 503, "{body}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_is_one_for_all_nodes_and_each_has_its_share_while_redis_is_away() {
    let mut cluster = ClusterEnvironment::start(2, "").await;
    let limit = json!({"requests": 20, "per": "hour"});
    let settings = json!({"url_path": "/hello", "service": "samples.echo", "rate_limit": limit});
    cluster
        .create_object("channel.http", "hello", settings.clone())
        .await;
    let status = async |cluster: &ClusterEnvironment, node: u16, path: &str| {
        let request = cluster.http.post(cluster.channel(node, path));
        let answer = request.body(r#"{"text":"hi"}"#).send().await.unwrap();
        let retry = answer.headers().get("Retry-After").cloned();
        assert_eq!(answer.status() == 429, retry.is_some(), "{answer:?}");
        answer.status().as_u16()
    };
    let mut admitted = 0;
    for _ in 0..30 {
        for node in [1, 2] {
            match status(&cluster, node, "/hello").await {
                200 => admitted += 1,
                404 => tokio::time::sleep(Duration::from_millis(50)).await,
                other => assert_eq!(other, 429),
            }
        }
    }
    // Batches of two: either node may still hold one when the bucket is empty.
    assert!((18..=20).contains(&admitted), "{admitted}");

    let mut again = settings;
    again["url_path"] = json!("/again");
    cluster.create_object("channel.http", "again", again).await;
    for node in [1, 2] {
        until("the channel", Duration::from_secs(10), || async {
            (status(&cluster, node, "/again").await != 404).then_some(())
        })
        .await;
    }
    cluster.redis.kill().unwrap();
    let mut alone = 0;
    for _ in 0..30 {
        alone += usize::from(status(&cluster, 1, "/again").await == 200);
    }
    assert!(
        (8..=11).contains(&alone),
        "{alone}: half the limit, and what it held"
    );
}
