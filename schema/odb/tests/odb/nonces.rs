//! Nonces: each is used once, by whichever node is first, for as long as it is remembered.

use busker_kit::clock::unix_ms;
use futures::future::join_all;

use crate::fixture::{Bench, on_both};

on_both!(
    of_many_that_claim_a_nonce_on_two_nodes_one_gets_it,
    a_nonce_that_has_expired_may_be_used_again,
    what_has_expired_is_swept_and_the_rest_stays,
);

async fn of_many_that_claim_a_nonce_on_two_nodes_one_gets_it(bench: Bench) {
    let other = bench.another_node().await;
    let until = unix_ms() + 60_000;
    let nodes = [&bench.odb, &other];
    let tries = nodes
        .into_iter()
        .cycle()
        .take(16)
        .map(|odb| async move { odb.nonces().claim("a", until).await.unwrap() });
    let won = join_all(tries).await.into_iter().filter(|won| *won).count();
    assert_eq!(won, 1);
    assert!(other.nonces().claim("b", until).await.unwrap());
    assert!(!bench.odb.nonces().claim("b", until).await.unwrap());
}

async fn a_nonce_that_has_expired_may_be_used_again(bench: Bench) {
    let nonces = bench.odb.nonces();
    assert!(nonces.claim("a", unix_ms() - 1).await.unwrap());
    assert!(nonces.claim("a", unix_ms() + 60_000).await.unwrap());
    assert!(!nonces.claim("a", unix_ms() + 90_000).await.unwrap());
}

async fn what_has_expired_is_swept_and_the_rest_stays(bench: Bench) {
    let nonces = bench.odb.nonces();
    let now = unix_ms();
    for (id, until) in [("old", now + 1_000), ("new", now + 60_000)] {
        assert!(nonces.claim(id, until).await.unwrap());
    }
    assert_eq!(nonces.sweep(now + 1_000).await.unwrap(), 1);
    assert!(!nonces.claim("new", now + 60_000).await.unwrap());
    assert!(nonces.claim("old", now + 60_000).await.unwrap());
}
