//! How a Redis is reached: passwords, TLS, and what is said when it cannot be.

use std::path::Path;

use busker_bus::testing::{RedisServer, TlsFiles};
use busker_bus::{RedisConfig, RedisStore, Store};
use busker_model::{Delivery, Secret};

use crate::fixture::{envelope, odb, redis_config};

const PASSWORD: &str = "s3cret+word";

/// The store, or what is said of why there is none; never with the password in it.
async fn open(config: RedisConfig) -> Result<RedisStore, String> {
    let (odb, _folder) = odb().await;
    let shown = format!("{config:?}");
    let opened = RedisStore::open(config, odb).await;
    let (debug, opened) = match opened {
        Ok(store) => (format!("{store:?}"), Ok(store)),
        Err(error) => (format!("{error:?}"), Err(error.to_string())),
    };
    for text in [&shown, &debug] {
        assert!(!text.contains("s3cret"), "{text}");
    }
    opened
}

async fn works(mut config: RedisConfig) {
    let (odb, _folder) = odb().await;
    // What another configuration left on the same server is none of its business.
    config.cluster = format!("cluster{}", fastrand::u64(..));
    let store = RedisStore::open(config, odb).await.unwrap();
    for delivery in [Delivery::Durable, Delivery::Fast] {
        store.publish(envelope("a", delivery)).await.unwrap();
    }
    store.flush().await;
    let pending: u64 = store
        .ledger()
        .await
        .unwrap()
        .iter()
        .map(|row| row.pending)
        .sum();
    assert_eq!(pending, 2);
    // The bell has a connection of its own.
    let mut bell = store.bell();
    bell.mark_unchanged();
    let rung = async {
        loop {
            store.publish(envelope("a", Delivery::Fast)).await.unwrap();
            let heard = std::time::Duration::from_millis(200);
            if tokio::time::timeout(heard, bell.changed()).await.is_ok() {
                return;
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), rung)
        .await
        .unwrap();
}

fn with(server: &RedisServer, url: String) -> RedisConfig {
    let mut config = redis_config(server);
    config.url = Secret::new(url);
    config
}

/// A certificate of its own authority for 127.0.0.1, and its key.
fn certificate(folder: &Path) -> TlsFiles {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let files = TlsFiles {
        certificate: folder.join("redis.pem"),
        key: folder.join("redis.key"),
    };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    files
}

#[tokio::test]
async fn a_password_may_stand_in_the_url_or_beside_it() {
    let server = RedisServer::start_with(&["--requirepass", PASSWORD])
        .await
        .unwrap();
    let port = server.port();
    // As a URL has it: a plus is written as it is, or as %2B.
    works(with(
        &server,
        format!("redis://:s3cret%2Bword@127.0.0.1:{port}/0"),
    ))
    .await;
    let mut config = redis_config(&server);
    config.password = Some(Secret::new(PASSWORD));
    works(config).await;
    let mut twice = with(&server, format!("redis://:{PASSWORD}@127.0.0.1:{port}/0"));
    twice.password = Some(Secret::new(PASSWORD));
    let said = open(twice).await.unwrap_err();
    assert!(
        said.contains("bus.url") && said.contains("leave one"),
        "{said}"
    );
}

#[tokio::test]
async fn a_wrong_or_missing_password_names_the_field_and_the_remedy() {
    let server = RedisServer::start_with(&["--requirepass", PASSWORD])
        .await
        .unwrap();
    let said = open(redis_config(&server)).await.unwrap_err();
    assert!(
        said.contains("bus.password_file") && said.contains("give the password"),
        "{said}"
    );
    let wrong = format!("redis://:s3cret-but-wrong@127.0.0.1:{}/0", server.port());
    let said = open(with(&server, wrong)).await.unwrap_err();
    assert!(said.contains("bus.password_file"), "{said}");
}

#[tokio::test]
async fn a_redis_that_is_not_there_is_named_with_its_address() {
    let mut server = RedisServer::start().await.unwrap();
    server.kill().unwrap();
    let address = format!("127.0.0.1:{}", server.port());
    let said = open(with(&server, format!("redis://:s3cret@{address}/0")))
        .await
        .unwrap_err();
    assert!(
        said.contains("bus.url") && said.contains(&address) && said.contains("see that it runs"),
        "{said}"
    );
    for url in [
        "http://:s3cret@127.0.0.1:1/0",
        "redis://:s3cret@127.0.0.1:1/0#insecure",
    ] {
        let said = open(with(&server, url.into())).await.unwrap_err();
        assert!(
            said.contains("bus.url") && said.contains("rediss://"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn tls_is_spoken_and_the_certificate_is_checked() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let folder = tempfile::tempdir().unwrap();
    let files = certificate(folder.path());
    let authority = std::fs::read(&files.certificate).unwrap();
    let server = RedisServer::start_tls(&["--requirepass", PASSWORD], files)
        .await
        .unwrap();
    let url = format!("rediss://:s3cret%2Bword@127.0.0.1:{}/0", server.port());
    let mut trusted = with(&server, url.clone());
    trusted.root_certificate = Some(authority);
    works(trusted).await;
    // Nobody else vouches for it.
    let said = open(with(&server, url.clone())).await.unwrap_err();
    assert!(said.contains("bus.url"), "{said}");
    let mut nonsense = with(&server, url);
    nonsense.root_certificate = Some(b"no certificate".to_vec());
    let said = open(nonsense).await.unwrap_err();
    assert!(
        said.contains("bus.root_certificate") || said.contains("bus.url"),
        "{said}"
    );
    // Plain text to a port of TLS.
    let plain = format!("redis://127.0.0.1:{}/0", server.port());
    let said = open(with(&server, plain)).await.unwrap_err();
    assert!(said.contains("rediss://"), "{said}");
}
