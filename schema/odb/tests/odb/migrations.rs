//! Migrating, many at once, and a large batch.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use busker_model::Family;
use busker_odb::testing::PostgresServer;
use busker_odb::{ListFilter, Odb, OdbConfig};
use futures::future::join_all;

use crate::fixture::{Bench, channel};

/// Four nodes that boot at once: each migration is applied by one of them.
async fn four_at_once(config: OdbConfig) {
    let nodes: Vec<Odb> = join_all((0..4).map(|_| Odb::open(config.clone())))
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let applied = join_all(nodes.iter().map(Odb::migrate)).await;
    let mut applied: Vec<usize> = applied.into_iter().map(Result::unwrap).collect();
    applied.sort_unstable();
    assert_eq!(applied[..3], [0, 0, 0], "one of them applies all");
    assert!(applied[3] > 0);
    let mut ids = Vec::new();
    for node in &nodes {
        ids.push(node.cluster().get().await.unwrap().id);
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "there is one cluster");
    assert_eq!(nodes[0].migrate().await, Ok(0));
}

#[tokio::test]
async fn concurrent_migrators_do_not_clash_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("odb.db");
    four_at_once(OdbConfig::sqlite(&path)).await;
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "the database is private");
}

#[tokio::test]
async fn concurrent_migrators_do_not_clash_on_postgres() {
    let server = PostgresServer::start().await.unwrap();
    four_at_once(server.config(&server.new_database().unwrap(), "")).await;
}

/// How long 100,000 channels may take here; it is a few seconds on a machine with nothing else to do.
const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_hundred_thousand_channels_are_one_write() {
    let bench = Bench::sqlite().await;
    let batch = (0..100_000)
        .map(|number| {
            let mut write = channel(&format!("c{number}"));
            write.unique = Some(format!("/c{number} plain_http"));
            write
        })
        .collect();
    let started = tokio::time::Instant::now();
    let created = bench.odb.objects().create_many(batch, "ann").await.unwrap();
    let took = started.elapsed();
    println!("100,000 channels in {took:?}");
    assert!(took < LONG, "{took:?}");
    assert!(created.iter().all(|object| object.revision == 1));
    let page = bench
        .odb
        .objects()
        .list(&ListFilter::all(Family::Channel))
        .await
        .unwrap();
    assert_eq!(page.total, 100_000);
    let started = tokio::time::Instant::now();
    assert_eq!(bench.odb.objects().digest().await.unwrap().objects, 100_000);
    println!("digest in {:?}", started.elapsed());
    let objects = bench.odb.objects();
    let edited = objects
        .edit(&created[50_000].key, channel("c50000"), None, "ann")
        .await
        .unwrap();
    let changes = bench.odb.objects().changes_since(1).await.unwrap();
    assert_eq!(changes.changes.len(), 1);
    assert_eq!(changes.changes[0].object, Some(edited));
}
