//! What only PostgreSQL can do: hear other nodes, go away, come back, speak TLS.

use std::time::Duration;

use busker_model::{ErrorClass, Fault, Secret};
use busker_odb::testing::PostgresServer;
use busker_odb::{Odb, OdbConfig, OdbError};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::sync::watch;

use crate::fixture::channel;

const PATIENCE: Duration = Duration::from_secs(10);

async fn hear(hint: &mut watch::Receiver<i64>, revision: i64) {
    let heard = hint.wait_for(|known| *known >= revision);
    tokio::time::timeout(PATIENCE, heard)
        .await
        .expect("no hint came")
        .unwrap();
}

const LISTENERS: &str = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'busker' \
    AND query LIKE '%FROM cluster%' AND datname = current_database()";

#[tokio::test]
async fn another_node_hears_of_a_commit_also_after_its_connection_was_cut() {
    let server = PostgresServer::start().await.unwrap();
    let database = server.new_database().unwrap();
    let here = Odb::open(server.config(&database, "")).await.unwrap();
    here.migrate().await.unwrap();
    let there = Odb::open(server.config(&database, "")).await.unwrap();
    let mut hint = there.subscribe();
    let first = here.objects().create(channel("a"), "ann").await.unwrap();
    hear(&mut hint, first.revision).await;
    let second = here.objects().create(channel("b"), "ann").await.unwrap();
    hear(&mut hint, second.revision).await;
    assert_ne!(server.sql(&database, LISTENERS).unwrap().trim(), "0");
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
        WHERE application_name = 'busker'";
    server.sql(&database, cut).unwrap();
    let third = here.objects().create(channel("c"), "ann").await;
    // The pool may have handed out a connection that was being cut; the one after it works.
    let third = match third {
        Ok(object) => object,
        Err(OdbError::Unavailable { .. }) => {
            here.objects().create(channel("c"), "ann").await.unwrap()
        }
        Err(other) => panic!("{other:?}"),
    };
    hear(&mut hint, third.revision).await;
}

#[tokio::test]
async fn a_server_that_goes_away_is_unavailable_and_its_return_is_noticed() {
    let mut server = PostgresServer::start().await.unwrap();
    let odb = Odb::open(server.config(&server.new_database().unwrap(), ""))
        .await
        .unwrap();
    odb.migrate().await.unwrap();
    odb.ping().await.unwrap();
    server.stop().unwrap();
    let away = odb.objects().create(channel("a"), "ann").await.unwrap_err();
    assert!(matches!(away, OdbError::Unavailable { .. }), "{away:?}");
    let fault = Fault::from(away);
    assert_eq!((fault.class, fault.retry), (ErrorClass::Unavailable, true));
    assert!(matches!(
        odb.ping().await,
        Err(OdbError::Unavailable { .. })
    ));
    server.run().await.unwrap();
    let created = odb.objects().create(channel("a"), "ann").await.unwrap();
    let mut hint = odb.subscribe();
    hear(&mut hint, created.revision).await;
}

#[tokio::test]
async fn tls_is_spoken_to_a_known_authority_only() {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let server = PostgresServer::start_with_tls(&cert.pem(), &signing_key.serialize_pem())
        .await
        .unwrap();
    let database = server.new_database().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root.pem");
    std::fs::write(&root, cert.pem()).unwrap();
    let with_root = |root: Option<&std::path::Path>| {
        let mut config = server.config(&database, "sslmode=require");
        let OdbConfig::Postgres {
            root_certificate, ..
        } = &mut config
        else {
            unreachable!()
        };
        *root_certificate = root.map(Into::into);
        config
    };
    let odb = Odb::open(with_root(Some(&root))).await.unwrap();
    odb.migrate().await.unwrap();
    odb.objects().create(channel("a"), "ann").await.unwrap();
    let encrypted = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
        WHERE application_name = 'busker' AND NOT ssl";
    assert_eq!(server.sql(&database, encrypted).unwrap().trim(), "0");
    let stranger = Odb::open(with_root(None)).await.unwrap();
    assert!(matches!(
        stranger.ping().await,
        Err(OdbError::Unavailable { .. })
    ));
    let missing = Odb::open(with_root(Some(&folder.path().join("no.pem")))).await;
    assert!(matches!(missing, Err(OdbError::Invalid(_))));
}

#[tokio::test]
async fn a_wrong_password_or_url_says_so_without_repeating_it() {
    let server = PostgresServer::start().await.unwrap();
    let url = format!("postgresql://busker@127.0.0.1:{}/postgres", server.port());
    let odb = Odb::open(OdbConfig::postgres(url, Some(Secret::new("hunter2"))))
        .await
        .unwrap();
    let refused = odb.ping().await.unwrap_err();
    assert!(!format!("{refused:?}").contains("hunter2"), "{refused:?}");
    let bad = Odb::open(OdbConfig::postgres("postgresql://ann:hunter2@[::", None)).await;
    let bad = bad.unwrap_err();
    assert!(matches!(bad, OdbError::Invalid(_)) && !bad.to_string().contains("hunter2"));
}
