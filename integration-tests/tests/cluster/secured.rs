//! A cluster whose Redis speaks TLS alone and wants a password.

use std::path::Path;
use std::time::Duration;

use busker_bus::testing::{RedisServer, TlsFiles};
use busker_integration_tests::{ClusterEnvironment, busker, until};
use nix::sys::signal::Signal;
use serde_json::json;

const SOON: Duration = Duration::from_secs(20);
const PASSWORD: &str = "s3cret-of-redis";

/// Certificates for this machine, as quickstart makes them: those of a node, and the authority.
fn certificates(folder: &Path) -> (TlsFiles, String) {
    let dir = folder.join("certificates");
    let made = busker(&["quickstart", "create", dir.to_str().unwrap()]);
    assert_eq!(made.code, 0, "{made:?}");
    let certs = dir.join("node1/certs");
    let files = TlsFiles {
        certificate: certs.join("node.pem"),
        key: certs.join("node.key"),
    };
    (files, certs.join("ca.pem").to_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_over_a_redis_with_tls_and_a_password_elects_and_carries_messages() {
    let folder = tempfile::tempdir().unwrap();
    let (files, authority) = certificates(folder.path());
    let password = folder.path().join("redis-password");
    std::fs::write(&password, PASSWORD).unwrap();
    let redis = RedisServer::start_tls(&["--requirepass", PASSWORD], files)
        .await
        .unwrap();
    let more = [
        "--redis-root-certificate",
        &authority,
        "--redis-password-file",
        password.to_str().unwrap(),
    ];
    let cluster = ClusterEnvironment::create_over(redis, 2, &more).await;
    cluster.start_again();
    cluster.whole().await;
    let holder = cluster.holder(1).await;
    assert!(holder.is_some());
    let input = json!({"name": "samples.echo", "payload": {"text": "hi"}, "async": true});
    let answer = cluster.ok(2, "busker.service.invoke", input).await;
    let cid = json!({"cid": answer["cid"]});
    until("it to be done", SOON, || async {
        let status = cluster
            .ok(1, "busker.message.get-status", cid.clone())
            .await;
        (status["state"] == "done").then_some(())
    })
    .await;
    assert!(!cluster.logs().contains(PASSWORD));

    // Whoever does not know its authority does not join, and says why.
    cluster.signal(2, Signal::SIGKILL);
    cluster.edit(2, "redis_root_certificate = \"redis-ca.pem\"\n", "");
    let started = cluster.run(&["start"], &[]);
    assert!(
        started.0 != 0 && started.1.contains("certificate"),
        "{started:?}"
    );
}
